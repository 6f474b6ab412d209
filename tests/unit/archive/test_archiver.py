"""The archiver moves what is old, loses nothing wherever it is killed, and believes the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from actors.address import ShardId
from cluster.archive import ArchiveDamaged, ArchiveDirectory, ArchivedStore, ArchiveOptions
from cluster.archive.archiver import Archiver, Settled
from cluster.archive.memory import MemoryArchive
from cluster.store.base import Commit, CommitOutcome, StoreUnavailable
from cluster.store.memory import MemoryStore, StoreCall, StoreFaults
from cluster.telemetry.meter import samples_decoder

SHARD = ShardId("7")
OTHER = ShardId("session/c 1")
AT_ONCE = ArchiveOptions("here", keep_entries=5, segment_entries=4, settle_s=0.0)


def content(number: int, life: int = 1) -> bytes:
    return b"entry %d of life %d" % (number, life)


async def commit(store: MemoryStore, numbers: range, shard: ShardId = SHARD, epoch: int = 1) -> None:
    await store.claim(shard, epoch)
    commits = [Commit(shard, epoch, number, number, content(number, epoch)) for number in numbers]
    assert set(await store.commit(commits)) <= {CommitOutcome.APPLIED}


async def history(store: MemoryStore, archive: MemoryArchive | ArchiveDirectory, shard: ShardId = SHARD) -> list[int]:
    """Every number that the chained reader tells, page by page."""
    both, found = ArchivedStore(store, archive), list[int]()
    while page := await both.journal(shard, found[-1] if found else 0, 3):
        found += [number for number, _ in page]
    return found


class Killed(BaseException):
    """SIGKILL, as far as the archiver can tell."""


class KilledStore(MemoryStore):
    """The archiver's process dies when it trims: before, or just after."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = ""

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        if self.dies == "before trim":
            raise Killed
        trimmed = await super().trim(shard, through, last)
        if self.dies == "after trim":
            raise Killed
        return trimmed


class KilledArchive(ArchiveDirectory):
    """The archiver's process dies when a segment is appended: with half a file, or just after."""

    dies = ""

    async def append(self, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> int:
        if self.dies == "amid append":
            place = self._place(shard)
            place.mkdir(parents=True, exist_ok=True)
            (place / "00000000000000000001-00000000000000000004.seg.tmp").write_bytes(b"half")
            raise Killed
        size = await super().append(shard, entries)
        if self.dies == "after append":
            raise Killed
        return size


@pytest.mark.parametrize("moment", ["amid append", "after append", "before trim", "after trim"])
async def test_killed_anywhere_nothing_is_lost_or_doubled(tmp_path: Path, moment: str) -> None:
    """Whatever step the archiver dies at, history is whole then, and whole after the next one has gone on."""
    store, archive = KilledStore(), KilledArchive(tmp_path, "test")
    await commit(store, range(1, 21))
    store.dies = archive.dies = moment
    with pytest.raises(Killed):
        await Archiver(store, archive, AT_ONCE).look()
    await archive.close()
    assert await history(store, ArchiveDirectory(tmp_path, "test")) == list(range(1, 21)), "at the moment of death"
    store.dies = ""
    next_archive = ArchiveDirectory(tmp_path, "test")
    await Archiver(store, next_archive, AT_ONCE).look()
    assert await history(store, next_archive) == list(range(1, 21)), "after the next archiver's look"
    assert await store.journal_spans([SHARD]) == [(13, 20)], "5 stay, and 3 more that do not fill a segment"
    assert sorted(tmp_path.glob("shard-7/*.tmp")) == [], "what was half written is cleared away"


async def test_what_is_told_is_byte_for_byte_what_was_committed(tmp_path: Path) -> None:
    """Entries come back from files as they were, of every shard, whatever its name."""
    store, archive = MemoryStore(), ArchiveDirectory(tmp_path, "test")
    await commit(store, range(1, 31))
    await commit(store, range(1, 31), OTHER)
    before = {shard: await store.journal(shard) for shard in (SHARD, OTHER)}
    await Archiver(store, archive, AT_ONCE).look()
    both = ArchivedStore(store, ArchiveDirectory(tmp_path, "test"))
    for shard, entries in before.items():
        assert (await store.journal_spans([shard]))[0][0] > 20
        assert await both.journal_spans([shard]) == [(1, 30)]
        found = list[tuple[int, bytes]]()
        while page := await both.journal(shard, len(found), 7):
            found += page
        assert found == entries
        assert await both.journal(shard, 17, 1) == [entries[17]], "a page can begin anywhere"


@pytest.mark.parametrize("kept", [12, 15])
async def test_a_store_that_lost_its_tail_decides(tmp_path: Path, kept: int) -> None:
    """What was archived and then lost by the store is set aside; what it wrote anew under those numbers is history."""
    clock = [0]
    store = MemoryStore(clock=lambda: clock[0], undo_window_ms=10_000)
    archive = ArchiveDirectory(tmp_path, "test")
    await commit(store, range(1, kept + 1))
    clock[0] = 1_000
    await commit(store, range(kept + 1, 21))
    await Archiver(store, archive, ArchiveOptions("here", keep_entries=1, segment_entries=4, settle_s=0.0)).look()
    assert (await archive.spans(SHARD))[-1] == (13, 16), "the archive has commits that the store is about to lose"
    await archive.close()
    store.lose_since(1_000)
    await commit(store, range(kept + 1, 31), epoch=2)
    expected = [content(number, 1 if number <= kept else 2) for number in range(1, 31)]
    both = ArchivedStore(store, archive)
    assert [entry for _, entry in await both.journal(SHARD)] == expected, "before the next archiver has looked"
    archiver = Archiver(store, archive, AT_ONCE)
    await archiver.look()
    found = list[bytes]()
    while page := await both.journal(SHARD, len(found), 7):
        found += [entry for _, entry in page]
    assert found == expected, "and after it"
    assert len(list(tmp_path.glob("shard-7/*.lost"))) == 1, "what was lost is kept aside"
    assert await store.journal_spans([SHARD]) != [(1, 30)], "and it goes on trimming"


async def test_a_shard_is_not_trimmed_by_what_another_store_had(tmp_path: Path) -> None:
    """An archive of an earlier store in the same place is set aside, never used to trim what it does not hold."""
    archive = ArchiveDirectory(tmp_path, "test")
    await archive.append(SHARD, [(number, b"of another store") for number in range(1, 11)])
    store = MemoryStore()
    await commit(store, range(1, 8))
    await Archiver(store, archive, AT_ONCE).look()
    assert await store.journal_spans([SHARD]) == [(1, 7)], "nothing of it was trimmed"
    assert await history(store, archive) == list(range(1, 8))


async def test_a_trim_that_came_late_is_not_taken_for_a_loss() -> None:
    """The reply to a trim was lost and the call is applied between two questions: what it took stays in history."""

    class LateTrim(MemoryStore):
        late: tuple[int, bytes] | None = None

        async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
            self.late = (through, last)
            raise StoreUnavailable("the reply did not come in time")

        async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
            spans = await super().journal_spans(shards)
            if self.late is not None:
                late, self.late = self.late, None
                await super().trim(SHARD, *late)
            return spans

    store, archive = LateTrim(), MemoryArchive()
    await commit(store, range(1, 13))
    archiver = Archiver(store, archive, AT_ONCE)
    await archiver.look()
    await archiver.look()
    assert await history(store, archive) == list(range(1, 13))
    assert (await store.journal_spans([SHARD]), archive.lost) == ([(5, 12)], 0)


async def test_young_entries_stay(tmp_path: Path) -> None:
    """An entry is archived only once one life of the store has kept it for long enough."""
    settled = Settled()
    assert [settled.look(at, last, 60.0) for at, last in ((0.0, 10), (30.0, 20), (59.0, 30))] == [0, 0, 0]
    assert settled.look(60.0, 40, 60.0) == 10
    assert settled.look(95.0, 50, 60.0) == 20
    assert settled.look(96.0, 45, 60.0) == 0, "it went back, so nothing is certain"
    store, archive = MemoryStore(), MemoryArchive()
    await commit(store, range(1, 21))
    await Archiver(store, archive, ArchiveOptions("here", keep_entries=1, segment_entries=1)).look()
    assert archive.entries == 0


async def test_a_full_disk_stops_nothing_and_is_told(tmp_path: Path) -> None:
    """While the medium fails the journal stays in the store; then the archiver goes on where it was."""
    store, archive = MemoryStore(), MemoryArchive()
    await commit(store, range(1, 21))
    archiver = Archiver(store, archive, AT_ONCE)
    archive.fails = True
    await archiver.look()
    await archiver.look()
    assert await store.journal_spans([SHARD]) == [(1, 20)]
    assert (await figures(archiver))["trunkline_archive_failures_total"] == 2
    archive.fails = False
    await archiver.look()
    told = await figures(archiver)
    assert (told["trunkline_archived_entries_total"], told["trunkline_archive_overdue_entries"]) == (12, 0)
    assert await history(store, archive) == list(range(1, 21))


async def test_a_store_that_is_away_is_waited_for() -> None:
    """A look that finds no store does nothing, and the next one works."""

    class Away(StoreFaults):
        away = True

        def before_apply(self, call: StoreCall) -> None:
            if self.away:
                raise StoreUnavailable("away")

    faults = Away()
    store, archive = MemoryStore(faults), MemoryArchive()
    faults.away = False
    await commit(store, range(1, 21))
    faults.away = True
    archiver = Archiver(store, archive, AT_ONCE)
    await archiver.look()
    faults.away = False
    await archiver.look()
    assert archive.entries == 12


async def test_one_damaged_shard_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A segment that cannot be read stops its own shard only."""
    store, archive = KilledStore(), ArchiveDirectory(tmp_path, "test")
    await commit(store, range(1, 21))
    store.dies = "before trim"
    with pytest.raises(Killed):
        await Archiver(store, archive, AT_ONCE).look()
    store.dies = ""
    await archive.close()
    (segment,) = tmp_path.glob("shard-7/*.seg")
    segment.write_bytes(segment.read_bytes()[:-5])
    await commit(store, range(1, 21), OTHER)
    archiver = Archiver(store, ArchiveDirectory(tmp_path, "test"), AT_ONCE)
    await archiver.look()
    assert await store.journal_spans([SHARD, OTHER]) == [(1, 20), (13, 20)]
    assert (await figures(archiver))["trunkline_archive_failures_total"] == 1


async def test_only_one_writes(tmp_path: Path) -> None:
    """A second archiver of the same directory is turned away, and works once the first has gone."""
    store, first, second = MemoryStore(), ArchiveDirectory(tmp_path, "test"), ArchiveDirectory(tmp_path, "test")
    await commit(store, range(1, 21))
    await first.open()
    archiver = Archiver(store, second, AT_ONCE)
    await archiver.look()
    assert await store.journal_spans([SHARD]) == [(1, 20)]
    await first.close()
    await archiver.look()
    assert await store.journal_spans([SHARD]) == [(13, 20)]
    await second.close()


async def test_readers_never_miss_what_moves_meanwhile() -> None:
    """Reading page by page while the archiver moves the very entries tells each once, in order."""
    store, archive = MemoryStore(), MemoryArchive()
    await commit(store, range(1, 101))
    archiver = Archiver(store, archive, AT_ONCE)
    both, found = ArchivedStore(store, archive), list[int]()
    while page := await both.journal(SHARD, found[-1] if found else 0, 6):
        found += [number for number, _ in page]
        if found[-1] < 150:
            await commit(store, range((last := (await store.describe(SHARD)).last_commit) + 1, last + 8))
        await archiver.look()
    assert found == list(range(1, found[-1] + 1)) and found[-1] > 150


async def test_it_works_until_it_is_stopped() -> None:
    """Started, it looks by itself; stopped, it lets the archive go."""
    store, archive = MemoryStore(), MemoryArchive()
    await commit(store, range(1, 21))
    archiver = Archiver(store, archive, ArchiveOptions("here", 5, 4, settle_s=0.0, every_s=0.001))
    archiver.start()
    while not archive.entries:
        await asyncio.sleep(0)
    await archiver.stop()
    assert await archiver.ping(b"") == b""


async def test_missing_segments_are_told(tmp_path: Path) -> None:
    """Without its first segments, history begins later; without one in the middle, after the gap."""
    store, archive = MemoryStore(), MemoryArchive()
    await commit(store, range(1, 31))
    await Archiver(store, archive, AT_ONCE).look()
    both = ArchivedStore(store, archive)
    archive.forget(SHARD, (1, 4))
    assert await both.journal_spans([SHARD]) == [(5, 30)]
    archive.forget(SHARD, (13, 16))
    assert await both.journal_spans([SHARD]) == [(17, 30)]
    assert [number for number, _ in await both.journal(SHARD, 0, 6)] == [5, 6, 7, 8, 9, 10]
    assert (await both.journal(SHARD, 12, 6))[0][0] == 17, "the gap shows in the numbers"


async def test_damage_is_told_to_readers(tmp_path: Path) -> None:
    """A segment that was changed is an error that names the file, not history."""
    store, archive = MemoryStore(), ArchiveDirectory(tmp_path, "test")
    await commit(store, range(1, 21))
    await Archiver(store, archive, AT_ONCE).look()
    segment = min(tmp_path.glob("shard-7/*.seg"))
    segment.write_bytes(segment.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ArchiveDamaged, match=segment.name):
        await ArchivedStore(store, ArchiveDirectory(tmp_path, "test")).journal(SHARD)


async def figures(archiver: Archiver) -> dict[str, float]:
    """Its figures by name."""
    return {sample.name: sample.value for sample in samples_decoder.decode(await archiver.metrics(b""))}

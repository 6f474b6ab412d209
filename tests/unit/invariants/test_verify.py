"""`verify_store`: a whole store, at rest or in use, held against its journals."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import pytest

from actors.address import Address, ShardId
from cluster.codec import encode
from cluster.invariants.verify import verify_store
from cluster.journal import decode_entry
from cluster.store.base import ActorWrite, Commit, Records, ShardImage
from cluster.store.memory import MemoryStore
from cluster.wire import Mark
from tests.unit.invariants.scribe import QUEUE, Scribe, broken, moved, waiting
from tests.unit.invariants.traffic import Traffic

pytestmark = pytest.mark.asyncio


def commits_of(scribe: Scribe) -> list[Commit]:
    """Commits that journal, and store the marks that go with it."""
    commits = []
    for content in scribe.entries:
        entry = decode_entry(content)
        marks: dict[str, bytes | None] = {stream: encode(Mark(seq, entry.now)) for stream, seq in entry.received.items()}
        commits.append(Commit(ShardId(scribe.shard), entry.epoch, entry.number, entry.now, content, marks=marks))
    return commits


async def stored(commits: Sequence[Commit], store: MemoryStore | None = None) -> MemoryStore:
    """A store that holds these commits."""
    store = store or MemoryStore()
    for shard in sorted({commit.shard for commit in commits}):
        await store.claim(shard, 1)
    await store.commit(commits)
    return store


class LiveStore(MemoryStore):
    """Somebody commits whenever the verifier has read something."""

    def __init__(self, later: Sequence[Commit]) -> None:
        super().__init__()
        self.later = deque(later)

    async def go_on(self) -> None:
        if self.later:
            await self.commit([self.later.popleft()])

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        await self.go_on()
        records = await super().load(shard, addresses)
        await self.go_on()
        return records

    async def describe(self, shard: ShardId) -> ShardImage:
        image = await super().describe(shard)
        await self.go_on()
        return image

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        entries = await super().journal(shard, after, limit)
        await self.go_on()
        return entries


async def test_a_store_that_real_actors_wrote_is_clean() -> None:
    """Journal and stored state agree byte for byte, for every actor."""
    traffic = Traffic(3)
    traffic.play(120)
    report = await verify_store(await stored(traffic.commits), traffic.evidence)
    assert report.violations == [], "nothing is wrong with it"
    assert report.counts["commits"] == len(traffic.commits), "all of it was read"


async def test_a_damaged_record_is_found() -> None:
    """One changed byte is a violation of I10, and names the actor."""
    traffic = Traffic(3)
    traffic.play(60)

    class Damaged(MemoryStore):
        async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
            loaded = await super().load(shard, addresses)
            for address, records in zip(addresses, loaded, strict=True):
                if address == QUEUE:
                    key = min(records)
                    records[key] = records[key][:-1] + bytes([records[key][-1] ^ 1])
            return loaded

    report = await verify_store(await stored(traffic.commits, Damaged()))
    assert [(v.invariant, v.subject) for v in report.violations] == [("I10", QUEUE)], "exactly that one is found"


@pytest.mark.parametrize("seed", range(6))
async def test_a_store_in_use_is_judged_at_a_consistent_moment(seed: int) -> None:
    """Commits that arrive while verifying make no false alarm, whatever they change."""
    traffic = Traffic(seed)
    traffic.play(120)
    half = len(traffic.commits) // 2
    report = await verify_store(await stored(traffic.commits[:half], LiveStore(traffic.commits[half:])))
    assert report.violations == [], "reading and writing at once must not look like a defect"
    assert report.counts["commits"] >= half, "at least what was there at the beginning was judged"


async def test_a_shard_read_too_early_is_read_on() -> None:
    """A message received from what was not read yet makes the verifier read on, and only so far."""
    session, domain = Scribe("0"), Scribe("1")
    session.commit(moved("c/1", None, "queued"), sent={"s:1": 1})
    domain.commit(waiting("c/1", None, "waiting"), received={"s:0": 1})
    for number in range(2, 6):
        session.commit(sent={"s:1": number})
        domain.commit(received={"s:0": number})
    sessions, domains = commits_of(session), commits_of(domain)
    store = LiveStore([commit for pair in zip(sessions[1:], domains[1:], strict=True) for commit in pair])
    await stored([sessions[0], domains[0]], store)
    report = await verify_store(store)
    assert report.violations == [], "nothing was received before it was sent"


async def test_a_message_that_nobody_sent_is_found() -> None:
    """When there is nothing more to read, an unsent message is a violation."""
    store = await stored([*commits_of(Scribe("0").commit()), *commits_of(Scribe("1").commit(received={"s:0": 3}))])
    assert broken(await verify_store(store)) == {"I12"}, "shard 0 never committed message 3"


async def test_an_actor_that_ended_and_came_back_in_one_commit_is_kept() -> None:
    """The store deletes first and writes then, as the journal says."""
    scribe = Scribe()
    changes = [scribe.change(QUEUE, {"a": 1, "b": 2}), scribe.change(QUEUE, {"a": 3}, ended=True)]
    for change in changes:
        scribe.commit(changes=[change])
    commits = commits_of(scribe)
    for commit, change in zip(commits, changes, strict=True):
        puts = {key: bytes(value) for key, value in change.puts.items()}
        commit.actors[QUEUE] = ActorWrite(puts, ended=change.ended)
    report = await verify_store(await stored(commits))
    assert report.violations == [], "the second life is stored"


async def test_an_empty_store_is_clean() -> None:
    """Nothing was committed, so nothing is wrong."""
    store = MemoryStore()
    await store.claim(ShardId("0"), 1)
    report = await verify_store(store)
    assert report.ok, "an unused shard is no defect"
    assert str(report).startswith("no violations in "), "and the report reads so"


async def test_a_journal_that_goes_back_is_judged_and_not_read_for_ever() -> None:
    """A store without a fence took an old host's commit after its successor's: that is told, once, and the reading ends."""
    commits = commits_of(Scribe("0").commit().commit().commit())

    class Unfenced(MemoryStore):
        async def describe(self, shard: ShardId) -> ShardImage:
            return replace(await super().describe(shard), last_commit=len(commits) + 1)

        async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
            assert after <= len(commits) + 1, "nothing is read again"
            entries = [*enumerate((commit.journal for commit in commits), 1), (len(commits) + 1, commits[0].journal)]
            return [(number, content) for number, content in entries if number > after][:limit]

    async with asyncio.timeout(5):
        report = await verify_store(await stored(commits, Unfenced()))
    assert ("I9", "commit 1 follows commit 3") in {(found.invariant, found.explanation) for found in report.violations}

"""Moves old journal entries from the store to the archive, for as long as the cluster runs.

    store                      archiver                        archive
      | <---- journal_spans ---- |  every few seconds
      | ------- entries -------> |  once the store has kept them for `settle_s`, and has more than it should
      |                          | --- append (on disk) -------> |
      | <- trim, if still these -|

Keeps: an entry leaves the store only after it is on disk in the archive, and only if what the store has under its number is
still the same entry; so whatever dies at whatever moment, none is lost. A store that lost its tail decides: archived
commits that it does not have, or has differently, are set aside. Nothing waits for the archiver, and nothing that fails here
ends it. One is enough; a second one is turned away by the archive.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog

from actors.address import ShardId
from cluster.archive.base import Archive, ArchiveDamaged, ArchiveOptions, Entries
from cluster.archive.figures import ArchiverFigures
from cluster.codec import encode
from cluster.errors import TrunklineError
from cluster.store.base import Store, StoreError, StoreUnavailable
from cluster.transport import PeerMethod

log = structlog.get_logger("archiver")

#: Entries read from the store at once.
PAGE: Final = 250


class Settled:
    """Where one shard's journal ended at earlier looks, to know what the store has kept for long enough."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now_s: float, last: int, settle_s: float) -> int:
        """Note where it ends now; returns the last number that was there `settle_s` ago, 0 for none."""
        looks = self._looks
        if looks and last < looks[-1][1]:
            looks.clear()  # It lost its tail: nothing is certain until it has been kept anew.
        looks.append((now_s, last))
        while len(looks) > 1 and looks[1][0] <= now_s - settle_s:
            looks.popleft()
        at_s, settled = looks[0]
        return settled if at_s <= now_s - settle_s else 0


class Archiver:
    """Follows the journals of all shards of a store. It works from `start` to `stop`."""

    def __init__(self, store: Store, archive: Archive, options: ArchiveOptions) -> None:
        self.figures = ArchiverFigures()
        self._store = store
        self._archive = archive
        self._options = options
        self._life = ""
        self._settled: dict[ShardId, Settled] = {}
        #: The last commit that the archive has of each shard.
        self._archived: dict[ShardId, int] = {}
        self._is_open = False
        self._is_failing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def methods(self) -> dict[str, PeerMethod]:
        """What other processes may call."""
        return {"ping": self.ping, "metrics": self.metrics}

    async def ping(self, _: bytes) -> bytes:
        """Answer: this process lives."""
        return b""

    async def metrics(self, _: bytes) -> bytes:
        """Tell every figure, as `cluster.telemetry.meter.Samples`."""
        return encode(self.figures.samples())

    def start(self) -> None:
        """Begin to work, in the background."""
        self._task = asyncio.create_task(self._run(), name="archiver")

    async def stop(self) -> None:
        """End; a segment that is being written is left as it is, and written again by the next archiver."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._archive.close()
        await self._store.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # a defect here must not end what keeps the store from growing
                self.figures.failed()
                log.exception("archiver_defect")
            await asyncio.sleep(self._options.every_s)

    async def look(self) -> None:
        """Look at every journal once, and move what can be moved. Says once when that begins to fail, and when it ends."""
        try:
            if not self._is_open:
                await self._open()
            await self._look_at_all()
        except (StoreUnavailable, StoreError, TrunklineError, OSError) as problem:
            self._failed(problem)
        else:
            if self._is_failing:
                log.info("archive_goes_on")
            self._is_failing = False

    async def _open(self) -> None:
        await self._archive.open()
        self._is_open = True
        self.figures.archive_bytes = await self._archive.size()

    async def _look_at_all(self) -> None:
        life = await self._store.life()
        if life != self._life:
            # What is newest may not be what was newest: wait until this life has kept it for long enough. And what was sent
            # to an earlier life must not reach this one: a late trim could take what was lost, set aside and committed anew.
            self._store.follow(life)
            self._life = life
            self._settled.clear()
        shards = await self._store.shards()
        spans = await self._store.journal_spans(shards)
        self.figures.journal_entries = sum(last - first + 1 for first, last in spans if first)
        overdue, damaged = 0, None
        for shard, (first, last) in zip(shards, spans, strict=True):
            if first:
                try:
                    overdue += await self._look_at(shard, first, last)
                except ArchiveDamaged as problem:
                    damaged = problem  # The other shards are looked at all the same.
        self.figures.overdue = overdue
        if damaged is not None:
            raise damaged

    async def _look_at(self, shard: ShardId, first: int, last: int) -> int:
        """Move what can be moved of one shard; returns how many entries should have been and were not."""
        now_s = asyncio.get_running_loop().time()
        settled = self._settled.setdefault(shard, Settled()).look(now_s, last, self._options.settle_s)
        if not settled:
            return 0
        archived = await self._archived_to(shard)
        if first <= archived:
            archived = await self._reconcile(shard, first, archived)
        elif first > archived + 1 and archived:
            log.warning("archive_has_gap", shard=shard, first=archived + 1, last=first - 1)
        position = max(archived, first - 1)
        through = min(settled, last - self._options.keep_entries)
        while through - position >= self._options.segment_entries:
            if not (moved := await self._move(shard, position, through)):
                break
            position = moved
        return max(0, through - position) // self._options.segment_entries * self._options.segment_entries

    async def _archived_to(self, shard: ShardId) -> int:
        if shard not in self._archived:
            spans = await self._archive.spans(shard)
            self._archived[shard] = spans[-1][1] if spans else 0
        return self._archived[shard]

    async def _move(self, shard: ShardId, position: int, through: int) -> int:
        """Archive and trim one segment after `position`; returns its last number, 0 if the store holds something else."""
        entries = await self._segment(shard, position, through)
        if not entries:
            return 0
        size = await self._archive.append(shard, entries)
        last, content = entries[-1]
        self._archived[shard] = last
        self.figures.archived(len(entries), size)
        return last if await self._trim(shard, last, content) else 0

    async def _segment(self, shard: ShardId, position: int, through: int) -> Entries:
        """The entries of the next segment: as many as it should have, or those up to its greatest size."""
        entries: Entries = []
        size, options = 0, self._options
        while len(entries) < options.segment_entries and size < options.segment_bytes and position < through:
            limit = min(PAGE, options.segment_entries - len(entries), through - position)
            page = await self._store.journal(shard, position, limit)
            for number, content in page:
                if number != position + 1:
                    return entries
                entries.append((number, content))
                size += len(content)
                position = number
            if not page:
                break
        return entries

    async def _trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        trimmed = await self._store.trim(shard, through, last)
        if trimmed:
            self.figures.trimmed()
        return trimmed

    async def _reconcile(self, shard: ShardId, first: int, archived: int) -> int:
        """Both have some numbers: an archiver died before it trimmed, or the store went back. Returns what is archived then.

        Equal entries are trimmed. From the first that differs, or that the store does not have, the archive is wrong.
        """
        common = await self._last_common(shard, first, archived)
        if common is None:
            return archived
        last, content = common
        if last < archived:
            count = await self._archive.set_aside(shard, last + 1)
            self._archived[shard] = max(last, first - 1)
            log.warning("archive_set_aside", shard=shard, first=last + 1, last=archived, segments=count)
        if last >= first:
            await self._trim(shard, last, content)
        return self._archived[shard]

    async def _last_common(self, shard: ShardId, first: int, archived: int) -> tuple[int, bytes] | None:
        """Up to which number, from `first` on, archive and store have the same entries; and that entry.

        None when the store was trimmed meanwhile, by a call whose reply was lost: the next look knows how it stands.
        """
        position, content = first - 1, b""
        while position < archived:
            stored = await self._store.journal(shard, position, PAGE)
            kept = dict(await self._archive.read(shard, position, archived + 1, PAGE))
            if stored and stored[0][0] != position + 1:
                return None
            begun = position
            for number, entry in stored:
                if kept.get(number) != entry:
                    return position, content
                position, content = number, entry
            if position == begun:
                break
        return position, content

    def _failed(self, problem: OSError | TrunklineError | StoreError) -> None:
        self.figures.failed()
        if not self._is_failing:
            log.error("archive_failed", detail=str(problem), error_type=type(problem).__name__)
        self._is_failing = True

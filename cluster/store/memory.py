"""A store in this process's memory: for tests, the simulator and runs that need not survive their process.

Keeps the semantics of `cluster.store.base` exactly, is deterministic and starts no task or thread: a call that no fault
delays completes without suspending. `StoreFaults` decides what goes wrong, and `lose_since` forgets the newest
operations as a server with a lax fsync policy does, always a suffix of the order in which they were applied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actors.address import Address, ShardId
from cluster.store.base import Commit, CommitOutcome, Fenced, Records, ShardImage

_ABSENT: Final = object()
#: (mapping, key, value before): replayed backwards, these restore any earlier state.
_Undo = list[tuple[dict[Any, Any], Any, Any]]


@dataclass(frozen=True, slots=True)
class StoreCall:
    """One operation, as faults see it. `epoch` and `number` are 0 where the operation has none."""

    #: The method's name: `claim`, `commit`, `load`, `journal`, `write_document`, …
    operation: str
    #: The shard, or the document's name.
    subject: str
    epoch: int = 0
    number: int = 0


class StoreFaults:
    """What may go wrong. The default lets everything pass; override either hook.

    A hook may raise `StoreUnavailable`: before the operation the request was lost, after it only the reply was. It may
    return an awaitable, which delays the call. A list of commits passes the hooks one commit at a time, so raising at
    the third leaves the first two applied, as a connection that broke half-way does.
    """

    def before_apply(self, call: StoreCall) -> Awaitable[None] | None:
        """Called before the operation is looked at."""
        return None

    def after_apply(self, call: StoreCall) -> Awaitable[None] | None:
        """Called once the operation has had its effect, before its result is returned."""
        return None


class _Shard:
    """Everything kept for one shard, in dicts only, so that one kind of undo entry covers it all."""

    __slots__ = ("actors", "dead", "journal", "marks", "meta", "outbox", "timers")

    def __init__(self) -> None:
        self.meta = {"epoch": 0, "number": 0, "by": 0, "now": 0}
        self.actors: dict[Address, Records] = {}
        self.timers: dict[str, int] = {}
        self.outbox: dict[int, bytes] = {}
        self.marks: dict[str, bytes] = {}
        #: By commit number, without gaps up to the last commit.
        self.journal: dict[int, bytes] = {}
        #: By position from 0.
        self.dead: dict[int, bytes] = {}

    @property
    def trimmed(self) -> int:
        """The last commit whose journal entry was forgotten."""
        return self.meta["number"] - len(self.journal)

    def image(self, shard: ShardId) -> ShardImage:
        return ShardImage(
            shard=shard,
            epoch=self.meta["epoch"],
            last_commit=self.meta["number"],
            now=self.meta["now"],
            live=list(self.actors),
            timers=dict(self.timers),
            outbox=dict(sorted(self.outbox.items())),
            marks=dict(self.marks),
        )


class MemoryStore:
    """A `cluster.store.base.Store` without durability.

    Args:
        faults: decides which calls fail, and how.
        clock: the time in ms that `lose_since` refers to; needed only for that.
        undo_window_ms: how far back `lose_since` can reach; 0 keeps nothing to undo with.
    """

    def __init__(
        self, faults: StoreFaults | None = None, *, clock: Callable[[], int] = lambda: 0, undo_window_ms: int = 0
    ) -> None:
        self.faults = faults
        self._clock = clock
        self._undo_window_ms = undo_window_ms
        self._log: deque[tuple[int, _Undo]] = deque()
        self._undo: _Undo | None = None
        self._shards: dict[str, _Shard] = {}
        self._documents: dict[str, tuple[int, bytes]] = {}

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        call = StoreCall("claim", shard, epoch)
        await self._before(call)
        state = self._shards.get(shard)
        if state is not None and state.meta["epoch"] > epoch:
            raise Fenced(f"shard {shard} is at epoch {state.meta['epoch']}, so epoch {epoch} may not have it")
        self._begin()
        if state is None:
            state = _Shard()
            self._set(self._shards, shard, state)
        self._set(state.meta, "epoch", epoch)
        image = state.image(shard)
        await self._after(call)
        return image

    async def commit(self, commits: Sequence[Commit]) -> list[CommitOutcome]:
        outcomes = []
        for commit in commits:
            call = StoreCall("commit", commit.shard, commit.epoch, commit.number)
            await self._before(call)
            outcomes.append(self._commit(commit))
            await self._after(call)
        return outcomes

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        state = await self._read("load", shard)
        return [dict(state.actors.get(address, {})) for address in addresses]

    async def shards(self) -> list[ShardId]:
        await self._before(StoreCall("shards", ""))
        return [ShardId(shard) for shard in sorted(self._shards)]

    async def describe(self, shard: ShardId) -> ShardImage:
        return (await self._read("describe", shard)).image(shard)

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        state = await self._read("journal", shard)
        before = max(after, state.trimmed)
        last = min(state.meta["number"], before + limit)
        # A hole is the checker's to find, as in any other store.
        return [(number, state.journal[number]) for number in range(before + 1, last + 1) if number in state.journal]

    async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
        states = [await self._read("journal_spans", shard) for shard in shards]
        return [(state.trimmed + 1, state.meta["number"]) if state.journal else (0, 0) for state in states]

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        call = StoreCall("trim", shard, number=through)
        await self._before(call)
        state = self._shards.get(shard) or _Shard()
        is_gone = not state.journal or through <= state.trimmed
        if not is_gone and through < state.meta["number"] and state.journal[through] == last:
            self._begin()
            for number in range(state.trimmed + 1, through + 1):
                self._set(state.journal, number, _ABSENT)
            is_gone = True
        await self._after(call)
        return is_gone

    async def dead_letters(self, shard: ShardId, limit: int = 1000) -> list[bytes]:
        state = await self._read("dead_letters", shard)
        return [state.dead[at] for at in range(max(0, len(state.dead) - limit), len(state.dead))]

    async def read_document(self, name: str) -> tuple[int, bytes]:
        await self._before(StoreCall("read_document", name))
        return self._documents.get(name, (0, b""))

    async def write_document(self, name: str, content: bytes, expected_version: int) -> int:
        call = StoreCall("write_document", name)
        await self._before(call)
        version = self._documents.get(name, (0, b""))[0]
        if version == expected_version:
            version += 1
            self._begin()
            self._set(self._documents, name, (version, content))
        else:
            version = -1
        await self._after(call)
        return version

    async def ping(self) -> float:
        await self._before(StoreCall("ping", ""))
        return 0.0

    async def life(self) -> str:
        await self._before(StoreCall("life", ""))
        return "memory"

    def follow(self, life: str) -> None:
        """Nothing to follow: this store lives and dies with its process."""

    async def close(self) -> None:
        """Nothing to close; what was stored stays readable."""

    def lose_since(self, at: int) -> int:
        """Forget every operation applied at or after `at` (ms), as a crash with `appendfsync everysec` does.

        Returns:
            How many operations were undone. Those older than the undo window stay.
        """
        lost = 0
        while self._log and self._log[-1][0] >= at:
            for mapping, key, before in reversed(self._log.pop()[1]):
                if before is _ABSENT:
                    mapping.pop(key, None)
                else:
                    mapping[key] = before
            lost += 1
        return lost

    def _commit(self, commit: Commit) -> CommitOutcome:
        state = self._shards.get(commit.shard)
        if state is None:
            return CommitOutcome.DIVERGED
        meta = state.meta
        if meta["epoch"] > commit.epoch:
            return CommitOutcome.FENCED
        if meta["number"] == commit.number and meta["by"] == commit.epoch:
            return CommitOutcome.APPLIED
        if meta["epoch"] < commit.epoch or meta["number"] != commit.number - 1:
            return CommitOutcome.DIVERGED
        self._begin()
        self._apply(state, commit)
        return CommitOutcome.APPLIED

    def _apply(self, state: _Shard, commit: Commit) -> None:
        put = self._set
        for name, value in (("number", commit.number), ("by", commit.epoch), ("now", commit.now)):
            put(state.meta, name, value)
        put(state.journal, commit.number, commit.journal)
        for address, write in commit.actors.items():
            if write.ended:
                put(state.actors, address, _ABSENT)
            if write.puts and address not in state.actors:
                put(state.actors, address, {})
            records = state.actors.get(address, {})
            for key, content in write.puts.items():
                put(records, key, content)
            for key in write.drops:
                put(records, key, _ABSENT)
            if not records:
                put(state.actors, address, _ABSENT)
        for timer, due_at in commit.timers.items():
            put(state.timers, timer, _ABSENT if due_at is None else due_at)
        for number in commit.outbox_drops:
            put(state.outbox, number, _ABSENT)
        if commit.outbox is not None:
            put(state.outbox, commit.number, commit.outbox)
        for sender, mark in commit.marks.items():
            put(state.marks, sender, _ABSENT if mark is None else mark)
        for letter in commit.dead_letters:
            put(state.dead, len(state.dead), letter)

    def _begin(self) -> None:
        """Open the undo entry of one operation."""
        if self._undo_window_ms:
            now = self._clock()
            while self._log and self._log[0][0] < now - self._undo_window_ms:
                self._log.popleft()
            self._undo = []
            self._log.append((now, self._undo))

    def _set(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        if self._undo is not None:
            self._undo.append((mapping, key, mapping.get(key, _ABSENT)))
        if value is _ABSENT:
            mapping.pop(key, None)
        else:
            mapping[key] = value

    async def _read(self, operation: str, shard: ShardId) -> _Shard:
        await self._before(StoreCall(operation, shard))
        return self._shards.get(shard) or _Shard()

    async def _before(self, call: StoreCall) -> None:
        if self.faults is not None:
            delay = self.faults.before_apply(call)
            if delay is not None:
                await delay

    async def _after(self, call: StoreCall) -> None:
        if self.faults is not None:
            delay = self.faults.after_apply(call)
            if delay is not None:
                await delay

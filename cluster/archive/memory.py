"""An archive in this process's memory: for tests and the simulator. A call never waits.

`fails` makes the medium fail, as a full disk does; what was appended stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.address import ShardId
from cluster.archive.base import Entries, consecutive


class MemoryArchive:
    """A `cluster.archive.base.Archive` without durability."""

    def __init__(self) -> None:
        self.fails = False
        self.lost = 0
        self._segments: dict[ShardId, dict[tuple[int, int], Entries]] = {}

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def spans(self, shard: ShardId) -> list[tuple[int, int]]:
        return sorted(self._segments.get(shard, ()))

    async def read(self, shard: ShardId, after: int, before: int, limit: int) -> Entries:
        found: Entries = []
        for span, entries in sorted(self._segments.get(shard, {}).items()):
            if found and span[0] > found[-1][0] + 1:
                break
            position = found[-1][0] if found else after
            start = max(0, position + 1 - span[0])
            found += [entry for entry in entries[start : start + limit - len(found)] if position < entry[0] < before]
        return found

    async def append(self, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> int:
        if self.fails:
            raise OSError("the medium is full")
        self._segments.setdefault(shard, {})[consecutive(entries)] = list(entries)
        return sum(len(content) for _, content in entries)

    async def set_aside(self, shard: ShardId, first: int) -> int:
        segments = self._segments.get(shard, {})
        changed = [span for span in sorted(segments) if span[1] >= first]
        for span in changed:
            entries = segments.pop(span)
            if kept := [entry for entry in entries if entry[0] < first]:
                segments[consecutive(kept)] = kept
        self.lost += len(changed)
        return len(changed)

    @property
    def entries(self) -> int:
        """How many entries it has, of all shards."""
        return sum(last - first + 1 for segments in self._segments.values() for first, last in segments)

    async def size(self) -> int:
        return sum(len(content) for kept in self._segments.values() for entries in kept.values() for _, content in entries)

    def forget(self, shard: ShardId, span: tuple[int, int]) -> None:
        """Lose one segment, as an operator who deletes a file."""
        del self._segments[shard][span]

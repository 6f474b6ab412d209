"""What the archiver and readers of history ask of an archive, whatever it is made of.

An archive keeps, for each shard, segments of its journal: consecutive entries, each segment whole or not there. What is
in it was committed; where the store still has a number, the store's entry counts (see `cluster.archive.history`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actors.address import ShardId
from cluster.errors import TrunklineError

#: Commit number and encoded `cluster.journal.JournalEntry`, as `Store.journal` has them.
Entries = list[tuple[int, bytes]]


class ArchiveDamaged(TrunklineError):
    """A segment of the archive cannot be read; the detail names the file and says what to do."""

    code = "DATA_LOSS"


class ArchiveInUse(TrunklineError):
    """Another archiver, in a process that lives, has this archive."""

    code = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """How much of each shard's journal the store keeps, and when the rest goes to the archive."""

    #: Where segments are written; empty when nothing is archived, and so nothing trimmed.
    directory: str = ""
    #: Entries of each shard that stay in the store.
    keep_entries: int = 2_000
    #: Entries of a segment. The store has at most as many above `keep_entries`, beside those too young.
    segment_entries: int = 2_000
    #: A segment that is larger than this before it has its entries is written as it is.
    segment_bytes: int = 8 * 1024 * 1024
    #: How long the store must have had an entry, through one life, before it is archived: longer than any loss of its tail.
    settle_s: float = 60.0
    #: How often the journals are looked at.
    every_s: float = 10.0


class Archive(Protocol):
    """Raises `OSError` when the medium fails (a full disk), and `ArchiveDamaged` for what it holds and cannot read."""

    async def open(self) -> None:
        """Become the one who writes it, and clear away what a writer that died left half done.

        Raises:
            ArchiveInUse: somebody else writes it.
        """
        ...

    async def close(self) -> None:
        """Let others write it."""
        ...

    async def spans(self, shard: ShardId) -> list[tuple[int, int]]:
        """First and last commit number of every segment, ascending."""
        ...

    async def read(self, shard: ShardId, after: int, before: int, limit: int) -> Entries:
        """Entries above `after` and below `before`, ascending, each number once; empty when there is none."""
        ...

    async def append(self, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> int:
        """Keep consecutive entries as one segment. Durable when it returns; nothing of it is there before.

        Returns:
            How many bytes it takes.
        """
        ...

    async def set_aside(self, shard: ShardId, first: int) -> int:
        """Keep entries from `first` on out of history: the store lost them. Repeating it is harmless.

        Returns:
            How many segments were changed.
        """
        ...

    async def size(self) -> int:
        """Bytes of all segments."""
        ...


def consecutive(entries: Sequence[tuple[int, bytes]]) -> tuple[int, int]:
    """First and last number of a segment's entries.

    Raises:
        ValueError: there are none, or a number is missing among them.
    """
    if not entries or entries[-1][0] - entries[0][0] + 1 != len(entries):
        raise ValueError("a segment holds consecutive commits")
    return entries[0][0], entries[-1][0]

"""What the runtime asks of a store, whatever it is made of.

A store keeps, for each shard: the epoch that may write (I9), the number of its last commit, every actor's records,
timers, the outbox, the high-water marks of its senders, the journal and the dead letters. `commit` applies all of one
batch or nothing. Applying the same commit again is harmless, so an unknown outcome is simply tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from actors.address import Address, ShardId


@dataclass(slots=True)
class ActorWrite:
    """What one commit changes of one actor: `ended` deletes it whole; then records are put and dropped by key.

    An actor that ended and was created anew in one batch has both `ended` and `puts`.
    """

    puts: dict[str, bytes] = field(default_factory=dict)
    drops: list[str] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class Commit:
    """One batch of one shard. `number` counts the shard's commits from 1 without gaps, over all epochs."""

    shard: ShardId
    epoch: int
    number: int
    #: The shard's time (ms since the epoch); never goes back, even when a clock does.
    now: int
    #: One encoded `cluster.journal.JournalEntry`.
    journal: bytes
    actors: dict[Address, ActorWrite] = field(default_factory=dict)
    #: Timer key (`cluster.shard.timers`) -> due time; None deletes it.
    timers: dict[str, int | None] = field(default_factory=dict)
    #: Encoded messages that leave with this commit, kept under the commit's number; None when nothing leaves.
    outbox: bytes | None = None
    #: Numbers of earlier commits whose outbox entries have all been acknowledged.
    outbox_drops: list[int] = field(default_factory=list)
    #: Sender stream -> encoded high-water mark; None forgets the sender.
    marks: dict[str, bytes | None] = field(default_factory=dict)
    dead_letters: list[bytes] = field(default_factory=list)


class CommitOutcome(Enum):
    """What became of a commit."""

    APPLIED = "applied"
    #: A higher epoch owns the shard: this host must let go of it.
    FENCED = "fenced"
    #: The store's last commit is not the one before this: it lost or gained data under us; claim the shard again.
    DIVERGED = "diverged"


@dataclass(slots=True)
class ShardImage:
    """All that a host needs to take a shard over; actors themselves are loaded when first needed."""

    shard: ShardId
    epoch: int
    last_commit: int = 0
    now: int = 0
    #: Addresses of every actor that has records, by no particular order.
    live: list[Address] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    #: Commit number -> encoded messages still unacknowledged, ascending.
    outbox: dict[int, bytes] = field(default_factory=dict)
    marks: dict[str, bytes] = field(default_factory=dict)


Records = dict[str, bytes]


class StoreUnavailable(ConnectionError):
    """The store did not answer: the outcome is unknown, so try the same call again."""


class StoreError(RuntimeError):
    """The store answered, but not as Trunkline's store should: a defect or foreign data; trying again will not help."""


class Fenced(RuntimeError):
    """Another host owns the shard under a higher epoch."""


class Store(Protocol):
    """Raises `StoreUnavailable` from any method when the store cannot be reached."""

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        """Become the shard's writer and read what is needed to run it.

        Claiming again with the epoch already held is allowed (the reply may have been lost).

        Raises:
            Fenced: the shard has a higher epoch already.
        """
        ...

    async def commit(self, commits: Sequence[Commit]) -> list[CommitOutcome]:
        """Apply each shard's batch atomically; one outcome for each, in order. Durable when it returns.

        A commit whose number and epoch equal the stored ones was applied before and counts as APPLIED.
        """
        ...

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        """The stored records of each address, empty for an actor that does not exist."""
        ...

    async def shards(self) -> list[ShardId]:
        """Every shard that was ever claimed, sorted."""
        ...

    async def describe(self, shard: ShardId) -> ShardImage:
        """Like `claim` but changes nothing; for tools such as verify and status."""
        ...

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        """Journal entries with a commit number above `after`, ascending."""
        ...

    async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
        """The first and last commit numbers that each shard's journal has here; (0, 0) for an empty one."""
        ...

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        """Forget the journal up to commit `through`, whose entry must be `last`. Repeating it is harmless.

        The entry is compared because a store that lost its tail may have written that number anew: what is kept elsewhere
        is then not what is here. The newest entry always stays.

        Returns:
            Whether the journal holds none of them now; False when it was left as it is.
        """
        ...

    async def dead_letters(self, shard: ShardId, limit: int = 1000) -> list[bytes]:
        """The newest messages that were set aside, oldest first."""
        ...

    async def read_document(self, name: str) -> tuple[int, bytes]:
        """A named document outside all shards (the shard table) and its version; (0, b"") when absent."""
        ...

    async def write_document(self, name: str, content: bytes, expected_version: int) -> int:
        """Replace a document if its version is still the expected one.

        Returns:
            The new version, or -1 when somebody else wrote first.
        """
        ...

    async def ping(self) -> float:
        """Seconds that one round trip took."""
        ...

    async def life(self) -> str:
        """Which life of the server answers now; another one after a restart or a failover.

        Its newest data may be gone then: a lax fsync policy loses up to a second, a replica that takes over whatever had
        not reached it. So whoever holds state that was read from another life reads it again.
        """
        ...

    def follow(self, life: str) -> None:
        """From here on, a call that would reach another life of the server raises `StoreUnavailable` and does nothing."""
        ...

    async def close(self) -> None: ...


def actor_writes_size(actors: Mapping[Address, ActorWrite]) -> int:
    """Bytes of record content in a commit, for the metrics."""
    return sum(len(content) for write in actors.values() for content in write.puts.values())

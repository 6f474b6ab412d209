"""One shard and its actors in virtual time, without a store, a network or an event loop.

    driver                      stage
      | tell(to, message) ------> |  waits for the next batch
      | run(now) ---------------> |  one batch to quiescence and its commit
      | <------- Entry, commands  |  what was journalled, and what left for the links

Keeps: nothing is ever in flight after `run`: commands are handed over and acknowledged at once, as by an adapter that
never fails. So a run is a function of what it was told, and when.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.actor import Message, Refusal
from actors.address import Address, Placement, ShardId
from cluster.catalogue import Catalogue
from cluster.shard.inbox import Input, InputGroup
from cluster.shard.shard import Shard
from cluster.store.base import Commit, ShardImage
from cluster.wire import OutboxItem, ShardReceipt, link_stream

SHARD = ShardId("0")
LINK = "simulated"
#: One batch takes everything that was told.
UNLIMITED = 1 << 30


class Stage:
    """A shard that lives in memory alone.

    Args:
        catalogue: Which actors there are.
        on_commit: Given every commit as it is made.
        placement: Which actors are on which shard; by default there is one shard for all.
        shard: Which of the shards this is. What it says to others is taken for received.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        on_commit: Callable[[Commit], None],
        placement: Placement | None = None,
        shard: ShardId = SHARD,
    ) -> None:
        self.shard = Shard(ShardImage(shard, epoch=1), placement or Placement(1), catalogue.actor_types, catalogue.codec)
        self.refusals: list[Refusal] = []
        self._on_commit = on_commit
        self._stream = link_stream(LINK, "1")
        self._seq = 0
        self._inputs: list[Input] = []

    def tell(self, to: Address, message: Message) -> None:
        """Let an actor be told in the next batch."""
        self._seq += 1
        self._inputs.append(Input(self._stream, self._seq, to, message))

    @property
    def told(self) -> bool:
        """Whether anything waits to be run."""
        return bool(self._inputs)

    def next_due_at(self) -> int | None:
        """When the earliest timer is due (ms)."""
        return self.shard.next_due_at()

    def run(self, now: int) -> list[OutboxItem]:
        """Run what was told and what is due, as one commit at this instant (ms).

        Returns:
            What left for links, in order.
        """
        shard = self.shard
        if self._inputs:
            shard.accept(InputGroup(self._inputs, self._settle, {self._stream: self._seq}))
            self._inputs = []
        shard.begin(now, UNLIMITED)
        shard.advance()
        commit = shard.finish()
        if commit is not None:
            self._on_commit(commit)
        left: list[OutboxItem] = []
        outbox = shard.outbox
        for destination in shard.committed(commit).destinations:
            items = outbox.unsent(destination, UNLIMITED)
            outbox.acknowledge(destination, items[-1].number)
            left += items
        return left

    def _settle(self, receipt: ShardReceipt) -> None:
        self.refusals += [refusal for _, _, refusal in receipt.refusals]

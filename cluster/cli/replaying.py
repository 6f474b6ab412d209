"""Reads the journal of the router's shard from a store, and has it decided again."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.address import Placement, ShardId
from cluster.catalogue import Catalogue
from cluster.errors import TrunklineError
from cluster.shard.replay import CannotReplay, Divergence, Replay
from cluster.shard.shard import DECIDING
from cluster.store.base import Store

#: Entries read at once.
PAGE: Final = 500


class NotReplayable(TrunklineError):
    """The journal does not hold what a replay needs."""

    code = "FAILED_PRECONDITION"


class Replayed(msgspec.Struct, frozen=True):
    """What a replay came to; `difference` is the first."""

    shard: str
    commits: int
    events: int
    decisions: int
    same: bool
    difference: Divergence | None = None

    def __str__(self) -> str:
        how_much = f"{self.commits:,} commits, {self.events:,} events, {self.decisions:,} proposals of shard {self.shard}"
        if self.difference is None:
            return f"replayed to the same bytes: {how_much}"
        return f"replayed otherwise after {how_much}\n{self.difference}"


async def replay_decisions(store: Store, placement: Placement, catalogue: Catalogue) -> Replayed:
    """Replay the shard where the router is, from its first commit to its last.

    Raises:
        NotReplayable: its journal does not begin with the first commit, or holds no inputs.
        StoreUnavailable: the store cannot be reached.
    """
    shard = placement.shard_of(DECIDING)
    replay, after = Replay(shard, placement, catalogue), 0
    while page := await store.journal(shard, after, PAGE):
        for number, content in page:
            try:
                difference = replay.feed(content)
            except CannotReplay as problem:
                raise NotReplayable(f"the journal of shard {shard} cannot be replayed: {problem}") from problem
            if difference is not None:
                return _replayed(shard, replay, difference)
            after = number
    if not after:
        raise NotReplayable(f"shard {shard}, where the router should be, has no journal: is the number of shards right?")
    return _replayed(shard, replay, None)


def _replayed(shard: ShardId, replay: Replay, difference: Divergence | None) -> Replayed:
    counts = replay.counts
    return Replayed(shard, counts.commits, counts.events, counts.decisions, difference is None, difference)

"""Batches: interactions and agents who can meet now, and are several on both sides, assigned together.

Pools that share free agents are one batch; batches have nothing to do with each other. In each, whoever is first in
order is served if anybody can; the fewest go to outer rings; and the agents whom the strategy ranks first are used. Where
queues of one batch rank agents differently, the sum of the places that each gives to its agent is the least.

Keeps: one by one stays what it is where there is nothing to choose: one interaction, one agent, or one line. An agent
with room on several channels of a batch gets one interaction of it, since what is left of the others is not known before.
Where agents prefer some queues, or a queue serves the newest first, nothing is assigned together: there an interaction's
place depends on the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from actors.address import Address
from actors.messages.router import Waiting
from actors.routing import order

if TYPE_CHECKING:
    from actors.router.pools import AgentRank, Candidate, Pool
    from actors.routing.assignment import Scores, Supply

#: (points lacked now, enqueued at, interaction)
Place = tuple[int, int, str]
#: An agent, and how many further interactions they have got before.
Slot = tuple[Address, int]
#: The rank that a pool would give an agent who has so many more claims.
RankOf = Callable[["Pool", "Candidate", int], "AgentRank"]


def batches(pools: Collection[Pool]) -> list[list[Pool]]:
    """Pools that share free agents, where interactions of several lines meet several agents."""
    if sum(len(pool.lines) for pool in pools) < 2 or not _several(pools):
        return []
    leaders: dict[Address, Pool] = {}
    joined: dict[Pool, list[Pool]] = {}
    for pool in pools:
        mine = joined[pool] = [pool]
        for agent in pool.free.ranks:
            other = joined[leaders.setdefault(agent, pool)]
            if other is not mine:
                mine, less = (other, mine) if len(other) > len(mine) else (mine, other)
                mine.extend(less)
                joined.update(dict.fromkeys(less, mine))
    found = [batch for pool, batch in joined.items() if batch[0] is pool]
    choices = [batch for batch in found if sum(len(pool.lines) for pool in batch) > 1 and _several(batch)]
    # Pools come in no order, and decisions must come in the same one again.
    return sorted(choices, key=lambda batch: min(head for pool in batch if (head := pool.heads.first()) is not None))


def _several(pools: Iterable[Pool]) -> bool:
    """Whether more than one agent is free for these."""
    seen: Address | None = None
    for pool in pools:
        for agent in pool.free.ranks:
            if seen is None:
                seen = agent
            elif agent != seen:
                return True
    return False


class Batch:
    """One batch as an assignment problem.

    Args:
        pools: which share free agents, and where somebody waits.
        waiting: all who wait.
        agents: all agents.
        rank_of: how pools rank agents.

    Attributes:
        method: how it was assigned.
        waiting: how many interactions could be served at most.
        slots: how many its agents can take.
        served: how many are served together.
        score: the sum of scores; see `BatchAssigned`.
    """

    def __init__(
        self, pools: list[Pool], waiting: Mapping[str, Waiting], agents: Mapping[Address, Candidate], rank_of: RankOf
    ) -> None:
        self._pools = pools
        self._waiting = waiting
        self._rank_of = rank_of
        self._agents = {agent: agents[agent] for agent in sorted({one for pool in pools for one in pool.free.ranks})}
        channels = {pool.channel for pool in pools}
        self._slots = {name: agent.slots(channels) for name, agent in self._agents.items()}
        room = {pool: sum(self._slots[agent] for agent in pool.free.ranks) for pool in pools}
        self._lines = [(pool, line, min(len(line.waiting), room[pool])) for pool in pools for line in pool.lines.values()]
        self.waiting = sum(most for _, _, most in self._lines)
        self.slots = sum(self._slots.values())
        self.method = "greedy"
        self.served = self.score = 0

    def solve(self, now: int) -> tuple[tuple[str, Address], ...]:
        """The best pairs; none where they are to be found one by one, as there are too many or they have no order."""
        # Every host would have numpy's 16 MB otherwise, and only the router's needs it, when its first batch comes.
        from actors.routing import assignment

        if self.waiting * self.slots > assignment.BOUNDS.cells or not self._has_order():
            return ()
        demands = [
            assignment.Demand(tuple(self._place(rank[-1], now) for rank in line.waiting.firsts(most)))
            for _, line, most in self._lines
        ]
        found = assignment.assign(demands, *self._supplies(), assignment.BOUNDS)
        if found.method is not assignment.Method.OPTIMAL:
            return ()
        self.method, self.served, self.score = found.method.value, len(found.pairs), found.score
        return found.pairs

    def _has_order(self) -> bool:
        firsts = (line.waiting.first() for _, line, _ in self._lines)
        newest_first = any(self._waiting[first[-1]].lifo for first in firsts if first is not None)
        return not newest_first and not any(agent.prefers for agent in self._agents.values())

    def _place(self, interaction: str, now: int) -> Place:
        one = self._waiting[interaction]
        return order.lacked(one.priority, one.ageing, one.enqueued_at, now), one.enqueued_at, interaction

    def _supplies(self) -> tuple[list[Supply], Scores]:
        """The agents' slots, and how well each of them serves each line."""
        import numpy as np

        from actors.routing.assignment import NEVER, Supply

        ranks = {pool: self._ranks(pool) for pool in self._pools}
        keys: dict[Slot, AgentRank] = {}
        for of_pool in ranks.values():
            keys.update({slot: rank[1:] for slot, rank in of_pool.items()})
        slots = sorted(keys)
        if len({pool.choice for pool in self._pools}) == 1 and all(
            keys[slot] == rank[1:] for of_pool in ranks.values() for slot, rank in of_pool.items()
        ):
            # All rank the agents alike but for rings: the fewest outer rings, then the strategy's order.
            values = {pool: {slot: -rank[0] for slot, rank in of_pool.items()} for pool, of_pool in ranks.items()}
            supplies = [Supply((*keys[slot], slot[0])) for slot in slots]
        else:
            values = {pool: _places(of_pool) for pool, of_pool in ranks.items()}
            supplies = [Supply((more, agent)) for agent, more in slots]
        columns = {slot: column for column, slot in enumerate(slots)}
        scores = np.full((len(self._lines), len(slots)), NEVER, dtype=np.int64)
        for row, (pool, line, _) in enumerate(self._lines):
            served = [slot for slot in values[pool] if slot[0] not in line.not_agents]
            scores[row, [columns[slot] for slot in served]] = [values[pool][slot] for slot in served]
        return supplies, scores

    def _ranks(self, pool: Pool) -> dict[Slot, AgentRank]:
        """Where the pool ranks each slot of its free agents: ring and key."""
        ranks: dict[Slot, AgentRank] = {}
        for first in pool.free.ranks.values():
            agent = first[-1]
            ranks[agent, 0] = first[:-1]
            for more in range(1, self._slots[agent]):
                ranks[agent, more] = self._rank_of(pool, self._agents[agent], more)[:-1]
        return ranks


def _places(ranks: Mapping[Slot, AgentRank]) -> dict[Slot, int]:
    """How far from the end of a pool's own order each slot stands, so that more is better."""
    in_order = sorted(ranks, key=lambda slot: (ranks[slot], slot[1], slot[0]))
    return {slot: -place for place, slot in enumerate(in_order)}

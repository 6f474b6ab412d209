"""Matching: who should be offered what, without looking at everybody.

Policy: the interaction first in order (`actors.routing.order`), among those with a free eligible agent; to an agent of
its innermost ring that has one free, and there to the one whom its queue's strategy ranks first. An agent whose routing
profile prefers some queues takes from those first. With the reserve policy (`actors.routing.reserve`), specialists
and what only few can serve go first.

Waiting interactions that ask the same (queue, channel, rings, strategy) share a pool, which ranks the free agents who
may serve them. Within a pool, those that exclude the same agents share a line. So a freed agent costs a look at the
first of their own pools, however many wait.

Keeps: a match is made only within the room that agent and matches leave; what was matched is matched no more until its
queue says that it waits; a match's claim on its agent lasts until both the queue and the agent have spoken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from actors.address import Address, name_of
from actors.messages.centre import Membership, Reserve
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.batching import Batch, batches
from actors.router.ranking import Ranking
from actors.router.reserving import holds_back_from
from actors.routing import order
from actors.routing.capacity import NO_CAPACITY, Capacity, Held, room_for, take
from actors.routing.eligibility import membership_of, ring_of
from actors.routing.expression import Qualities
from actors.routing.reserve import ClassView, breadth, choose
from actors.routing.strategy import Key, Standing, ranked_by
from actors.values import Form, Requirement

#: The place of whoever is first in a line, and whom the line excludes.
Head = tuple[int, int, str, tuple[Address, ...]]
#: (ring, strategy's key…, agent)
AgentRank = tuple[Any, ...]
#: Queue, channel, rings, strategy.
PoolKey = tuple[Address, str, tuple[Requirement, ...], str]
#: (the queue's rank in the agent's profile, points lacked, enqueued at, interaction, agent, pool)
Pair = tuple[int, int, int, str, Address, "Pool"]

#: Pools where nobody waits are kept this many at a time: building one looks at every agent of its queue.
IDLE_POOLS = 1024


class Match(NamedTuple):
    """One pair, and where the strategy ranked the agent and the runner-up among the candidates.

    `together` says that it was found with others at once; then it is nobody else's choice, and there is no runner-up.
    """

    waiting: Waiting
    agent: Address
    rank: AgentRank
    runner_up: AgentRank | None
    candidates: int
    together: bool = False


@dataclass(slots=True)
class Claim:
    """A match that takes room of its agent until both sides have spoken of it."""

    channel: str
    queue_agreed: bool = False
    agent_spoke: bool = False
    labels: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Line:
    """Waiting interactions of one pool that exclude the same agents."""

    not_agents: tuple[Address, ...]
    waiting: Ranking[order.Place] = field(default_factory=Ranking)


@dataclass(slots=True, eq=False)
class Pool:
    """Interactions that ask the same, and the free agents who may serve them."""

    key: PoolKey
    lines: dict[tuple[Address, ...], Line] = field(default_factory=dict)
    #: The lines, by the rank of whoever is first in them.
    heads: Ranking[Head] = field(default_factory=Ranking)
    free: Ranking[AgentRank] = field(default_factory=Ranking)
    members: set[Address] = field(default_factory=set)
    queue: Address = field(init=False)
    channel: str = field(init=False)
    choice: str = field(init=False)
    labels: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.queue, self.channel, rings, self.choice = self.key
        self.labels = rings[0].labels

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(line.waiting) for line in self.lines.values())

    @property
    def queues(self) -> set[Address]:
        """The queues whose agents may serve the pool."""
        queue, _, rings, _ = self.key
        return {served for ring in rings for served in ring.queues or (queue,)}

    def line_changed(self, line: Line) -> None:
        """Put a line where its first belongs, or forget it when it is empty."""
        first = line.waiting.first()
        if first is not None:
            self.heads.put((*first, line.not_agents))
        else:
            self.heads.drop(line.not_agents)
            del self.lines[line.not_agents]

    def ring(self, agent: Candidate) -> int | None:
        """The innermost ring that takes the agent (I6); None when none does."""
        queue, channel, rings, _ = self.key
        return ring_of(agent.qualities, agent.memberships, queue, channel, rings)


@dataclass(slots=True, eq=False)
class Candidate:
    """An agent as the router sees them: the last profile and status, and the claims made since."""

    address: Address
    qualities: Qualities
    memberships: dict[Address, tuple[Membership, ...]] = field(default_factory=dict)
    room: dict[str, int] = field(default_factory=dict)
    spare: int = 0
    load: int = 0
    idle_since: int = 0
    busy_permille: int = 0
    form: Form = field(default_factory=Form)
    capacity: Capacity = NO_CAPACITY
    held: Held | None = None
    #: Of how much use they are elsewhere, and how many they leave waiting for specialists; for the reserve policy.
    breadth: int = 1
    hold_back: int = 0
    claims: dict[str, Claim] = field(default_factory=dict)
    #: Pool -> its ring that takes the agent.
    pools: dict[Pool, int] = field(default_factory=dict)
    #: Whether they take from some of their queues first.
    prefers: bool = False
    #: Whether they stand among the free of some pool.
    is_free: bool = False

    def membership(self, pool: Pool) -> Membership:
        """How the agent serves the queue of this pool; one who serves it for another queue, as everybody does."""
        queue, channel, _, _ = pool.key
        return membership_of(self.memberships, queue, channel) or Membership(queue)

    def standing(self, membership: Membership, more: int = 0) -> Standing:
        """The agent as strategies see them now, or if they had so many more claims."""
        claims = len(self.claims) + more
        return Standing(self.qualities, membership, self.load + claims, claims, self.idle_since, self.busy_permille, self.form)

    def has_room(self, channel: str, labels: tuple[str, ...] = ()) -> bool:
        """Whether the claims leave room for one more on this channel, with these labels."""
        room = self.room.get(channel, 0)
        if not room or not (self.claims or labels):
            return room > 0
        if self.held is not None:
            held = self.held
            for claim in self.claims.values():
                held = take(self.capacity, held, claim.channel, claim.labels)
            return room_for(self.capacity, held, channel, labels) > 0
        claimed = sum(claim.channel == channel for claim in self.claims.values())
        return room > claimed and self.spare > len(self.claims)

    def slots(self, channels: Iterable[str]) -> int:
        """How many interactions of these channels they can take, whichever these are."""
        free = [channel for channel in channels if self.has_room(channel)]
        by_rules = self.held is not None and (self.claims or self.capacity.rules.labels)
        if len(free) > 1 or by_rules:
            return 1  # One of a channel or label may leave less for the others than is known here.
        claimed = sum(claim.channel == free[0] for claim in self.claims.values())
        return max(min(self.room[free[0]] - claimed, self.spare - len(self.claims)), 1)


class Matching:
    """The soft picture of who waits and who is free. Anything in it may be stale; the owners correct it."""

    def __init__(self, in_batches: bool = False) -> None:
        #: Whether several interactions and several agents are assigned together.
        self.in_batches = in_batches
        #: The batches of the last matching.
        self.assigned: list[Batch] = []
        self.reserve: Reserve | None = None
        self.waiting: dict[str, Waiting] = {}
        self.agents: dict[Address, Candidate] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._pools_of_queue: dict[Address, set[Pool]] = {}
        self._agents_of_queue: dict[Address, set[Address]] = {}
        #: Interaction -> agent of every match that its queue has not answered yet.
        self._unanswered: dict[str, Address] = {}
        #: Pools where a match may have become possible.
        self._changed: set[Pool] = set()
        self._idle: dict[Pool, None] = {}

    # What queues say.

    def wait(self, waiting: Waiting) -> None:
        """This interaction waits now, as described."""
        if waiting.interaction in self._unanswered:
            return  # Said before our proposal arrived; the answer to that tells what became of it.
        if waiting.interaction in self.waiting:
            self._remove(waiting.interaction)
        self.waiting[waiting.interaction] = waiting
        pool = self._pool(waiting)
        line = pool.lines.get(waiting.not_agents)
        if line is None:
            line = pool.lines[waiting.not_agents] = Line(waiting.not_agents)
        line.waiting.put(order.place(waiting.priority, waiting.ageing, waiting.lifo, waiting.enqueued_at, waiting.interaction))
        pool.line_changed(line)
        self._changed.add(pool)

    def not_waiting(self, interaction: str, held_for: Address) -> bool:
        """This interaction does not wait, or no more; `held_for` is the agent it is held for, if any.

        Returns:
            Whether that freed an agent whom we had matched with it.
        """
        if interaction in self.waiting:
            self._remove(interaction)
        matched = self._unanswered.pop(interaction, None)
        agent = self.agents.get(matched) if matched is not None else None
        claim = agent.claims.get(interaction) if agent is not None else None
        if agent is None or claim is None:
            return False
        claim.queue_agreed = True
        if matched == held_for and not claim.agent_spoke:
            return False
        # Refused, so the agent was never asked; or agreed, and the agent's own figures tell of it already.
        del agent.claims[interaction]
        self._rank(agent)
        return True

    # What agents say.

    def profile(self, profile: AgentProfile) -> None:
        """What this agent can do at all."""
        agent = self._agent(profile.agent)
        self._leave_pools(agent)
        skills = {skill.skill: skill.level for skill in profile.skills}
        agent.qualities = Qualities(name_of(agent.address), skills, profile.attributes, frozenset(profile.groups))
        agent.memberships = {queue: tuple(one for one in profile.memberships if one.queue == queue) for queue in profile.queues}
        agent.capacity = profile.capacity
        agent.prefers = any(one.priority for one in profile.memberships)
        agent.breadth, agent.hold_back = breadth(len(profile.queues), len(profile.skills)), profile.hold_back
        for queue in agent.memberships:
            self._agents_of_queue.setdefault(queue, set()).add(agent.address)
            for pool in self._pools_of_queue.get(queue, ()):
                self._join(agent, pool)
        self._rank(agent)

    def status(self, status: AgentStatus) -> None:
        """What this agent can take now."""
        agent = self._agent(status.agent)
        agent.room, agent.spare, agent.held = status.room, status.spare, status.held
        agent.load, agent.idle_since = status.load, status.idle_since
        agent.busy_permille, agent.form = status.busy_permille, status.form
        for interaction, claim in list(agent.claims.items()):
            claim.agent_spoke = True
            if claim.queue_agreed:
                del agent.claims[interaction]
        self._rank(agent)

    def forget_agent(self, address: Address) -> None:
        """The agent is no longer one of this router's."""
        agent = self.agents.pop(address, None)
        if agent is not None:
            self._leave_pools(agent)

    def follow(self, reserve: Reserve | None) -> bool:
        """From here on, route by the reserve policy, or without it; whether that is a change."""
        if reserve == self.reserve:
            return False
        self.reserve = reserve
        for agent in self.agents.values():
            self._rank(agent)
        return True

    # What to do about it.

    def match(self, now: int) -> list[Match]:
        """Match all that can be, in the policy's order; each is taken as proposed from here on."""
        self.assigned = []
        # The reserve policy leaves agents free on purpose, which a batch would assign.
        matches = self._match_together(now) if self.in_batches and self.reserve is None else []
        exhausted: list[tuple[Pool, Line]] = []
        pairs = [pair for pool in self._changed if (pair := self._first_pair(pool, now, exhausted)) is not None]
        # An interaction is in one pool only, so no two pairs are equal up to it, and pools are never compared.
        heapify(pairs)
        #: Agents who may rank elsewhere, or be free no more, since the pairs were found.
        taken: set[Address] = set()
        while pairs:
            *_, agent, pool = pair = heappop(pairs)
            if agent in taken or self.reserve is not None:
                following = self._first_pair(pool, now, exhausted) if pool.free.ranks else None
                if following is None:
                    continue
                if following > pair:  # The pool's next agent does not put this queue first.
                    heappush(pairs, following)
                    continue
                pair = following
            if self.reserve is not None:
                chosen = self._reserving(pair, now, exhausted, self.reserve)
                if chosen is not pair:
                    heappush(pairs, pair)
                pair, pool = chosen, chosen[-1]
            match = self._take(pair)
            taken.add(match.agent)
            matches.append(match)
            if (following := self._first_pair(pool, now, exhausted)) is not None:
                heappush(pairs, following)
        for pool, line in exhausted:
            pool.line_changed(line)
        self._changed.clear()
        return matches

    def _match_together(self, now: int) -> list[Match]:
        """Match what is better assigned together; what is left is matched one by one."""
        pools = [pool for pool in self._changed if pool.lines and pool.free.ranks]
        self.assigned = [Batch(batch, self.waiting, self.agents, self._rank_after) for batch in batches(pools)]
        matches: list[Match] = []
        for interaction, agent in [pair for batch in self.assigned for pair in batch.solve(now)]:
            waiting = self.waiting[interaction]
            pool = self._pools[pool_key(waiting)]
            matches.append(Match(waiting, agent, pool.free.ranks[agent], None, len(pool.free), together=True))
            self._claim(waiting, self.agents[agent])
        return matches

    def _rank_after(self, pool: Pool, agent: Candidate, more: int) -> AgentRank:
        """Where the pool would rank the agent who had so many more claims."""
        return (agent.pools[pool], *ranked_by(pool.choice)(agent.standing(agent.membership(pool), more)), agent.address)

    def _take(self, pair: Pair) -> Match:
        """Claim the agent of a pair, which is the first of its pool."""
        *_, interaction, agent, pool = pair
        waiting = self.waiting[interaction]
        rank = pool.free.ranks[agent]
        runner_up = self._first_free(pool, (*waiting.not_agents, agent)) if len(pool.free) > 1 else None
        match = Match(waiting, agent, rank, runner_up, len(pool.free))
        self._claim(waiting, self.agents[agent])
        return match

    def _first_pair(self, pool: Pool, now: int, exhausted: list[tuple[Pool, Line]]) -> Pair | None:
        """Who is next in a pool and whom they would get, ranked among all pools."""
        while pool.free.ranks and (head := pool.heads.first()) is not None:
            best = self._first_free(pool, head[-1])
            if best is not None:
                waiting, agent = self.waiting[head[2]], best[-1]
                lacked = order.lacked(waiting.priority, waiting.ageing, waiting.enqueued_at, now)
                candidate = self.agents[agent]
                preference = candidate.membership(pool).priority if candidate.prefers else 0
                return (preference, lacked, waiting.enqueued_at, waiting.interaction, agent, pool)
            # Every free agent of the pool lately said no to this line, and matching only takes agents away.
            pool.heads.drop(head[-1])
            exhausted.append((pool, pool.lines[head[-1]]))
        return None

    def _first_free(self, pool: Pool, without: tuple[Address, ...]) -> AgentRank | None:
        """The first of the pool's free agents who is not excluded and, by the reserve policy, does not hold back."""
        best = pool.free.first(without=without)
        if self.reserve is not None:
            excluded = without
            while best is not None and holds_back_from(self.agents, self.agents[best[-1]], pool, excluded):
                without = (*without, best[-1])
                best = pool.free.first(without=without)
        return best

    def _reserving(self, pair: Pair, now: int, exhausted: list[tuple[Pool, Line]], reserve: Reserve) -> Pair:
        """The pair whose turn it is, or one of the same agent with a narrower class that goes before it."""
        preference, *_, agent, pool = pair
        rivals: list[Pair] = []
        for other in self.agents[agent].pools:
            if other.lines and other is not pool and other.members < pool.members:
                rival = self._first_pair(other, now, exhausted)
                if rival is not None and rival[-2] == agent and rival[0] == preference:
                    rivals.append(rival)
        pairs = [pair, *sorted(rivals)]
        waits = [(one[-1].members, self.waiting[one[-3]]) for one in pairs]
        views = [ClassView(members, waiting.priority, waiting.enqueued_at) for members, waiting in waits]
        return pairs[choose(views, reserve.head_start_ms)]

    @property
    def routable(self) -> int:
        """How many agents have room for something."""
        return sum(any(agent.has_room(channel) for channel in agent.room) for agent in self.agents.values())

    @property
    def classes(self) -> int:
        """How many kinds of waiting interactions are told apart."""
        return sum(len(pool.lines) for pool in self._pools.values())

    def _claim(self, waiting: Waiting, agent: Candidate) -> None:
        self._remove(waiting.interaction)
        self._unanswered[waiting.interaction] = agent.address
        agent.claims[waiting.interaction] = Claim(waiting.channel, labels=waiting.requirement.labels)
        self._rank(agent)

    # Agents and pools.

    def _agent(self, address: Address) -> Candidate:
        agent = self.agents.get(address)
        if agent is None:
            agent = self.agents[address] = Candidate(address, Qualities(name_of(address)))
        return agent

    def _rank(self, agent: Candidate) -> None:
        """Put the agent where it belongs among the free of each of its pools."""
        if not agent.room and not agent.is_free and self.reserve is None:
            return
        agent.is_free = False
        keys: dict[object, Key] = {}
        has_room: dict[tuple[str, tuple[str, ...]], bool] = {}
        for pool, ring in agent.pools.items():
            asked = (pool.channel, pool.labels)
            if asked not in has_room:
                has_room[asked] = agent.has_room(*asked)
            if has_room[asked]:
                agent.is_free = True
                pool.free.put((ring, *self._key(agent, pool, keys), agent.address))
                if pool.lines:
                    self._changed.add(pool)
            else:
                pool.free.drop(agent.address)
                if self.reserve is not None and pool.lines:  # Whoever was left to this one may go elsewhere now.
                    self._changed.add(pool)

    def _key(self, agent: Candidate, pool: Pool, known: dict[object, Key]) -> Key:
        """Where the pool's strategy ranks the agent; pools that see the agent alike share the answer."""
        special = agent.memberships.get(pool.queue)
        seen = (pool.choice, pool.channel, special) if special else pool.choice
        key = known.get(seen)
        if key is None:
            key = ranked_by(pool.choice)(agent.standing(agent.membership(pool)))
            if self.reserve is not None:
                key = (agent.breadth, *key)
            known[seen] = key
        return key

    def _join(self, agent: Candidate, pool: Pool) -> None:
        """Let the agent serve the pool, if one of its rings takes them."""
        ring = pool.ring(agent)
        if ring is not None:
            pool.members.add(agent.address)
            agent.pools[pool] = ring

    def _leave_pools(self, agent: Candidate) -> None:
        for queue in agent.memberships:
            self._agents_of_queue[queue].discard(agent.address)
        for pool in agent.pools:
            pool.members.discard(agent.address)
            pool.free.drop(agent.address)
            if self.reserve is not None and pool.lines:
                self._changed.add(pool)
        agent.pools.clear()
        agent.is_free = False

    def _pool(self, waiting: Waiting) -> Pool:
        key = pool_key(waiting)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(key)
            for queue in pool.queues:
                self._pools_of_queue.setdefault(queue, set()).add(pool)
                for address in self._agents_of_queue.get(queue, ()):
                    agent = self.agents[address]
                    if pool not in agent.pools:
                        self._join(agent, pool)
                        if pool in agent.pools and agent.has_room(pool.channel, pool.labels):
                            agent.is_free = True
                            pool.free.put((agent.pools[pool], *self._key(agent, pool, {}), address))
        self._idle.pop(pool, None)
        return pool

    def _remove(self, interaction: str) -> None:
        waiting = self.waiting.pop(interaction)
        pool = self._pools[pool_key(waiting)]
        line = pool.lines[waiting.not_agents]
        line.waiting.drop(interaction)
        pool.line_changed(line)
        if not pool.lines:
            self._rest(pool)

    def _rest(self, pool: Pool) -> None:
        """Nobody waits in the pool: keep it for the next arrival, and forget the one idle longest if there are many."""
        self._idle[pool] = None
        if len(self._idle) > IDLE_POOLS:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            del self._pools[oldest.key]
            for queue in oldest.queues:
                self._pools_of_queue[queue].discard(oldest)
            self._changed.discard(oldest)
            for address in oldest.members:
                del self.agents[address].pools[oldest]


def pool_key(waiting: Waiting) -> PoolKey:
    """What makes waiting interactions the same to every agent."""
    return (waiting.queue, waiting.channel, waiting.rings, waiting.choice)

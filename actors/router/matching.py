"""Matching: who should be offered what, by the default policy, without looking at everybody.

Policy: the interaction of the highest priority that came first, among those with a free eligible agent; to the agent
idle longest, fully idle ones before those who serve already.

Waiting interactions that ask the same (queue, channel, requirement) share a pool, which ranks the free agents who may
serve them. Within a pool, those that exclude the same agents share a line. So a freed agent costs a look at the first
of their own pools, however many wait.

Keeps: a match is made only within the room that agent and matches leave; what was matched is matched no more until its
queue says that it waits; a match's claim on its agent lasts until both the queue and the agent have spoken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from actors.address import Address, name_of
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.ranking import Ranking
from actors.routing.capacity import NO_CAPACITY, Capacity, Held, room_for, take
from actors.values import Requirement

#: (-priority, enqueued_at, interaction)
WaitingRank = tuple[int, int, str]
#: The rank of whoever is first in a line, and whom the line excludes.
Head = tuple[int, int, str, tuple[Address, ...]]
#: (serves already, idle since, agent)
AgentRank = tuple[bool, int, Address]
PoolKey = tuple[Address, str, Requirement]

#: Pools where nobody waits are kept this many at a time: building one looks at every agent of its queue.
IDLE_POOLS = 256


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
    waiting: Ranking[WaitingRank] = field(default_factory=Ranking)


@dataclass(slots=True, eq=False)
class Pool:
    """Interactions that ask the same, and the free agents who may serve them."""

    key: PoolKey
    lines: dict[tuple[Address, ...], Line] = field(default_factory=dict)
    #: The lines, by the rank of whoever is first in them.
    heads: Ranking[Head] = field(default_factory=Ranking)
    free: Ranking[AgentRank] = field(default_factory=Ranking)
    members: set[Address] = field(default_factory=set)

    @property
    def channel(self) -> str:
        return self.key[1]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.key[2].labels

    def line_changed(self, line: Line) -> None:
        """Put a line where its first belongs, or forget it when it is empty."""
        first = line.waiting.first()
        if first is not None:
            self.heads.put((*first, line.not_agents))
        else:
            self.heads.drop(line.not_agents)
            del self.lines[line.not_agents]

    def accepts(self, agent: Candidate) -> bool:
        """Whether the agent serves the queue with the skills asked for (I6), and is the one asked for, if any."""
        queue, _, requirement = self.key
        if queue not in agent.queues or requirement.agent not in ("", agent.name):
            return False
        return all(agent.skills.get(asked.skill, 0) >= asked.level for asked in requirement.skills)


@dataclass(slots=True, eq=False)
class Candidate:
    """An agent as the router sees them: the last profile and status, and the claims made since."""

    address: Address
    name: str
    skills: dict[str, int] = field(default_factory=dict)
    queues: frozenset[Address] = frozenset()
    room: dict[str, int] = field(default_factory=dict)
    spare: int = 0
    load: int = 0
    idle_since: int = 0
    capacity: Capacity = NO_CAPACITY
    held: Held | None = None
    claims: dict[str, Claim] = field(default_factory=dict)
    pools: set[Pool] = field(default_factory=set)

    @property
    def rank(self) -> AgentRank:
        return (self.load + len(self.claims) > 0, self.idle_since, self.address)

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


class Matching:
    """The soft picture of who waits and who is free. Anything in it may be stale; the owners correct it."""

    def __init__(self) -> None:
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
        line.waiting.put((-waiting.priority, waiting.enqueued_at, waiting.interaction))
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
        agent.skills = {skill.skill: skill.level for skill in profile.skills}
        agent.queues = frozenset(profile.queues)
        agent.capacity = profile.capacity
        for queue in agent.queues:
            self._agents_of_queue.setdefault(queue, set()).add(agent.address)
            for pool in self._pools_of_queue.get(queue, ()):
                if pool.accepts(agent):
                    pool.members.add(agent.address)
                    agent.pools.add(pool)
        self._rank(agent)

    def status(self, status: AgentStatus) -> None:
        """What this agent can take now."""
        agent = self._agent(status.agent)
        agent.room, agent.spare, agent.held = status.room, status.spare, status.held
        agent.load, agent.idle_since = status.load, status.idle_since
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

    # What to do about it.

    def match(self) -> list[tuple[Waiting, Address]]:
        """Match all that can be, in the policy's order; each is taken as proposed from here on."""
        heads = [(head, pool) for pool in self._changed if len(pool.free) and (head := pool.heads.first()) is not None]
        # An interaction is in one pool only, so no two heads are equal, and pools are never compared.
        heapify(heads)
        matches: list[tuple[Waiting, Address]] = []
        exhausted: list[tuple[Pool, Line]] = []
        while heads:
            head, pool = heappop(heads)
            best = pool.free.first(without=head[-1])
            if best is not None:
                waiting = self.waiting[head[2]]
                self._claim(waiting, self.agents[best[-1]])
                matches.append((waiting, best[-1]))
            else:
                # Every free agent of the pool lately said no to this line, and matching only takes agents away.
                pool.heads.drop(head[-1])
                exhausted.append((pool, pool.lines[head[-1]]))
            if len(pool.free) and (following := pool.heads.first()) is not None:
                heappush(heads, (following, pool))
        for pool, line in exhausted:
            pool.line_changed(line)
        self._changed.clear()
        return matches

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
            agent = self.agents[address] = Candidate(address, name_of(address))
        return agent

    def _rank(self, agent: Candidate) -> None:
        """Put the agent where it belongs among the free of each of its pools."""
        for pool in agent.pools:
            if agent.has_room(pool.channel, pool.labels):
                pool.free.put(agent.rank)
                if pool.lines:
                    self._changed.add(pool)
            else:
                pool.free.drop(agent.address)

    def _leave_pools(self, agent: Candidate) -> None:
        for queue in agent.queues:
            self._agents_of_queue[queue].discard(agent.address)
        for pool in agent.pools:
            pool.members.discard(agent.address)
            pool.free.drop(agent.address)
        agent.pools.clear()

    def _pool(self, waiting: Waiting) -> Pool:
        key = (waiting.queue, waiting.channel, waiting.requirement)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(key)
            self._pools_of_queue.setdefault(waiting.queue, set()).add(pool)
            for address in self._agents_of_queue.get(waiting.queue, ()):
                agent = self.agents[address]
                if pool.accepts(agent):
                    pool.members.add(address)
                    agent.pools.add(pool)
                    if agent.has_room(pool.channel, pool.labels):
                        pool.free.put(agent.rank)
        self._idle.pop(pool, None)
        return pool

    def _remove(self, interaction: str) -> None:
        waiting = self.waiting.pop(interaction)
        pool = self._pools[(waiting.queue, waiting.channel, waiting.requirement)]
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
            self._pools_of_queue[oldest.key[0]].discard(oldest)
            self._changed.discard(oldest)
            for address in oldest.members:
                self.agents[address].pools.discard(oldest)

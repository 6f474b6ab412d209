"""Matching: who should be offered what, without looking at everybody.

Policy: the interaction first in order (`actors.routing.order`), among those with a free eligible agent; to an agent of
its innermost ring that has one free, and there to the one whom its queue's strategy ranks first. An agent whose routing
profile prefers some queues takes from those first. With the reserve policy (`actors.routing.reserve`), specialists
and what only few can serve go first. Whoever is being offered already and wants a further agent
beside comes after all who are offered to nobody.

Waiting interactions that ask the same (queue, channel, rings, strategy) share a pool, which ranks the free agents who
may serve them. Within a pool, those that exclude the same agents share a line. So a freed agent costs a look at the
first of their own pools, however many wait.

Keeps: a match is made only within the room that agent and matches leave; what was matched is matched no more until its
queue says that it waits; a match's claim on its agent lasts until both the queue and the agent have spoken.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import NamedTuple

from actors.address import Address, name_of
from actors.messages.centre import Reserve
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.batching import Batch, batches
from actors.router.pools import AgentRank, Candidate, Claim, Line, Pool, PoolKey, pool_key
from actors.router.reserving import holds_back_from
from actors.routing import order
from actors.routing.expression import Qualities
from actors.routing.reserve import ClassView, breadth, choose
from actors.routing.strategy import Key, ranked_by

#: (further, the queue's rank in the agent's profile, points lacked, enqueued at, interaction, agent, pool)
Pair = tuple[bool, int, int, int, str, Address, "Pool"]

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
        #: Interaction and leg -> agent of every match that its queue has not answered yet.
        self._unanswered: dict[tuple[str, int], Address] = {}
        #: Pools where a match may have become possible.
        self._changed: set[Pool] = set()
        self._idle: dict[Pool, None] = {}

    # What queues say.

    def wait(self, waiting: Waiting) -> None:
        """This interaction waits now, as described."""
        if (waiting.interaction, waiting.leg) in self._unanswered:
            return  # Said before our proposal arrived; the answer to that tells what became of it.
        before = self.waiting.get(waiting.interaction)
        if before is not None:
            if before.leg > waiting.leg:
                return  # Another queue's word of an earlier stay, overtaken on its way.
            self._remove(waiting.interaction)
        self.waiting[waiting.interaction] = waiting
        pool = self._pool(waiting)
        line = pool.lines.get(waiting.not_agents)
        if line is None:
            line = pool.lines[waiting.not_agents] = Line(waiting.not_agents)
        line.waiting.put(order.place(waiting.priority, waiting.ageing, waiting.lifo, waiting.enqueued_at, waiting.interaction))
        pool.line_changed(line)
        self._changed.add(pool)

    def not_waiting(self, interaction: str, held_for: Address, leg: int = 0) -> bool:
        """This leg of the interaction does not wait, or no more; `held_for` is the agent it is held for, if any.

        Returns:
            Whether that freed an agent whom we had matched with it.
        """
        waiting = self.waiting.get(interaction)
        if waiting is not None and waiting.leg in (0, leg):
            self._remove(interaction)
        # A queue of an earlier release did not name the leg when it announced it.
        key = (interaction, leg if (interaction, leg) in self._unanswered else 0)
        matched = self._unanswered.pop(key, None)
        agent = self.agents.get(matched) if matched is not None else None
        claim = agent.claims.get(key) if agent is not None else None
        if agent is None or claim is None:
            return False
        claim.queue_agreed = True
        if matched == held_for and not claim.agent_spoke:
            return False
        # Refused, so the agent was never asked; or agreed, and the agent's own figures tell of it already.
        del agent.claims[key]
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
        for key, claim in list(agent.claims.items()):
            claim.agent_spoke = True
            if claim.queue_agreed:
                del agent.claims[key]
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
        # Whoever wants a further agent comes after all others, one by one.
        pools = [pool for pool in self._changed if pool.lines and pool.free.ranks and not pool.further]
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
                return (waiting.further, preference, lacked, waiting.enqueued_at, waiting.interaction, agent, pool)
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
        further, preference, *_, agent, pool = pair
        rivals: list[Pair] = []
        for other in self.agents[agent].pools:
            if other.lines and other is not pool and other.members < pool.members:
                rival = self._first_pair(other, now, exhausted)
                if rival is not None and rival[-2] == agent and rival[:2] == (further, preference):
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
        key = (waiting.interaction, waiting.leg)
        self._unanswered[key] = agent.address
        agent.claims[key] = Claim(waiting.channel, labels=waiting.requirement.labels)
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

"""The router's policy read literally: look at every pair, every time. What the matcher must choose, for any centre.

It shares no code with the matcher but the values and the expression language.
"""

from __future__ import annotations

from math import log

from actors.address import Address, name_of
from actors.messages.centre import Membership
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.routing.expression import Qualities, compiled
from actors.routing.strategy import lot
from actors.values import Requirement

HOUR_MS = 3_600_000


class Oracle:
    """Who waits, who is there, and whom the policy would pair."""

    def __init__(self, now: int, head_start_ms: int | None = None) -> None:
        self.now = now
        #: With the reserve policy, how much later may come what goes before.
        self.head_start_ms = head_start_ms
        self.waiting: dict[str, Waiting] = {}
        self.profiles: dict[Address, AgentProfile] = {}
        self.statuses: dict[Address, AgentStatus] = {}
        self._claims: dict[Address, int] = {}

    def match(self) -> list[tuple[str, Address]]:
        """Every pair, in order; those matched wait no more and take room."""
        matches: list[tuple[str, Address]] = []
        self._claims.clear()
        while (pair := self._best()) is not None:
            waiting, agent = pair
            del self.waiting[waiting.interaction]
            before = self.statuses[agent]
            spare = before.spare - 1
            room = {channel: min(free - (channel == waiting.channel), spare) for channel, free in before.room.items()}
            room = {channel: free for channel, free in room.items() if free > 0}
            self.statuses[agent] = AgentStatus(
                agent, room, before.load, before.idle_since, spare, before.busy_permille, before.form
            )
            self._claims[agent] = self._claims.get(agent, 0) + 1
            matches.append((waiting.interaction, agent))
        for agent, claims in self._claims.items():  # Once they have spoken, what was claimed is what they hold.
            before = self.statuses[agent]
            self.statuses[agent] = AgentStatus(
                agent, before.room, before.load + claims, before.idle_since, before.spare, before.busy_permille, before.form
            )
        return matches

    def _best(self) -> tuple[Waiting, Address] | None:
        """The first of each class that can get anybody, with the agent they would get; and of those the first pair."""
        firsts: dict[object, tuple[tuple[int, int, str], Waiting, Address]] = {}
        for waiting in self.waiting.values():
            agents = [agent for agent in self.statuses if self._ring(agent, waiting) is not None]
            if not agents:
                continue
            agent = min(agents, key=lambda agent: (self._ring(agent, waiting), *self._key(agent, waiting), agent))
            points = waiting.priority * HOUR_MS - waiting.ageing * waiting.enqueued_at
            newer_or_older = -waiting.enqueued_at if waiting.lifo else waiting.enqueued_at
            place = (-points, newer_or_older, waiting.interaction)
            kind = (waiting.queue, waiting.channel, waiting.rings, waiting.choice, waiting.further)
            if kind not in firsts or place < firsts[kind][0]:
                firsts[kind] = (place, waiting, agent)
        if not firsts:
            return None
        _, first, agent = min(firsts.values(), key=lambda first: self._rank(first[1], first[2]))
        if self.head_start_ms is None:
            return first, agent
        rivals = [
            waiting
            for _, waiting, their_agent in firsts.values()
            if their_agent == agent
            and waiting.priority == first.priority
            and self._rank(waiting, agent)[0] == self._rank(first, agent)[0]
            and waiting.enqueued_at - first.enqueued_at <= self.head_start_ms
        ]
        return self._narrowest(first, rivals, agent), agent

    def _narrowest(self, first: Waiting, rivals: list[Waiting], agent: Address) -> Waiting:
        """The oldest of those that only some of the first one's agents may serve; from there, the same again."""
        narrower = [rival for rival in rivals if self._members(rival) < self._members(first)]
        if not narrower:
            return first
        oldest = min(narrower, key=lambda one: (one.enqueued_at, self._rank(one, agent)))
        return self._narrowest(oldest, rivals, agent)

    def _members(self, waiting: Waiting) -> set[Address]:
        """Everybody who may ever serve it, busy or not."""
        return {agent for agent, profile in self.profiles.items() if self._admits(profile, waiting) is not None}

    def _rank(self, waiting: Waiting, agent: Address) -> tuple[bool, int, int, int, str]:
        points = waiting.priority * HOUR_MS + waiting.ageing * (self.now - waiting.enqueued_at)
        preference = self._membership(agent, waiting).priority
        return (waiting.further, preference, -points, waiting.enqueued_at, waiting.interaction)

    def _membership(self, agent: Address, waiting: Waiting) -> Membership:
        for membership in self.profiles[agent].memberships:
            if membership.queue == waiting.queue and membership.channel in ("", waiting.channel):
                return membership
        return Membership(waiting.queue)

    def _ring(self, agent: Address, waiting: Waiting) -> int | None:
        """The first ring that lets the agent, who has room, serve."""
        profile = self.profiles.get(agent)
        if profile is None or agent in waiting.not_agents or self.statuses[agent].room.get(waiting.channel, 0) <= 0:
            return None
        return self._admits(profile, waiting)

    def _admits(self, profile: AgentProfile, waiting: Waiting) -> int | None:
        for number, ring in enumerate(waiting.rings):
            if self._meets(profile, ring) and any(
                queue in profile.queues and self._delay_ms(profile, queue, waiting.channel) <= ring.delay_ms
                for queue in ring.queues or (waiting.queue,)
            ):
                return number
        return None

    @staticmethod
    def _delay_ms(profile: AgentProfile, queue: Address, channel: str) -> int:
        delays = [one.delay_ms for one in profile.memberships if one.queue == queue and one.channel in ("", channel)]
        return delays[0] if delays else 0

    @staticmethod
    def _meets(profile: AgentProfile, ring: Requirement) -> bool:
        levels = {skill.skill: skill.level for skill in profile.skills}
        name = name_of(profile.agent)
        if ring.agent not in ("", name) or any(levels.get(need.skill, 0) < need.level for need in ring.skills):
            return False
        qualities = Qualities(name, levels, profile.attributes, frozenset(profile.groups))
        return not ring.where or compiled(ring.where).holds(qualities)

    def _key(self, agent: Address, waiting: Waiting) -> tuple[float, ...]:
        if self.head_start_ms is None:
            return self._strategy(agent, waiting)
        profile = self.profiles[agent]
        return (len(profile.queues) * (1 + len(profile.skills)), *self._strategy(agent, waiting))

    def _strategy(self, agent: Address, waiting: Waiting) -> tuple[float, ...]:
        status, profile, claims = self.statuses[agent], self.profiles[agent], self._claims.get(agent, 0)
        membership, idle = self._membership(agent, waiting), (status.load + claims > 0, status.idle_since)
        levels = {skill.skill: skill.level for skill in profile.skills}
        drawn = Qualities(name_of(agent), levels, profile.attributes, frozenset(profile.groups))
        luck = lot_of(drawn, status)
        if waiting.choice.startswith("="):
            return (-compiled(waiting.choice[1:]).score(drawn), *idle)
        return {
            "": idle,
            "longest_idle": idle,
            "least_loaded": (claims, status.busy_permille, status.idle_since),
            "round_robin": (claims, status.form.offered_at),
            "fewest_interactions": (claims, status.form.handled, status.idle_since),
            "least_talk_time": (claims, status.form.talked, status.idle_since),
            "top_down": (membership.level, membership.position, claims),
            "tiers": (membership.level, *idle),
            "random": (claims, luck),
            "weighted": (claims, -log(luck) / membership.weight),
            "most_proficient": (-sum(levels.values()), *idle),
        }[waiting.choice]


def lot_of(qualities: Qualities, status: AgentStatus) -> float:
    """The lot that this agent draws for the next offer."""
    from actors.routing.strategy import Standing

    return lot(Standing(qualities, Membership(Address("")), 0, 0, 0, 0, status.form))

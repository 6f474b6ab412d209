"""What the matching keeps: pools of interactions that ask the same, the free agents who may serve them, and claims.

Keeps: an agent is in a pool exactly while one of its rings takes them, and among its free ones while there is room.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from actors.address import Address
from actors.messages.centre import Membership
from actors.messages.router import Waiting
from actors.router.ranking import Ranking
from actors.routing import order
from actors.routing.capacity import NO_CAPACITY, Capacity, Held, room_for, take
from actors.routing.eligibility import membership_of, ring_of
from actors.routing.expression import Qualities
from actors.routing.strategy import Standing
from actors.values import Form, Requirement

#: The place of whoever is first in a line, and whom the line excludes.
Head = tuple[int, int, str, tuple[Address, ...]]
#: (ring, strategy's key…, agent)
AgentRank = tuple[Any, ...]
#: Queue, channel, rings, strategy, whether they want a further agent.
PoolKey = tuple[Address, str, tuple[Requirement, ...], str, bool]


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
    further: bool = field(init=False)
    labels: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.queue, self.channel, rings, self.choice, self.further = self.key
        self.labels = rings[0].labels

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(line.waiting) for line in self.lines.values())

    @property
    def queues(self) -> set[Address]:
        """The queues whose agents may serve the pool."""
        queue, _, rings, _, _ = self.key
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
        queue, channel, rings, _, _ = self.key
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
    claims: dict[tuple[str, int], Claim] = field(default_factory=dict)
    #: Pool -> its ring that takes the agent.
    pools: dict[Pool, int] = field(default_factory=dict)
    #: Whether they take from some of their queues first.
    prefers: bool = False
    #: Whether they stand among the free of some pool.
    is_free: bool = False

    def membership(self, pool: Pool) -> Membership:
        """How the agent serves the queue of this pool; one who serves it for another queue, as everybody does."""
        queue, channel, _, _, _ = pool.key
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


def pool_key(waiting: Waiting) -> PoolKey:
    """What makes waiting interactions the same to every agent."""
    return (waiting.queue, waiting.channel, waiting.rings, waiting.choice, waiting.further)

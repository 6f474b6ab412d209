"""What a router is told. It keeps only soft state, so every message carries the whole truth about its subject."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from actors.actor import Message
from actors.address import Address, address
from actors.messages.centre import Membership, Reserve
from actors.routing.capacity import NO_CAPACITY, Capacity, Held
from actors.values import Attendance, Form, Requirement, SkillLevel, Value

ROUTER = address("router", "main")


class ConfigureRouter(Message, frozen=True):
    """Whose router it is, and whether it assigns those who are free together in batches."""

    version: int
    queues: tuple[Address, ...]
    agents: tuple[Address, ...]
    in_batches: bool = True
    reserve: Reserve | None = None


class Waiting(Message, frozen=True):
    """This interaction wants an agent. `not_agents` lately said no to it.

    `requirement` and `outer` are the rings that are open, innermost first. `choice`, `ageing` and `lifo` are its queue's.
    One that is offered already and wants a `further` agent beside comes after all who are offered to nobody; then those
    who are being asked are among `not_agents`. `leg` tells its stays in queues apart: their words may overtake each other.
    """

    interaction: str
    queue: Address
    channel: str
    priority: int
    enqueued_at: int
    requirement: Requirement
    not_agents: tuple[Address, ...] = ()
    outer: tuple[Requirement, ...] = ()
    choice: str = ""
    ageing: int = 0
    lifo: bool = False
    further: bool = False
    leg: int = 0

    @property
    def rings(self) -> tuple[Requirement, ...]:
        """Who may serve, innermost first."""
        return (self.requirement, *self.outer)


class NotWaiting(Message, frozen=True):
    """Reserved for as many as it wants, granted or withdrawn: no proposal for it, please.

    Every `Propose` is answered by exactly one of these; `agent` is whom the queue now holds the interaction for, so a
    router whose proposal came too late knows that its agent was never asked.
    """

    interaction: str
    queue: Address
    agent: Address = Address("")
    leg: int = 0


class AgentProfile(Message, frozen=True):
    """What an agent can do at all; sent when it changes."""

    agent: Address
    skills: tuple[SkillLevel, ...]
    queues: tuple[Address, ...]
    attributes: dict[str, str | int | float | bool] = {}
    groups: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()
    capacity: Capacity = NO_CAPACITY
    hold_back: int = 0


class AgentStatus(Message, frozen=True):
    """What an agent can take now. `room` holds the channels with free capacity; empty when not routable.

    `spare` is the units that nothing takes. Where each interaction takes one of them and channels have no rules between
    them, room after a proposal is room less one; elsewhere it is reckoned from `held` and the profile's capacity. `form`
    is how much they did lately, `busy_permille` how much of their units is taken; `attendance` whether they are there at
    all, busy or not.
    """

    agent: Address
    room: dict[str, int]
    load: int
    idle_since: int
    spare: int = 0
    busy_permille: int = 0
    form: Form = Form()
    #: What the agent holds; None where `room` and `spare` say all.
    held: Held | None = None
    attendance: Attendance = Attendance.ABSENT


class Match(Message, frozen=True):
    """To itself, once the shard is quiet: propose every pair that can meet."""


class ReadRouter(Message, frozen=True):
    """Ask what the router sees; answered with `RouterView`."""

    fleeting: ClassVar[bool] = True


class RouterView(Message, frozen=True):
    waiting: int
    routable: int
    classes: int


class ExplainRoute(Message, frozen=True):
    """Ask who would get an interaction now: one that waits, by its id, or one as its queue described it."""

    fleeting: ClassVar[bool] = True

    interaction: str = ""
    waiting: Waiting | None = None


class AgentReason(StrEnum):
    """Why an agent would or would not be asked, the nearest to being asked first."""

    FREE = "free"
    BACKED_OFF = "backed_off"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    DELAYED = "delayed"
    UNABLE = "unable"
    ELSEWHERE = "elsewhere"


class Verdict(Value, frozen=True):
    """What the router thinks of one agent for one interaction. `ring` and `score` rank the free ones, least first."""

    agent: str
    reason: AgentReason
    #: From 0; -1 when no open ring takes the agent.
    ring: int = -1
    score: tuple[float, ...] = ()
    words: str = ""


class RouteExplained(Message, frozen=True):
    """Free agents first, in the order in which they would be asked; `counts` are of all agents, by reason.

    `ahead` counts who would be served before it in its queue; `is_waiting` tells that it waits and is held for nobody.
    `rings` say what each open ring asks for, innermost first.
    """

    is_waiting: bool
    ahead: int
    rings: tuple[str, ...]
    choice: str
    verdicts: tuple[Verdict, ...]
    counts: dict[str, int]

"""Values that messages and records share: customers, content, requirements, reservations, states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from actors.address import Address
from actors.transitions import Transitions


class Value(msgspec.Struct, frozen=True, array_like=True):
    """A part of messages and records. Fields are only ever appended, with a default."""


class Customer(Value, frozen=True):
    """The person as the channel knows them."""

    id: str
    name: str = ""
    language: str = ""
    attributes: dict[str, str] = {}


class Attachment(Value, frozen=True):
    """A file that the channel adapter keeps; `url` is where the other side fetches it."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    url: str


class Content(Value, frozen=True):
    """What one message says."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()


class Author(StrEnum):
    """Who wrote a transcript entry. `COLLEAGUE` writes asides: lines between agents that no customer is shown."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SYSTEM = "system"
    COLLEAGUE = "colleague"


class SkillLevel(Value, frozen=True):
    """A skill and the least proficiency asked for, 1 (basic) to 10 (expert)."""

    skill: str
    level: int = 1


class Requirement(Value, frozen=True):
    """Who may serve an interaction: every skill at its level; if `agent` is set, only that agent.

    `where` is an expression that must be true of the agent (`actors.routing.expression`). `queues` says whose agents
    are meant, where they are not those of the queue that the interaction waits in. `delay_ms` lets agents in whose
    routing profile delays the queue by no more than that. `labels` say what kind of work it is, the same in every ring:
    agents take only so many at once of a label (`actors.routing.capacity`).
    """

    skills: tuple[SkillLevel, ...] = ()
    agent: str = ""
    where: str = ""
    queues: tuple[Address, ...] = ()
    delay_ms: int = 0
    labels: tuple[str, ...] = ()

    def also(self, skills: tuple[SkillLevel, ...], where: str = "") -> Requirement:
        """This and more: where the two name the same skill, the higher level; both expressions must hold."""
        if not skills and not where:
            return self
        levels = {asked.skill: asked.level for asked in self.skills}
        for asked in skills:
            levels[asked.skill] = max(asked.level, levels.get(asked.skill, 0))
        both = f"({self.where}) and ({where})" if self.where and where else self.where or where
        return replace(self, skills=skill_levels(levels), where=both)


def skill_levels(levels: Mapping[str, int]) -> tuple[SkillLevel, ...]:
    """Skills and levels in the one order that makes equal requirements equal."""
    return tuple(SkillLevel(skill, level) for skill, level in sorted(levels.items()))


class Why(Value, frozen=True):
    """How the router came to ask an agent: the figures of its decision, as `actors.events.Proposed` has them.

    `asked` is what the ring asks of agents that the agent was found in. `reserving`: by the reserve policy, whose part of
    each score comes first.
    """

    decided_at: int
    asked: Requirement
    choice: str = ""
    waiting: int = 0
    rings: int = 1
    candidates: int = 0
    ring: int = 0
    score: tuple[float, ...] = ()
    runner_up: Address = Address("")
    runner_up_ring: int = 0
    runner_up_score: tuple[float, ...] = ()
    together: bool = False
    reserving: bool = False
    #: Why the customer was to go to this agent first, if so.
    because: str = ""


class Form(Value, frozen=True):
    """What an agent did lately. Counts fade by half-lives, so that two agents compare the same at any later instant.

    `offers` were made in all, the last at `offered_at`. `handled` and `talked` are logarithms of faded counts, which grow
    with time itself (`actors.routing.strategy`): 0 for an agent who has done nothing yet.
    """

    offers: int = 0
    offered_at: int = 0
    handled: float = 0.0
    talked: float = 0.0


class PresenceState(StrEnum):
    """One presence for all channels. Only `AVAILABLE` is routable."""

    OFFLINE = "offline"
    AVAILABLE = "available"
    AWAY = "away"
    NOT_RESPONDING = "not_responding"


class Attendance(StrEnum):
    """Whether an agent counts as there for the queues they serve; each includes those after it."""

    ABSENT = "absent"
    SIGNED_IN = "signed_in"
    AVAILABLE = "available"


class Preference(StrEnum):
    """Why one agent is to serve a customer before anybody else."""

    #: The customer's own agent, whom an attribute of the customer names.
    DEDICATED = "dedicated"
    #: Whoever served the customer last.
    LAST = "last"


PRESENCE = Transitions(
    "presence",
    [PresenceState.OFFLINE],
    {
        PresenceState.OFFLINE: [PresenceState.AVAILABLE, PresenceState.AWAY],
        PresenceState.AVAILABLE: [PresenceState.OFFLINE, PresenceState.AWAY, PresenceState.NOT_RESPONDING],
        # Away to away: the reason changed (lunch, then a meeting), which reports tell apart.
        PresenceState.AWAY: [PresenceState.OFFLINE, PresenceState.AVAILABLE, PresenceState.AWAY],
        PresenceState.NOT_RESPONDING: [PresenceState.OFFLINE, PresenceState.AVAILABLE, PresenceState.AWAY],
    },
)


class ReservationState(StrEnum):
    """Where one reservation of one agent for one interaction stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RESCINDED = "rescinded"
    WRAPPING = "wrapping"
    COMPLETED = "completed"


def reservation_id(interaction: str, leg: int, attempt: int) -> str:
    """Name the queue's `attempt`-th try to hand over one leg of an interaction."""
    return f"{interaction}#{leg}.{attempt}"


def interaction_of(reservation: str) -> str:
    """Which interaction a reservation is for."""
    return reservation.rpartition("#")[0]


def leg_of(reservation: str) -> int:
    """Which leg of its interaction a reservation is for."""
    return int(reservation.rpartition("#")[2].partition(".")[0])


RESERVATION = Transitions(
    "reservation",
    [ReservationState.PENDING],
    {
        ReservationState.PENDING: [
            ReservationState.ACCEPTED,
            ReservationState.REJECTED,
            ReservationState.TIMED_OUT,
            ReservationState.CANCELLED,
            ReservationState.RESCINDED,
        ],
        ReservationState.ACCEPTED: [ReservationState.WRAPPING, ReservationState.COMPLETED],
        ReservationState.WRAPPING: [ReservationState.COMPLETED],
        ReservationState.REJECTED: [],
        ReservationState.TIMED_OUT: [],
        ReservationState.CANCELLED: [],
        ReservationState.RESCINDED: [],
        ReservationState.COMPLETED: [],
    },
)


class InteractionState(StrEnum):
    """Where one interaction stands, as its session sees it."""

    QUEUED = "queued"
    CONNECTED = "connected"
    ENDED = "ended"


INTERACTION = Transitions(
    "interaction",
    [InteractionState.QUEUED, InteractionState.ENDED],
    {
        InteractionState.QUEUED: [InteractionState.CONNECTED, InteractionState.QUEUED, InteractionState.ENDED],
        # Connected to connected: a colleague who was consulted has taken the customer over.
        InteractionState.CONNECTED: [InteractionState.CONNECTED, InteractionState.QUEUED, InteractionState.ENDED],
        InteractionState.ENDED: [],
    },
)


class WaitingState(StrEnum):
    """Where an interaction stands inside one queue."""

    WAITING = "waiting"
    RESERVED = "reserved"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


WAITING = Transitions(
    "waiting",
    [WaitingState.WAITING],
    {
        # Waiting to waiting: it asks for less, or for somebody else, or stands elsewhere than before.
        WaitingState.WAITING: [WaitingState.WAITING, WaitingState.RESERVED, WaitingState.WITHDRAWN],
        # Reserved to reserved: one more agent is asked, or one of several no longer is.
        WaitingState.RESERVED: [
            WaitingState.WAITING,
            WaitingState.RESERVED,
            WaitingState.GRANTED,
            WaitingState.WITHDRAWN,
        ],
        WaitingState.GRANTED: [],
        WaitingState.WITHDRAWN: [],
    },
)


class ConsultStage(StrEnum):
    """How far an agent is who asks a colleague for help."""

    ASKING = "asking"
    CONSULTING = "consulting"
    CONFERENCE = "conference"
    ENDED = "ended"


class EndReason(StrEnum):
    """The one terminal outcome of an interaction (I1). The last three end consults only."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ABANDONED = "abandoned"
    CLOSED = "closed"
    NO_SUCH_QUEUE = "no_such_queue"
    REFUSED = "refused"
    COLLEAGUE = "colleague"
    UNANSWERED = "unanswered"
    TAKEN_OVER = "taken_over"


class NoticeKind(StrEnum):
    """What a customer is told that nobody typed; the channel words it in the customer's language."""

    QUEUED = "queued"
    CONNECTED = "connected"
    TRANSFERRED = "transferred"
    ENDED = "ended"
    CLOSED = "closed"
    JOINED = "joined"
    LEFT = "left"


class TranscriptEntry(Value, frozen=True):
    """One line of a conversation, numbered from 1 within it; `at` is when it was committed (ms since the epoch)."""

    number: int
    id: str
    author: Author
    author_name: str
    at: int
    content: Content


class Aside(Value, frozen=True):
    """A line between agents, which the customer is not shown; `after` is the entry that it follows (0: none).

    Asides are numbered by themselves, from 1: the customer's numbers have no gaps that would tell of them.
    """

    entry: TranscriptEntry
    after: int

"""What a session stores: where it stands, the marks, and one record for each line of the transcript."""

from __future__ import annotations

from actors.actor import Record
from actors.address import Address
from actors.values import Aside, Customer, EndReason, InteractionState, Requirement, TranscriptEntry, Value, interaction_of

STATE = "s"
MARKS = "marks"
LINE_PREFIX = "m/"
ASIDE_PREFIX = "a/"
CONSULTATION = "consult"


class Serving(Value, frozen=True):
    """The agent who has the conversation, and the link that their desk is at."""

    reservation: str
    agent: str
    agent_name: str
    address: Address
    desk: str
    remembers_ms: int = 0

    @property
    def interaction(self) -> str:
        """As the agent knows the conversation: what their reservation is for, which may be a consult that they took over."""
        return interaction_of(self.reservation)


class Told(Value, frozen=True):
    """What a waiting customer was last told: on which leg, how many are in front, and the rounded wait in minutes."""

    leg: int
    ahead: int
    least_min: int = 0
    most_min: int = 0


class SessionState(Record, frozen=True):
    """Where the conversation stands. Not written for each message: a busy chat writes only its lines."""

    conversation: str
    interaction: str
    channel: str
    link: str
    customer: Customer
    subject: str
    priority: int
    requirement: Requirement
    retention_ms: int
    #: When the customer came. It stays over transfers, so that a transferred customer goes before newcomers.
    enqueued_at: int
    state: InteractionState
    queue: str
    leg: int = 1
    #: Where a transfer to a queue that does not exist goes back to.
    last_queue: str = ""
    serving: Serving | None = None
    #: A desk that told us of its move before the queue told us of the agent.
    moved_desk: str = ""
    #: Ids of the transfers already made.
    transfers: tuple[str, ...] = ()
    reason: EndReason | None = None
    #: The newest connection of the customer's device; older ones that come late are not shown anything.
    visit: int = 0
    #: The queue tells those waiting at declared times, and this is what it told last.
    told: Told | None = None
    #: The queues that moved it on by a rule of overflow.
    moved_from: tuple[Address, ...] = ()
    #: How many consults there were about it; they are numbered after the interaction itself.
    consults: int = 0


class Marks(Record, frozen=True):
    """How far each side received and read the transcript."""

    customer_delivered: int = 0
    customer_read: int = 0
    agent_delivered: int = 0
    agent_read: int = 0


class TranscriptLine(Record, frozen=True):
    """One entry, alone in its record so that a message writes nothing else."""

    entry: TranscriptEntry


class AsideLine(Record, frozen=True):
    """One line between agents."""

    aside: Aside


class Consultation(Record, frozen=True):
    """An agent asks a colleague, and how far it got; it goes when that is over. `serving` is the colleague, once there."""

    interaction: str
    queue: str
    to_agent: str
    asked_by: str
    asked_at: int
    #: When nobody is asked any more.
    ends_at: int
    state: InteractionState = InteractionState.QUEUED
    leg: int = 1
    serving: Serving | None = None
    #: The colleague talks with the customer too.
    is_conference: bool = False
    #: As of the session's own state.
    moved_desk: str = ""
    moved_from: tuple[Address, ...] = ()

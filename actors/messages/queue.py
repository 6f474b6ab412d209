"""What a queue is told. The queue alone decides who an interaction is held for.

router            queue                 agent
  | Propose -------> | Reserve ----------> |  (commits the reservation, offer rings)
  |                  | <-- Accept          |
  |                  | Granted ----------> |  exactly one; every other is Rescinded
  |                  | <-- Released        |  rejected, timed out, logged out, no capacity
"""

from __future__ import annotations

from typing import ClassVar

from actors.actor import Message
from actors.address import Address
from actors.messages.centre import QueueConfig
from actors.routing.expecting import Expected
from actors.values import Attendance, Customer, Requirement, ReservationState, Value, WaitingState, Why


class ConfigureQueue(Message, frozen=True):
    version: int
    config: QueueConfig


class RetireQueue(Message, frozen=True):
    """Taken out of the configuration: those waiting are still served, new arrivals are refused."""

    version: int


class Enqueue(Message, frozen=True):
    """Hold this interaction until an agent is granted. `leg` counts the interaction's queueings from 1."""

    interaction: str
    leg: int
    session: Address
    channel: str
    customer: Customer
    priority: int
    requirement: Requirement
    enqueued_at: int
    subject: str = ""
    #: When a requirement for one agent is given up and any agent may serve; 0 means never.
    fallback_at: int = 0
    #: Who just gave the interaction away, and is not to be asked during the queue's back-off.
    not_agents: tuple[Address, ...] = ()
    #: The queues that moved it on by a rule of overflow, and do not do so again.
    moved_from: tuple[Address, ...] = ()
    #: The name of the agent who asks for help with this customer; empty for a customer who waits.
    asks: str = ""
    #: Until when `not_agents` are not asked; 0: for the queue's back-off.
    not_until: int = 0


class Withdraw(Message, frozen=True):
    """The customer is gone, or is needed elsewhere."""

    interaction: str
    leg: int


class AskPosition(Message, frozen=True):
    """A waiting customer came back, or it is time to tell them: answered with `Queued` if this leg still waits here."""

    interaction: str
    leg: int
    session: Address
    #: It is time to tell; nobody came back.
    timed: bool = False


class Propose(Message, frozen=True):
    """Ask this agent for this leg (0: whichever it is).

    `rings` are those that were open when the router decided; a queue that has closed one of them declines. `why` is for the
    agent to be told, who may ask.
    """

    interaction: str
    agent: Address
    rings: tuple[Requirement, ...] = ()
    leg: int = 0
    why: Why | None = None


class Accept(Message, frozen=True):
    """The agent wants the interaction that it was reserved for."""

    reservation: str
    interaction: str
    agent: Address
    agent_name: str
    desk: str


class Released(Message, frozen=True):
    """The agent does not take the interaction; `outcome` says how the reservation ended."""

    reservation: str
    interaction: str
    agent: Address
    outcome: ReservationState
    #: A rejecting agent said that they are busy.
    busy: bool = False


class LastAgent(Message, frozen=True):
    """From the customer: who served them last; empty for nobody, or too long ago."""

    interaction: str
    leg: int
    agent: Address = Address("")


class Preferable(Message, frozen=True):
    """From an agent: whether they could serve this leg, and whether they are there."""

    interaction: str
    leg: int
    agent: Address
    serves: bool
    attendance: Attendance


class Reprioritise(Message, frozen=True):
    """Let this leg stand elsewhere in the order."""

    interaction: str
    leg: int
    priority: int


class ReadPlaces(Message, frozen=True):
    """Ask who waits, in the order of service; answered with `Places`."""

    fleeting: ClassVar[bool] = True

    limit: int = 100


class PlaceView(Value, frozen=True):
    """One place; `agents` are being asked."""

    interaction: str
    leg: int
    channel: str
    priority: int
    enqueued_at: int
    state: WaitingState
    agents: tuple[Address, ...] = ()


class Places(Message, frozen=True):
    """The first `limit` places of a queue, of `total`."""

    queue: str
    total: int
    places: tuple[PlaceView, ...]


class ReadQueue(Message, frozen=True):
    """Ask for the live counters; answered with `QueueCounters`."""

    fleeting: ClassVar[bool] = True


class DescribeWaiting(Message, frozen=True):
    """Ask what an interaction that entered now would wait for, by this queue's rules; answered with `Waiting`."""

    fleeting: ClassVar[bool] = True

    channel: str
    priority: int = 0
    requirement: Requirement = Requirement()
    #: How long it would have waited already.
    waited_ms: int = 0


class QueueCounters(Message, frozen=True):
    """Live figures of one queue; `oldest_at` is 0 when nobody waits, and the totals count from the queue's creation.

    `expected` is the wait of somebody who came now, if everybody is busy; None as long as too little is known.
    """

    queue: str
    waiting: int
    offered: int
    oldest_at: int
    entered: int
    granted: int
    withdrawn: int
    granted_in_target: int
    expected: Expected | None = None
    overflowed: int = 0
    refused: int = 0


class Staffing(Message, frozen=True):
    """From the router: whether any agent of the queue is signed in, and whether any is available. Sent when it changes."""

    signed_in: bool
    available: bool


class MayBorrow(Message, frozen=True):
    """Another queue has customers who may go to this one's agents; answered with `Lends`, and asked again while they wait."""

    borrower: Address


class Lends(Message, frozen=True):
    """Whether the agents of `lender` may be asked, until the next answer."""

    lender: Address
    lends: bool


class ReportQueue(Message, frozen=True):
    """The router lost its soft state: tell it everything again."""

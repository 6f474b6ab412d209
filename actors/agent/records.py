"""What an agent stores: configuration, presence, and one record for each open reservation."""

from __future__ import annotations

from actors.actor import Record
from actors.address import Address
from actors.messages.centre import AgentConfig
from actors.values import Customer, Form, PresenceState, ReservationState, Why

SETTING = "cfg"
FORM = "form"
PRESENCE_KEY = "presence"
RESERVATION_PREFIX = "r/"
WHY_PREFIX = "why/"


class AgentSetting(Record, frozen=True):
    """The configuration in force; a retired agent finishes what they have and takes no more."""

    version: int
    config: AgentConfig
    retired: bool = False


class Presence(Record, frozen=True):
    """Where the agent is: one presence for all channels, and the link that their desk is at."""

    state: PresenceState = PresenceState.OFFLINE
    reason: str = ""
    since: int = 0
    desk: str = ""
    #: The desk's connection broke, and its grace time runs.
    desk_lost: bool = False
    #: When the agent last became available or ended an interaction.
    idle_since: int = 0
    #: Offers in a row that rang out; any other answer, and each sign-out, begins anew.
    unanswered: int = 0

    @property
    def is_routable(self) -> bool:
        """Whether an offer would reach somebody who wants it (I4)."""
        return self.state is PresenceState.AVAILABLE and not self.desk_lost


class AgentForm(Record, frozen=True):
    """What the agent did lately, for strategies that go by it."""

    form: Form


class Reservation(Record, frozen=True):
    """One open reservation; it goes when it reaches a final state."""

    reservation: str
    interaction: str
    queue: Address
    session: Address
    channel: str
    customer: Customer
    subject: str
    waited_ms: int
    wrap_up_ms: int
    started_at: int
    #: The offer's deadline while pending, the wrap-up's while wrapping, 0 otherwise.
    ends_at: int
    state: ReservationState = ReservationState.PENDING
    #: The agent said yes and the queue has not answered yet; the deadline no longer counts.
    is_accepting: bool = False
    #: When the conversation began; 0 until it does.
    accepted_at: int = 0
    labels: tuple[str, ...] = ()
    #: How often something that may interrupt it rang while it was held.
    interrupted: int = 0
    #: What becomes of an agent who does not answer, where the queue says it.
    no_answer: PresenceState | None = None
    #: The name of the colleague who asks for help; empty for a customer who waited.
    asks: str = ""


class Reason(Record, frozen=True):
    """Why the agent was asked: alone in its record, so that a reservation's moves do not write it again."""

    why: Why

"""Commands that leave the cluster over a link: to a channel adapter (`Show…`) or to an agent's desk (`Desk…`).

They are addressed to `gateway/<link>`. The same command may arrive twice after a crash, so each one says what *is*
rather than what changed, or carries the number that tells it was seen.
"""

from __future__ import annotations

from actors.actor import Message
from actors.address import GATEWAY_KIND, Address
from actors.messages.queue import QueueCounters
from actors.routing.expecting import Expected
from actors.values import (
    Aside,
    ConsultStage,
    Customer,
    EndReason,
    NoticeKind,
    PresenceState,
    ReservationState,
    TranscriptEntry,
    Value,
)


def link_address(link: str) -> Address:
    """Where commands for the adapter or desk on this link go."""
    return Address(f"{GATEWAY_KIND}/{link}")


class ShowEntries(Message, frozen=True):
    """Entries for the customer to see, in order; numbers already shown are to be skipped."""

    conversation: str
    entries: tuple[TranscriptEntry, ...]


class ShowTyping(Message, frozen=True):
    conversation: str
    typing: bool
    name: str = ""


class ShowSaw(Message, frozen=True):
    """How far the agent's desk received and read the customer's messages; marks never go back."""

    conversation: str
    delivered: int
    read: int


class ShowNotice(Message, frozen=True):
    """A state of the conversation; `ahead` is how many wait in front and `expected` how much longer (for `queued`)."""

    conversation: str
    kind: NoticeKind
    agent_name: str = ""
    queue: str = ""
    ahead: int = 0
    expected: Expected | None = None
    ahead_hidden: bool = False


class DeskReservation(Value, frozen=True):
    """One reservation as the desk shows it; `ends_at` is the offer's or wrap-up's deadline, 0 for none.

    `asks` is the name of the colleague who asks for help; empty for a customer who waits.
    """

    reservation: str
    interaction: str
    state: ReservationState
    queue: str
    channel: str
    customer: Customer
    subject: str
    waited_ms: int
    started_at: int
    ends_at: int
    asks: str = ""


class DeskState(Message, frozen=True):
    """All that an agent has: presence and every open reservation. Sent at sign-in and after each change."""

    agent: str
    name: str
    presence: PresenceState
    reason: str
    since: int
    reservations: tuple[DeskReservation, ...]
    now: int


class DeskOffer(Message, frozen=True):
    """Ring: the agent may accept until `reservation.ends_at`."""

    agent: str
    reservation: DeskReservation
    now: int


class DeskOfferEnded(Message, frozen=True):
    """Stop ringing, or leave the conversation: the reservation moved to `outcome`."""

    agent: str
    reservation: str
    interaction: str
    outcome: ReservationState


class ConsultView(Value, frozen=True):
    """An agent (`asked_by`) who asks a colleague, as the desks of both show it.

    `consult` is its id. `agent` is the colleague: whom it is for, or who took it; empty as long as anybody of `queue` may.
    `reason` is why it ended. Two of the same consult differ in `stage`.
    """

    consult: str
    stage: ConsultStage
    asked_by: str
    asked_by_name: str
    queue: str
    agent: str = ""
    agent_name: str = ""
    reason: EndReason | None = None


class DeskConsult(Message, frozen=True):
    """How a consult about this conversation stands now; `interaction` is as this desk knows the conversation."""

    agent: str
    interaction: str
    consult: ConsultView


class DeskAsides(Message, frozen=True):
    """Lines between agents, in order; numbers already shown are to be skipped."""

    agent: str
    interaction: str
    asides: tuple[Aside, ...]


class DeskConversation(Message, frozen=True):
    """The whole conversation, for an agent who begins or comes back to it.

    `interaction` is what this agent's reservation is for: for a consulted colleague the consult, also once they have taken
    the customer over.
    """

    agent: str
    interaction: str
    reservation: str
    channel: str
    customer: Customer
    entries: tuple[TranscriptEntry, ...]
    customer_delivered: int
    customer_read: int
    asides: tuple[Aside, ...] = ()
    #: The consult that goes on; None when there is none.
    consult: ConsultView | None = None


class DeskEntries(Message, frozen=True):
    agent: str
    interaction: str
    entries: tuple[TranscriptEntry, ...]


class DeskTyping(Message, frozen=True):
    agent: str
    interaction: str
    typing: bool


class DeskSaw(Message, frozen=True):
    """How far the customer's device received and read the agent's messages."""

    agent: str
    interaction: str
    delivered: int
    read: int


class DeskSignedOut(Message, frozen=True):
    """Another desk signed this agent in, or the agent was retired: this desk no longer speaks for them."""

    agent: str
    reason: str


class DeskQueues(Message, frozen=True):
    queues: tuple[QueueCounters, ...]

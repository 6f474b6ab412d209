"""What an agent is told: by their desk, by queues, and by the sessions that they serve."""

from __future__ import annotations

from typing import ClassVar

from actors.actor import Message
from actors.address import Address
from actors.messages.centre import AgentConfig
from actors.values import Customer, PresenceState, Requirement, Why


class ConfigureAgent(Message, frozen=True):
    version: int
    config: AgentConfig


class RetireAgent(Message, frozen=True):
    """Taken out of the configuration: signed out once the last interaction is complete."""

    version: int


class SignIn(Message, frozen=True):
    """The agent's desk is at `link`; a later sign-in wins, and a repeated one is told everything again."""

    link: str


class SignOut(Message, frozen=True):
    pass


class DeskLost(Message, frozen=True):
    """The desk's connection broke; the agent has a grace time to come back before being signed out."""

    link: str


class SetPresence(Message, frozen=True):
    state: PresenceState
    reason: str = ""


class Reserve(Message, frozen=True):
    """The queue holds this interaction for the agent, who says yes by ringing and no by `Released`."""

    reservation: str
    interaction: str
    queue: Address
    session: Address
    channel: str
    customer: Customer
    subject: str
    waited_ms: int
    offer_timeout_ms: int
    wrap_up_ms: int
    labels: tuple[str, ...] = ()
    #: What becomes of an agent who does not answer; None: what the agent's own configuration says.
    no_answer: PresenceState | None = None
    why: Why | None = None
    #: The name of the colleague who asks for help with this customer; empty for a customer who waits.
    asks: str = ""


class AcceptOffer(Message, frozen=True):
    reservation: str


class RejectOffer(Message, frozen=True):
    """Not this one, please; `busy`: not now, which the queue may remember for another time."""

    reservation: str
    reason: str = ""
    busy: bool = False


class Granted(Message, frozen=True):
    """The queue gave this agent the interaction; an agent who left meanwhile hands it back to `session`."""

    reservation: str
    interaction: str = ""
    session: Address = Address("")


class Rescinded(Message, frozen=True):
    """Somebody else got it, or the queue no longer holds it for this agent."""

    reservation: str


class Cancelled(Message, frozen=True):
    """The customer left while the offer rang."""

    reservation: str


class ServiceEnded(Message, frozen=True):
    """The session is over for this agent (ended or transferred): wrap up, if there is something to."""

    reservation: str
    wraps_up: bool = True


class CompleteWrapUp(Message, frozen=True):
    reservation: str
    disposition: str
    note: str = ""


class MayBePreferred(Message, frozen=True):
    """Could this agent serve it, and are they there? Answered to the queue with `Preferable`."""

    queue: Address
    interaction: str
    leg: int
    channel: str
    requirement: Requirement


class ExplainReservation(Message, frozen=True):
    """Ask why this agent was asked; answered with `ReservationExplained` as long as the reservation is open."""

    fleeting: ClassVar[bool] = True

    reservation: str


class ReservationExplained(Message, frozen=True):
    """`why` is None where a release from before explanations were kept had decided."""

    reservation: str
    interaction: str
    queue: Address
    why: Why | None = None


class ReportAgent(Message, frozen=True):
    """The router lost its soft state: tell it everything again."""

"""What a session is told: by the customer's channel, by the agent's desk, by queues and agents.

adapter            session                queue              agent
   | Arrive ---------> | Enqueue ----------> |                  |
   |                   | <---------- Queued  |                  |
   |                   | <--------- Assigned | (grant)          |
   | CustomerMessage ->| DeskEntries -------------------------> desk
   | <--- ShowEntries  | <--------------------------- AgentMessage
   | CustomerLeft ---> | Withdraw ---------> |                  |
   |                   | ServiceEnded ------------------------> |
"""

from __future__ import annotations

from typing import ClassVar

from actors.actor import Message
from actors.address import Address
from actors.routing.expecting import Expected
from actors.values import Content, Customer, EndReason, InteractionState, Requirement


class Arrive(Message, frozen=True):
    """A customer opens a conversation: a need on one channel. `open` is false outside the entry point's hours."""

    begins: ClassVar[bool] = True

    conversation: str
    channel: str
    link: str
    customer: Customer
    queue: str
    priority: int = 0
    requirement: Requirement = Requirement()
    open: bool = True
    subject: str = ""
    retention_ms: int = 600_000
    #: What a customer is told when it is not open.
    closed_text: str = ""


class CustomerMessage(Message, frozen=True):
    """The customer wrote; `id` is the channel's own and recognised when it comes again."""

    id: str
    content: Content


class CustomerTyping(Message, frozen=True):
    fleeting: ClassVar[bool] = True

    typing: bool


class CustomerSaw(Message, frozen=True):
    """Marks move forward only: what reached the customer's device, and what was on screen."""

    delivered: int = 0
    read: int = 0


class CustomerResumed(Message, frozen=True):
    """The customer's device is back, perhaps over another link: show it all entries after `seen`.

    `visit` counts the device's connections from 1, so that one which comes late over an old link does not take the
    customer away from a newer one; 0 says that the channel cannot tell.
    """

    link: str
    seen: int = 0
    visit: int = 0


class CustomerLeft(Message, frozen=True):
    """The customer ended the conversation."""


class Queued(Message, frozen=True):
    """So many wait in front; `expected` is None if it is not known, or not to be told.

    `ask_after_ms` is when to ask again and tell the customer (0: never); `timed` answers such a question.
    """

    interaction: str
    queue: str
    ahead: int
    expected: Expected | None = None
    ask_after_ms: int = 0
    timed: bool = False
    #: The customer is not to be told how many are in front.
    ahead_hidden: bool = False


class Assigned(Message, frozen=True):
    """The queue granted the interaction to this agent, whose desk is at `desk` (a link name)."""

    interaction: str
    reservation: str
    agent: str
    agent_name: str
    agent_address: Address
    desk: str
    #: For how long the customer is to remember who served them; 0: not at all.
    remembers_ms: int = 0


class DeskMoved(Message, frozen=True):
    """The agent serving this interaction signed in over another link; show the conversation there."""

    interaction: str
    agent: str
    desk: str
    reservation: str = ""


class AgentGone(Message, frozen=True):
    """The agent signed out or never came back while serving: the customer goes on waiting for another one."""

    interaction: str
    agent: str
    reservation: str


class Withdrawn(Message, frozen=True):
    interaction: str
    queue: str


class NotQueued(Message, frozen=True):
    """The queue does not exist or takes nobody; the session must not wait for it."""

    interaction: str
    queue: str


class Overflow(Message, frozen=True):
    """The queue does not keep this leg: wait in `to` instead, or end refused when it is empty; tell the customer `text`.

    A place that is not kept begins anew behind those who wait; `points` are added to the priority.
    """

    interaction: str
    leg: int
    queue: str
    to: str = ""
    keeps_place: bool = True
    points: int = 0
    text: str = ""


class AgentMessage(Message, frozen=True):
    agent: str
    interaction: str
    id: str
    content: Content


class AgentTyping(Message, frozen=True):
    fleeting: ClassVar[bool] = True

    agent: str
    interaction: str
    typing: bool


class AgentSaw(Message, frozen=True):
    agent: str
    interaction: str
    delivered: int = 0
    read: int = 0


class TransferTo(Message, frozen=True):
    """Blind transfer to a queue, or to an agent (through `queue`, reserved for that agent until `fallback_ms`)."""

    agent: str
    interaction: str
    id: str
    queue: str
    to_agent: str = ""
    fallback_ms: int = 60_000


class ReturnToQueue(Message, frozen=True):
    """The agent gives the customer back to the queue they came from; without `keep_place` as if they came now."""

    agent: str
    interaction: str
    id: str
    keep_place: bool = True


class Consult(Message, frozen=True):
    """The agent asks a colleague for help, anybody of `queue` or `to_agent`, and goes on serving the customer meanwhile.

    Nobody is asked any more after `give_up_ms`. Answered at the desk by `DeskConsult`.
    """

    agent: str
    interaction: str
    id: str
    queue: str
    to_agent: str = ""
    give_up_ms: int = 120_000


class StartConference(Message, frozen=True):
    """Whoever asked lets the colleague of this consult talk with the customer too."""

    agent: str
    interaction: str
    consult: str


class CompleteConsult(Message, frozen=True):
    """Whoever asked leaves the customer to the colleague of this consult."""

    agent: str
    interaction: str
    consult: str


class EndConsult(Message, frozen=True):
    """Whoever asked needs the colleague no more, or asks no longer; or the colleague leaves."""

    agent: str
    interaction: str
    consult: str


class AgentAside(Message, frozen=True):
    """What one agent writes to the other during a consult or conference; the customer is not shown it."""

    agent: str
    interaction: str
    id: str
    content: Content


class Redirect(Message, frozen=True):
    """A supervisor (`by`) lets the customer wait in a queue (empty: the same), or there for one agent until `fallback_ms`.

    Refused with FAILED_PRECONDITION unless the interaction `expects` to be so, and with ABORTED unless it is on its
    `expected_leg` (0: whatever it is). Answered with `InteractionView`.
    """

    id: str
    by: str
    queue: str = ""
    to_agent: str = ""
    fallback_ms: int = 60_000
    keep_place: bool = True
    expected_leg: int = 0
    expects: InteractionState | None = None
    #: Which one is meant; empty: the customer's. An agent's consult cannot be moved.
    interaction: str = ""


class Prioritise(Message, frozen=True):
    """A supervisor gives the customer another priority; `expected_leg`, `interaction` and answer as of `Redirect`."""

    priority: int
    expected_leg: int = 0
    interaction: str = ""


class ReadInteraction(Message, frozen=True):
    """Ask where the interaction stands; answered with `InteractionView`."""

    fleeting: ClassVar[bool] = True

    interaction: str = ""


class InteractionView(Message, frozen=True):
    """Where one interaction stands; `agent` serves it, `reason` is why it ended."""

    interaction: str
    channel: str
    state: InteractionState
    leg: int
    queue: str
    priority: int
    enqueued_at: int
    agent: str = ""
    reason: EndReason | None = None


class AgentEnds(Message, frozen=True):
    agent: str
    interaction: str


class ShowConversation(Message, frozen=True):
    """The agent's desk asks for the whole conversation again."""

    agent: str
    interaction: str
    desk: str

"""The agent desk's WebSocket protocol, version 1: every frame of either side.

    page                               server
      | --- sign_in / resume --------->  |   a password once, then the token that it earned
      | <-- signed_in (token, centre) -  |
      | <-- state, conversation -------  |   everything the agent has; again after each reconnection
      | --- accept / say / ... (ref) ->  |
      | <-- accepted / refused (ref) --  |   committed, or not applied at all

Every frame acts for the agent who is signed in on this socket and for nobody else. This module is the only source of
the contract: the page's TypeScript types are generated from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gateways.web.framing import Problem, ServerFrame
from gateways.web.transcript import AttachmentInfo, Entry

SUBPROTOCOL = "trunkline.desk.v1"
MAX_TEXT_LENGTH = 8000
MAX_ATTACHMENTS = 10

Ref = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
OptionalId = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_LENGTH)]
Note = Annotated[str, msgspec.Meta(max_length=4000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class PageFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """A frame from the page to the server."""


class SignIn(PageFrame, frozen=True, kw_only=True, tag="sign_in"):
    ref: Ref
    agent: Id
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Resume(PageFrame, frozen=True, kw_only=True, tag="resume"):
    """Come back with the token of an earlier sign-in."""

    ref: Ref
    agent: Id
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class SignOut(PageFrame, frozen=True, kw_only=True, tag="sign_out"):
    ref: Ref


class SetPresence(PageFrame, frozen=True, kw_only=True, tag="presence"):
    ref: Ref
    presence: Literal["available", "away"]
    reason: OptionalId = ""


class Accept(PageFrame, frozen=True, kw_only=True, tag="accept"):
    ref: Ref
    reservation: Id


class Reject(PageFrame, frozen=True, kw_only=True, tag="reject"):
    """Decline an offer; `busy`: not now, which the queue may remember for another time than not this one."""

    ref: Ref
    reservation: Id
    reason: OptionalId = ""
    busy: bool = False


class Say(PageFrame, frozen=True, kw_only=True, tag="say"):
    """Write to the customer; `ref` is the message's id, so that sending it again is harmless.

    An `aside`, during a consult or conference, goes to the other agent only.
    """

    ref: Ref
    interaction: Id
    text: Text = ""
    attachments: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_ATTACHMENTS)] = ()
    aside: bool = False


class Typing(PageFrame, frozen=True, kw_only=True, tag="typing"):
    interaction: Id
    typing: bool


class Saw(PageFrame, frozen=True, kw_only=True, tag="saw"):
    """How far entries reached the page, and how far they were on screen; marks never go back."""

    interaction: Id
    delivered: Count = 0
    read: Count = 0


class Transfer(PageFrame, frozen=True, kw_only=True, tag="transfer"):
    """Hand the customer to a queue, or to one agent of it."""

    ref: Ref
    interaction: Id
    queue: Id
    to_agent: OptionalId = ""


class GiveBack(PageFrame, frozen=True, kw_only=True, tag="give_back"):
    """Let the customer wait for somebody else in the queue they came from, in their place or behind all who wait."""

    ref: Ref
    interaction: Id
    keep_place: bool = True


class AskColleague(PageFrame, frozen=True, kw_only=True, tag="ask_colleague"):
    """Ask anybody of a queue for help, or one agent of it; the customer stays. How it goes is told by `consult`."""

    ref: Ref
    interaction: Id
    queue: Id
    to_agent: OptionalId = ""


class Conference(PageFrame, frozen=True, kw_only=True, tag="conference"):
    """Let the colleague of this consult talk with the customer too."""

    ref: Ref
    interaction: Id
    consult: Id


class HandOver(PageFrame, frozen=True, kw_only=True, tag="hand_over"):
    """Leave the customer to the colleague of this consult."""

    ref: Ref
    interaction: Id
    consult: Id


class EndConsult(PageFrame, frozen=True, kw_only=True, tag="end_consult"):
    """End the consult, or stop asking; for the colleague: leave it."""

    ref: Ref
    interaction: Id
    consult: Id


class End(PageFrame, frozen=True, kw_only=True, tag="end"):
    ref: Ref
    interaction: Id


class WrapUp(PageFrame, frozen=True, kw_only=True, tag="wrap_up"):
    ref: Ref
    reservation: Id
    disposition: OptionalId = ""
    note: Note = ""


class Show(PageFrame, frozen=True, kw_only=True, tag="show"):
    """The page missed something of a conversation: send all of it."""

    interaction: Id


class Explain(PageFrame, frozen=True, kw_only=True, tag="explain"):
    """Ask why the agent got an offer, or what became of it; answered with `explained`."""

    ref: Ref
    reservation: Id


class Ping(PageFrame, frozen=True, kw_only=True, tag="ping"):
    """Answered with `pong`: how a page notices a dead connection."""


PageFrames = (
    SignIn | Resume | SignOut | SetPresence | Accept | Reject | Say | Typing | Saw | Transfer | GiveBack | AskColleague
    | Conference | HandOver | EndConsult | End | WrapUp | Show | Explain | Ping
)  # fmt: skip


class Named(msgspec.Struct, frozen=True):
    """Something to choose from; `names` maps a language to its wording."""

    id: str
    names: dict[str, str]


class QueueInfo(msgspec.Struct, frozen=True):
    """`in_target_ms` is the wait that the service level counts as in time."""

    id: str
    names: dict[str, str]
    in_target_ms: int


class Colleague(msgspec.Struct, frozen=True):
    """Another agent, and the queues that they serve."""

    id: str
    name: str
    queues: tuple[str, ...]


class Centre(msgspec.Struct, frozen=True):
    """What the agent chooses from."""

    names: dict[str, str]
    queues: tuple[QueueInfo, ...]
    agents: tuple[Colleague, ...]
    dispositions: tuple[Named, ...]
    presence_reasons: tuple[Named, ...]
    skills: tuple[Named, ...]


class Welcome(ServerFrame, frozen=True, kw_only=True, tag="welcome"):
    """The first frame."""

    max_attachment_mb: float


class SignedIn(ServerFrame, frozen=True, kw_only=True, tag="signed_in"):
    agent: str
    name: str
    token: str
    centre: Centre


class CentreChanged(ServerFrame, frozen=True, kw_only=True, tag="centre"):
    """Another version of the configuration is in force."""

    centre: Centre


class SignedOut(ServerFrame, frozen=True, kw_only=True, tag="signed_out"):
    """This page no longer speaks for the agent."""

    reason: Literal["elsewhere", "expired", "asked", "ended"]
    detail: str = ""


class Person(msgspec.Struct, frozen=True):
    id: str
    name: str
    language: str
    attributes: dict[str, str]


class Reservation(msgspec.Struct, frozen=True):
    """One reservation; instants are ms since the epoch by the cluster's clock, `ends_at` 0 for none.

    `asks` is the name of the colleague who asks for help; empty for a customer who waits.
    """

    reservation: str
    interaction: str
    state: Literal["pending", "accepted", "rejected", "timed_out", "cancelled", "rescinded", "wrapping", "completed"]
    queue: str
    channel: str
    customer: Person
    subject: str
    waited_ms: int
    started_at: int
    ends_at: int
    asks: str


class State(ServerFrame, frozen=True, kw_only=True, tag="state"):
    """All that the agent has; `now` is the cluster's clock, to count down by."""

    name: str
    presence: Literal["offline", "available", "away", "not_responding"]
    reason: str
    since: int
    reservations: tuple[Reservation, ...]
    now: int


class Offer(ServerFrame, frozen=True, kw_only=True, tag="offer"):
    reservation: Reservation
    now: int


class OfferEnded(ServerFrame, frozen=True, kw_only=True, tag="offer_ended"):
    reservation: str
    interaction: str
    outcome: Literal["pending", "accepted", "rejected", "timed_out", "cancelled", "rescinded", "wrapping", "completed"]


class Aside(msgspec.Struct, frozen=True):
    """A line between agents, which the customer is not shown; numbered by itself, `after` an entry (0: none)."""

    number: int
    id: str
    author_name: str
    at: int
    text: str
    attachments: tuple[AttachmentInfo, ...]
    after: int


class Consult(msgspec.Struct, frozen=True):
    """A consult: `agent` is the colleague, empty as long as anybody of the queue may be; `reason` is why it ended."""

    consult: str
    stage: Literal["asking", "consulting", "conference", "ended"]
    asked_by: str
    asked_by_name: str
    queue: str
    agent: str
    agent_name: str
    reason: str


class Conversation(ServerFrame, frozen=True, kw_only=True, tag="conversation"):
    """A whole conversation: it replaces what the page has of it."""

    interaction: str
    reservation: str
    channel: str
    customer: Person
    entries: tuple[Entry, ...]
    customer_delivered: int
    customer_read: int
    asides: tuple[Aside, ...]
    consult: Consult | None


class Entries(ServerFrame, frozen=True, kw_only=True, tag="entries"):
    """New entries; a page skips what it has, and asks with `show` when numbers are missing."""

    interaction: str
    entries: tuple[Entry, ...]


class Asides(ServerFrame, frozen=True, kw_only=True, tag="asides"):
    """New lines between agents; a page skips what it has, and asks with `show` when numbers are missing."""

    interaction: str
    asides: tuple[Aside, ...]


class ConsultStands(ServerFrame, frozen=True, kw_only=True, tag="consult"):
    """How the consult about this conversation stands now."""

    interaction: str
    consult: Consult


class TheyType(ServerFrame, frozen=True, kw_only=True, tag="typing"):
    interaction: str
    typing: bool


class TheySaw(ServerFrame, frozen=True, kw_only=True, tag="saw"):
    interaction: str
    delivered: int
    read: int


class Needs(msgspec.Struct, frozen=True):
    """What is asked of agents: least levels of skills, an expression, one agent, agents of other queues."""

    skills: dict[str, int]
    where: str
    agent: str
    queues: tuple[str, ...]


class Finding(msgspec.Struct, frozen=True):
    """One figure that told agents apart, as in `AgentFinding` of the gRPC protocol."""

    measure: str
    amount: float


class Explained(ServerFrame, frozen=True, kw_only=True, tag="explained"):
    """Why the agent was asked; with `decided_at` 0 it is not known. The runner-up would have been asked without them.

    `because` is `dedicated` or `last` where the customer was to go to this agent first.
    """

    ref: str
    reservation: str
    decided_at: int
    choice: str
    waiting: int
    candidates: int
    ring: int
    rings: int
    needs: Needs
    together: bool
    findings: tuple[Finding, ...]
    runner_up: str
    runner_up_ring: int
    runner_up_findings: tuple[Finding, ...]
    because: str = ""


class QueueCounters(msgspec.Struct, frozen=True):
    """Live figures of one queue; `oldest_at` is 0 when nobody waits, and the totals count from its creation."""

    queue: str
    waiting: int
    offered: int
    oldest_at: int
    entered: int
    granted: int
    withdrawn: int
    granted_in_target: int


class Queues(ServerFrame, frozen=True, kw_only=True, tag="queues"):
    queues: tuple[QueueCounters, ...]


class Link(ServerFrame, frozen=True, kw_only=True, tag="link"):
    """Whether the desk's server reaches the cluster."""

    up: bool


class Accepted(ServerFrame, frozen=True, kw_only=True, tag="accepted"):
    """What was asked is committed."""

    ref: str


class Refused(ServerFrame, frozen=True, kw_only=True, tag="refused"):
    """What was asked had no effect; `detail` says what to do instead."""

    ref: str
    code: str
    detail: str
    retry_after_ms: int


class Pong(ServerFrame, frozen=True, kw_only=True, tag="pong"):
    pass


ServerFrames = (
    Welcome | SignedIn | CentreChanged | SignedOut | State | Offer | OfferEnded | Conversation | Entries | Asides
    | ConsultStands | TheyType | TheySaw | Queues | Link | Explained | Accepted | Refused | Problem | Pong
)  # fmt: skip

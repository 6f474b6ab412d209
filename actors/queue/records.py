"""What a queue stores: its configuration, one record for each interaction in it, and its totals."""

from __future__ import annotations

from msgspec.structs import replace

from actors.actor import Record
from actors.address import Address
from actors.messages.centre import QueueConfig
from actors.messages.queue import Enqueue
from actors.routing.expecting import Experience, Foreseen
from actors.values import Customer, Preference, Requirement, Value, WaitingState, reservation_id

SETTING = "cfg"
TOTALS = "counts"
PLACE_PREFIX = "w/"
#: One record for each kind of interaction, and one, without a kind, for all of them together.
EXPERIENCE_PREFIX = "expect/"
STAFF = "staff"
ASKING = "asks"
BORROWED_PREFIX = "borrowed/"
LENT_PREFIX = "lent/"
DOOR_PREFIX = "door/"


class QueueSetting(Record, frozen=True):
    """The configuration in force; a retired queue serves whom it has and takes no arrivals."""

    version: int
    config: QueueConfig
    retired: bool = False


class BackOff(Value, frozen=True):
    """This agent said no; ask somebody else until then."""

    agent: Address
    until: int


class Foresight(Value, frozen=True):
    """What one wait is to teach: who was in front when it began, and what was said since."""

    #: Interactions of one kind wait for the same people.
    kind: str
    #: In front when it began: of the same kind, and all.
    own: int
    ahead: int
    #: From when on it is sure that nobody was free: on entry if others wait too, else a moment later.
    since_at: int
    #: Held for an agent before that: there is nothing to learn, unless they do not take it.
    at_once: bool = False
    said: tuple[Foreseen, ...] = ()


class Step(Value, frozen=True):
    """A ring that opens at an instant: whom the interaction may go to as well from then on."""

    at: int
    requirement: Requirement


class Borrowing(Value, frozen=True):
    """A rule of overflow that holds of a place: agents of these queues may be asked, as far as they are lent."""

    queues: tuple[Address, ...]
    anybody: bool = False


class Offer(Value, frozen=True):
    """An agent who is being asked."""

    agent: Address
    reservation: str


class Place(Record, frozen=True):
    """One interaction's place in the queue, from its entry until it is granted or withdrawn.

    `asked` is what it came with, kept where the queue asks anew after a change of configuration. `requirement` and `outer`
    are the open rings, `steps` those to come. `agent` and `reservation` are the newest offer, which is the only one in most
    queues; `earlier` are those that ring beside it.
    """

    interaction: str
    leg: int
    session: Address
    channel: str
    customer: Customer
    subject: str
    priority: int
    requirement: Requirement
    enqueued_at: int
    fallback_at: int
    #: When this leg entered this queue; waits and the service level count from here.
    entered_at: int
    state: WaitingState = WaitingState.WAITING
    #: How many times it was reserved on this leg; makes each reservation's id new.
    attempt: int = 0
    agent: Address = Address("")
    reservation: str = ""
    back_offs: tuple[BackOff, ...] = ()
    asked: Requirement | None = None
    outer: tuple[Requirement, ...] = ()
    steps: tuple[Step, ...] = ()
    foresight: Foresight | None = None
    moved_from: tuple[Address, ...] = ()
    borrowing: tuple[Borrowing, ...] = ()
    #: The rings of agents that other queues lend now; unlike all others they close again.
    lent: tuple[Requirement, ...] = ()
    #: When its rules of overflow are looked at next; 0 when they need not be.
    look_at: int = 0
    earlier: tuple[Offer, ...] = ()
    #: How many agents may be asked at once by now, counted from when the first was.
    asks: int = 1
    #: When one more may be; 0 for never.
    further_at: int = 0
    #: Why the agent of the innermost ring was to serve before anybody else, if one was.
    because: Preference | None = None
    #: The name of the agent who asks for help; empty for a customer who waits.
    asks_for_help: str = ""

    @property
    def is_newcomer(self) -> bool:
        """Whether no agent has served this customer: all earlier legs were moved on by rules of overflow."""
        return self.leg == 1 + len(self.moved_from)

    @property
    def rings(self) -> tuple[Requirement, ...]:
        """Who may serve now, innermost first."""
        return (self.requirement, *self.outer, *self.lent)

    @property
    def not_agents(self) -> tuple[Address, ...]:
        """Who said no, in an order that equal sets share."""
        return tuple(sorted(back_off.agent for back_off in self.back_offs))

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Everybody who is being asked, the newest first."""
        return (Offer(self.agent, self.reservation), *self.earlier) if self.state is WaitingState.RESERVED else ()

    @property
    def wants(self) -> int:
        """How many more agents are to be asked."""
        if self.state is WaitingState.RESERVED:
            return max(self.asks - 1 - len(self.earlier), 0)
        return self.state is WaitingState.WAITING

    def offered_to(self, agent: Address, config: QueueConfig, now: int) -> Place:
        """The place once this agent is asked as well."""
        attempt = self.attempt + 1
        reservation = reservation_id(self.interaction, self.leg, attempt)
        if self.state is WaitingState.RESERVED:
            return replace(self, attempt=attempt, agent=agent, reservation=reservation, earlier=self.offers)
        grows = bool(config.every_ms) and config.at_once > 1
        return replace(
            self, state=WaitingState.RESERVED, attempt=attempt, agent=agent, reservation=reservation,
            asks=1 if grows else config.at_once, further_at=now + config.every_ms if grows else 0,
        )  # fmt: skip

    def without(self, reservation: str) -> Place:
        """The place once this offer is over: the others ring on, and without any it waits again."""
        left = tuple(offer for offer in self.offers if offer.reservation != reservation)
        if not left:
            return replace(
                self, state=WaitingState.WAITING, agent=Address(""), reservation="", earlier=(), asks=1, further_at=0
            )
        return replace(self, agent=left[0].agent, reservation=left[0].reservation, earlier=left[1:])


class Wish(Value, frozen=True):
    """Who might be preferred; without an agent it is to be found out."""

    because: Preference
    agent: str = ""


class AtDoor(Record, frozen=True):
    """A newcomer of whom it is not known yet whom to prefer; the first of `wishes` is being asked about."""

    enqueue: Enqueue
    wishes: tuple[Wish, ...]


class QueueTotals(Record, frozen=True):
    """Counted since the queue was created."""

    entered: int = 0
    granted: int = 0
    withdrawn: int = 0
    granted_in_target: int = 0
    overflowed: int = 0
    refused: int = 0
    #: Answered lately, and of these in time: counts that fade (`actors.routing.overflow.Lately`), as of `lately_at`.
    lately: float = 0.0
    lately_in_target: float = 0.0
    lately_at: int = 0


class Staff(Record, frozen=True):
    """Who is there, as the router last said."""

    signed_in: bool
    available: bool


class Loan(Record, frozen=True):
    """Whether a lender's agents may be asked, as the lender last said; or, at the lender, what it last said."""

    lends: bool


class QueueExperience(Record, frozen=True):
    """What departures of one kind taught about waits."""

    experience: Experience

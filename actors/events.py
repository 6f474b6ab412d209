"""The journal's facts. Every event names what it is about, so that one pass over a journal can judge and tell it.

Events are emitted by the one actor that owns the fact: arrivals, connections and ends by the session, waiting and
holding by the queue, reservations, presence and capacity by the agent, decisions by the router.
"""

from __future__ import annotations

from actors.actor import Event
from actors.address import Address
from actors.messages.centre import Membership
from actors.routing.capacity import NO_RULES, CapacityRules
from actors.values import (
    Attendance,
    EndReason,
    InteractionState,
    Preference,
    PresenceState,
    Requirement,
    ReservationState,
    SkillLevel,
    WaitingState,
)


class InteractionMoved(Event, frozen=True):
    """Session: the interaction exists, or moved; `reason` is set on `ended` only (I1, I2, I13, I14)."""

    interaction: str
    channel: str
    queue: str
    before: InteractionState | None
    after: InteractionState
    leg: int
    agent: str = ""
    reservation: str = ""
    reason: EndReason | None = None
    #: The supervisor who wanted it, if one did.
    by: str = ""
    #: An agent asks a colleague: the interaction that it is about; empty for what a customer wants.
    consults: str = ""


class MessageAdded(Event, frozen=True):
    """Session: one transcript entry was accepted; never its text. Colleagues' asides are numbered by themselves."""

    interaction: str
    number: int
    id: str
    author: str


class QueueConfigured(Event, frozen=True):
    """Queue: in which order it serves from here on; before the first one, by priority and then in order of arrival.

    `at_once` is how many agents may be asked for one interaction at a time (I2).
    """

    queue: Address
    version: int
    ageing: int
    lifo: bool
    at_once: int = 1


class WaitingMoved(Event, frozen=True):
    """Queue: one leg of an interaction entered, asks for somebody else, is held for an agent, was granted or left.

    `requirement` and `outer` are the rings open at that moment (I6). `agent` is who is asked with this move. Where several
    may be asked at once, `offered` are all reservations open after it, and `wants` says how many more agents are to be asked.
    """

    queue: Address
    interaction: str
    leg: int
    before: WaitingState | None
    after: WaitingState
    channel: str
    priority: int
    enqueued_at: int
    requirement: Requirement
    agent: Address = Address("")
    reservation: str = ""
    not_agents: tuple[Address, ...] = ()
    outer: tuple[Requirement, ...] = ()
    offered: tuple[str, ...] = ()
    wants: int = 0


class Overflowed(Event, frozen=True):
    """Queue: rule number `rule` (from 1) moves this leg on to `to`, or refuses it when that is empty.

    `waited_ms`, `others` (how many are in the queue beside it) and `nobody` (whom it lacks) are what the rule went by.
    """

    queue: Address
    interaction: str
    leg: int
    rule: int
    to: Address = Address("")
    waited_ms: int = 0
    others: int = 0
    nobody: Attendance | None = None


class Preferred(Event, frozen=True):
    """Queue: before anybody else, until `until`, a newcomer goes to `agent`; or does not, and `until` is 0.

    Then the agent cannot serve it, or is `missing`; without an agent nobody said in time who it would be.
    """

    queue: Address
    interaction: str
    leg: int
    because: Preference
    agent: Address = Address("")
    until: int = 0
    missing: Attendance | None = None


class Lent(Event, frozen=True):
    """Queue: from here on its agents may be asked for the borrower's customers, or no more."""

    queue: Address
    borrower: Address
    lends: bool


class ReservationMoved(Event, frozen=True):
    """Agent: one reservation began or moved. `deadline_at` is the offer's on `pending` (I2, I3, I4, I8, I14)."""

    agent: Address
    reservation: str
    interaction: str
    queue: Address
    channel: str
    before: ReservationState | None
    after: ReservationState
    deadline_at: int = 0
    #: How the agent wrapped up, on `completed` only.
    disposition: str = ""
    note: str = ""
    labels: tuple[str, ...] = ()
    #: The agent said that they are busy, on `rejected` only.
    busy: bool = False


class PresenceMoved(Event, frozen=True):
    agent: Address
    before: PresenceState
    after: PresenceState
    reason: str


class AgentConfigured(Event, frozen=True):
    """Agent: what it can do from here on; before the first one it can do nothing."""

    agent: Address
    version: int
    skills: tuple[SkillLevel, ...]
    queues: tuple[Address, ...]
    capacity: dict[str, int]
    capacity_total: int
    attributes: dict[str, str | int | float | bool] = {}
    groups: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()
    capacity_rules: CapacityRules = NO_RULES
    hold_back: int = 0
    #: How many offers may ring at once; 0: as many as there is room for.
    max_offers: int = 0


class Proposed(Event, frozen=True):
    """Router: this agent for this interaction, out of `waiting` in its snapshot (I5, I6), and why.

    `ring` (from 0, of `rings` open ones) and `score` are where the queue's strategy `choice` ranked the agent among
    `candidates` free ones, least first; the runner-up would have been proposed without this agent. `together` says that it
    was assigned in a batch, by what was best for all of it (`BatchAssigned`).
    `head_start_ms`: what only few can serve goes before what came up to this much earlier; -1 without the reserve policy.
    """

    router: Address
    interaction: str
    agent: Address
    queue: Address
    priority: int
    enqueued_at: int
    waiting: int
    choice: str = ""
    rings: int = 1
    candidates: int = 0
    ring: int = 0
    score: tuple[float, ...] = ()
    runner_up: Address = Address("")
    runner_up_ring: int = 0
    runner_up_score: tuple[float, ...] = ()
    together: bool = False
    head_start_ms: int = -1


class BatchAssigned(Event, frozen=True):
    """Router: several interactions and several agents were free together, and how they were assigned.

    `method` is `optimal`, and the `served` of its interactions are proposed in the same turn; or, because there were too many
    or they have no order of their own, `greedy`: then one by one, and `served` is 0. `waiting` and `slots` are how many
    interactions could be served at most, and by how much room. `score` is the sum that was the greatest: the rings that
    had to be gone outwards, or where queues rank agents differently the places in their orders, each counted below 0.
    """

    router: Address
    method: str
    waiting: int
    slots: int
    served: int = 0
    score: int = 0


class TimerTookEffect(Event, frozen=True):
    """Runtime: a timer fired and its turn was applied (I8)."""

    address: Address
    name: str
    due_at: int


class DeadLettered(Event, frozen=True):
    """Runtime: a message failed three times and was set aside."""

    address: Address
    message_type: str
    error: str


class CentreApplied(Event, frozen=True):
    version: int
    author: str

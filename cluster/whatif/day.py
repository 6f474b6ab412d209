"""One simulated day of a contact centre: the real session, queue, router and agents, with people of given laws.

    arrival ------> session ---> queue <---> router
                                   |
                                 agent   rings: answered after a while, refused, or not heard (RONA)
    patience over -> session     handling time over -> session     after-work over -> agent

Everything that is measured is read from the journal, and the checker judges the same commits. So whatever the product
does with the configuration (priorities, capacities, hours, wrap-up, deadlines) is what the figures are of.

Keeps: the same configuration, arrivals and needs give the same journal, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from typing import Final
from zoneinfo import ZoneInfo

from actors.actor import Message
from actors.address import Address, address, name_of
from actors.events import InteractionMoved, PresenceMoved, ReservationMoved
from actors.messages.agent import AcceptOffer, CompleteWrapUp, RejectOffer, SetPresence, SignIn
from actors.messages.centre import ApplyCentre
from actors.messages.session import AgentEnds, Arrive, CustomerLeft
from actors.values import Customer as Person
from actors.values import EndReason, InteractionState, PresenceState, Requirement, ReservationState, SkillLevel
from cluster.catalogue import Catalogue
from cluster.invariants.checker import Checker
from cluster.invariants.entries import read_entry
from cluster.simulator.stage import LINK, Stage
from cluster.store.base import Commit
from cluster.whatif.arrivals import Arrivals, Door
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.conduct import OFFERS_DRAWN, Conduct, Needs, doors_of
from cluster.whatif.ledger import Customer, Fate, Ledger
from cluster.whatif.shifts import Shifts

#: How long before the first interval agents sign in (ms).
BEFORE_MS: Final = 1_000
#: When the last customer came and this much later somebody still waits, nobody will ever serve them (ms).
PATIENCE_OF_ALL_MS: Final = 24 * 3_600_000
DISPOSITION: Final = "simulated"
AT_WORK: Final = SetPresence(PresenceState.AVAILABLE)
OFF_WORK: Final = SetPresence(PresenceState.AWAY, "the shift is over")
#: Why somebody comes or goes, if it is not for an offer that was missed.
SHIFT: Final = "shift"
EVERYBODY_ALL_DAY: Final = Shifts()

QUEUED, CONNECTED, ENDED = InteractionState.QUEUED, InteractionState.CONNECTED, InteractionState.ENDED
PENDING, WRAPPING = ReservationState.PENDING, ReservationState.WRAPPING


class SimulatedDay:
    """One replication of one configuration. `ledger` tells what became of everybody.

    Args:
        centre: The configuration.
        doors: What the arrivals' door numbers mean.
        checker: Judges every commit, if given.
        commits: Receives every commit, if given.
        shifts: Who works when; agents go on with what they have when their shift is over, and take no more.
    """

    def __init__(
        self,
        centre: CentreFile,
        conduct: Conduct,
        doors: tuple[Door, ...],
        arrivals: Arrivals,
        needs: Needs,
        catalogue: Catalogue,
        base: date,
        checker: Checker | None = None,
        commits: Callable[[Commit], None] | None = None,
        shifts: Shifts = EVERYBODY_ALL_DAY,
    ) -> None:
        self._centre, self._conduct, self._needs = centre, conduct, needs
        self._checker, self._commits = checker, commits
        self._stage = Stage(catalogue, self._committed)
        self._doors = doors
        self._which = arrivals.doors.tolist()
        self._priorities = arrivals.priorities.tolist()
        services_s, patiences_s = needs.under(conduct, arrivals, doors_of(centre, doors))
        self._services_ms = [round(1000 * time_s) for time_s in services_s.tolist()]
        self._patiences_ms = [round(1000 * time_s) if time_s < 1e12 else -1 for time_s in patiences_s.tolist()]
        midnight_at = midnight(base + timedelta(days=arrivals.day), centre.edge.timezone)
        self._arrives_at = [midnight_at + int(1000 * at_s) for at_s in arrivals.at_s.tolist()]
        opens_at, closes_at = midnight_at + int(1000 * arrivals.from_s), midnight_at + int(1000 * arrivals.to_s)
        self.ledger = Ledger(list(centre.plan.agents), opens_at, max(closes_at, opens_at + 1))
        self._now = opens_at - BEFORE_MS
        self._shifts, self._midnight_at = shifts, midnight_at
        self._on_duty: set[str] = set()
        #: (instant, number that keeps the order, whom, what, the reservation that must still be so)
        self._agenda: list[tuple[int, int, Address, Message, str]] = []
        self._planned = 0
        self._missed = 0
        #: Reservation -> its state, while it is open.
        self._open: dict[str, ReservationState] = {}
        self._offers: dict[str, int] = {}
        self._connected: dict[str, str] = {}
        self._left = len(self._arrives_at)

    @property
    def refusals(self) -> list[str]:
        """What actors refused of what people did."""
        return [refusal.detail for refusal in self._stage.refusals]

    @property
    def turns(self) -> int:
        """How many turns actors had."""
        return self._stage.shard.turns

    def run(self) -> Ledger:
        """Serve everybody, and tell what became of them."""
        self._open_centre()
        arrives_at, following = self._arrives_at, 0
        last_at = (arrives_at[-1] if arrives_at else self._now) + PATIENCE_OF_ALL_MS
        while self._left:
            arrival_at = arrives_at[following] if following < len(arrives_at) else last_at
            agenda_at = self._agenda[0][0] if self._agenda else last_at
            timer_at = self._stage.next_due_at()
            self._now = max(self._now, min(arrival_at, agenda_at, last_at if timer_at is None else timer_at))
            if self._now >= last_at:
                break
            while following < len(arrives_at) and arrives_at[following] <= self._now:
                self._arrive(following)
                following += 1
            while self._agenda and self._agenda[0][0] <= self._now:
                self._act(*heappop(self._agenda)[2:])
            self._settle()
        self.ledger.close(max(self._now, self.ledger.closes_at))
        return self.ledger

    def _settle(self) -> None:
        """Let the centre act until nobody has anything to say at this instant."""
        self._stage.run(self._now)
        while self._stage.told:
            self._stage.run(self._now)

    def _open_centre(self) -> None:
        """Configure the centre and have everybody signed in."""
        plan = self._centre.plan
        self._stage.tell(address("centre", "main"), ApplyCentre(-1, "simulator", "", plan))
        self._settle()
        all_day = ((self._now - self._midnight_at) / 1000, math.inf)
        for name in plan.agents:
            agent = address("agent", name)
            self._stage.tell(agent, SignIn(LINK))
            for begins_s, ends_s in self._shifts.of(name, all_day):
                self._plan_at(begins_s, agent, AT_WORK)
                if not math.isinf(ends_s):
                    self._plan_at(ends_s, agent, OFF_WORK)
        while self._agenda and self._agenda[0][0] <= self._now:
            self._act(*heappop(self._agenda)[2:])
        self._settle()

    # What customers do.

    def _arrive(self, number: int) -> None:
        door = self._doors[self._which[number]]
        edge = self._centre.edge
        entry = edge.entry(door.channel, door.entry_point)
        assert entry is not None, "doors are checked when they are read"
        name, priority = f"c{number}", self._priorities[number]
        skills = tuple(SkillLevel(skill, level) for skill, level in sorted(entry.skills.items()))
        is_open = edge.is_open(entry, self._now)
        arrive = Arrive(
            name, door.channel, LINK, Person(name), entry.queue, priority if priority >= 0 else entry.priority,
            Requirement(skills), is_open, retention_ms=0,
        )  # fmt: skip
        self.ledger.customers.append(Customer(door.channel, entry.queue, self._now))
        session = Address(f"session/{name}")
        self._stage.tell(session, arrive)
        if self._patiences_ms[number] >= 0 and is_open:
            self._plan(self._patiences_ms[number], session, CustomerLeft(), name)

    def _plan_at(self, at_s: float, agent: Address, what: SetPresence) -> None:
        """Plan something for this many seconds after midnight, or for now if that is over."""
        self._plan(max(0, self._midnight_at + round(1000 * at_s) - self._now), agent, what, SHIFT)

    def _plan(self, after_ms: int, whom: Address, what: Message, subject: str) -> None:
        self._planned += 1
        heappush(self._agenda, (self._now + after_ms, self._planned, whom, what, subject))

    def _act(self, whom: Address, what: Message, subject: str) -> None:
        """Do what was planned, if the reason still stands."""
        match what:
            case SetPresence() if subject == SHIFT:
                (self._on_duty.add if what is AT_WORK else self._on_duty.discard)(name_of(whom))
            case SetPresence():
                if name_of(whom) not in self._on_duty:
                    return
            case CustomerLeft():
                if self.ledger.customers[int(subject[1:])].fate is not Fate.WAITING:
                    return
            case AgentEnds():
                if self._connected.get(what.interaction) != subject:
                    return
            case AcceptOffer() | RejectOffer():
                if self._open.get(subject) is not PENDING:
                    return
            case CompleteWrapUp():
                if self._open.get(subject) is not WRAPPING:
                    return
        self._stage.tell(whom, what)

    # What comes of it.

    def _committed(self, commit: Commit) -> None:
        if self._commits is not None:
            self._commits(commit)
        entry, _ = read_entry(commit.journal)
        if self._checker is not None:
            self._checker.feed_entry(commit.shard, entry)
        for _, event in entry.events:
            match event:
                case ReservationMoved():
                    self.ledger.reservation_moved(event, self._now)
                    self._reservation_moved(event)
                case InteractionMoved():
                    self._interaction_moved(event)
                case PresenceMoved():
                    self.ledger.presence_moved(event, self._now)
                    if event.after is PresenceState.NOT_RESPONDING:
                        self._come_back(event.agent)

    def _reservation_moved(self, event: ReservationMoved) -> None:
        if event.after is PENDING:
            self._open[event.reservation] = PENDING
            self._ring(event)
        elif event.after is WRAPPING:
            self._open[event.reservation] = WRAPPING
            if self._conduct.wrap_up is not None:
                drawn = float(self._needs.wraps[number_of(event.interaction)])
                after_ms = round(1000 * self._conduct.wrap_up.time_s(drawn))
                self._plan(after_ms, event.agent, CompleteWrapUp(event.reservation, DISPOSITION), event.reservation)
        else:
            self._open.pop(event.reservation, None)

    def _ring(self, event: ReservationMoved) -> None:
        """An offer rings: decide by the customer's own numbers what its agent does."""
        number, nth = number_of(event.interaction), self._offers.get(event.interaction, 0)
        self._offers[event.interaction] = nth + 1
        fate = self._needs.fates[number, nth % OFFERS_DRAWN]
        if fate < self._conduct.no_answer:
            return
        after_ms = round(1000 * self._conduct.answer.time_s(float(self._needs.answers[number, nth % OFFERS_DRAWN])))
        refuses = fate < self._conduct.no_answer + self._conduct.reject
        answer = RejectOffer(event.reservation) if refuses else AcceptOffer(event.reservation)
        self._plan(after_ms, event.agent, answer, event.reservation)

    def _come_back(self, agent: Address) -> None:
        """Whoever missed an offer notices after a while."""
        self._missed += 1
        drawn = float(self._needs.backs[self._missed % len(self._needs.backs)])
        self._plan(round(1000 * self._conduct.back.time_s(drawn)), agent, SetPresence(PresenceState.AVAILABLE), "")

    def _interaction_moved(self, event: InteractionMoved) -> None:
        number = number_of(event.interaction)
        customer = self.ledger.customers[number]
        if event.after is CONNECTED:
            if customer.fate is Fate.WAITING:
                customer.fate, customer.waited_ms = Fate.SERVED, self._now - customer.came_at
            self._connected[event.interaction] = event.reservation
            ends = AgentEnds(event.agent, event.interaction)
            self._plan(self._services_ms[number], Address(f"session/c{number}"), ends, event.reservation)
        elif event.after is ENDED:
            self._left -= 1
            self._connected.pop(event.interaction, None)
            self._offers.pop(event.interaction, None)
            if customer.fate is Fate.WAITING:
                customer.fate = Fate.ABANDONED if event.reason is EndReason.ABANDONED else Fate.TURNED_AWAY
                customer.waited_ms = self._now - customer.came_at
        else:
            self._connected.pop(event.interaction, None)


def number_of(interaction: str) -> int:
    """Which customer's interaction this is: `c12/1` is number 12's."""
    return int(interaction[1 : interaction.index("/")])


def midnight(day: date, timezone: str) -> int:
    """When this day begins in a time zone (ms since the epoch)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).timestamp()) * 1000

"""What became of everybody in one simulated day, read from the journal's events as they are committed.

Keeps: one outcome for each arrival; an agent's time counts once, however many interactions they serve at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum

from actors.address import Address, name_of
from actors.events import PresenceMoved, ReservationMoved
from actors.values import PresenceState, ReservationState

BIN_MS = 1_800_000

SERVING = frozenset({ReservationState.ACCEPTED, ReservationState.WRAPPING})


class Fate(IntEnum):
    """How an arrival ended, or stands when the day is over."""

    WAITING = 0
    SERVED = 1
    ABANDONED = 2
    #: Closed, refused, or sent elsewhere without having been served.
    TURNED_AWAY = 3


@dataclass(slots=True)
class Customer:
    """One arrival: where they came in, and what became of them. `waited_ms` counts until they were served or gave up."""

    channel: str
    queue: str
    came_at: int
    fate: Fate = Fate.WAITING
    waited_ms: int = 0


@dataclass(slots=True)
class Span:
    """A state that goes on and off, with its time by half-hour from `opens_at` to `closes_at`."""

    opens_at: int
    closes_at: int
    since_at: int = -1
    bins: Counter[int] = field(default_factory=Counter)

    def turn(self, on: bool, at: int) -> None:
        """It is so from here on, or no more."""
        if on and self.since_at < 0:
            self.since_at = at
        elif not on and self.since_at >= 0:
            self._add(self.since_at, at)
            self.since_at = -1

    def _add(self, start: int, end: int) -> None:
        start, end = max(start, self.opens_at), min(end, self.closes_at)
        while start < end:
            index = (start - self.opens_at) // BIN_MS
            stop = min(end, self.opens_at + (index + 1) * BIN_MS)
            self.bins[index] += stop - start
            start = stop


@dataclass(slots=True)
class AgentTime:
    """An agent's time: there (available, or serving), and serving; `used_ms` counts each interaction."""

    present: Span
    busy: Span
    used: list[Span]
    available: bool = False
    serving: set[str] = field(default_factory=set)


class Ledger:
    """Collects while a day runs. Instants are ms since the epoch."""

    def __init__(self, agents: list[str], opens_at: int, closes_at: int) -> None:
        self.opens_at, self.closes_at = opens_at, closes_at
        self.customers: list[Customer] = []
        self.agents = {name: self._agent() for name in agents}
        #: By queue: offers, those that rang unheard, those that were refused.
        self.offers: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    def _agent(self) -> AgentTime:
        return AgentTime(Span(self.opens_at, self.closes_at), Span(self.opens_at, self.closes_at), [])

    def reservation_moved(self, event: ReservationMoved, now: int) -> None:
        """Count an offer, and the time that it takes of its agent."""
        queue = name_of(event.queue)
        match event.after:
            case ReservationState.PENDING:
                self.offers[queue] += 1
            case ReservationState.TIMED_OUT:
                self.unanswered[queue] += 1
            case ReservationState.REJECTED:
                self.rejected[queue] += 1
        agent = self._of(event.agent)
        if event.after in SERVING:
            agent.serving.add(event.reservation)
        else:
            agent.serving.discard(event.reservation)
        self._count(agent, now)

    def presence_moved(self, event: PresenceMoved, now: int) -> None:
        """An agent is there for customers, or not."""
        agent = self._of(event.agent)
        agent.available = event.after is PresenceState.AVAILABLE
        self._count(agent, now)

    def close(self, now: int) -> None:
        """Nothing happens after this."""
        for agent in self.agents.values():
            for span in (agent.present, agent.busy, *agent.used):
                span.turn(False, now)

    def _of(self, address: Address) -> AgentTime:
        name = name_of(address)
        if name not in self.agents:
            self.agents[name] = self._agent()
        return self.agents[name]

    def _count(self, agent: AgentTime, now: int) -> None:
        load = len(agent.serving)
        agent.present.turn(agent.available or load > 0, now)
        agent.busy.turn(load > 0, now)
        while len(agent.used) < load:
            agent.used.append(Span(self.opens_at, self.closes_at))
        for place, span in enumerate(agent.used):
            span.turn(place < load, now)

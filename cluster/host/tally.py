"""Business figures of one host, from the events that its shards commit: waits, offers, interactions, agents.

Keeps: an event is counted once, after its commit; actors know nothing of it. An agent's presence and reservations are
taken from their records when they are loaded and follow their events from there, so a shard that was taken over counts
its agents as soon as its router has asked for them.
"""

from __future__ import annotations

from collections import Counter as Tallied
from collections.abc import Callable, Iterable, Mapping

from actors.actor import Event, Record
from actors.address import Address, ShardId, name_of
from actors.agent.records import PRESENCE_KEY, RESERVATION_PREFIX, Presence, Reservation
from actors.events import (
    AgentConfigured,
    DeadLettered,
    InteractionMoved,
    MessageAdded,
    PresenceMoved,
    ReservationMoved,
    WaitingMoved,
)
from actors.values import InteractionState, PresenceState, ReservationState, WaitingState
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter, Samples, sample

AGENT_PREFIX = "agent/"
OPEN = (ReservationState.PENDING, ReservationState.ACCEPTED, ReservationState.WRAPPING)


class ShardTally:
    """Where a shard's agents stand."""

    __slots__ = ("entered_at", "presence", "reservations")

    def __init__(self) -> None:
        self.presence: dict[Address, PresenceState] = {}
        #: Open reservation -> channel and state.
        self.reservations: dict[str, tuple[str, ReservationState]] = {}
        #: When a later leg of an interaction entered its queue; a first leg's order says it.
        self.entered_at: dict[tuple[Address, str], int] = {}


class Tally:
    """All shards of a host."""

    def __init__(self, meter: Meter) -> None:
        self._shards: dict[ShardId, ShardTally] = {}
        self._waits = meter.histogram(metrics.WAIT_SECONDS)
        self._offers = meter.counter(metrics.OFFERS)
        self._moves = meter.counter(metrics.INTERACTION_MOVES)
        self._ended = meter.counter(metrics.INTERACTIONS_ENDED)
        self._consults = meter.counter(metrics.CONSULTS)
        self._messages = meter.counter(metrics.MESSAGES)
        self._dead = meter.counter(metrics.DEAD_LETTERS)
        #: Typed loosely because each takes its own kind of event.
        self._noted: dict[type[Event], Callable[..., None]] = {
            MessageAdded: self._message,
            InteractionMoved: self._interaction,
            WaitingMoved: self._waiting,
            ReservationMoved: self._reservation,
            PresenceMoved: self._presence,
            AgentConfigured: self._configured,
            DeadLettered: self._dead_letter,
        }

    def note(self, shard: ShardId, now: int, events: Iterable[Event]) -> None:
        """Count what a shard committed at this instant (ms)."""
        noted, tally = self._noted, self._of(shard)
        for event in events:
            note = noted.get(type(event))
            if note is not None:
                note(event, now, tally)

    def loaded(self, shard: ShardId, address: Address, records: Mapping[str, Record]) -> None:
        """An actor came into memory with the records that were last committed."""
        if not address.startswith(AGENT_PREFIX):
            return
        tally = self._of(shard)
        presence = records.get(PRESENCE_KEY)
        tally.presence[address] = presence.state if isinstance(presence, Presence) else PresenceState.OFFLINE
        for key, record in records.items():
            if key.startswith(RESERVATION_PREFIX) and isinstance(record, Reservation):
                tally.reservations[record.reservation] = (record.channel, record.state)

    def forget(self, shard: ShardId) -> None:
        """The shard is another host's now."""
        self._shards.pop(shard, None)

    def samples(self) -> Samples:
        """Where agents stand; what was counted is in the meter."""
        shards = self._shards.values()
        present = Tallied(state for tally in shards for state in tally.presence.values())
        open_ = Tallied(kept for tally in shards for kept in tally.reservations.values())
        return [
            *(sample(metrics.AGENTS, count, state.value) for state, count in present.items()),
            *(sample(metrics.RESERVATIONS, count, channel, state.value) for (channel, state), count in open_.items()),
        ]

    def _of(self, shard: ShardId) -> ShardTally:
        tally = self._shards.get(shard)
        if tally is None:
            tally = self._shards[shard] = ShardTally()
        return tally

    def _message(self, event: MessageAdded, now: int, tally: ShardTally) -> None:
        self._messages.add(1, event.author)

    def _interaction(self, event: InteractionMoved, now: int, tally: ShardTally) -> None:
        if event.consults:
            state = "asked" if event.before is None else (event.reason or event.after).value
            if event.before is not event.after:
                self._consults.add(1, event.channel, state)
            return
        self._moves.add(1, event.channel, "arrived" if event.before is None else event.after.value)
        if event.after is InteractionState.ENDED:
            self._ended.add(1, event.channel, event.reason.value if event.reason is not None else "")

    def _waiting(self, event: WaitingMoved, now: int, tally: ShardTally) -> None:
        if event.before is None:
            if event.leg > 1:
                tally.entered_at[event.queue, event.interaction] = now
            return
        if event.after is WaitingState.GRANTED or event.after is WaitingState.WITHDRAWN:
            place = (event.queue, event.interaction)
            entered_at = event.enqueued_at if event.leg == 1 else tally.entered_at.pop(place, None)
            if entered_at is not None:  # Else the leg entered at another host, and nobody here knows when.
                self._waits.observe((now - entered_at) / 1000, name_of(event.queue), event.after.value)

    def _reservation(self, event: ReservationMoved, now: int, tally: ShardTally) -> None:
        if event.before is ReservationState.PENDING:
            self._offers.add(1, name_of(event.queue), event.after.value)
        if event.after in OPEN:
            tally.reservations[event.reservation] = (event.channel, event.after)
        else:
            tally.reservations.pop(event.reservation, None)

    def _presence(self, event: PresenceMoved, now: int, tally: ShardTally) -> None:
        tally.presence[event.agent] = event.after

    def _configured(self, event: AgentConfigured, now: int, tally: ShardTally) -> None:
        tally.presence.setdefault(event.agent, PresenceState.OFFLINE)

    def _dead_letter(self, event: DeadLettered, now: int, tally: ShardTally) -> None:
        self._dead.add(1)

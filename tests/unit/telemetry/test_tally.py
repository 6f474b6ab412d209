"""Business figures follow the events that shards commit, over takeovers too."""

from __future__ import annotations

from actors.address import Address, ShardId
from actors.agent.records import Presence, Reservation
from actors.events import DeadLettered, InteractionMoved, PresenceMoved, ReservationMoved, WaitingMoved
from actors.values import (
    Customer,
    EndReason,
    InteractionState,
    PresenceState,
    Requirement,
    ReservationState,
    WaitingState,
)
from cluster.host.counting_cost import one_interaction
from cluster.host.tally import Tally
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter
from cluster.telemetry.metrics import Metric

ONE, TWO = ShardId("1"), ShardId("2")
ALICE, CARDS = Address("agent/alice"), Address("queue/cards")


class Counted:
    """A tally, and what it tells."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.tally = Tally(self.meter)

    def of(self, metric: Metric) -> dict[tuple[str, ...], float]:
        told = [*self.meter.samples(), *self.tally.samples()]
        return {item.labels: item.value for item in told if item.name == metric.name}


def test_an_interaction_is_counted_from_arrival_to_end() -> None:
    """Moves, end, offer, wait and messages are each counted once, and nothing stays open."""
    counted = Counted()
    counted.tally.note(ONE, 4_000, one_interaction("webchat:c/1", messages=3))
    assert counted.of(metrics.INTERACTION_MOVES) == {
        ("webchat", "arrived"): 1, ("webchat", "connected"): 1, ("webchat", "ended"): 1,
    }  # fmt: skip
    assert counted.of(metrics.INTERACTIONS_ENDED) == {("webchat", "agent"): 1}
    assert counted.of(metrics.OFFERS) == {("cards", "accepted"): 1}
    assert counted.of(metrics.WAIT_SECONDS) == {("cards", "granted"): 3.0}, "entered at 1 s, granted at 4 s"
    assert counted.of(metrics.MESSAGES) == {("customer",): 3}
    assert counted.of(metrics.RESERVATIONS) == {}


def test_consults_are_no_arrivals() -> None:
    """An agent who asks a colleague is counted by what became of it; moved from queue to queue, still once as asked."""
    counted = Counted()
    queued, connected, ended = InteractionState.QUEUED, InteractionState.CONNECTED, InteractionState.ENDED
    moves = [(None, queued), (queued, queued), (queued, connected), (connected, ended)]
    events = [
        InteractionMoved(
            "webchat:c/2", "webchat", "cards", before, after, 1, consults="webchat:c/1",
            reason=EndReason.TAKEN_OVER if after is ended else None,
        )
        for before, after in moves
    ]  # fmt: skip
    counted.tally.note(ONE, 1, events)
    assert counted.of(metrics.CONSULTS) == {
        ("webchat", "asked"): 1, ("webchat", "connected"): 1, ("webchat", "taken_over"): 1,
    }  # fmt: skip
    assert counted.of(metrics.INTERACTION_MOVES) == counted.of(metrics.INTERACTIONS_ENDED) == {}


def test_agents_and_reservations_follow_their_events() -> None:
    """Presence and open reservations are where the last event left them."""
    counted = Counted()
    moves = [(PresenceState.OFFLINE, PresenceState.AWAY), (PresenceState.AWAY, PresenceState.AVAILABLE)]
    pending, accepted = ReservationState.PENDING, ReservationState.ACCEPTED
    counted.tally.note(ONE, 1, [PresenceMoved(ALICE, *move, "") for move in moves])
    counted.tally.note(ONE, 2, [ReservationMoved(ALICE, "r", "i", CARDS, "voice", None, pending)])
    assert counted.of(metrics.RESERVATIONS) == {("voice", "pending"): 1}
    counted.tally.note(ONE, 3, [ReservationMoved(ALICE, "r", "i", CARDS, "voice", pending, accepted)])
    assert counted.of(metrics.RESERVATIONS) == {("voice", "accepted"): 1}
    assert counted.of(metrics.AGENTS) == {("available",): 1}


def test_a_shard_that_was_taken_over_counts_agents_from_their_records() -> None:
    """What another host had counted is taken from what was committed, once, and goes with the shard."""
    counted = Counted()
    held = Reservation(
        "r", "i", CARDS, Address("session/s"), "webchat", Customer("c"), "", 0, 0, 0, 0, ReservationState.WRAPPING
    )
    counted.tally.loaded(ONE, ALICE, {"presence": Presence(PresenceState.AVAILABLE), "r/r": held})
    counted.tally.loaded(ONE, Address("agent/bob"), {})
    counted.tally.loaded(ONE, CARDS, {})
    counted.tally.loaded(TWO, Address("agent/li"), {"presence": Presence(PresenceState.AWAY)})
    assert counted.of(metrics.AGENTS) == {("available",): 1, ("offline",): 1, ("away",): 1}
    assert counted.of(metrics.RESERVATIONS) == {("webchat", "wrapping"): 1}
    counted.tally.forget(ONE)
    assert counted.of(metrics.AGENTS) == {("away",): 1}, "they are the other host's to count now"


def test_a_later_leg_waits_from_its_own_beginning() -> None:
    """After a transfer the wait counts from the transfer, not from the customer's arrival; unknown is not guessed."""
    waiting, withdrawn = WaitingState.WAITING, WaitingState.WITHDRAWN
    counted = Counted()

    def moved(interaction: str, before: WaitingState | None, after: WaitingState) -> WaitingMoved:
        return WaitingMoved(CARDS, interaction, 2, before, after, "webchat", 0, 1_000, Requirement())

    counted.tally.note(ONE, 60_000, [moved("a", None, waiting)])
    counted.tally.note(ONE, 62_000, [moved("a", waiting, withdrawn), moved("b", waiting, withdrawn)])
    assert counted.of(metrics.WAIT_SECONDS) == {("cards", "withdrawn"): 2.0}


def test_dead_letters_are_counted() -> None:
    """A message that was set aside is a figure that an alert can watch."""
    counted = Counted()
    counted.tally.note(ONE, 1, [DeadLettered(ALICE, "SetPresence", "ValueError")])
    assert counted.of(metrics.DEAD_LETTERS) == {(): 1}

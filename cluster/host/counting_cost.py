"""What counting costs on the hot path: `python -m cluster.host.counting_cost` measures it on this machine.

Kept: it calls what a host calls, with the events of a busy chat, so that a slower way of counting shows here first.
"""

from __future__ import annotations

import sys
import timeit

from actors.actor import Event
from actors.address import Address, ShardId
from actors.events import InteractionMoved, MessageAdded, Proposed, ReservationMoved, WaitingMoved
from actors.values import Author, EndReason, InteractionState, Requirement, ReservationState, WaitingState
from cluster.host.tally import Tally
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter

ROUNDS = 2_000
MESSAGES = 100


def one_interaction(name: str, messages: int = 0) -> list[Event]:
    """The events of an interaction from arrival to the end of its wrap-up, with so many messages."""
    queue, agent, router = Address("queue/cards"), Address("agent/alice"), Address("router/main")
    queued, connected, ended = InteractionState
    waits: list[tuple[WaitingState | None, WaitingState]] = [
        (None, WaitingState.WAITING),
        (WaitingState.WAITING, WaitingState.RESERVED),
        (WaitingState.RESERVED, WaitingState.GRANTED),
    ]
    states = (
        ReservationState.PENDING,
        ReservationState.ACCEPTED,
        ReservationState.WRAPPING,
        ReservationState.COMPLETED,
    )
    befores = (None, *states)
    reservation = f"{name}#1.1"
    return [
        InteractionMoved(name, "webchat", "cards", None, queued, 1),
        *(WaitingMoved(queue, name, 1, *wait, "webchat", 0, 1_000, Requirement(), agent) for wait in waits),
        Proposed(router, name, agent, queue, 0, 1_000, 1),
        InteractionMoved(name, "webchat", "cards", queued, connected, 1, "alice", reservation),
        *(
            ReservationMoved(agent, reservation, name, queue, "webchat", before, after)
            for before, after in zip(befores, states, strict=False)
        ),
        *(MessageAdded(name, number, f"m{number}", Author.CUSTOMER) for number in range(messages)),
        InteractionMoved(name, "webchat", "cards", connected, ended, 1, "alice", reservation, EndReason.AGENT),
    ]


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Nanoseconds for each thing that is counted, the best of five runs."""
    meter = Meter()
    tally, shard = Tally(meter), ShardId("0")
    story = one_interaction("webchat:c/1")
    messages: list[Event] = [MessageAdded("webchat:c/1", n, f"m{n}", Author.CUSTOMER) for n in range(MESSAGES)]
    counter, histogram = meter.counter(metrics.COMMITS), meter.histogram(metrics.BATCH_INPUTS)
    calls = {
        "message": (lambda: tally.note(shard, 2_000, messages), MESSAGES),
        "interaction": (lambda: tally.note(shard, 2_000, story), 1),
        "counter": (lambda: counter.add(3), 1),
        "histogram": (lambda: histogram.observe(37), 1),
    }
    return {
        name: min(timeit.repeat(call, number=rounds, repeat=5)) / rounds / share * 1e9 for name, (call, share) in calls.items()
    }


if __name__ == "__main__":
    for counted, nanoseconds in measure().items():
        sys.stdout.write(f"{counted:<12} {nanoseconds:>8,.0f} ns\n")

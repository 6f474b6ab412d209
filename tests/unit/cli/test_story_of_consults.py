"""What a trace says when an agent asks a colleague."""

from __future__ import annotations

import pytest

from actors.actor import Event
from actors.address import address
from actors.events import InteractionMoved, MessageAdded
from actors.values import EndReason, InteractionState
from cluster.cli.otlp import spans_of
from cluster.cli.story import Told, concerns, tell

SESSION = address("session", "c")
QUEUED, CONNECTED, ENDED = InteractionState.QUEUED, InteractionState.CONNECTED, InteractionState.ENDED
ANNS, BOBS = "c/1#1.1", "c/2#1.1"

EVENTS: tuple[Event, ...] = (
    InteractionMoved("c/1", "chat", "sales", None, QUEUED, 1),
    InteractionMoved("c/1", "chat", "sales", QUEUED, CONNECTED, 1, "ann", ANNS),
    MessageAdded("c/1", 1, "m1", "customer"),
    InteractionMoved("c/2", "chat", "support", None, QUEUED, 1, consults="c/1"),
    InteractionMoved("c/2", "chat", "support", QUEUED, CONNECTED, 1, "bob", BOBS, consults="c/1"),
    MessageAdded("c/1", 1, "a1", "colleague"),
    InteractionMoved("c/2", "chat", "support", CONNECTED, ENDED, 1, "bob", BOBS, EndReason.TAKEN_OVER, consults="c/1"),
    InteractionMoved("c/1", "chat", "sales", CONNECTED, CONNECTED, 2, "bob", BOBS),
    InteractionMoved("c/1", "chat", "sales", CONNECTED, ENDED, 2, "bob", BOBS, EndReason.CUSTOMER),
)
TOLD = [Told(1_000 * at, "0", at, 0, SESSION, event) for at, event in enumerate(EVENTS, 1)]


def test_a_trace_tells_who_was_asked_and_who_took_over() -> None:
    """In words, within the customer's story; what agents wrote to each other is not given the customer's words."""
    story = tell("c/1", [told for told in TOLD if concerns(told.event, "c/1")], {1: "my card is lost"})
    assert [line.what for line in story.lines] == [
        "arrived on chat, wants queue sales",
        "connected to ann",
        "message 1 from the customer: my card is lost",
        "consult c/2 asks queue support about c/1",
        "consult c/2 has found bob",
        "line 1 from agent to agent",
        "consult c/2 is over: the colleague takes the customer over",
        "is taken over by bob (leg 2)",
        "ended by the customer",
    ]
    assert (story.state, story.reason, story.started_at, story.ended_at) == ("ended", "customer", 1_000, 9_000)


@pytest.mark.parametrize("reason", [reason for reason in EndReason if reason.value not in {"abandoned", "closed"}])
def test_every_end_of_a_consult_has_words(reason: EndReason) -> None:
    """Whatever can end a consult is told, and the customer's story goes on."""
    over = InteractionMoved("c/2", "chat", "support", QUEUED, ENDED, 1, reason=reason, consults="c/1")
    story = tell("c/1", [*TOLD[:3], Told(9_000, "0", 9, 0, SESSION, over)])
    assert story.lines[-1].what.startswith("consult c/2 is over: ")
    assert (story.state, story.ended_at) == ("connected", 0)


def test_a_span_does_not_end_with_a_consult() -> None:
    """The exported trace of the customer begins and ends with the customer; the consult is an event in it."""
    root = next(span for span in spans_of("c/1", TOLD) if not span.parent)
    assert (root.name, root.started_at, root.ended_at) == ("interaction", 1_000, 9_000)

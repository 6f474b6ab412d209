"""What a trace says when queues move customers on, refuse them or borrow agents."""

from __future__ import annotations

from actors.actor import Event
from actors.address import Address, address
from actors.events import InteractionMoved, Overflowed, Preferred, WaitingMoved
from actors.values import Attendance, EndReason, InteractionState, Preference, Requirement, WaitingState
from cluster.cli.story import Told, tell

SALES, SUPPORT, SESSION = address("queue", "sales"), address("queue", "support"), address("session", "c")
WAITING, WITHDRAWN = WaitingState.WAITING, WaitingState.WITHDRAWN
QUEUED, ENDED = InteractionState.QUEUED, InteractionState.ENDED


def words(*events: tuple[Address, Event]) -> list[str]:
    """The lines of one shard's journal, a commit for each event."""
    told = [Told(1_000 * at, "0", at, 0, by, event) for at, (by, event) in enumerate(events)]
    return [line.what for line in tell("c/1", told).lines]


def waiting(before: WaitingState | None, after: WaitingState, *outer: Requirement) -> tuple[Address, Event]:
    return SALES, WaitingMoved(SALES, "c/1", 1, before, after, "chat", 0, 0, Requirement(), outer=outer)


def test_a_trace_tells_why_somebody_was_moved_or_refused() -> None:
    """The rule, and what it went by, in words."""
    assert words(
        (SESSION, InteractionMoved("c/1", "chat", "sales", None, QUEUED, 1)),
        waiting(None, WAITING),
        waiting(WAITING, WITHDRAWN),
        (SALES, Overflowed(SALES, "c/1", 1, 2, SUPPORT, 30_000, 4)),
        (SESSION, InteractionMoved("c/1", "chat", "support", QUEUED, QUEUED, 2)),
        (SUPPORT, Overflowed(SUPPORT, "c/1", 2, 1, Address(""), 0, 0, Attendance.SIGNED_IN)),
        (SESSION, InteractionMoved("c/1", "chat", "support", QUEUED, ENDED, 2, reason=EndReason.REFUSED)),
    ) == [
        "arrived on chat, wants queue sales",
        "waits with priority 0",
        "left the queue",
        "moves on to queue support by overflow rule 2 (waited 30 s, 4 others)",
        "wants queue support (leg 2)",
        "is refused by overflow rule 1 (waited 0 s, 0 others, nobody signed in)",
        "ended: refused by a rule of the queue",
    ]


def test_a_trace_tells_of_borrowed_agents() -> None:
    """A ring of another queue's agents opens, and closes again when the lender takes them back."""
    told = words(waiting(None, WAITING), waiting(WAITING, WAITING, Requirement(queues=(SUPPORT,))), waiting(WAITING, WAITING))
    assert "support" in told[1], told
    assert told[2].startswith("asks as at first again"), told


def test_a_trace_tells_whom_a_queue_preferred() -> None:
    """Whose wish it was, for how long, or why it came to nothing."""
    bob = address("agent", "bob")
    assert words(
        (SALES, Preferred(SALES, "c/1", 1, Preference.DEDICATED, address("agent", "ann"))),
        (SALES, Preferred(SALES, "c/1", 1, Preference.DEDICATED, address("agent", "ann"), 0, Attendance.ABSENT)),
        (SALES, Preferred(SALES, "c/1", 1, Preference.LAST, bob, 32_000)),
        (SALES, Preferred(SALES, "c/1", 1, Preference.LAST, bob)),
        (SALES, Preferred(SALES, "c/1", 1, Preference.LAST)),
    ) == [
        "passes over ann, the customer's own agent: cannot serve it",
        "passes over ann, the customer's own agent: is not signed in",
        "goes to bob, who served the customer last, before anybody else for 30 s",
        "passes over bob, who served the customer last: cannot serve it",
        "does not know who served the customer last: no answer in time",
    ]

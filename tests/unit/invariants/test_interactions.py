"""I1, I2, I13 and I14 over what sessions and queues say."""

from __future__ import annotations

from actors.actor import Event
from actors.address import Address
from actors.events import MessageAdded, Overflowed
from actors.values import INTERACTION, PRESENCE, RESERVATION, WAITING
from cluster.invariants.evidence import Arrived, Evidence, LossWindow, Wrote
from cluster.invariants.stories import declared
from tests.unit.invariants.scribe import (
    BOB,
    QUEUE,
    Scribe,
    arrives,
    broken,
    check,
    connected,
    finished,
    moved,
    offered,
    ready,
    reserved,
    served,
    waiting,
)


def test_a_whole_conversation_is_clean() -> None:
    """Arrival, offer, service, wrap-up: nothing is violated, and the counts say what happened."""
    report = check(served(ready(Scribe()), "c/1"))
    assert report.violations == [], "a conversation by the book is not flagged"
    assert report.counts["interactions_created"] == 1, "one interaction was created"
    assert report.counts["interactions_ended"] == 1, "and it ended"
    assert report.counts["offers"] == 1, "it was offered once"


def test_a_transfer_is_clean() -> None:
    """A second leg with another agent keeps every invariant."""
    scribe = connected(offered(arrives(ready(Scribe(), BOB, chats=2, total=2), "c/1"), "c/1", BOB), "c/1", BOB)
    scribe.commit(
        moved("c/1", "connected", "queued", leg=2),
        reserved("c/1#1.1", "accepted", "wrapping", BOB),
        waiting("c/1", None, "waiting", leg=2),
    )
    offered(scribe, "c/1", BOB, leg=2)
    finished(connected(scribe, "c/1", BOB, leg=2), "c/1", BOB, leg=2)
    scribe.commit(reserved("c/1#1.1", "wrapping", "completed", BOB))
    assert check(scribe).violations == [], "a transfer by the book is not flagged"


def overflowed(interaction: str, leg: int = 1, to: str = "queue/support", queue: Address = QUEUE) -> tuple[str, Event]:
    return queue, Overflowed(queue, interaction, leg, 1, Address(to))


def test_an_overflow_is_clean() -> None:
    """Moved on while waiting, moved on at the door, and at last refused: by the book."""
    scribe = arrives(ready(Scribe()), "c/1")
    support, general = Address("queue/support"), Address("queue/general")
    scribe.commit(waiting("c/1", "waiting", "withdrawn"), overflowed("c/1"), moved("c/1", "queued", "queued", leg=2))
    scribe.commit(overflowed("c/1", 2, "queue/general", support), moved("c/1", "queued", "queued", leg=3, queue="general"))
    scribe.commit(overflowed("c/1", 3, "", general), moved("c/1", "queued", "ended", leg=3, reason="refused"))
    report = check(scribe)
    assert report.violations == []
    assert report.counts["overflows"] == 3


def test_i1_a_move_that_nobody_makes_is_caught() -> None:
    """Whoever was moved on is in some queue, and whoever was refused has ended."""
    for to in ("queue/support", ""):
        scribe = arrives(ready(Scribe()), "c/1").commit(waiting("c/1", "waiting", "withdrawn"), overflowed("c/1", to=to))
        assert "I1" in broken(check(scribe))
        at_the_door = Scribe().commit(moved("c/1", None, "queued"), overflowed("c/1", to=to))
        assert "I1" in broken(check(at_the_door))


def test_i14_moves_out_of_turn_are_caught() -> None:
    """Nobody is moved on who is still in the queue, nor twice out of one queue; one leg is moved on once (I2)."""
    still_in = arrives(ready(Scribe()), "c/1").commit(overflowed("c/1"))
    assert "I14" in broken(check(still_in))
    twice = Scribe().commit(moved("c/1", None, "queued"), overflowed("c/1"), moved("c/1", "queued", "queued", leg=2))
    twice.commit(overflowed("c/1", 2, "queue/sales", Address("queue/support")), moved("c/1", "queued", "queued", leg=3))
    twice.commit(overflowed("c/1", 3))
    assert "I14" in broken(check(twice))
    one_leg = Scribe().commit(moved("c/1", None, "queued"), overflowed("c/1"), overflowed("c/1", queue=Address("queue/other")))
    assert "I2" in broken(check(one_leg))


def test_i1_a_second_end_is_caught() -> None:
    """An interaction has one terminal event."""
    scribe = served(ready(Scribe()), "c/1").commit(moved("c/1", "connected", "ended", reservation="c/1#1.1", reason="customer"))
    assert broken(check(scribe)) >= {"I1", "I13"}, "ending twice violates I1, and the books no longer add up"


def test_i1_creation_twice_is_caught() -> None:
    """A repeated arrival has no second effect."""
    report = check(arrives(Scribe(), "c/1").commit(moved("c/1", None, "queued")))
    assert {"I1", "I13"} <= broken(report), "one interaction cannot be created twice"


def test_i1_an_end_without_reason_is_caught() -> None:
    """The terminal event says why."""
    report = check(Scribe().commit(moved("c/1", None, "ended")))
    assert broken(report) == {"I1"}, "an end needs its reason"


def test_i1_a_lost_acknowledged_arrival_is_caught() -> None:
    """What was acknowledged must be in a journal."""
    evidence = Evidence(arrivals=[Arrived("c", 5), Arrived("d", 5)])
    report = check(arrives(Scribe(), "c/1"), evidence=evidence)
    assert [(v.invariant, v.subject) for v in report.violations] == [("I1", "session/d")], "only d was lost"


def test_i1_a_lost_acknowledged_message_is_caught() -> None:
    """So must every message."""
    said = ("session/c", MessageAdded("c/1", 1, "m1", "customer"))
    evidence = Evidence(arrivals=[Arrived("c", 5)], messages=[Wrote("c", "m1", 6), Wrote("c", "m2", 7)])
    report = check(arrives(Scribe(), "c/1").commit(said), evidence=evidence)
    assert [v.invariant for v in report.violations] == ["I1"], "m2 was acknowledged and lost"


def test_i1_a_lax_store_excuses_its_window_only() -> None:
    """Losses that the configured durability allows are counted, others are violations."""
    evidence = Evidence(arrivals=[Arrived("c", 500), Arrived("d", 2_000)], losses=[LossWindow(0, 1_000)])
    report = check(Scribe().commit(), evidence=evidence)
    assert [v.subject for v in report.violations] == ["session/d"], "d was acknowledged after the window"
    assert report.counts["excused"] == 1, "c is excused, and counted"


def test_i1_a_session_deleted_while_live_is_caught() -> None:
    """A session outlives its interaction."""
    scribe = arrives(Scribe(), "c/1")
    report = check(scribe.commit(changes=[scribe.change("session/c", {"s": 1}), scribe.change("session/d", {"s": 1})]))
    assert report.ok, "records alone prove nothing"
    report = check(scribe.commit(changes=[scribe.change("session/c", {}, ended=True)]))
    assert broken(report) == {"I1"}, "a waiting interaction was forgotten"


def test_i1_an_interaction_that_no_queue_has_is_caught() -> None:
    """When nothing is in flight, a waiting session is in its queue."""
    report = check(Scribe().commit(moved("c/1", None, "queued")))
    assert broken(report) == {"I1"}, "the session waits for nobody"
    in_flight = check(Scribe().commit(moved("c/1", None, "queued"), sent={"s:1": 1 << 32 | 1}))
    assert in_flight.ok, "while its Enqueue is on the way, nothing is wrong"
    assert in_flight.checked["I1"] != "exact", "and the report says that it did not compare"


def test_i1_a_ghost_in_a_queue_is_caught() -> None:
    """When nothing is in flight, a queue holds nobody whose session has ended."""
    scribe = arrives(Scribe(), "c/1").commit(moved("c/1", "queued", "ended", reason="abandoned"))
    assert broken(check(scribe)) == {"I1"}, "the queue still waits with somebody who left"


def test_i1_a_hold_without_an_agent_is_caught() -> None:
    """When nothing is in flight, what a queue holds for an agent rings there."""
    scribe = arrives(ready(Scribe()), "c/1").commit(waiting("c/1", "waiting", "reserved", 1, "agent/alice", "c/1#1.1"))
    assert broken(check(scribe)) == {"I1"}, "it is held for an agent who was never asked"


def test_i1_an_agent_left_behind_is_caught() -> None:
    """When nothing is in flight, an agent serves nobody whose session has ended."""
    scribe = connected(offered(arrives(ready(Scribe()), "c/1"), "c/1"), "c/1")
    scribe.commit(moved("c/1", "connected", "ended", 1, "c/1#1.1", "customer"))
    assert broken(check(scribe)) == {"I1"}, "alice still serves a conversation that is over"


def test_i2_two_agents_at_once_are_caught() -> None:
    """One leg is accepted once."""
    scribe = connected(offered(arrives(ready(Scribe()), "c/1"), "c/1"), "c/1")
    ready(scribe, BOB).commit(reserved("c/1#1.2", None, "pending", BOB), reserved("c/1#1.2", "pending", "accepted", BOB))
    assert "I2" in broken(check(scribe)), "two agents accepted the same interaction"


def test_i2_the_next_leg_while_the_first_is_served_is_caught() -> None:
    """Within one shard's journal an interaction is with one agent at a time, whatever the leg."""
    scribe = connected(offered(arrives(ready(Scribe()), "c/1"), "c/1"), "c/1")
    ready(scribe, BOB).commit(moved("c/1", "connected", "queued", 2), waiting("c/1", None, "waiting", 2))
    connected(offered(scribe, "c/1", BOB, leg=2), "c/1", BOB, leg=2)
    assert "I2" in broken(check(scribe)), "alice was never released"


def test_i2_a_leg_granted_twice_is_caught() -> None:
    """A queue grants exactly one."""
    scribe = connected(offered(arrives(ready(Scribe()), "c/1"), "c/1"), "c/1")
    scribe.commit(waiting("c/1", "granted", "granted", 1, "agent/bob", "c/1#1.2"))
    assert {"I2", "I14"} <= broken(check(scribe)), "a second grant is also no declared move"


def test_i2_a_connection_by_an_old_reservation_is_caught() -> None:
    """A session connects by a reservation of its present leg."""
    scribe = arrives(Scribe(), "c/1").commit(moved("c/1", "queued", "connected", 1, "c/1#2.1"))
    assert "I2" in broken(check(scribe)), "the reservation is of another leg"


def test_i11_a_message_accepted_twice_is_caught() -> None:
    """The same id adds one entry, though both sides may use the same ids."""
    scribe = arrives(Scribe(), "c/1")
    first = ("session/c", MessageAdded("c/1", 1, "m1", "customer"))
    other = ("session/c", MessageAdded("c/1", 2, "m1", "agent"))
    again = ("session/c", MessageAdded("c/1", 3, "m1", "customer"))
    assert check(scribe.commit(first, other)).ok, "ids are each side's own"
    assert broken(check(scribe.commit(again))) == {"I11"}, "the customer's m1 was added twice"


def test_i11_a_gap_in_the_transcript_is_caught() -> None:
    """Entries are numbered without gaps."""
    scribe = arrives(Scribe(), "c/1").commit(("session/c", MessageAdded("c/1", 2, "m1", "customer")))
    assert broken(check(scribe)) == {"I11"}, "entry 1 is missing"


def test_i13_a_queue_that_loses_count_is_caught() -> None:
    """Entered = left + inside, per queue and channel."""
    scribe = arrives(Scribe(), "c/1").commit(waiting("c/1", None, "waiting"))
    assert "I13" in broken(check(scribe)), "one interaction entered twice"


def test_i13_is_told_per_queue_and_channel() -> None:
    """The books are kept apart, and the violation says whose do not add up."""
    scribe = served(ready(Scribe()), "c/1")
    scribe.commit(moved("d/1", None, "ended", reason="closed", channel="mail"))
    scribe.commit(moved("d/1", "ended", "ended", reason="closed", channel="mail"))
    subjects = [v.subject for v in check(scribe).violations if v.invariant == "I13"]
    assert subjects == ["sales on mail"], "only mail is wrong"


def test_i14_undeclared_moves_are_caught() -> None:
    """States make only declared moves, and from where they were."""
    granted_at_once = arrives(Scribe(), "c/1").commit(waiting("c/1", "waiting", "granted", 1, "agent/alice", "c/1#1.1"))
    assert "I14" in broken(check(granted_at_once)), "a queue reserves before it grants"
    reopened = Scribe().commit(moved("c/1", None, "connected", 1, "c/1#1.1"))
    assert "I14" in broken(check(reopened)), "an interaction begins queued or ended"
    elsewhere = arrives(Scribe(), "c/1").commit(moved("c/1", "connected", "ended", reason="agent"))
    assert "I14" in broken(check(elsewhere)), "it was never connected"
    unknown = Scribe().commit(moved("c/1", "queued", "ended", reason="abandoned"))
    assert "I14" in broken(check(unknown)), "a complete journal must have its beginning"
    skipped = arrives(Scribe(), "c/1").commit(moved("c/1", "queued", "queued", leg=3))
    assert "I14" in broken(check(skipped)), "legs are counted one by one"


def test_every_declared_table_is_closed() -> None:
    """Each table names every state it leads to, starts somewhere, and can come to an end or go round."""
    for table in (INTERACTION, WAITING, RESERVATION, PRESENCE):
        moves = declared(table)
        reached = {after for _, after in moves}
        assert reached <= set(table.moves), f"{table.name} leads to a state without a line of its own"
        assert reached == set(table.moves), f"{table.name} declares a state that nothing leads to"


def test_a_trimmed_journal_is_judged_from_where_it_begins() -> None:
    """Unknown beginnings are accepted and said; what follows is judged."""
    scribe = Scribe(first=500).commit(
        moved("c/1", "queued", "connected", 2, "c/1#2.1"),
        waiting("c/1", "reserved", "granted", 2, "agent/alice", "c/1#2.1"),
        reserved("c/1#2.1", "pending", "accepted"),
    )
    report = check(scribe)
    assert report.violations == [], "nothing contradicts what is known"
    assert any("begins at commit 500" in note for note in report.notes), "the reader is told"
    finished(scribe, "c/1", leg=2)
    assert check(scribe).ok, "its end is as good as any"
    scribe.commit(moved("c/1", "ended", "queued", 3))
    assert "I14" in broken(check(scribe)), "what was seen since is judged as strictly as ever"


def test_a_conversation_may_come_back_after_its_retention() -> None:
    """Once the session was deleted, its id is free again."""
    scribe = served(ready(Scribe()), "c/1")
    scribe.commit(changes=[scribe.change("session/c", {"s": 1})])
    scribe.commit(changes=[scribe.change("session/c", {}, ended=True)])
    served(scribe, "c/1")
    evidence = Evidence(arrivals=[Arrived("c", 1)])
    assert check(scribe, evidence=evidence).violations == [], "the second life is its own story"
    assert check(scribe).violations == [], "also when finished stories are forgotten"


def test_queue_events_of_other_shards_may_come_late() -> None:
    """Shards are fed in any order: the session may be read after its queue and agent."""
    session, domain = Scribe("0"), ready(Scribe("1"))
    session.commit(moved("c/1", None, "queued"), sent={"s:1": 1})
    domain.commit(waiting("c/1", None, "waiting"), received={"s:0": 1})
    offered(domain, "c/1")
    domain.commit(
        waiting("c/1", "reserved", "granted", 1, "agent/alice", "c/1#1.1"),
        reserved("c/1#1.1", "pending", "accepted"),
        sent={"s:0": 7},
    )
    session.commit(moved("c/1", "queued", "connected", 1, "c/1#1.1"), received={"s:1": 7})
    for order in ((session, domain), (domain, session)):
        assert check(*order).violations == [], "the order of reading must not matter"

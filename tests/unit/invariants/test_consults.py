"""I1, I2 and I11 over consults: who may be asked about whom, and who may take a customer over."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import Event
from actors.events import MessageAdded
from tests.unit.invariants.scribe import (
    BOB,
    Scribe,
    arrives,
    broken,
    check,
    connected,
    moved,
    offered,
    ready,
    reserved,
    waiting,
)

ABOUT: dict[str, Any] = {"consults": "c/1"}
BOBS = "c/2#1.1"


def asked() -> Scribe:
    """Alice serves c, and a colleague is asked about them."""
    scribe = connected(offered(arrives(ready(ready(Scribe()), BOB), "c/1"), "c/1"), "c/1")
    return scribe.commit(moved("c/2", None, "queued", **ABOUT), waiting("c/2", None, "waiting"))


def consulted() -> Scribe:
    """Bob is there."""
    scribe = offered(asked(), "c/2", BOB)
    return scribe.commit(
        waiting("c/2", "reserved", "granted", 1, BOB, BOBS),
        reserved(BOBS, "pending", "accepted", BOB),
        moved("c/2", "queued", "connected", 1, BOBS, **ABOUT),
    )


def over(reason: str, reservation: str = BOBS) -> tuple[str, Event]:
    return moved("c/2", "connected", "ended", 1, reservation, reason, **ABOUT)


def alice_is_done(scribe: Scribe) -> Scribe:
    return scribe.commit(reserved("c/1#1.1", "accepted", "wrapping"), reserved("c/1#1.1", "wrapping", "completed"))


def bob_is_done(scribe: Scribe) -> Scribe:
    return scribe.commit(reserved(BOBS, "accepted", "completed", BOB))


def taken_over() -> Scribe:
    """Bob has the customer."""
    return consulted().commit(over("taken_over"), moved("c/1", "connected", "connected", 2, BOBS))


def test_a_consult_and_a_take_over_are_clean() -> None:
    """Asked, found, taken over, served to the end under the reservation of the consult: by the book."""
    live = alice_is_done(taken_over())
    assert check(live).violations == [], "bob serves, under the reservation that he accepted for the consult"
    ended = bob_is_done(live.copy().commit(moved("c/1", "connected", "ended", 2, BOBS, "agent")))
    report = check(ended)
    assert report.violations == []
    assert (report.counts["consults"], report.counts["taken_over"], report.counts["interactions_ended"]) == (1, 1, 2)


def test_a_consult_that_ends_is_clean() -> None:
    """Bob leaves, or nobody comes, and alice goes on."""
    assert check(bob_is_done(consulted().commit(over("colleague")))).violations == []
    gone = moved("c/2", "queued", "ended", 1, "", "unanswered", **ABOUT)
    assert check(asked().commit(gone, waiting("c/2", "waiting", "withdrawn"))).violations == []


@pytest.mark.parametrize("reservation", ["c/1#1.1", "c/2#1.2", "c/3#1.1", "c/1#2.1"])
def test_i2_taking_over_under_another_reservation_is_caught(reservation: str) -> None:
    """Only the reservation that the colleague accepted for this consult carries the customer."""
    scribe = consulted().commit(over("taken_over"), moved("c/1", "connected", "connected", 2, reservation))
    assert "I2" in broken(check(scribe))


def test_i2_taking_over_a_consult_that_is_not_over_is_caught() -> None:
    """Else bob would have two things under one reservation."""
    assert "I2" in broken(check(consulted().commit(moved("c/1", "connected", "connected", 2, BOBS))))
    merely_over = consulted().commit(over("colleague"), moved("c/1", "connected", "connected", 2, BOBS))
    assert "I2" in broken(check(merely_over)), "who only left takes nobody over"


def test_i2_taking_over_twice_is_caught() -> None:
    """A consult carries its customer over once."""
    again = taken_over().commit(moved("c/1", "connected", "connected", 3, BOBS))
    assert "I2" in broken(check(again))


def test_i2_taking_over_before_anybody_accepted_is_caught() -> None:
    """Who was only asked has nobody."""
    scribe = asked().commit(moved("c/2", "queued", "ended", 1, BOBS, "taken_over", **ABOUT))
    assert "I2" in broken(check(scribe.commit(moved("c/1", "connected", "connected", 2, BOBS))))


def test_i14_taking_over_on_the_same_leg_is_caught() -> None:
    """Whoever looked at the leg before must see that it is another agent's now."""
    scribe = consulted().commit(over("taken_over"), moved("c/1", "connected", "connected", 1, BOBS))
    assert "I14" in broken(check(scribe))


def test_a_journal_that_begins_in_between_is_clean() -> None:
    """Whatever was before the first commit that is left, what follows is no violation."""
    whole = taken_over()
    alice_is_done(whole)
    for kept in range(1, len(whole.entries)):
        rest = whole.copy()
        rest.entries = whole.entries[kept:]
        assert check(rest).violations == [], f"from commit {kept + 1} on"


def test_i1_nobody_serves_after_a_take_over_is_caught() -> None:
    """Bob was let go in the same breath."""
    assert "I1" in broken(check(bob_is_done(alice_is_done(taken_over()))))


def test_i1_both_keep_the_customer_is_caught() -> None:
    """Alice was never told that she is done."""
    assert "I1" in broken(check(taken_over()))


def test_i1_a_take_over_that_does_not_happen_is_caught() -> None:
    """The consult says that bob has the customer, and alice has them still."""
    assert "I1" in broken(check(bob_is_done(consulted().commit(over("taken_over")))))


def test_i1_a_consult_without_a_customer_is_caught() -> None:
    """Nobody is asked about somebody who waits, has left, or does not exist."""
    waits = arrives(ready(Scribe()), "c/1").commit(moved("c/2", None, "queued", **ABOUT), waiting("c/2", None, "waiting"))
    assert "I1" in broken(check(waits))
    nobody = ready(Scribe()).commit(moved("c/2", None, "queued", **ABOUT), waiting("c/2", None, "waiting"))
    assert "I1" in broken(check(nobody))
    left = asked().commit(moved("c/1", "connected", "ended", 1, "c/1#1.1", "customer"))
    assert "I1" in broken(check(left))


def test_i2_two_consults_at_once_are_caught() -> None:
    """One colleague at a time."""
    assert "I2" in broken(check(asked().commit(moved("c/3", None, "queued", **ABOUT), waiting("c/3", None, "waiting"))))


def said(number: int, author: str) -> tuple[str, Event]:
    return "session/c", MessageAdded("c/1", number, f"{author}-{number}", author)


def test_i11_asides_are_numbered_by_themselves() -> None:
    """What agents say to each other leaves no gap in the customer's numbers, and has none of its own."""
    scribe = asked().commit(said(1, "customer"), said(1, "colleague"), said(2, "colleague"), said(2, "agent"))
    assert check(scribe).violations == []
    assert "I11" in broken(check(scribe.copy().commit(said(4, "colleague"))))
    assert "I11" in broken(check(scribe.copy().commit(said(2, "colleague"))))

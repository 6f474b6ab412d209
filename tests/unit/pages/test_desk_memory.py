"""What the desk's server remembers of an agent is what a reloaded page is shown."""

from __future__ import annotations

from msgspec.structs import replace

from gateways.desk import frames
from gateways.desk.memory import MAX_ENTRIES, AgentMemory
from gateways.web.transcript import Entry

PERSON = frames.Person("c1", "Nora", "en", {})


def reservation(number: int, state: str) -> frames.Reservation:
    return frames.Reservation(f"r{number}", f"webchat:{number}/1", state, "cards", "webchat", PERSON, "", 0, 1, 0, "")  # type: ignore[arg-type]


def state(*reservations: frames.Reservation) -> frames.State:
    return frames.State(name="Alice", presence="available", reason="", since=1, reservations=reservations, now=1)


def conversation(number: int, entries: int) -> frames.Conversation:
    return frames.Conversation(
        interaction=f"webchat:{number}/1",
        reservation=f"r{number}",
        channel="webchat",
        customer=PERSON,
        entries=tuple(entry(n) for n in range(1, entries + 1)),
        customer_delivered=0,
        customer_read=0,
        asides=(),
        consult=None,
    )


def entry(number: int) -> Entry:
    return Entry(number, f"m{number}", "customer", "Nora", number, "text", ())


def told(*frames_: object) -> list[object]:
    memory = AgentMemory()
    for frame in frames_:
        memory.learn(frame)  # type: ignore[arg-type]
    return list(memory.tell())


def test_a_wrap_up_keeps_its_conversation() -> None:
    """The cluster shows only served conversations, so the desk remembers the one that is being wrapped up."""
    before = conversation(1, 2)
    wrapping = state(reservation(1, "wrapping"))
    assert told(state(reservation(1, "accepted")), before, wrapping) == [before, wrapping]


def test_what_is_over_is_forgotten() -> None:
    """A conversation without a reservation is not shown to the next page."""
    empty = state()
    assert told(state(reservation(1, "accepted")), conversation(1, 2), empty) == [empty]


def test_entries_and_marks_go_on() -> None:
    """What came after the conversation was first shown is in it, once."""
    at, read = "webchat:1/1", frames.TheySaw(interaction="webchat:1/1", delivered=3, read=2)
    more = frames.Entries(interaction=at, entries=(entry(2), entry(3)))
    shown = told(state(reservation(1, "accepted")), conversation(1, 2), more, more, read)[0]
    assert isinstance(shown, frames.Conversation)
    assert [one.number for one in shown.entries] == [1, 2, 3], "a repeated entry must not appear twice"
    assert (shown.customer_delivered, shown.customer_read) == (3, 2)


def test_a_consult_goes_on() -> None:
    """A page that reloads in a consult is shown where it stands and what was said in it, once; and nothing once it is over."""
    at = "webchat:1/1"
    consult = frames.Consult("webchat:1/2", "consulting", "alice", "Alice", "loans", "bob", "Bob", "")
    stands = frames.ConsultStands(interaction=at, consult=consult)
    aside = frames.Aside(1, "a1", "Bob", 5, "psst", (), 2)
    said = frames.Asides(interaction=at, asides=(aside,))
    before = (state(reservation(1, "accepted")), conversation(1, 2), stands, said, said)
    shown = told(*before)[0]
    assert isinstance(shown, frames.Conversation)
    assert (shown.consult, shown.asides) == (consult, (aside,))
    over = frames.ConsultStands(interaction=at, consult=replace(consult, stage="ended", reason="agent"))
    shown = told(*before, over)[0]
    assert isinstance(shown, frames.Conversation)
    assert (shown.consult, shown.asides) == (None, (aside,)), "what was said stays"


def test_an_ended_offer_does_not_ring_again() -> None:
    """A page that reloads after an offer ended is not shown it, even before the next state comes."""
    ringing, served = reservation(2, "pending"), state(reservation(1, "accepted"))
    ended = frames.OfferEnded(reservation="r2", interaction="webchat:2/1", outcome="cancelled")
    assert told(served, frames.Offer(reservation=ringing, now=1)) == [state(reservation(1, "accepted"), ringing)]
    assert told(served, frames.Offer(reservation=ringing, now=1), ended) == [served]


def test_a_long_conversation_is_bounded() -> None:
    """The memory of one conversation does not grow without end."""
    later = frames.Entries(interaction="webchat:1/1", entries=tuple(entry(n) for n in range(1, 1001)))
    shown = told(state(reservation(1, "accepted")), conversation(1, 0), later)[0]
    assert isinstance(shown, frames.Conversation)
    assert [one.number for one in shown.entries] == list(range(1001 - MAX_ENTRIES, 1001)), "the last entries are kept"

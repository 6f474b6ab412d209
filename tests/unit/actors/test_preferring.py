"""A newcomer goes to their own agent, or to whoever served them last, before anybody else; for a time, if they are there."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import Fired, Turn
from actors.address import Address, address
from actors.customer import Customer as CustomerActor
from actors.events import Preferred, WaitingMoved
from actors.messages.agent import ExplainReservation, ReservationExplained
from actors.messages.centre import Prefer
from actors.messages.customer import AskLastAgent, Served
from actors.messages.queue import ConfigureQueue, Enqueue, LastAgent, Preferable, Withdraw
from actors.queue import Queue
from actors.values import Attendance, Customer, Preference, PresenceState, Requirement, WaitingState
from tests.unit.actors.scene import Scene, agent, agent_at, interaction, queue, session

SALES = address("queue", "sales")
XIA = Customer("xia", "Xia")
LAST = Prefer(5_000, last_within_ms=60_000)


def scene(prefer: Prefer = LAST, **changes: Any) -> Scene:
    """Ann and bob serve one queue that prefers; ann has been idle for longer."""
    agents = {"ann": agent("ann"), "bob": agent("bob"), "cat": agent("cat", "support")}
    return Scene(agents, (queue("sales", prefer=prefer, wrap_up_ms=0, **changes), queue("support", wrap_up_ms=0)))


def served_by_bob(made: Scene) -> None:
    """Xia is served by bob, while ann is not there; then ann comes, and is idle for longer than bob."""
    made.available("bob")
    made.arrive("one", customer=XIA)
    made.accept("bob", "one")
    made.available("ann")
    made.advance(1_000)
    made.ends("bob", "one")


def preferred(made: Scene) -> list[tuple[str, str, bool]]:
    """Whom the queue preferred, why, and whether it came to that."""
    return [(one.agent, one.because.value, one.until > 0) for one in made.events if isinstance(one, Preferred)]


def test_who_comes_back_goes_to_who_served_them_last() -> None:
    """The same agent rings although another has been free for longer, and is told why."""
    made = scene()
    served_by_bob(made)
    made.arrive("two", customer=XIA)
    assert (made.offers("ann"), made.offers("bob")) == ([], ["one", "two"])
    assert preferred(made) == [("agent/bob", "last", True)]
    held = made.has("bob", "two").reservation
    why = made.ask(agent_at("bob"), ExplainReservation(held), ReservationExplained).why
    assert why is not None and (why.because, why.asked.agent) == ("last", "bob")


def test_a_stranger_goes_to_anybody() -> None:
    """Without an earlier service nothing is different, and nothing is said."""
    made = scene()
    served_by_bob(made)
    made.arrive("two", customer=Customer("yan"))
    assert (made.offers("ann"), preferred(made)) == (["two"], [])


def test_after_its_time_anybody_may_serve_and_the_preferred_agent_still_goes_first() -> None:
    """A busy agent is waited for until the time is over; then the first who is free is asked."""
    made = scene()
    served_by_bob(made)
    made.arrive("other", customer=Customer("yan"))
    made.arrive("more", customer=Customer("zoe"))  # ann and bob are both busy now
    made.accept("ann", "other")
    made.accept("bob", "more")
    made.arrive("two", customer=XIA)
    made.ends("ann", "other")
    assert made.offers("ann") == ["other"], "ann is free, and not asked: bob's time runs"
    made.advance(LAST.for_ms)
    assert made.offers("ann") == ["other", "two"]


@pytest.mark.parametrize("answer", ["reject", "silence", "sign_out"])
def test_a_no_lets_anybody_serve_at_once(answer: str) -> None:
    """Whoever does not want the customer, or goes, is not waited for."""
    made = scene(Prefer(60_000, last_within_ms=60_000))
    served_by_bob(made)
    made.arrive("two", customer=XIA)
    match answer:
        case "reject":
            made.reject("bob", "two")
        case "silence":
            made.advance(20_000)
        case "sign_out":
            made.sign_out("bob")
    assert made.offers("ann") == ["two"]


def test_who_never_answers_is_not_asked_first_again() -> None:
    """After one offer that rang out, an agent who stays available is one of many: who has been free for longer goes first."""
    made = scene(no_answer=PresenceState.AVAILABLE, reject_backoff_ms=0)
    served_by_bob(made)
    made.arrive("two", customer=XIA)
    made.advance(20_000)
    assert made.offers("ann") == ["two"]


def test_an_agent_who_is_not_signed_in_is_passed_over_unless_waited_for() -> None:
    """Nobody waits for somebody who went home; where configured they do, for the time."""
    for waits in (False, True):
        made = scene(Prefer(5_000, last_within_ms=60_000, only_if_signed_in=not waits))
        served_by_bob(made)
        made.sign_out("bob")
        made.arrive("two", customer=XIA)
        assert made.offers("ann") == ([] if waits else ["two"])
        assert preferred(made) == [("agent/bob", "last", waits)]
        made.advance(5_000)
        assert made.offers("ann") == ["two"]


def test_an_agent_who_cannot_serve_it_is_passed_over() -> None:
    """Who serves another queue now, or was taken out of the configuration, is not waited for."""
    made = scene()
    served_by_bob(made)
    made.configure({"ann": agent("ann"), "bob": agent("bob", "support")}, (queue("sales", prefer=LAST), queue("support")))
    made.arrive("two", customer=XIA)
    assert (made.offers("ann"), preferred(made)) == (["two"], [("agent/bob", "last", False)])
    made.configure({"ann": agent("ann")}, (queue("sales", prefer=LAST), queue("support")))
    made.reject("ann", "two")
    made.arrive("three", customer=XIA)
    assert preferred(made)[-1] == ("agent/bob", "last", False)


def test_too_long_ago_is_nobody() -> None:
    """The time counts from the end of the service, and then the customer is forgotten."""
    made = scene()
    served_by_bob(made)
    assert made.actor(address("customer", "xia")).records, "remembered"
    made.advance(60_001)
    assert not made.actor(address("customer", "xia")).records, "forgotten, and nothing stored"
    made.arrive("two", customer=XIA)
    assert (made.offers("ann"), preferred(made)) == (["two"], [])


def test_a_customers_own_agent_goes_before_the_last() -> None:
    """The attribute names them; if they are not there, whoever served last is next."""
    prefer = Prefer(5_000, dedicated="manager", last_within_ms=60_000)
    made = scene(prefer)
    served_by_bob(made)
    owned = Customer("xia", "Xia", attributes={"manager": "ann"})
    made.arrive("two", customer=owned)
    assert (made.offers("ann"), preferred(made)) == (["two"], [("agent/ann", "dedicated", True)])
    made.accept("ann", "two")
    made.sign_out("ann")
    made.leaves("two")
    made.arrive("three", customer=Customer("xia", attributes={"manager": "nobody at all"}))
    assert made.offers("bob") == ["one", "two"] or made.offers("bob")[-1] == "three"
    assert preferred(made)[1] == ("agent/nobody at all", "dedicated", False)


def test_a_transfer_means_what_it_says() -> None:
    """Who is passed on is no newcomer: an agent who was named is asked, and nobody else is preferred."""
    made = scene()
    served_by_bob(made)
    made.arrive("two", customer=XIA)
    made.accept("bob", "two")
    before = len(preferred(made))
    made.transfer("bob", "two", "sales")
    assert (made.offers("ann"), len(preferred(made))) == (["two"], before)
    made.accept("ann", "two")
    made.ends("ann", "two")
    made.arrive("three", customer=XIA)
    assert preferred(made)[-1] == ("agent/ann", "last", True), "the last of several who served"


class Door:
    """A queue alone, whose questions nobody answers but the test."""

    def __init__(self) -> None:
        self.actor = Queue(SALES)
        self.now = 1_000
        self.events: list[object] = []
        self.timers: dict[str, int | None] = {}
        self.hear(ConfigureQueue(1, queue("sales", prefer=LAST)))

    def hear(self, message: Any) -> list[Any]:
        """What it says to others after hearing this."""
        turn = Turn(self.now, SALES, self.actor.records)
        self.actor.receive(message, turn)
        self.events += turn.events
        self.timers.update(turn.timers)
        return [one.message for one in turn.sent]

    def arrive(self, leg: int = 1) -> list[Any]:
        """Xia comes."""
        return self.hear(Enqueue("two/1", leg, session("two"), "chat", XIA, 0, Requirement(), self.now))

    @property
    def waits(self) -> bool:
        """Whether she is in the queue."""
        return self.actor.place("two/1") is not None


def test_an_arrival_waits_for_nobody_who_does_not_answer() -> None:
    """The customer's shard may be away: after the declared time the newcomer enters, and a late answer changes nothing."""
    door = Door()
    (asked,) = door.arrive()
    assert isinstance(asked, AskLastAgent) and not door.waits
    assert door.arrive() == [asked] or not door.waits, "the same again"
    assert door.timers["door/two/1"] == door.now + LAST.answer_ms
    door.hear(Fired("door/two/1", door.now + 500))
    assert door.waits and Preferred(SALES, "two/1", 1, Preference.LAST) in door.events
    assert door.hear(LastAgent("two/1", 1, Address("agent/bob"))) == []
    assert door.hear(Preferable("two/1", 1, Address("agent/bob"), True, Attendance.AVAILABLE)) == []
    (moved,) = (one for one in door.events if isinstance(one, WaitingMoved))
    assert (moved.after, moved.requirement) == (WaitingState.WAITING, Requirement())


def test_who_leaves_at_the_door_never_enters() -> None:
    """A withdrawal, or a later leg, ends the search."""
    door = Door()
    door.arrive()
    door.hear(Withdraw("two/1", 1))
    assert (door.hear(LastAgent("two/1", 1)), door.waits) == ([], False)
    door.arrive()
    door.arrive(leg=2)
    assert door.waits and not [key for key in door.actor.records if key.startswith("door/")]
    assert door.hear(LastAgent("two/1", 1, Address("agent/bob"))) == [], "of the leg before"


def test_the_newest_service_counts_in_whatever_order_it_is_heard() -> None:
    """Sessions of one customer are on several shards: an older service that is heard late is not the last one."""
    actor = CustomerActor(address("customer", "xia"))

    def hear(message: Any, now: int = 5_000) -> list[Any]:
        turn = Turn(now, actor.address, actor.records)
        actor.receive(message, turn)
        return [one.message for one in turn.sent]

    hear(Served(Address("agent/ann"), 3_000, 60_000))
    hear(Served(Address("agent/bob"), 2_000, 90_000))
    ask = AskLastAgent(SALES, interaction("two"), 1, 2_500)
    assert hear(ask) == [LastAgent(interaction("two"), 1, Address("agent/ann"))]
    assert actor.last is not None and actor.last.until == 92_000, "for as long as any of them asked"
    assert hear(AskLastAgent(SALES, interaction("two"), 1, 3_001)) == [LastAgent(interaction("two"), 1)]

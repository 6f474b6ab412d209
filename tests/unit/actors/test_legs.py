"""Supervisors move customers, agents give them back: to whom, into which place, and only if they still are where it says."""

from __future__ import annotations

import pytest

from actors.address import address
from actors.events import InteractionMoved, WaitingMoved
from actors.messages.queue import Places, ReadPlaces
from actors.messages.session import InteractionView, Prioritise, ReadInteraction, Redirect, ReturnToQueue
from actors.values import InteractionState, NoticeKind, ReservationState, WaitingState
from tests.unit.actors.scene import BACK_OFF_MS, Scene, agent, agent_at, interaction, queue, session

QUEUED, CONNECTED = InteractionState.QUEUED, InteractionState.CONNECTED
PENDING, ACCEPTED, WRAPPING = ReservationState.PENDING, ReservationState.ACCEPTED, ReservationState.WRAPPING


def three_waiting(**rules: object) -> Scene:
    """Three wait in sales, a moment apart; ann serves sales, bob both queues."""
    agents = {"ann": agent("ann", "sales"), "bob": agent("bob", "sales", "support")}
    scene = Scene(agents, (queue("sales", **rules), queue("support")))
    for name in ("xia", "yan", "zoe"):
        scene.arrive(name)
        scene.advance(1)
    return scene


def redirect(scene: Scene, conversation: str, id: str = "r1", **settings: object) -> InteractionView:
    """A supervisor moves them; where they stand then."""
    return scene.ask(session(conversation), Redirect(id, "eve", **settings), InteractionView)  # type: ignore[arg-type]  # by name


def refusal_of(scene: Scene, conversation: str, **settings: object) -> str:
    """With which code a redirection is refused."""
    refusal = scene.tell(session(conversation), Redirect("r1", "eve", **settings))  # type: ignore[arg-type]  # by name
    return refusal.code if refusal is not None else ""


def order(scene: Scene, name: str = "sales") -> list[str]:
    """Who waits, in the order of service."""
    places = scene.ask(address("queue", name), ReadPlaces(), Places)
    return [place.interaction.rpartition("/")[0] for place in places.places]


def prioritise(scene: Scene, conversation: str, priority: int, leg: int = 0) -> InteractionView:
    return scene.ask(session(conversation), Prioritise(priority, leg), InteractionView)


def test_a_priority_moves_those_who_wait() -> None:
    """Whoever is given a higher priority goes before those who came earlier; the router hears of it."""
    scene = three_waiting()
    assert order(scene) == ["xia", "yan", "zoe"]
    assert prioritise(scene, "zoe", 5).priority == 5
    assert order(scene) == ["zoe", "xia", "yan"]
    scene.available("ann")
    assert scene.offers("ann") == ["zoe"]
    prioritise(scene, "zoe", 0)
    assert scene.states("ann") == {"zoe": PENDING}, "what rings goes on ringing"
    prioritise(scene, "yan", 1)
    scene.reject("ann", "zoe")
    assert scene.offers("ann") == ["zoe", "yan"]
    moved = [moved for moved in scene.journal(WaitingMoved) if moved.interaction == interaction("yan")]
    assert [one.priority for one in moved] == [0, 1, 1], "and the journal tells of it"


def test_a_priority_stays_over_legs() -> None:
    """Somebody who is served already keeps the new priority when they wait again."""
    scene = three_waiting()
    scene.available("ann")
    scene.accept("ann", "xia")
    prioritise(scene, "xia", 7)
    scene.sign_out("ann")
    assert order(scene) == ["xia", "yan", "zoe"]
    assert scene.ask(session("xia"), ReadInteraction(), InteractionView).priority == 7


def test_push_to_an_agent() -> None:
    """A waiting customer goes to the agent named, in their place, and to anybody once the time is over."""
    scene = three_waiting()
    scene.available("ann")
    assert scene.offers("ann") == ["xia"]
    view = redirect(scene, "zoe", to_agent="bob", expects=QUEUED, fallback_ms=5_000)
    assert (view.state, view.leg, view.queue) == (QUEUED, 2, "sales")
    scene.available("bob")
    assert scene.states("bob") == {"yan": PENDING}, "the longest waiting first"
    scene.reject("bob", "yan")
    assert scene.states("bob") == {"zoe": PENDING}
    moves = [moved for moved in scene.journal(InteractionMoved) if moved.interaction == interaction("zoe")]
    assert [(moved.leg, moved.by) for moved in moves] == [(1, ""), (2, "eve")], "and who wanted it is on record"


def test_push_while_it_rings_elsewhere() -> None:
    """What rings at another agent stops ringing."""
    scene = three_waiting()
    scene.available("ann")
    redirect(scene, "xia", to_agent="bob", expects=QUEUED)
    assert scene.states("ann") == {"yan": PENDING}, "ann is asked for the next one"
    scene.available("bob")
    assert scene.states("bob") == {"xia": PENDING}


def test_pull_from_the_agent_who_serves() -> None:
    """The customer is taken from one agent and offered to the other; the first wraps up."""
    scene = three_waiting()
    scene.available("ann")
    scene.accept("ann", "xia")
    scene.available("bob")
    scene.reject("bob", "yan")
    redirect(scene, "xia", to_agent="bob", expects=CONNECTED, expected_leg=1)
    assert scene.states("ann") == {"xia": WRAPPING}
    scene.reject("bob", "zoe")
    assert scene.states("bob") == {"xia": PENDING}
    assert scene.notices("xia")[-2:] == [NoticeKind.TRANSFERRED, NoticeKind.QUEUED]


@pytest.mark.parametrize("keep_place", [True, False])
def test_requeue_elsewhere(keep_place: bool) -> None:
    """A waiting customer moves to another queue, among those there as early as they came or behind them."""
    scene = three_waiting()
    scene.arrive("wu", to="support")
    scene.advance(1)
    view = redirect(scene, "xia", queue="support", keep_place=keep_place)
    assert (view.queue, order(scene), scene.counters("sales").withdrawn) == ("support", ["yan", "zoe"], 1)
    assert order(scene, "support") == (["xia", "wu"] if keep_place else ["wu", "xia"])
    again = redirect(scene, "xia", queue="support", keep_place=keep_place)
    assert again == view, "the same command again changes nothing"


def test_a_queue_that_does_not_exist_gives_back() -> None:
    """Moved to nowhere, the customer waits where they waited, in their place."""
    scene = three_waiting()
    redirect(scene, "xia", queue="nowhere")
    assert order(scene) == ["xia", "yan", "zoe"]
    assert scene.ask(session("xia"), ReadInteraction(), InteractionView).leg == 3


def test_commands_that_come_too_late_are_refused() -> None:
    """A supervisor who looked at another leg, or another state, is told so, and nothing moves."""
    scene = three_waiting()
    redirect(scene, "xia", id="r0", queue="support")
    assert refusal_of(scene, "xia", queue="sales", expected_leg=1) == "ABORTED"
    assert refusal_of(scene, "xia", to_agent="bob", expects=CONNECTED) == "FAILED_PRECONDITION"
    refusal = scene.tell(session("xia"), Prioritise(5, 1))
    assert refusal is not None and refusal.code == "ABORTED"
    refusal = scene.tell(session("xia"), Prioritise(-1))
    assert refusal is not None and refusal.code == "INVALID_ARGUMENT"
    scene.leaves("yan")
    assert refusal_of(scene, "yan", queue="support") == "FAILED_PRECONDITION", "over is over"
    assert refusal_of(scene, "nobody", queue="support") == "NOT_FOUND"
    assert (order(scene), order(scene, "support")) == (["zoe"], ["xia"])


@pytest.mark.parametrize("keep_place", [True, False])
def test_an_agent_gives_the_customer_back(keep_place: bool) -> None:
    """With their place they go before those who came later, without behind all; not to the same agent for a while."""
    scene = three_waiting(wrap_up_ms=0)
    scene.available("ann")
    scene.accept("ann", "xia")
    back = ReturnToQueue("ann", interaction("xia"), "b1", keep_place)
    assert scene.tell(session("xia"), back) is None
    assert scene.tell(session("xia"), back) is None, "once"
    assert order(scene) == (["xia", "yan", "zoe"] if keep_place else ["yan", "zoe", "xia"])
    assert scene.states("ann") == {"yan": PENDING}, "somebody else's now"
    refusal = scene.tell(session("xia"), ReturnToQueue("ann", interaction("xia"), "b2", keep_place))
    assert refusal is not None and refusal.code == "PERMISSION_DENIED", "who serves nobody gives nobody back"
    scene.accept("ann", "yan")
    scene.leaves("yan"), scene.leaves("zoe")
    assert scene.states("ann") == {}
    scene.advance(BACK_OFF_MS)
    assert scene.states("ann") == {"xia": PENDING}


def test_places_tell_who_is_asked() -> None:
    """A supervisor sees the order, and at whom it rings."""
    scene = three_waiting(at_once=2)
    scene.available("ann", "bob")
    places = scene.ask(address("queue", "sales"), ReadPlaces(2), Places)
    assert (places.queue, places.total, len(places.places)) == ("sales", 3, 2)
    first = places.places[0]
    assert (first.state, first.agents, first.leg) == (WaitingState.RESERVED, (agent_at("ann"),), 1)

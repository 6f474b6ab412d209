"""Offers: to several agents at once, as many at a time as an agent may have, and what follows when nobody answers."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from actors.events import Proposed, WaitingMoved
from actors.messages.agent import AcceptOffer, RejectOffer
from actors.messages.router import ROUTER
from actors.queue.queue import Queue
from actors.values import PresenceState, ReservationState, WaitingState
from tests.unit.actors.rules import Rules
from tests.unit.actors.scene import BACK_OFF_MS, OFFER_MS, WRAP_UP_MS, Scene, agent, agent_at, interaction, queue

ALL = 100
PENDING, ACCEPTED = ReservationState.PENDING, ReservationState.ACCEPTED
NAMES = ("ann", "bob", "cyd")


def centre(**rules: Any) -> Scene:
    """Three agents, who are available, and a queue with these rules."""
    agents = {name: agent(name) for name in NAMES}
    scene = Scene(agents, (queue("sales", **rules), queue("support")))
    scene.available(*NAMES)
    return scene


def ringing(scene: Scene, conversation: str) -> list[str]:
    """At whose desks it rings."""
    return [name for name in NAMES if scene.states(name).get(conversation) is PENDING]


def is_asked_for(scene: Scene, conversation: str) -> bool:
    """Whether the router would propose an agent for it."""
    router = scene.actor(ROUTER)
    return interaction(conversation) in router.matching.waiting  # type: ignore[attr-defined]  # the router's picture


def test_ring_all_rings_at_everybody() -> None:
    """With many at once, everybody who is free is asked; who answers first has it, and it stops ringing elsewhere."""
    scene = centre(at_once=ALL)
    scene.arrive("zoe")
    assert ringing(scene, "zoe") == list(NAMES)
    assert (scene.counters().waiting, scene.counters().offered) == (0, 1), "it is one interaction"
    assert scene.accept("bob", "zoe") is None
    assert [scene.states(name) for name in NAMES] == [{}, {"zoe": ACCEPTED}, {}]
    assert scene.conversations("bob") == ["zoe"], "it is bob's"
    assert not is_asked_for(scene, "zoe"), "and nobody else is to be asked"
    scene.arrive("yan")
    assert ringing(scene, "yan") == ["ann", "cyd"], "whoever was not quick enough is free again"


def test_no_more_ring_than_are_wanted() -> None:
    """Two at once is two, and one who says no makes room for the third."""
    scene = centre(at_once=2)
    scene.arrive("zoe")
    assert ringing(scene, "zoe") == ["ann", "bob"]
    scene.reject("ann", "zoe")
    assert ringing(scene, "zoe") == ["bob", "cyd"]
    moves = [(moved.before, moved.after) for moved in scene.journal(WaitingMoved)][1:]
    waiting, reserved = WaitingState.WAITING, WaitingState.RESERVED
    assert moves == [(waiting, reserved), *[(reserved, reserved)] * 3], "asked, asked, one less, asked"


def test_ring_progressively_adds_one_more() -> None:
    """One is asked at first and one more after each time, while the earlier ones ring on."""
    scene = centre(at_once=3, every_ms=5_000)
    scene.arrive("zoe")
    seen = [ringing(scene, "zoe")]
    for _ in range(3):
        scene.advance(5_000)
        seen.append(ringing(scene, "zoe"))
    assert seen == [["ann"], ["ann", "bob"], ["ann", "bob", "cyd"], ["ann", "bob", "cyd"]]
    scene.advance(OFFER_MS - 15_000)
    assert ringing(scene, "zoe") == ["bob", "cyd"], "each offer has a deadline of its own"
    scene.accept("cyd", "zoe")
    assert not [key for key in scene.timers if key[1].startswith("further")], "and nobody more is thought of"


def test_rejection_by_all_begins_anew() -> None:
    """When nobody of those asked wants it, it waits again and begins with one once the back-off is over."""
    scene = centre(at_once=3, every_ms=5_000)
    scene.arrive("zoe")
    scene.advance(5_000)
    for name in ("ann", "bob", "cyd"):
        scene.reject(name, "zoe")
    assert (ringing(scene, "zoe"), scene.counters().waiting) == ([], 1)
    scene.advance(BACK_OFF_MS)
    assert len(ringing(scene, "zoe")) == 1


def test_a_first_offer_goes_before_a_further_one() -> None:
    """An agent is asked for somebody who is offered to nobody, before being the third for somebody else."""
    scene = Scene({name: agent(name) for name in NAMES}, (queue("sales", at_once=ALL), queue("support")))
    for name in ("zoe", "yan", "xia"):
        scene.arrive(name)
        scene.advance(1)
    scene.available(*NAMES)
    assert [scene.offers(name) for name in NAMES] == [["zoe"], ["yan"], ["xia"]]
    scene.reject("bob", "yan")
    assert scene.offers("bob") == ["yan", "zoe"], "and once everybody else is asked for, bob is the second for the first"


def test_an_agent_who_comes_later_is_asked_as_well() -> None:
    """An interaction that rings at fewer than it may takes whoever becomes free."""
    scene = Scene({name: agent(name) for name in NAMES}, (queue("sales", at_once=2), queue("support")))
    scene.available("ann")
    scene.arrive("zoe")
    assert (ringing(scene, "zoe"), is_asked_for(scene, "zoe")) == (["ann"], True)
    scene.available("bob", "cyd")
    assert (ringing(scene, "zoe"), is_asked_for(scene, "zoe")) == (["ann", "bob"], False)


def test_the_customer_leaves_while_all_ring() -> None:
    """Every offer stops, and nobody is asked any more."""
    scene = centre(at_once=ALL)
    scene.arrive("zoe")
    scene.leaves("zoe")
    assert [scene.states(name) for name in NAMES] == [{}, {}, {}]
    assert (scene.counters().offered, scene.counters().withdrawn) == (0, 1)
    assert not is_asked_for(scene, "zoe")


@pytest.mark.parametrize("seed", range(40))
def test_ring_all_answered_twice(seed: int) -> None:
    """Two answer in the same instant, on different shards, in any order of arrival: one has it, the other's is taken back."""
    random = Random(seed)
    agents = {name: agent(name) for name in NAMES}
    scene = Scene(agents, (queue("sales", at_once=ALL), queue("support")), choose=random.randrange)
    scene.run()
    scene.available(*NAMES)
    scene.run()
    scene.arrive("zoe")
    scene.run()
    assert ringing(scene, "zoe") == list(NAMES)
    for name in random.sample(NAMES, 3):
        assert scene.accept(name, "zoe") is None
    scene.run()
    served = [name for name in NAMES if scene.states(name) == {"zoe": ACCEPTED}]
    assert len(served) == 1, "one of them"
    assert [scene.states(name) for name in NAMES if name not in served] == [{}, {}], "and not the others"
    assert scene.conversations(served[0]) == ["zoe"]
    rules = Rules()
    for event in scene.events:
        rules.feed(event)


def test_an_answer_in_the_instant_of_the_deadline() -> None:
    """Whichever the agent hears first counts: accepted is accepted, and after the deadline it is too late (I8)."""
    for accepts_first in (True, False):
        scene = centre()
        scene.arrive("zoe")
        reservation = scene.has("ann", "zoe").reservation
        timer = (agent_at("ann"), f"offer/{reservation}")
        due_at = scene.timers[timer]
        scene.now = due_at
        if accepts_first:
            assert scene.tell(agent_at("ann"), AcceptOffer(reservation)) is None
            assert timer not in scene.timers, "the deadline no longer counts"
        else:
            scene.fire(due_at, timer)
            scene.run()
            refusal = scene.tell(agent_at("ann"), AcceptOffer(reservation))
            assert refusal is not None and refusal.code == "FAILED_PRECONDITION"
        assert scene.states("ann") == ({"zoe": ACCEPTED} if accepts_first else {})
        assert ringing(scene, "zoe") == ([] if accepts_first else ["bob"])


def test_signing_out_with_chats_and_a_pending_offer() -> None:
    """Whoever signs out hands their customers on, before newcomers, and what rings at them rings elsewhere."""
    scene = Scene({"ann": agent("ann", chats=2), "bob": agent("bob", chats=2)})
    scene.available("ann")
    scene.arrive("zoe")
    scene.accept("ann", "zoe")
    scene.advance(1)
    scene.arrive("yan")
    scene.advance(1)
    scene.sign_out("ann")
    assert scene.desk("ann").presence is PresenceState.OFFLINE
    assert scene.counters().waiting == 2
    scene.arrive("xia")
    scene.available("bob")
    assert scene.offers("bob") == ["zoe", "yan"], "those whom ann had, in their order"


def test_wrap_up_ends_while_on_the_last_agent() -> None:
    """Nobody else is there: when the last agent's wrap-up is over, whoever waits is offered to them at once."""
    scene = Scene({"ann": agent("ann")})
    scene.available("ann")
    scene.arrive("zoe")
    scene.accept("ann", "zoe")
    scene.ends("ann", "zoe")
    scene.arrive("yan")
    assert scene.states("ann") == {"zoe": ReservationState.WRAPPING}
    scene.advance(WRAP_UP_MS - 1)
    assert scene.offers("ann") == ["zoe"]
    scene.advance(1)
    assert scene.states("ann") == {"yan": PENDING}


@pytest.mark.parametrize(
    ("answer", "settings", "expected_ms"),
    [
        ("no", {"reject_backoff_ms": 2_000, "busy_backoff_ms": 7_000}, 2_000),
        ("busy", {"reject_backoff_ms": 2_000, "busy_backoff_ms": 7_000}, 7_000),
        ("busy", {"reject_backoff_ms": 2_000}, 2_000),
        ("none", {"no_answer_backoff_ms": 9_000}, 9_000),
        ("none", {}, BACK_OFF_MS),
    ],
)
def test_each_answer_has_its_back_off(answer: str, settings: dict[str, Any], expected_ms: int) -> None:
    """Who rejects, is busy or does not answer is not asked again for the time that the queue gives each."""
    rules = {**settings, "no_answer": PresenceState.AVAILABLE}
    scene = Scene({"ann": agent("ann")}, (queue("sales", **rules), queue("support")))
    scene.available("ann")
    scene.arrive("zoe")
    if answer == "none":
        scene.advance(OFFER_MS)
    else:
        scene.tell(agent_at("ann"), RejectOffer(scene.has("ann", "zoe").reservation, "", answer == "busy"))
    assert scene.states("ann") == {}
    scene.advance(expected_ms - 1)
    assert scene.offers("ann") == ["zoe"], "not yet"
    scene.advance(1)
    assert scene.offers("ann") == ["zoe", "zoe"]


@pytest.mark.parametrize(
    ("queue_says", "profile_says", "expected"),
    [
        (None, PresenceState.NOT_RESPONDING, PresenceState.NOT_RESPONDING),
        (None, PresenceState.AVAILABLE, PresenceState.AVAILABLE),
        (None, PresenceState.AWAY, PresenceState.AWAY),
        (None, PresenceState.OFFLINE, PresenceState.OFFLINE),
        (PresenceState.AVAILABLE, PresenceState.NOT_RESPONDING, PresenceState.AVAILABLE),
        (PresenceState.NOT_RESPONDING, PresenceState.AVAILABLE, PresenceState.NOT_RESPONDING),
    ],
)
def test_what_becomes_of_who_does_not_answer(
    queue_says: PresenceState | None, profile_says: PresenceState, expected: PresenceState
) -> None:
    """The queue says it, and where it does not the agent's profile."""
    agents = {"ann": agent("ann", no_answer=profile_says)}
    scene = Scene(agents, (queue("sales", no_answer=queue_says), queue("support")))
    scene.available("ann")
    scene.arrive("zoe")
    scene.advance(OFFER_MS)
    assert (scene.desk("ann").presence, scene.states("ann")) == (expected, {})
    assert scene.counters().waiting == 1


def test_signed_out_after_offers_in_a_row() -> None:
    """The third offer in a row that rings out signs the agent out; any answer in between begins anew."""
    ann = agent("ann", no_answer=PresenceState.AVAILABLE, sign_out_after=3)
    scene = Scene({"ann": ann}, (queue("sales", reject_backoff_ms=0), queue("support")))
    scene.available("ann")
    scene.arrive("zoe")
    scene.advance(2 * OFFER_MS)
    scene.reject("ann", "zoe")
    scene.advance(3 * OFFER_MS - 1)
    assert scene.desk("ann").presence is PresenceState.AVAILABLE, "two, an answer, and two"
    scene.advance(1)
    assert scene.desk("ann").presence is PresenceState.OFFLINE


def test_no_more_offers_ring_than_the_agent_may_have() -> None:
    """With room for three and one offer at a time, the next rings once the first is answered."""
    scene = Scene({"ann": agent("ann", chats=3, max_offers=1)})
    scene.available("ann")
    for name in ("zoe", "yan", "xia"):
        scene.arrive(name)
        scene.advance(1)
    assert scene.states("ann") == {"zoe": PENDING}
    scene.accept("ann", "zoe")
    assert scene.states("ann") == {"zoe": ACCEPTED, "yan": PENDING}
    proposed = [moved.agent for moved in scene.journal(Proposed)]
    assert proposed == [agent_at("ann")] * 2, "and the router did not ask in vain"


def test_offers_survive_a_reload() -> None:
    """A queue that is loaded again while several ring still knows them all."""
    scene = centre(at_once=2)
    scene.arrive("zoe")
    scene.reload(ROUTER)
    here = next(at for at in scene._actors if isinstance(scene._actors[at], Queue) and at.endswith("sales"))
    scene.reload(here)
    assert ringing(scene, "zoe") == ["ann", "bob"]
    scene.reject("bob", "zoe")
    assert ringing(scene, "zoe") == ["ann", "cyd"]
    scene.accept("cyd", "zoe")
    assert [scene.states(name) for name in NAMES] == [{}, {}, {"zoe": ACCEPTED}]

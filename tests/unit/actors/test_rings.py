"""Rings: whom an interaction asks for first, and whom as it waits; and that inner rings go before outer ones.

The bullseye semantics are those that Genesys Cloud documents ("Bullseye routing"): rings are added, never taken away, and
an agent of an inner ring who becomes free goes before one of an outer ring.
"""

from __future__ import annotations

from typing import Any

from actors.address import address
from actors.messages.centre import Membership, Relaxation
from actors.values import Requirement, ReservationState, SkillLevel
from tests.unit.actors.scene import Scene, agent, needs, queue

PENDING = ReservationState.PENDING
CARDS_3, CARDS_1 = SkillLevel("cards", 3), SkillLevel("cards", 1)


def relaxing(*steps: Relaxation, **changes: Any) -> Scene:
    """Ann has cards 5, bob has cards 1; sales asks for cards 3 at first."""
    agents = {
        "ann": agent("ann", skills={"cards": 5}), "bob": agent("bob", skills={"cards": 1}),
        "cat": agent("cat", "support"),
    }  # fmt: skip
    return Scene(agents, (queue("sales", requires=(CARDS_3,), relax=steps, **changes), queue("support")))


def test_levels_are_lowered_after_a_wait() -> None:
    """From the step's wait on, an agent with the lower level is asked, and not a moment before."""
    scene = relaxing(Relaxation(30_000, lower=(CARDS_1,)))
    scene.available("bob")
    scene.arrive("cy")
    scene.advance(29_999)
    assert scene.states("bob") == {}, "the step has not come yet"
    scene.advance(1)
    assert scene.states("bob") == {"cy": PENDING}, "now bob will do"


def test_an_inner_ring_goes_before_an_outer_one() -> None:
    """An agent of the first ring who is free goes before one of the second who has been idle far longer."""
    scene = relaxing(Relaxation(30_000, lower=(CARDS_1,)), offer_timeout_ms=5_000)
    scene.arrive("cy")
    scene.advance(40_000)
    scene.arrive("dee")
    scene.available("bob")
    assert scene.states("bob") == {"cy": PENDING}, "only bob is there, and cy has waited long enough for him"
    scene.reject("bob", "cy")
    scene.advance(15_000)
    scene.available("ann")
    assert scene.states("ann") == {"cy": PENDING}, "ann is in the first ring"


def test_steps_add_up() -> None:
    """Each step changes what the one before left: a skill lowered, then dropped, then agents of other queues, then anybody."""
    inner = Requirement((CARDS_3, SkillLevel("english", 2)), where="vip")
    lowered = Relaxation(1, lower=(CARDS_1,)).of(inner)
    assert lowered == Requirement((CARDS_1, SkillLevel("english", 2)), where="vip")
    dropped = Relaxation(2, drop=("english",), where="").of(lowered)
    assert dropped == Requirement((CARDS_1,))
    borrowed = Relaxation(3, queues=(address("queue", "support"),)).of(dropped)
    assert borrowed == Requirement((CARDS_1,), queues=(address("queue", "support"),))
    assert Relaxation(4, anybody=True).of(borrowed) == Requirement(queues=(address("queue", "support"),))
    assert Relaxation(5, lower=(SkillLevel("cards", 9),)).of(inner) == inner, "a level is never raised"


def test_agents_of_another_queue_help_after_a_wait() -> None:
    """Overflow to another queue's agents: who serves support is asked for sales once somebody waited long enough."""
    both = (address("queue", "sales"), address("queue", "support"))
    scene = relaxing(Relaxation(60_000, drop=("cards",), queues=both))
    scene.available("cat")
    scene.arrive("cy")
    scene.advance(59_999)
    assert scene.states("cat") == {}, "not yet"
    scene.advance(1)
    assert scene.states("cat") == {"cy": PENDING}, "cat helps out"


def test_a_profile_can_delay_a_queue() -> None:
    """Routing profiles (Amazon Connect): an agent with a delay gets only who has waited that long, others go before."""
    slow = (Membership(address("queue", "sales"), delay_ms=20_000),)
    scene = Scene({"ann": agent("ann", memberships=slow)}, (queue("sales", relax=(Relaxation(20_000, delay_ms=20_000),)),))
    scene.available("ann")
    scene.arrive("cy")
    scene.advance(19_999)
    assert scene.states("ann") == {}, "ann waits her delay"
    scene.advance(1)
    assert scene.states("ann") == {"cy": PENDING}, "then she is asked"


def test_a_profile_prefers_queues() -> None:
    """Routing profiles (Amazon Connect): a freed agent takes from the queue of the lower number, whoever waits longer."""
    first = (Membership(address("queue", "sales"), priority=1), Membership(address("queue", "support"), priority=0))
    scene = Scene({"ann": agent("ann", "sales", "support", memberships=first)})
    scene.arrive("cy", to="sales")
    scene.advance(60_000)
    scene.arrive("dee", to="support")
    scene.available("ann")
    assert scene.states("ann") == {"dee": PENDING}, "support is first in ann's profile"


def test_an_expression_decides() -> None:
    """A queue's `where` is met by attributes and groups, and an arrival's own adds to it."""
    agents = {
        "ann": agent("ann", attributes={"region": "north"}),
        "bob": agent("bob", attributes={"region": "south"}, groups=("senior",)),
    }
    scene = Scene(agents, (queue("sales", where='attribute["region"] in ("north", "south")'),))
    scene.available("ann", "bob")
    scene.arrive("cy", requirement=Requirement(where='group["senior"]'))
    assert scene.states("bob") == {"cy": PENDING}, "bob is both"


def test_who_waits_keeps_what_was_asked_for() -> None:
    """A stricter queue asks newcomers only, unless it is to ask anew; then those who wait are asked for as well."""
    for asks_anew, expected in ((False, {"cy": PENDING}), (True, {})):
        scene = relaxing()
        scene.configure({"bob": agent("bob", skills={"cards": 1})}, (queue("sales", reevaluates=asks_anew), queue("support")))
        scene.arrive("cy")
        stricter = queue("sales", requires=(CARDS_3,), reevaluates=asks_anew)
        scene.configure({"bob": agent("bob", skills={"cards": 1})}, (stricter, queue("support")))
        scene.available("bob")
        assert scene.states("bob") == expected, f"asks anew: {asks_anew}"


def test_a_rule_change_under_a_full_queue() -> None:
    """A thousand wait when the rules change: all are asked for anew, in order, and the first that can be served is."""
    scene = Scene({"bob": agent("bob", skills={"cards": 1})}, (queue("sales", requires=(CARDS_3,), reevaluates=True),))
    for number in range(1000):
        scene.arrive(f"c{number:03}")
    scene.available("bob")
    assert scene.states("bob") == {}, "nobody who waits may go to bob"
    scene.configure({"bob": agent("bob", skills={"cards": 1})}, (queue("sales", requires=(CARDS_1,), reevaluates=True),))
    assert scene.states("bob") == {"c000": PENDING}, "the first of them goes to him now"


def test_a_wish_for_one_agent_is_the_first_ring() -> None:
    """A transfer to an agent falls back to anybody after its time, and the agent still goes first when free."""
    scene = Scene({name: agent(name) for name in ("ann", "bob", "cat")})
    scene.available("ann", "cat")
    scene.arrive("cy", requirement=needs())
    scene.accept("ann", "cy")
    scene.transfer("ann", "cy", "sales", to_agent="bob")
    scene.advance(59_999)
    assert scene.states("cat") == {}, "only bob is wanted"
    scene.advance(1)
    assert scene.states("cat") == {"cy": PENDING}, "now anybody"

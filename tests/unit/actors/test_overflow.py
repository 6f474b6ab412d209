"""Overflow: when a queue does not keep somebody, where they go instead, and when it lends its agents.

Semantics that other products document are pinned by name: Asterisk's `joinempty`, `leavewhenempty` and `maxlen`, Amazon
Connect's overflow by queue capacity and staffing, Genesys' overflow by wait.
"""

from __future__ import annotations

from typing import Any

import pytest

from actors.address import address
from actors.events import InteractionMoved, Lent, Overflowed, WaitingMoved
from actors.messages.agent import DeskLost, SetPresence, SignIn
from actors.messages.centre import Lending, OverflowRule, Relaxation
from actors.messages.link import ShowEntries
from actors.messages.queue import Propose
from actors.routing.overflow import LATELY_MS, LOOK_AGAIN_MS, Lately, Situation, decision, may_lend, next_look_ms
from actors.values import (
    Attendance,
    Author,
    Customer,
    EndReason,
    PresenceState,
    Requirement,
    ReservationState,
    SkillLevel,
    WaitingState,
)
from tests.unit.actors.scene import WEB, Scene, agent, agent_at, interaction, needs, queue

PENDING = ReservationState.PENDING
SALES, SUPPORT = address("queue", "sales"), address("queue", "support")


def ruled(*rules: OverflowRule, other: dict[str, Any] | None = None, **changes: Any) -> Scene:
    """Ann serves sales, which has the rules; cat serves support."""
    agents = {"ann": agent("ann"), "cat": agent("cat", "support", chats=3)}
    return Scene(agents, (queue("sales", overflow=rules, **changes), queue("support", **(other or {}))))


def told(scene: Scene, name: str) -> list[str]:
    """What the contact centre wrote to a customer."""
    shown = [shown for shown in scene.seen(WEB, ShowEntries) if shown.conversation == name]
    return [entry.content.text for one in shown for entry in one.entries if entry.author is Author.SYSTEM]


def end_of(scene: Scene, name: str) -> EndReason | None:
    """How a conversation ended; None when it did not."""
    moves = [e for e in scene.events if isinstance(e, InteractionMoved) and e.interaction == interaction(name)]
    return moves[-1].reason


def rule_of(**changes: Any) -> OverflowRule:
    return OverflowRule(**changes)


def test_a_full_queue_refuses_with_a_message() -> None:
    """`maxlen`: the one after the last place is told so in their language and ended; those inside stay."""
    texts = {"en": "We are busy.", "zh": "现在很忙。"}
    scene = ruled(rule_of(length=2, texts=texts))
    scene.arrive("cy")
    scene.arrive("dee")
    scene.arrive("eve", customer=Customer("eve", "Eve", "zh-CN"))
    scene.arrive("fay", customer=Customer("fay", "Fay", "de"))
    assert (end_of(scene, "cy"), end_of(scene, "dee")) == (None, None), "two places, two customers"
    assert (end_of(scene, "eve"), end_of(scene, "fay")) == (EndReason.REFUSED, EndReason.REFUSED), "no third one"
    assert (told(scene, "eve"), told(scene, "fay")) == (["现在很忙。"], ["We are busy."]), (
        "each in their language, else English"
    )
    counters = scene.counters()
    assert (counters.waiting, counters.entered, counters.refused) == (2, 2, 2), "who was refused never entered"


def test_a_full_queue_moves_newcomers_on() -> None:
    """Overflow on length: the next one waits in the other queue, and everybody sees that as the next leg."""
    scene = ruled(rule_of(length=1, queue=SUPPORT))
    scene.available("cat")
    scene.arrive("cy")
    scene.arrive("dee")
    assert scene.states("cat") == {"dee": PENDING}, "dee found sales full"
    moves = [(e.queue, e.leg) for e in scene.events if isinstance(e, InteractionMoved) and e.interaction == "dee/1"]
    assert moves == [("sales", 1), ("support", 2)]
    assert [e for e in scene.events if isinstance(e, Overflowed)] == [Overflowed(SALES, "dee/1", 1, 1, SUPPORT, 0, 1, None)], (
        "the journal says which rule, and what it went by"
    )


@pytest.mark.parametrize("keeps_place", [True, False])
def test_a_wait_moves_on(keeps_place: bool) -> None:
    """Overflow on wait: from that wait on, not before; with its place in line and more priority, or behind everybody."""
    scene = ruled(rule_of(after_ms=30_000, queue=SUPPORT, keeps_place=keeps_place, points=5))
    scene.arrive("cy", priority=1)
    scene.advance(10_000)
    scene.arrive("dee", to="support", priority=6)
    scene.advance(19_999)
    assert scene.counters().waiting == 1, "not yet"
    scene.advance(1)
    assert (scene.counters().waiting, scene.counters("support").waiting) == (0, 2), "now cy is in support"
    assert scene.counters().overflowed == 1
    scene.available("cat")
    assert scene.offers("cat")[0] == ("cy" if keeps_place else "dee"), "1 + 5 points are dee's 6; the older place decides"


def test_who_rings_is_left_there() -> None:
    """A wait that ends while the offer rings moves nobody away from an agent; it does once the agent has said no."""
    scene = ruled(rule_of(after_ms=30_000, queue=SUPPORT))
    scene.arrive("cy")
    scene.advance(25_000)
    scene.available("ann")
    scene.advance(10_000)
    assert scene.states("ann") == {"cy": PENDING}, "35 s, but it rings at ann"
    scene.reject("ann", "cy")
    assert (scene.counters().waiting, scene.counters("support").waiting) == (0, 1), "ann does not want it, so it moves on"


def test_a_longest_wait_ends_with_a_message() -> None:
    """Maximum wait: whoever waited so long is told so and ended, once."""
    scene = ruled(rule_of(after_ms=60_000, texts={"en": "Sorry."}))
    scene.arrive("cy")
    scene.advance(59_999)
    assert end_of(scene, "cy") is None
    scene.advance(1)
    assert (end_of(scene, "cy"), told(scene, "cy")) == (EndReason.REFUSED, ["Sorry."])
    counters = scene.counters()
    assert (counters.waiting, counters.entered, counters.withdrawn, counters.refused) == (0, 1, 1, 1), "it entered and left"


def test_nobody_joins_an_empty_queue() -> None:
    """`joinempty=no`: with nobody signed in newcomers are moved on; with somebody there, busy or away, they are not."""
    scene = ruled(rule_of(nobody=Attendance.SIGNED_IN, joining_only=True, queue=SUPPORT))
    scene.arrive("cy")
    assert scene.counters("support").waiting == 1, "nobody works in sales"
    scene.tell(agent_at("ann"), SignIn("desk-ann"))
    scene.arrive("dee")
    assert scene.counters().waiting == 1, "ann is away, but there"
    scene.sign_out("ann")
    assert scene.counters().waiting == 1, "the rule is for newcomers; dee stays"


def test_everybody_leaves_an_empty_queue() -> None:
    """`leavewhenempty=yes`: when the last agent goes, those who wait are moved on at once."""
    scene = ruled(rule_of(nobody=Attendance.SIGNED_IN, queue=SUPPORT))
    scene.tell(agent_at("ann"), SignIn("desk-ann"))
    scene.arrive("cy")
    scene.arrive("dee")
    scene.sign_out("ann")
    assert (scene.counters().waiting, scene.counters("support").waiting) == (0, 2)


def test_presence_reasons_count_as_configured() -> None:
    """Away for a reason that counts as available is available; for one that counts as absent is not there at all."""
    reasons: dict[str, Any] = {"away_available": ("tidying",), "away_absent": ("holiday",)}
    rules = (rule_of(nobody=Attendance.AVAILABLE, joining_only=True, queue=SUPPORT),)
    scene = Scene({"ann": agent("ann", **reasons)}, (queue("sales", overflow=rules), queue("support")))
    scene.tell(agent_at("ann"), SignIn("desk-ann"))
    for number, (reason, waits) in enumerate({"lunch": 0, "tidying": 1, "holiday": 0, "": 0}.items()):
        scene.tell(agent_at("ann"), SetPresence(PresenceState.AWAY, reason))
        before = scene.counters().waiting
        scene.arrive(f"cy{number}")
        assert scene.counters().waiting - before == waits, f"away for {reason!r}"
    only_holiday = (rule_of(nobody=Attendance.SIGNED_IN, joining_only=True, queue=SUPPORT),)
    scene.configure({"ann": agent("ann", **reasons)}, (queue("sales", overflow=only_holiday), queue("support")))
    for number, (reason, waits) in enumerate({"lunch": 1, "holiday": 0}.items()):
        scene.tell(agent_at("ann"), SetPresence(PresenceState.AWAY, reason))
        before = scene.counters().waiting
        scene.arrive(f"dee{number}")
        assert scene.counters().waiting - before == waits, f"away for {reason!r} counts for who is signed in"


def test_a_busy_agent_is_available_and_a_lost_desk_is_not() -> None:
    """Available means wanting work, with room or without; an agent whose desk is gone is not, for the grace time."""
    scene = ruled(rule_of(nobody=Attendance.AVAILABLE, queue=SUPPORT))
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.arrive("dee")
    assert scene.counters().waiting == 1, "ann is busy, and will be free"
    scene.tell(agent_at("ann"), DeskLost("desk-ann"))
    assert scene.counters("support").waiting == 1, "now nobody is"


def test_rules_on_staffing_wait_until_it_is_known() -> None:
    """A router that lost its picture says nothing before it has heard everybody, so nobody is moved by a half of it."""
    scene = ruled(rule_of(nobody=Attendance.SIGNED_IN, queue=SUPPORT))
    scene.tell(agent_at("ann"), SignIn("desk-ann"))
    scene.arrive("cy")
    scene.reload(address("router", "main"))
    scene.run()
    assert scene.counters().waiting == 1, "ann is there all the while"
    scene.reload(SALES)
    scene.arrive("dee")
    assert scene.counters().waiting == 2, "and the queue remembers it"


def test_nobody_goes_round_in_circles() -> None:
    """Two queues that send everybody to each other: each does so once for one customer, who then waits."""
    back = {"overflow": (rule_of(nobody=Attendance.SIGNED_IN, queue=SALES),)}
    scene = ruled(rule_of(nobody=Attendance.SIGNED_IN, queue=SUPPORT), other=back)
    scene.arrive("cy")
    assert (scene.counters().waiting, scene.counters("support").waiting) == (1, 0), "from sales to support and back"
    assert [e.queue for e in scene.events if isinstance(e, Overflowed)] == [SALES, SUPPORT]


def test_whoever_was_served_is_not_refused_at_the_door() -> None:
    """A customer passed on by an agent, or whose agent left, is let in where newcomers are refused."""
    full = {"overflow": (rule_of(nobody=Attendance.SIGNED_IN),)}
    scene = ruled(other=full)
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.transfer("ann", "cy", "support")
    scene.arrive("dee", to="support")
    assert (end_of(scene, "cy"), end_of(scene, "dee")) == (None, EndReason.REFUSED)
    assert scene.counters("support").waiting == 1


def test_a_move_to_a_queue_that_is_gone_comes_back() -> None:
    """A rule whose queue nobody knows (retired meanwhile) leaves the customer where they were."""
    scene = ruled(rule_of(length=0, after_ms=1_000, queue=address("queue", "gone")))
    scene.arrive("cy")
    scene.advance(1_000)
    assert (end_of(scene, "cy"), scene.counters().waiting) == (None, 1), "back in sales, and not moved again"


def test_whoever_left_meanwhile_is_not_moved() -> None:
    """A customer who leaves in the moment their queue moves them on is abandoned, not refused, and in no queue."""
    scene = ruled(rule_of(after_ms=1_000, queue=SUPPORT))
    scene.arrive("cy")
    scene.fire(scene.now + 1_000, (SALES, "overflow/cy/1"))
    scene.leaves("cy")
    scene.run()
    assert end_of(scene, "cy") is EndReason.ABANDONED
    assert (scene.counters().waiting, scene.counters("support").waiting) == (0, 0)


def test_a_new_rule_holds_for_those_who_wait() -> None:
    """Rules applied under a full queue move whom they concern at once; rules taken away let everybody stay."""
    scene = ruled()
    scene.arrive("cy")
    scene.advance(60_000)
    agents = {"ann": agent("ann"), "cat": agent("cat", "support")}
    rule = rule_of(after_ms=30_000, queue=SUPPORT)
    scene.configure(agents, (queue("sales", overflow=(rule,)), queue("support")))
    assert scene.counters("support").waiting == 1, "a minute is more than thirty seconds"
    scene.arrive("dee")
    scene.configure(agents, (queue("sales"), queue("support")))
    scene.advance(60_000)
    assert scene.counters().waiting == 1, "there is no such rule any more"


def test_a_closed_door_says_why() -> None:
    """Whoever comes when it is closed is told so, if there is something to tell, and ended as before."""
    scene = ruled()
    scene.arrive("cy", open=False, closed_text="At nine.")
    scene.arrive("dee", open=False)
    assert (end_of(scene, "cy"), end_of(scene, "dee")) == (EndReason.CLOSED, EndReason.CLOSED)
    assert (told(scene, "cy"), told(scene, "dee")) == (["At nine."], [])


# Lending.


def borrowing(lends: Lending | None, rule: OverflowRule | None = None, **changes: Any) -> Scene:
    """Sales may borrow from support after half a minute, as far as support lends."""
    rule = rule or rule_of(after_ms=30_000, borrow=(SUPPORT,))
    return ruled(rule, other={"lends": lends, "service_level_ms": 20_000}, **changes)


def test_agents_are_borrowed_while_the_lender_lends() -> None:
    """From the wait on, and if the lender says yes, its agents are asked; the journal has the lender's word."""
    scene = borrowing(Lending())
    scene.available("cat")
    scene.arrive("cy")
    scene.advance(29_999)
    assert scene.states("cat") == {}, "not yet"
    scene.advance(1)
    assert scene.states("cat") == {"cy": PENDING}
    assert [e for e in scene.events if isinstance(e, Lent)] == [Lent(SUPPORT, SALES, lends=True)]


@pytest.mark.parametrize("lends", [None, Lending(to=(address("queue", "billing"),))])
def test_nobody_borrows_from_who_does_not_lend(lends: Lending | None) -> None:
    """A queue that lends nothing, or to others only, keeps its agents."""
    scene = borrowing(lends)
    scene.available("cat")
    scene.arrive("cy")
    scene.advance(120_000)
    assert scene.states("cat") == {}


def test_a_lender_takes_its_agents_back() -> None:
    """Once the lender's own service level no longer holds, the ring closes again, and opens when it does."""
    scene = borrowing(Lending(service_level_permille=800))
    scene.arrive("cy")
    scene.advance(31_000)
    assert rings_of(scene, "cy") == 2, "the ring of support's agents is open"
    scene.arrive("dee", to="support")
    scene.advance(20_000 + LOOK_AGAIN_MS + 1)
    assert rings_of(scene, "cy") == 1, "dee is late, and nobody was in time"
    scene.available("cat")
    assert scene.states("cat") == {"dee": PENDING}, "cat is support's own again"
    scene.accept("cat", "dee")
    scene.ends("cat", "dee")
    scene.advance(6 * LATELY_MS)
    for number in range(10):
        scene.arrive(f"eve{number}", to="support")
        scene.accept("cat", f"eve{number}")
        scene.ends("cat", f"eve{number}")
        scene.completes("cat", f"eve{number}")
    scene.advance(LOOK_AGAIN_MS)
    assert scene.states("cat") == {"cy": PENDING}, "service is good again, so cat may help out"


def test_a_proposal_of_a_ring_that_closed_is_declined() -> None:
    """Between shards a router may decide by a ring that its queue has closed: nobody is held for whom it may not have."""
    scene = borrowing(Lending())
    scene.arrive("cy")
    scene.advance(31_000)
    lent = Requirement(queues=(SUPPORT,))
    scene.arrive("dee", to="support")
    scene.advance(LOOK_AGAIN_MS)
    assert rings_of(scene, "cy") == 1, "somebody waits in support, so it does not lend"
    scene.tell(SALES, Propose("cy/1", agent_at("cat"), (Requirement(), lent)))
    assert scene.states("cat") == {}, "cat is not asked"
    scene.available("ann")
    assert scene.states("ann") == {"cy": PENDING}, "and the router knows that cy still waits"


def test_loans_end_with_the_need() -> None:
    """When nobody waits for borrowed agents any more, the lender is asked no more, and the next one asks anew."""
    scene = borrowing(Lending())
    scene.arrive("cy")
    scene.advance(31_000)
    scene.leaves("cy")
    scene.advance(2 * LOOK_AGAIN_MS)
    assert (SALES, "lenders") not in scene.timers, "nothing to ask for"
    scene.arrive("dee")
    scene.available("cat")
    scene.advance(30_000)
    assert scene.states("cat") == {"dee": PENDING}


def test_what_is_asked_of_borrowed_agents() -> None:
    """Borrowed agents are asked for what the outermost ring asks; or, where the rule says so, for nothing."""
    steps = (Relaxation(10_000, lower=(SkillLevel("cards", 1),)),)
    for anybody, expected in ((False, {}), (True, {"cy": PENDING})):
        rule = rule_of(after_ms=30_000, borrow=(SUPPORT,), anybody=anybody)
        scene = borrowing(Lending(), rule, requires=(SkillLevel("cards", 3),), relax=steps)
        scene.available("cat")
        scene.arrive("cy")
        scene.advance(30_000)
        assert scene.states("cat") == expected, "cat knows nothing of cards"


def test_a_wish_for_one_agent_borrows_nobody() -> None:
    """Whoever asks for one agent by name waits for that agent, lent agents or not."""
    scene = borrowing(Lending())
    scene.available("cat")
    scene.arrive("cy", requirement=Requirement(agent="ann"))
    scene.advance(60_000)
    assert scene.states("cat") == {}


def rings_of(scene: Scene, name: str) -> int:
    """How many rings are open for a customer who waits."""
    moves = [e for e in scene.events if isinstance(e, WaitingMoved) and e.interaction == interaction(name)]
    assert moves[-1].after is WaitingState.WAITING
    return 1 + len(moves[-1].outer)


# The rules by themselves.

CALM = Situation(joining=True, waited_ms=0, others=0, oldest_ms=0)


@pytest.mark.parametrize(
    ("rule", "situation", "expected"),
    [
        (rule_of(oldest_ms=60_000), {"oldest_ms": 59_999}, None),
        (rule_of(oldest_ms=60_000), {"oldest_ms": 60_000}, 0),
        (rule_of(oldest_ms=60_000), {"oldest_ms": 60_000, "joining": False, "waited_ms": 9}, None),
        (rule_of(expected_ms=60_000), {"expected_ms": 60_000}, 0),
        (rule_of(expected_ms=60_000), {"expected_ms": 59_999}, None),
        (rule_of(expected_ms=60_000), {"expected_ms": None}, None),
        (rule_of(length=3, after_ms=9), {"others": 3, "waited_ms": 9, "joining": False}, 0),
        (rule_of(length=3, after_ms=9), {"others": 2, "waited_ms": 9, "joining": False}, None),
        (rule_of(after_ms=9), {"waited_ms": 9, "joining": False, "is_newcomer": False}, 0),
        (rule_of(length=1), {"others": 1, "is_newcomer": False}, None),
        (rule_of(length=1, queue=SUPPORT), {"others": 1, "is_newcomer": False}, 0),
        (rule_of(length=1, queue=SUPPORT), {"others": 1, "was_moved_from_here": True}, None),
        (rule_of(nobody=Attendance.SIGNED_IN), {"staffing": None}, None),
    ],
)  # fmt: skip
def test_conditions(rule: OverflowRule, situation: dict[str, Any], expected: int | None) -> None:
    """A rule holds exactly from its bounds on, never by what is not known, and never twice from one queue."""
    given = {"joining": True, "waited_ms": 0, "others": 0, "oldest_ms": 0, **situation}
    assert decision((rule,), Situation(**given)) == expected


def test_the_first_rule_that_holds_decides() -> None:
    """Order is the author's: a later rule acts only where the earlier ones do not hold."""
    rules = (rule_of(length=10), rule_of(length=5, queue=SUPPORT))
    for others, expected in ((4, None), (5, 1), (10, 0)):
        assert decision(rules, Situation(True, 0, others, 0)) == expected


def test_when_to_look_again() -> None:
    """At the next wait that a rule names; every few seconds where lengths or waits of others decide too; else never."""
    waiting = Situation(False, 10, 0, 0)
    assert next_look_ms((rule_of(after_ms=30, queue=SUPPORT), rule_of(length=3)), waiting) == 20
    assert next_look_ms((rule_of(after_ms=5, length=3, queue=SUPPORT),), waiting) == LOOK_AGAIN_MS
    assert next_look_ms((rule_of(nobody=Attendance.AVAILABLE), rule_of(length=3)), waiting) is None
    moved = Situation(False, 10, 0, 0, was_moved_from_here=True)
    assert next_look_ms((rule_of(after_ms=30, queue=SUPPORT),), moved) is None


def test_lately_fades() -> None:
    """What is long ago counts no more; those who wait and are late count as not in time."""
    lately, step_ms = Lately(0.0, 0.0), LATELY_MS // 30
    for at in range(0, 40 * LATELY_MS, step_ms):
        lately = Lately.of(lately.answered + 1, lately.in_target + 0.9, at, at + step_ms)
    assert lately.answered == pytest.approx(30, rel=0.05), "thirty in a quarter of an hour, for long"
    assert lately.service_level_permille(0) == 900
    assert lately.service_level_permille(30) == pytest.approx(450, abs=10)
    assert Lately(0.0, 0.0).service_level_permille(0) == 1000, "nobody was late"


def test_an_expected_wait_moves_newcomers_on() -> None:
    """Overflow on expected wait: once the queue has learned how long it takes, newcomers behind many go elsewhere."""
    scene = ruled(rule_of(expected_ms=100_000, queue=SUPPORT))
    scene.available("ann")
    for number in range(20):
        scene.arrive(f"cy{number:02}")
    assert scene.counters("support").waiting == 0, "nothing is known yet"
    for number in range(12):
        scene.accept("ann", f"cy{number:02}")
        scene.advance(15_000)
        scene.ends("ann", f"cy{number:02}")
        scene.completes("ann", f"cy{number:02}")
    expected = scene.counters().expected
    assert expected is not None and expected.expected_ms >= 100_000, f"eight in front, a quarter of a minute each: {expected}"
    scene.arrive("dee")
    assert scene.counters("support").waiting == 1


@pytest.mark.parametrize(
    ("lending", "waiting", "permille", "expected_ms", "expected"),
    [
        (None, 0, 1000, 0, False),
        (Lending(), 0, 0, None, True),
        (Lending(), 1, 1000, 0, False),
        (Lending(service_level_permille=800), 9, 800, None, True),
        (Lending(service_level_permille=800), 0, 799, 0, False),
        (Lending(expected_ms=60_000), 9, 0, 60_000, True),
        (Lending(expected_ms=60_000), 9, 1000, 60_001, False),
        (Lending(expected_ms=60_000), 9, 1000, None, False),
        (Lending((SALES,)), 0, 1000, 0, True),
        (Lending((SUPPORT,)), 0, 1000, 0, False),
    ],
)
def test_when_agents_are_lent(
    lending: Lending | None, waiting: int, permille: int, expected_ms: int | None, expected: bool
) -> None:
    """While what the lender names of its own customers holds; with nothing named, while none of them waits."""
    assert may_lend(lending, SALES, waiting, permille, expected_ms) is expected


def test_needs_survive_a_move() -> None:
    """What a customer needs goes with them, and the next queue adds its own."""
    scene = ruled(rule_of(length=0, nobody=Attendance.SIGNED_IN, queue=SUPPORT), other={"requires": (SkillLevel("cards", 1),)})
    scene.arrive("cy", requirement=needs(english=2))
    moved = [e for e in scene.events if isinstance(e, WaitingMoved)][-1]
    assert moved.requirement == needs(cards=1, english=2)

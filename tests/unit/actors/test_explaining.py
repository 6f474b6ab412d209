"""Every decision explains itself: in the journal, in words, and before it is made."""

from __future__ import annotations

from actors.address import address
from actors.events import Proposed
from actors.messages.agent import ExplainReservation, ReservationExplained, Reserve
from actors.messages.centre import Relaxation
from actors.messages.queue import DescribeWaiting
from actors.messages.router import ROUTER, ExplainRoute, RouteExplained, Waiting
from actors.routing import wording
from actors.values import Customer, Requirement, SkillLevel, Why
from tests.unit.actors.scene import Scene, agent, agent_at, interaction, queue, session

SALES = address("queue", "sales")


def scene() -> Scene:
    """Ann and bob can, dan lacks the skill, eve serves support, fay is not there."""
    english = {"english": 5}
    agents = {
        "ann": agent("ann", skills=english), "bob": agent("bob", skills=english), "dan": agent("dan"),
        "eve": agent("eve", "support"), "fay": agent("fay", skills=english),
    }  # fmt: skip
    needs = (SkillLevel("english", 3),)
    relax = (Relaxation(30_000, drop=("english",)),)
    made = Scene(agents, (queue("sales", requires=needs, relax=relax), queue("support")))
    made.available("ann")
    made.advance(10_000)
    made.available("bob", "dan", "eve")
    return made


def explain(made: Scene, waited_ms: int = 0) -> RouteExplained:
    waiting = made.ask(SALES, DescribeWaiting("chat", waited_ms=waited_ms), Waiting)
    return made.ask(ROUTER, ExplainRoute(waiting=waiting), RouteExplained)


def test_who_would_get_it_and_why_not_the_others() -> None:
    """Free agents stand in the order of the strategy, the others with the reason that keeps them out."""
    explained = explain(scene())
    assert [(verdict.agent, verdict.reason.value) for verdict in explained.verdicts] == [
        ("ann", "free"), ("bob", "free"), ("fay", "unavailable"), ("dan", "unable"), ("eve", "elsewhere"),
    ]  # fmt: skip
    assert explained.verdicts[0].words == "free: idle for 10.0 s"
    assert explained.rings == ("english 3",) and explained.counts == {
        "free": 2, "unavailable": 1, "unable": 1, "elsewhere": 1,
    }  # fmt: skip


def test_a_longer_wait_opens_rings() -> None:
    """Asked as if it had waited a minute, the outer ring is open and dan is in it, behind those of the inner one."""
    explained = explain(scene(), waited_ms=60_000)
    assert explained.rings == ("english 3", "nothing")
    assert [(verdict.agent, verdict.ring) for verdict in explained.verdicts[:3]] == [("ann", 0), ("bob", 0), ("dan", 1)]


def test_one_that_waits_is_explained_by_its_id() -> None:
    """Whoever waits is told by id, with how many go first; whoever rings or is gone does not wait."""
    made = scene()
    for name in ("ann", "bob"):
        made.arrive(f"with-{name}")
    made.arrive("first")
    made.arrive("second")
    explained = made.ask(ROUTER, ExplainRoute(interaction("second")), RouteExplained)
    assert (explained.is_waiting, explained.ahead) == (True, 1)
    assert [verdict.reason.value for verdict in explained.verdicts[:2]] == ["busy", "busy"]
    refusal = made.tell(ROUTER, ExplainRoute(interaction("with-ann")))
    assert refusal is not None and refusal.code == "NOT_FOUND", "it rings"


def test_an_expression_that_means_nothing_is_refused() -> None:
    """A question with a broken expression is told what to write."""
    refusal = scene().tell(SALES, DescribeWaiting("chat", requirement=Requirement(where="english >=")))
    assert refusal is not None and (refusal.code, "write it like" in refusal.detail) == ("INVALID_ARGUMENT", True)


def test_the_journal_keeps_why() -> None:
    """Each proposal says how many could have been asked, who came next and where both stood."""
    made = scene()
    made.arrive("cy")
    (proposed,) = (event for event in made.events if isinstance(event, Proposed))
    assert (proposed.agent, proposed.runner_up, proposed.candidates) == ("agent/ann", "agent/bob", 2)
    words = wording.why("", 1, 2, 0, proposed.score, "bob", 0, proposed.runner_up_score, made.now)
    assert words == "longest idle of 2 free (idle for 10.0 s); bob came next (idle for 0.0 s)"


def test_words_tell_rings() -> None:
    """A runner-up of an outer ring is said to be one."""
    words = wording.why("random", 2, 3, 0, (0.0, 0.5), "dan", 1, (0.0, 0.1), 0)
    assert words == "random of 3 free (by lot); in ring 1 of 2; dan came next, in ring 2, asked only when nobody nearer is free"
    assert wording.why("", 1, 0, 0, (), "", 0, (), 0) == "", "journals of before say nothing"


def why(made: Scene, name: str, conversation: str) -> ReservationExplained:
    """What the agent's desk is told of their reservation for a conversation."""
    held = made.has(name, conversation).reservation
    return made.ask(agent_at(name), ExplainReservation(held), ReservationExplained)


def test_an_agent_is_told_why_from_the_offer_to_the_end_of_the_wrap_up() -> None:
    """The agent's own record has what the journal has, over a reload too, until the reservation is over."""
    made = scene()
    made.arrive("cy")
    reservation = made.has("ann", "cy").reservation
    (proposed,) = (event for event in made.events if isinstance(event, Proposed))
    told = why(made, "ann", "cy")
    assert (told.interaction, told.queue, told.why) == (
        interaction("cy"), SALES,
        Why(
            made.now, Requirement((SkillLevel("english", 3),)), "", 1, 1, 2, 0, proposed.score, address("agent", "bob"), 0,
            proposed.runner_up_score,
        ),
    )  # fmt: skip
    assert told.why is not None and wording.why_in_words(told.why) == (
        "longest idle of 2 free (idle for 10.0 s); bob came next (idle for 0.0 s)"
    )
    made.accept("ann", "cy")
    made.reload(agent_at("ann"))
    made.ends("ann", "cy")
    assert why(made, "ann", "cy") == told, "the same, after a crash and while wrapping up"
    made.completes("ann", "cy")
    refusal = made.tell(agent_at("ann"), ExplainReservation(reservation))
    assert refusal is not None and refusal.code == "NOT_FOUND"
    assert not [key for key in made.actor(agent_at("ann")).records if key.startswith("why/")], "nothing is left behind"


def test_an_agent_of_an_outer_ring_is_told_what_that_ring_asks() -> None:
    """Once the queue asks less, whoever is found by that hears so, and that nobody nearer was free."""
    made = Scene(
        {"dan": agent("dan")}, (queue("sales", requires=(SkillLevel("english", 3),), relax=(Relaxation(5_000, anybody=True),)),)
    )
    made.available("dan")
    made.arrive("cy")
    made.advance(6_000)
    told = why(made, "dan", "cy").why
    assert told is not None and (told.ring, told.rings, told.asked) == (1, 2, Requirement())


def test_reasons_of_an_earlier_release_are_said_to_be_unknown() -> None:
    """A queue that hands on a proposal without reasons still gets an answer: the reservation, and no reason."""
    made = scene()
    reserve = Reserve("x/1#1.1", "x/1", SALES, session("x"), "chat", Customer("x"), "", 5, 20_000, 30_000)
    assert made.tell(agent_at("ann"), reserve) is None
    told = made.ask(agent_at("ann"), ExplainReservation("x/1#1.1"), ReservationExplained)
    assert told == ReservationExplained("x/1#1.1", "x/1", SALES)

"""Every decision explains itself: in the journal, in words, and before it is made."""

from __future__ import annotations

from actors.address import address
from actors.events import Proposed
from actors.messages.centre import Relaxation
from actors.messages.queue import DescribeWaiting
from actors.messages.router import ROUTER, ExplainRoute, RouteExplained, Waiting
from actors.routing import wording
from actors.values import Requirement, SkillLevel
from tests.unit.actors.scene import Scene, agent, interaction, queue

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

"""I5, I6 and I7 over the router's proposals, the queue's holds and who is left waiting."""

from __future__ import annotations

from typing import Any

from actors.address import Address
from actors.routing.capacity import CapacityRules
from actors.values import SkillLevel
from cluster.invariants.evidence import Evidence
from tests.unit.invariants.scribe import (
    ALICE,
    BOB,
    START,
    Scribe,
    arrives,
    broken,
    check,
    configured,
    connected,
    moved,
    offered,
    presence,
    proposed,
    ready,
    reserved,
    waiting,
)

CHINESE = SkillLevel("chinese", 5)


def passed_over(scribe: Scribe) -> list[str]:
    return [violation.subject for violation in check(scribe).violations if violation.invariant == "I5"]


def test_i5_first_come_is_first_served() -> None:
    """The one who came first is proposed first."""
    scribe = arrives(arrives(ready(Scribe()), "c/1", at=START), "d/1", at=START + 1)
    assert passed_over(offered(scribe.copy(), "c/1", at=START)) == [], "c came first"
    assert passed_over(offered(scribe, "d/1", at=START + 1)) == ["c/1"], "c was passed over"


def test_i5_priority_goes_first() -> None:
    """A higher priority goes before a longer wait."""
    scribe = arrives(arrives(ready(Scribe()), "c/1", at=START), "d/1", at=START + 1, priority=5)
    assert passed_over(offered(scribe.copy(), "d/1", at=START + 1, priority=5)) == [], "d has the higher priority"
    assert passed_over(offered(scribe, "c/1", at=START)) == ["d/1"], "d was passed over"


def test_i5_whoever_the_agent_cannot_serve_is_not_passed_over() -> None:
    """Skills, queue, channel, refusals and wishes keep an interaction from an agent, whatever its priority."""
    reasons: dict[str, dict[str, Any]] = {
        "a skill that alice lacks": {"needs": (CHINESE,)},
        "a queue that she does not serve": {"queue": Address("queue/other")},
        "a channel that she has no room for": {"channel": "voice"},
        "her own refusal": {"not_agents": (ALICE,)},
        "a wish for bob": {"only": "bob"},
    }
    for reason, place in reasons.items():
        scribe = arrives(arrives(ready(Scribe()), "c/1", priority=9, **place), "d/1", at=START + 1)
        assert passed_over(offered(scribe, "d/1", at=START + 1)) == [], f"c was not hers because of {reason}"


def test_i5_rules_of_capacity_keep_an_interaction_from_an_agent() -> None:
    """Who does not fit beside what the agent has, by costs, labels or interruptions, is not passed over; who fits is."""
    rules = CapacityRules({"voice": 2}, labels={"vip": 1})
    scribe = ready(Scribe(), chats=3, calls=1, total=2, rules=rules)
    connected(offered(arrives(scribe, "v/1", labels=("vip",)), "v/1", labels=("vip",)), "v/1")
    reasons: dict[str, dict[str, Any]] = {"units": {"channel": "voice"}, "its label": {"labels": ("vip",)}}
    for reason, place in reasons.items():
        waits = arrives(arrives(scribe.copy(), "c/1", priority=9, **place), "d/1", at=START + 1)
        assert passed_over(offered(waits, "d/1", at=START + 1)) == [], f"c does not fit because of {reason}"
        assert settled(arrives(scribe.copy(), "c/1", **place)) == set(), "and waits rightly (I7)"
    waits = arrives(arrives(scribe, "c/1", priority=9, labels=("other",)), "d/1", at=START + 1)
    assert passed_over(offered(waits, "d/1", at=START + 1)) == ["c/1"], "a label without a limit is no reason"


def test_i5_a_call_proposed_in_the_same_turn_keeps_chats_away() -> None:
    """What was proposed a moment ago interrupts already, so the chats behind it are not passed over."""
    scribe = ready(Scribe(), chats=2, calls=2, total=3, rules=CapacityRules(interrupts={"voice": ("webchat",)}))
    arrives(
        arrives(arrives(scribe, "v/1", channel="voice", at=START), "c/1", at=START + 1), "w/1", channel="voice", at=START + 2
    )
    scribe.commit(proposed("v/1", ALICE, at=START), proposed("w/1", ALICE, at=START + 2))
    assert passed_over(scribe) == [], "the chat does not come beside a call, the second call does"


def test_i5_proposals_of_one_turn_count_as_taken() -> None:
    """The router proposes several pairs in one turn, before any queue has answered."""
    scribe = arrives(arrives(ready(Scribe(), ALICE, BOB), "c/1", at=START), "d/1", at=START + 1)
    scribe.commit(
        proposed("c/1", ALICE, at=START),
        proposed("d/1", BOB, at=START + 1),
        waiting("c/1", "waiting", "reserved", 1, ALICE, "c/1#1.1"),
        waiting("d/1", "waiting", "reserved", 1, BOB, "d/1#1.1"),
        reserved("c/1#1.1", None, "pending", ALICE),
        reserved("d/1#1.1", None, "pending", BOB),
    )
    assert check(scribe).ok, "c was taken when d was proposed"


def test_i5_room_is_used_up_within_a_turn() -> None:
    """An agent whose last place was proposed a moment ago passes nobody over on that channel."""
    scribe = ready(Scribe(), ALICE, chats=1, calls=1, total=2)
    arrives(arrives(arrives(scribe, "c/1", at=START), "d/1", at=START + 1), "e/1", at=START + 2, channel="voice")
    scribe.commit(proposed("c/1", ALICE, at=START), proposed("e/1", ALICE, at=START + 2))
    assert passed_over(scribe) == [], "alice had no room for d any more"


def test_i5_marks_are_lifted_when_a_proposal_came_to_nothing() -> None:
    """What a queue did not take up waits on, and is first in line for the next turn."""
    scribe = arrives(arrives(ready(Scribe(), ALICE, BOB), "c/1", at=START), "d/1", at=START + 1)
    scribe.commit(proposed("c/1", ALICE, at=START))
    scribe.commit(proposed("d/1", BOB, at=START + 1))
    assert passed_over(scribe) == ["c/1"], "nobody held c, so bob should have been proposed for it"


def test_i5_a_proposal_that_misstates_its_place_is_caught() -> None:
    """The router must not see another priority than the queue has."""
    scribe = arrives(ready(Scribe()), "c/1", priority=1)
    assert passed_over(offered(scribe, "c/1", priority=3)) == ["c/1"], "the queue has it with priority 1"


def test_i5_a_returned_interaction_is_first_again() -> None:
    """An interaction that comes back from an offer keeps its place."""
    scribe = offered(arrives(arrives(ready(Scribe(), ALICE, BOB), "c/1", at=START), "d/1", at=START + 1), "c/1", at=START)
    scribe.commit(
        reserved("c/1#1.1", "pending", "rejected"), waiting("c/1", "reserved", "waiting", at=START, not_agents=(ALICE,))
    )
    assert passed_over(offered(scribe.copy(), "d/1", ALICE, at=START + 1)) == [], "alice had refused c"
    assert passed_over(offered(scribe, "d/1", BOB, at=START + 1)) == ["c/1"], "bob had not"


def test_i5_across_shards_is_reported_as_unjudged() -> None:
    """In literal mode the journals have no common order, and the report says so."""
    router, queue, agent = Scribe("router/main"), Scribe("queue/sales"), Scribe("agent/alice")
    ready(agent)
    queue.commit(waiting("c/1", None, "waiting"))
    router.commit(proposed("d/1", at=START + 1))
    report = check(agent, queue, router)
    assert "I5" not in broken(report), "nothing can be held against the router"
    assert "no common order" in report.checked["I5"], "and the reader is told"


def test_i5_in_a_trimmed_journal_is_judged_by_what_is_known() -> None:
    """Room for another channel is unknown; the proposed channel has room, or it would not be proposed."""
    scribe = Scribe(first=9).commit(configured(chats=2, calls=2, total=4))
    arrives(arrives(scribe, "c/1", priority=3, channel="voice"), "d/1", at=START + 1)
    assert passed_over(offered(scribe.copy(), "d/1", at=START + 1)) == [], "alice may have been on the phone"
    arrives(scribe, "e/1", priority=4)
    assert passed_over(offered(scribe, "d/1", at=START + 1)) == ["e/1"], "she had room for a chat, and e came first"


def test_i6_missing_skills_are_caught() -> None:
    """Every skill at its level, at the proposal and at the hold."""
    scribe = arrives(ready(Scribe(), skills=(SkillLevel("chinese", 4),)), "c/1", needs=(CHINESE,))
    assert "I6" in broken(check(offered(scribe, "c/1", needs=(CHINESE,)))), "level 4 is not level 5"
    scribe = arrives(ready(Scribe(), skills=(SkillLevel("chinese", 5),)), "c/1", needs=(CHINESE,))
    assert check(offered(scribe, "c/1", needs=(CHINESE,))).ok, "level 5 is"


def test_i6_the_wrong_agent_or_queue_is_caught() -> None:
    """A wish for one agent is kept until it lapses, and members alone serve a queue."""
    wish = offered(arrives(ready(Scribe()), "c/1", only="bob"), "c/1", only="bob")
    assert "I6" in broken(check(wish)), "only bob may serve it"
    lapsed = offered(arrives(ready(Scribe()), "c/1", only="bob"), "c/1")
    assert check(lapsed).ok, "the queue held it without the wish, which had lapsed"
    stranger = offered(arrives(ready(Scribe(), queues=()), "c/1"), "c/1")
    assert "I6" in broken(check(stranger)), "alice does not serve this queue"


def test_i6_skills_in_force_are_those_of_the_time() -> None:
    """A later configuration does not make an earlier hold right or wrong."""
    scribe = arrives(ready(Scribe(), skills=(CHINESE,)), "c/1", needs=(CHINESE,))
    offered(scribe, "c/1", needs=(CHINESE,)).commit(configured(skills=()))
    assert check(scribe).ok, "she had it then"


def test_i6_across_shards_any_configuration_counts() -> None:
    """Without a common order, a hold is wrong only if the agent never had what it takes."""
    queue, agent = Scribe("queue/sales"), Scribe("agent/alice")
    queue.commit(waiting("c/1", None, "waiting", needs=(CHINESE,)))
    queue.commit(waiting("c/1", "waiting", "reserved", 1, ALICE, "c/1#1.1", needs=(CHINESE,)))
    agent.commit(configured(skills=(CHINESE,))).commit(configured(skills=()))
    assert "I6" not in broken(check(queue, agent)), "she had it once"
    never = Scribe("agent/alice").commit(configured(skills=()))
    assert "I6" in broken(check(queue, never)), "she never had it"


def settled(scribe: Scribe, after_ms: int = 60_000) -> set[str]:
    return broken(check(scribe, evidence=Evidence(settled=True), now=scribe.now + after_ms))


def test_i7_a_pair_left_apart_is_caught() -> None:
    """Once faults have stopped, an idle agent and somebody whom they may serve meet within the bound."""
    scribe = arrives(ready(Scribe()), "c/1")
    assert settled(scribe) == {"I7"}, "alice is idle and c waits"
    assert settled(scribe, after_ms=1_000) == set(), "they have had only a second"
    assert check(scribe, now=scribe.now + 60_000).ok, "an unsettled centre is not judged"
    assert "not judged" in check(scribe).checked["I7"], "and the report says so"


def test_i7_who_cannot_be_served_waits_rightly() -> None:
    """Nobody is missed who has no agent, or whose agents are busy, away or unwilling."""
    assert settled(arrives(ready(Scribe()), "c/1", needs=(CHINESE,))) == set(), "alice lacks a skill"
    assert settled(arrives(ready(Scribe()).commit(presence("available", "away")), "c/1")) == set(), "alice is away"
    refused = arrives(ready(Scribe()), "c/1", not_agents=(ALICE,))
    assert settled(refused) == set(), "alice refused a minute ago"
    assert settled(refused, after_ms=3_600_000) == {"I7"}, "an hour ago is no excuse"
    busy = connected(offered(arrives(ready(Scribe()), "c/1"), "c/1"), "c/1")
    assert settled(arrives(busy, "d/1")) == set(), "alice is busy"
    gone = arrives(ready(Scribe()), "c/1").commit(
        moved("c/1", "queued", "ended", reason="abandoned"), waiting("c/1", "waiting", "withdrawn")
    )
    assert settled(gone) == set(), "c left"

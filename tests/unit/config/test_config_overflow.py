"""Rules of overflow in a configuration: what they compile to, which never act, and which go round in circles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.address import address
from actors.messages.centre import Lending, OverflowRule
from actors.routing.overflow import Situation, Staffing, decision
from actors.values import Attendance
from cluster.config.compile import agent_config, queue_config
from cluster.config.load import load_centre
from cluster.config.overflow import Overflow, circles, covers, overflow_rules
from tests.unit.config.test_config_errors import BASE

RULES = """
    overflow:
      - {length: 50, refuse: true, text: All lines are busy.}
      - {after_s: 120, nobody: available, queue: general, keeps_place: false, add_priority: 10, text: {zh: 请稍候。}}
      - {after_s: 60, oldest_s: 300, expected_wait_s: 0.5, borrow: [general, general], anybody: true}
      - {nobody: signed_in, joining_only: true, queue: general}
    lends: {to: [general], service_level_percent: 82.5, expected_wait_s: 60}
"""
CENTRE = BASE.replace("    offer_timeout_s: 20\n", RULES.lstrip("\n")) + (
    "presence_reasons: {paperwork: Paperwork, training: Training}\n"
    "attendance: {counts_as_available: [paperwork], counts_as_absent: [training]}\n"
)
GENERAL = address("queue", "general")


def test_rules_compile() -> None:
    """Seconds become ms, names addresses, percents permille, texts languages; agents know which reasons count."""
    centre = load_centre(CENTRE).centre
    config = queue_config("cards", centre)
    assert config.overflow == (
        OverflowRule(length=50, texts={"en": "All lines are busy."}),
        OverflowRule(
            120_000, nobody=Attendance.AVAILABLE, queue=GENERAL, keeps_place=False, points=10, texts={"zh": "请稍候。"}
        ),
        OverflowRule(60_000, oldest_ms=300_000, expected_ms=500, borrow=(GENERAL,), anybody=True),
        OverflowRule(nobody=Attendance.SIGNED_IN, joining_only=True, queue=GENERAL),
    )
    assert config.lends == Lending((GENERAL,), 825, 60_000)
    alice = agent_config("Alice", centre.agents["alice"], centre)
    assert (alice.away_available, alice.away_absent) == (("paperwork",), ("training",))


SMALL = st.one_of(st.none(), st.integers(1, 3))


def written(draw: st.DrawFn) -> Overflow:
    """Any rule that a configuration may have."""
    given_: dict[str, Any] = {
        "after_s": draw(SMALL), "length": draw(SMALL), "oldest_s": draw(SMALL), "expected_wait_s": draw(SMALL),
        "nobody": draw(st.sampled_from([None, "signed_in", "available"])), "joining_only": draw(st.booleans()),
    }  # fmt: skip
    if all(given_[name] is None for name in ("after_s", "length", "oldest_s", "expected_wait_s", "nobody")):
        given_["length"] = 1
    given_["joining_only"] &= given_["after_s"] is None
    for name in ("after_s", "oldest_s", "expected_wait_s"):
        given_[name] = None if given_[name] is None else float(given_[name])
    does: dict[str, Any] = draw(st.sampled_from([{"queue": "general"}, {"refuse": True}]))
    return Overflow(**given_, **does)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any situation of somebody who was not moved on from here before."""
    joining, signed_in = draw(st.booleans()), draw(st.booleans())
    return Situation(
        joining, 0 if joining else draw(st.integers(0, 4)) * 1000, draw(st.integers(0, 4)), draw(st.integers(0, 4)) * 1000,
        is_newcomer=draw(st.booleans()), expected_ms=draw(st.one_of(st.none(), st.integers(0, 4_000))),
        staffing=draw(st.sampled_from([None, Staffing(signed_in, signed_in and draw(st.booleans()))])),
    )  # fmt: skip


rules = st.composite(written)()


@given(rules, rules, situations())
def test_a_covered_rule_never_acts(earlier: Overflow, later: Overflow, now: Situation) -> None:
    """Whenever the later rule would decide alone, the earlier one decides before it."""
    if covers(earlier, later) and decision(overflow_rules([later]), now) == 0:
        assert decision(overflow_rules([earlier, later]), now) == 0


def moves(*targets: str) -> list[Overflow]:
    return [Overflow(after_s=1.0, queue=target) for target in targets]


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ({"a": moves("b"), "b": moves("c"), "c": []}, []),
        ({"a": moves("b"), "b": moves("a")}, [("b", 0, ["a", "b", "a"])]),
        ({"a": moves("b"), "b": moves("x", "c"), "c": moves("x", "b"), "x": []}, [("c", 1, ["b", "c", "b"])]),
        ({"a": moves("b"), "b": moves("c"), "c": moves("a")}, [("c", 0, ["a", "b", "c", "a"])]),
    ],
)
def test_circles_are_found_once(queues: dict[str, list[Overflow]], expected: list[tuple[str, int, list[str]]]) -> None:
    """Each circle is told once, with the rule that closes it."""
    assert list(circles(queues)) == expected

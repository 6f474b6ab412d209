"""The reserve policy's three rules, each alone."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.routing.reserve import ClassView, Side, breadth, choose, holds_back, most_held


def test_a_specialist_is_narrower_than_a_generalist() -> None:
    """Breadth grows with queues and with skills, and somebody without skills still serves what asks for none."""
    assert breadth(1, 1) < breadth(1, 2) < breadth(2, 2), "more queues or skills is more use"
    assert breadth(1, 0) == 1, "the plain agent of one queue"


def view(members: str, since_at: int, priority: int = 0) -> ClassView:
    """A class that these agents may serve, one letter each."""
    return ClassView(frozenset(members), priority, since_at)


def test_narrower_means_within() -> None:
    """A class is narrower if its agents are some of the other's; overlapping or equal ones are not."""
    assert choose([view("12", 0), view("1", 1)], None) == 1, "only agent 1, of 1 and 2"
    assert choose([view("1", 0), view("12", 1)], None) == 0, "not the reverse"
    assert choose([view("12", 0), view("12", 1)], None) == 0, "not the same"
    assert choose([view("12", 0), view("23", 1)], None) == 0, "nor what only overlaps"


def test_the_narrower_class_goes_first_even_if_it_came_later() -> None:
    """Whoever goes on waiting can be served by more agents."""
    classes = [view("12", 1_000), view("2", 9_000)]
    assert choose(classes, None) == 1, "the one that only this agent may serve"
    assert choose(classes, 8_000) == 1, "it came just within the head start"
    assert choose(classes, 7_999) == 0, "it came too late to go before"


def test_the_head_start_counts_from_whose_turn_it_is() -> None:
    """Narrower and narrower still: what is passed over is never by more than one head start."""
    classes = [view("123", 0), view("12", 5_000), view("1", 9_000)]
    assert choose(classes, 9_000) == 2, "both are within"
    assert choose(classes, 6_000) == 1, "the narrowest came too late for the first, though not for the second"


def test_priority_comes_first() -> None:
    """No narrowness beats a priority."""
    assert choose([view("12", 9_000, priority=5), view("2", 1_000)], None) == 0, "the urgent broad one"


CLASSES = st.lists(
    st.builds(view, st.text("12345", min_size=1), st.integers(0, 100), st.integers(0, 1)), min_size=1, max_size=6
).map(lambda classes: sorted(classes, key=lambda one: (-one.priority, one.since_at)))


@given(CLASSES, st.one_of(st.none(), st.integers(0, 60)))
def test_nobody_is_passed_over_for_long(classes: list[ClassView], head_start_ms: int | None) -> None:
    """What is taken has the highest priority, came at most the head start after whose turn it was, and is narrower."""
    first, taken = classes[0], classes[choose(classes, head_start_ms)]
    assert taken.priority == first.priority, "a lower priority waits"
    assert taken is first or taken.members < first.members, "only a narrower one goes before"
    if head_start_ms is not None:
        assert taken.since_at <= first.since_at + head_start_ms, "the bound on being passed over"
    else:
        equals = [one for one in classes if one.priority == first.priority]
        assert not any(one.members < taken.members for one in equals), "without limit, nothing narrower is left waiting"


def test_an_agent_holds_back_only_while_that_can_help() -> None:
    """Few wait, nobody else is left for the narrower class, and somebody narrower will be free."""
    assert holds_back(3, 3, last_free=True, somebody_narrower_is_busy=True), "three may wait"
    assert not holds_back(4, 3, last_free=True, somebody_narrower_is_busy=True), "a fourth may not"
    assert not holds_back(1, 3, last_free=False, somebody_narrower_is_busy=True), "another agent is left for the narrow class"
    assert not holds_back(1, 3, last_free=True, somebody_narrower_is_busy=False), "nobody else would ever come"
    assert not holds_back(1, 0, last_free=True, somebody_narrower_is_busy=True), "holding back is off"


@pytest.mark.parametrize(
    ("broad", "narrow", "held"),
    [
        (Side(1.0, 1), Side(0.4, 1), 0),  # the specialist cannot keep up alone
        (Side(0.2, 1), Side(0.7, 1), 1),  # 0.7 / 0.3 = 2.33 lost; one waiting is worth 1.2 / 0.8, two 2.2 / 0.8
        (Side(0.4, 1), Side(0.85, 1), 2),  # 5.67 lost; (n + 0.4) / 0.6 is more from three on
        (Side(1.8, 3), Side(0.8, 1), 3),
        (Side(0.5, 1), Side(0.0, 1), 0),  # nothing to reserve for
        (Side(0.5, 1), Side(1.2, 1), 0),  # the narrow side is lost without the others anyway
    ],
)
def test_how_many_may_be_held(broad: Side, narrow: Side, held: int) -> None:
    """One step of policy improvement, by hand for single agents."""
    assert most_held(broad, narrow) == held, "while so many wait, keeping the generalist is worth more"


def test_the_busier_the_narrow_side_the_more_is_held() -> None:
    """More work for the generalist alone never makes them less reserved."""
    held = [most_held(Side(0.5, 1), Side(load / 20, 1)) for load in range(1, 20)]
    assert all(one <= other for one, other in combinations(held, 2)), "monotone in the load"
    assert held[0] == 0 < held[-1], "from never to often"

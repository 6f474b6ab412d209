"""What an estimator of waits says: an interval in order, that grows with the queue, learned and corrected."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.routing.expecting import (
    ENOUGH,
    FURTHEST,
    LONGEST_MS,
    NORMAL_TAIL,
    SAID,
    Ahead,
    Expected,
    Experience,
    Foreseen,
    after_leaving,
    after_service,
    expected_wait,
    judged,
    judged_open,
    kind_of,
    noted,
)
from actors.values import Requirement, SkillLevel
from cluster.simulator.theory import expected_wait_s

COUNTS = st.integers(0, 10_000)
AHEAD = st.builds(Ahead, COUNTS, COUNTS)
MS = st.integers(0, 10**8)
#: What may happen to somebody: served or gave up, who was in front, after how long, and how much later than the last.
DEPARTURES = st.lists(st.tuples(st.booleans(), AHEAD, AHEAD, MS, MS), max_size=40)


def learned(departures: list[tuple[bool, Ahead, Ahead, int, int]]) -> Experience:
    """The experience after any story, sensible or not."""
    experience, now = Experience(), 1
    for served, entered, left, waited_ms, later_ms in departures:
        now += later_ms
        expected = expected_wait(experience, entered, now)
        if expected is not None:
            said = Foreseen(now - waited_ms, expected.low_ms, expected.high_ms)
            experience = judged(experience, said, now) if served else judged_open(experience, said, left, now)
        if served:
            experience = after_service(experience, entered, waited_ms, now)
        else:
            experience = after_leaving(experience, entered, left, waited_ms, now)
    return experience


def warm(unit_ms: int = 30_000, departures: int = 400) -> Experience:
    """After many departures of exactly one unit for each in front."""
    experience = Experience()
    for number in range(departures):
        ahead = number % 12
        experience = after_service(experience, Ahead(ahead), unit_ms * (ahead + 1), number * unit_ms + 1)
    return experience


def known(experience: Experience, own: int, others: int = 0) -> Expected:
    expected = expected_wait(experience, Ahead(own, others), experience.at)
    assert expected is not None, "enough is known"
    return expected


@settings(max_examples=300, deadline=None)
@given(DEPARTURES, AHEAD)
def test_whatever_happened_the_interval_is_in_order(
    departures: list[tuple[bool, Ahead, Ahead, int, int]], ahead: Ahead
) -> None:
    """Any story, waits of nothing and rates of zero included, gives no estimate or one whose ends are in order."""
    experience = learned(departures)
    expected = expected_wait(experience, ahead, experience.at)
    if expected is not None:
        assert 0 <= expected.low_ms <= expected.expected_ms <= expected.high_ms <= LONGEST_MS


@settings(max_examples=300, deadline=None)
@given(DEPARTURES, AHEAD, st.integers(1, 5_000), st.booleans(), st.floats(-FURTHEST, 0), st.floats(0, FURTHEST))
def test_more_in_front_never_means_less(
    departures: list[tuple[bool, Ahead, Ahead, int, int]], ahead: Ahead, more: int, own: bool, low: float, high: float
) -> None:
    """Each figure grows with those in front, of the same kind or others, wherever the interval's ends are."""
    experience = replace(learned(departures), low=low, high=high)
    further = replace(ahead, own=ahead.own + more) if own else replace(ahead, others=ahead.others + more)
    near, far = expected_wait(experience, ahead, experience.at), expected_wait(experience, further, experience.at)
    if near is not None and far is not None:
        assert near.low_ms <= far.low_ms and near.expected_ms <= far.expected_ms and near.high_ms <= far.high_ms


def test_nothing_is_said_before_enough_is_known() -> None:
    """A queue that just opened, or has learned of too few, says that it does not know."""
    assert expected_wait(Experience(), Ahead(3), 1) is None
    few, more = warm(departures=int(ENOUGH)), warm(departures=int(ENOUGH) + 1)
    assert expected_wait(few, Ahead(3), few.at) is None, "eight, a little faded, are not yet enough"
    assert expected_wait(more, Ahead(3), more.at) is not None


def test_what_is_old_is_forgotten() -> None:
    """After a night without departures nothing is known, and the ends of the interval are what they were."""
    experience = replace(warm(), low=-2.5)
    morning = experience.at + 16 * 3_600_000
    assert expected_wait(experience, Ahead(3), morning) is None
    learned_anew = after_leaving(experience, Ahead(1), Ahead(0), 1000, morning)
    assert expected_wait(learned_anew, Ahead(3), morning) is None
    assert learned_anew.low == -2.5


@pytest.mark.parametrize("ahead", [0, 1, 4, 15, 100, 1000])
@pytest.mark.parametrize("patience_s", [60.0, 300.0, 1e9])
def test_the_mean_is_the_textbooks(ahead: int, patience_s: float) -> None:
    """With the rates known, the mean is the sum over those in front, served or giving up, at any length of queue."""
    unit_ms, agents = 30_000.0, 10
    experience = Experience(own_own=100, own_ms=100 * unit_ms, served=100, left=1e9 / (1000 * patience_s), waited_ms=1e9, at=1)
    exact_s = expected_wait_s(ahead, agents, agents * unit_ms / 1000, patience_s)
    assert known(experience, ahead).expected_ms == pytest.approx(1000 * exact_s, rel=2e-3)


def test_it_learns_what_it_sees() -> None:
    """Half a minute for each in front is what it expects, and it follows when agents become twice as fast."""
    experience = warm(30_000)
    assert known(experience, 3).expected_ms == pytest.approx(120_000, rel=0.02)
    for number in range(300):
        experience = after_service(experience, Ahead(number % 12), 15_000 * (number % 12 + 1), experience.at + 15_000)
    assert known(experience, 3).expected_ms == pytest.approx(60_000, rel=0.1)


def test_it_learns_what_others_cost() -> None:
    """Others in front who are served by other agents cost nothing; those who share all agents cost as much as one's own."""
    for cost, expected_ms in ((0.0, 40_000), (0.5, 90_000), (1.0, 140_000)):
        random, experience = Random(3), Experience()
        for number in range(600):
            own, others = random.randrange(8), random.randrange(8)
            waited_ms = round(10_000 * (own + 1 + cost * others))
            experience = after_service(experience, Ahead(own, others), waited_ms, 1 + number * 1000)
        assert known(experience, 3, 10).expected_ms == pytest.approx(expected_ms, rel=0.05), f"each costs {cost}"


def test_those_who_give_up_teach_how_far_they_came() -> None:
    """Agents take one in 20 s; whoever gives up after coming forward by two in 40 s says the same."""
    experience = Experience()
    for number in range(300):
        experience = after_service(experience, Ahead(2), 60_000, 1 + number * 20_000)
        experience = after_leaving(experience, Ahead(5), Ahead(3), 40_000, 1 + number * 20_000)
    unit_ms = known(experience, 0).expected_ms
    # One in 50 s gives up too, which is why those behind come forward faster than agents work.
    assert 20_000 < unit_ms < 32_000


def test_each_end_is_where_one_in_twenty_passes_it() -> None:
    """Whatever the law of waits is, a twentieth ends below and a twentieth above, and the rest within."""
    for law in ("wide", "narrow", "late"):
        random, experience = Random(11), warm()
        told = passed_low = passed_high = 0
        for number in range(6_000):
            ahead = random.randrange(12)
            expected = known(experience, ahead)
            mean_ms = 30_000 * (ahead + 1)
            spread = {
                "wide": random.lognormvariate(0, 0.7),
                "narrow": random.uniform(0.9, 1.1),
                "late": random.uniform(1.4, 1.8),
            }
            took_ms, said_at = round(mean_ms * spread[law]), 10**9 + number * 1000
            experience = judged(experience, Foreseen(said_at, expected.low_ms, expected.high_ms), said_at + took_ms)
            if number >= 1_000:
                told, passed_low = told + 1, passed_low + (took_ms < expected.low_ms)
                passed_high += took_ms > expected.high_ms
        assert passed_high / told == pytest.approx(0.05, abs=0.01), law
        # Waits that are always longer than expected do not come near the low end, which is never above the mean.
        assert passed_low / told == pytest.approx(0.0 if law == "late" else 0.05, abs=0.01), law


def test_all_that_was_said_counts_though_little_is_kept() -> None:
    """However often somebody was told, a few notes over all the time stand for all of it, and weigh as much."""
    said: tuple[Foreseen, ...] = ()
    for number in range(100):
        said = noted(said, Foreseen(number, 1, 2))
        assert len(said) <= SAID
        assert sum(one.count for one in said) == number + 1
    assert said[0].at == 0 and said[-1].at == 99, "from the first to the last"
    many = judged(warm(), Foreseen(0, 10, 20, count=4), 100)
    once = judged(warm(), Foreseen(0, 10, 20), 100)
    assert many.high - NORMAL_TAIL == pytest.approx(4 * (once.high - NORMAL_TAIL))


def test_who_gives_up_after_the_high_end_has_passed_it() -> None:
    """Somebody who is gone tells of an end that they outlived; and of others by how likely it was."""
    experience = warm()
    outlived = judged_open(experience, Foreseen(0, 1_000, 50_000), Ahead(2), 60_000)
    assert outlived.high > NORMAL_TAIL and outlived.low > -NORMAL_TAIL, "above for sure, and surely not below"
    early = judged_open(experience, Foreseen(0, 1_000, 10_000_000), Ahead(2), 2_000)
    assert early.high < NORMAL_TAIL, "hardly anybody behind two waits that long"
    assert judged_open(Experience(), Foreseen(0, 1, 2), Ahead(0), 5) == Experience(), "nothing is known to judge by"


def test_kinds_are_those_who_wait_for_the_same_people() -> None:
    """Channel, skills, levels and a wish for somebody tell kinds apart; the customer does not."""
    cards = Requirement((SkillLevel("cards", 3),))
    kinds = {
        kind_of("voice", cards), kind_of("chat", cards), kind_of("chat", Requirement((SkillLevel("cards", 4),))),
        kind_of("chat", Requirement()), kind_of("chat", replace(cards, agent="ann")),
    }  # fmt: skip
    assert len(kinds) == 5
    assert kind_of("chat", cards) == kind_of("chat", Requirement((SkillLevel("cards", 3),)))

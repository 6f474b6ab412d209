"""The customers of a run are drawn from its seed alone, at the rate asked for."""

from __future__ import annotations

from collections import Counter

from loadtest.demo.plan import HARDLY_S, plan_customers
from loadtest.demo.questions import Question, read_questions


def test_a_seed_brings_the_same_customers() -> None:
    """The same seed gives the same plans, another seed others."""
    questions = read_questions(None)
    first = plan_customers(questions, 50, 2.0, 7)
    assert first == plan_customers(questions, 50, 2.0, 7)
    assert first != plan_customers(questions, 50, 2.0, 8), "chance comes from the seed"


def test_arrivals_follow_the_rate() -> None:
    """A Poisson process of 5 a second brings 2,000 customers in 400 s, within three standard deviations."""
    plans = plan_customers([Question("Hello")], 2_000, 5.0, 1)
    last_s = plans[-1].arrives_at_s
    assert abs(last_s - 400) < 3 * 2_000**0.5 / 5, "the sum of exponential gaps"
    assert [plan.arrives_at_s for plan in plans] == sorted(plan.arrives_at_s for plan in plans), "in order"


def test_each_question_is_asked_before_any_is_repeated() -> None:
    """A small file is used evenly."""
    questions = [Question(f"question {number}") for number in range(10)]
    asked = Counter(plan.question for plan in plan_customers(questions, 25, 1.0, 3))
    assert {2, 3} == set(asked.values()), "25 customers ask 10 questions two or three times each"


def test_a_few_hardly_wait() -> None:
    """One customer in 25 leaves before anybody could answer, also in a short run; all others outlast an offer."""
    plans = plan_customers([Question("Hello")], 500, 1.0, 1)
    impatient = [plan for plan in plans if plan.patience_s <= HARDLY_S[1]]
    assert 20 == len(impatient)
    assert all(plan.patience_s > 60 for plan in plans if plan not in impatient)
    short = plan_customers([Question("Hello")], 20, 1.0, 1)
    assert 1 == sum(plan.patience_s <= HARDLY_S[1] for plan in short), "twenty customers have one"

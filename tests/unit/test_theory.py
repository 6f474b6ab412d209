"""The exact formulas give the published figures, agree with each other, and refuse what has no steady state."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cluster.simulator.theory import ErlangA, ErlangC, SkillBased, erlang_b, expected_wait_s, n_model


@pytest.mark.parametrize(
    ("load", "agents", "service_s", "wait_probability", "mean_wait_s"),
    [(10, 14, 180, 0.174132, 7.83594), (48, 55, 240, 0.238701, 8.18403), (10_000, 10_100, 300, 0.224763, 0.674289)],
)
def test_erlang_c(load: float, agents: int, service_s: float, wait_probability: float, mean_wait_s: float) -> None:
    """P(wait) and ASA for small and very large centres."""
    model = ErlangC(load / service_s, service_s, agents)
    assert model.wait_probability == pytest.approx(wait_probability, rel=5e-6), "the published probability of waiting"
    assert model.mean_wait_s == pytest.approx(mean_wait_s, rel=5e-6), "the published average speed of answer"


def test_erlang_c_service_level() -> None:
    """SL(20 s) of 14 agents at 10 Erlang."""
    model = ErlangC(10 / 180, 180, 14)
    assert model.service_level(20) == pytest.approx(0.888350, abs=5e-7), "the published service level"
    assert model.service_level(0) == pytest.approx(1 - model.wait_probability), "whoever does not wait is served at once"


def test_erlang_b_needs_no_factorials() -> None:
    """The recursion equals the formula where that can be computed, and stays finite where it cannot."""
    direct = (5**8 / math.factorial(8)) / sum(5**k / math.factorial(k) for k in range(9))
    assert erlang_b(5, 8) == pytest.approx(direct), "a^n/n! over its sum"
    assert 0 < erlang_b(10_000, 10_000) < 0.01, "no overflow at ten thousand agents"


def test_erlang_a() -> None:
    """The published centre of 50 agents with impatient customers."""
    model = ErlangA(48 / 60, 60, 50, 120)
    assert model.wait_probability == pytest.approx(0.467774, rel=5e-6), "the published probability of waiting"
    assert model.abandon_probability == pytest.approx(0.0309122, rel=5e-6), "the published probability of giving up"
    assert model.mean_wait_s == pytest.approx(3.70947, rel=5e-6), "the published mean wait"
    flow = model.arrival_rate * (1 - model.abandon_probability)
    shares = model.distribution()
    served = float((np.minimum(np.arange(len(shares)), 50) * shares).sum()) / 60
    assert flow == pytest.approx(served), "whoever does not give up is served: theta E[W] is the share that does"


def test_erlang_a_becomes_erlang_c_with_patience() -> None:
    """Customers who never give up make it M/M/n."""
    patient, exact = ErlangA(10 / 180, 180, 14, 1e9), ErlangC(10 / 180, 180, 14)
    assert patient.wait_probability == pytest.approx(exact.wait_probability, rel=1e-5), "the same chance to wait"
    assert patient.mean_wait_s == pytest.approx(exact.mean_wait_s, rel=1e-5), "and the same wait"


def test_erlang_a_has_a_steady_state_under_overload() -> None:
    """Twice the load that the agents can do: about half of it gives up."""
    model = ErlangA(100 / 60, 60, 50, 120)
    assert model.abandon_probability == pytest.approx(0.5, abs=0.001), "the agents serve 50 a minute of 100"


def test_n_model() -> None:
    """The published mean waits of the two-agent N-model."""
    waits = n_model(1.0, 0.4).mean_waits_s()
    assert waits["a"] == pytest.approx(0.92019, abs=5e-6), "those whom both may serve"
    assert waits["b"] == pytest.approx(1.84038, abs=5e-6), "those whom only one may serve"


def test_skill_based_with_equal_agents_is_erlang_c() -> None:
    """Agents who all serve everything are M/M/n, whatever the types."""
    everything = frozenset({"a", "b"})
    model = SkillBased({"a": 1.5, "b": 0.7}, {"1": 1, "2": 1, "3": 1}, dict.fromkeys("123", everything))
    exact = ErlangC(2.2, 1, 3)
    assert model.mean_wait_s() == pytest.approx(exact.mean_wait_s), "the product form sums to Erlang C"
    assert model.mean_waits_s()["a"] == pytest.approx(model.mean_waits_s()["b"]), "types do not matter"
    assert model.pooled().mean_wait_s == pytest.approx(exact.mean_wait_s), "and it is its own pooled bound"


def test_skill_based_with_separate_agents_is_two_queues() -> None:
    """Agents who share no type are queues of their own."""
    model = SkillBased({"a": 0.5, "b": 0.8}, {"1": 1.0, "2": 2.0}, {"1": frozenset("a"), "2": frozenset("b")})
    waits = model.mean_waits_s()
    assert waits["a"] == pytest.approx(ErlangC(0.5, 1.0, 1).mean_wait_s), "M/M/1 at its own rate"
    assert waits["b"] == pytest.approx(ErlangC(0.8, 0.5, 1).mean_wait_s), "so is the other"


def test_skill_based_waits_longer_than_pooled() -> None:
    """The pooled bound is a floor."""
    model = n_model(1.0, 0.4)
    assert model.mean_wait_s() > model.pooled().mean_wait_s, "skills cost waiting time"


def test_expected_wait() -> None:
    """One service completion for everybody in front and oneself, faster if some in front give up."""
    assert expected_wait_s(4, 10, 300) == pytest.approx(150), "five completions at one each 30 s"
    assert expected_wait_s(0, 10, 300, 60) == pytest.approx(30), "nobody is in front to give up"
    with_leaving = expected_wait_s(4, 10, 300, 60)
    assert with_leaving == pytest.approx(sum(1 / (10 / 300 + i / 60) for i in range(5))), "the sum over those in front"
    assert with_leaving < 150, "abandonment shortens the queue"
    assert expected_wait_s(4, 10, 300, 1e12) == pytest.approx(150), "great patience changes nothing"


def test_overload_is_refused() -> None:
    """Without abandonment an overloaded centre has no answer, and the error says so."""
    with pytest.raises(ValueError, match="more than 10 agents"):
        ErlangC(1, 10, 10)
    with pytest.raises(ValueError, match="only 2 may serve"):
        n_model(0.1, 1.2)
    with pytest.raises(ValueError, match="at most 8"):
        SkillBased({"a": 1}, {str(n): 1.0 for n in range(9)}, {str(n): frozenset("a") for n in range(9)})

"""Exact figures of policies: known optima, the reserve policy's promises, and chains that agree with closed forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cluster.simulator.chain import Chain, Line
from cluster.simulator.command import app
from cluster.simulator.optimum import find_optimum
from cluster.simulator.quality import Quality, as_table, measure_quality, quality_of, reserve_mean_waits, worst
from cluster.simulator.reserving import Reserving
from cluster.simulator.skills import NAMES, skill_model
from cluster.simulator.theory import ErlangC, SkillBased, n_model


class FirstComeLongestIdle:
    """The default policy, for a chain that keeps all types in one line."""

    def __init__(self, model: SkillBased) -> None:
        kinds = list(model.arrival_rates)
        self.serves = [{kinds.index(kind) for kind in served} for served in model.serves.values()]

    def match(self, idle: tuple[int, ...], waiting: tuple[int, ...], lines: Sequence[Line]) -> tuple[int, int] | None:
        for kind in lines[0]:
            for agent in idle:
                if kind in self.serves[agent]:
                    return agent, kind
        return None


def test_the_optimum_of_the_n_model() -> None:
    """1.0 and 0.4 arrivals: 1.168 times the pooled bound is the least that any policy can reach, as is known."""
    found = quality_of("n", skill_model("n"))
    assert found.default == pytest.approx(1.2314, abs=5e-5), "first come, first served by the longest idle"
    assert found.optimum == pytest.approx(1.1685, abs=5e-5), "the known optimum"
    assert found.optimum_waits == pytest.approx({"a": 1.0919, "b": 1.1996}, abs=5e-5), "and the waits that belong to it"


def test_the_reserve_policy_on_the_n_model() -> None:
    """Below 1.19 times the pooled bound, and no class waits more than 1.3 times as long as by default."""
    model = n_model(1.0, 0.4)
    mean, waits = reserve_mean_waits(model)
    assert mean / model.pooled().mean_wait_s < 1.169, "next to the optimum"
    ratios = {kind: wait / model.mean_waits_s()[kind] for kind, wait in waits.items()}
    assert max(ratios.values()) < 1.3, "nobody pays much for it"
    assert ratios == pytest.approx({"a": 1.187, "b": 0.652}, abs=5e-4), "those whom only one serves gain a third"


@pytest.mark.parametrize("name", NAMES)
def test_the_reserve_policy_worsens_no_model(name: str) -> None:
    """Mean waits are at most those of the default policy, on every model, with the worst class where it is stated."""
    model = skill_model(name)
    mean, waits = reserve_mean_waits(model)
    assert mean <= model.mean_wait_s() * (1 + 1e-9), "never worse than the default"
    bound = {"w": 1.36, "tower": 1.33}.get(name, 1.3)
    assert worst(waits, model.mean_waits_s()) < bound, "without a limited head start the optimum itself is above 1.3 there"


@pytest.mark.parametrize("load_a", [0.2, 0.6, 1.0, 1.3])
@pytest.mark.parametrize("load_b", [0.1, 0.4, 0.65])
def test_the_reserve_policy_worsens_no_n_model(load_a: float, load_b: float) -> None:
    """Over light and heavy loads of either class, holding back included, the mean wait never grows."""
    model = n_model(load_a, load_b)
    if load_a + load_b < 1.8:
        mean, _ = reserve_mean_waits(model)
        assert mean <= model.mean_wait_s(), "never worse than the default"


def test_a_busy_generalist_is_held_back() -> None:
    """Where the generalist is nearly all that b has, up to three others wait for a specialist: 8 % less waiting."""
    model = skill_model("team")
    policy = Reserving(model)
    assert policy.held[3] == [3, 0], "the generalist leaves up to three a's alone"
    with_holding = Chain(model, policy, most_waiting=110).waits().mean
    policy.held = [[0, 0]] * 4
    without = Chain(model, policy, most_waiting=110).waits().mean
    default = model.mean_wait_s()
    assert with_holding < 0.92 * default, "all three rules"
    assert with_holding < 0.97 * without, "of which holding back is a part"


def test_the_computed_reservation_is_nearly_the_best() -> None:
    """No other number held back does more than half a percent better."""
    for model in (skill_model("team"), n_model(0.5, 0.7), n_model(0.4, 0.8)):
        policy = Reserving(model)
        computed = Chain(model, policy, most_waiting=90).waits().mean
        generalist = len(policy.held) - 1
        means = []
        for held in range(6):
            policy.held[generalist] = [held, 0]
            means.append(Chain(model, policy, most_waiting=90).waits().mean)
        assert computed <= 1.01 * min(means), "one step of policy improvement comes within a percent"


def test_no_policy_beats_the_optimum() -> None:
    """Value iteration is below reserve and default, above the pooled bound, and its own policy has the wait it says."""
    for model in (n_model(1.0, 0.4), n_model(0.5, 0.6), skill_model("m")):
        best = find_optimum(model, 50)
        reserve, _ = reserve_mean_waits(model)
        assert model.pooled().mean_wait_s < best.mean_wait <= reserve + 1e-5, "bound, optimum, reserve"
        followed = Chain(model, best, most_waiting=50).waits()
        assert followed.mean == pytest.approx(best.mean_wait, rel=1e-4), "the policy found has the wait found"


def test_value_iteration_knows_erlang_c() -> None:
    """Where everybody serves everything, no policy can be better or worse than M/M/n."""
    everything = frozenset("ab")
    model = SkillBased({"a": 0.6, "b": 0.8}, {"1": 1.0, "2": 1.0}, {"1": everything, "2": everything})
    exact = ErlangC(1.4, 1.0, 2).mean_wait_s
    assert find_optimum(model, 60).mean_wait == pytest.approx(exact, rel=1e-4), "the optimum"
    policy = Reserving(model)
    assert policy.is_default, "nothing is narrower"
    assert Chain(model, policy, policy.groups, 11).waits().mean < exact, "a chain that turns customers away waits less"


def test_a_chain_of_the_default_policy_has_the_product_forms_waits() -> None:
    """The same machinery that judges policies gives the default its known figures."""
    model = n_model(0.4, 0.2)
    waits = Chain(model, FirstComeLongestIdle(model), (("a", "b"),), 13).waits()
    assert waits.by_kind == pytest.approx(model.mean_waits_s(), rel=1e-3), "the product form"


def test_many_states_are_solved_by_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elimination and iteration find the same distribution."""
    model = n_model(0.7, 0.4)
    eliminated = Chain(model, Reserving(model), most_waiting=40).waits()
    monkeypatch.setattr("cluster.simulator.chain.DIRECT", 10)
    assert Chain(model, Reserving(model), most_waiting=40).waits().by_kind == pytest.approx(eliminated.by_kind, rel=1e-6)


def test_quality_for_people() -> None:
    """The table names each model with bound, default, reserve, optimum and distances."""
    found = measure_quality(["n"])
    text = as_table(found)
    assert "1.2314" in text and "1.1685" in text, "ratios to the pooled bound"
    assert "5.4%" in text, "how far the default is above the optimum"
    assert "agent 1 serves a, agent 2 a and b; a 1, b 0.4" in text, "and what was solved"
    assert "holds back: nobody" in text, "no specialist could keep up"
    held = [msgspec.structs.replace(one, hold_back={"1": 0, "2": 3}) for one in found]
    assert "holds back: agent 2 of n while at most 3 wait" in as_table(held)


def test_the_quality_command_refuses_what_it_does_not_know() -> None:
    """An unknown model is a usage error that names the known ones."""
    result = CliRunner().invoke(app, ["quality", "--model", "x"])
    assert result.exit_code == 2, "the command line is wrong"
    assert "there is no model x" in result.output, "and it says why"


def published(model: str) -> dict[str, float]:
    """What docs/concepts/routing-quality.md says of a model."""
    page = (Path(__file__).parents[3] / "docs/concepts/routing-quality.md").read_text(encoding="utf-8")
    found = re.findall(rf"<!-- figure:{model}_(\w+) -->([\d.]+)<!-- /figure -->", page)
    return {policy: float(figure) for policy, figure in found}


def figures(one: Quality) -> dict[str, float]:
    """The same, as solved."""
    return {"default": one.default, "reserve": one.reserve, "optimum": one.optimum}


def test_the_page_tells_what_was_solved() -> None:
    """The published figures of the N-model are those that come out now; the slow test below does the others."""
    assert published("n") == pytest.approx(figures(quality_of("n", skill_model("n"))), abs=6e-5), "to four places"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_published_table() -> None:
    """All models: as published, optimum below reserve below default, and the reserve policy within 3 % of the optimum."""
    for one in measure_quality():
        assert published(one.model) == pytest.approx(figures(one), abs=6e-5), f"{one.model}: as published"
        assert 1 < one.optimum < one.default, f"{one.model}: bound, optimum, default"
        assert one.reserve <= one.default * (1 + 1e-9), f"{one.model}: never worse"
        assert -1e-4 < one.reserve_above < 0.03, f"{one.model}: near the optimum"

"""The simulated centre is a function of its seed, keeps every invariant and agrees with theory."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from actors.router import pools
from cluster.invariants import Checker
from cluster.simulator.centre import CentreModel, CustomerType, SimulatedCentre
from cluster.simulator.command import app
from cluster.simulator.comparison import Run, compare_erlang_a, compare_erlang_c, compare_n_model, interval
from cluster.store.base import Commit

ANY = CustomerType("any", 0.05)


def test_one_customer_after_the_other() -> None:
    """A single agent who is much faster than customers come: nobody waits, nobody gives up."""
    model = CentreModel((CustomerType("any", 0.0001),), (frozenset(),), 1.0, 1000.0)
    outcomes = SimulatedCentre(model, 50, np.random.default_rng(1)).run()
    assert outcomes.waited_s.max() < 10, "customers come hours apart"
    assert not outcomes.abandoned.any(), "so nobody loses patience"


def test_a_seed_is_a_run() -> None:
    """The same seed gives the same waits, another one others."""
    model = CentreModel((ANY,), (frozenset(),) * 6, 100.0, 60.0)
    runs = [SimulatedCentre(model, 200, np.random.default_rng(seed)).run() for seed in (7, 7, 8)]
    assert (runs[0].waited_s == runs[1].waited_s).all(), "a seed can be told again"
    assert (runs[0].waited_s != runs[2].waited_s).any(), "seeds differ"


def test_the_simulated_centre_keeps_every_invariant() -> None:
    """What theory is held against is the product's own journal, which the checker accepts."""
    commits: list[Commit] = []
    model = CentreModel(
        (CustomerType("a", 0.02, True), CustomerType("b", 0.01, True)), (frozenset("a"), frozenset("ab")), 60.0, 90.0
    )
    outcomes = SimulatedCentre(model, 300, np.random.default_rng(3), commits.append).run()
    checker = Checker()
    for commit in commits:
        checker.feed(commit.shard, commit.journal)
    report = checker.finish()
    assert report.violations == [], "nothing is violated"
    assert report.counts["interactions_ended"] == 300, "everybody was served or gave up"
    assert 0 < outcomes.abandoned.mean() < 1, "some of each"


def textbook(centre: SimulatedCentre, serves: list[set[int]]) -> tuple[list[int], list[bool]]:
    """Waits (ms) and abandonments of the same customers, by recursion over arrivals.

    First come, first served by the longest idle means: each in turn takes whichever agent of theirs is free first.
    """
    free_at = [0] * len(serves)
    waited, abandoned = [], []
    for customer, arrives_at in enumerate(centre._arrives_at):
        eligible = [agent for agent, kinds in enumerate(serves) if centre._kinds[customer] in kinds]
        agent = min(eligible, key=lambda agent: free_at[agent])
        wait_ms = max(0, free_at[agent] - arrives_at)
        gives_up = bool(centre._patience_ms) and centre._patience_ms[customer] < wait_ms
        waited.append(centre._patience_ms[customer] if gives_up else wait_ms)
        abandoned.append(gives_up)
        if not gives_up:
            free_at[agent] = arrives_at + wait_ms + centre._service_ms[customer]
    return waited, abandoned


@pytest.mark.parametrize(
    ("model", "serves"),
    [
        (CentreModel((CustomerType("any", 0.05),), (frozenset(),) * 6, 100.0), [{0}] * 6),
        (CentreModel((CustomerType("any", 0.07),), (frozenset(),) * 6, 100.0, 60.0), [{0}] * 6),
        (
            CentreModel(
                (CustomerType("a", 0.010, True), CustomerType("b", 0.004, True)),
                (frozenset("a"), frozenset("ab")),
                100.0,
            ),
            [{0}, {0, 1}],
        ),
    ],
    ids=["erlang-c", "erlang-a", "n-model"],
)
def test_each_customer_waits_exactly_as_the_textbook_says(model: CentreModel, serves: list[set[int]]) -> None:
    """Given the same arrivals, services and patience, the actors give every customer the textbook's wait, to the ms."""
    centre = SimulatedCentre(model, 600, np.random.default_rng(11))
    waited, abandoned = textbook(centre, serves)
    outcomes = centre.run()
    assert np.rint(outcomes.waited_s * 1000).astype(int).tolist() == waited, "the same waits"
    assert outcomes.abandoned.tolist() == abandoned, "the same abandonments"
    assert 0 < (outcomes.waited_s > 0).mean() < 1, "some waited and some did not"


def test_an_interval_is_students() -> None:
    """Three means of 1, 2, 3: t(0.995, 2) = 9.924843 times the standard error."""
    mean, low, high = interval(np.array([1.0, 2.0, 3.0]), np.zeros((3, 2)))
    assert mean == pytest.approx(2.0), "their mean"
    assert high - mean == pytest.approx(9.924843 / math.sqrt(3), rel=1e-6), "half the width"
    assert mean - low == pytest.approx(high - mean), "both sides alike"


def test_an_interval_sees_through_the_luck_of_the_draw() -> None:
    """Known luck is taken out, and the level stays: 99 of 100 intervals hold the truth."""
    random = np.random.default_rng(1)
    widths, held = [], 0
    for _ in range(1000):
        controls = random.normal(size=(20, 2))
        means = 5 + controls @ [3.0, -2.0] + random.normal(size=20)
        _, low, high = interval(means, controls)
        held += low <= 5 <= high
        widths.append(high - low)
    assert 980 <= held <= 998, "the interval's level is what it says"
    plain = 2 * 2.861 * math.sqrt(14 / 20)
    assert np.mean(widths) < 0.45 * plain, "and it is much narrower than without controls"


def test_small_runs_agree_with_theory() -> None:
    """Erlang C, Erlang A and the N-model, each within its 99 % interval."""
    run = Run(replications=6, customers=150, seed=5)
    for comparison in (compare_erlang_c(run, 3.0, 5), compare_erlang_a(run, 6.0, 6), compare_n_model(run, 0.6, 0.3)):
        outside = [figure for figure in comparison.figures if not figure.within]
        assert comparison.within, f"{comparison.model} is outside theory: {outside}"


def test_a_wrong_policy_is_outside_theory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent who is passed over although free shows at once."""

    def has_room(agent: pools.Candidate, channel: str, labels: tuple[str, ...] = ()) -> bool:
        return agent.room.get(channel, 0) > 0 and agent.qualities.agent != "a00001"

    monkeypatch.setattr(pools.Candidate, "has_room", has_room)
    comparison = compare_erlang_c(Run(replications=6, customers=100, seed=5), 1.2, 2)
    assert not comparison.within, "one agent is not two"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("compare", [compare_erlang_c, compare_erlang_a, compare_n_model])
def test_published_figures(compare: object) -> None:
    """The published models of theory, at full size."""
    assert callable(compare)
    comparison = compare(Run(processes=0))
    assert comparison.within, f"{comparison.figures}"


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    """Replications are independent, wherever they run."""
    one, two = (compare_n_model(Run(2, 60, 5, processes)) for processes in (1, 2))
    assert one.figures == two.figures, "the same seed gives the same figures on any number of processes"


def test_the_command_speaks_json() -> None:
    """`--json` prints one document; the exit status says whether theory was met."""
    arguments = ["n-model", "--load-a", "0.5", "--load-b", "0.2", "--replications", "4", "--customers", "100", "--seed", "3"]
    result = CliRunner().invoke(app, [*arguments, "--processes", "1", "--json"])
    document = json.loads(result.stdout)
    assert document["model"] == "n-model", "it says what was simulated"
    assert (result.exit_code == 0) is document["within"], "and its status agrees"
    assert {"name", "exact", "mean", "low", "high", "within"} <= set(document["figures"][0]), "each figure is complete"
    assert document["pooled_floor_s"] > 0, "with the floor that no policy can beat"
    text = CliRunner().invoke(app, [*arguments, "--processes", "1"]).stdout
    assert "mean wait a (services)" in text, "people get a table"
    assert "above the pooled bound" in text, "with the same facts"


def test_an_overload_is_explained() -> None:
    """A model without a steady state is a usage error that says what is wrong."""
    result = CliRunner().invoke(app, ["erlang-c", "--load", "20", "--agents", "10"])
    assert result.exit_code == 2, "the command line is wrong"
    assert "need more than 10 agents" in result.output.replace("\n", " ").replace("│", ""), "and it says why"


def test_a_comparison_encodes() -> None:
    """The result is plain data."""
    comparison = compare_n_model(Run(2, 40, 1))
    assert msgspec.json.decode(msgspec.json.encode(comparison))["seed"] == 1, "it survives JSON"

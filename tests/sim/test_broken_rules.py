"""A rule that is broken on purpose is caught within 200 seeds: the simulator and the checker can see."""

from __future__ import annotations

import pytest

from cluster.simulator.run import simulate
from tests.sim.broken import BROKEN, RARE, Patch, Rule

SEEDS = range(1, 201)


RULES = [pytest.param(rule, id=rule.__name__, marks=[pytest.mark.slow] if rule in RARE else []) for rule in BROKEN]


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_noticed(rule: Rule, monkeypatch: Patch) -> None:
    """The product without one of its rules breaks an invariant, and some seed shows it."""
    rule(monkeypatch)
    assert any(simulate(seed).violations for seed in SEEDS), f"no seed of {SEEDS} noticed"

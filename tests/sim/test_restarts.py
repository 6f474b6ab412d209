"""Hosts that are drained and started anew while everything else breaks too, in the simulator."""

from __future__ import annotations

import pytest

from cluster.simulator.faults import Faults
from cluster.simulator.run import simulate

SEEDS = range(1, 26)


async def restart_host(faults: Faults) -> None:
    """As an operator does in an upgrade."""
    name = faults._some_host()
    if name is not None and len(faults.world.plant.hosts) > 2:
        faults.tell(f"restart {name}")
        await faults._ask_supervisor("restart", name)


def test_restarts_on_purpose_break_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of each drain a host is started anew; every invariant holds, and there were such restarts."""
    monkeypatch.setattr(Faults, "_drain_host", restart_host)
    restarts = 0
    for seed in SEEDS:
        done = simulate(seed)
        assert not done.violations, f"seed {seed}: {done.violations[0]}"
        restarts += done.counts.get("fault_drain_host", 0)
    assert restarts > 5

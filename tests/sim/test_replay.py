"""Whole clusters under faults leave journals that decide again to the same bytes, over crashes and takeovers."""

from __future__ import annotations

from cluster.archive.history import ArchivedStore
from cluster.catalogue import load_catalogue
from cluster.cli.replaying import replay_decisions
from cluster.simulator.options import SimulationOptions
from cluster.simulator.run import finish, play

#: 17: an agent left with two conversations of the same instant, in the order of memory instead of records.
SEEDS = (17, *range(7_000, 7_009))


def test_what_was_decided_under_faults_is_decided_again() -> None:
    """Passivation, batches, epochs and literal mode leave no trace in what is decided."""
    decisions = takeovers = 0
    for seed in SEEDS:
        world = play(seed, SimulationOptions())
        plant = world.plant
        plant.store.memory.faults = None
        history = ArchivedStore(plant.store.memory, world.archivist.archive)
        replayed = finish(replay_decisions(history, plant.placement, load_catalogue()))
        assert replayed.difference is None, f"seed {seed}: {replayed}"
        decisions += replayed.decisions
        takeovers += finish(plant.store.memory.describe(plant.placement.shard_of("router/main"))).epoch - 1
    assert decisions > 10 * len(SEEDS), "agents must have been proposed"
    assert takeovers > 0, "and the router's shard must have moved"

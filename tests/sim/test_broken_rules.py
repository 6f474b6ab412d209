"""A rule that is broken on purpose is caught within 200 seeds: the simulator and the checker can see."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.agent import Agent
from actors.messages.router import AgentStatus
from cluster.shard.inbox import Marks
from cluster.shard.outbox import Outbox
from cluster.simulator.options import SimulationOptions
from cluster.simulator.run import simulate
from cluster.simulator.variants import Variant
from cluster.store.base import Commit, CommitOutcome
from cluster.store.memory import MemoryStore

SEEDS = 200


def caught(options: SimulationOptions | None = None) -> tuple[int, str]:
    """The first seed that shows the broken rule, and what it shows; fails the test if none does."""
    for seed in range(1, SEEDS + 1):
        result = simulate(seed, options)
        if result.violations:
            return seed, " | ".join(result.violations)
    pytest.fail(f"{SEEDS} seeds did not notice")


class Insatiable(Agent):
    """An agent who has room even when every place is taken."""

    @property
    def status(self) -> AgentStatus:
        told = super().status
        if self.setting is None or not self.presence.is_routable or self.setting.retired:
            return told
        return replace(told, room=dict(self.setting.config.capacity), spare=self.setting.config.capacity_total)


def test_a_missing_capacity_check() -> None:
    """An agent who takes every reservation is given more than they have room for."""
    seed, said = caught(SimulationOptions(variant=Variant(actors={"agent": Insatiable})))
    assert "I3" in said, f"seed {seed}: {said}"


def test_a_missing_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fence a host that was given up on goes on writing what its successor writes too."""

    def commit_anything(store: MemoryStore, commit: Commit) -> CommitOutcome:
        state = store._shards[commit.shard]
        if (state.meta["number"], state.meta["by"]) != (commit.number, commit.epoch):
            store._begin()
            store._apply(state, commit)
        return CommitOutcome.APPLIED

    monkeypatch.setattr(MemoryStore, "_commit", commit_anything)
    seed, said = caught()
    assert "I9" in said or "I10" in said, f"seed {seed}: {said}"


def test_missing_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without high-water marks a repeated message has a second effect."""
    monkeypatch.setattr(Marks, "repeated", lambda *_: False)
    seed, said = caught()
    assert said, f"seed {seed} must show something"


def test_an_outbox_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are not sent again after a failed call are lost, and somebody waits for ever."""
    monkeypatch.setattr(Outbox, "rewind", lambda *_: False)
    seed, said = caught()
    assert said, f"seed {seed} must show something"

"""Starting Ray on a machine that is busy."""

from __future__ import annotations

import pytest
import ray

from cluster.errors import StartupFailed
from cluster.onray import cluster


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ray's process does not come up, as often as this has entries; each start takes one."""
    left: list[str] = []

    def init(**_: object) -> None:
        if left:
            raise Exception(left.pop())  # as Ray does

    class Context:
        gcs_address = "127.0.0.1:1"

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "get_runtime_context", Context)
    return left


def test_a_slow_start_is_tried_again(fails: list[str]) -> None:
    """A local Ray that was not up in time is started again."""
    fails += ["timed out"] * 2
    assert cluster.start_ray() == "127.0.0.1:1"


def test_trying_ends(fails: list[str]) -> None:
    """After three starts the reason is told."""
    fails += ["timed out"] * 3
    with pytest.raises(StartupFailed, match="timed out"):
        cluster.start_ray()


def test_another_ray_is_asked_once(fails: list[str]) -> None:
    """Attaching does not insist: it says at once that nobody is there, and what to do."""
    fails += ["nobody"]
    with pytest.raises(StartupFailed, match="ray start"):
        cluster.start_ray("127.0.0.1:6379")
    assert fails == []

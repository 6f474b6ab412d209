"""A store that holds one customer's story, in the place of the one that a command would open."""

from __future__ import annotations

import asyncio

import pytest

from cluster.cli import store_access
from cluster.store.memory import MemoryStore
from tests.unit.cli.world import served_customer


@pytest.fixture(scope="module")
def stored() -> MemoryStore:
    """The story."""
    return asyncio.run(served_customer())


@pytest.fixture
def opened(stored: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command opens the store in memory, whatever URL it is given."""
    monkeypatch.setattr(store_access, "connect", lambda url, cluster: stored)

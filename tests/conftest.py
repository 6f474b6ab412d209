"""Fixtures that every kind of test shares, and the markers that a test's folder gives it."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from cluster.store.embedded import EmbeddedOptions, EmbeddedServer

#: Folders whose tests start processes, and so are left out of `make check`.
SLOW_FOLDERS = ("integration", "browser", "chaos")

# A shared two-core machine makes any deadline for one example a coin toss; the tests' own time-out bounds them all.
settings.register_profile("trunkline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("trunkline"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "trunkline")

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and put those that start processes last, into one group.

    `make test` runs as many tests at a time as there are cores (`--dist loadgroup`). Tests that start processes depend on
    time and need the machine for themselves: they follow when the others are done, one by one in one worker.
    """
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0] if item.path.is_relative_to(root) else ""
        if folder in SLOW_FOLDERS:
            item.add_marker(folder)
        if _starts_processes(item):
            item.add_marker(pytest.mark.xdist_group("processes"))
    items.sort(key=lambda item: (_starts_processes(item), item.get_closest_marker("slow") is None))


def _starts_processes(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(kind) for kind in (*SLOW_FOLDERS, "ray"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of one embedded store server for the whole run; tests keep apart by cluster names of their own."""
    server = EmbeddedServer(EmbeddedOptions(tmp_path_factory.mktemp("store")))
    yield await server.start()
    await server.stop()


@pytest.fixture
def cluster_name() -> str:
    """A name for this test's cluster that no other test uses."""
    return f"test-{next(_numbers)}"

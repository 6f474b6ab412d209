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
    """Mark each test by its folder."""
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0] if item.path.is_relative_to(root) else ""
        if folder in SLOW_FOLDERS:
            item.add_marker(folder)


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

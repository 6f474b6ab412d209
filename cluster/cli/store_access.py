"""Runs a piece of work over a store, and turns the store's failures into errors that say what to do.

Invariants kept: whatever happens the store is closed, in the event loop that opened it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cluster.archive import ArchiveDirectory, ArchivedStore
from cluster.cli.where import StoreAccess
from cluster.errors import ConfigInvalid, TrunklineError, Unavailable
from cluster.store import Store, connect
from cluster.store.base import StoreError, StoreUnavailable
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer, StoreServerFailed
from cluster.store.server_program import NoServerProgram
from cluster.store.url import StoreUrlInvalid, parse_url
from cluster.telemetry.logs import configure_logs

R = TypeVar("R")


class StoreFailed(TrunklineError):
    """The store answered, but not as a store of ours does."""

    code = "FAILED_PRECONDITION"


def with_store(access: StoreAccess, work: Callable[[Store], Awaitable[R]]) -> R:
    """Open the store, do the work, close the store.

    Raises:
        ConfigInvalid: the URL or the cluster's name cannot be used.
        Unavailable: the store cannot be reached.
        StoreFailed: it refuses, or is no store of ours.
    """
    # Standard output is the command's own, so what libraries and the embedded server say goes elsewhere.
    configure_logs("trunkline", level="warning")
    if access.data_path is not None:
        return asyncio.run(_with_embedded(access.data_path, access, work))
    return asyncio.run(_with_url(access, work))


async def _with_url(access: StoreAccess, work: Callable[[Store], Awaitable[R]]) -> R:
    try:
        place = str(parse_url(access.url))
    except StoreUrlInvalid as error:
        raise ConfigInvalid(f"--store: {error}") from error
    try:
        store: Store = connect(access.url, access.cluster)
    except ValueError as error:
        raise ConfigInvalid(f"--cluster: {error}") from error
    try:
        if access.archive is not None:
            store = ArchivedStore(store, ArchiveDirectory(access.archive, access.cluster))
        return await work(store)
    except StoreUnavailable as error:
        detail = f"the store at {place} does not answer: is it running, and is the URL right? ({error})"
        raise Unavailable(detail) from error
    except OSError as error:
        raise StoreFailed(f"the archive {access.archive} cannot be read: {error}") from error
    except StoreError as error:
        raise StoreFailed(f"the store at {place} refuses: {error}") from error
    finally:
        await store.close()


async def _with_embedded(data_path: Path, access: StoreAccess, work: Callable[[Store], Awaitable[R]]) -> R:
    """Start a server over the files of a run that ended, for as long as the work takes."""
    if not (data_path / "store").is_dir():
        raise StoreFailed(f"there is no embedded store in {data_path}: nothing ran there yet")
    server = EmbeddedServer(EmbeddedOptions(data_path))
    try:
        url = await server.start()
    except (StoreServerFailed, NoServerProgram) as error:
        raise StoreFailed(f"the embedded store cannot be opened: {error}") from error
    try:
        return await _with_url(replace(access, url=url), work)
    finally:
        await server.stop()

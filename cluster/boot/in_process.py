"""`runtime: process`: hosts, supervisor and gateways in this process, without Ray."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from cluster.archive.archiver import Archiver
from cluster.archive.directory import ArchiveDirectory
from cluster.edge.server import Server, open_server
from cluster.local import LocalCluster
from cluster.operations import Operations
from cluster.spec import ClusterSpec
from cluster.store import connect
from cluster.telemetry.process import LoopLag
from cluster.transport import ARCHIVER


class InProcess:
    """A `cluster.boot.up.Runtime` over `LocalCluster`."""

    def __init__(self, spec: ClusterSpec) -> None:
        self._spec = spec
        self._store = connect(spec.store_url, spec.name)
        self.cluster = LocalCluster(
            self._store,
            spec.catalogue(),
            spec.placement(),
            options=spec.supervisor,
            host_options=spec.hosts,
            admission=spec.admission,
        )
        self.servers: dict[str, Server] = {}
        self.archiver: Archiver | None = None
        #: One loop serves them all, so the first gateway tells how late it is.
        self._lag: LoopLag | None = None

    async def start(self) -> None:
        """Start the supervisor and hosts."""
        await self.cluster.start_supervisor()

    async def start_gateway(
        self, name: str, factory: str, settings: dict[str, Any], *, standby: bool = False, node: str = ""
    ) -> None:
        """Open a gateway's server; raises `StartupFailed`. A standby in the same process would die with it: there is none.

        Nor is there another `node`, which the layout's checks see to.
        """
        cluster = self.cluster
        edge = cluster.start_edge(name)
        edge.also_scraped = (ARCHIVER,) if self._spec.archive.directory else ()
        self._lag = self._lag or LoopLag(edge.meter)
        operations = Operations(self._store, cluster.transport, cluster.placement, edge.dispatch.routes, cluster.catalogue)
        self.servers[name] = await open_server(factory, name, settings, edge, operations)
        cluster.reopeners[name] = partial(self._reopen, name, factory, settings)

    async def start_archiver(self) -> None:
        """Start the archiver, unless nothing is archived."""
        options = self._spec.archive
        if options.directory:
            # A connection of its own: no commit waits behind a page of old entries.
            store = connect(self._spec.store_url, self._spec.name)
            self.archiver = Archiver(store, ArchiveDirectory(Path(options.directory), self._spec.name), options)
            self.archiver.start()
            self.cluster.registry.add(ARCHIVER, self.archiver)
            self.cluster.reopeners[ARCHIVER] = self._restart_archiver

    async def stop_archiver(self) -> None:
        """End the archiver."""
        archiver, self.archiver = self.archiver, None
        if archiver is not None:
            self.cluster.registry.remove(ARCHIVER)
            await archiver.stop()

    async def _restart_archiver(self) -> None:
        await self.stop_archiver()
        await self.start_archiver()

    async def is_running(self) -> bool:
        """Never: nothing of an earlier process is in this one."""
        return False

    async def until_lost(self) -> str:
        """Never returns: what runs in this process dies with it."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def stop(self) -> None:
        """Drain gateways, end hosts, close the store."""
        for server in self.servers.values():
            await server.drain()
        await self.stop_archiver()
        if self._lag is not None:
            await self._lag.stop()
        await self.cluster.stop()
        await self._store.close()

    async def _reopen(self, name: str, factory: str, settings: dict[str, Any]) -> None:
        await self.servers.pop(name).drain()
        await self.cluster.kill_edge(name)
        await self.start_gateway(name, factory, settings)

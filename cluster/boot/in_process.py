"""`runtime: process`: hosts, supervisor and gateways in this process, without Ray."""

from __future__ import annotations

from functools import partial
from typing import Any

from cluster.edge.server import Server, open_server
from cluster.local import LocalCluster
from cluster.operations import Operations
from cluster.spec import ClusterSpec
from cluster.store import connect


class InProcess:
    """A `cluster.boot.up.Runtime` over `LocalCluster`."""

    def __init__(self, spec: ClusterSpec) -> None:
        self._store = connect(spec.store_url, spec.name)
        self.cluster = LocalCluster(
            self._store, spec.catalogue(), spec.placement(), options=spec.supervisor, host_options=spec.hosts
        )
        self.servers: dict[str, Server] = {}

    async def start(self) -> None:
        """Start the supervisor and hosts."""
        await self.cluster.start_supervisor()

    async def start_gateway(self, name: str, factory: str, settings: dict[str, Any]) -> None:
        """Open a gateway's server; raises `StartupFailed`."""
        cluster = self.cluster
        edge = cluster.start_edge(name)
        operations = Operations(self._store, cluster.transport, cluster.placement, edge.dispatch.routes, cluster.catalogue)
        self.servers[name] = await open_server(factory, name, settings, edge, operations)
        cluster.reopeners[name] = partial(self._reopen, name, factory, settings)

    async def stop(self) -> None:
        """Drain gateways, end hosts, close the store."""
        for server in self.servers.values():
            await server.drain()
        await self.cluster.stop()
        await self._store.close()

    async def _reopen(self, name: str, factory: str, settings: dict[str, Any]) -> None:
        await self.servers.pop(name).drain()
        await self.cluster.kill_edge(name)
        await self.start_gateway(name, factory, settings)

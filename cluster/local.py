"""The whole cluster in one process, without Ray: same hosts, edges and supervisor, called directly.

For development, for tests and, with its own transport, store and clock, for the simulator.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from actors.address import Placement
from cluster.admission import AdmissionOptions
from cluster.catalogue import Catalogue
from cluster.clock import Clock, SystemClock
from cluster.edge import Edge
from cluster.host.host import Host, HostOptions
from cluster.store.base import Store
from cluster.supervisor.supervisor import Supervisor, SupervisorOptions
from cluster.transport import SUPERVISOR, LocalTransport, Peer, Transport


class PeerRegistry(Protocol):
    """Where processes of a one-process cluster are entered and removed."""

    def add(self, name: str, peer: Peer) -> None: ...

    def remove(self, name: str) -> None: ...


class LocalCluster:
    """A supervisor, its hosts and any number of edges, all in the running event loop.

    Use as an async context manager; it starts hosts and places all shards on entry.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        placement: Placement | None = None,
        options: SupervisorOptions | None = None,
        host_options: HostOptions | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        registry: PeerRegistry | None = None,
        incarnations: Callable[[], str] | None = None,
        admission: AdmissionOptions | None = None,
    ) -> None:
        self.store = store
        self.catalogue = catalogue
        self.placement = placement or Placement(8)
        self.options = options or SupervisorOptions(hosts=1, spares=1)
        self.host_options = host_options or HostOptions()
        self.admission = admission or AdmissionOptions()
        self.clock = clock or SystemClock()
        local = LocalTransport()
        self.transport = transport or local
        self.registry = registry or local
        self.hosts: dict[str, Host] = {}
        self.edges: dict[str, Edge] = {}
        self.supervisor: Supervisor | None = None
        self._deaths: dict[str, asyncio.Event] = {}
        # Never the same twice, over restarts too: marks would take a new life's first frames for repetitions.
        self._incarnation = incarnations or (lambda: uuid.uuid4().hex[:12])
        #: Hosts that must not be started again, until taken out: a machine that is down.
        self.held_down: set[str] = set()
        #: Gateway -> opens it anew; entered by whoever opened its server.
        self.reopeners: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._run = uuid.uuid4().hex[:12]
        self._restarts: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> LocalCluster:
        await self.start_supervisor()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start_supervisor(self) -> None:
        """Start a supervisor, the first one or the next after `kill_supervisor`."""
        supervisor = Supervisor(self.store, self.transport, self, self.placement, self.options, self._run)
        self.supervisor = supervisor
        await supervisor.start()
        # Not before: it would answer from an empty table, and store that for the true one.
        self.registry.add(SUPERVISOR, supervisor)

    async def stop(self) -> None:
        """End everything."""
        await asyncio.gather(*self._restarts)
        await self.kill_supervisor()
        for name in list(self.edges):
            await self.kill_edge(name)
        for name in list(self.hosts):
            await self.kill_host(name)

    def start_edge(self, name: str) -> Edge:
        """Start an edge; `kill_edge` first to start it anew."""
        edge = Edge(name, self._incarnation(), self.transport, self.placement, self.catalogue.codec, self.clock, self.admission)
        self.edges[name] = edge
        self.registry.add(name, edge)
        return edge

    async def kill_edge(self, name: str) -> None:
        """An edge dies with all it held in memory."""
        self.registry.remove(name)
        edge = self.edges.pop(name, None)
        if edge is not None:
            await edge.stop()

    async def kill_supervisor(self) -> None:
        self.registry.remove(SUPERVISOR)
        supervisor, self.supervisor = self.supervisor, None
        if supervisor is not None:
            await supervisor.stop()

    async def kill_host(self, name: str) -> None:
        """A host dies with all it held in memory; the supervisor sees it at once and starts it again."""
        self.registry.remove(name)
        host = self.hosts.pop(name, None)
        if host is not None:
            # Taken now: a new host of this name may be started while the old one ends.
            death = self._deaths[name]
            await host.stop()
            death.set()

    # -- Launcher -------------------------------------------------------------------------------------------------

    async def start_host(self, name: str) -> None:
        if name in self.hosts or name in self.held_down:
            return
        host = Host(
            name,
            self._incarnation(),
            self.store_for(name),
            self.transport,
            self.placement,
            self.catalogue.actor_types,
            self.catalogue.codec,
            self.clock,
            self.host_options,
        )
        self.hosts[name] = host
        self._deaths[name] = asyncio.Event()
        self.registry.add(name, host)

    async def stop_host(self, name: str) -> None:
        await self.kill_host(name)

    async def wait_for_death(self, name: str) -> None:
        death = self._deaths.get(name)
        if death is not None:
            await death.wait()

    async def restart(self, peer: str) -> None:
        # In a task of its own: it ends the very call that asks for it.
        task = asyncio.create_task(self._restart_supervisor() if peer == SUPERVISOR else self.reopeners[peer]())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def resign(self) -> None:
        """Whoever is asked is the newest here, so the one who asks is not needed."""

    async def _restart_supervisor(self) -> None:
        await self.kill_supervisor()
        await self.start_supervisor()

    def store_for(self, host: str) -> Store:
        """The store as this host reaches it; the simulator gives each host a faulty one of its own."""
        return self.store

"""The Ray actors of the runtime: hosts, the supervisor, gateways and the archiver, each a thin shell around a plain class.

Ray restarts a dead actor's process and runs `__init__` again, but restores no state: the shell builds its insides on
the first call, a host empty, a supervisor from the stored table.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import structlog

from cluster.archive.archiver import Archiver
from cluster.archive.directory import ArchiveDirectory
from cluster.clock import SystemClock
from cluster.host.host import Host
from cluster.onray.direct import Listener, PeerAddress
from cluster.onray.launcher import RayLauncher
from cluster.onray.pauses import collect_now_and_then, settle_heap
from cluster.onray.spread import keep_spread, living_machines
from cluster.onray.transport import RayTransport
from cluster.spec import ClusterSpec, new_incarnation
from cluster.store import connect
from cluster.supervisor.supervisor import Supervisor
from cluster.telemetry.logs import configure_logs
from cluster.telemetry.process import LoopLag
from cluster.transport import ARCHIVER, Peer

if TYPE_CHECKING:
    from cluster.edge import Edge
    from cluster.edge.server import Server

log = structlog.get_logger("gateway")

#: How long a busy thread keeps the interpreter to itself. Ray and gRPC hand work to the event loop from threads of their
#: own, and with Python's 5 ms each may wait that long (while batches were Ray calls, offers took 90 ms at 1,000 events/s).
SWITCH_INTERVAL_S = 0.0002
#: How long a gateway that takes over waits to hear of the configuration; operators can reach it without.
INFORMED_WITHIN_S = 5.0


class Shell:
    """Builds a peer once, on first use, and listens for calls to it."""

    def __init__(self, build: Callable[[], Awaitable[Peer]]) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._build = build
        self._building: asyncio.Task[Peer] | None = None
        self._collecting: asyncio.Task[None] | None = None
        self._listener = Listener(self._call)

    async def address(self) -> PeerAddress:
        """Where the peer, which is built by now, takes calls."""
        await self.build()
        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray ships no types for it
        return await self._listener.address(host)

    async def _call(self, method: str, payload: bytes) -> bytes:
        return await (await self.build()).methods[method](payload)

    async def build(self) -> Peer:
        """The peer; built anew after a failure."""
        if self._building is None:
            self._building = asyncio.ensure_future(self._begin())
        try:
            return await asyncio.shield(self._building)
        except Exception:
            self._building = None
            raise

    async def _begin(self) -> Peer:
        peer = await self._build()
        settle_heap()
        self._collecting = asyncio.create_task(collect_now_and_then(), name="collect")
        return peer


@ray.remote
class HostActor:
    """A Ray actor that runs shards."""

    def __init__(self, name: str, spec: ClusterSpec) -> None:
        configure_logs(name, level=spec.log_level)
        self._name = name
        self._spec = spec
        self._shell = Shell(self._build)
        self._lag: LoopLag | None = None

    async def address(self) -> PeerAddress:
        """Where this process takes calls."""
        return await self._shell.address()

    async def wait_for_end(self) -> None:
        """Never returns: whoever waits hears from Ray when this process or its machine dies."""
        await asyncio.Event().wait()

    async def _build(self) -> Peer:
        spec = self._spec
        catalogue = spec.catalogue()
        host = Host(
            self._name,
            new_incarnation(),
            connect(spec.store_url, spec.name),
            RayTransport(spec.name),
            spec.placement(),
            catalogue.actor_types,
            catalogue.codec,
            SystemClock(),
            spec.hosts,
            ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]  # Ray ships no types for it
        )
        self._lag = LoopLag(host.figures.meter)
        return host


@ray.remote
class SupervisorActor:
    """A Ray actor that watches the hosts."""

    def __init__(self, spec: ClusterSpec) -> None:
        configure_logs("supervisor", level=spec.log_level)
        self._spec = spec
        self._shell = Shell(self._build)
        self._lag: LoopLag | None = None
        self._spreading: asyncio.Task[None] | None = None

    async def address(self) -> PeerAddress:
        """Where this process takes calls."""
        return await self._shell.address()

    async def _build(self) -> Peer:
        spec = self._spec
        transport = RayTransport(spec.name)
        launcher = RayLauncher(spec, transport, HostActor)
        store = connect(spec.store_url, spec.name)
        supervisor = Supervisor(store, transport, launcher, spec.placement(), spec.supervisor, spec.run)
        launcher.spread.machines = await asyncio.to_thread(living_machines, spec.host_cpus)
        try:
            await supervisor.start()
        except BaseException:
            await supervisor.stop()  # The next call builds another; there must not be two that decide.
            raise
        self._lag = LoopLag(supervisor.figures.meter)
        spreading = keep_spread(launcher.spread, supervisor, spec.host_cpus)
        self._spreading = asyncio.create_task(spreading, name="supervisor:spread")
        return supervisor


@ray.remote
class GatewayActor:
    """A Ray actor that owns sockets: an edge, and the server that the layout names for it.

    `factory` is `module:function`, an async `function(name, settings, edge, operations)` that opens the server and
    returns an object with `drain()` and `stop()`. So the runtime starts gateways that it does not import.
    """

    def __init__(self, name: str, spec: ClusterSpec, factory: str, settings: dict[str, Any], waits: bool) -> None:
        configure_logs(name, level=spec.log_level)
        self._name = name
        self._spec = spec
        self._factory = factory
        self._settings = settings
        #: A standby, or a process that Ray started again: somebody else may have the address by now.
        self._waits = waits or ray.get_runtime_context().was_current_actor_reconstructed
        self._waiting: asyncio.Task[None] | None = None
        self._shell = Shell(self._build)
        self._server: Server | None = None
        self._lag: LoopLag | None = None
        # Built at once, not at the first call: adapters wait for a gateway that was started again.
        self._start = asyncio.ensure_future(self._shell.build())

    async def address(self) -> PeerAddress:
        """Where this process takes calls."""
        return await self._shell.address()

    async def retire(self) -> None:
        """Wait for the address no more: what is drained now shall not be taken over."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def drain(self) -> None:
        """Tell adapters to go elsewhere, then close."""
        if self._server is not None:
            await self._server.drain()

    async def _build(self) -> Peer:
        # Imported late: each host imports this module as it starts, and in literal mode every actor is a host.
        from cluster.edge import Edge
        from cluster.edge.server import open_server
        from cluster.operations import Operations

        spec = self._spec
        catalogue, placement = spec.catalogue(), spec.placement()
        transport = RayTransport(spec.name)
        edge = Edge(self._name, new_incarnation(), transport, placement, catalogue.codec, SystemClock(), spec.admission)
        edge.also_scraped = (ARCHIVER,) if spec.archive.directory else ()
        store = connect(spec.store_url, spec.name)
        operations = Operations(store, transport, placement, edge.dispatch.routes, catalogue)
        serve = partial(open_server, self._factory, self._name, self._settings, edge, operations)
        if self._waits:
            self._waiting = asyncio.create_task(self._take_over(edge, serve), name="gateway:standby")
        else:
            self._server = await serve()
        self._lag = LoopLag(edge.meter)
        return edge

    async def _take_over(self, edge: Edge, serve: Callable[[], Awaitable[Server]]) -> None:
        from cluster.edge.standby import serve_when_free

        # Without a configuration it would refuse what it was started to take.
        await edge.until_informed(INFORMED_WITHIN_S)
        self._server = await serve_when_free(self._settings["listen"][0], serve)
        log.warning("gateway_took_over", gateway=self._name)


@ray.remote
class ArchiverActor:
    """A Ray actor that moves old journal entries into files of its machine."""

    def __init__(self, spec: ClusterSpec) -> None:
        configure_logs(ARCHIVER, level=spec.log_level)
        self._spec = spec
        self._shell = Shell(self._build)
        self._lag: LoopLag | None = None
        # Built at once, not at the first call: nobody calls it but for its figures.
        self._start = asyncio.ensure_future(self._shell.build())

    async def address(self) -> PeerAddress:
        """Where this process takes calls."""
        return await self._shell.address()

    async def _build(self) -> Peer:
        spec = self._spec
        archive = ArchiveDirectory(Path(spec.archive.directory), spec.name)
        archiver = Archiver(connect(spec.store_url, spec.name), archive, spec.archive)
        self._lag = LoopLag(archiver.figures.meter)
        archiver.start()
        return archiver

"""`trunkline up`: brings the product up in the right order, says what runs, stays in front, and takes it all down.

Down goes: programs, then gateways (drained: what adapters sent is settled), hosts, Ray, and the store last, so that
nothing that was accepted lacks its place. Every process that was started is ended by pid or handle.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog

from cluster.admission import AdmissionOptions
from cluster.archive.base import ArchiveOptions
from cluster.boot.anew import RuntimeLost, until_ports_free
from cluster.boot.first_centre import apply_first_centre
from cluster.boot.ports import require_free_ports
from cluster.boot.programs import Program, ProgramSpec, start_all
from cluster.boot.run_file import ProgramEntry, RunFile, run_file_path, write_run_file
from cluster.boot.secrets import Secrets, read_tokens
from cluster.config.layout import EMBEDDED, LOCAL_RAY, MEMORY, METRICS, LayoutModel, resolve, split_listen
from cluster.config.layout import Gateway as GatewaySection
from cluster.config.layout_file import Layout
from cluster.config.load import read_text
from cluster.config.sample import sample_text
from cluster.errors import StartupFailed
from cluster.host.host import HostOptions
from cluster.spec import ClusterSpec
from cluster.store import connect
from cluster.store.base import StoreUnavailable
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer, Fsync, StoreServerFailed
from cluster.store.server_program import NoServerProgram
from cluster.supervisor.supervisor import SupervisorOptions

log = structlog.get_logger("boot")

Announce = Callable[[str], None]


class Runtime(Protocol):
    """Where hosts and gateways run: on Ray or in this process."""

    async def is_running(self) -> bool: ...

    async def start(self) -> None: ...

    async def start_gateway(
        self, name: str, factory: str, settings: dict[str, Any], *, standby: bool = False, node: str = ""
    ) -> None: ...

    async def start_archiver(self) -> None: ...

    async def until_lost(self) -> str: ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Running:
    """What is up."""

    layout: Layout
    spec: ClusterSpec
    store: EmbeddedServer | None
    secrets: Secrets
    runtime: Runtime
    centre_version: int = 0
    #: Where metrics are served, empty for nowhere.
    metrics_listen: str = ""
    programs: list[Program] = field(default_factory=list)
    seconds: float = 0.0


def spec_of(layout: Layout, store_url: str) -> ClusterSpec:
    """What every process of this layout's cluster must agree on."""
    settings = layout.settings
    hosts = settings.hosts
    return ClusterSpec(
        name=settings.cluster,
        store_url=store_url,
        shards=settings.shards,
        pinned_kinds=tuple(settings.pinned_kinds),
        plugins=tuple(settings.plugins),
        hosts=HostOptions(
            max_pending=hosts.max_pending,
            max_batch=hosts.max_batch,
            passivate_after_ms=int(hosts.passivate_after_s * 1000),
        ),
        supervisor=SupervisorOptions(hosts=hosts.count, spares=hosts.spares, lease_s=hosts.lease_s),
        admission=AdmissionOptions(**settings.admission.model_dump()),
        log_level=settings.log_level,
        host_cpus=hosts.cpus,
        archive=_archive_of(layout),
    )


def _archive_of(layout: Layout) -> ArchiveOptions:
    settings, path = layout.settings.archive, layout.archive_path
    return ArchiveOptions(
        directory="" if path is None else str(path),
        keep_entries=settings.keep_entries,
        segment_entries=settings.segment_entries,
        settle_s=settings.settle_s,
        every_s=settings.every_s,
    )


async def up(
    layout: Layout,
    announce: Announce,
    ready: Callable[[Running], Awaitable[None]] | None = None,
    stopping: asyncio.Event | None = None,
) -> None:
    """Run the product until SIGINT or SIGTERM, or until `stopping` is set.

    Args:
        announce: is told, in words for people, what happens.
        ready: runs once all is up, for instance to write the URLs.
        stopping: given by who embeds the product; signals are then theirs to handle.

    Raises:
        StartupFailed: something cannot be started; everything that was is taken down again.
        RuntimeLost: Ray died; everything is taken down, and can be started anew.
    """
    try:
        await _up(layout, announce, ready, stopping)
    except RuntimeLost:
        await until_ports_free((owner, address) for owner, _, address in layout.settings.listeners())
        raise


async def _up(
    layout: Layout,
    announce: Announce,
    ready: Callable[[Running], Awaitable[None]] | None,
    stopping: asyncio.Event | None,
) -> None:
    if stopping is None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_bring_up(layout, announce, stack))
        interrupted = asyncio.create_task(stopping.wait())
        await asyncio.wait([starting, interrupted], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            announce("stopping before everything was up")
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        running = starting.result()
        if ready is not None:
            await ready(running)
        lost = asyncio.create_task(running.runtime.until_lost())
        await asyncio.wait([interrupted, lost], return_when=asyncio.FIRST_COMPLETED)
        if lost.done() and not interrupted.done():
            log.error("ray_died", process=lost.result())
            raise RuntimeLost(f"Ray's {lost.result()} died")
        lost.cancel()
        announce("draining: what was accepted is being settled")
    announce("stopped")


async def _bring_up(layout: Layout, announce: Announce, stack: AsyncExitStack) -> Running:
    started = time.monotonic()
    settings = layout.settings
    own, of_gateways = _ports(settings)
    require_free_ports(own)
    layout.run_path.mkdir(parents=True, exist_ok=True)
    secrets = Secrets(layout.run_path)
    secrets.ensure()
    attached = asyncio.create_task(_attach_ray(settings, announce, stack))
    server = None
    try:
        server, store_url = await _start_store(layout, announce, stack)
    finally:
        ray_address = await attached
    spec = spec_of(layout, store_url)
    runtime = _runtime(spec, settings)
    taken_over = await runtime.is_running()
    if taken_over:
        announce("its hosts and gateways run already: taking them over as they are")
    else:
        require_free_ports(of_gateways)
    metrics = settings.metrics.listen if taken_over else _metrics_listen(settings, announce)
    running = Running(layout, spec, server, secrets, runtime, metrics_listen=metrics)
    _claim_run_directory(running, ray_address, stack)
    stack.push_async_callback(_stop_runtime, running, taken_over)
    gateways = [
        runtime.start_gateway(
            gateway.name,
            gateway.factory,
            # One gateway tells the figures of all.
            _gateway_settings(layout, gateway, secrets) | _metrics_settings(running.metrics_listen if at == 0 else ""),
            standby=gateway.standby,
            node=gateway.node,
        )
        for at, gateway in enumerate(settings.gateways)
    ]
    announce(f"starting {settings.hosts.count} hosts and {settings.hosts.spares} spare, {len(gateways)} gateway")
    stack.push_async_callback(_stop_programs, running)
    programs = [_program_of(layout, program.name, secrets) for program in settings.programs if program.enabled]
    await asyncio.gather(runtime.start(), *gateways, start_all(programs, layout.run_path / "logs", running.programs.append))
    running.centre_version = await _first_centre(layout, secrets)
    # Last: nobody waits for it, and everybody for the rest.
    await runtime.start_archiver()
    running.seconds = time.monotonic() - started
    return running


async def _attach_ray(settings: LayoutModel, announce: Announce, stack: AsyncExitStack) -> str:
    """Returns Ray's address; empty in other runtimes."""
    if settings.runtime != "ray":
        return ""
    # Imported only where Ray is used: it costs seconds.
    from cluster.onray.cluster import start_ray, stop_ray

    address = settings.ray.address
    announce("starting Ray" if address == LOCAL_RAY else f"attaching to Ray at {address}")
    start = partial(start_ray, address, object_store_mb=settings.ray.object_store_mb, dashboard=settings.ray.dashboard)
    found: str = await asyncio.to_thread(start)
    stack.push_async_callback(asyncio.to_thread, stop_ray)
    return found


async def _start_store(layout: Layout, announce: Announce, stack: AsyncExitStack) -> tuple[EmbeddedServer | None, str]:
    store = layout.settings.store
    if store.url == MEMORY:
        announce("keeping everything in memory: nothing survives this process")
        return None, "memory:"
    if store.url != EMBEDDED:
        await _require_store(store.url, layout.settings.cluster)
        return None, store.url
    options = EmbeddedOptions(
        layout.data_path,
        fsync=Fsync(store.fsync),
        port=store.port,
        over_tcp=store.over_tcp,
        max_memory_mb=store.max_memory_mb,
    )
    server = EmbeddedServer(options)
    try:
        url = await server.start()
    except (StoreServerFailed, NoServerProgram) as problem:
        raise StartupFailed(f"the embedded store cannot be started: {problem}") from problem
    stack.push_async_callback(server.stop)
    announce(f"store is up (fsync {store.fsync})")
    return server, url


async def _require_store(url: str, cluster: str) -> None:
    """Find out now, rather than when the first customer waits, that a store of the user's own does not answer."""
    store = connect(url, cluster)
    try:
        await store.ping()
    except StoreUnavailable as problem:
        raise StartupFailed(f"the store does not answer: {problem}. Start it, or correct store.url") from problem
    finally:
        await store.close()


def _ports(settings: LayoutModel) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What must be free from the first, and what only if no gateway runs yet: on a Ray of its own life they may.

    Metrics are in neither: they are no reason not to start.
    """
    outlives = settings.runtime == "ray" and settings.ray.address != LOCAL_RAY
    gateways = {gateway.name for gateway in settings.gateways if outlives}
    wanted = [(owner, address) for owner, _, address in settings.listeners() if owner != METRICS]
    return [port for port in wanted if port[0] not in gateways], [port for port in wanted if port[0] in gateways]


async def _stop_runtime(running: Running, taken_over: bool) -> None:
    """What served customers before this process began goes on doing so if this process cannot come up."""
    if running.seconds or not taken_over:
        await running.runtime.stop()


def _runtime(spec: ClusterSpec, settings: LayoutModel) -> Runtime:
    if settings.runtime == "ray":
        from cluster.onray.cluster import RayCluster

        return RayCluster(spec)
    from cluster.boot.in_process import InProcess

    return InProcess(spec)


def _gateway_settings(layout: Layout, gateway: GatewaySection, secrets: Secrets) -> dict[str, Any]:
    """What the gateway's factory is given: plain values and absolute paths."""
    tls = gateway.tls
    return {
        "listen": list(gateway.listen),
        "tokens": read_tokens(resolve(layout.base, gateway.tokens_file) if gateway.tokens_file else secrets.tokens_file),
        "signing_key": secrets.signing_key_file.read_text().strip(),
        "tls": None
        if tls is None
        else {
            "certificate": str(resolve(layout.base, tls.certificate)),
            "key": str(resolve(layout.base, tls.key)),
            "client_ca": None if tls.client_ca is None else str(resolve(layout.base, tls.client_ca)),
        },
    }


def _metrics_listen(settings: LayoutModel, announce: Announce) -> str:
    """Where metrics can be served. A port that something else holds is no reason to leave customers waiting."""
    listen = settings.metrics.listen
    try:
        require_free_ports([(METRICS, listen)] if listen else [])
    except StartupFailed as problem:
        announce(f"metrics are not served: {problem.detail}")
        return ""
    return listen


def _metrics_settings(listen: str) -> dict[str, Any]:
    """Nothing where there is nothing to say: a factory of somebody else's need not know of metrics."""
    return {"metrics_listen": listen} if listen else {}


def _program_of(layout: Layout, name: str, secrets: Secrets) -> ProgramSpec:
    settings = layout.settings
    program = next(program for program in settings.programs if program.name == name)
    gateway = next(g for g in settings.gateways if program.gateway in (None, g.name))
    role = "desk" if program.module.endswith(".desk") else "gateway"
    host, port = split_listen(program.listen) if program.listen else ("127.0.0.1", 0)
    arguments = [
        "--name", f"{program.name}-1",
        "--gateway", gateway.listen[0],
        "--token-file", str(secrets.token_file(role)),
        "--data-dir", str(layout.run_path / program.name),
        *program.flags(),
    ]  # fmt: skip
    return ProgramSpec(program.name, program.module, tuple(arguments), host, port, dict(program.env))


async def _first_centre(layout: Layout, secrets: Secrets) -> int:
    path = layout.centre_path
    source = sample_text() if path is None else read_text(path)
    gateway = layout.settings.gateways[0]
    if gateway.tls is not None:
        log.info("first_centre_skipped", reason="the gateway speaks TLS: apply it with `trunkline config apply`")
        return 0
    return await apply_first_centre(gateway.listen[0], secrets.token("admin"), source)


def _claim_run_directory(running: Running, ray_address: str, stack: AsyncExitStack) -> None:
    layout, settings = running.layout, running.layout.settings
    run = RunFile(
        pid=os.getpid(),
        cluster=settings.cluster,
        runtime=settings.runtime,
        started_at=time.time_ns() // 1_000_000,
        store_url=running.spec.store_url,
        gateways={gateway.name: list(gateway.listen) for gateway in settings.gateways},
        programs=[ProgramEntry(p.name, f"http://{p.listen}/" if p.listen else "") for p in settings.programs if p.enabled],
        tokens_file=str(running.secrets.tokens_file),
        shards=settings.shards,
        pinned_kinds=list(settings.pinned_kinds),
        ray_address=ray_address,
        plugins=list(settings.plugins),
        tls_gateways=[gateway.name for gateway in settings.gateways if gateway.tls is not None],
        data_dir=str(layout.data_path) if running.store is not None else "",
        archive_dir=running.spec.archive.directory,
        metrics_url=f"http://{running.metrics_listen}/metrics" if running.metrics_listen else "",
    )
    write_run_file(layout.run_path, run)
    stack.callback(run_file_path(layout.run_path).unlink, missing_ok=True)


async def _stop_programs(running: Running) -> None:
    await asyncio.gather(*(program.stop() for program in running.programs))

"""Starts and ends a cluster on Ray: Ray itself if need be, the supervisor, the gateways."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import ray
import structlog
from ray.exceptions import RayError

from cluster.errors import PeerGone, StartupFailed
from cluster.onray import actors as ray_actors
from cluster.onray.launcher import ACTOR_OPTIONS, RayLauncher
from cluster.onray.loss import end_rest, lost_process, until_lost
from cluster.onray.spread import living_machines
from cluster.onray.transport import RayTransport, actor_name
from cluster.spec import ClusterSpec
from cluster.supervisor.supervisor import host_names
from cluster.transport import ARCHIVER, SUPERVISOR
from cluster.wire import table_decoder

log = structlog.get_logger("ray")

#: Ray's decorator turns these into actor classes, which its type hints do not say.
SupervisorActor: Any = ray_actors.SupervisorActor
GatewayActor: Any = ray_actors.GatewayActor
HostActor: Any = ray_actors.HostActor
ArchiverActor: Any = ray_actors.ArchiverActor

START_TIMEOUT_S = 90.0
#: Ray gives its raylet 30 s, which cannot be set, and a busy machine takes longer.
START_TRIES = 3
LOCAL = "local"
#: Ray gives each machine a resource that names it, and its head one more. An actor that takes a little of it runs there only.
HEAD = "node:__internal_head__"
A_LITTLE = 0.001
STANDBY_SUFFIX = "-standby"


def start_ray(address: str = LOCAL, *, object_store_mb: int = 100, dashboard: bool = False) -> str:
    """Start a local Ray, or attach to a running one (`auto` or `host:port`).

    Blocks for 4 to 13 s; call it in a thread.

    Returns:
        Where that Ray is, as `host:port`; a machine can run several.

    Raises:
        StartupFailed: there is no Ray at the address, or it cannot be started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's own value, 15, is for work that can wait: everything else on the machine would go before hosts and gateways.
    os.environ.setdefault("RAY_worker_niceness", "0")
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": True, "logging_level": "ERROR"}
    if address == LOCAL:
        options |= {
            "address": "local",
            "include_dashboard": dashboard,
            "object_store_memory": object_store_mb * 1024 * 1024,
        }
    else:
        options |= {"address": address}
    for tries_left in reversed(range(START_TRIES if address == LOCAL else 1)):
        try:
            ray.init(**options)
            break
        except Exception as problem:  # Ray raises bare `Exception` when its processes are slow to come up
            if not tries_left:
                hint = "" if address == LOCAL else "; start one with `ray start --head` or write ray.address: local"
                raise StartupFailed(f"Ray cannot be used at {address!r}: {problem}{hint}") from problem
            log.warning("ray_did_not_start", tries_left=tries_left, reason=str(problem))
            ray.shutdown()
    found: str = ray.get_runtime_context().gcs_address
    return found


def stop_ray() -> None:
    """End the local Ray, or detach from one that was running before. Blocks; call it in a thread."""
    if lost_process():
        end_rest()  # Ray's own way out asks the process that is gone.
    else:
        ray.shutdown()


class RayCluster:
    """One Trunkline cluster on the Ray that this process is attached to."""

    def __init__(self, spec: ClusterSpec) -> None:
        self.spec = spec
        self.transport = RayTransport(spec.name)
        self._gateways: dict[str, Any] = {}

    async def is_running(self) -> bool:
        """Whether the cluster's processes run already: Ray keeps them when the process that had them started is killed."""
        try:
            await self.transport.find(SUPERVISOR)
        except PeerGone:
            return False
        return True

    async def start(self) -> None:
        """Start the supervisor, which starts the hosts; returns when every shard is placed."""
        # Beside Ray's head: who is cut off from the one is cut off from the other. On a machine that is cut off by itself,
        # it would be missed until Ray gave the machine up, and nobody would move that machine's shards.
        supervisor = {**ACTOR_OPTIONS, "resources": {HEAD: A_LITTLE}, "name": actor_name(self.spec.name, SUPERVISOR)}
        SupervisorActor.options(**supervisor).remote(self.spec)
        # The supervisor would start the hosts itself; started here too, their processes come up beside its own.
        launcher = RayLauncher(self.spec, self.transport, HostActor)
        launcher.spread.machines = await asyncio.to_thread(living_machines, self.spec.host_cpus)
        for name in host_names(self.spec.supervisor):
            launcher.launch(name)
        await self._first_call(SUPERVISOR, "status")

    async def start_gateway(
        self, name: str, factory: str, settings: dict[str, Any], *, standby: bool = False, node: str = ""
    ) -> None:
        """Start a gateway and wait until it listens; its standby comes up behind it.

        Args:
            node: the address of the machine that is to run it; this one if it is left out.

        Raises:
            StartupFailed: it cannot; the detail says why.
        """
        # On this machine, or on the one that the layout names: its addresses are that machine's.
        machine, machines = node or this_machine(), await asyncio.to_thread(living_machines)
        if machine not in machines:
            raise StartupFailed(f"{name} is to run on {machine}, and Ray's machines are {', '.join(machines)}: correct `node`")

        def launch(peer: str, waits: bool) -> None:
            options = _on(machine, actor_name(self.spec.name, peer))
            self._gateways[peer] = GatewayActor.options(**options).remote(peer, self.spec, factory, settings, waits)

        launch(name, waits=False)
        await self._first_call(name, "ping")
        if standby:
            launch(name + STANDBY_SUFFIX, waits=True)

    async def start_archiver(self) -> None:
        """Have the archiver's process started, without waiting for it; nobody else does either."""
        if self.spec.archive.directory:
            # Its directory is on this machine.
            ArchiverActor.options(**_on(this_machine(), actor_name(self.spec.name, ARCHIVER))).remote(self.spec)

    async def until_lost(self) -> str:
        """Wait until Ray itself has died; returns which of its processes did."""
        return await until_lost()

    async def stop(self) -> None:
        """Drain the gateways, then end every process of this cluster."""
        if lost_process():
            return  # Nobody can be asked; what is left ends with Ray.
        await asyncio.gather(*(self._retire(handle) for handle in self._gateways.values()))
        await asyncio.gather(*(self._drain(name, handle) for name, handle in self._gateways.items()))
        peers = await self._everybody()
        for peer in peers:
            try:
                ray.kill(self.transport.handle(peer), no_restart=True)
            except PeerGone:
                continue

    async def _everybody(self) -> list[str]:
        """The supervisor first, so that it starts nobody again."""
        hosts: list[str] = []
        try:
            table = table_decoder.decode(await self.transport.call(SUPERVISOR, "locate", b"0"))
            hosts = list(table.hosts)
        except PeerGone as problem:
            log.warning("supervisor_silent", detail=problem.detail)
        return [SUPERVISOR, *self._gateways, *hosts, *((ARCHIVER,) if self.spec.archive.directory else ())]

    async def _retire(self, handle: Any) -> None:
        with contextlib.suppress(RayError, TimeoutError):
            async with asyncio.timeout(5.0):
                await handle.retire.remote()

    async def _drain(self, name: str, handle: Any) -> None:
        try:
            async with asyncio.timeout(15.0):
                await handle.drain.remote()
        except (RayError, TimeoutError) as problem:
            log.warning("gateway_not_drained", gateway=name, reason=type(problem).__name__)

    async def _first_call(self, peer: str, method: str) -> None:
        try:
            await self.transport.call(peer, method, b"", timeout_s=START_TIMEOUT_S)
        except PeerGone as problem:
            cause = problem.__cause__
            detail = str(getattr(cause, "cause", None) or cause or problem.detail)
            raise StartupFailed(f"{peer} could not be started: {detail}") from problem


def this_machine() -> str:
    """The address that Ray knows this machine by."""
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray ships no types for it
    return address


def _on(machine: str, name: str) -> dict[str, Any]:
    """Options of an actor that runs on one machine only: Ray would put one that reserves nothing on any.

    By the machine's address, not by Ray's id of it: a machine that Ray gave up and takes in again has another id, and what is
    bound to the former one is dead for good.
    """
    return {**ACTOR_OPTIONS, "name": name, "resources": {f"node:{machine}": A_LITTLE}}

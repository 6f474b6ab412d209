"""Starts, watches and ends host actors on Ray: detached, named, restarted by Ray for ever, tasks never retried."""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial
from typing import Any

import ray
import structlog
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import PeerGone
from cluster.onray.direct import wait_for_end
from cluster.onray.spread import Spread
from cluster.onray.transport import NAMESPACE, RayTransport, actor_name
from cluster.spec import ClusterSpec
from cluster.supervisor.plan import PINNED_HOST_PREFIX

log = structlog.get_logger("launcher")

#: Ray retries nothing (our own numbers do), restarts for ever, and reserves no CPU: processes share the machine's
#: cores, unless the layout says that a host has some to itself.
ACTOR_OPTIONS: dict[str, Any] = {
    "lifetime": "detached",
    "namespace": NAMESPACE,
    "get_if_exists": True,
    "max_restarts": -1,
    "max_task_retries": 0,
    "num_cpus": 0,
    "max_concurrency": 5_000,
}
#: Of a machine's memory, as Ray counts it out.
A_BYTE = 1
START_TIMEOUT_S = 60.0
ANSWERED_WITHIN_S = 0.2


class RayLauncher:
    """See `cluster.supervisor.launcher.Launcher`. `host_actor` is the Ray actor class of hosts."""

    def __init__(self, spec: ClusterSpec, transport: RayTransport, host_actor: Any) -> None:
        self._spec = spec
        self._transport = transport
        self._host_actor = host_actor
        self.spread = Spread()

    async def start_host(self, name: str) -> None:
        try:
            self.launch(name)
        except RayError as problem:
            raise PeerGone(f"{name} cannot be started: {type(problem).__name__}") from problem
        await self._transport.call(name, "report", b"", timeout_s=START_TIMEOUT_S)

    def launch(self, name: str) -> None:
        """Have the host's process started, unless it runs, without waiting for it."""
        options = {**ACTOR_OPTIONS, "name": actor_name(self._spec.name, name), "scheduling_strategy": self._where(name)}
        if not name.startswith(PINNED_HOST_PREFIX):
            # An actor that asks for nothing at all is put on any machine, whatever its strategy says (measured, Ray 2.60).
            options |= {"num_cpus": self._spec.host_cpus, "memory": A_BYTE}
        self._host_actor.options(**options).remote(name, self._spec)

    def _where(self, name: str) -> Any:
        """Ray's own SPREAD may put several actors that reserve no CPU on one machine, so it is told which one to prefer.

        With CPUs to reserve it does spread, and takes machines that an autoscaler is yet to start.
        """
        if self._spec.host_cpus or name.startswith(PINNED_HOST_PREFIX):
            return "SPREAD"
        machine = self.spread.place(name)
        return NodeAffinitySchedulingStrategy(machine, soft=True) if machine else "SPREAD"

    async def stop_host(self, name: str) -> None:
        try:
            ray.kill(self._transport.handle(name), no_restart=True)
        except PeerGone:
            return
        self._transport.forget(name)

    async def restart(self, peer: str) -> None:
        handle = self._transport.handle(peer)
        # Killed, it is started again by Ray. Soon, not now: whoever asked must hear the answer first.
        asyncio.get_running_loop().call_later(ANSWERED_WITHIN_S, partial(ray.kill, handle, no_restart=False))

    async def resign(self) -> None:
        os._exit(1)  # Ray starts it again, unless it has started another in its place already.

    async def wait_for_death(self, name: str) -> None:
        """Return at the first sign: its connection closed, or Ray says so."""
        try:
            handle = await self._transport.find(name)
            address = await self._transport.address_of(name)
        except PeerGone as problem:
            log.info("host_process_ended", host=name, reason=type(problem).__name__)
            return
        signs = [
            asyncio.create_task(wait_for_end(address)),
            asyncio.create_task(_until_ray_says(handle)),
        ]
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sign in signs:
                sign.cancel()
        log.info("host_process_ended", host=name)


async def _until_ray_says(handle: Any) -> None:
    with contextlib.suppress(RayError):
        await handle.wait_for_end.remote()

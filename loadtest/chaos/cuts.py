"""The faults that part two processes: both live, and neither hears the other for a while.

Kept: a cut is over when its fault is, however the run ends (`loadtest.chaos.partition`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from loadtest.chaos.partition import cut, why_not
from loadtest.chaos.scene import Fault, Scene

#: Some end before the lease of a host (3 s) does, some well after it.
CUT_S: Final = (0.5, 5.5)


async def part(scene: Scene, first: str, second: str, *, one_way: bool = False) -> Fault:
    """Cut what is between two parts, or only what the first says to the second."""
    pids = await scene.processes.find(first), await scene.processes.find(second)
    seconds = scene.random.uniform(*CUT_S)
    async with cut(*pids, seconds, one_way=one_way):
        struck_at = scene.now()
        await asyncio.sleep(seconds)
    mark = "->" if one_way else "|"
    return Fault(f"{first} {pids[0]} {mark} {second} {pids[1]}", struck_at, seconds)


async def cut_store(scene: Scene) -> Fault:
    """A host cannot reach the store, nor the other way round; everybody else can reach both."""
    return await part(scene, "host", "store")


async def cut_gateway(scene: Scene) -> Fault:
    """A host that the supervisor and the store can reach cannot be reached by the gateway."""
    return await part(scene, "host", "gateway")


async def cut_supervisor(scene: Scene) -> Fault:
    """A host is given up by the supervisor while it serves the gateway and the store."""
    return await part(scene, "host", "supervisor")


async def cut_one_way(scene: Scene) -> Fault:
    """A host takes what the gateway sends and commits it, and its answers are lost."""
    return await part(scene, "host", "gateway", one_way=True)


def needs_cuts(scene: Scene) -> str:
    """Why nothing can be cut."""
    return why_not() if scene.access.runtime == "ray" else "the product runs in one process"


def needs_store_over_tcp(scene: Scene) -> str:
    """Why the store cannot be cut off."""
    if not scene.access.data_dir.name:
        return "the store is not embedded"
    if scene.access.store_url.startswith("unix://"):
        return "the store is reached over a Unix socket, which no network is in between of"
    return needs_cuts(scene)

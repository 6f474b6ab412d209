"""The faults: what each breaks, for how long, and why one cannot be made here.

Kept: whatever a fault stopped, filled or held goes on when the fault is over, however the run ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from loadtest.chaos import cuts, store_access
from loadtest.chaos.clocks import needs_own_clocks, step_clock
from loadtest.chaos.processes import PROGRAMS, send_signal
from loadtest.chaos.scene import Fault, Kind, Scene

#: Longer than a lease (3 s) and its checks, shorter than an offer rings (20 s).
ZOMBIE_S: Final = (4.0, 5.5)
FREEZE_S: Final = (0.5, 3.0)
SLOW_FOR_S: Final = 3.0
#: A slowed store is stopped for most of each cycle: its answers take tens of milliseconds longer.
SLOW_STOP_S: Final = 0.06
SLOW_RUN_S: Final = 0.03
FULL_FOR_S: Final = (0.5, 2.0)
BALLAST: Final = "chaos-ballast"
#: Ray itself starts in 4 to 13 s, on a busy machine in much more.
RAY_ANEW_S: Final = 240.0
MEBIBYTE: Final = 1024 * 1024


async def kill(scene: Scene, part: str) -> Fault:
    """SIGKILL."""
    pid = await scene.processes.find(part)
    struck_at = scene.now()
    send_signal(pid, signal.SIGKILL)
    return Fault(f"{part} {pid}", struck_at)


async def kill_hosts(scene: Scene) -> Fault:
    """SIGKILL of every host at once, so that there is no spare to take over."""
    pids = await scene.processes.hosts()
    struck_at = scene.now()
    for pid in pids:
        send_signal(pid, signal.SIGKILL)
    return Fault(f"hosts {' '.join(map(str, pids))}", struck_at)


async def stop_for(pid: int, seconds: float) -> None:
    """SIGSTOP, a while, SIGCONT."""
    send_signal(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        send_signal(pid, signal.SIGCONT)


async def kill_adapter(scene: Scene) -> Fault:
    """The customers' adapter or the agents' dies and comes back, with another incarnation."""
    adapter = scene.random.choice((scene.traffic.customers, scene.traffic.desk))
    struck_at = scene.now()
    await adapter.die_and_return()
    return Fault(adapter.link.options.name, struck_at)


async def freeze_host(scene: Scene) -> Fault:
    """A host stands still beyond its lease, and then goes on with what it believed (a zombie)."""
    pid = await scene.processes.find("host")
    seconds = scene.random.uniform(*ZOMBIE_S)
    struck_at = scene.now()
    await stop_for(pid, seconds)
    return Fault(f"host {pid}", struck_at, seconds)


async def freeze_store(scene: Scene) -> Fault:
    """The store's process stands still."""
    pid = await scene.processes.find("store")
    seconds = scene.random.uniform(*FREEZE_S)
    struck_at = scene.now()
    await stop_for(pid, seconds)
    return Fault(f"store {pid}", struck_at, seconds)


async def pause_store(scene: Scene) -> Fault:
    """The store takes commands and answers none for a while (`CLIENT PAUSE`)."""
    seconds = scene.random.uniform(*FREEZE_S)
    struck_at = scene.now()
    await store_access.command(scene.access.store_url, "CLIENT", "PAUSE", str(int(seconds * 1000)), "ALL")
    await asyncio.sleep(seconds)
    return Fault("store", struck_at, seconds)


async def slow_store(scene: Scene) -> Fault:
    """The store answers late, again and again."""
    pid = await scene.processes.find("store")
    struck_at = scene.now()
    while scene.now() < struck_at + SLOW_FOR_S:
        await stop_for(pid, SLOW_STOP_S)
        await asyncio.sleep(SLOW_RUN_S)
    return Fault(f"store {pid}", struck_at, SLOW_FOR_S)


async def fill_disk(scene: Scene) -> Fault:
    """The store's disk is full; strict durability makes the server end rather than lie."""
    assert scene.small_disk is not None
    ballast = scene.small_disk / BALLAST
    seconds = scene.random.uniform(*FULL_FOR_S)
    struck_at = scene.now()
    try:
        await asyncio.to_thread(fill, ballast)
        await asyncio.sleep(seconds)
    finally:
        ballast.unlink(missing_ok=True)
    return Fault("store's disk", struck_at, scene.now() - struck_at)


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as output, suppress(OSError):
        for size in (MEBIBYTE, 4096, 1):
            with suppress(OSError):
                while True:
                    output.write(b"\0" * size)


def always(_: Scene) -> str:
    return ""


def needs_ray(scene: Scene) -> str:
    return "" if scene.access.runtime == "ray" else "the product runs in one process"


def needs_own_ray(scene: Scene) -> str:
    return "" if scene.processes.of_ray(PROGRAMS["raylet"]) else "the product did not start Ray itself"


def needs_embedded_store(scene: Scene) -> str:
    return "" if scene.access.data_dir.name else "the store is not embedded"


def needs_small_disk(scene: Scene) -> str:
    if scene.small_disk is None:
        return "a small file system can be mounted by root only, and for a product that this run starts"
    return ""


KINDS: Final = (
    Kind("host", "kill -9 of the host with most shards", partial(kill, part="host"), needs_ray, weight=8, on_whole=True),
    Kind("spare", "kill -9 of the host with fewest shards", partial(kill, part="spare"), needs_ray, weight=2),
    Kind("hosts", "kill -9 of every host at once", kill_hosts, needs_ray, weight=1),
    Kind("gateway", "kill -9 of the gateway that serves", partial(kill, part="gateway"), needs_ray, on_whole=True),
    Kind("supervisor", "kill -9 of the supervisor", partial(kill, part="supervisor"), needs_ray),
    Kind("store", "kill -9 of Valkey", partial(kill, part="store"), needs_embedded_store),
    Kind("adapter", "the load's own adapter dies and comes back", kill_adapter, always),
    Kind("zombie", "SIGSTOP of a host beyond its lease, then SIGCONT", freeze_host, needs_ray, on_whole=True),
    Kind("freeze-store", "SIGSTOP of Valkey, then SIGCONT", freeze_store, needs_embedded_store, weight=2),
    Kind("pause-store", "CLIENT PAUSE", pause_store, needs_embedded_store, weight=2),
    Kind("slow-store", "Valkey stopped for 60 ms of every 90", slow_store, needs_embedded_store, weight=2),
    Kind("disk-full", "no byte fits on the store's disk", fill_disk, needs_small_disk, weight=2),
    Kind("raylet", "kill -9 of Ray's raylet", partial(kill, part="raylet"), needs_own_ray, weight=1, flows_within_s=RAY_ANEW_S),
    Kind("gcs", "kill -9 of Ray's GCS", partial(kill, part="gcs"), needs_own_ray, weight=1, flows_within_s=RAY_ANEW_S),
    Kind("cut-store", "a host and Valkey are parted", cuts.cut_store, cuts.needs_store_over_tcp),
    Kind("cut-gateway", "a host and the gateway are parted", cuts.cut_gateway, cuts.needs_cuts),
    Kind("cut-supervisor", "a host and the supervisor are parted", cuts.cut_supervisor, cuts.needs_cuts, on_whole=True),
    Kind("cut-one-way", "what a host says to the gateway is lost, not what it hears", cuts.cut_one_way, cuts.needs_cuts),
    Kind("clock", "the clock of a host or of the gateway jumps", step_clock, needs_own_clocks),
)


def kind_names() -> list[str]:
    """Every kind by name."""
    return [kind.name for kind in KINDS]


def is_root() -> bool:
    """Whether a file system can be mounted."""
    return os.geteuid() == 0

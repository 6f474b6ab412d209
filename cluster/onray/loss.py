"""Notices that a Ray that was started here has lost a process of its own, and ends what is left of it.

Measured with Ray 2.60 on one machine: without its raylet, actors that run go on, and one that dies is never started
again; sixty seconds after the GCS died, every process of the Ray ends, the one that started it included. Neither comes
back by itself, so a Ray that lost one of the two is ended at once and another one is started.
"""

from __future__ import annotations

import asyncio
from typing import Any

import ray._private.worker as ray_worker

#: Ray's own names for the processes without which it cannot go on.
ESSENTIAL = ("gcs_server", "raylet")
LOOK_EVERY_S = 0.1


def lost_process() -> str:
    """Which of Ray's processes has died; empty if all live, or Ray was not started here."""
    node: Any = ray_worker._global_node
    if node is None:
        return ""
    # Looking also reaps: only then do Ray's workers see that their raylet is gone, and end.
    return next((str(kind) for kind, _ in node.dead_processes() if kind in ESSENTIAL), "")


async def until_lost() -> str:
    """Wait until one of them has died; returns its name."""
    while not (name := lost_process()):
        await asyncio.sleep(LOOK_EVERY_S)
    return name


def end_rest() -> None:
    """Kill Ray's other processes. Blocks for seconds; call it in a thread."""
    node: Any = ray_worker._global_node
    if node is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)

"""The fault `clock`: one process's clock jumps, forward or back, and stays there until it jumps again.

So the processes of a run disagree about the time more and more, by two minutes at most from the machine's.
"""

from __future__ import annotations

from typing import Final

from loadtest.chaos.scene import Fault, Scene
from loadtest.chaos.stepped_clock import clock_file, step
from loadtest.failures import ProductUnusable

#: How far from the machine's time a clock may be (ms).
FARTHEST_MS: Final = 120_000
PARTS: Final = ("host", "gateway")


async def step_clock(scene: Scene) -> Fault:
    """Step the clock of the busiest host or of the gateway that serves."""
    assert scene.clocks is not None
    part = scene.random.choice(PARTS)
    ahead_ms = scene.random.randint(-FARTHEST_MS, FARTHEST_MS)
    pid = await scene.processes.find(part)
    struck_at = scene.now()
    try:
        step(scene.clocks, pid, ahead_ms)
    except OSError as problem:
        raise ProductUnusable(f"the {part} {pid} does not read {clock_file(scene.clocks, pid)}: {problem}") from problem
    return Fault(f"{part} {pid} is {ahead_ms / 1000:+.0f} s off", struck_at)


def needs_own_clocks(scene: Scene) -> str:
    """Why no clock can be stepped."""
    return "" if scene.clocks is not None else "clocks are stepped in a product that this run starts only"

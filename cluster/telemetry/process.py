"""What the operating system and the event loop say of this process: memory, processor time, files, lateness.

Keeps: nothing is read unless it is asked for, but for the loop's lateness, which costs four wake-ups a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from cluster.telemetry.meter import Meter, Samples, sample
from cluster.telemetry.metrics import CPU_SECONDS, LOOP_LAG, OPEN_FILES, RESIDENT_BYTES

NAP_S = 0.25
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")
_FILES = Path("/proc/self/fd")


def process_samples() -> Samples:
    """The process's figures; memory and files only where `/proc` is."""
    used = os.times()
    found = [sample(CPU_SECONDS, used.user + used.system)]
    with contextlib.suppress(OSError, ValueError, IndexError):
        found.append(sample(RESIDENT_BYTES, int(_STATM.read_text().split()[1]) * _PAGE_BYTES))
        found.append(sample(OPEN_FILES, sum(1 for _ in _FILES.iterdir())))
    return found


class LoopLag:
    """Measures how late this event loop is, until stopped.

    A task of its own, started by who owns the process: in the simulator's virtual time nothing is ever late.
    """

    def __init__(self, meter: Meter) -> None:
        self._lag = meter.histogram(LOOP_LAG)
        self._task = asyncio.create_task(self._run(), name="loop-lag")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_at_s = loop.time() + NAP_S
            await asyncio.sleep(NAP_S)
            self._lag.observe(max(0.0, loop.time() - due_at_s))

    async def stop(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

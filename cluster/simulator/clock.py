"""Wall clocks of simulated processes: each may be wrong, and may jump."""

from __future__ import annotations

from typing import Final

from cluster.simulator.loop import VirtualLoop

#: What a right clock shows when a run begins: ms since the epoch.
BEGIN_AT: Final = 1_800_000_000_000


class WallClock:
    """One process's clock: the true time and an error. See `cluster.clock.Clock`."""

    __slots__ = ("_loop", "error_ms")

    def __init__(self, loop: VirtualLoop, error_ms: int = 0) -> None:
        self._loop = loop
        self.error_ms = error_ms

    def now_ms(self) -> int:
        return BEGIN_AT + int(self._loop.time() * 1000) + self.error_ms

"""Where the runtime gets the time: wall time in ms for what is stored, loop time for waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The wall clock. Shards never let it go back (`Shard.now`)."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

"""The wall clock, as the protocol tells instants."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000

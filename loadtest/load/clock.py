"""The clock of a generator: milliseconds since the epoch that never go back within a process.

Kept: processes of one machine agree to well under a millisecond, so one may subtract another's instants; the wall
clock is read once, so setting it does not bend a run.
"""

from __future__ import annotations

import time

_WALL_MS = time.time() * 1000
_STARTED = time.perf_counter()


def now_ms() -> float:
    """The present."""
    return _WALL_MS + (time.perf_counter() - _STARTED) * 1000

"""How fast one page may send: a token bucket that makes a flooding page wait instead of refusing it."""

from __future__ import annotations

import asyncio


class Pace:
    """Allows `burst` at once and `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = asyncio.get_running_loop().time()

    async def take(self) -> None:
        """Return when one more is due. Not reading meanwhile pushes back on the page through TCP."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s) - 1.0
        self._at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._per_s)

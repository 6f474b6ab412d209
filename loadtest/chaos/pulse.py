"""A clock that stands still while this process does, so that a pause of the machine is not taken for a fault's cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

BEAT_S: Final = 0.05
#: A loop that was not served for so long did not run; the longest turn of the load itself is far shorter.
STILL_S: Final = 0.5


class Pulse:
    """Seconds in which this process ran. Read it at least as often as the loop turns; `beat` sees to that."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        #: How long this process stood still so far.
        self.stood_still_s = 0.0

    def now(self) -> float:
        """The present, on this clock."""
        present = time.monotonic()
        if present - self._last > STILL_S:
            self.stood_still_s += present - self._last
        self._last = present
        return present - self.stood_still_s

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Do something, but no longer than so many seconds of this clock.

        Raises:
            TimeoutError: it was not done; it is cancelled.
        """
        give_up_at = self.now() + seconds
        task = asyncio.create_task(work)
        try:
            while not task.done():
                if self.now() > give_up_at:
                    raise TimeoutError
                await asyncio.wait({task}, timeout=BEAT_S)
            return task.result()
        finally:
            task.cancel()

    async def beat(self) -> None:
        """Look at the clock all the time; ends by being cancelled."""
        while True:
            self.now()
            await asyncio.sleep(BEAT_S)

"""Keeps the garbage collector from stopping a process in the middle of its work.

Reference counts free nearly everything at once; the collector is for cycles, which the runtime hardly makes. Left alone
it looked through the whole heap every second under load, for 60 to 170 ms each time (measured with 400 conversations),
and every offer waited for it.
"""

from __future__ import annotations

import asyncio
import gc

#: New objects before a young collection (3 ms), and how many of those more before the next generation's: all that were made
#: since the last one are looked at then, which with 20 times 10,000 took 130 ms at 10,000 conversations.
YOUNG, MIDDLE = 5_000, 1
#: Never by itself.
OLD = 1_000_000
FULL_EVERY_S = 600.0


def settle_heap() -> None:
    """What is there once a process is built lives as long as the process: do not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


async def collect_now_and_then() -> None:
    """Free what cycles hold, rarely; never returns."""
    while True:
        await asyncio.sleep(FULL_EVERY_S)
        gc.collect()

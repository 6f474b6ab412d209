"""Who goes first among those who wait.

Keeps: an order inside a queue never changes by itself, so a queue and the router can keep it sorted: with points gained
at one rate by all, whoever is ahead stays ahead. Only between queues, whose rates may differ, do scores depend on now.

Nobody starves in queues that age: someone `p` points behind the highest priority overtakes every arrival that comes
more than `p / ageing` hours after them, so at most those who arrived before that are served first.
"""

from __future__ import annotations

from typing import Final

HOUR_MS: Final = 3_600_000

#: (points lacked, before or after equal ones, interaction); least first.
Place = tuple[int, int, str]


def place(priority: int, ageing: int, lifo: bool, enqueued_at: int, interaction: str) -> Place:
    """Where an interaction stands in its queue.

    Args:
        priority: Points it came with.
        ageing: Points gained for each hour of waiting.
        lifo: Among equal points the newest goes first; with ageing there are hardly any equal ones.
        enqueued_at: Instant (ms since the epoch).
    """
    return (ageing * enqueued_at - priority * HOUR_MS, -enqueued_at if lifo else enqueued_at, interaction)


def lacked(priority: int, ageing: int, enqueued_at: int, now: int) -> int:
    """Minus the points that it has now, as comparable between queues (points times `HOUR_MS`)."""
    return ageing * (enqueued_at - now) - priority * HOUR_MS

"""What is to be done when: intended instants in order, each done as soon as the clock has reached it.

Kept: an action runs with the instant at which it was meant, however late it runs, so whatever it measures counts the
delay (no coordinated omission).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

Action = Callable[..., None]


class Agenda:
    """A heap of actions. Instants in ms since the epoch."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action, tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        #: How late the first action of the last `run` was; None if none was due.
        self.late_ms: float | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: float, action: Action, *arguments: Any) -> None:
        """Call `action(at, *arguments)` at this instant."""
        heapq.heappush(self._heap, (at, next(self._numbers), action, arguments))

    def run(self, now: float, most: int = 500) -> float | None:
        """Do what is due, at most so many; the next intended instant, None for none.

        With very much due at once the links must get a turn between, or they would fall silent for the whole backlog.
        """
        heap = self._heap
        self.late_ms = now - heap[0][0] if heap and heap[0][0] <= now else None
        while heap and heap[0][0] <= now and most:
            at, _, action, arguments = heapq.heappop(heap)
            action(at, *arguments)
            most -= 1
        return heap[0][0] if heap else None

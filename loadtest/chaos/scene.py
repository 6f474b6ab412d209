"""What a fault acts on, what it says of itself, and what a kind of fault is."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest.chaos.processes import Processes
from loadtest.chaos.traffic import Traffic
from loadtest.product import Access


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults act on."""

    access: Access
    processes: Processes
    traffic: Traffic
    random: random.Random
    #: Where the store's data lies when it has a file system of its own, which may be filled.
    small_disk: Path | None = None
    #: Where processes read how far their clocks are off, when the product was started so.
    clocks: Path | None = None

    def now(self) -> float:
        """Seconds on the clock that the load measures with."""
        return self.traffic.seen.pulse.now()


@dataclass(frozen=True, slots=True)
class Fault:
    """What happened to what, when (by the load's clock), and how long the fault itself lasted (s)."""

    what: str
    struck_at: float
    lasted_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault; `why_not` says why it cannot be made in a scene, empty when it can."""

    name: str
    text: str
    strike: Callable[[Scene], Awaitable[Fault]]
    why_not: Callable[[Scene], str]
    #: How often it is drawn, against the others.
    weight: int = 4
    #: Whether it waits until what earlier faults killed is there again: a host that dies when there is no spare, or nobody
    #: to notice, is another fault (`hosts`), with other costs.
    on_whole: bool = False
    #: How long the load may stand still afterwards.
    flows_within_s: float = 60.0

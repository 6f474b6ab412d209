"""The archiver in a simulated world: the product's own code, started, killed, and met by a medium that is full at times.

Keeps: its luck is its own, so it changes nothing of what else a seed does. How much the store keeps, and how long, is drawn so
that journals are trimmed all the time; with no time to settle, a store that loses its tail finds that tail archived.
"""

from __future__ import annotations

import asyncio
from random import Random

from cluster.archive.archiver import Archiver
from cluster.archive.base import ArchiveOptions
from cluster.archive.memory import MemoryArchive
from cluster.simulator.loop import Process
from cluster.simulator.plant import Plant
from cluster.simulator.store import SimStore

NAME = "archiver"
#: How long one life of it lasts, on average.
LIFE_S = 8.0


class Archivist:
    """One archive, and one archiver after another."""

    def __init__(self, plant: Plant, random: Random) -> None:
        self.archive = MemoryArchive()
        self.options = ArchiveOptions(
            keep_entries=random.choice((1, 1, 20)),
            segment_entries=random.choice((1, 4, 15)),
            segment_bytes=random.choice((1_000, 100_000)),
            settle_s=random.choice((0.0, 0.0, 3.0)),
            every_s=random.choice((0.5, 3.0)),
        )
        self._plant = plant
        self._random = random

    async def work(self, until: float) -> None:
        """Kill it now and then until the chaos is over; the last one goes on."""
        loop, random = self._plant.loop, self._random
        while True:
            process = Process(NAME)
            store = SimStore(self._plant.store, process, random)
            archiver: Archiver = process.context.run(Archiver, store, self.archive, self.options)
            process.context.run(archiver.start)
            pause_s = random.expovariate(1 / LIFE_S)
            if loop.time() + pause_s > until:
                break
            await asyncio.sleep(pause_s)
            loop.kill(process)
            self.archive.fails = random.random() < 0.2
        self.archive.fails = False

    def counts(self) -> dict[str, int]:
        """What became of it: entries that left the store, and segments that the store turned out to have lost."""
        return {"archived_entries": self.archive.entries, "segments_set_aside": self.archive.lost}

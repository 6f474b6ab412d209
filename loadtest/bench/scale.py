"""How the product does when very many are there: a burst, a steady stream, 50,000 live, 10,000 waiting.

Stages, each upon what the one before left behind:

live_1k       1,000 conversations that talk: processor time an event
routed        arrivals that are offered, accepted and ended, as fast as they go
burst         10,000 arrivals posted at once, until the last of them is on disk and offered; they stay
live_50k      the rest of 50,000: processor time an event, memory of hosts and store a conversation
waiting       50 agents who serve one at a time, 10,000 who wait for them: from an agent's end to their next offer
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from loadtest.bench.bench_world import World
from loadtest.bench.measures import percentile, throughput
from loadtest.bench.timed_gateway import forget_times, read_times
from loadtest.chaos.store_access import memory_bytes
from loadtest.load.processes import Processes

FEW: Final = 1_000
BURST: Final = 10_000
MANY: Final = 50_000
WAITING: Final = 10_000
MANY_AGENTS: Final = [f"many-{number:04d}" for number in range(1, 2_601)]
SINGLE_AGENTS: Final = [f"single-{number:02d}" for number in range(1, 51)]
IN_FLIGHT: Final = 2_000
#: Messages on their way while their cost is measured: fewer than `FEW`, so that at both sizes each of them meets another
#: conversation, and what is compared is the size and not how many of one conversation's messages share a turn.
COSTED_IN_FLIGHT: Final = 500
#: Conversations that are being connected while the many gather: more would be an overload, and some of them refused.
GATHER_IN_FLIGHT: Final = 200
#: Arrivals on their way at once while routing is measured: enough to keep every process busy.
#: At 400 an arrival would wait for longer than admission lets a host be behind (`admission.target_ms`), and be refused.
ROUTED_IN_FLIGHT: Final = 100
#: Agents who end a conversation in each second of the `waiting` stage.
FREED_PER_S: Final = 25
PATIENCE_S: Final = 90.0
#: Longer than a host must keep up until admission takes its overload for over (`admission.patience_s`).
CALM_S: Final = 12.0

Figures = dict[str, float]


class Scale:
    """The stages, on one world."""

    def __init__(self, world: World, tag: str, processes: Processes, store_url: str, seconds: float) -> None:
        self._world = world
        self._tag = tag
        self._processes = processes
        self._store_url = store_url
        self._seconds = seconds
        self._live: list[str] = []

    async def measure(self, times_file: Path | None) -> Figures:
        """Every stage's figures, by name."""
        self._show(f"{len(MANY_AGENTS)} agents come")
        await self._world.staff(MANY_AGENTS)
        figures: Figures = {}
        await self._gather(FEW)
        self._show(f"{FEW:,} live conversations talk")
        before_hosts, before_store = self._host_bytes(), await self._store_bytes()
        few_ms = await self._cpu_ms_per_event()
        self._show("arrivals are routed")
        figures["routed_arrivals_per_s"] = await self._routed()
        self._show(f"{BURST:,} arrive at once")
        figures |= await self._burst()
        self._show(f"{MANY:,} gather")
        await self._gather(MANY)
        grown = len(self._live) - FEW
        figures["host_bytes_per_session"] = (self._host_bytes() - before_hosts) / grown
        figures["store_bytes_per_session"] = (await self._store_bytes() - before_store) / grown
        self._show(f"{MANY:,} live conversations talk")
        many_ms = await self._cpu_ms_per_event()
        figures["cpu_ms_per_event_at_1k_sessions"] = few_ms
        figures["cpu_ms_per_event_at_50k_sessions"] = many_ms
        figures["cost_growth_1k_to_50k_sessions"] = many_ms / few_ms - 1
        self._show(f"{WAITING:,} wait for {len(SINGLE_AGENTS)} agents")
        return figures | await self._freed(times_file)

    async def _gather(self, until: int) -> None:
        """Open conversations until so many are connected, and let each customer write once."""
        world = self._world
        new = [f"webchat:many-{self._tag}-{number}" for number in range(len(self._live), until)]
        connected = len(world.talking)
        for number, conversation in enumerate(new, start=1):
            world.arrive(conversation, "many")
            await world.until_talking(connected + number - GATHER_IN_FLIGHT, PATIENCE_S)
        await world.until_talking(connected + len(new), PATIENCE_S)
        delivered = world.delivered
        for conversation in new:
            await world.customers.room(IN_FLIGHT)
            world.write(conversation, "first", "Hello, I have a question about my card.")
        await world.until_delivered(delivered + len(new), PATIENCE_S)
        self._live.extend(new)

    async def _cpu_ms_per_event(self) -> float:
        """Processor time of the whole product for each message, spread evenly over all conversations."""
        world, before, delivered = self._world, self._cpu_s(), self._world.delivered
        # Another order at each look, and the same in each run: neighbours in time are no neighbours by name.
        spread = random.Random(1).sample(self._live, len(self._live))  # noqa: S311  # no secret
        _, count = await throughput(
            world, spread, self._seconds, COSTED_IN_FLIGHT, lambda sent: world.until_delivered(delivered + sent, PATIENCE_S)
        )
        return (self._cpu_s() - before) * 1000 / count

    async def _routed(self) -> float:
        """Arrivals a second that are offered, accepted and ended, with `ROUTED_IN_FLIGHT` of them on their way."""
        world, numbers = self._world, itertools.count()
        world.offers.offered_ms.clear()
        world.ends_at_once = True
        started = time.perf_counter()
        opened = 0
        while time.perf_counter() - started < self._seconds:
            while opened - len(world.offers.offered_ms) < ROUTED_IN_FLIGHT:
                world.arrive(f"webchat:routed-{self._tag}-{next(numbers)}", "many")
                opened += 1
            await world.until_offered(opened - ROUTED_IN_FLIGHT + 1, PATIENCE_S)
        await world.until_offered(opened, PATIENCE_S)
        taken_s = time.perf_counter() - started
        await self._until_quiet()
        world.ends_at_once = False
        return opened / taken_s

    async def _burst(self) -> Figures:
        """Everybody at once: when the last one is on disk, and when the last one is offered."""
        world = self._world
        world.offers.offered_ms.clear()
        new = [f"webchat:burst-{self._tag}-{number}" for number in range(BURST)]
        expected = len(world.talking) + BURST
        started = time.perf_counter()
        last = 0
        for conversation in new:
            last = world.arrive(conversation, "many")
        await world.customers.settled(last, PATIENCE_S)
        on_disk_s = time.perf_counter() - started
        await world.until_offered(BURST, PATIENCE_S)
        decided_s = time.perf_counter() - started
        await world.until_talking(expected, PATIENCE_S)
        self._live.extend(new)
        await self._calm()
        return {"burst_10k_on_disk_s": on_disk_s, "burst_10k_decided_s": decided_s}

    async def _calm(self) -> None:
        """Let somebody write now and then until admission sees that the burst is over, and refuses nobody of the next stage."""
        world, until = self._world, time.perf_counter() + CALM_S
        for number in itertools.count():
            delivered = world.delivered
            world.write(self._live[0], f"calm-{number}", "Are you still there?")
            await world.until_delivered(delivered + 1, PATIENCE_S)
            if time.perf_counter() > until:
                return
            await asyncio.sleep(0.1)

    async def _freed(self, times_file: Path | None) -> Figures:
        """Milliseconds from the end of an agent's only conversation to the offer of one of the many who wait."""
        world = self._world
        await world.staff(SINGLE_AGENTS)
        world.talking.clear()  # From here on, those whom an agent serves alone.
        last = 0
        for number in range(WAITING + len(SINGLE_AGENTS)):
            await world.customers.room(GATHER_IN_FLIGHT)
            last = world.arrive(f"webchat:single-{self._tag}-{number}", "single")
        await world.customers.settled(last, PATIENCE_S)
        await world.until_talking(len(SINGLE_AGENTS), PATIENCE_S)
        if times_file is not None:
            forget_times(times_file)
        chosen = random.Random(2)  # noqa: S311  # no secret
        started, freed = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < self._seconds * 2:
            while freed < elapsed * FREED_PER_S and world.talking:
                world.end(chosen.choice(list(world.talking)))
                freed += 1
            await asyncio.sleep(0.002)
        if times_file is None:
            return {}
        async with asyncio.timeout(10.0):
            while len(taken := read_times(times_file, "freed")) < freed:
                await asyncio.sleep(0.05)
        return {
            "freed_agent_ms_p50_at_10k_waiting": percentile(taken, 0.5),
            "freed_agent_ms_p99_at_10k_waiting": percentile(taken, 0.99),
        }

    async def _until_quiet(self) -> None:
        """Wait until the desk's last word is settled."""
        await self._until(lambda: self._world.desk.in_flight == 0)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await asyncio.sleep(0.02)

    def _show(self, stage: str) -> None:
        """Say what is going on, as it takes minutes."""
        sys.stderr.write(f"{stage} …\n")

    def _cpu_s(self) -> float:
        return sum(used.cpu_s for used in self._processes.look().values())

    def _host_bytes(self) -> int:
        used = self._processes.look()
        return (used.get("host") or used["front"]).rss_bytes  # Without Ray, the one process is the host.

    async def _store_bytes(self) -> float:
        return float(await memory_bytes(self._store_url))

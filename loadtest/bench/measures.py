"""What is measured: throughput with a full window, offer latency at a steady rate, each from outside."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

from loadtest.bench.bench_world import World

TEXT = "I am still waiting on my card, can you tell me when it will arrive?"


def percentile(values: list[float], share: float) -> float:
    """The value below which this share (0 to 1) lies, by nearest rank; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def throughput(
    world: World, conversations: list[str], seconds: float, in_flight: int, finish: Callable[[int], Awaitable[None]]
) -> tuple[float, int]:
    """Messages a second with `in_flight` unacknowledged, from the first to the last one through.

    Args:
        finish: waits until this many messages more are through to the other side.

    Returns:
        Messages a second, and how many there were.
    """
    numbers = itertools.count(1)
    cycle = itertools.cycle(conversations)
    started = time.perf_counter()
    sent = 0
    while time.perf_counter() - started < seconds:
        await world.customers.room(in_flight)
        for _ in range(min(200, in_flight - world.customers.in_flight)):
            world.write(next(cycle), next(numbers), TEXT)
            sent += 1
        await asyncio.sleep(0)
    await finish(sent)
    return sent / (time.perf_counter() - started), sent


async def offer_latency(world: World, prefix: str, events_per_s: float, seconds: float, talkers: list[str]) -> list[float]:
    """Milliseconds from writing an arrival to reading its offer, at an open-loop rate of events.

    Each arrival makes three events (arrival, accept, end) and takes two fifths of the rate; messages in other
    conversations make the rest.
    """
    world.offers.offered_ms.clear()
    world.offers.opened_at.clear()
    world.ends_at_once = True
    arrivals = events_per_s * 0.4 / 3
    messages = events_per_s * 0.6
    opened = written = 0
    cycle = itertools.cycle(talkers)
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        while opened < elapsed * arrivals:
            opened += 1
            world.arrive(f"webchat:{prefix}-{opened}")
        while written < elapsed * messages:
            written += 1
            world.write(next(cycle), f"{prefix}-{written}", TEXT)
        await asyncio.sleep(0.001)
    await world.until_offered(opened)
    world.ends_at_once = False
    return list(world.offers.offered_ms)

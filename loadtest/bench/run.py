"""The benchmark's course: one product, one generator, every figure in one run.

ray_round_trip   bare Ray calls, before anything else runs
null_path        the same frames, gateway, batching, commit and way back, with an actor that only counts
chat             real conversations: customer's frame -> commit -> agent's frame
offer            arrival -> session -> queue -> router -> agent -> offer, at 100 and at 1,000 events/s
scale            see `loadtest.bench.scale`
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToDict

from loadtest.bench.bench_world import World
from loadtest.bench.measures import offer_latency, percentile, throughput
from loadtest.bench.scale import Scale
from loadtest.bench.timed_gateway import forget_times, read_times
from loadtest.load.processes import Processes
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc

AGENTS = [f"bench-{number:02d}" for number in range(1, 41)]
CONVERSATIONS = 400
IN_FLIGHT = 2_000
#: The gateway's view of other processes' counters is up to a second old.
STATUS_AGE_S = 1.3

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Options:
    """How long to measure each thing."""

    throughput_s: float = 10.0
    offers_s: float = 15.0
    #: Where the product's Ray is; empty if it runs without.
    ray_address: str = ""
    #: Where the gateway writes how long each offer took; without it the generator's own times count.
    times_file: Path | None = None
    #: The product's front process, under which all others are.
    pid: int = 0
    store_url: str = ""
    #: What processes that attach to it must have in their environment.
    environment: dict[str, str] = field(default_factory=dict)


async def measure(target: str, tokens: dict[str, str], options: Options) -> Figures:
    """All figures, by name."""
    figures: Figures = {}
    if options.ray_address:
        figures |= await ray_round_trip(options.ray_address, options.environment)
    channel = grpc.aio.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])
    async with channel:
        world = World(channel, tokens)
        await world.open()
        await world.staff(AGENTS)
        try:
            figures |= await _measure_in(world, partial(calls_made, channel, tokens["admin"]), options)
        finally:
            await world.close()
    return figures | ratios(figures)


async def _measure_in(world: World, calls: Callable[[], Awaitable[float]], options: Options) -> Figures:
    tag = f"{time.time_ns() // 1_000_000:x}"
    chats = [f"webchat:bench-{tag}-{number}" for number in range(CONVERSATIONS)]
    nulls = [f"null:bench-{tag}-{number}" for number in range(CONVERSATIONS)]
    for conversation in chats:
        world.arrive(conversation)
    await world.until_talking(len(chats))
    last = 0
    for conversation in nulls:
        last = world.arrive(conversation)
    await world.customers.settled(last)
    figures: Figures = {}
    echoed = world.echoed
    rate, _ = await throughput(world, nulls, options.throughput_s, IN_FLIGHT, lambda n: world.until_echoed(echoed + n))
    figures["null_path_events_per_s"] = rate
    calls_before, delivered = await calls(), world.delivered
    rate, count = await throughput(
        world, chats, options.throughput_s, IN_FLIGHT, lambda n: world.until_delivered(delivered + n)
    )
    figures["chat_events_per_s"] = rate
    if options.ray_address:
        figures["ray_calls_per_event"] = (await calls() - calls_before) / count
    if options.times_file is not None:
        forget_times(options.times_file)  # Those of the conversations above.
    for events_per_s in (100, 1_000):
        seen = await offer_latency(world, f"offer-{tag}-{events_per_s}", events_per_s, options.offers_s, chats)
        offered = await _timed(options.times_file, len(seen)) if options.times_file is not None else seen
        figures[f"offer_seen_ms_p99_at_{events_per_s}"] = percentile(seen, 0.99)
        figures[f"offer_ms_p50_at_{events_per_s}"] = percentile(offered, 0.5)
        figures[f"offer_ms_p99_at_{events_per_s}"] = percentile(offered, 0.99)
    processes = Processes(options.pid, ())
    return figures | await Scale(world, tag, processes, options.store_url, options.throughput_s).measure(options.times_file)


async def _timed(path: Path, count: int) -> list[float]:
    """The gateway's own times of the last `count` offers, once it has written them."""
    async with asyncio.timeout(10.0):
        while len(taken := read_times(path, "offer")) < count:
            await asyncio.sleep(0.05)
    forget_times(path)
    return taken


def ratios(figures: Figures) -> Figures:
    """What the figures are to each other: true of the machine whatever its speed."""
    found = {"chat_share_of_null_path": figures["chat_events_per_s"] / figures["null_path_events_per_s"]}
    round_trip = figures.get("ray_round_trip_ms_p50")
    if round_trip:
        found["offer_p99_at_1000_in_ray_round_trips"] = figures["offer_ms_p99_at_1000"] / round_trip
        # Slow ones against slow ones: what a shared machine does to one it does to the other.
        found["offer_p99_at_1000_in_ray_round_trips_p99"] = figures["offer_ms_p99_at_1000"] / figures["ray_round_trip_ms_p99"]
    return found


async def calls_made(channel: grpc.aio.Channel, token: str) -> float:
    """Calls between the cluster's processes so far."""
    await asyncio.sleep(STATUS_AGE_S)
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    answer = await stub.Status(admin_pb2.StatusRequest(), metadata=(("authorization", f"Bearer {token}"),))
    cluster = MessageToDict(answer.cluster)
    return float(cluster["calls"]) + sum(float(host.get("calls", 0)) for host in cluster["hosts"].values())


async def ray_round_trip(address: str, environment: dict[str, str]) -> Figures:
    """Bare Ray calls on the product's own Ray, from a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cluster.onray.round_trip", address, stdout=asyncio.subprocess.PIPE, env=environment
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the Ray round trip could not be measured: status {process.returncode}")
    taken = json.loads(output.splitlines()[-1])
    return {"ray_round_trip_ms_p50": percentile(taken, 0.5), "ray_round_trip_ms_p99": percentile(taken, 0.99)}

"""Runs seeds: one, or many over several processes; every run is a function of its seed and the code."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

from actors.address import Address, ShardId
from cluster.archive.history import ArchivedStore
from cluster.catalogue import load_catalogue
from cluster.invariants.checker import Checker
from cluster.invariants.entries import Entry
from cluster.simulator.logbook import Logbook
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.options import SimulationOptions, drawn
from cluster.simulator.transcripts import Transcripts
from cluster.simulator.world import World
from cluster.store.base import Store

T = TypeVar("T")

#: A full collection costs as much as a tenth of a run, so it waits for this many.
COLLECT_EVERY = 8
#: Journal entries read at once.
PAGE = 1_000
#: The virtual time when every run must be over; faults last for 45 s at most, and the calm after them for 90 s.
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What one run came to. `journal_digest` names all that was ever committed, byte for byte."""

    seed: int
    violations: tuple[str, ...]
    counts: dict[str, int]
    journal_digest: str
    took_s: float
    story: tuple[str, ...] = field(default=())


def simulate(seed: int, options: SimulationOptions | None = None) -> SimulationResult:
    """Run one seed and judge it."""
    options = options or SimulationOptions()
    begun = time.perf_counter()
    collecting = gc.isenabled()
    gc.disable()
    try:
        world = play(seed, options)
        violations, counts, digest = _judge(world)
    finally:
        if collecting:
            gc.enable()
    loop, scale = world.loop, world.scale
    counts |= {"virtual_ms": int(loop.time() * 1000), "steps": loop.steps, "literal": int(scale.literal), "lax": int(scale.lax)}
    counts |= world.archivist.counts()
    counts |= {f"fault_{name}": count for name, count in world.faults.counts.items()}
    story = tuple(world.faults.story) if options.trace or violations else ()
    return SimulationResult(seed, tuple(violations), counts, digest, time.perf_counter() - begun, story)


def play(seed: int, options: SimulationOptions) -> World:
    """Run one seed to its end, without judging it."""
    with Logbook() as logbook:
        world = World(VirtualLoop(), seed, drawn(seed, options), load_catalogue())
        try:
            world.loop.run(world.run(), limit_s=LIMIT_S)
        except TimeoutError as problem:
            world.oracle.violations.append(f"liveness: {problem}")
    world.oracle.evidence.logs.append(logbook.text)
    world.loop.failures += logbook.defects
    return world


def _judge(world: World) -> tuple[list[str], dict[str, int], str]:
    memory, oracle = world.plant.store.memory, world.oracle
    memory.faults = None
    oracle.evidence.settled = True
    checker, transcripts, digest = Checker(oracle.evidence), Transcripts(), hashlib.sha256()
    history = ArchivedStore(memory, world.archivist.archive)

    def read(shard: ShardId, number: int, content: bytes, entry: Entry | None) -> None:
        digest.update(b"%s %d %d\n" % (shard.encode(), number, len(content)))
        digest.update(content)
        if entry is not None:
            transcripts.feed(entry)

    feed(checker, memory, world.shard_times, history, read)
    report = checker.finish(oracle.now_ms)
    oracle.judge(transcripts, world.customers)
    found = [f"{v.invariant} {v.subject}: {v.explanation}" for v in report.violations]
    found += [f"E2E {what}" for what in dict.fromkeys(oracle.violations)]
    found += [f"DEFECT {what}" for what in dict.fromkeys(world.loop.failures)]
    return found, dict(report.counts), digest.hexdigest()


def feed(
    checker: Checker,
    memory: Store,
    shard_times: Mapping[ShardId, int],
    history: Store | None = None,
    read: Callable[[ShardId, int, bytes, Entry | None], None] = lambda *_: None,
) -> None:
    """Show a checker everything that a store holds.

    Args:
        memory: a store whose operations never wait.
        shard_times: what time it is for each shard that runs (ms).
        history: where the journals are, if not all in `memory`.
        read: is given each entry too, as it is stored and decoded.
    """
    for shard in finish(memory.shards()):
        for number, content in _journal(history or memory, shard):
            entry = checker.decode(shard, content)
            if entry is not None:
                checker.feed_entry(shard, entry)
            read(shard, number, content, entry)
        image = finish(memory.describe(shard))
        checker.stored(image, shard_times.get(shard, image.now))
        live = sorted(image.live)
        for address, records in zip(live, finish(memory.load(shard, live)), strict=True):
            checker.stored_records(shard, Address(address), records)


def _journal(history: Store, shard: ShardId) -> Iterator[tuple[int, bytes]]:
    """All that was ever committed, wherever it is now."""
    after = 0
    while page := finish(history.journal(shard, after, PAGE)):
        yield from page
        after = page[-1][0]


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never waits: the memory store's operations."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a coroutine returns, StopIteration carries untyped
    raise RuntimeError("an operation of the memory store waited for something")


def run_seeds(seeds: Iterable[int], options: SimulationOptions | None = None, processes: int = 2) -> Iterator[SimulationResult]:
    """Run many seeds, each result as soon as it and all before it are there.

    The processes are new ones: a fork would inherit the locks of whatever threads the caller has (gRPC, Ray) and hang.
    """
    run = partial(simulate, options=options or SimulationOptions())
    if processes <= 1:
        for count, seed in enumerate(seeds, 1):
            yield run(seed)
            if not count % COLLECT_EVERY:
                gc.collect()
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_settle_in) as pool:
        yield from pool.map(run, seeds, chunksize=COLLECT_EVERY)


def _settle_in() -> None:
    """Imports live for ever, so the collector need not look at them again."""
    gc.collect()
    gc.freeze()

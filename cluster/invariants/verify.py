"""Judges a whole store, running or at rest: what `trunkline verify` does.

Journals are read in pages and merged by time, so memory follows the live state and not the length of the past; where the
store is one with an archive (`cluster.archive.history`) they begin where they began. A store
that is being written to is judged at a consistent cut: when one shard was read further than the shards that it heard
from, those are read on, entry by entry, until every message received has its sending.

Keeps: a journal is read by the store's numbering, each entry once. What an entry says of itself may be wrong, which is for
the checker to find, and must not make reading go back.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator
from typing import Final

from actors.address import Address, ShardId
from cluster.invariants.checker import DEFAULT_BOUNDS, Bounds, Checker
from cluster.invariants.entries import Entry
from cluster.invariants.evidence import Evidence
from cluster.invariants.report import Report
from cluster.store.base import Store

#: Journal entries in memory at once, over all shards.
BUFFERED: Final = 4_000
#: Actors loaded at once.
LOADED: Final = 200
#: Shard -> the last journal entry that was read.
Read = dict[ShardId, int]
#: How often an actor that keeps changing is loaded again before it is left out.
ROUNDS: Final = 20


async def verify_store(
    store: Store, evidence: Evidence | None = None, bounds: Bounds = DEFAULT_BOUNDS, now: int | None = None
) -> Report:
    """Check I1 to I15 over every shard of a store.

    Args:
        store: Read only; it may be in use.
        evidence: What was seen outside, if anything was observed.
        bounds: Times allowed by I7 and I8.
        now: The present (ms since the epoch); only a settled centre is judged by it.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    checker = Checker(evidence, bounds)
    shards = await store.shards()
    read: Read = {}
    await _read_journals(store, checker, shards, read)
    for shard in shards:
        await _compare(store, checker, shard, read, now)
    await _catch_up(store, checker, read)
    return checker.finish(now)


async def _read_journals(store: Store, checker: Checker, shards: list[ShardId], read: Read) -> None:
    """Feed all shards up to where each stands now, oldest commit first."""
    page = max(20, BUFFERED // max(1, len(shards)))
    streams = {}
    for shard, (first, last) in zip(shards, await store.journal_spans(shards), strict=True):
        # What was before a gap has no sequel, so it is not judged.
        read[shard] = max(0, first - 1)
        streams[shard] = _entries(store, checker, shard, read, last, page)
    heads: list[tuple[int, ShardId, Entry]] = []

    async def advance(shard: ShardId) -> None:
        entry = await anext(streams[shard], None)
        if entry is not None:
            heapq.heappush(heads, (entry.now, shard, entry))

    for shard in shards:
        await advance(shard)
    while heads:
        _, shard, entry = heapq.heappop(heads)
        checker.feed_entry(shard, entry)
        await advance(shard)


async def _entries(store: Store, checker: Checker, shard: ShardId, read: Read, last: int, page: int) -> AsyncIterator[Entry]:
    """Entries from where on nothing is missing."""
    while read[shard] < last:
        contents = await store.journal(shard, read[shard], page)
        if not contents:
            return
        for number, content in contents:
            if number > last:
                return
            read[shard] = number
            entry = checker.decode(shard, content)
            if entry is None:
                checker.commits.skip(shard)
            else:
                yield entry


async def _advance(store: Store, checker: Checker, shard: ShardId, read: Read, last: int | None = None) -> set[str]:
    """Feed a shard further, to commit `last` or to its end.

    Returns:
        The actors that changed on the way.
    """
    changed: set[str] = set()
    while last is None or read.get(shard, 0) < last:
        contents = await store.journal(shard, read.get(shard, 0), LOADED)
        if not contents:
            break
        for number, content in contents:
            if last is not None and number > last:
                return changed
            read[shard] = number
            entry = checker.decode(shard, content)
            if entry is None:
                checker.commits.skip(shard)
            else:
                changed.update(change.address for change in entry.changes)
                checker.feed_entry(shard, entry)
    return changed


async def _compare(store: Store, checker: Checker, shard: ShardId, read: Read, now: int | None) -> None:
    """Hold the stored state of one shard against its journal's replay, while it may be changing."""
    image = await store.describe(shard)
    await _advance(store, checker, shard, read, image.last_commit)
    checker.stored(image, now)
    left: list[Address] = list(image.live)
    for _ in range(ROUNDS):
        again: list[Address] = []
        for start in range(0, len(left), LOADED):
            addresses = left[start : start + LOADED]
            stored = await store.load(shard, addresses)
            # Whatever is loaded is no newer than the journal read after it.
            changed = await _advance(store, checker, shard, read)
            again += [address for address in addresses if address in changed]
            for address, records in zip(addresses, stored, strict=True):
                if address not in changed:
                    checker.stored_records(shard, address, records)
        left = again
        if not left:
            return
    checker.findings.judged_in_part("I10", f"shard {shard}: {len(left)} actors kept changing and were not compared")


async def _catch_up(store: Store, checker: Checker, read: Read) -> None:
    """Read on where another shard already received what was sent later, until the cut is consistent."""
    stuck: set[tuple[str, str, int]] = set()
    while wanted := [need for need in checker.commits.ahead() if need not in stuck]:
        for source, target, mark in wanted:
            state, stream = checker.commits.shards[source], checker.commits.shards[target].stream
            while state.sent.get(stream, 0) < mark:
                shard = ShardId(source)
                contents = await store.journal(shard, read.get(shard, 0), 1)
                if not contents:
                    stuck.add((source, target, mark))
                    break
                [(read[shard], content)] = contents
                checker.feed(source, content)

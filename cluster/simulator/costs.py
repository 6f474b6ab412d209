"""`trunkline simulate costs`: what the parts cost where a wall is expected, each alone, in processor time of this machine.

Domain: `cluster.simulator.domain_cost`. Table: planning and telling who runs what. Call: one between two processes over a
direct connection, both ends. Store: what one embedded server takes of pipelined commits, each on disk before its reply.

Keeps: figures are of the product's own code; nothing is judged, because a machine's speed is not the product's.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actors.address import Address, Placement, ShardId
from cluster.codec import encode
from cluster.onray.direct import Listener, connect
from cluster.simulator.domain_cost import DomainCost, domain_costs
from cluster.simulator.logbook import Logbook
from cluster.store.base import ActorWrite, Commit, Store
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer
from cluster.store.redis import RedisStore
from cluster.supervisor.plan import plan
from cluster.wire import Placed, ShardTable, table_decoder

#: About what a chat event brings to the store in all, in two commits (`trunkline simulate scale`).
COMMIT_BYTES = 500
CONNECTIONS = 4
REPEATS = 5


@dataclass(frozen=True, slots=True)
class TableCost:
    """One size of shard table, and what a change of it costs the supervisor once (ms)."""

    shards: int
    hosts: int
    first_plan_ms: float
    death_plan_ms: float
    join_plan_ms: float
    encode_ms: float
    decode_ms: float
    table_bytes: int


@dataclass(frozen=True, slots=True)
class CallCost:
    """Processor time of one call with a payload of this size, its two ends together."""

    payload_bytes: int
    us: float


@dataclass(frozen=True, slots=True)
class StoreCost:
    """What one server took, with so many commits in each pipeline over `CONNECTIONS` connections."""

    pipelined: int
    commits_per_s: float
    mb_per_s: float
    #: Of one core, by the server: commits_per_s over this is what it would take with a core to itself.
    server_cores: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Everything that was measured."""

    domain: list[DomainCost]
    table: list[TableCost]
    call: list[CallCost]
    store: list[StoreCost]


def measure_costs(agents: tuple[int, ...], waiting: tuple[int, ...], seconds: float) -> Costs:
    """Measure all of it.

    Args:
        agents, waiting: sizes of the routing domain.
        seconds: for how long commits are made, for each size of pipeline.
    """
    return Costs(
        domain=[cost for count in agents for cost in domain_costs(count, waiting)],
        table=[table_cost(1_024, 32), table_cost(4_096, 200)],
        call=asyncio.run(call_costs((100, 10_000))),
        store=asyncio.run(store_costs((1, 8, 64), seconds)),
    )


def table_cost(shards: int, hosts: int) -> TableCost:
    """Plan from nothing, after a death and after a join; then tell."""
    ids = Placement(shards).hashed_shards()
    names = [f"host-{number}" for number in range(1, hosts + 1)]
    placed = plan(ids, {}, names)
    table = ShardTable(1, {shard: Placed(host, 1) for shard, host in placed.items()}, dict.fromkeys(names, "1"), [])
    payload = encode(table)
    return TableCost(
        shards,
        hosts,
        _ms(lambda: plan(ids, {}, names)),
        _ms(lambda: plan(ids, placed, names[1:])),
        _ms(lambda: plan(ids, placed, [*names, "host-new"])),
        _ms(lambda: encode(table)),
        _ms(lambda: table_decoder.decode(payload)),
        len(payload),
    )


def _ms(act: Callable[[], object]) -> float:
    """Processor time of the fastest of some runs."""
    taken: list[float] = []
    for _ in range(REPEATS):
        begun_s = time.thread_time()
        act()
        taken.append(time.thread_time() - begun_s)
    return round(1000 * min(taken), 3)


async def call_costs(sizes: tuple[int, ...], calls: int = 3_000) -> list[CallCost]:
    """Call a listener in this very process, so that its processor time is that of both ends."""

    async def answer(_: str, payload: bytes) -> bytes:
        return b""

    listener = Listener(answer)
    connection = await connect("peer", await listener.address("127.0.0.1"))
    found: list[CallCost] = []
    for size in sizes:
        payload = bytes(size)
        begun_s = time.process_time()
        for _ in range(calls):
            await connection.call("deliver", payload)
        found.append(CallCost(size, round(1e6 * (time.process_time() - begun_s) / calls, 1)))
    connection.close()
    listener.close()
    return found


async def store_costs(sizes: tuple[int, ...], seconds: float) -> list[StoreCost]:
    """Start a server of one's own and commit to it over several connections at once."""
    with tempfile.TemporaryDirectory() as directory, Logbook():
        server = EmbeddedServer(EmbeddedOptions(Path(directory)))
        url = await server.start()
        stores = [RedisStore(url) for _ in range(CONNECTIONS)]
        try:
            found: list[StoreCost] = []
            for size in sizes:
                found.append(await _committed(stores, server, size, seconds, epoch=len(found) + 1))
            return found
        finally:
            for store in stores:
                await store.close()
            await server.stop()


async def _committed(stores: list[RedisStore], server: EmbeddedServer, size: int, seconds: float, epoch: int) -> StoreCost:
    """Each connection has shards of its own, and the next pipeline under way as soon as the one before is answered."""
    cpu_s, begun_s = _cpu_s(server.pid), time.perf_counter()
    until_s = begun_s + seconds
    counts = await asyncio.gather(*(_commit(store, part, size, epoch, until_s) for part, store in enumerate(stores)))
    passed_s = time.perf_counter() - begun_s
    rate = sum(counts) / passed_s
    return StoreCost(
        size, round(rate, 1), round(rate * COMMIT_BYTES / 1e6, 2), round((_cpu_s(server.pid) - cpu_s) / passed_s, 3)
    )


async def _commit(store: Store, part: int, size: int, epoch: int, until_s: float) -> int:
    shards = [ShardId(str(part * 1_000 + number)) for number in range(size)]
    last = [(await store.claim(shard, epoch)).last_commit for shard in shards]
    number = 0
    while time.perf_counter() < until_s:
        number += 1
        writes = {Address(f"session/c{number % 100}"): ActorWrite({"state": bytes(COMMIT_BYTES // 2)})}
        await store.commit(
            [
                Commit(shard, epoch, before + number, number, bytes(COMMIT_BYTES // 2), writes)
                for shard, before in zip(shards, last, strict=True)
            ]
        )
    return number * size


def _cpu_s(pid: int | None) -> float:
    """Processor time of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def in_words(costs: Costs) -> str:
    """The figures for people."""
    lines = ["one routing domain's shard: processor time of one routed arrival"]
    lines += [
        f"  {c.agents:>7,} agents {c.waiting:>8,} waiting {c.us_per_arrival:9.1f} us {c.arrivals_per_s:>9,.0f}/s a core"
        for c in costs.domain
    ]
    lines.append("shard table: processor time of one change")
    lines += [
        f"  {c.shards:,} shards on {c.hosts} hosts: plan {c.first_plan_ms} ms at first, {c.death_plan_ms} ms after a death, "
        f"{c.join_plan_ms} ms after a join; encode {c.encode_ms} ms, decode {c.decode_ms} ms, {c.table_bytes:,} bytes"
        for c in costs.table
    ]
    lines.append("a call between processes, both ends")
    lines += [f"  {c.payload_bytes:>7,} bytes {c.us:9.1f} us" for c in costs.call]
    lines.append(f"one store, every commit on disk, {CONNECTIONS} connections, {COMMIT_BYTES} bytes a commit")
    lines += [
        f"  {c.pipelined:>3} in a pipeline {c.commits_per_s:>9,.0f} commits/s {c.mb_per_s:7.2f} MB/s, "
        f"server {c.server_cores:.2f} cores"
        for c in costs.store
    ]
    return "\n".join(lines)

"""A pinned actor's host is started when it is wanted, ended when nothing is left of it, and never while it is needed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from actors.address import Address, Placement, ShardId
from actors.messages.centre import QueueConfig
from actors.messages.queue import ConfigureQueue, QueueCounters, ReadQueue
from cluster.catalogue import load_catalogue
from cluster.codec import raw
from cluster.edge import Edge
from cluster.errors import PeerGone
from cluster.host.host import HostOptions
from cluster.local import LocalCluster
from cluster.store import connect
from cluster.supervisor.supervisor import Supervisor, SupervisorOptions
from cluster.wire import Parcel

QUEUE = Address("queue/cards")
HOST = "pin:queue/cards"
OPTIONS = SupervisorOptions(hosts=1, spares=0, check_every_s=0.002)
#: Idle as soon as a slow machine would have brought what is on its way.
SOON = HostOptions(retire_after_ms=300, upkeep_every_s=0.01)

pytestmark = pytest.mark.timeout(20)


class Counting(LocalCluster):
    """A cluster that counts how often each host was started and ended."""

    def __init__(self) -> None:
        placement = Placement(1, ("queue",))
        super().__init__(connect("memory:", "test"), load_catalogue(()), placement, options=OPTIONS, host_options=SOON)
        self.starts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    async def start_host(self, name: str) -> None:
        self.starts[name] += name not in self.hosts
        await super().start_host(name)

    async def stop_host(self, name: str) -> None:
        self.ends[name] += 1
        await super().stop_host(name)

    @property
    def deciding(self) -> Supervisor:
        assert self.supervisor is not None
        return self.supervisor


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[Counting, Edge]]:
    """A running cluster whose queues are pinned, and an edge to ask them."""
    running = Counting()
    async with running:
        yield running, running.start_edge("edge")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def configure(edge: Edge) -> None:
    """Give the queue something to keep."""
    message = ConfigureQueue(1, QueueConfig("Cards"))
    edge.dispatch.send(Parcel("l:test:1", 1, QUEUE, raw(message)))


def is_configured(running: Counting) -> bool:
    host = running.hosts.get(HOST)
    return host is not None and any(shard.live for shard in host.shards.values())


async def long_after(running: Counting) -> None:
    """Twice as long as an idle host lives, with a report at the end."""
    later = running.clock.now_ms() + 2 * SOON.retire_after_ms
    reports = running.deciding._alive
    await until(lambda: running.clock.now_ms() > later)
    last = reports.get(HOST)
    await until(lambda: HOST not in reports or reports[HOST] is not last)


async def test_an_idle_host_ends_and_comes_back() -> None:
    """An actor without state costs no process once it has answered, and answers again from a new one."""
    async with cluster() as (running, edge):
        for asked in (1, 2):
            answer = await edge.ask(QUEUE, ReadQueue())
            assert isinstance(answer, QueueCounters)
            assert asked == running.starts[HOST], "a process for this actor alone"
            await until(lambda asked=asked: running.ends[HOST] == asked)  # type: ignore[misc]


async def test_a_host_with_state_stays() -> None:
    """An actor that has something stored keeps its process, however long nothing happens."""
    async with cluster() as (running, edge):
        configure(edge)
        await until(lambda: is_configured(running))
        await long_after(running)
        assert (1, 0) == (running.starts[HOST], running.ends[HOST]), "asked several times, it was idle and needed"


async def test_a_host_that_waits_for_its_shard_is_not_ended() -> None:
    """A host is idle until it is given its shard; taking that for the end would end every host of a busy machine."""
    async with cluster() as (running, edge):
        supervisor = running.deciding
        async with supervisor._deciding:
            configure(edge)
            # One waits to place the shard, the other to end a host that has none.
            await until(lambda: len(supervisor._deciding._waiters or ()) >= 2)
        await until(lambda: is_configured(running))
        await long_after(running)
        assert (1, 0) == (running.starts[HOST], running.ends[HOST]), "it was needed all the time"


async def test_many_hosts_are_placed_with_few_tables() -> None:
    """Hosts that come up together are given their shards together: every table goes to every process."""
    async with cluster() as (running, edge):
        supervisor = running.deciding
        before = supervisor._table.version
        queues = [Address(f"queue/q{number}") for number in range(20)]
        async with supervisor._deciding:
            asking = [asyncio.create_task(edge.ask(queue, ReadQueue())) for queue in queues]
            await until(lambda: len(supervisor._to_place) == len(queues))
        await until(lambda: all(ShardId(queue) in supervisor._table.shards or running.ends for queue in queues))
        placed_with = supervisor._table.version - before
        await asyncio.gather(*asking)
        assert placed_with <= 3, "one table for all of them, and perhaps others of the moment"


async def test_an_idle_host_that_let_go_of_its_shard_is_given_it_again() -> None:
    """A host without its shard, as after a restart of the store, is idle; its actor must answer again all the same."""
    async with cluster() as (running, edge):
        configure(edge)
        await until(lambda: is_configured(running))
        supervisor, shard = running.deciding, ShardId(QUEUE)
        await long_after(running)
        epoch = supervisor._table.shards[shard].epoch
        running.hosts[HOST]._drop(shard, "store restarted")
        await until(lambda: supervisor._table.shards[shard].epoch > epoch)
        assert isinstance(await edge.ask(QUEUE, ReadQueue()), QueueCounters)
        assert (1, 0) == (running.starts[HOST], running.ends[HOST]), "its actor has something stored"


async def test_who_asks_a_superseded_supervisor_is_sent_away() -> None:
    """It can place nothing any more, and must say so: a gateway that waits for it does not ask its successor."""
    async with cluster() as (running, _):
        superseded = running.deciding
        await running.start_supervisor()
        with pytest.raises(PeerGone, match="another supervisor"):
            await superseded.locate(QUEUE.encode())
        assert QUEUE.encode() in await running.deciding.locate(QUEUE.encode()), "its successor places the shard"


async def test_work_that_came_while_a_host_was_ending_is_done() -> None:
    """What was committed between the report of idleness and the end stays placed, under a new epoch."""
    async with cluster() as (running, edge):
        await edge.ask(QUEUE, ReadQueue())
        supervisor = running.deciding
        async with supervisor._deciding:
            await until(lambda: supervisor._alive[HOST].idle and HOST in supervisor._checks)
            epoch = supervisor._table.shards[ShardId(QUEUE)].epoch
            configure(edge)
            await until(lambda: is_configured(running))
        await until(lambda: supervisor._table.shards[ShardId(QUEUE)].epoch > epoch)
        assert isinstance(await edge.ask(QUEUE, ReadQueue()), QueueCounters)
        assert 0 == running.ends[HOST], "it had become busy"

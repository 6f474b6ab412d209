"""The supervisor's own upkeep finds what is wrong with a host without looking at everybody's shards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, ItemsView
from functools import partial

import msgspec
import pytest

from actors.address import Placement, ShardId
from cluster.catalogue import load_catalogue
from cluster.errors import PeerGone
from cluster.local import LocalCluster
from cluster.store import connect
from cluster.store.base import ShardImage
from cluster.store.memory import MemoryStore
from cluster.supervisor.supervisor import Supervisor, SupervisorOptions
from cluster.wire import HostReport, Placed

OPTIONS = SupervisorOptions(hosts=2, spares=0, check_every_s=0.002)
SHARDS = 8

pytestmark = pytest.mark.timeout(20)


class Counted(dict[ShardId, Placed]):
    """Counts how often somebody goes through all of it."""

    looks = 0

    def items(self) -> ItemsView[ShardId, Placed]:  # type: ignore[override]  # a plain dict's own view
        self.looks += 1
        return ItemsView(self)


def cluster() -> LocalCluster:
    return LocalCluster(connect("memory:", "test"), load_catalogue(()), Placement(SHARDS), options=OPTIONS)


def deciding(running: LocalCluster) -> Supervisor:
    assert running.supervisor is not None
    return running.supervisor


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def reported(supervisor: Supervisor, times: int) -> None:
    """Every host has sent so many reports more."""
    for _ in range(times):
        await until(partial(_are_others, supervisor, dict(supervisor._alive)))


def _are_others(supervisor: Supervisor, before: dict[str, HostReport]) -> bool:
    return all(supervisor._alive[name] is not before[name] for name in before)


async def test_a_host_that_lost_a_shard_is_given_it_anew() -> None:
    """A host that runs, but not all that it was given, is found out by its report and given the rest under a new epoch."""
    async with cluster() as running:
        host = running.hosts["host-1"]
        lost = next(iter(host.shards))
        epoch = host.shards[lost].epoch
        host._drop(lost, "for the test")
        await until(lambda: any(h.shards[lost].epoch > epoch for h in running.hosts.values() if lost in h.shards))
        placed = deciding(running)._table.shards[lost]
        assert placed.epoch == epoch + 1, "given once more, not again and again"


class Gated(MemoryStore):
    """Lets shards be claimed as long as its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        await self.gate.wait()
        return await super().claim(shard, epoch)


async def test_a_host_that_reads_its_shards_for_long_keeps_them() -> None:
    """Given out anew each time the lease is over, they would be read again and again, and the more so the slower it is."""
    store = Gated()
    options = SupervisorOptions(hosts=2, spares=0, check_every_s=0.002, lease_s=0.02)
    async with LocalCluster(store, load_catalogue(()), Placement(SHARDS), options=options) as running:
        supervisor, host = deciding(running), running.hosts["host-1"]
        epochs = {shard: placed.epoch for shard, placed in supervisor._table.shards.items()}
        lost = list(host.shards)
        store.gate.clear()
        for shard in lost:
            host._drop(shard, "for the test")
        await until(lambda: host._claiming.keys() == set(lost))
        await until(lambda: not supervisor._deciding.locked())  # The supervisor has stopped waiting for an answer.
        await reported(supervisor, 5)
        store.gate.set()
        await until(lambda: host.shards.keys() == set(lost) and not host._claiming)
        await reported(supervisor, 2)
        given = {shard: placed.epoch - epochs[shard] for shard, placed in supervisor._table.shards.items()}
        assert given == {shard: int(shard in lost) for shard in epochs}


async def test_a_host_too_busy_with_its_shards_to_answer_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent host is given up after its lease, but one that was just given shards has longer."""
    store = Gated()
    options = SupervisorOptions(hosts=2, spares=0, check_every_s=0.002, lease_s=0.02)
    async with LocalCluster(store, load_catalogue(()), Placement(SHARDS), options=options) as running:
        supervisor, host = deciding(running), running.hosts["host-1"]
        answer, silent_for = running.transport.call, Counter[str]()

        async def call(peer: str, method: str, payload: bytes, *, timeout_s: float = 10.0) -> bytes:
            if (peer, method) == ("host-1", "report") and host._claiming:
                silent_for[peer] += 1
                raise PeerGone("too busy")
            return await answer(peer, method, payload, timeout_s)

        monkeypatch.setattr(supervisor._transport, "call", call)
        store.gate.clear()
        host._drop(next(iter(host.shards)), "for the test")
        await until(lambda: silent_for["host-1"] >= 3)
        assert "host-1" in supervisor._alive
        await until(lambda: "host-1" not in supervisor._alive)  # It has longer, not for ever.
        store.gate.set()


async def test_reports_of_healthy_hosts_cost_no_look_at_the_whole_table() -> None:
    """If each report meant a look at all shards, upkeep would grow with hosts times shards."""
    async with cluster() as running:
        supervisor = deciding(running)
        board = supervisor._board
        shards = Counted(board.table.shards)
        board.table = msgspec.structs.replace(board.table, shards=shards)
        await reported(supervisor, 5)
        assert shards.looks == 0


async def test_what_each_host_was_given_is_what_the_table_says() -> None:
    """The board's list by host and its encoded table are always those of the table."""
    async with cluster() as running:
        board = deciding(running)._board
        given = {shard: Placed(host, epoch) for host, shards in board.given.items() for shard, epoch in shards.items()}
        assert given == board.table.shards
        assert msgspec.msgpack.decode(board.encoded, type=type(board.table)) == board.table

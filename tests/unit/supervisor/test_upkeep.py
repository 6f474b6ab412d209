"""The supervisor's own upkeep finds what is wrong with a host without looking at everybody's shards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, ItemsView
from functools import partial

import msgspec
import pytest

from actors.address import Placement, ShardId
from cluster.catalogue import load_catalogue
from cluster.local import LocalCluster
from cluster.store import connect
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

"""The notice board: the stored shard table of one supervisor, and everybody's copy of it.

Invariants kept: nobody is told a table that is not stored; a supervisor that was replaced stores nothing and tells
nobody anything any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from msgspec.structs import replace

from actors.address import ShardId
from cluster.codec import encode
from cluster.pump import Pump
from cluster.store.base import Store, StoreUnavailable
from cluster.transport import Transport
from cluster.wire import Placed, ShardTable, table_decoder

log = structlog.get_logger("supervisor")
T = TypeVar("T")

TABLE = "shard-table"
STORE_RETRY_S = 0.1


class Board:
    """`table` is what was stored last. `superseded` is called once another supervisor turns out to have taken over.

    It is told whether that one serves the same run of the cluster.
    """

    def __init__(self, store: Store, transport: Transport, superseded: Callable[[bool], None], run: str) -> None:
        self._take(ShardTable(0, {}, {}, []))
        #: Whether an earlier supervisor of the same run stored the table that was taken over.
        self.resumes = False
        self._run = run
        self._store = store
        self._transport = transport
        self._superseded = superseded
        self._pumps: dict[str, Pump] = {}

    async def take_over(self) -> None:
        """Read the table and put a new term on it: from here on an earlier supervisor can store no decision."""
        while True:
            version, content = await patiently(partial(self._store.read_document, TABLE))
            found = table_decoder.decode(content) if content else self.table
            table = replace(found, version=found.version + 1, term=found.term + 1, run=self._run)
            if await patiently(partial(self._store.write_document, TABLE, encode(table), version)) >= 0:
                self._take(table)
                self.resumes = bool(self._run) and found.run == self._run
                return

    async def publish(
        self, shards: dict[ShardId, Placed], hosts: dict[str, str], gateways: list[str], members: list[str]
    ) -> None:
        """Store a new version of the table, then tell everybody in it. Never returns if another supervisor took over."""
        number = self.table.version + 1
        while True:
            version, content = await patiently(partial(self._store.read_document, TABLE))
            if content:
                stored = table_decoder.decode(content)
                if stored.term > self.table.term:
                    await self._resign(stored)
                number = max(number, stored.version + 1)  # Ours already, if the reply to storing it was lost.
            table = ShardTable(number, shards, hosts, gateways, members, self.table.term, self._run)
            if await patiently(partial(self._store.write_document, TABLE, encode(table), version)) >= 0:
                break
        self._take(table)
        for peer in [*table.hosts, *table.gateways]:
            pump = self._pumps.get(peer)
            if pump is None:
                pump = self._pumps[peer] = Pump(f"table->{peer}", partial(self._tell, peer))
            pump.hurry()
        for peer in [peer for peer in self._pumps if peer not in table.hosts and peer not in table.gateways]:
            self._pumps.pop(peer).retire()

    def _take(self, table: ShardTable) -> None:
        """From here on this is the table; what is asked of it for every host and gateway again and again is made once."""
        self.table = table
        self.encoded = encode(table)
        #: The shards that each host was given, and under which epoch.
        self.given: dict[str, dict[ShardId, int]] = {}
        for shard, placed in table.shards.items():
            self.given.setdefault(placed.host, {})[shard] = placed.epoch

    async def stop(self) -> None:
        """Tell nobody any more."""
        for pump in self._pumps.values():
            await pump.stop()

    async def _resign(self, stored: ShardTable) -> None:
        """Another supervisor was started while this one could not be heard: decide nothing any more."""
        log.error("superseded", term=self.table.term, by_term=stored.term)
        self._superseded(stored.run == self._run)
        await asyncio.Event().wait()

    async def _tell(self, peer: str) -> bool:
        table = self.table
        await self._transport.call(peer, "table", self.encoded, timeout_s=2.0)
        return self.table is not table


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call the store until it answers; repeating is harmless, and without an answer nothing can be decided."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_S)

"""What a host or an edge knows of the others: the shard table, kept fresh, and who asks for shards not in it yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.address import ShardId
from cluster.errors import PeerGone
from cluster.transport import SUPERVISOR, Transport
from cluster.wire import ShardTable, table_decoder

EMPTY_TABLE = ShardTable(0, {}, {}, [])


class Routes:
    """The newest shard table seen. `changed` is called after each newer one with the one before."""

    def __init__(self, transport: Transport, changed: Callable[[ShardTable], None]) -> None:
        self.table = EMPTY_TABLE
        self._transport = transport
        self._changed = changed
        self._asking: dict[ShardId, asyncio.Task[None]] = {}

    def host_of(self, shard: ShardId) -> str | None:
        """The shard's host; None while it has none."""
        placed = self.table.shards.get(shard)
        return None if placed is None else placed.host

    def update(self, payload: bytes) -> None:
        """Take a table over if it is newer than the one known."""
        table = table_decoder.decode(payload)
        if table.version > self.table.version:
            previous, self.table = self.table, table
            self._changed(previous)

    def locate(self, shard: ShardId) -> None:
        """Ask the supervisor to place a shard (a pinned actor's) that is in no table yet."""
        if shard not in self._asking:
            self._asking[shard] = asyncio.create_task(self._locate(shard), name=f"locate:{shard}")

    async def _locate(self, shard: ShardId) -> None:
        try:
            self.update(await self._transport.call(SUPERVISOR, "locate", shard.encode(), timeout_s=60.0))
        except PeerGone:
            await asyncio.sleep(0.2)
        finally:
            del self._asking[shard]
        if self.host_of(shard) is None:
            self.locate(shard)

    async def stop(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

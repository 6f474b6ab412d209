"""The supervisor: watches hosts, gives every shard a host and an epoch, and tells everybody.

It decides; the store enforces. A host that was given up on may still run (a zombie), but its epoch is over and the
store refuses its commits (I9). The supervisor itself may die at any time: hosts and gateways go on with the table
they have, and the next supervisor reads the stored table and asks the hosts what they run.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from actors.address import Placement, ShardId, is_pinned
from cluster.codec import encode
from cluster.errors import PeerGone
from cluster.host.host import Assignment
from cluster.pump import Pump
from cluster.store.base import Store, StoreUnavailable
from cluster.supervisor.plan import PINNED_HOST_PREFIX, pinned_host, plan
from cluster.transport import PeerMethod, Transport
from cluster.wire import HostReport, Placed, ShardTable, SupervisorReport, report_decoder, table_decoder

log = structlog.get_logger("supervisor")

TABLE = "shard-table"
PINNED_CHECK_EVERY = 10


class Launcher(Protocol):
    """Starts and ends host processes."""

    async def start_host(self, name: str) -> None:
        """Start a host unless it runs; it can be called once this returns."""
        ...

    async def stop_host(self, name: str) -> None:
        """End a host for good."""
        ...

    async def wait_for_death(self, name: str) -> None:
        """Return as soon as the host's process is known to be dead."""
        ...


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """A host that does not answer for `lease_s` is given up; `spares` hosts are kept empty and warm."""

    hosts: int = 2
    spares: int = 1
    lease_s: float = 3.0
    check_every_s: float = 0.5
    starting_at_once: int = 4


def host_names(options: SupervisorOptions) -> list[str]:
    """The hosts that a cluster begins with, spares included."""
    return [f"host-{number}" for number in range(1, options.hosts + options.spares + 1)]


class Supervisor:
    """One per cluster. `start` returns when every shard has a host."""

    def __init__(
        self, store: Store, transport: Transport, launcher: Launcher, placement: Placement, options: SupervisorOptions
    ) -> None:
        self._store = store
        self._transport = transport
        self._launcher = launcher
        self._placement = placement
        self._options = options
        self._table = ShardTable(0, {}, {}, [])
        self._alive: dict[str, HostReport] = {}
        self._draining: dict[str, None] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._pumps: dict[str, Pump] = {}
        self._told: dict[str, tuple[str, int]] = {}
        self._deciding = asyncio.Lock()
        self._starting = asyncio.Semaphore(options.starting_at_once)
        self._locating: dict[ShardId, asyncio.Task[None]] = {}
        #: Pinned shards whose hosts have started and wait to be given them.
        self._to_place: dict[ShardId, None] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._checks: dict[str, asyncio.Task[None]] = {}

    @property
    def methods(self) -> dict[str, PeerMethod]:
        """What other processes may call."""
        return {"join": self.join, "locate": self.locate, "drain": self.drain, "status": self.status}

    async def start(self) -> None:
        """Take over from an earlier supervisor if there was one, and place every shard."""
        await self._read_table()
        names = host_names(self._options)
        known = [host for host in self._table.hosts if host not in names]
        await asyncio.gather(*(self._enlist(name) for name in [*names, *known]))
        await self._decide()
        self._ticker = asyncio.create_task(self._tick(), name="supervisor:tick")
        for shard in await self._store.shards():
            if is_pinned(shard):
                image = await self._store.describe(shard)
                if image.live or image.timers or image.outbox:
                    self._locate(shard)

    async def stop(self) -> None:
        """End; hosts go on."""
        tasks = [*self._watchers.values(), *self._locating.values(), *self._checks.values()]
        if self._ticker is not None:
            tasks.append(self._ticker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pump in self._pumps.values():
            await pump.stop()

    # -- called by other processes --------------------------------------------------------------------------------------

    async def join(self, payload: bytes) -> bytes:
        """A gateway says that it is there, and gets the table; a host that joins (`host:NAME`) gets shards."""
        name = payload.decode()
        if name.startswith("host:"):
            await self._enlist(name.removeprefix("host:"))
            await self._decide()
        elif name not in self._table.gateways:
            async with self._deciding:
                if name not in self._table.gateways:
                    await self._publish(self._table.shards, [*self._table.gateways, name])
        return encode(self._table)

    async def locate(self, payload: bytes) -> bytes:
        """Place a pinned actor's shard, starting its host; answers with the table."""
        shard = ShardId(payload.decode())
        if is_pinned(shard) and shard not in self._table.shards:
            await asyncio.shield(self._locate(shard))
        return encode(self._table)

    async def drain(self, payload: bytes) -> bytes:
        """Move every shard off a host and end it."""
        name = payload.decode()
        self._draining[name] = None
        await self._decide()
        if not any(placed.host == name for placed in self._table.shards.values()):
            await self._dismiss(name)
        return encode(self._table)

    async def status(self, _: bytes) -> bytes:
        """Every living host's last report."""
        return encode(SupervisorReport(os.getpid(), list(self._alive.values())))

    # -- hosts come and go ------------------------------------------------------------------------------------------------

    async def _enlist(self, name: str) -> None:
        """Start a host if need be and hear what it runs."""
        async with self._starting:
            await self._launcher.start_host(name)
        try:
            await self._hear(name)
        except PeerGone:
            log.warning("host_silent", host=name)
        if name not in self._watchers:
            self._watchers[name] = asyncio.create_task(self._watch(name), name=f"watch:{name}")

    async def _hear(self, name: str) -> bool:
        """Ask for a report; returns whether the host is new (a first or another incarnation)."""
        answer = await self._transport.call(name, "report", b"", timeout_s=self._options.lease_s)
        report = report_decoder.decode(answer)
        before = self._alive.get(name)
        self._alive[name] = report
        return before is None or before.incarnation != report.incarnation

    async def _watch(self, name: str) -> None:
        while True:
            await self._launcher.wait_for_death(name)
            if name in self._alive:
                log.warning("host_died", host=name)
                del self._alive[name]
                await self._decide()
            await self._return_of(name)

    async def _return_of(self, name: str) -> None:
        """Wait for a dead host's process to be started again."""
        while name not in self._alive:
            try:
                await self._launcher.start_host(name)
                await self._hear(name)
                log.info("host_back", host=name)
                await self._decide()
            except PeerGone:
                await asyncio.sleep(0.1)

    async def _tick(self) -> None:
        for tick in itertools.count():
            await asyncio.sleep(self._options.check_every_s)
            for turn, name in enumerate(self._watchers, tick):
                # Literal mode has hundreds of pinned hosts; their death is noticed without asking, so they take turns.
                is_due = turn % PINNED_CHECK_EVERY == 0 or not name.startswith(PINNED_HOST_PREFIX)
                if is_due and name not in self._checks:
                    self._checks[name] = asyncio.create_task(self._check(name), name=f"check:{name}")
            for name in self._table.gateways:
                if name not in self._checks:
                    self._checks[name] = asyncio.create_task(self._poke(name), name=f"poke:{name}")

    async def _check(self, name: str) -> None:
        """One host's health: a silent one is given up, one that lost shards gets them anew, an idle pinned one ends."""
        before = self._alive.get(name)
        try:
            is_new = await self._hear(name)
            report = self._alive[name]
            if report.idle and name.startswith(PINNED_HOST_PREFIX) and name in self._table.hosts:
                await self._retire(name)
            elif is_new or self._misplaced():
                await self._decide()
        except PeerGone:
            # It may have died and come back while this check waited for the life before.
            if before is not None and self._alive.get(name) is before:
                del self._alive[name]
                log.warning("host_silent", host=name)
                await self._decide()
        finally:
            self._checks.pop(name, None)

    async def _poke(self, gateway: str) -> None:
        """Call a gateway, which is what makes one that Ray has restarted build itself anew."""
        try:
            await self._transport.call(gateway, "ping", b"", timeout_s=self._options.lease_s)
        except PeerGone:
            log.debug("gateway_silent", gateway=gateway)
        finally:
            self._checks.pop(gateway, None)

    async def _retire(self, name: str) -> None:
        """End a pinned host that has had nothing to do for a while, unless it has by now."""
        shard = ShardId(name.removeprefix(PINNED_HOST_PREFIX))
        async with self._deciding:
            # It may have been idle only because its shard was still to come.
            is_over = shard not in self._locating and await self._is_over(name, shard)
            if is_over:
                watcher = self._watchers.pop(name, None)
                if watcher is not None:
                    watcher.cancel()
                self._alive.pop(name, None)
                shards = {shard: placed for shard, placed in self._table.shards.items() if placed.host != name}
                await self._publish(shards, self._table.gateways)
                # Under the lock still: whoever wants the shard again starts a new process, not this one.
                await self._launcher.stop_host(name)
        if not is_over:
            await self._decide()

    async def _is_over(self, name: str, shard: ShardId) -> bool:
        """Take the shard off its host, so that nothing more is committed there, and see whether anything is left of it."""
        placed = self._table.shards.get(shard)
        if placed is None:
            return True
        await self._hand(name, "release", {shard: placed.epoch})
        try:
            image = await self._store.describe(shard)
        except StoreUnavailable:
            return False
        return not (image.live or image.timers or image.outbox)

    async def _dismiss(self, name: str) -> None:
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()
        self._alive.pop(name, None)
        self._draining.pop(name, None)
        await self._launcher.stop_host(name)
        async with self._deciding:
            await self._publish(self._table.shards, self._table.gateways)

    # -- decisions ----------------------------------------------------------------------------------------------------

    def _misplaced(self) -> list[ShardId]:
        """Shards whose host is gone or does not run them under the epoch they were given."""
        wrong: list[ShardId] = []
        for shard, placed in self._table.shards.items():
            report = self._alive.get(placed.host)
            if report is None:
                if not placed.host.startswith(PINNED_HOST_PREFIX):
                    wrong.append(shard)
            elif report.shards.get(shard) != placed.epoch:
                wrong.append(shard)
        return wrong

    async def _decide(self) -> None:
        """Give every shard a living host, under a new epoch wherever that changes, and see that it runs there."""
        async with self._deciding:
            everything = [*self._placement.hashed_shards(), *(s for s in self._table.shards if is_pinned(s))]
            placed = {shard: entry.host for shard, entry in self._table.shards.items()}
            wanted = plan(everything, placed, list(self._alive), list(self._draining), self._options.spares)
            wanted |= {shard: host for shard, host in placed.items() if is_pinned(shard)}
            misplaced = dict.fromkeys(self._misplaced())
            moving = {
                s: host for s, host in wanted.items() if host in self._alive and (placed.get(s) != host or s in misplaced)
            }
            if not moving and self._told_hosts() == self._table.hosts:
                return
            shards = dict(self._table.shards)
            for shard, host in moving.items():
                before = shards.get(shard)
                shards[shard] = Placed(host, before.epoch + 1 if before is not None else 1)
            await self._release(moving)
            await self._publish(shards, self._table.gateways)
            await self._assign({shard: shards[shard] for shard in moving})

    async def _release(self, moving: dict[ShardId, str]) -> None:
        """Let living hosts finish what they are doing with shards that move away."""
        leaving: dict[str, dict[ShardId, int]] = {}
        for shard in moving:
            placed = self._table.shards.get(shard)
            if placed is not None and placed.host in self._alive and shard in self._alive[placed.host].shards:
                leaving.setdefault(placed.host, {})[shard] = placed.epoch
        await asyncio.gather(*(self._hand(host, "release", shards) for host, shards in leaving.items()))

    async def _assign(self, placed: dict[ShardId, Placed]) -> None:
        by_host: dict[str, dict[ShardId, int]] = {}
        for shard, entry in placed.items():
            by_host.setdefault(entry.host, {})[shard] = entry.epoch
        await asyncio.gather(*(self._hand(host, "assign", shards) for host, shards in by_host.items()))

    async def _hand(self, host: str, method: str, shards: dict[ShardId, int]) -> None:
        """Call a host about shards; if it fails, the next check finds the shards misplaced and decides again."""
        try:
            answer = await self._transport.call(host, method, encode(Assignment(shards)), timeout_s=30.0)
            self._alive[host] = report_decoder.decode(answer)
        except PeerGone as problem:
            log.warning("host_call_failed", host=host, method=method, detail=str(problem))

    def _locate(self, shard: ShardId) -> asyncio.Task[None]:
        task = self._locating.get(shard)
        if task is None:
            task = self._locating[shard] = asyncio.create_task(self._place_pinned(shard), name=f"place:{shard}")
        return task

    async def _place_pinned(self, shard: ShardId) -> None:
        try:
            while shard not in self._table.shards:
                try:
                    await self._enlist(pinned_host(shard))
                    self._to_place[shard] = None
                    async with self._deciding:
                        await self._place_ready()
                except (PeerGone, StoreUnavailable) as problem:
                    log.warning("shard_not_placed", shard=shard, detail=str(problem))
                    await asyncio.sleep(0.1)
        finally:
            self._locating.pop(shard, None)
            self._to_place.pop(shard, None)

    async def _place_ready(self) -> None:
        """Place all pinned shards whose hosts are up, with one new table for all of them."""
        ready = [shard for shard in self._to_place if pinned_host(shard) in self._alive and shard not in self._table.shards]
        self._to_place.clear()
        # A shard's epoch survives in the store while it is in no table, so ask there.
        images = await asyncio.gather(*(self._store.describe(shard) for shard in ready))
        placed = {shard: Placed(pinned_host(shard), image.epoch + 1) for shard, image in zip(ready, images, strict=True)}
        if placed:
            await self._assign(placed)
            await self._publish({**self._table.shards, **placed}, self._table.gateways)

    # -- the table ----------------------------------------------------------------------------------------------------

    def _told_hosts(self) -> dict[str, str]:
        return {name: report.incarnation for name, report in self._alive.items()}

    async def _read_table(self) -> None:
        _, content = await self._patient_read()
        if content:
            self._table = table_decoder.decode(content)

    async def _publish(self, shards: dict[ShardId, Placed], gateways: list[str]) -> None:
        """Store a new version of the table, then tell everybody in it."""
        table = ShardTable(self._table.version + 1, shards, self._told_hosts(), gateways)
        while True:
            version, content = await self._patient_read()
            if content and table_decoder.decode(content).version >= table.version:
                # Another supervisor, or this one before a lost reply, got further: continue from there.
                table = ShardTable(table_decoder.decode(content).version + 1, shards, table.hosts, gateways)
            if await self._patient_write(encode(table), version) >= 0:
                break
        self._table = table
        for peer in [*table.hosts, *table.gateways]:
            pump = self._pumps.get(peer)
            if pump is None:
                pump = self._pumps[peer] = Pump(f"table->{peer}", partial(self._tell, peer))
            pump.hurry()
        for peer in [peer for peer in self._pumps if peer not in table.hosts and peer not in table.gateways]:
            self._pumps.pop(peer).cancel()

    async def _tell(self, peer: str) -> bool:
        table = self._table
        await self._transport.call(peer, "table", encode(table), timeout_s=2.0)
        return self._table is not table

    async def _patient_read(self) -> tuple[int, bytes]:
        while True:
            try:
                return await self._store.read_document(TABLE)
            except StoreUnavailable:
                await asyncio.sleep(0.1)

    async def _patient_write(self, content: bytes, version: int) -> int:
        while True:
            try:
                return await self._store.write_document(TABLE, content, version)
            except StoreUnavailable:
                await asyncio.sleep(0.1)

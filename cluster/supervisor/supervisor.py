"""The supervisor: watches hosts, gives every shard a host and an epoch, and tells everybody.

It decides; the store enforces. A host that was given up on may still run (a zombie), but its epoch is over and the
store refuses its commits (I9). The supervisor itself may die at any time: hosts and gateways go on with the table
they have, and the next supervisor reads the stored table and asks the hosts what they run.

Invariants kept: an epoch is given once, because each is stored before it is used and only the newest supervisor can
store; every host that ever joined is watched until it is dismissed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import dataclass
from functools import partial

import structlog

from actors.address import Placement, ShardId, is_pinned
from cluster.codec import encode
from cluster.errors import PeerGone
from cluster.host.host import Assignment
from cluster.store.base import Store
from cluster.supervisor.board import Board, patiently
from cluster.supervisor.figures import SupervisorFigures
from cluster.supervisor.launcher import Launcher
from cluster.supervisor.plan import PINNED_HOST_PREFIX, misplaced, pinned_host, plan
from cluster.transport import ARCHIVER, SUPERVISOR, PeerMethod, Transport
from cluster.wire import HostReport, Placed, ShardTable, SupervisorReport, report_decoder

log = structlog.get_logger("supervisor")

PINNED_CHECK_EVERY = 10
START_RETRY_S = 0.1
#: So many times the usual patience has a host that was given shards and may be busy reading them.
LOADING_LEASES = 5


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
        self,
        store: Store,
        transport: Transport,
        launcher: Launcher,
        placement: Placement,
        options: SupervisorOptions,
        run: str = "",
    ) -> None:
        """`run` names the run of the cluster that this supervisor serves, like those before it in the same run."""
        self._store = store
        self._transport = transport
        self._launcher = launcher
        self._placement = placement
        self._options = options
        self.figures = SupervisorFigures()
        self._board = Board(store, transport, self._resign, run)
        self._alive: dict[str, HostReport] = {}
        #: Every host that joined and was not dismissed, in order of preference.
        self._members: dict[str, None] = {}
        self._draining: dict[str, None] = {}
        self._restarting: dict[str, None] = {}
        #: Until when, in the loop's time, a host that reads its shards may be silent.
        self._loading_until_s: dict[str, float] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._deciding = asyncio.Lock()
        self._starting = asyncio.Semaphore(options.starting_at_once)
        self._locating: dict[ShardId, asyncio.Task[None]] = {}
        #: Pinned shards whose hosts have started and wait to be given them.
        self._to_place: dict[ShardId, None] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._resigning: asyncio.Task[None] | None = None

    @property
    def methods(self) -> dict[str, PeerMethod]:
        """What other processes may call."""
        return {
            "join": self.join,
            "locate": self.locate,
            "add": self.add,
            "drain": self.drain,
            "restart": self.restart,
            "status": self.status,
            "metrics": self.metrics,
        }

    async def start(self) -> None:
        """Take over from an earlier supervisor if there was one, and place every shard."""
        await self._board.take_over()
        begun_with = [] if self._board.resumes and self._table.members else host_names(self._options)
        self._members = dict.fromkeys([*begun_with, *self._table.members])
        await asyncio.gather(*(self._enlist(name) for name in self._members))
        await self._decide()
        self._ticker = asyncio.create_task(self._tick(), name="supervisor:tick")
        for shard in await patiently(self._store.shards):
            if is_pinned(shard) and await self._has_work(shard):
                self._locate(shard)

    async def stop(self) -> None:
        """End; hosts go on."""
        tasks = [*self._watchers.values(), *self._locating.values(), *self._checks.values()]
        if self._ticker is not None:
            tasks.append(self._ticker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._board.stop()

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
        return self._board.encoded

    async def locate(self, payload: bytes) -> bytes:
        """Place a pinned actor's shard, starting its host; answers with the table."""
        shard = ShardId(payload.decode())
        if is_pinned(shard) and shard not in self._table.shards:
            placing = self._locate(shard)
            await asyncio.wait({placing})
            if placing.cancelled():  # By `stop`: whoever went on waiting for this supervisor would do so in vain.
                raise PeerGone("another supervisor decides")
        return self._board.encoded

    async def drain(self, payload: bytes) -> bytes:
        """Move every shard off a host and end it for good; answers with the table once it has gone."""
        name = payload.decode()
        self._draining[name] = None
        await self._empty(name)
        await self._dismiss(name)
        return self._board.encoded

    async def add(self, payload: bytes) -> bytes:
        """Start so many more hosts; answers with their names once they have their share."""
        count = int(payload)
        numbers = (number for number in itertools.count(1) if f"host-{number}" not in self._members)
        names = [f"host-{number}" for number in itertools.islice(numbers, count)]
        self._members |= dict.fromkeys(names)
        await asyncio.gather(*(self._bring_up(name) for name in names))
        await self._decide()
        return encode(names)

    async def restart(self, payload: bytes) -> bytes:
        """Start a process anew, with the code that is installed now, without loss.

        A host's shards move away first, and the answer comes when it is back. The supervisor (an empty name), the archiver
        and gateways are ended just after the answer; a gateway is to be emptied before.
        """
        name = payload.decode()
        if name in {"", ARCHIVER, *self._table.gateways}:
            await self._launcher.restart(name or SUPERVISOR)
        elif name in self._members:
            await self._restart_host(name)
        return b""

    async def _restart_host(self, name: str) -> None:
        self._restarting[name] = None
        try:
            await self._empty(name)
            self._forget(name)
            await self._launcher.stop_host(name)
            await self._bring_up(name)
        finally:
            self._restarting.pop(name, None)
        log.info("host_restarted", host=name)
        await self._decide()

    async def _empty(self, name: str) -> None:
        """Move a host's shards elsewhere. A pinned host's can be nowhere else; it is only let finish what it is doing."""
        if name.startswith(PINNED_HOST_PREFIX):
            await self._hand(name, "release", self._board.given.get(name, {}))
            return
        await self._decide()
        while name in self._board.given:
            await asyncio.sleep(self._options.check_every_s)
            await self._decide()

    async def _bring_up(self, name: str) -> None:
        """Enlist a host, however often its process must be started for that."""
        while name not in self._alive and name in self._members:
            try:
                await self._enlist(name)
            except PeerGone as problem:
                log.warning("host_not_started", host=name, detail=str(problem))
                await asyncio.sleep(START_RETRY_S)

    async def status(self, _: bytes) -> bytes:
        """Every living host's last report."""
        return encode(SupervisorReport(os.getpid(), list(self._alive.values())))

    async def metrics(self, _: bytes) -> bytes:
        """Tell every figure of the supervisor, as `cluster.telemetry.meter.Samples`."""
        reading = [shard for report in self._alive.values() for shard in report.claiming]
        unknown = set(self._placement.hashed_shards()) - self._table.shards.keys()
        unplaced = len({*misplaced(self._table.shards, self._alive), *unknown, *reading})
        return encode(self.figures.samples(self._table, self._alive, self._watchers, unplaced))

    # -- hosts come and go ------------------------------------------------------------------------------------------------

    async def _enlist(self, name: str) -> None:
        """Start a host if need be and hear what it runs."""
        self._members[name] = None
        async with self._starting:
            await self._launcher.start_host(name)
        if name not in self._watchers:
            self._watchers[name] = asyncio.create_task(self._watch(name), name=f"watch:{name}")
        try:
            await self._hear(name)
        except PeerGone:
            log.warning("host_silent", host=name)

    async def _hear(self, name: str) -> bool:
        """Ask for a report; returns whether the host is new (a first or another incarnation)."""
        answer = await self._transport.call(name, "report", b"", timeout_s=self._options.lease_s)
        before = self._alive.get(name)
        report = self._note(name, answer)
        return before is None or before.incarnation != report.incarnation

    def _note(self, name: str, answer: bytes) -> HostReport:
        """Keep a host's report; not the late answer of one that was dismissed meanwhile, for nobody watches it now."""
        report = report_decoder.decode(answer)
        if name in self._watchers:
            self._alive[name] = report
        if not report.claiming:
            self._loading_until_s.pop(name, None)
        return report

    async def _watch(self, name: str) -> None:
        while True:
            await self._launcher.wait_for_death(name)
            if name in self._alive:
                log.warning("host_died", host=name)
                self.figures.lost("died")
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
                # Hundreds of pinned hosts, whose death is noticed anyway, take turns, but for those known to lack a shard.
                is_due = turn % PINNED_CHECK_EVERY == 0 or not name.startswith(PINNED_HOST_PREFIX)
                if (is_due or self._lacks(name)) and name not in self._checks:
                    self._checks[name] = asyncio.create_task(self._check(name), name=f"check:{name}")
            for name in self._table.gateways:
                if name not in self._checks:
                    self._checks[name] = asyncio.create_task(self._poke(name), name=f"poke:{name}")

    async def _check(self, name: str) -> None:
        """One host's health: a silent one is given up, one that lost shards gets them anew, an idle pinned one ends."""
        before = self._alive.get(name)
        try:
            is_new = await self._hear(name)
            report = self._alive.get(name)
            if report is None:
                return
            # What it lacks comes first: a host that let go of its shard, as after a restart of the store, says it is idle.
            if is_new or self._lacks(name):
                await self._decide()
            elif report.idle and name.startswith(PINNED_HOST_PREFIX) and name in self._table.hosts:
                await self._retire(name)
            elif name in self._draining and not report.shards and name not in self._board.given:
                await self._dismiss(name)
        except PeerGone:
            # It may have died and come back while this check waited for the life before.
            if before is not None and self._alive.get(name) is before and not self._is_loading(name):
                del self._alive[name]
                self.figures.lost("silent")
                log.warning("host_silent", host=name)
                await self._decide()
        finally:
            self._checks.pop(name, None)

    def _is_loading(self, name: str) -> bool:
        """Whether a host may be too busy with reading its shards to answer: given to another, they would be read again."""
        return asyncio.get_running_loop().time() < self._loading_until_s.get(name, 0.0)

    async def _poke(self, gateway: str) -> None:
        """Call a gateway, which is what makes one that Ray has restarted build itself anew."""
        try:
            await self._transport.call(gateway, "ping", b"", timeout_s=self._options.lease_s)
        except PeerGone:
            log.debug("gateway_silent", gateway=gateway)
        finally:
            self._checks.pop(gateway, None)

    async def _retire(self, name: str) -> None:
        """End an idle pinned host, once it is certain that its shard left nothing to do behind."""
        async with self._deciding:
            if ShardId(name.removeprefix(PINNED_HOST_PREFIX)) in self._locating:
                return  # Idle only because its shard is still to come.
            leaving = self._board.given.get(name, {})
            # Released first: what comes from here on is turned away, and nobody else can commit.
            await self._hand(name, "release", leaving)
            for shard in leaving:
                if await self._has_work(shard):
                    return  # A message came after the report; the next check gives the shard back to the host.
            self._forget(name)
            self._members.pop(name, None)
            shards = {shard: placed for shard, placed in self._table.shards.items() if placed.host != name}
            await self._publish(shards, self._table.gateways)
            # Under the lock still: whoever wants the shard again is given a new process, not this one.
            await self._launcher.stop_host(name)

    async def _has_work(self, shard: ShardId) -> bool:
        """Whether a stored shard has actors, timers or messages that somebody must see to."""
        image = await patiently(partial(self._store.describe, shard))
        return bool(image.live or image.timers or image.outbox)

    async def _dismiss(self, name: str) -> None:
        self._forget(name)
        self._members.pop(name, None)
        self._draining.pop(name, None)
        await self._launcher.stop_host(name)
        async with self._deciding:
            await self._publish(self._table.shards, self._table.gateways)

    def _forget(self, name: str) -> None:
        """Watch this host no more."""
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()
        self._alive.pop(name, None)
        self._loading_until_s.pop(name, None)

    # -- decisions ----------------------------------------------------------------------------------------------------

    def _lacks(self, name: str) -> bool:
        """Whether a host does not run what it was given. Asked at each report, so looking at all shards would be too much."""
        report, given = self._alive.get(name), self._board.given.get(name, {})
        return report is not None and not all(report.holds(shard, epoch) for shard, epoch in given.items())

    async def _decide(self) -> None:
        """Give every shard a living host, under a new epoch wherever that changes, and see that it runs there."""
        async with self._deciding:
            everything = [*self._placement.hashed_shards(), *(s for s in self._table.shards if is_pinned(s))]
            placed = {shard: entry.host for shard, entry in self._table.shards.items()}
            wanted = plan(everything, placed, list(self._alive), self._leaving(), self._options.spares)
            wanted |= {shard: host for shard, host in placed.items() if is_pinned(shard)}
            wrong = dict.fromkeys(misplaced(self._table.shards, self._alive))
            moving = {s: host for s, host in wanted.items() if host in self._alive and (placed.get(s) != host or s in wrong)}
            if not moving and self._told_hosts() == self._table.hosts and list(self._members) == self._table.members:
                return
            self.figures.moving(moving, placed)
            shards = dict(self._table.shards)
            for shard, host in moving.items():
                shards[shard] = Placed(host, self._last_epoch(shard) + 1)
            await self._release(moving)
            await self._publish(shards, self._table.gateways)
            await self._assign({shard: shards[shard] for shard in moving})

    def _leaving(self) -> list[str]:
        """Hosts that are to hold nothing."""
        return [*self._draining, *self._restarting]

    def _last_epoch(self, shard: ShardId) -> int:
        """The highest epoch that was ever heard of; a store that lost its last second may know less than a host does."""
        placed = self._table.shards.get(shard)
        running = [report.shards.get(shard, 0) for report in self._alive.values()]
        return max([placed.epoch if placed is not None else 0, *running])

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
        """Call a host about shards; if it fails, the next check finds those it does not hold and decides again."""
        if method == "assign":
            self._loading_until_s[host] = asyncio.get_running_loop().time() + LOADING_LEASES * self._options.lease_s
        try:
            # No longer than the lease: while one host hangs, nothing else is decided.
            answer = await self._transport.call(host, method, encode(Assignment(shards)), timeout_s=self._options.lease_s)
            self._note(host, answer)
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
                except PeerGone as problem:
                    log.warning("host_not_started", host=pinned_host(shard), detail=str(problem))
                    await asyncio.sleep(START_RETRY_S)
                    continue
                self._to_place[shard] = None
                async with self._deciding:
                    await self._place_ready()
        finally:
            self._locating.pop(shard, None)
            self._to_place.pop(shard, None)

    async def _place_ready(self) -> None:
        """Place all pinned shards whose hosts are up, with one new table for all of them."""
        ready = [shard for shard in self._to_place if pinned_host(shard) in self._alive and shard not in self._table.shards]
        self._to_place.clear()
        # A shard's epoch survives in the store while it is in no table, so ask there.
        images = await asyncio.gather(*(patiently(partial(self._store.describe, shard)) for shard in ready))
        placed = {
            shard: Placed(pinned_host(shard), max(image.epoch, self._last_epoch(shard)) + 1)
            for shard, image in zip(ready, images, strict=True)
        }
        if placed:
            self.figures.moving({shard: entry.host for shard, entry in placed.items()}, {})
            await self._publish({**self._table.shards, **placed}, self._table.gateways)
            await self._assign(placed)

    # -- the table ----------------------------------------------------------------------------------------------------

    def _told_hosts(self) -> dict[str, str]:
        return {name: report.incarnation for name, report in self._alive.items()}

    @property
    def _table(self) -> ShardTable:
        """What was decided last."""
        return self._board.table

    async def _publish(self, shards: dict[ShardId, Placed], gateways: list[str]) -> None:
        """Store a new version of the table, then tell everybody in it. Never returns if another supervisor took over."""
        await self._board.publish(shards, self._told_hosts(), gateways, list(self._members))

    def _resign(self, within_run: bool) -> None:
        """Decide nothing any more: another supervisor does."""
        self._resigning = asyncio.create_task(self._leave(within_run), name="supervisor:resign")

    async def _leave(self, within_run: bool) -> None:
        """End for good, or within one run of the cluster for a successor.

        The other one may be an earlier process, which hung as it took over and can be called by nobody: whoever the name
        leads to must be the last to take over. Another run's supervisor would do the same, and so on for ever.
        """
        await self.stop()
        if within_run:
            await self._launcher.resign()

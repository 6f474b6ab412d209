"""A host runs shards: it alone takes their turns, commits them together and lets their messages go.

Invariants kept here: nothing leaves before its commit (I12); a fenced shard is let go at once (I9); an input is
answered exactly once, after its commit or with the reason why there was none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from actors.actor import Actor
from actors.address import Placement, ShardId, is_pinned
from cluster.clock import Clock
from cluster.codec import Codec, encode
from cluster.decoding import Decoder
from cluster.host.figures import HostFigures
from cluster.host.outlets import Outlets
from cluster.shard.inbox import Input, InputGroup
from cluster.shard.shard import Shard
from cluster.store.base import Commit, CommitOutcome, Fenced, ShardImage, Store, StoreUnavailable
from cluster.transport import PeerMethod, Transport
from cluster.wire import (
    Delivery,
    HostReport,
    Receipt,
    ShardReceipt,
    ShardStatus,
    delivery_decoder,
    link_news_decoder,
)

log = structlog.get_logger("host")
T = TypeVar("T")

#: A host takes adapters' frames up to this many times its `max_pending`.
OVERFLOW = 4
#: How often a host looks for the oldest message between its shards, in every lane of each of them.
LOOK_EVERY_S = 0.05
#: How fast time goes for a shard that is ahead of its host's clock, until the clock has caught up.
CATCHING_UP = 0.9


class Assignment(msgspec.Struct, frozen=True, array_like=True):
    """Shards to run, each under a new epoch."""

    shards: dict[ShardId, int]


class StoreRestarted(Exception):  # what happened, not what went wrong
    """The store lives another life than the one that this host's shards were read from."""

    def __init__(self, life: str) -> None:
        super().__init__(life)
        self.life = life


assignment_decoder: Decoder[Assignment] = Decoder(Assignment)


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How much a host holds. `max_pending` inputs wait at most; beyond it new ones are refused honestly."""

    max_pending: int = 20_000
    max_batch: int = 2_000
    passivate_after_ms: int = 600_000
    upkeep_every_s: float = 2.0
    store_retry_s: float = 0.05
    retire_after_ms: int = 10_000


class Host:
    """The shards of one process."""

    def __init__(
        self,
        name: str,
        incarnation: str,
        store: Store,
        transport: Transport,
        placement: Placement,
        actor_types: Mapping[str, type[Actor]],
        codec: Codec,
        clock: Clock,
        options: HostOptions | None = None,
        node: str = "",
    ) -> None:
        """`node` is the machine that it runs on, for its reports."""
        self.name = name
        self.incarnation = incarnation
        self.node = node
        self.options = options or HostOptions()
        self.shards: dict[ShardId, Shard] = {}
        self._claiming: dict[ShardId, int] = {}
        self._claims: set[asyncio.Task[None]] = set()
        self.figures = HostFigures(self.shards)
        self.commits = 0
        self._store = store
        self._placement = placement
        self._actor_types = actor_types
        self._codec = codec
        self._clock = clock
        self._work = asyncio.Event()
        self._between_batches = asyncio.Lock()
        self._alarm: asyncio.TimerHandle | None = None
        self._idle_since = clock.now_ms()
        self._looked_at_s, self._found_behind_ms = float("-inf"), 0
        #: When each shard's time was last set, in the loop's time.
        self._begun_at_s: dict[ShardId, float] = {}
        self.outlets = Outlets(name, self.shards, transport, codec, partial(self._work.set))
        self._tasks = [
            asyncio.create_task(self._run(), name=f"{name}:run"),
            asyncio.create_task(self._upkeep(), name=f"{name}:upkeep"),
        ]

    @property
    def methods(self) -> dict[str, PeerMethod]:
        """What other processes may call."""
        return {
            "deliver": self.deliver,
            "assign": self.assign,
            "release": self.release,
            "table": self.table,
            "links": self.links,
            "report": self.report,
            "metrics": self.metrics,
        }

    # -- called by other processes ------------------------------------------------------------------------------------

    async def deliver(self, payload: bytes) -> bytes:
        """Take a `Delivery`; answers with its `Receipt` once every shard's part is committed or turned away."""
        delivery = delivery_decoder.decode(payload)
        strangers: dict[ShardId, None] = {}
        for ack in delivery.acks:
            source = self.shards.get(ack.shard)
            if source is not None:
                source.outbox.acknowledge(f"l:{ack.link}", ack.number)
            else:
                strangers[ack.shard] = None
        receipts: dict[ShardId, ShardReceipt] = {}
        expected = len(delivery.parcels)
        if not expected:
            return encode(Receipt(receipts, list(strangers), self._behind_ms()))
        complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(shard: ShardId, receipt: ShardReceipt) -> None:
            receipts[shard] = receipt
            if len(receipts) == expected and not complete.done():
                complete.set_result(None)

        pending = sum(shard.waiting_inputs for shard in self.shards.values())
        for shard_id in delivery.parcels:
            if delivery.life and delivery.life != self.outlets.life:
                # One of the two has not found out yet that the store restarted, and may hold what is lost.
                settle(shard_id, ShardReceipt(ShardStatus.NOT_MINE))
                continue
            self._accept(delivery, shard_id, pending, partial(settle, shard_id))
        await complete
        return encode(Receipt(receipts, list(strangers), self._behind_ms()))

    async def assign(self, payload: bytes) -> bytes:
        """Claim shards and run them; answers with a report of what runs here now, which may be long after."""
        wanted = assignment_decoder.decode(payload).shards
        self._claiming |= wanted
        claims = [asyncio.create_task(self._claim(*one), name=f"{self.name}:claim") for one in wanted.items()]
        self._claims.update(claims)
        for claim in claims:
            claim.add_done_callback(self._claims.discard)
        # Whoever gave them may stop waiting; they go on being read all the same.
        await asyncio.gather(*(asyncio.shield(claim) for claim in claims))
        return await self.report(b"")

    async def release(self, payload: bytes) -> bytes:
        """Let go of shards after the batch under way; answers with a report."""
        leaving = assignment_decoder.decode(payload).shards
        async with self._between_batches:
            for shard in leaving:
                self._drop(shard, "released")
        return await self.report(b"")

    async def table(self, payload: bytes) -> bytes:
        """Take a newer shard table over."""
        self.outlets.routes.update(payload)
        self._work.set()
        return b""

    async def links(self, payload: bytes) -> bytes:
        """Hear which links a gateway holds."""
        self.outlets.links(link_news_decoder.decode(payload))
        return b""

    async def report(self, _: bytes) -> bytes:
        """Say what runs here."""
        shards = self.shards.values()
        return encode(
            HostReport(
                host=self.name,
                incarnation=self.incarnation,
                shards={shard.id: shard.epoch for shard in shards},
                actors=sum(len(shard.live) for shard in shards),
                pending=sum(shard.waiting_inputs for shard in shards),
                turns=sum(shard.turns for shard in shards),
                commits=self.commits,
                idle=self._is_idle(),
                table_version=self.outlets.routes.table.version,
                calls=self.outlets.calls,
                pid=os.getpid(),
                node=self.node,
                claiming=self._claiming,
            )
        )

    async def metrics(self, _: bytes) -> bytes:
        """Tell every figure of this host, as `cluster.telemetry.meter.Samples`."""
        return encode(self.figures.samples(self.outlets.calls))

    async def stop(self) -> None:
        """End; whatever is not committed was never acknowledged."""
        tasks = [*self._tasks, *self._claims]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._alarm is not None:
            self._alarm.cancel()
        await self.outlets.stop()
        for shard in list(self.shards):
            self._drop(shard, "stopped")

    # -- inputs -------------------------------------------------------------------------------------------------------

    def _accept(self, delivery: Delivery, shard_id: ShardId, pending: int, settle: Callable[[ShardReceipt], None]) -> None:
        shard = self.shards.get(shard_id)
        if shard is None:
            settle(ShardReceipt(ShardStatus.NOT_MINE))
            return
        parcels = delivery.parcels[shard_id]
        is_full = pending > self.options.max_pending
        # Other shards wait and try again. Adapters are held back by their windows, so theirs is taken in up to a limit,
        # and only what begins something is refused.
        if is_full and (parcels[0].stream.startswith("s:") or pending > OVERFLOW * self.options.max_pending):
            self.figures.overloaded()
            settle(ShardReceipt(ShardStatus.OVERLOADED))
            return
        decode = self._codec.message
        inputs = [Input(p.stream, p.seq, p.to, decode(p.body)) for p in parcels]
        shard.accept(InputGroup(inputs, settle, delivery.floors, turns_away=is_full))
        self._work.set()

    def _behind_ms(self) -> int:
        """How long the oldest message between shards has waited: an arrival is not decided before its queue has it."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_at_s > LOOK_EVERY_S:
            waits_ms = (
                self.time_of(shard) - oldest_at
                for shard in self.shards.values()
                if (oldest_at := shard.outbox.oldest_at()) is not None
            )
            self._looked_at_s, self._found_behind_ms = now_s, max(0, max(waits_ms, default=0))
        return self._found_behind_ms

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            async with self._between_batches:
                self._let_go_of_superseded()
                ready = [shard for shard in self.shards.values() if shard.wants_tidy or shard.has_work(self.time_of(shard))]
                if ready:
                    await self._batch(ready)
                    self._idle_since = self._clock.now_ms()
            self._set_alarm()

    def time_of(self, shard: Shard) -> int:
        """What time it is for a shard (ms): the clock's, or if the shard is ahead of it, the shard's own, going on slower.

        A shard's time never goes back, so behind a clock that jumped back, or on a host whose clock is late, it would
        stand still, and with it every offer's deadline, for as long as the difference is.
        """
        passed_s = asyncio.get_running_loop().time() - self._begun_at_s.get(shard.id, 0.0)
        return max(self._clock.now_ms(), shard.now + int(passed_s * 1000 * CATCHING_UP))

    async def _batch(self, ready: list[Shard]) -> None:
        try:
            await self._run_batch(ready)
        except StoreRestarted as restarted:
            self._start_over(restarted.life)

    async def _run_batch(self, ready: list[Shard]) -> None:
        commits: list[tuple[Shard, Commit | None]] = []
        for shard in ready:
            try:
                self.figures.begun(shard.begin(self.time_of(shard), self.options.max_batch))
                self._begun_at_s[shard.id] = asyncio.get_running_loop().time()
                while missing := shard.advance():
                    shard.supply(missing, await self._patiently(partial(self._store.load, shard.id, missing)))
                    self.figures.supplied(shard, missing)
                commits.append((shard, shard.finish()))
            except StoreRestarted:
                raise
            except Exception:
                log.exception("shard_failed", host=self.name, shard=shard.id)
                self._drop(shard.id, "failed")
                continue
            for address, kind, error in shard.alerts:
                log.error("dead_letter", shard=shard.id, address=address, message_type=kind, error_type=error.partition(":")[0])
        stored = [commit for _, commit in commits if commit is not None]
        outcomes = iter(await self._stored(stored) if stored else ())
        for shard, commit in commits:
            outcome = CommitOutcome.APPLIED if commit is None else next(outcomes)
            if outcome is CommitOutcome.APPLIED:
                released = shard.committed(commit)
                self.figures.released(shard, released)
                self.outlets.release(shard, released)
                if shard.queue:
                    self._work.set()
            else:
                log.warning("shard_lost", host=self.name, shard=shard.id, epoch=shard.epoch, outcome=outcome.value)
                self._drop(shard.id, outcome.value)

    async def _stored(self, commits: list[Commit]) -> list[CommitOutcome]:
        since_s = self.figures.instant_s()
        outcomes = await self._patiently(partial(self._store.commit, commits))
        self.commits += len(commits)
        self.figures.stored(len(commits), since_s)
        return outcomes

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the store until it answers: its outcome is unknown until then, and repeating is harmless."""
        waiting = False
        while True:
            try:
                return await call()
            except StoreUnavailable as problem:
                if not waiting:
                    log.warning("store_unavailable", host=self.name, detail=str(problem))
                waiting = True
                self.figures.store_silent()
                await asyncio.sleep(self.options.store_retry_s)
                await self._look_for_restart()

    async def _look_for_restart(self) -> None:
        """Raises `StoreRestarted` if this host's shards were read from another life of the store."""
        with contextlib.suppress(StoreUnavailable):
            life = await self._store.life()
            if life != self.outlets.life:
                raise StoreRestarted(life)

    def _start_over(self, life: str) -> None:
        """Let go of everything that was read from an earlier life of the store; the supervisor gives it out anew.

        What the store lost, this host's memory still has. Going on from it would send messages whose commits are gone,
        and never resend those whose receivers lost them.
        """
        if life == self.outlets.life:
            return
        if self.outlets.life:
            log.warning("store_restarted", host=self.name, shards=len(self.shards))
        for shard in list(self.shards):
            self._drop(shard, "store restarted")
        self.figures.store_lives()
        self._store.follow(life)
        self.outlets.life = life

    def _set_alarm(self) -> None:
        """Wake at the earliest timer of any shard."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        waits_ms = [
            due_at - self.time_of(shard) for shard in self.shards.values() if (due_at := shard.next_due_at()) is not None
        ]
        if waits_ms:
            delay_s = max(0.0, min(waits_ms) / 1000)
            # A little late is better than a little early: an early wake would find nothing due and spin.
            self._alarm = asyncio.get_running_loop().call_later(delay_s + 0.001, self._work.set)

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(self.options.upkeep_every_s)
            async with self._between_batches:
                try:
                    await self._look_for_restart()
                except StoreRestarted as restarted:
                    self._start_over(restarted.life)
                idle_before = self._clock.now_ms() - self.options.passivate_after_ms
                for shard in self.shards.values():
                    shard.passivate(idle_before)
                    shard.forget_silent_senders()
                    shard.request_tidy()
            self._work.set()

    # -- shards come and go -------------------------------------------------------------------------------------------

    async def _claim(self, shard_id: ShardId, epoch: int) -> None:
        try:
            await self._load(shard_id, epoch)
        finally:
            if self._claiming.get(shard_id) == epoch:
                del self._claiming[shard_id]

    async def _load(self, shard_id: ShardId, epoch: int) -> None:
        held = self.shards.get(shard_id)
        if held is not None and held.epoch >= epoch:
            return
        while True:
            life = self.outlets.life
            try:
                if not life:
                    await self._look_for_restart()
                image = await self._patiently(partial(self._store.claim, shard_id, epoch))
            except StoreRestarted as restarted:
                async with self._between_batches:
                    self._start_over(restarted.life)
                continue
            except Fenced:
                log.warning("claim_fenced", host=self.name, shard=shard_id, epoch=epoch)
                return
            async with self._between_batches:
                if self.outlets.life == life:  # Else what was read is of an earlier life of the store: read again.
                    self._install(image)
                    return

    def _install(self, image: ShardImage) -> None:
        """Run a shard that was claimed, unless a later claim was faster."""
        held = self.shards.get(image.shard)
        if held is not None:
            if held.epoch >= image.epoch:
                return
            self._drop(image.shard, "claimed again")
        shard = Shard(image, self._placement, self._actor_types, self._codec)
        self.shards[shard.id] = shard
        self.figures.claimed()
        self._idle_since = self._clock.now_ms()
        self._begun_at_s[shard.id] = asyncio.get_running_loop().time()
        self.outlets.resend_all(shard)
        self._work.set()

    def _let_go_of_superseded(self) -> None:
        """Drop shards that were given to another epoch while this host was given up on and could not be told.

        A commit would be fenced, but a shard with nothing to commit would answer from the past for ever.
        """
        placed = self.outlets.routes.table.shards
        for shard in list(self.shards.values()):
            newer = placed.get(shard.id)
            if newer is not None and newer.epoch > shard.epoch:
                self._drop(shard.id, "superseded")

    def _drop(self, shard_id: ShardId, reason: str) -> None:
        shard = self.shards.pop(shard_id, None)
        if shard is not None:
            del self._begun_at_s[shard_id]
            shard.abandon()
            self.figures.dropped(shard, reason)
            log.debug("shard_dropped", host=self.name, shard=shard_id, reason=reason)

    def _is_idle(self) -> bool:
        """Whether a pinned actor's host has nothing left to do: its actor ended and everything was delivered."""
        if self._claiming or self._clock.now_ms() - self._idle_since < self.options.retire_after_ms:
            return False
        return all(
            is_pinned(shard.id) and not shard.live and not shard.queue and not shard.outbox.unacknowledged
            for shard in self.shards.values()
        )

"""An edge connects links to actors: it runs a gateway actor for each link and carries what they route.

Nothing durable lives here. Frames wait until their shard committed them; commands wait in their shard's outbox until
the adapter acknowledged them; when this process dies, adapters and shards both send again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import structlog

from actors.actor import Message, Refusal, Turn
from actors.address import Address, Placement, address
from actors.gateway import Gateway
from actors.messages.centre import CentreVersion, ReadCentre
from actors.messages.gateway import (
    Command,
    CommandsArrived,
    FrameSettled,
    FramesSettled,
    LinkOpened,
)
from cluster.admission import AdmissionOptions
from cluster.clock import Clock
from cluster.codec import Codec, encode, raw
from cluster.config.edge import EdgeCentre
from cluster.edge.dispatch import Dispatch
from cluster.edge.link import Link, LinkStream
from cluster.edge.scrape import Scrape
from cluster.errors import Overloaded, PeerGone, Refused, Unavailable
from cluster.host.routes import EMPTY_TABLE
from cluster.telemetry import metrics
from cluster.telemetry.exposition import exposed
from cluster.telemetry.meter import Meter, Samples, sample
from cluster.telemetry.process import process_samples
from cluster.transport import SUPERVISOR, PeerMethod, Transport
from cluster.wire import (
    ASKING_LINK,
    HostReport,
    LinkNews,
    Parcel,
    PushReceipt,
    ShardTable,
    SupervisorReport,
    link_stream,
    push_decoder,
    supervisor_report_decoder,
)

log = structlog.get_logger("edge")

REFRESH_EVERY_S = 1.0
#: Questions that wait at once: while no host answers, they would pile up.
MOST_ASKS = 2_000
ASK_AGAIN_MS = 2_000
#: Longer than any adapter takes to come back from a break.
FORGET_AFTER_S = 600.0
CENTRE = Address("centre/main")


class Edge:
    """All links of one gateway process."""

    def __init__(
        self,
        name: str,
        incarnation: str,
        transport: Transport,
        placement: Placement,
        codec: Codec,
        clock: Clock,
        admission: AdmissionOptions | None = None,
    ) -> None:
        self.name = name
        self._incarnation = incarnation
        self._transport = transport
        self._codec = codec
        self._clock = clock
        self._links: dict[str, Link] = {}
        self._actors: dict[str, Gateway] = {}
        self._streams: dict[str, Gateway] = {}
        self._news_to_tell: dict[str, asyncio.Task[None]] = {}
        self._news_told = 0
        # A greater generation is a newer stream, over all gateways: wall time orders them well enough, and the
        # loser of a tie is found out when its stream turns out closed.
        self._last_generation = 0
        self._ask_link = ASKING_LINK + name
        self._ask_stream = link_stream(self._ask_link, incarnation)
        self._ask_seq = 0
        self._report = SupervisorReport(0, [])
        self._asked: dict[int, asyncio.Future[Message]] = {}
        self._generations: dict[str, int] = {}
        #: Link -> when its stream closed, in the loop's time, longest ago first; for links without one.
        self._left_at_s: dict[str, float] = {}
        self.dispatch = Dispatch(name, transport, placement, self._settled, admission)
        self._hosts_told: dict[str, tuple[str, dict[str, int]]] = {}
        #: The configuration in force as edges need it, and its version; None until it is known.
        self.centre: EdgeCentre | None = None
        self.centre_version = 0
        self._informed = asyncio.Event()
        #: Processes beside hosts, gateways and supervisor that are asked for their figures, by name.
        self.also_scraped: tuple[str, ...] = ()
        #: What is counted in this process.
        self.meter = Meter()
        self._scrape = Scrape(self, transport)
        self._refreshers = [
            asyncio.create_task(self._refresh_table(), name=f"{name}:table"),
            asyncio.create_task(self._refresh_centre(), name=f"{name}:centre"),
        ]

    @property
    def methods(self) -> dict[str, PeerMethod]:
        """What other processes may call."""
        return {"push": self.push, "table": self.table, "ping": self.ping, "metrics": self.metrics}

    def now_ms(self) -> int:
        return self._clock.now_ms()

    # -- links --------------------------------------------------------------------------------------------------------

    def open_link(self, name: str, incarnation: str, resume_after: int, window: int, stream: LinkStream, sent: int = 0) -> Link:
        """A stream for this link was accepted; an older stream of the same link is closed.

        Args:
            sent: The last frame that may have been sent on an earlier stream of this incarnation, to whatever gateway.
        """
        older = self._links.pop(name, None)
        if older is not None:
            older.stream.close("ABORTED", f"a newer stream of link {name!r} took over")
        actor = self._actors.get(name)
        if actor is None:
            actor = self._actors[name] = Gateway(address("gateway", name))
        elif actor.incarnation != incarnation:
            self._forget_stream(link_stream(name, actor.incarnation))
        self._left_at_s.pop(name, None)
        self._streams[link_stream(name, incarnation)] = actor
        link = Link(self, name, incarnation, actor, stream, max(sent, resume_after))
        self._links[name] = link
        self._generations[name] = self._next_generation()
        link.tell(LinkOpened(incarnation, resume_after, window))
        self._tell_hosts()
        return link

    def holds(self, link: Link) -> bool:
        """Whether this is still the link's newest stream."""
        return self._links.get(link.name) is link

    def forget(self, link: Link) -> None:
        """The stream closed; frames under way are still settled, in case the adapter comes back."""
        del self._links[link.name]
        self._left_at_s[link.name] = asyncio.get_running_loop().time()
        self._generations.pop(link.name, None)
        self._tell_hosts()

    # -- asking -------------------------------------------------------------------------------------------------------

    async def ask(self, to: Address, message: Message, timeout_s: float = 5.0) -> Message:
        """Tell an actor something and wait for its `turn.reply`, which comes after the commit.

        Raises:
            Refused: the actor said no; nothing was applied.
            Overloaded: too many ask already; nothing was sent.
            Unavailable: no answer in time; the outcome is unknown.
        """
        if len(self._asked) >= MOST_ASKS:
            raise Overloaded(f"{MOST_ASKS} questions wait for their answers already", retry_after_ms=ASK_AGAIN_MS)
        self._ask_seq += 1
        seq = self._ask_seq
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[seq] = future
        self.dispatch.send(Parcel(self._ask_stream, seq, to, raw(message)))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise Unavailable(f"{to} did not answer {type(message).__name__} within {timeout_s:g} s") from None
        finally:
            del self._asked[seq]

    # -- called by other processes --------------------------------------------------------------------------------------

    async def push(self, payload: bytes) -> bytes:
        """Take commands from a host for links that are open here."""
        unknown: dict[tuple[str, int], None] = {}
        by_link: dict[str, list[Command]] = {}
        for out in push_decoder.decode(payload).commands:
            if out.reply_to and out.link == self._ask_link:
                self._answer(out.reply_to, self._codec.message(out.body))
            elif self._generations.get(out.link) == out.generation and out.link in self._links:
                command = Command(out.source, out.number, self._codec.message(out.body))
                by_link.setdefault(out.link, []).append(command)
            else:
                unknown[out.link, out.generation] = None
        for name, commands in by_link.items():
            link = self._links.get(name)
            if link is not None:
                link.tell(CommandsArrived(tuple(commands)))
        return encode(PushReceipt(list(unknown)))

    async def table(self, payload: bytes) -> bytes:
        """Take a newer shard table over."""
        self._take_table(payload)
        return b""

    async def ping(self, _: bytes) -> bytes:
        """Answer: this process lives. A gateway that Ray restarted builds itself on being called."""
        return b""

    async def metrics(self, _: bytes) -> bytes:
        """Tell every figure of this gateway, as `cluster.telemetry.meter.Samples`."""
        return encode(self.samples())

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def shard_table(self) -> ShardTable:
        return self.dispatch.routes.table

    @property
    def is_ready(self) -> bool:
        """Whether a shard table has arrived."""
        return self.shard_table is not EMPTY_TABLE

    async def until_informed(self, timeout_s: float) -> None:
        """Wait until it is known whether there is a configuration, and which; no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._informed.wait()

    def status(self) -> dict[str, object]:
        """A summary for people: hosts and what they do, links, pending frames, the shard table's version."""
        table = self.shard_table
        shards: dict[str, int] = dict.fromkeys(table.hosts, 0)
        for placed in table.shards.values():
            shards[placed.host] = shards.get(placed.host, 0) + 1
        reports = {report.host: _host_status(report) for report in self._report.hosts}
        return {
            "gateway": self.name,
            "pid": os.getpid(),
            "supervisor_pid": self._report.pid,
            "table_version": table.version,
            "term": table.term,
            "hosts": {name: reports.get(name, {}) | {"shards": count} for name, count in sorted(shards.items())},
            "services": list(self.also_scraped),
            "links": sorted(self._links),
            "pending_frames": self.dispatch.pending,
            "calls": self.dispatch.calls,
        }

    def samples(self) -> Samples:
        """Every figure of this gateway."""
        now = [
            sample(metrics.CENTRE_VERSION, self.centre_version if self.centre is not None else 0),
            sample(metrics.PENDING_FRAMES, self.dispatch.pending),
            *self.dispatch.admission.samples(),
            sample(metrics.CALLS, self.dispatch.calls),
        ]
        return [*now, *self.meter.samples(), *process_samples()]

    async def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """Every figure of the whole cluster as a page for Prometheus, and its content type.

        Args:
            accept: The `Accept` header of who asks, which chooses the format.
        """
        return exposed(await self._scrape.read(), accept)

    async def stop(self) -> None:
        """End; adapters will resume elsewhere."""
        await self._scrape.stop()
        tasks = [*self._refreshers, *self._news_to_tell.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in list(self._links.values()):
            link.stream.close("UNAVAILABLE", "this gateway is stopping; reconnect to another")
        await self.dispatch.stop()

    # -- within ---------------------------------------------------------------------------------------------------------

    def _forget_left(self) -> None:
        """Forget links that left long ago, as the death of this process would: one that comes back says where it stopped."""
        before_s = asyncio.get_running_loop().time() - FORGET_AFTER_S
        for name, left_at_s in list(self._left_at_s.items()):
            if left_at_s > before_s:
                break
            actor = self._actors[name]
            if actor.received == actor.acknowledged:  # Else the fate of its last frames is still to come.
                del self._left_at_s[name], self._actors[name]
                self._forget_stream(link_stream(name, actor.incarnation))
                self.dispatch.forget(name)

    def _forget_stream(self, stream: str) -> None:
        """This incarnation of a link says nothing more."""
        self._streams.pop(stream, None)
        self.dispatch.floors.pop(stream, None)

    def _settled(self, stream: str, settled: list[tuple[int, Refusal | None]]) -> None:
        if stream == self._ask_stream:
            for seq, refusal in settled:
                future = self._asked.get(seq)
                if refusal is not None and future is not None and not future.done():
                    future.set_exception(Refused(refusal))
            return
        actor = self._streams.get(stream)
        if actor is None:
            return
        message = FramesSettled(tuple(FrameSettled(seq, refusal) for seq, refusal in settled))
        link = self._links.get(actor.address.partition("/")[2])
        if link is not None and link.actor is actor:
            link.tell(message)
        else:
            actor.receive(message, Turn(self.now_ms(), actor.address, actor.records))

    def _answer(self, seq: int, message: Message) -> None:
        future = self._asked.get(seq)
        if future is not None and not future.done():
            future.set_result(message)

    def _next_generation(self) -> int:
        self._last_generation = max(self._last_generation + 1, self._clock.now_ms())
        return self._last_generation

    def _take_table(self, payload: bytes) -> None:
        self.dispatch.update_table(payload)
        self._tell_hosts()

    def _tell_hosts(self) -> None:
        """Every host hears which links are here, whenever that changes or the host is new."""
        for host in self.shard_table.hosts:
            if host not in self._news_to_tell and self._news_for(host) is not None:
                self._news_to_tell[host] = asyncio.create_task(self._tell_host(host), name=f"links:{host}")

    def _news_for(self, host: str) -> tuple[str, dict[str, int]] | None:
        """The host's incarnation and all links, unless just that incarnation heard just these links already."""
        incarnation = self.shard_table.hosts.get(host)
        if incarnation is None or self._hosts_told.get(host) == (incarnation, self._generations):
            return None
        return incarnation, dict(self._generations)

    async def _tell_host(self, host: str) -> None:
        try:
            while (news := self._news_for(host)) is not None:
                try:
                    self._news_told += 1
                    told = LinkNews(self.name, news[1], self._incarnation, self._news_told)
                    await self._transport.call(host, "links", encode(told))
                    self._hosts_told[host] = news
                except PeerGone:
                    await asyncio.sleep(0.05)
        finally:
            self._news_to_tell.pop(host, None)

    async def _refresh_table(self) -> None:
        """Fetch the table at the start and now and then, in case a push got lost; hosts that restarted hear again."""
        while True:
            with contextlib.suppress(PeerGone):
                payload = await self._transport.call(SUPERVISOR, "join", self.name.encode())
                self._take_table(payload)
                answer = await self._transport.call(SUPERVISOR, "status", b"")
                self._report = supervisor_report_decoder.decode(answer)
            self._forget_left()
            await asyncio.sleep(REFRESH_EVERY_S if self.is_ready else 0.05)

    async def _refresh_centre(self) -> None:
        """Follow the configuration: ask its owner about once a second whether there is a newer version."""
        while True:
            with contextlib.suppress(Unavailable, Refused):
                known = await self.ask(CENTRE, ReadCentre(self.centre_version if self.centre else -1), timeout_s=2.0)
                if isinstance(known, CentreVersion):
                    if known.edge:
                        self.centre = EdgeCentre.parse(known.edge)
                        self.centre_version = known.version
                    self._informed.set()
            await asyncio.sleep(REFRESH_EVERY_S if self.centre else 0.1)


def _host_status(report: HostReport) -> dict[str, object]:
    return {
        "pid": report.pid,
        "node": report.node,
        "actors": report.actors,
        "pending": report.pending,
        "turns": report.turns,
        "commits": report.commits,
        "calls": report.calls,
    }

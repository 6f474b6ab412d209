"""An edge without a cluster: it keeps what a real one keeps for a link, and does what the test tells it.

Kept, as by the real one: numbers and outcomes outlive a stream; an unacknowledged command is sent again on the next
stream; the newest stream of a link wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from actors.actor import Message, Refusal
from actors.address import Address
from actors.messages.centre import CentrePlan
from actors.messages.gateway import Command, Frame, FrameSettled
from actors.routing.expression import Arriving
from cluster.clock import SystemClock
from cluster.config.edge import Way
from cluster.errors import ConfigInvalid, ProtocolViolation, Unavailable
from cluster.operations import ActorPage, ActorSummary
from cluster.telemetry.exposition import Told, exposed
from cluster.telemetry.meter import Meter
from gateways.server.edge import LinkStream

Judge = Callable[[Frame], Refusal | None]


@dataclass(frozen=True)
class FakeEntry:
    """Where arrivals go."""

    queue: str = "cards"
    priority: int = 3
    skills: Mapping[str, int] = field(default_factory=lambda: {"english": 2})
    retention_s: float = 600.0
    labels: tuple[str, ...] = ("vip", "complex")


@dataclass(frozen=True)
class FakeAgent:
    """Who may sign in."""

    name: str
    password_hash: str
    queues: tuple[str, ...] = ("cards",)


@dataclass(frozen=True)
class FakeQueue:
    """A queue as people see it."""

    names: dict[str, str]
    service_level_s: float


@dataclass(frozen=True)
class FakeChoice:
    """One line to choose."""

    id: str
    names: dict[str, str]


@dataclass
class FakeCentre:
    """A configuration with the entry points and agents that the test gives it."""

    entries: dict[tuple[str, str], FakeEntry] = field(default_factory=lambda: {("webchat", "main"): FakeEntry()})
    agents: dict[str, FakeAgent] = field(default_factory=dict)
    open: bool = True
    closed_text: str = ""
    names: dict[str, str] = field(default_factory=dict)
    queues: dict[str, FakeQueue] = field(default_factory=dict)
    dispositions: list[FakeChoice] = field(default_factory=list)
    presence_reasons: list[FakeChoice] = field(default_factory=list)
    skills: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def channels(self) -> dict[str, dict[str, FakeEntry]]:
        """The entry points of each channel."""
        channels: dict[str, dict[str, FakeEntry]] = {}
        for (channel, entry_point), entry in self.entries.items():
            channels.setdefault(channel, {})[entry_point] = entry
        return channels

    def way(self, arriving: Arriving, at_ms: int) -> Way | None:
        """Through the entry point, if it exists."""
        entry = self.entries.get((arriving.channel, arriving.entry_point))
        if entry is None:
            return None
        text = "" if self.open else self.closed_text
        return Way(entry.queue, entry.priority, dict(entry.skills), entry.retention_s, frozenset(entry.labels), self.open, text)

    def is_open(self, entry: FakeEntry, at_ms: int) -> bool:
        """What the test said."""
        return self.open


class FakeLink:
    """What the edge knows of a link, over all its streams."""

    def __init__(self, edge: FakeEdge, name: str) -> None:
        self.edge = edge
        self.name = name
        self.incarnation = ""
        self.stream: LinkStream | None = None
        self.acknowledged = 0
        self.received = 0
        self.window = 0
        self.frames: list[Frame] = []
        self.refused: dict[int, FrameSettled] = {}
        self.commands: list[Command] = []
        self.acks: list[tuple[str, int]] = []
        self.closed_for: list[str] = []

    def settle(self) -> None:
        """Settle everything that was received."""
        before, self.acknowledged = self.acknowledged, self.received
        if self.stream is not None and self.acknowledged > before:
            refused = [settled for seq, settled in sorted(self.refused.items()) if before < seq <= self.acknowledged]
            self.stream.send_settled(self.acknowledged, refused)

    def command(self, message: Message, number: int | None = None, source: str = "7") -> None:
        """Have the adapter told something; numbered after the last one unless a number is given."""
        last = self.commands[-1].number if self.commands else 0
        command = Command(source, last + 1 if number is None else number, message)
        if command.number:
            self.commands.append(command)
        if self.stream is not None:
            self.stream.send_commands([command])


class FakeLinkStream:
    """The part of a link that one stream holds."""

    def __init__(self, link: FakeLink, stream: LinkStream) -> None:
        self._link = link
        self._stream = stream

    @property
    def acknowledged(self) -> int:
        """Where to resume."""
        return self._link.acknowledged

    def receive(self, frames: Sequence[Frame]) -> None:
        """Take frames; repeated ones are recognised."""
        link = self._link
        for frame in frames:
            if frame.seq <= link.received:
                continue
            if frame.seq != link.received + 1:
                raise ProtocolViolation(f"frame {frame.seq} came after {link.received}")
            link.received = frame.seq
            link.frames.append(frame)
            refusal = link.edge.judge(frame)
            if refusal is not None:
                link.refused[frame.seq] = FrameSettled(frame.seq, refusal)
        if link.edge.settles:
            link.settle()

    def refuse(self, seq: int, refusal: Refusal) -> None:
        """Take a frame that could not be routed."""
        link = self._link
        if seq == link.received + 1:
            link.received = seq
            link.refused[seq] = FrameSettled(seq, refusal)
            if link.edge.settles:
                link.settle()

    def acknowledge(self, source: str, number: int) -> None:
        """Forget commands."""
        link = self._link
        link.acks.append((source, number))
        link.commands = [command for command in link.commands if command.source != source or command.number > number]

    def close(self, reason: str) -> None:
        """The stream is gone."""
        link = self._link
        link.closed_for.append(reason)
        if link.stream is self._stream:
            link.stream = None
        link.edge.changed()


class FakeEdge:
    """The fake. `settles` is whether frames are settled at once; `judge` says which of them are refused."""

    def __init__(self) -> None:
        self.centre: FakeCentre | None = FakeCentre()
        self.centre_version = 1
        self.links: dict[str, FakeLink] = {}
        self.settles = True
        self.judge: Judge = lambda frame: None
        self.answers: dict[type[Message], Message | Exception] = {}
        self.asked: list[tuple[Address, Message]] = []
        self.drained: list[str] = []
        self.meter = Meter()
        self._changed = asyncio.Event()

    def now_ms(self) -> int:
        """The machine's time."""
        return SystemClock().now_ms()

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """The figures of this gateway alone."""
        return exposed([Told("gateway", "gateway-1", self.meter.samples())], accept)

    def open_link(
        self, name: str, incarnation: str, resume_after: int, window: int, stream: LinkStream, sent: int = 0
    ) -> FakeLinkStream:
        """Take a link."""
        link = self.links.setdefault(name, FakeLink(self, name))
        if link.stream is not None:
            link.stream.close("ABORTED", f"a newer stream of link {name!r} took over")
        if link.incarnation != incarnation:
            link.incarnation = incarnation
            link.acknowledged = link.received = resume_after
            link.refused.clear()
        link.stream, link.window = stream, window
        heard = [settled for seq, settled in sorted(link.refused.items()) if resume_after < seq <= link.acknowledged]
        stream.send_settled(link.acknowledged, heard)
        stream.send_commands(link.commands)
        self.changed()
        return FakeLinkStream(link, stream)

    async def ask(self, to: Address, message: Message, timeout_s: float = 5.0) -> Message:
        """Answer as the test said."""
        self.asked.append((to, message))
        answer = self.answers.get(type(message), Unavailable(f"{to} did not answer"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def status(self) -> dict[str, object]:
        """A little."""
        return {"hosts": {"host-1": 8}, "links": sorted(self.links)}

    def changed(self) -> None:
        """Something happened that a test may wait for."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at after each turn of the event loop."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)


class FakeOperations:
    """What operators can do, in memory."""

    def __init__(self) -> None:
        self.actors: dict[str, Mapping[str, object]] = {}
        self.drained: list[str] = []
        self.restarted: list[str] = []

    async def list_actors(self, kind: str, prefix: str, limit: int, token: str) -> ActorPage:
        """Those the test put there."""
        known = [name for name in sorted(self.actors) if name.startswith(f"{kind}/{prefix}") and name > token]
        page = [ActorSummary(name, "0", "host-1", 1) for name in known[:limit]]
        return ActorPage(page, page[-1].address if len(known) > limit else "")

    async def show_actor(self, address: Address) -> tuple[ActorSummary, Mapping[str, object]] | None:
        """One of those the test put there."""
        records = self.actors.get(address)
        return None if records is None else (ActorSummary(address, "0", "host-1", 1), records)

    def compile_centre(self, source: str) -> CentrePlan:
        """Take anything but the word `wrong`."""
        if "wrong" in source:
            raise ConfigInvalid("centre.yaml:1:1: wrong: is wrong; write right\ncentre.yaml:2:1: also wrong")
        return CentrePlan({}, {}, "{}")

    async def drain_host(self, host: str) -> None:
        """Remember it."""
        self.drained.append(host)

    async def restart(self, part: str) -> None:
        """Remember it."""
        self.restarted.append(part)

    async def add_hosts(self, count: int) -> list[str]:
        """As many as were asked for."""
        return [f"host-{number}" for number in range(1, count + 1)]

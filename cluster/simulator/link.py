"""What an adapter's SDK does, in the simulator: number, keep, resend, drop what comes again, acknowledge.

Keeps: an event is sent until it is settled, over as many streams as it takes; a command is handled once in one life of
the adapter, and acknowledged again when it comes again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors.actor import Message, Refusal
from actors.address import Address
from actors.messages.gateway import Command, Frame, FrameSettled
from cluster.invariants.evidence import Answered, Commanded, Evidence
from cluster.simulator.clock import BEGIN_AT
from cluster.simulator.loop import Process
from cluster.simulator.transport import Network
from cluster.simulator.wire import NumberAlone, Wire

#: Called once with the refusal, or None when the cluster accepted it.
Told = Callable[[Refusal | None], None]

FLUSH_AFTER_S = 0.002
LONGEST_BACKOFF_S = 1.0
TAKEN_OVER = "ABORTED"


@dataclass(slots=True)
class Posted:
    """An event that is not settled yet."""

    frame: Frame
    told: Told | None
    #: It was refused ahead of its turn.
    ahead: bool = False


class SimLink:
    """One life of one adapter's link."""

    def __init__(
        self,
        network: Network,
        process: Process,
        name: str,
        incarnation: str,
        window: int,
        edges: Sequence[str],
        handle: Callable[[Message], None],
        evidence: Evidence,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.process = process
        self.window = window
        self.wire: Wire | None = None
        self.acknowledged = 0
        self.is_welcome = False
        self._network = network
        self._edges = edges
        self._handle = handle
        self._evidence = evidence
        self._unsettled: deque[Posted] = deque()
        self._last_seq = 0
        self._sent = self._most_sent = 0
        self._handled: dict[str, int] = {}
        self._to_acknowledge: dict[str, int] = {}
        self._is_flushing = False
        self._gone: asyncio.Event = asyncio.Event()
        network.loop.create_task(self._stay_connected(), context=process.context)

    @property
    def unsettled(self) -> int:
        """How many events the cluster has not answered yet."""
        return len(self._unsettled)

    def post(self, to: Address, message: Message, told: Told | None = None) -> None:
        """Send an event; it is numbered here, and goes as soon as the window allows."""
        self._last_seq += 1
        self._unsettled.append(Posted(Frame(self._last_seq, to, message), told))
        self._flush_soon()

    # -- the stream's other end speaks ----------------------------------------------------------------------------

    def welcomed(self, wire: Wire, acknowledged: int) -> None:
        if wire is self.wire:
            self._settle(acknowledged, ())
            self._sent = self.acknowledged
            self.is_welcome = True
            self._flush_soon()

    def settled(self, wire: Wire, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        if wire is self.wire:
            self._settle(acknowledged, refused)
            self._flush_soon()

    def refused_ahead(self, wire: Wire, refused: Sequence[FrameSettled]) -> None:
        """Tell at once; only the number is sent again."""
        if wire is not self.wire:
            return
        for one in refused:
            posted = self._unsettled[one.seq - self.acknowledged - 1] if one.seq > self.acknowledged else None
            if posted is None or one.refusal is None:
                continue
            posted.ahead = True
            posted.frame = Frame(one.seq, posted.frame.to, NumberAlone())
            self._evidence.answers.append(Answered(self.name, self.incarnation, one.seq, one.refusal.code, self._now_ms()))
            told, posted.told = posted.told, None
            if told is not None:
                told(one.refusal)

    def commanded(self, wire: Wire, commands: Sequence[Command]) -> None:
        if wire is not self.wire:
            return
        at = self._now_ms()
        for command in commands:
            source, number = command.source, command.number
            if number:
                handled = self._handled.get(source, 0)
                if number <= handled:
                    self._to_acknowledge[source] = handled
                    continue
                self._handled[source] = self._to_acknowledge[source] = number
            self._evidence.commands.append(Commanded(self.name, self.incarnation, source, number, at))
            self._handle(command.message)
        self._flush_soon()

    def lost(self, wire: Wire, code: str) -> None:
        if wire is self.wire:
            self.wire = None
            self.is_welcome = False
            self._gone.set()

    # -- within ---------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        random = self._network.random
        backoff_s = 0.05
        while True:
            self._gone.clear()
            self.wire = Wire(self._network, self, random.choice(self._edges), self.acknowledged, self._most_sent)
            wire = self.wire
            timer = self._network.loop.call_later(2.0, self._give_up_opening, wire)
            await self._gone.wait()
            timer.cancel()
            backoff_s = 0.05 if wire.link is not None else min(backoff_s * 2, LONGEST_BACKOFF_S)
            await asyncio.sleep(backoff_s * (0.5 + random.random()))

    def _give_up_opening(self, wire: Wire) -> None:
        if wire is self.wire and not self.is_welcome:
            wire.snap(0.0, 1.0)

    def _settle(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        refusals = {one.seq: one.refusal for one in refused if one.refusal is not None}
        at = self._now_ms()
        for seq, refusal in refusals.items():
            if seq <= self.acknowledged:
                self._evidence.answers.append(Answered(self.name, self.incarnation, seq, refusal.code, at))
        while self._unsettled and self._unsettled[0].frame.seq <= acknowledged:
            posted = self._unsettled.popleft()
            self.acknowledged = posted.frame.seq
            told = refusals.get(posted.frame.seq)
            if not posted.ahead:  # Else it has its answer, and nothing that comes in its turn is another.
                code = told.code if told is not None else ""
                self._evidence.answers.append(Answered(self.name, self.incarnation, posted.frame.seq, code, at))
            if posted.told is not None:
                posted.told(told)

    def _flush_soon(self) -> None:
        if self.is_welcome and not self._is_flushing:
            self._is_flushing = True
            self._network.loop.call_later(FLUSH_AFTER_S, self._flush, context=self.process.context)

    def _flush(self) -> None:
        self._is_flushing = False
        wire = self.wire
        if wire is None or not self.is_welcome:
            return
        first = self._sent - self.acknowledged
        frames = [posted.frame for posted in list(self._unsettled)[max(0, first) : self.window]]
        if frames:
            self._sent = frames[-1].seq
            self._most_sent = max(self._most_sent, self._sent)
            wire.send(frames)
        for source, number in self._to_acknowledge.items():
            wire.acknowledge(source, number)
        self._to_acknowledge.clear()

    def _now_ms(self) -> int:
        return BEGIN_AT + int(self._network.loop.time() * 1000)

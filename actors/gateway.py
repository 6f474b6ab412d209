"""A gateway actor owns one link to one channel adapter: its numbering, acknowledgements and flow control.

Soft state only. An adapter's frame stays unacknowledged until a shard committed it, and a shard's command stays in
its outbox until the adapter acknowledged it, so losing this actor loses nothing.

    adapter                    gateway actor                      edge -> shards
      | Hello(resume_after) ----> LinkOpened
      | frames 1..n ------------> FramesArrived --- RouteFrames ----> |
      | <--- Settled(n) --------- SettleFrames <--- FramesSettled --- | (committed, or refused)
      | <--- commands ----------- SendCommands <--- CommandsArrived - |
      | command ack ------------> CommandsAcknowledged -------------> | (outbox forgets)
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from actors.actor import Actor, Turn, on
from actors.address import GATEWAY_KIND, Address
from actors.messages.gateway import (
    Command,
    CommandsAcknowledged,
    CommandsArrived,
    ForwardAcknowledgement,
    Frame,
    FrameRefused,
    FramesArrived,
    FrameSettled,
    FramesSettled,
    LinkClosed,
    LinkOpened,
    RouteFrames,
    SendCommands,
    SettleFrames,
)

#: Where the gateway actor's words go: the edge it lives in, and the adapter at the other end of its stream.
EDGE: Final = Address("edge/self")
ADAPTER: Final = Address("adapter/self")


class Gateway(Actor):
    """One link. `acknowledged` is the highest frame up to which every frame is settled."""

    kind: ClassVar[str] = GATEWAY_KIND
    volatile: ClassVar[bool] = True

    def rebuild(self) -> None:
        self.incarnation = ""
        self.connected = False
        self.window = 0
        self.received = 0
        self.acknowledged = 0
        self._settled: set[int] = set()
        # Refusals are kept until the adapter is known to have heard them: a lost "no" must not become a "yes".
        self._refused: dict[int, FrameSettled] = {}
        self._held: deque[Command] = deque()
        self._outstanding: dict[str, deque[int]] = {}
        self._unacknowledged = 0

    @on(LinkOpened)
    def opened(self, message: LinkOpened, turn: Turn) -> None:
        """A stream is up. The same incarnation goes on where it was; another one starts afresh."""
        if message.incarnation != self.incarnation:
            self.rebuild()
            self.incarnation = message.incarnation
            self.received = self.acknowledged = message.resume_after
        elif message.resume_after > self.acknowledged:
            self.received = max(self.received, message.resume_after)
            self._advance(message.resume_after)
        self.connected = True
        self.window = message.window
        self._held.clear()
        self._outstanding.clear()
        self._unacknowledged = 0
        self._refused = {seq: settled for seq, settled in self._refused.items() if seq > message.resume_after}
        refused = tuple(settled for seq, settled in self._refused.items() if seq <= self.acknowledged)
        turn.tell(ADAPTER, SettleFrames(self.acknowledged, refused))

    @on(LinkClosed)
    def closed(self, message: LinkClosed, turn: Turn) -> None:
        """The stream is down; frames under way are still settled, for the resume."""
        self.connected = False
        self._held.clear()

    @on(FramesArrived)
    def frames_arrived(self, message: FramesArrived, turn: Turn) -> None:
        """Route what is new; repeated frames are under way or settled already.

        Refuses with FAILED_PRECONDITION when a number is skipped or the window is overrun.
        """
        fresh: list[Frame] = []
        received = self.received
        for frame in message.frames:
            if frame.seq == received + 1:
                received += 1
                fresh.append(frame)
            elif frame.seq > received:
                turn.refuse("FAILED_PRECONDITION", f"frame {frame.seq} came after {received}: number frames without gaps")
                return
        if received - self.acknowledged > self.window:
            turn.refuse(
                "FAILED_PRECONDITION",
                f"{received - self.acknowledged} frames are unacknowledged but the window is {self.window}: wait for settled",
            )
            return
        self.received = received
        if self._refused:
            self._forget_refusals(self.heard)
        if fresh:
            turn.tell(EDGE, RouteFrames(tuple(fresh)))

    @on(FrameRefused)
    def frame_refused(self, message: FrameRefused, turn: Turn) -> None:
        """Settle a frame that the edge could not route; a repeated one was settled before."""
        if message.seq > self.received + 1:
            turn.refuse("FAILED_PRECONDITION", f"frame {message.seq} came after {self.received}: number frames without gaps")
            return
        if message.seq == self.received + 1:
            self.received = message.seq
            self._settle((FrameSettled(message.seq, message.refusal),), turn)

    @on(FramesSettled)
    def frames_settled(self, message: FramesSettled, turn: Turn) -> None:
        """Advance over every settled frame without a gap, and tell the adapter."""
        self._settle(message.settled, turn)

    def _settle(self, frames: tuple[FrameSettled, ...], turn: Turn) -> None:
        for settled in frames:
            if settled.seq > self.acknowledged:
                self._settled.add(settled.seq)
                if settled.refusal is not None:
                    self._refused[settled.seq] = settled
        before = self.acknowledged
        self._advance(before)
        if self.acknowledged > before and self.connected:
            # By number, not through all that is remembered: in an overload that is as many as the window.
            news = range(before + 1, self.acknowledged + 1) if self._refused else ()
            refused = tuple(self._refused[seq] for seq in news if seq in self._refused)
            turn.tell(ADAPTER, SettleFrames(self.acknowledged, refused))

    @on(CommandsArrived)
    def commands_arrived(self, message: CommandsArrived, turn: Turn) -> None:
        """Pass commands on within the adapter's window; the rest waits here for acknowledgements."""
        if not self.connected:
            return
        self._held.extend(message.commands)
        self._send_held(turn)

    @on(CommandsAcknowledged)
    def commands_acknowledged(self, message: CommandsAcknowledged, turn: Turn) -> None:
        """Free the window and let the source shard forget."""
        outstanding = self._outstanding.get(message.source)
        if outstanding:
            while outstanding and outstanding[0] <= message.number:
                outstanding.popleft()
                self._unacknowledged -= 1
        turn.tell(EDGE, ForwardAcknowledgement(message.source, message.number))
        self._send_held(turn)

    @property
    def heard(self) -> int:
        """The adapter knows the outcome up to here: its window would not have let it send `received` otherwise."""
        return max(0, self.received - self.window)

    def _forget_refusals(self, floor: int) -> None:
        for seq in [seq for seq in self._refused if seq <= floor]:
            del self._refused[seq]

    def _send_held(self, turn: Turn) -> None:
        sent: list[Command] = []
        while self._held and (self._unacknowledged < self.window or not self._held[0].number):
            command = self._held.popleft()
            sent.append(command)
            if command.number:
                self._outstanding.setdefault(command.source, deque()).append(command.number)
                self._unacknowledged += 1
        if sent:
            turn.tell(ADAPTER, SendCommands(tuple(sent)))

    def _advance(self, at_least: int) -> None:
        """Move `acknowledged` over the settled frames that follow it."""
        acknowledged = max(self.acknowledged, at_least)
        settled = self._settled
        if at_least > self.acknowledged:
            settled = self._settled = {seq for seq in settled if seq > at_least}
        while acknowledged + 1 in settled:
            acknowledged += 1
            settled.discard(acknowledged)
        self.acknowledged = acknowledged

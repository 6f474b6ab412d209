"""One open link at an edge: its gateway actor above the stream, and which of its arrivals are let in.

Kept: a frame that is refused ahead of its turn went nowhere before, and nobody can accept it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from actors.actor import Message, Refusal, Turn
from actors.address import ShardId
from actors.gateway import ADAPTER, Gateway
from actors.messages.gateway import (
    Command,
    CommandsAcknowledged,
    ForwardAcknowledgement,
    Frame,
    FrameRefused,
    FramesArrived,
    FrameSettled,
    LinkClosed,
    RouteFrames,
    SendCommands,
    SettleFrames,
    TurnedAway,
)
from cluster.codec import raw
from cluster.errors import ProtocolViolation
from cluster.shard.inbox import full
from cluster.wire import Parcel, link_stream

if TYPE_CHECKING:
    from cluster.edge.edge import Edge


class LinkStream(Protocol):
    """The open stream beneath a link, as the server implements it. Calls never block and never raise."""

    def send_commands(self, commands: Sequence[Command]) -> None: ...

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        """Every frame up to `acknowledged` is settled; those in `refused` had no effect."""
        ...

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        """These frames are refused, whatever becomes of those before them; each is settled in its turn besides."""
        ...

    def close(self, code: str, detail: str) -> None: ...


class Link:
    """One open link: the gateway actor above a stream."""

    def __init__(self, edge: Edge, name: str, incarnation: str, actor: Gateway, stream: LinkStream, sent: int) -> None:
        self.name = name
        #: Frames up to here may have reached another gateway, and been accepted there.
        self._sent = sent
        self._edge = edge
        self.actor = actor
        self.stream = stream
        self._source = link_stream(name, incarnation)

    @property
    def acknowledged(self) -> int:
        """Every frame up to here is settled: the adapter resends only what follows."""
        return self.actor.acknowledged

    def receive(self, frames: Sequence[Frame]) -> None:
        """Take frames in ascending order.

        Raises:
            ProtocolViolation: a number was skipped, or more is unacknowledged than the window allows.
        """
        self.tell(FramesArrived(tuple(frames)))

    def acknowledge(self, source: str, number: int) -> None:
        """The adapter handled every command of `source` up to `number`."""
        self.tell(CommandsAcknowledged(source, number))

    def refuse(self, seq: int, refusal: Refusal) -> None:
        """The frame with this number can be given to nobody: settle it, refused, in its turn.

        Raises:
            ProtocolViolation: a number was skipped.
        """
        self.tell(FrameRefused(seq, refusal))

    def close(self, reason: str) -> None:
        """The stream is gone."""
        if self._edge.holds(self):
            self.tell(LinkClosed(reason))
            self._edge.forget(self)

    def tell(self, message: Message) -> None:
        turn = Turn(self._edge.now_ms(), self.actor.address, self.actor.records)
        self.actor.receive(message, turn)
        if turn.refusal is not None:
            raise ProtocolViolation(turn.refusal.detail)
        for sent in turn.sent:
            if sent.to == ADAPTER:
                self._to_adapter(sent.message)
            else:
                self._to_edge(sent.message)

    def _to_adapter(self, message: Message) -> None:
        match message:
            case SettleFrames(acknowledged, refused):
                self.stream.send_settled(acknowledged, refused)
            case SendCommands(commands):
                self.stream.send_commands(commands)

    def _to_edge(self, message: Message) -> None:
        match message:
            case RouteFrames(frames):
                self._route(frames)
            case ForwardAcknowledgement(source, number):
                self._edge.dispatch.acknowledge(ShardId(source), self.name, number)

    def _route(self, frames: Sequence[Frame]) -> None:
        """Give frames to their shards: in place of each arrival that is not let in, its refusal.

        The shard records that with everything else: an answer that only this gateway knew would die with it, and the
        shard's mark would later take the number for an accepted one. The adapter need not wait for that. No other gateway
        ever had the frame; and one that heeds the answer sends nothing but the number again, so nobody can accept it.
        """
        dispatch = self._edge.dispatch
        dispatch.floors[self._source] = self.actor.heard
        ahead: list[FrameSettled] = []
        for frame in frames:
            message = frame.message
            if message.begins and (retry_after_ms := dispatch.refusal_ms(frame.to, self._waited_s(frame))):
                message = TurnedAway(retry_after_ms)
                if frame.seq > self._sent:
                    ahead.append(FrameSettled(frame.seq, full(retry_after_ms)))
            dispatch.send(Parcel(self._source, frame.seq, frame.to, raw(message)))
        if ahead:
            self.stream.send_ahead(ahead)

    def _waited_s(self, frame: Frame) -> float:
        return max(0.0, (self._edge.now_ms() - frame.created_at) / 1000) if frame.created_at else 0.0

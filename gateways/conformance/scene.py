"""One stream as a script plays it: welcomes the adapter, watches what it does, and answers when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import grpc

from gateways.conformance.book import EventBook
from gateways.conformance.report import Failed
from gateways.conformance.stage import Visit
from trunkline.gateway.v1 import gateway_pb2
from trunkline.link.v1 import link_pb2

LIMITS: Final = link_pb2.Limits(frame_bytes=4 * 1024 * 1024, frame_events=1_000, event_bytes=256 * 1024)
CAPABILITIES: Final = (
    "conversation_opened",
    "message_received",
    "typing_changed",
    "marks_moved",
    "customer_returned",
    "customer_left",
)


class Scene:
    """A welcomed stream. While `settles` is on, events are settled as they come."""

    def __init__(self, visit: Visit, hello: link_pb2.Hello, book: EventBook, patience_s: float) -> None:
        self.visit = visit
        self.hello = hello
        self.book = book
        self.settles = True
        self.acks: list[tuple[str, int]] = []
        self.pongs: list[int] = []
        self.goodbye = False
        self.closed = False
        self._patience_s = patience_s
        self._changed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def welcome(self, window: int = 100) -> None:
        """Welcome the adapter where it stopped, and watch it from here on."""
        self.book.begin_stream(window)
        welcome = link_pb2.Welcome(
            protocol_version=1,
            gateway="conformance",
            acknowledged=self.book.acknowledged,
            window=window,
            command_window=100,
            limits=LIMITS,
            capabilities=CAPABILITIES,
        )
        await self.visit.send(gateway_pb2.GatewayFrame(welcome=welcome))
        self._reader = asyncio.create_task(self._watch())

    def was_ponged(self, nonce: int) -> bool:
        """Whether a Pong with this nonce came."""
        return nonce in self.pongs

    async def _watch(self) -> None:
        with suppress(Failed):
            while (frame := await self.visit.read(3_600)) is not None:
                await self._take(frame)
        self.closed = True
        self._changed.set()

    async def _take(self, frame: gateway_pb2.AdapterFrame) -> None:
        if frame.HasField("hello"):
            self.book.problems.append("Hello came again on a welcomed stream")
        for event in frame.events:
            self.book.take(event)
        if len(frame.events) > LIMITS.frame_events:
            self.book.problems.append(f"a frame held {len(frame.events)} events; Welcome allowed {LIMITS.frame_events}")
        self.acks += [(ack.source, ack.number) for ack in frame.acks]
        if frame.HasField("pong"):
            self.pongs.append(frame.pong.nonce)
        if frame.HasField("ping"):
            await self.visit.send(gateway_pb2.GatewayFrame(pong=link_pb2.Pong(nonce=frame.ping.nonce)))
        self.goodbye = self.goodbye or frame.HasField("goodbye")
        if self.settles and frame.events:
            await self.settle(self.book.highest)
        self._changed.set()

    async def settle(self, acknowledged: int, *rejections: link_pb2.Rejection, window: int = 0) -> None:
        """Settle events up to a number."""
        self.book.acknowledged = max(self.book.acknowledged, acknowledged)
        settled = link_pb2.Settled(acknowledged=acknowledged, rejections=rejections, window=window)
        await self.visit.send(gateway_pb2.GatewayFrame(settled=settled))
        if window:
            self.book.window = window

    async def until(self, condition: Callable[[], object], what: str, patience_s: float | None = None) -> None:
        """Wait for the adapter to do something.

        Raises:
            Failed: it did not in time; `what` says what was waited for.
        """
        patience_s = self._patience_s if patience_s is None else patience_s
        try:
            async with asyncio.timeout(patience_s):
                while not condition():
                    self._changed.clear()
                    if self.closed:
                        raise Failed(f"{what}: the adapter closed the stream instead")
                    await self._changed.wait()
        except TimeoutError:
            raise Failed(f"{what}: nothing of the kind came within {patience_s:g} s") from None

    async def stays(self, condition: Callable[[], object], seconds: float) -> bool:
        """Whether a condition holds for a while, whatever the adapter does meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while condition():
                    self._changed.clear()
                    await self._changed.wait()
        return bool(condition())

    async def leave(self) -> None:
        """Break the stream, as a network does."""
        self.visit.end(grpc.StatusCode.UNAVAILABLE, "the conformance kit broke the stream")
        await self.visit.ended.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

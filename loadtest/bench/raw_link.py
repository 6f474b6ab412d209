"""A link stripped to the wire, for the generator's side: the SDK's promises cost time that belongs to the product.

It numbers events, packs what one loop turn produced into one frame, acknowledges commands, and never reconnects: a
benchmark whose stream breaks has failed.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from trunkline.link.v1 import link_pb2

WINDOW = 4_096
EVENTS_IN_FRAME = 1_000
#: What `read()` returns when the stream is over; grpc's type stubs lack its name.
END_OF_STREAM: Any = vars(grpc.aio)["EOF"]


class RawLink:
    """One stream. `on_commands` gets each batch of commands and the time it was read (`time.perf_counter`)."""

    def __init__(self, frame: type[Any], on_commands: Callable[[Sequence[Any], float], None]) -> None:
        self._frame = frame
        self._on_commands = on_commands
        self._events: list[Any] = []
        self._acks: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._settled = asyncio.Event()
        self._seq = 0
        self.acknowledged = 0
        self.rejected: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, method: Any, name: str, token: str, grants: Sequence[str] = ()) -> None:
        """Say hello and be welcomed."""
        self._call = method(metadata=(("authorization", f"Bearer {token}"),))
        hello = link_pb2.Hello(
            protocol_version=1, link=name, incarnation=uuid.uuid4().hex, window=WINDOW, command_window=WINDOW, grants=grants
        )
        await self._call.write(self._frame(hello=hello))
        welcome = await self._call.read()
        if welcome is END_OF_STREAM:
            raise RuntimeError(f"{name} was not welcomed: {await self._call.details()}")
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    def post(self, event: Any) -> int:
        """Send an event with the next number, which is returned."""
        self._seq += 1
        event.seq = self._seq
        if not event.created_at:  # As the SDK does: who waited here for room is still part of the burst to admission.
            event.created_at = time.time_ns() // 1_000_000
        self._events.append(event)
        self._wanted.set()
        return self._seq

    @property
    def in_flight(self) -> int:
        return self._seq - self.acknowledged

    async def settled(self, seq: int, timeout_s: float = 60.0) -> None:
        """Wait until everything up to `seq` is settled; raises `RuntimeError` if anything was rejected."""
        async with asyncio.timeout(timeout_s):
            while self.acknowledged < seq:
                self._settled.clear()
                await self._settled.wait()
                self.check()
        self.check()

    def check(self) -> None:
        """Raise `RuntimeError` if anything was rejected or the stream has ended: a measurement goes wrong silently then."""
        if self.rejected:
            raise RuntimeError(f"rejected: {self.rejected[0].code} {self.rejected[0].detail}")
        if self._call.done():
            raise RuntimeError("the stream ended")

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` events are in flight."""
        while self.in_flight >= most:
            self._settled.clear()
            await self._settled.wait()

    async def close(self) -> None:
        """End the stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._call.cancel()

    async def _write(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            # What the window does not allow waits here, and its time counts.
            room = WINDOW - (self._seq - len(self._events) - self.acknowledged)
            count = min(EVENTS_IN_FRAME, room)
            events, self._events = self._events[:count], self._events[count:]
            if self._events and room > count:
                self._wanted.set()
            acks = [link_pb2.CommandAck(source=source, number=number) for source, number in self._acks.items()]
            self._acks = {}
            await self._call.write(self._frame(events=events, acks=acks))

    async def _read(self) -> None:
        while (frame := await self._call.read()) is not END_OF_STREAM:
            now = time.perf_counter()
            if frame.HasField("settled"):
                self.acknowledged = max(self.acknowledged, frame.settled.acknowledged)
                self.rejected.extend(frame.settled.rejections)
                self._settled.set()
                self._wanted.set()
            if frame.commands:
                for command in frame.commands:
                    if command.number:
                        self._acks[command.source] = command.number
                self._wanted.set()
                self._on_commands(frame.commands, now)
            if frame.HasField("ping"):
                await self._call.write(self._frame(pong=link_pb2.Pong(nonce=frame.ping.nonce)))
        self._settled.set()


async def open_customers(
    channel: grpc.aio.Channel, token: str, on_commands: Callable[[Sequence[gateway_pb2.Command], float], None]
) -> RawLink:
    """A channel adapter's link."""
    link = RawLink(gateway_pb2.AdapterFrame, on_commands)
    await link.open(gateway_pb2_grpc.GatewayServiceStub(channel).Connect, "bench-customers", token)
    return link


async def open_desk(
    channel: grpc.aio.Channel,
    token: str,
    grants: Sequence[str],
    on_commands: Callable[[Sequence[desk_pb2.Command], float], None],
) -> RawLink:
    """A desk's link, for agents who signed in (`grants` are their tokens)."""
    link = RawLink(desk_pb2.DeskFrame, on_commands)
    await link.open(desk_pb2_grpc.DeskServiceStub(channel).Connect, "bench-desk", token, grants)
    return link

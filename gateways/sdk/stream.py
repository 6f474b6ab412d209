"""One stream of a link, from Hello to its end: sends what the outbox has, takes what the gateway sends.

Kept: nothing is sent before Welcome but Hello; no more than the gateway's window is in flight; every Ping is answered;
a gateway that fell silent is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from gateways.sdk.ending import Ending
from gateways.sdk.errors import Status
from gateways.sdk.inbox import Inbox
from gateways.sdk.outbox import Outbox
from trunkline.link.v1 import link_pb2

PROTOCOL_VERSION: Final = 1
EOF: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs
#: Room for what a frame holds besides its events.
FRAME_OVERHEAD_BYTES: Final = 64 * 1024


class StreamEnded(Exception):
    """The stream ended with this status, which is not of the adapter's making."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"{status.code}: {status.detail}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the two kinds of links."""

    frame: Callable[..., Any]
    event: Callable[..., Any]
    connect: Callable[[grpc.aio.Channel], Any]


class Stream:
    """One attempt of a link to be connected."""

    def __init__(self, dialect: Dialect, outbox: Outbox, inbox: Inbox, call: Any, silence_timeout_s: float) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._inbox = inbox
        self._call = call
        self._ending = Ending(call)
        self._silence_timeout_s = silence_timeout_s
        self._wake = asyncio.Event()
        self._pongs: list[int] = []
        self._ping = 0
        self._heard = False
        self._leaving: str | None = None
        self.limits = link_pb2.Limits()
        self.welcomed = False
        #: The gateway asked to be left, so another one is to be tried at once.
        self.asked_away = False

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    async def open(self, hello: link_pb2.Hello) -> link_pb2.Welcome:
        """Say Hello and wait to be welcomed.

        Raises:
            StreamEnded: the gateway ended the stream, or did not answer in time.
        """
        try:
            async with asyncio.timeout(self._silence_timeout_s):
                await self._call.write(self._dialect.frame(hello=hello))
                frame = await self._call.read()
        except TimeoutError:
            raise StreamEnded(Status("UNAVAILABLE", "no answer to Hello", "", ())) from None
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise await self._ended(error) from None
        if frame is EOF:
            raise await self._ended(None)
        welcome: link_pb2.Welcome = frame.welcome
        self.limits = welcome.limits
        self.welcomed = True
        self._outbox.rewind(welcome.acknowledged, welcome.window, frame.settled.rejections)
        self._take(frame)
        self._wake.set()
        return welcome

    async def run(self) -> None:
        """Serve until the stream ends in good order.

        Raises:
            StreamEnded: it ended otherwise.
        """
        writer = asyncio.create_task(self._write())
        watch = asyncio.create_task(self._watch())
        try:
            while (frame := await self._call.read()) is not EOF:
                self._heard = True
                self._take(frame)
            if await self._call.code() is not grpc.StatusCode.OK:
                raise await self._ended(None)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise await self._ended(error) from None
        except asyncio.CancelledError:
            # Either this link is being closed, or `_watch` gave the call up and the read was cancelled with it.
            if self._call.cancelled() and not _being_cancelled():
                raise StreamEnded(Status("UNAVAILABLE", "the gateway fell silent", "", ())) from None
            raise
        finally:
            writer.cancel()
            watch.cancel()
            await asyncio.gather(writer, watch, return_exceptions=True)

    def leave(self, reason: str) -> None:
        """Send no more events; say goodbye once those in flight are settled."""
        self._leaving = reason
        self._wake.set()

    def _take(self, frame: Any) -> None:
        if frame.HasField("settled"):
            settled = frame.settled
            if settled.window:
                self._outbox.allow(settled.window)
            self._outbox.settle(settled.acknowledged, settled.rejections)
            self._outbox.refuse_ahead(settled.ahead)
            if self._outbox.ready() or self._leaving is not None:
                self._wake.set()
        if frame.commands:
            self._inbox.put(frame.commands)
        if frame.HasField("ping"):
            self._pongs.append(frame.ping.nonce)
            self._wake.set()
        if frame.HasField("go_away"):
            self.asked_away = True
            self.leave("asked to go away")

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                frame = self._next_frame()
                if frame is not None:
                    await self._call.write(frame)
                if self._leaving is not None and not self._outbox.in_flight:
                    await self._call.write(self._dialect.frame(goodbye=link_pb2.Goodbye(reason=self._leaving)))
                    await self._call.done_writing()
                    return
        except (grpc.RpcError, asyncio.InvalidStateError):
            # The stream is over; whoever reads it learns why.
            return

    def _next_frame(self) -> Any | None:
        frame = self._dialect.frame(acks=self._inbox.take_acks())
        something = bool(frame.acks)
        if self._leaving is None:
            events = self._outbox.take(
                self.limits.frame_events or 1, max(self.limits.frame_bytes - FRAME_OVERHEAD_BYTES, self.limits.frame_bytes // 2)
            )
            if events:
                frame.events.extend(events)
                something = True
                if self._outbox.ready():
                    self._wake.set()
        if self._pongs:
            frame.pong.nonce = self._pongs.pop(0)
            something = True
            if self._pongs:
                self._wake.set()
        if self._ping:
            frame.ping.nonce, self._ping = self._ping, 0
            something = True
        return frame if something else None

    async def _watch(self) -> None:
        """Ping a gateway from which nothing came for a while; leave it if still nothing comes."""
        nonce = 0
        while True:
            self._heard = False
            await asyncio.sleep(self._silence_timeout_s / 2)
            if self._heard:
                continue
            nonce += 1
            self._ping = nonce
            self._wake.set()
            await asyncio.sleep(self._silence_timeout_s / 2)
            if not self._heard:
                self._call.cancel()
                return

    async def _ended(self, error: BaseException | None) -> StreamEnded:
        """How the call ended."""
        return StreamEnded(await self._ending.status(error if isinstance(error, grpc.RpcError) else None))


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

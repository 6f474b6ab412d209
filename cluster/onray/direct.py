"""Direct connections between processes: one TCP connection to a peer carries all calls to it, many under way at once.

Ray says where a peer is and starts it again; what hosts and gateways say to each other all day goes directly, because a
Ray call costs a millisecond of processor time at its two ends and crosses three threads at each (ADR 0013).

request:  length | msgpack [number, method, payload]        first of all: the token that Ray told the caller
reply:    length | msgpack [number, payload, error type]

Invariants kept: nothing is answered before the token is right; a call whose connection ends has an unknown outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec

from cluster.errors import PeerGone

Answer = Callable[[str, bytes], Awaitable[bytes]]

#: Larger frames are nobody's: a batch holds some thousands of messages of at most 64 kB.
FRAME_LIMIT = 1 << 29
CONNECT_TIMEOUT_S = 2.0
_LENGTH = 4


class PeerAddress(msgspec.Struct, frozen=True, array_like=True):
    """Where a process listens, and what proves that Ray sent the caller."""

    host: str
    port: int
    token: str


class _Request(msgspec.Struct, frozen=True, array_like=True):
    number: int
    method: str
    payload: bytes


class _Reply(msgspec.Struct, frozen=True, array_like=True):
    """`failed` is the type of the error that the method raised; empty if it answered."""

    number: int
    payload: bytes
    failed: str = ""


class PeerFailed(PeerGone):
    """The peer's method raised an error, which is a defect; the outcome is unknown all the same."""


_encode = msgspec.msgpack.Encoder().encode
_request = msgspec.msgpack.Decoder(_Request).decode
_reply = msgspec.msgpack.Decoder(_Reply).decode


class _Framed(asyncio.Protocol, ABC):
    """Cuts a connection's bytes into frames."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _LENGTH:
            end = at + _LENGTH + int.from_bytes(buffer[at : at + _LENGTH], "big")
            if end - at > FRAME_LIMIT:
                self.close()
                return
            if len(buffer) < end:
                break
            frame = bytes(memoryview(buffer)[at + _LENGTH : end])
            at = end
            self.frame_received(frame)
        if at:
            del buffer[:at]

    @abstractmethod
    def frame_received(self, frame: bytes) -> None:
        """Take one whole frame."""

    def send(self, frame: bytes) -> None:
        """Write a frame, unless the connection is gone: then the caller's side ends its calls."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines((len(frame).to_bytes(_LENGTH, "big"), frame))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Incoming(_Framed):
    """One caller's connection; one that shows no token is held open and told nothing, which makes it a lifeline."""

    def __init__(self, token: bytes, answer: Answer, listener: Listener) -> None:
        super().__init__()
        self._token = token
        self._answer = answer
        self._listener = listener
        self._is_known = False
        self._under_way: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._listener.callers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.callers.discard(self)

    def frame_received(self, frame: bytes) -> None:
        if self._is_known:
            try:
                request = _request(frame)
            except msgspec.DecodeError:
                self.close()
                return
            task = asyncio.get_running_loop().create_task(self._serve(request), name=f"serve:{request.method}")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        elif hmac.compare_digest(frame, self._token):
            self._is_known = True
        else:
            self.close()

    async def _serve(self, request: _Request) -> None:
        try:
            reply = _Reply(request.number, await self._answer(request.method, request.payload))
        except Exception as problem:  # noqa: BLE001  # whatever it is, the caller must hear of it
            reply = _Reply(request.number, b"", type(problem).__name__)
        self.send(_encode(reply))


class Listener:
    """A process's end: listens on its node's address once somebody has asked where."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._token = secrets.token_hex(16)
        self._server: asyncio.Server | None = None
        self.callers: set[_Incoming] = set()

    async def address(self, host: str) -> PeerAddress:
        """Where to connect to, with the token; starts listening at `host` on the first call."""
        if self._server is None:
            token = self._token.encode()
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Incoming(token, self._answer, self), host, 0, backlog=1024
            )
        port: int = self._server.sockets[0].getsockname()[1]
        return PeerAddress(host, port, self._token)

    def close(self) -> None:
        """Listen no more, and end every connection."""
        if self._server is not None:
            self._server.close()
        for caller in list(self.callers):
            caller.close()


class Connection(_Framed):
    """A caller's end. Made by `connect`."""

    def __init__(self, peer: str) -> None:
        super().__init__()
        self._peer = peer
        self._number = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self.is_closed = False
        #: Replies so far, late ones included: whether the peer says anything.
        self.replies = 0

    async def call(self, method: str, payload: bytes) -> bytes:
        """Call and wait for the answer.

        Raises:
            PeerGone: the connection ended first.
            PeerFailed: the method raised an error.
        """
        if self.is_closed:
            raise PeerGone(f"the connection to {self._peer} ended")
        self._number += 1
        number = self._number
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self.send(_encode(_Request(number, method, payload)))
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    def frame_received(self, frame: bytes) -> None:
        reply = _reply(frame)
        self.replies += 1
        waiting = self._waiting.get(reply.number)
        if waiting is None or waiting.done():
            return  # The caller did not wait so long.
        if reply.failed:
            waiting.set_exception(PeerFailed(f"{self._peer} failed: {reply.failed}"))
        else:
            waiting.set_result(reply.payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(PeerGone(f"the connection to {self._peer} ended"))


async def connect(peer: str, address: PeerAddress) -> Connection:
    """Connect to a process.

    Raises:
        PeerGone: nobody listens there.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(lambda: Connection(peer), address.host, address.port)
    except (OSError, TimeoutError) as problem:
        raise PeerGone(f"{peer} cannot be reached at {address.host}:{address.port}: {type(problem).__name__}") from problem
    connection.send(address.token.encode())
    return connection


async def wait_for_end(address: PeerAddress) -> None:
    """Return when the process at this address is gone, or cannot be reached to begin with.

    The kernel closes a dead process's connections at once; Ray notices a dead worker after one to two seconds
    (measured). A machine that vanishes closes nothing: that is for Ray's own health checks and the lease.
    """
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            await reader.read()
        finally:
            writer.close()

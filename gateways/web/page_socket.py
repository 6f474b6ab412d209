"""One page's WebSocket: frames out through a bounded queue, frames in one at a time.

Invariants: a page that does not read costs a bounded amount of memory and then its connection (it comes back and
resumes); frames leave in the order they were pushed; pushing never waits, so one slow page holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from gateways.web.framing import MAX_FRAME_BYTES, encode_frame

#: How much may wait for a page that does not read. A long transcript is one frame, so bytes count, not only frames.
MAX_WAITING_FRAMES = 512
MAX_WAITING_BYTES = 4 * 1024 * 1024

#: How often the page is probed; a silent one is dropped after half of it again.
HEARTBEAT_S = 25.0

#: How long a closing page may take to read what is queued for it.
LAST_WORDS_S = 2.0


class PageSocket:
    """An accepted WebSocket; use it as `async with`."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.response = socket
        self._request = request
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    async def accept(cls, request: web.Request, subprotocol: str) -> PageSocket:
        """Upgrade the request.

        Raises:
            web.HTTPBadRequest: the page does not speak this version of the protocol.
        """
        offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if subprotocol not in offered:
            asked = ", ".join(filter(None, offered)).encode("ascii", "backslashreplace").decode() or "none"
            raise web.HTTPBadRequest(text=f"open this WebSocket with the subprotocol {subprotocol}, not {asked}\n")
        socket = web.WebSocketResponse(protocols=(subprotocol,), heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES)
        try:
            await socket.prepare(request)
        except ConnectionError:
            raise web.HTTPBadRequest(text="the connection ended before it was open\n") from None
        return cls(socket, request)

    async def __aenter__(self) -> PageSocket:
        self._writer = asyncio.create_task(self._write(), name="page-socket-writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close(WSCloseCode.OK, "")
        if self._writer is not None:
            done, _late = await asyncio.wait([self._writer], timeout=LAST_WORDS_S)
            if not done:
                self._abort()
                await asyncio.wait([self._writer])

    @property
    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be; what is pushed now goes nowhere."""
        return self._closing is not None

    def push(self, frame: msgspec.Struct) -> None:
        """Queue a frame; a page too far behind is disconnected instead, and gets it when it resumes."""
        if self._closing is not None:
            return
        text = encode_frame(frame)
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        if len(self._waiting) > MAX_WAITING_FRAMES or self._waiting_bytes > MAX_WAITING_BYTES:
            # A close frame would wait behind what the page does not read, so the connection is cut instead.
            self._waiting.clear()
            self._waiting_bytes = 0
            self.close(WSCloseCode.TRY_AGAIN_LATER, "too far behind")
            self._abort()
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """Close once everything queued has left; the first reason stands."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    async def texts(self) -> AsyncIterator[str]:
        """The page's frames, until it is gone. A binary frame reads as an empty text, which does not validate."""
        async for message in self.response:
            if self._closing is not None:
                return
            if message.type is WSMsgType.TEXT:
                yield message.data
            elif message.type is WSMsgType.BINARY:
                yield ""

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                while self._waiting:
                    text = self._waiting.popleft()
                    self._waiting_bytes -= len(text)
                    await self.response.send_str(text)
                if self._closing is not None:
                    code, reason = self._closing
                    await self.response.close(code=code, message=reason.encode())
                    return
                self._wake.clear()
                await self._wake.wait()
        self.close(WSCloseCode.ABNORMAL_CLOSURE, "")

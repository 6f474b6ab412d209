"""A gateway that does what a script says: it hands over each stream that an adapter opens, and answers nothing itself.

Kept: every attempt to connect is noted with its time, also those that are refused, so that hammering is seen.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from gateways.conformance.report import Failed
from trunkline.gateway.v1 import gateway_pb2

DOMAIN: Final = "trunkline"
SERVICE: Final = "trunkline.gateway.v1.GatewayService"
EOF: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs


class Visit:
    """One stream that the adapter opened."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._end: asyncio.Future[tuple[grpc.StatusCode, str, str]] = asyncio.get_running_loop().create_future()
        self.metadata = dict(context.invocation_metadata() or ())
        self.ended = asyncio.Event()

    async def read(self, timeout_s: float) -> gateway_pb2.AdapterFrame | None:
        """The adapter's next frame; None when it closed its side, or the stream is over.

        Raises:
            TimeoutError: nothing came in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                frame = await self._context.read()
        except grpc.aio.BaseError:
            return None
        return None if frame is EOF else frame

    async def send(self, frame: gateway_pb2.GatewayFrame) -> None:
        """Send a frame to the adapter.

        Raises:
            Failed: the adapter dropped the stream.
        """
        try:
            await self._context.write(frame)
        except grpc.aio.BaseError:
            raise Failed("the adapter dropped the connection in the middle of the check") from None

    def end(self, code: grpc.StatusCode, detail: str, reason: str = "") -> None:
        """End the stream with this status."""
        if not self._end.done():
            self._end.set_result((code, detail, reason))

    async def serve(self) -> None:
        """Keep the stream open until the script or the adapter ends it."""
        try:
            code, detail, reason = await self._end
            if code is not grpc.StatusCode.OK:
                await self._context.abort(code, detail, _details(code, detail, reason))
        finally:
            self.ended.set()


class Stage:
    """The server. `refuses` is a status for every new stream, while it is set."""

    def __init__(self) -> None:
        self._visits: asyncio.Queue[Visit] = asyncio.Queue()
        self._server: grpc.aio.Server | None = None
        self._open: set[Visit] = set()
        self.refuses: tuple[grpc.StatusCode, str, str] | None = None
        #: When streams were opened, refused ones too, on the event loop's clock.
        self.attempts: list[float] = []
        self._attempted = asyncio.Event()

    async def start(self, listen: str) -> int:
        """Listen; returns the port.

        Raises:
            RuntimeError: the address cannot be listened on.
        """
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 * 1024 * 1024)]
        self._server = grpc.aio.server(options=options)
        connect = grpc.stream_stream_rpc_method_handler(
            self._connect,
            request_deserializer=gateway_pb2.AdapterFrame.FromString,
            response_serializer=gateway_pb2.GatewayFrame.SerializeToString,
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Connect": connect}),))
        port = self._server.add_insecure_port(listen)
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            await self._server.stop(0)

    async def _connect(self, request_iterator: Any, context: Any) -> None:
        self.attempts.append(asyncio.get_running_loop().time())
        self._attempted.set()
        visit = Visit(context)
        if self.refuses is not None:
            visit.end(*self.refuses)
        else:
            self._visits.put_nowait(visit)
        self._open.add(visit)
        try:
            await visit.serve()
        finally:
            self._open.discard(visit)

    async def visit(self) -> Visit:
        """The next stream that is still open."""
        while True:
            visit = await self._visits.get()
            if not visit.ended.is_set():
                return visit

    async def attempted(self, count: int) -> None:
        """Wait until so many streams were opened in all."""
        while len(self.attempts) < count:
            self._attempted.clear()
            await self._attempted.wait()

    async def quiet(self) -> None:
        """End what is open, so that the next stream is a new one."""
        while not self._visits.empty():
            self._visits.get_nowait()
        for visit in list(self._open):
            visit.end(grpc.StatusCode.UNAVAILABLE, "the conformance kit broke the stream")
            await visit.ended.wait()


def _details(code: grpc.StatusCode, detail: str, reason: str) -> tuple[tuple[str, bytes], ...]:
    status = status_pb2.Status(code=code.value[0], message=detail)
    if reason:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))
    return (("grpc-status-details-bin", status.SerializeToString()),)

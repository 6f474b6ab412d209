"""One open stream of an adapter or a desk: reads frames, hands them to the edge, writes what comes back.

    reader task:  read -> check numbers and window -> translate -> link.receive        (no wait, no task per event)
    edge:         send_settled, send_ahead, send_commands -> collected here, writer woken
    writer task:  one frame with all that was collected -> write                       (one write per loop turn)

Kept: the first frame is Hello and no other is; numbers have no gaps; an event that cannot be routed is refused in its
turn and the stream goes on; whoever breaks the protocol, and only they, lose the stream with a reason.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError

from actors.actor import Refusal
from actors.messages.gateway import Command, Frame, FrameSettled
from cluster.errors import STATUS_CODES, TrunklineError
from gateways.server.commands import CommandGate, HeldTooMany
from gateways.server.dialect import Dialect
from gateways.server.edge import Edge, EdgeLink
from gateways.server.failures import Failure, Reason
from gateways.server.figures import StreamFigures
from gateways.server.options import GatewayOptions
from gateways.translate.routing import Origin, Unroutable
from trunkline.admin.v1 import admin_pb2
from trunkline.link.v1 import link_pb2

log = structlog.get_logger("gateway")

PROTOCOL_VERSION: Final = 1
#: Commands are packed up to this size; gRPC clients take 4 MiB unless told otherwise.
COMMAND_BYTES_PER_FRAME: Final = 1024 * 1024
FLUSH_TIMEOUT_S: Final = 1.0
EOF: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs
_LINK_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class AdapterStream:
    """Serves one stream; the edge sees it as a `LinkStream`."""

    def __init__(
        self,
        edge: Edge,
        options: GatewayOptions,
        dialect: Dialect,
        context: Any,
        clock: Callable[[], int],
        figures: StreamFigures,
    ) -> None:
        self._edge = edge
        self._options = options
        self._limits = options.limits
        self._dialect = dialect
        self._context = context
        self._clock = clock
        self._figures = figures
        self._link: EdgeLink | None = None
        self._hello = link_pb2.Hello()
        self._opened_at = clock()
        self._received = 0
        self._acknowledged = 0
        self._window = 0
        self._fields: dict[int, str] = {}
        self._gate = CommandGate(options.limits.command_window, options.limits.commands_held)
        self._wake = asyncio.Event()
        self._outgoing: Any = None
        self._ended: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self._leaving = ""

    # -- life -------------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Run the stream to its end; returns for a clean end.

        Raises:
            Failure: the status to end it with.
        """
        await self._welcome()
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._writer_done)
        reason = "the adapter's connection was lost"
        try:
            failure = await self._ended
            reason = failure.detail if failure is not None else self._leaving or "the adapter closed the stream"
            if failure is not None:
                raise failure
        finally:
            if self._link is not None:
                self._link.close(reason)
            reader.cancel()
            self._wake.set()
            # What was collected still goes out; a peer that does not read must not hold the stream open for it.
            await asyncio.wait({writer}, timeout=FLUSH_TIMEOUT_S)
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    async def _welcome(self) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.hello_timeout_s):
                frame = await self._next_frame()
        except TimeoutError:
            detail = f"no Hello within {limits.hello_timeout_s:g} s of opening the stream"
            raise Failure("DEADLINE_EXCEEDED", Reason.HELLO_LATE, detail) from None
        if frame is None or not frame.HasField("hello"):
            detail = "the first frame of a stream must hold Hello"
            raise Failure("FAILED_PRECONDITION", Reason.HELLO_EXPECTED, detail)
        self._hello = hello = frame.hello
        _check_hello(hello)
        self._window = min(hello.window or limits.window, limits.window)
        commands = min(hello.command_window or limits.command_window, limits.command_window)
        self._gate = CommandGate(commands, limits.commands_held)
        self._dialect.opened(hello)
        self._link = link = self._edge.open_link(
            hello.link, hello.incarnation, hello.resume_after, self._window, self, hello.sent
        )
        self._received = link.acknowledged
        self._acknowledged = max(self._acknowledged, link.acknowledged)
        outgoing = self._collected()
        outgoing.welcome.CopyFrom(
            link_pb2.Welcome(
                protocol_version=PROTOCOL_VERSION,
                gateway=self._options.name,
                acknowledged=link.acknowledged,
                window=self._window,
                command_window=commands,
                limits=link_pb2.Limits(
                    frame_bytes=limits.frame_bytes, frame_events=limits.frame_events, event_bytes=limits.event_bytes
                ),
                server_time_at=self._clock(),
                capabilities=self._dialect.capabilities,
            )
        )

    # -- in ---------------------------------------------------------------------------------------------------------

    async def _next_frame(self) -> Any:
        """The adapter's next frame, None at the end of its side."""
        try:
            frame = await self._context.read()
        except DecodeError:
            detail = f"that is no {self._dialect.frame_name}: it does not parse as Protocol Buffers"
            raise Failure("INVALID_ARGUMENT", Reason.MALFORMED_FRAME, detail) from None
        return None if frame is EOF else frame

    async def _read(self) -> None:
        try:
            while (frame := await self._next_frame()) is not None:
                if self._ended.done():
                    # Perhaps a newer stream has the link: what comes here now would be taken for that one's.
                    return
                self._take(frame)
            self._leave("the adapter closed its side of the stream")
        except Failure as failure:
            self._end(failure)
        except grpc.aio.BaseError:
            # The call is over; whoever ended it said why.
            self._end(None)
        except TrunklineError as error:
            self._end(Failure(error.code, Reason.PROTOCOL_VIOLATION, error.detail))
        except Exception:
            self._end(Failure("INTERNAL", Reason.CLUSTER, "a defect of the gateway; its log has the details"))
            raise

    def _take(self, frame: Any) -> None:
        link = self._link
        assert link is not None
        if frame.HasField("hello"):
            detail = "Hello came again; it is for the first frame of a stream only"
            raise Failure("FAILED_PRECONDITION", Reason.HELLO_REPEATED, detail)
        events = frame.events
        self._figures.came(len(events), events[-1].seq if events else 0)
        if events:
            self._take_events(frame, link)
        for ack in frame.acks:
            number = self._gate.sent(ack.source, ack.number)
            if number:
                link.acknowledge(ack.source, number)
                if self._gate.acknowledge(ack.source, number) and self._gate.held:
                    self._wake.set()
        if frame.HasField("ping"):
            self._collected().pong.nonce = frame.ping.nonce
        if frame.HasField("goodbye"):
            self._leave(frame.goodbye.reason or "the adapter said goodbye")

    def _take_events(self, frame: Any, link: EdgeLink) -> None:
        events = frame.events
        count = len(events)
        limits = self._limits
        if count > limits.frame_events:
            detail = f"a frame held {count} events; at most {limits.frame_events} are taken"
            raise Failure("INVALID_ARGUMENT", Reason.FRAME_TOO_LARGE, detail)
        # Only a frame that is large as a whole can hold an event that is too large.
        sized = frame.ByteSize() > limits.event_bytes
        expected = self._received + 1
        highest = self._acknowledged + self._window
        origin = Origin(self._hello.link, self._edge.centre, self._clock())
        route = self._dialect.route
        routed: list[Frame] = []
        for event in events:
            seq = event.seq
            # After a break, an event may be settled before it is sent again; the adapter may leave it out then.
            if seq != expected and not expected < seq <= self._acknowledged + 1:
                detail = f"event {seq} came where {expected} was due; after a break, resume above Welcome.acknowledged"
                raise Failure("FAILED_PRECONDITION", Reason.SEQUENCE_GAP, detail)
            if seq > highest:
                detail = f"event {seq} overran the window: {self._acknowledged} is settled and {self._window} may be in flight"
                raise Failure("FAILED_PRECONDITION", Reason.WINDOW_OVERRUN, detail)
            expected = seq + 1
            try:
                self._check(event, sized, origin.now)
                to, message = route(event, origin)
            except Unroutable as no:
                if routed:
                    link.receive(routed)
                    routed = []
                self._received = seq
                self._refuse(link, seq, no)
            else:
                routed.append(Frame(seq, to, message, event.created_at))
        self._received = expected - 1
        if routed:
            link.receive(routed)

    def _check(self, event: Any, sized: bool, now: int) -> None:
        if sized and event.ByteSize() > self._limits.event_bytes:
            detail = f"the event has {event.ByteSize()} bytes; at most {self._limits.event_bytes} are taken"
            raise Unroutable("INVALID_ARGUMENT", f"{detail}: send files as attachments by URL")
        # An event that may have been committed over an earlier stream is never called expired: that would be a lie.
        if 0 != event.deadline_at < now and event.seq > self._hello.sent:
            detail = f"the event's deadline passed {now - event.deadline_at} ms before it came; nothing was applied"
            raise Unroutable("DEADLINE_EXCEEDED", detail, "deadline_at")

    def _refuse(self, link: EdgeLink, seq: int, no: Unroutable) -> None:
        if no.field:
            self._fields[seq] = no.field
        link.refuse(seq, Refusal(no.code, no.detail, no.retry_after_ms))

    def _leave(self, reason: str) -> None:
        """No more events will come: end the stream once those that came are settled, or after a while."""
        self._leaving = self._leaving or reason
        if self._acknowledged >= self._received:
            self._end(None)
        else:
            asyncio.get_running_loop().call_later(self._limits.grace_s, self._end, None)

    # -- out (LinkStream) -------------------------------------------------------------------------------------------

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        """See `LinkStream`."""
        settled = self._collected().settled
        self._acknowledged = max(self._acknowledged, acknowledged)
        settled.acknowledged = self._acknowledged
        self._figures.settled(self._acknowledged, refused)
        for item in refused:
            if item.refusal is not None:
                settled.rejections.append(_rejection(item.seq, item.refusal, self._fields.pop(item.seq, "")))
        if self._leaving and self._acknowledged >= self._received:
            self._end(None)

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        """See `LinkStream`."""
        settled = self._collected().settled
        settled.acknowledged = self._acknowledged
        settled.ahead.extend(_rejection(item.seq, item.refusal) for item in refused if item.refusal is not None)

    def send_commands(self, commands: Sequence[Command]) -> None:
        """See `LinkStream`."""
        try:
            self._gate.offer(commands)
        except HeldTooMany as error:
            self._end(
                Failure("RESOURCE_EXHAUSTED", Reason.ADAPTER_TOO_SLOW, f"{error}: acknowledge commands as they are handled")
            )
        self._wake.set()

    def close(self, code: str, detail: str) -> None:
        """See `LinkStream`."""
        reason = Reason.LINK_TAKEN_OVER if code == "ABORTED" else Reason.CLUSTER
        self._end(Failure(code, reason, detail))

    def go_away(self, reason: str, grace_s: float) -> None:
        """Ask the adapter to leave; after the time of grace it is made to."""
        frame = self._collected()
        frame.go_away.reason = reason
        frame.go_away.grace_ms = int(grace_s * 1000)
        failure = Failure("UNAVAILABLE", Reason.DRAINING, f"{reason}; connect to another gateway")
        asyncio.get_running_loop().call_later(grace_s, self._end, failure)

    def status(self) -> admin_pb2.LinkStatus:
        """The stream for operators to see."""
        hello = self._hello
        return admin_pb2.LinkStatus(
            link=hello.link,
            service=self._dialect.name,
            peer=self._context.peer(),
            incarnation=hello.incarnation,
            software=hello.software,
            capabilities=hello.capabilities,
            opened_at=self._opened_at,
            received=self._received,
            acknowledged=self._acknowledged,
            commands_in_flight=self._gate.in_flight,
            commands_held=self._gate.held,
        )

    def _collected(self) -> Any:
        """The frame that the writer will send next."""
        if self._outgoing is None:
            self._outgoing = self._dialect.outgoing()
            self._wake.set()
        return self._outgoing

    def _end(self, failure: Failure | None) -> None:
        if not self._ended.done():
            self._ended.set_result(failure)

    async def _write(self) -> None:
        wake, write = self._wake, self._context.write
        while True:
            await wake.wait()
            wake.clear()
            if self._gate.ready():
                self._add_commands()
            frame, self._outgoing = self._outgoing, None
            if frame is not None:
                self._figures.sent(len(frame.commands))
                await write(frame)
            if self._ended.done() and self._outgoing is None:
                return

    def _add_commands(self) -> None:
        """Put commands into the frame that goes out next, as many as fit."""
        size, commands = 0, self._collected().commands
        while size < COMMAND_BYTES_PER_FRAME and (command := self._gate.take()) is not None:
            translated = self._translated(command)
            commands.append(translated)
            size += translated.ByteSize()
        if self._gate.ready():
            self._wake.set()

    def _translated(self, command: Command) -> Any:
        try:
            return self._dialect.command(command)
        except Exception:
            # It would fail again on every stream, and nothing behind it would ever be sent.
            log.exception("command_not_translated", link=self._hello.link, message_type=type(command.message).__name__)
            return self._dialect.empty_command(source=command.source, number=command.number)

    def _writer_done(self, writer: asyncio.Task[None]) -> None:
        """A write fails only when the connection is gone."""
        if not writer.cancelled() and writer.exception() is not None:
            self._end(None)


def _rejection(seq: int, no: Refusal, field: str = "") -> link_pb2.Rejection:
    code: Any = STATUS_CODES[no.code].grpc
    return link_pb2.Rejection(seq=seq, code=code, detail=no.detail, retry_after_ms=no.retry_after_ms, field=field)


def _check_hello(hello: link_pb2.Hello) -> None:
    if hello.protocol_version != PROTOCOL_VERSION:
        detail = f"the adapter speaks protocol version {hello.protocol_version}, this gateway {PROTOCOL_VERSION}"
        raise Failure("FAILED_PRECONDITION", Reason.PROTOCOL_VERSION, detail)
    if not _LINK_NAME.fullmatch(hello.link):
        detail = "Hello.link must be 1 to 64 letters, digits, dots, underscores or hyphens"
        raise Failure("INVALID_ARGUMENT", Reason.HELLO_INVALID, detail, violations=[("hello.link", detail)])
    if not 8 <= len(hello.incarnation) <= 64 or not _LINK_NAME.fullmatch(hello.incarnation):
        detail = "Hello.incarnation must be a fresh random id of 8 to 64 letters and digits, such as a UUID"
        raise Failure("INVALID_ARGUMENT", Reason.HELLO_INVALID, detail, violations=[("hello.incarnation", detail)])

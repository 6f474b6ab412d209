"""A line driven by gevent and grpc's synchronous streams: grpc.aio hangs under gevent.

writer greenlet (grpc's own): frames() -> stream
reader greenlet:              stream -> wire.take
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import gevent
import gevent.event
import grpc

from loadtest.load.calls import TIMEOUT_S, Call
from loadtest.load.clock import now_ms
from loadtest.load.part import Line, Part

AGAIN_S: Final = 0.2
CHANNEL: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """A token as metadata."""
    return (("authorization", f"Bearer {token}"),)


class GeventLink:
    """One line, connected again whenever it breaks."""

    def __init__(self, part: Part, line: Line) -> None:
        self._part = part
        self._line = line
        self._wanted = gevent.event.Event()
        line.wire.wake = self._wanted.set

    def run(self) -> None:
        """Serve the line until killed."""
        plan, attempt = self._part.plan, 0
        while True:
            with grpc.insecure_channel(plan.targets[attempt % len(plan.targets)], options=CHANNEL) as channel:
                try:
                    self._stream(channel, attempt)
                except grpc.RpcError as error:
                    self._part.recorder.say(f"{self._line.wire.name} was ended: {error.details()}")
            attempt += 1
            gevent.sleep(AGAIN_S)

    def _stream(self, channel: Any, attempt: int) -> None:
        wire = self._line.wire
        call = self._line.stub(channel).Connect(self._frames(), metadata=bearer(self._part.plan.tokens[self._line.role]))
        try:
            wire.welcomed(next(call), now_ms())
            if attempt:
                self._part.returned(self._line, now_ms())
            for frame in call:
                wire.take(frame, now_ms())
        finally:
            call.cancel()

    def _frames(self) -> Iterator[Any]:
        wire = self._line.wire
        wanted = self._wanted = gevent.event.Event()
        wire.wake = wanted.set
        yield wire.hello()
        # Nothing may follow Hello before it was answered: `welcomed` wakes.
        while wanted is self._wanted:
            wanted.wait()
            wanted.clear()
            while wanted is self._wanted and (frame := wire.next_frame()) is not None:
                yield frame


def make_call(part: Part, channel: Any, call: Call) -> None:
    """One unary call of the part."""
    method = getattr(call.stub(channel), call.method)
    try:
        answer = method(call.request, metadata=bearer(part.plan.tokens[call.role]), timeout=TIMEOUT_S)
        call.done(answer, "", now_ms())
    except grpc.RpcError as error:
        call.done(None, f"{error.code().name} {error.details()}", now_ms())

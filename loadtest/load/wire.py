"""A link without its socket: numbers events, keeps them until settled, acknowledges commands, resumes after a break.

A driver asks for the next frame to write and gives it what it read. Leaner than the SDK, whose future per event costs
a generator more than the frame does.

Kept: numbers have no gaps; at most `window` events are in flight; an event's handler is called exactly once, with the
refusal or None; each command is given out once, whatever is sent again.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from loadtest.load.spool import Spool
from trunkline.link.v1 import link_pb2

WINDOW: Final = 4_096
FRAME_EVENTS: Final = 1_000

#: handler(refusal or None, meant_at, now, *arguments)
Handler = Callable[..., None]


class Wire:
    """One link of a part; `on_commands` gets (commands, now)."""

    def __init__(self, frame: type[Any], name: str, spool: Spool) -> None:
        self.name = name
        self.incarnation = uuid.uuid4().hex
        #: Set by the driver: there is something to write.
        self.wake: Callable[[], None] = lambda: None
        self.on_commands: Callable[[Sequence[Any], float], None]
        #: Signed tokens of those for whom the link speaks.
        self.grants: dict[str, str] = {}
        self._frame = frame
        self._spool = spool
        self._waiting: deque[tuple[Any, Handler, float, tuple[Any, ...]]] = deque()
        self._flying: deque[tuple[Any, Handler, float, tuple[Any, ...]]] = deque()
        self._numbered = 0
        self._sent = 0
        self._acknowledged = 0
        self._window = WINDOW
        self._acks: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._pongs: list[int] = []

    def __len__(self) -> int:
        """How many events are not settled."""
        return len(self._waiting) + len(self._flying)

    def post(self, event: Any, handler: Handler, meant_at: float, *arguments: Any) -> None:
        """Send an event in its turn."""
        self._numbered += 1
        event.seq = self._numbered
        if not event.created_at:
            event.created_at = int(meant_at)
        self._waiting.append((event, handler, meant_at, arguments))
        self.wake()

    def hello(self) -> Any:
        """The first frame of a stream."""
        hello = link_pb2.Hello(
            protocol_version=1, link=self.name, incarnation=self.incarnation, window=WINDOW, command_window=WINDOW,
            resume_after=self._acknowledged, sent=self._sent, software="trunkline-load", grants=list(self.grants.values()),
        )  # fmt: skip
        return self._frame(hello=hello)

    def welcomed(self, frame: Any, now: float) -> None:
        """The gateway's first frame: send again from where it stands."""
        self._waiting.extendleft(reversed(self._flying))
        self._flying.clear()
        self._window = frame.welcome.window or WINDOW
        self._settle(frame.welcome.acknowledged, frame.settled.rejections, now)
        self.take(frame, now)
        self.wake()

    def next_frame(self) -> Any | None:
        """What to write now; None for nothing."""
        room = min(self._window - len(self._flying), FRAME_EVENTS, len(self._waiting))
        if room <= 0 and not self._acks and not self._pongs:
            return None
        frame = self._frame()
        if room > 0:
            taken = [self._waiting.popleft() for _ in range(room)]
            self._flying.extend(taken)
            frame.events.extend([entry[0] for entry in taken])
            self._sent = max(self._sent, taken[-1][0].seq)
        if self._acks:
            frame.acks.extend([link_pb2.CommandAck(source=source, number=number) for source, number in self._acks.items()])
            self._acks = {}
        if self._pongs:
            frame.pong.nonce = self._pongs.pop(0)
        return frame

    def take(self, frame: Any, now: float) -> None:
        """A frame was read."""
        if frame.HasField("settled"):
            self._window = frame.settled.window or self._window
            self._settle(frame.settled.acknowledged, frame.settled.rejections, now)
            self._refuse_ahead(frame.settled.ahead, now)
            if self._waiting:
                self.wake()
        if frame.commands:
            fresh = [command for command in frame.commands if self._is_new(command, now)]
            self.on_commands(fresh, now)
            self.wake()
        if frame.HasField("ping"):
            self._pongs.append(frame.ping.nonce)
            self.wake()

    def _is_new(self, command: Any, now: float) -> bool:
        number, source = command.number, command.source
        if not number:
            return True
        known = self._seen.get(source, 0)
        self._acks[source] = max(number, known)
        if number <= known:
            return False
        self._seen[source] = number
        self._spool.command(self.name, self.incarnation, source, number, now)
        return True

    def _settle(self, acknowledged: int, rejections: Sequence[Any], now: float) -> None:
        self._acknowledged = max(self._acknowledged, acknowledged)
        refused = {rejection.seq: rejection for rejection in rejections}
        while entry := self._pop_settled():
            event, handler, meant_at, arguments = entry
            handler(refused.get(event.seq), meant_at, now, *arguments)

    def _refuse_ahead(self, rejections: Sequence[Any], now: float) -> None:
        """Only the numbers of these are sent again."""
        for rejection in rejections:
            index = rejection.seq - self._flying[0][0].seq if self._flying else -1
            if 0 <= index < len(self._flying):
                event, handler, meant_at, arguments = self._flying[index]
                self._flying[index] = (type(event)(seq=event.seq), _known, meant_at, ())
                handler(rejection, meant_at, now, *arguments)

    def _pop_settled(self) -> tuple[Any, Handler, float, tuple[Any, ...]] | None:
        # After a break an event may be settled before it was sent again: then it need not be.
        for events in (self._flying, self._waiting):
            if events:
                return events.popleft() if events[0][0].seq <= self._acknowledged else None
        return None


def _known(rejection: Any, meant_at: float, now: float) -> None:
    """The outcome was told before."""


def code_of(rejection: Any) -> str:
    """A refusal's gRPC status name."""
    return link_pb2.Code.Name(rejection.code).removeprefix("CODE_")

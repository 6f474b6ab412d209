"""Events on their way to the cluster: numbered, kept until settled, sent again after a break.

Kept: numbers have no gaps; at most `window` events are kept, and never more in flight than the gateway allows; an
event's future is done exactly when its outcome is known.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateways.sdk.errors import Refused
from trunkline.link.v1 import link_pb2


@dataclass(slots=True)
class Pending:
    """One event and who waits for its outcome."""

    seq: int
    event: Any
    size: int
    outcome: asyncio.Future[None]


class Outbox:
    """The events of one incarnation."""

    def __init__(self, window: int) -> None:
        self._most = window
        self._allowed = window
        self._waiting: deque[Pending] = deque()
        self._in_flight: deque[Pending] = deque()
        self._last = 0
        self._for_room: deque[asyncio.Future[None]] = deque()
        self._reserved = 0
        self._for_empty: list[asyncio.Future[None]] = []
        #: Every event up to it is settled.
        self.acknowledged = 0
        #: Every event up to it may have reached a gateway.
        self.sent = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """How many were sent on this stream and are not settled."""
        return len(self._in_flight)

    def has_room(self) -> bool:
        """Whether another event can be kept now, before all who wait for room."""
        return len(self) + self._reserved < self._most and not self._for_room

    async def room(self) -> None:
        """Wait until another event can be kept, first come, first served; `add` must follow without a wait between."""
        waiter = asyncio.get_running_loop().create_future()
        self._for_room.append(waiter)
        self._wake()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._reserved -= 1
                self._wake()
            raise
        self._reserved -= 1

    def add(self, event: Any) -> asyncio.Future[None]:
        """Number the event and keep it. The caller made sure that there is room."""
        self._last += 1
        event.seq = self._last
        outcome = asyncio.get_running_loop().create_future()
        self._waiting.append(Pending(self._last, event, event.ByteSize(), outcome))
        return outcome

    def rewind(self, acknowledged: int, allowed: int, rejections: Iterable[link_pb2.Rejection] = ()) -> None:
        """A new stream resumes above `acknowledged`: what was in flight is to be sent again, before all else.

        `rejections` are those up to `acknowledged` whose first telling may have been lost with the last stream.
        """
        self._waiting.extendleft(reversed(self._in_flight))
        self._in_flight.clear()
        self._allowed = allowed
        self.settle(acknowledged, rejections)

    def ready(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._waiting) and len(self._in_flight) < self._allowed

    def take(self, most_events: int, most_bytes: int) -> list[Any]:
        """The next events for one frame, as many as fit; at least one if any may be sent."""
        taken: list[Any] = []
        room = min(most_events, self._allowed - len(self._in_flight))
        size = 0
        while self._waiting and len(taken) < room:
            pending = self._waiting[0]
            size += pending.size + 8
            if taken and size > most_bytes:
                break
            self._waiting.popleft()
            self._in_flight.append(pending)
            taken.append(pending.event)
        if taken:
            self.sent = max(self.sent, taken[-1].seq)
        return taken

    def allow(self, window: int) -> None:
        """The gateway changed how many may be in flight."""
        self._allowed = window

    def refuse_ahead(self, rejections: Iterable[link_pb2.Rejection]) -> None:
        """These events are refused, though events before them are not settled; they keep their places in the window.

        From here on only their numbers are sent again: whoever sent them was told, so no gateway may let them in.
        """
        for rejection in rejections:
            index = rejection.seq - self._in_flight[0].seq if self._in_flight else -1
            if 0 <= index < len(self._in_flight):
                pending = self._in_flight[index]
                pending.event = type(pending.event)(seq=pending.seq)
                pending.size = pending.event.ByteSize()
                _refuse(pending.outcome, rejection)

    def settle(self, acknowledged: int, rejections: Iterable[link_pb2.Rejection]) -> None:
        """Every event up to `acknowledged` is settled; those rejected were refused."""
        refused = {rejection.seq: rejection for rejection in rejections}
        while (pending := self._pop_settled(acknowledged)) is not None:
            outcome = pending.outcome
            if outcome.done():
                continue
            rejection = refused.get(pending.seq) if refused else None
            if rejection is None:
                outcome.set_result(None)
            else:
                _refuse(outcome, rejection)
        self.acknowledged = max(self.acknowledged, acknowledged)
        self._wake()

    def _pop_settled(self, acknowledged: int) -> Pending | None:
        """The oldest event if it is settled. After a break it may not have been sent again yet: then it need not be."""
        for events in (self._in_flight, self._waiting):
            if events:
                return events.popleft() if events[0].seq <= acknowledged else None
        return None

    def fail(self, error: Exception) -> None:
        """The link is over: nothing more will be settled."""
        for pending in (*self._in_flight, *self._waiting):
            if not pending.outcome.done():
                pending.outcome.set_exception(error)
                pending.outcome.exception()
        self._in_flight.clear()
        self._waiting.clear()
        for waiter in (*self._for_room, *self._for_empty):
            if not waiter.done():
                waiter.set_exception(error)
        self._for_room.clear()
        self._for_empty.clear()

    async def empty(self) -> None:
        """Wait until every event is settled."""
        if len(self):
            waiter = asyncio.get_running_loop().create_future()
            self._for_empty.append(waiter)
            await waiter

    def _wake(self) -> None:
        while self._for_room and len(self) + self._reserved < self._most:
            waiter = self._for_room.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._reserved += 1
        if not len(self):
            for waiter in self._for_empty:
                if not waiter.done():
                    waiter.set_result(None)
            self._for_empty.clear()


def _refuse(outcome: asyncio.Future[None], rejection: link_pb2.Rejection) -> None:
    if not outcome.done():
        outcome.set_exception(_refused(rejection))
        # A future from `post` may never be looked at; that is its owner's choice, and no reason for a warning.
        outcome.exception()


def _refused(rejection: link_pb2.Rejection) -> Refused:
    try:
        code = link_pb2.Code.Name(rejection.code).removeprefix("CODE_")
    except ValueError:
        code = "UNKNOWN"
    return Refused(code, rejection.detail, rejection.retry_after_ms / 1000, rejection.field)

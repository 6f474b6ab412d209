"""What a gateway's streams tell as metrics: counted once a frame, never once an event.

Keeps: a label is a service's name, a status code or a declared reason; never a link, an address or what came over it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from actors.messages.gateway import FrameSettled
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter


class StreamFigures:
    """The counters of one stream, which all streams of one service share."""

    def __init__(self, meter: Meter, service: str) -> None:
        self._service = service
        self._links = meter.counter(metrics.LINKS)
        self._frames_in = meter.counter(metrics.FRAMES_IN)
        self._frames_out = meter.counter(metrics.FRAMES_OUT)
        self._events_in = meter.counter(metrics.EVENTS_IN)
        self._commands_out = meter.counter(metrics.COMMANDS_OUT)
        self._acks = meter.histogram(metrics.ACK_SECONDS)
        self._refused = meter.counter(metrics.EVENTS_REFUSED)
        self._failed = meter.counter(metrics.STREAMS_FAILED)
        #: The last event of each frame that is not settled, and when the frame came.
        self._under_way: deque[tuple[int, float]] = deque()

    def opened(self) -> None:
        """The stream began."""
        self._links.add(1, self._service)

    def closed(self, reason: str) -> None:
        """The stream ended; `reason` names why the gateway ended it, empty for a clean end."""
        self._links.add(-1, self._service)
        if reason:
            self._failed.add(1, self._service, reason)

    def came(self, events: int, last: int) -> None:
        """A frame came, with this many events up to number `last`."""
        self._frames_in.add(1, self._service)
        if events:
            self._events_in.add(events, self._service)
            self._under_way.append((last, time.perf_counter()))

    def settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        """Every event up to `acknowledged` is settled."""
        under_way = self._under_way
        if under_way and under_way[0][0] <= acknowledged:
            now_s = time.perf_counter()
            while under_way and under_way[0][0] <= acknowledged:
                self._acks.observe(now_s - under_way.popleft()[1], self._service)
        for item in refused:
            if item.refusal is not None:
                self._refused.add(1, self._service, item.refusal.code)

    def sent(self, commands: int) -> None:
        """A frame went out, with this many commands."""
        self._frames_out.add(1, self._service)
        if commands:
            self._commands_out.add(commands, self._service)

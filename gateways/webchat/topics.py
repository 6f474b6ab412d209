"""The choices that customers are offered before a conversation: the channel's entry points, asked for now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from gateways import sdk
from gateways.webchat.frames import Topic
from gateways.webchat.identity import CHANNEL
from trunkline.gateway.v1 import gateway_pb2

log = structlog.get_logger(__name__)

EVERY_S: Final = 15.0
#: Until the first answer: a gateway that has just started may have no configuration yet.
AT_FIRST_EVERY_S: Final = 0.5

DEFAULT: Final = "default"


class Topics:
    """What is on offer; the last known while the gateway does not answer."""

    def __init__(self, options: sdk.LinkOptions, changed: Callable[[], None]) -> None:
        self._options = options
        self._changed = changed
        self.offered: tuple[Topic, ...] = ()

    async def follow(self) -> None:
        """Keep asking, until cancelled."""
        async with sdk.GatewayClient(self._options.targets, self._options.token, self._options.tls) as client:
            while True:
                try:
                    now_offered = topics_of(await client.read_entry_points(CHANNEL))
                except sdk.CallFailed as failed:
                    log.warning("entry points are not known", code=failed.code)
                else:
                    if now_offered != self.offered:
                        self.offered = now_offered
                        self._changed()
                await asyncio.sleep(EVERY_S if self.offered else AT_FIRST_EVERY_S)


def topics_of(entry_points: Sequence[gateway_pb2.EntryPoint]) -> tuple[Topic, ...]:
    """One topic per queue: a second door to the same queue would be no choice; `default` yields to one with a name."""
    doors: dict[str, gateway_pb2.EntryPoint] = {}
    for entry_point in entry_points:
        known = doors.get(entry_point.queue)
        if known is None or known.name == DEFAULT:
            doors[entry_point.queue] = entry_point
    return tuple(Topic(door.name, dict(door.queue_names)) for door in doors.values())

"""What all pages of the desk are shown alike: the configuration's names and choices, queue counters, the link's state.

Invariants: the cluster is asked once for all pages, and only while there is a page; pages are told only of changes; what
was last known is shown while the cluster does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import structlog

from gateways import sdk
from gateways.desk import frames
from gateways.desk.showing import centre_of, counters_of
from gateways.desk.workplaces import Workplaces
from gateways.web.framing import ServerFrame

log = structlog.get_logger(__name__)

CENTRE_EVERY_S: Final = 10.0
#: Until the first answer: a gateway that has just started may have no configuration yet.
AT_FIRST_EVERY_S: Final = 0.5
QUEUES_EVERY_S: Final = 1.5
#: A question names at most this many queues.
QUEUES_AT_ONCE: Final = 200
LINK_EVERY_S: Final = 0.5

EMPTY: Final = frames.Centre({}, (), (), (), (), ())


class CentreView:
    """Follows the cluster for all pages."""

    def __init__(self, link: sdk.DeskLink, workplaces: Workplaces) -> None:
        self.centre = EMPTY
        self._version = 0
        self._counters: tuple[frames.QueueCounters, ...] = ()
        self._link = link
        self._workplaces = workplaces
        self._up = True

    def tell(self) -> Iterator[ServerFrame]:
        """What a new page is shown besides the configuration, which comes with the sign-in."""
        yield frames.Link(up=self._up)
        if self._counters:
            yield frames.Queues(queues=self._counters)

    async def follow_centre(self) -> None:
        """Keep the configuration up to date, until cancelled."""
        async with self._client() as client:
            while True:
                try:
                    answer = await client.read_directory(self._version)
                except sdk.CallFailed as failed:
                    log.warning("the configuration is not known", code=failed.code)
                else:
                    if answer.version != self._version:
                        self._version, self.centre = answer.version, centre_of(answer)
                        self._push(frames.CentreChanged(centre=self.centre))
                await asyncio.sleep(CENTRE_EVERY_S if self._version else AT_FIRST_EVERY_S)

    async def follow_queues(self) -> None:
        """Keep the counters up to date while somebody looks, until cancelled."""
        async with self._client() as client:
            while True:
                if any(self._workplaces.occupied()):
                    await self._read_counters(client)
                await asyncio.sleep(QUEUES_EVERY_S)

    async def follow_link(self) -> None:
        """Tell pages when the cluster is out of reach and when it is back, until cancelled."""
        while True:
            if self._link.connected != self._up:
                self._up = self._link.connected
                self._push(frames.Link(up=self._up))
            await asyncio.sleep(LINK_EVERY_S)

    async def _read_counters(self, client: sdk.DeskClient) -> None:
        queues = [queue.id for queue in self.centre.queues][:QUEUES_AT_ONCE]
        if not queues:
            return
        try:
            counters = tuple(counters_of(one) for one in await client.read_queues(queues))
        except sdk.CallFailed as failed:
            log.warning("queue counters are not known", code=failed.code)
            return
        if counters != self._counters:
            self._counters = counters
            self._push(frames.Queues(queues=counters))

    def _push(self, frame: ServerFrame) -> None:
        for workplace in self._workplaces.occupied():
            workplace.push(frame)

    def _client(self) -> sdk.DeskClient:
        options = self._link.options
        return sdk.DeskClient(options.targets, options.token, options.tls)

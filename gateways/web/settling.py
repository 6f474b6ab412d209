"""One page's events on their way to the cluster: handed over in order, answered when their outcome is known.

Invariants: events leave in the order in which the page sent them; at most `limit` of a page wait for their commit, and
then the page is not read until one is done; an event whose outcome is never known is never answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from gateways import sdk


class EventLink(Protocol):
    """The part of the SDK's links that a page needs."""

    async def send(self, event: Any) -> None: ...
    async def post(self, event: Any) -> asyncio.Future[None]: ...


class Settling:
    """What one page has in flight."""

    def __init__(self, link: EventLink, limit: int) -> None:
        self._link = link
        self._room = asyncio.Semaphore(limit)
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, event: Any, accepted: Callable[[], None], refused: Callable[[sdk.Refused], None]) -> None:
        """Hand the event over; one of the two is called once the event is settled."""
        await self._room.acquire()
        try:
            outcome = await self._link.post(event)
        except sdk.Refused as no:
            self._room.release()
            refused(no)
            return
        except BaseException:
            self._room.release()
            raise
        task = asyncio.create_task(self._settle(outcome, accepted, refused), name="page-event")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(
        self, outcome: asyncio.Future[None], accepted: Callable[[], None], refused: Callable[[sdk.Refused], None]
    ) -> None:
        try:
            await outcome
        except sdk.Refused as no:
            refused(no)
        except sdk.SdkError:
            # The link is over, so the outcome is unknown: the page keeps what it sent and sends it again.
            return
        else:
            accepted()
        finally:
            self._room.release()


def nothing(*_: object) -> None:
    """For events whose outcome no page waits for."""

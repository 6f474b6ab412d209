"""An adapter that can die and come back: what a process of its own would do, without one.

    post ---> unsettled ---> link ---> gateway          die: the link is dropped, its unsettled events are unknown
               ^                          |             return: a new link of the same name, another incarnation,
               +--- sent again, in order -+                     and every unsettled event again with its id

Kept: an event leaves `unsettled` only with its outcome, so whoever wrote it hears exactly once that it was taken.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from gateways.sdk import LinkClosed, LinkFailed, Refused
from gateways.sdk.link import Link

LinkT = TypeVar("LinkT", bound=Link[Any, Any])

Taken = Callable[[], None]
Declined = Callable[[Refused], None]


@dataclass(slots=True)
class Posted:
    """An event under way."""

    event: Any
    posted_at: float
    taken: Taken
    declined: Declined


class Adapter(Generic[LinkT]):
    """One link that outlives its own deaths.

    Args:
        make: a fresh link, not opened.
        handle: is told every command, with the link that it came over.
        returned: what a process that came back does before it sends on (a desk signs its agents in).
        settled: is told of each acknowledged event when it was posted (by `clock`).
        clock: seconds, to measure waits with.
    """

    def __init__(
        self,
        make: Callable[[], LinkT],
        handle: Callable[[LinkT, Any], None],
        returned: Callable[[LinkT], Awaitable[None]],
        settled: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._make = make
        self._handle = handle
        self._returned = returned
        self._settled = settled
        self._clock = clock
        self._numbers = itertools.count()
        self._unsettled: dict[int, Posted] = {}
        self._reader: asyncio.Task[None] | None = None
        self._lives = asyncio.Event()
        self._dying = asyncio.Lock()
        #: Set when the link ended for good, which a run must not survive.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.link = make()

    @property
    def unsettled(self) -> int:
        """Events without an outcome."""
        return len(self._unsettled)

    async def open(self) -> None:
        """Connect."""
        await self.link.open()
        self._reader = asyncio.create_task(self._read(self.link))
        self._lives.set()

    async def post(self, event: Any, taken: Taken, declined: Declined) -> None:
        """Send an event; waits only while too many are under way or the adapter is dead."""
        await self._lives.wait()
        number = next(self._numbers)
        self._unsettled[number] = Posted(event, self._clock(), taken, declined)
        await self._send(number)

    async def die_and_return(self) -> None:
        """Lose everything that a process would lose, and come back."""
        async with self._dying:
            self._lives.clear()
            await self.link.abort()
            if self._reader is not None:
                await asyncio.gather(self._reader, return_exceptions=True)
            self.link = self._make()
            await self.link.open()
            self._reader = asyncio.create_task(self._read(self.link))
            await self._returned(self.link)
            for number in sorted(self._unsettled):
                await self._send(number)
            self._lives.set()

    async def close(self) -> None:
        """Disconnect in good order."""
        await self.link.close()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _send(self, number: int) -> None:
        posted = self._unsettled.get(number)
        if posted is None:
            return
        try:
            outcome = await self.link.post(posted.event)
        except LinkClosed:
            return  # Died meanwhile: it is sent again with the others.
        outcome.add_done_callback(partial(self._over, number))

    def _over(self, number: int, outcome: asyncio.Future[None]) -> None:
        if outcome.cancelled():
            return
        problem = outcome.exception()
        if isinstance(problem, LinkClosed | LinkFailed):
            return
        posted = self._unsettled.pop(number, None)
        if posted is None:
            return
        if isinstance(problem, Refused):
            posted.declined(problem)
        else:
            self._settled(posted.posted_at)
            posted.taken()

    async def _read(self, link: LinkT) -> None:
        try:
            async for command in link.commands():
                self._handle(link, command)
        except LinkFailed as problem:
            if not self.failed.done():
                self.failed.set_exception(problem)

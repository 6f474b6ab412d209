"""Commands on their way to the adapter: in order, each one once, acknowledged when handled.

Kept: a command is acknowledged only after the adapter asked for the next one; one that comes again after a break is
dropped here, and acknowledged again if it was handled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from trunkline.link.v1 import link_pb2


class Inbox(AsyncIterator[Any]):
    """The commands of one incarnation; iterate over it in one place only."""

    def __init__(self, acknowledge: Callable[[], None]) -> None:
        self._wake_writer = acknowledge
        self._queue: deque[Any] = deque()
        self._seen: dict[str, int] = {}
        self._handled: dict[str, int] = {}
        self._to_acknowledge: dict[str, int] = {}
        self._current: Any = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, commands: Iterable[Any]) -> None:
        """Take what the gateway sent."""
        for command in commands:
            number, source = command.number, command.source
            if number:
                if number <= self._seen.get(source, 0):
                    self._again(source)
                    continue
                self._seen[source] = number
            self._queue.append(command)
        if self._queue and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _again(self, source: str) -> None:
        """The gateway sends something again: perhaps our acknowledgement was lost with a stream."""
        handled = self._handled.get(source)
        if handled is not None:
            self._to_acknowledge[source] = handled
            self._wake_writer()

    def take_acks(self) -> list[link_pb2.CommandAck]:
        """The acknowledgements to send now."""
        acks = [link_pb2.CommandAck(source=source, number=number) for source, number in self._to_acknowledge.items()]
        self._to_acknowledge.clear()
        return acks

    def finish(self, error: Exception | None) -> None:
        """No more will come: iteration ends after what is here, with this error if there is one."""
        self._error = error
        self._closed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def handled(self) -> None:
        """The command that was last given out is handled."""
        command, self._current = self._current, None
        if command is not None and command.number:
            self._handled[command.source] = self._to_acknowledge[command.source] = command.number
            self._wake_writer()

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> Any:
        self.handled()
        if self._waiter is not None:
            raise RuntimeError("commands() is being iterated over in another place; there can be only one")
        while not self._queue:
            if self._closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._current = self._queue.popleft()
        return self._current

"""A lifeline: an open TCP connection to a process, which the kernel closes the instant that the process dies.

Ray notices a dead worker after one to two seconds (measured); a closed connection is noticed in milliseconds. Nothing is
ever sent over it. A machine that vanishes closes nothing: that is for Ray's own health checks and the lease.
"""

from __future__ import annotations

import asyncio
import contextlib

import ray


class Lifeline:
    """The process's end: listens, accepts, says nothing."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def address(self) -> tuple[str, int]:
        """Where to hold on; starts listening on the first call."""
        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        if self._server is None:
            self._server = await asyncio.start_server(_hold, host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return host, port


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


async def wait_for_end(address: tuple[str, int]) -> None:
    """Return when the process at the other end is gone, or cannot be reached to begin with."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(*address)
        try:
            await reader.read()
        finally:
            writer.close()

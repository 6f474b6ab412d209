"""A warm standby for a gateway: a process that has everything ready but the address, and takes it when the owner dies.

    owner                         standby
      | listens <---- connects ----- |   nothing is ever sent
      | dies: the kernel closes ---> |   reads the end, binds the address, serves

Kept: whoever cannot have the address waits for it, so two processes may want it in either order, and a process that is
started again becomes the standby of the one that took over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from cluster.errors import StartupFailed

log = structlog.get_logger("standby")
T = TypeVar("T")

#: The owner may hold the address for a moment longer than its connections, and another standby may be faster.
RETRY_S = 0.02
#: Somebody holds the address and takes no connection: a server that is stopping, or not ours.
BUSY_RETRY_S = 0.25


async def serve_when_free(listen: str, serve: Callable[[], Awaitable[T]]) -> T:
    """Wait until nobody answers at an address, then serve there.

    Args:
        listen: `host:port` as the server will bind it.
        serve: binds and serves; `StartupFailed` while the address is taken.
    """
    told = False
    while True:
        held = await _until_closed(listen)
        try:
            return await serve()
        except StartupFailed as problem:
            if not told:
                log.info("gateway_waits", listen=listen, detail=problem.detail)
                told = True
            await asyncio.sleep(RETRY_S if held else BUSY_RETRY_S)


async def _until_closed(listen: str) -> bool:
    """Hold on to whoever listens until they let go; whether anybody did."""
    host, _, port = listen.rpartition(":")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104  # not bound here
    held = False
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return held
        held = True
        with contextlib.suppress(OSError):
            # A server that waits for TLS or HTTP/2 may speak first, and gives a silent caller up after minutes.
            while await reader.read(4096):
                pass
        writer.close()

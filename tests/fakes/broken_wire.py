"""A Unix socket in front of a server that loses what it is told to: a reply, or every byte."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path


class BrokenWire:
    """Forwards each connection to `target` until told otherwise.

    `lose_replies` passes requests on and drops the connection when the server answers, so the server has done what the
    client will never hear of. `stall` keeps answers back without closing.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self.lose_replies = False
        self.stall = False
        self._target = target
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BrokenWire:
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._target)
        for pump in (self._pump(reader, upstream_writer, False), self._pump(upstream_reader, writer, True)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replies: bool) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(65536):
                if replies and self.lose_replies:
                    return
                if not (replies and self.stall):
                    writer.write(data)
                    await writer.drain()

"""Serves the cluster's metrics over HTTP, for Prometheus and for `trunkline top`.

Keeps: a scrape costs the cluster the same however many ask at once; a port that is taken stops no gateway, for customers
come first: it is logged, and Prometheus misses the target.
"""

from __future__ import annotations

import structlog
from aiohttp import web

from gateways.server.edge import Edge
from gateways.web.listening import Address, CannotListen, Listener

log = structlog.get_logger("gateway")

PATH = "/metrics"


class MetricsServer:
    """One address that answers `GET /metrics`."""

    def __init__(self, edge: Edge, listen: str) -> None:
        self._edge = edge
        app = web.Application()
        app.router.add_get(PATH, self._scrape)
        self._listener = Listener(app, Address.parse(listen))
        self._listen = listen
        #: Where it listens, empty while it does not.
        self.url = ""

    async def start(self) -> None:
        """Listen, if the address can be had."""
        try:
            self.url = await self._listener.start() + PATH
        except CannotListen as problem:
            log.error("metrics_not_served", listen=self._listen, detail=str(problem))

    async def stop(self) -> None:
        """Close."""
        if self.url:
            await self._listener.stop()
            self.url = ""

    async def _scrape(self, request: web.Request) -> web.Response:
        page, content_type = await self._edge.scrape(request.headers.get("Accept", ""))
        return web.Response(body=page, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

"""The agent desk's server: one link to the cluster for all agents, one web server for their pages.

    browser -- /, /ws, /attachments --> this server -- one DeskLink for all agents --> gateway

Invariants: only pages from this server's own address (or from allowed origins) may open a socket; whatever a page
sends, no other page notices; when the server stops, pages are told to come back and what they had is with them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, hdrs, web

from gateways import sdk
from gateways.desk import frames
from gateways.desk.agent_page import AgentPage, DeskServices
from gateways.desk.centre import CentreView
from gateways.desk.workplaces import Workplaces
from gateways.web.attachment_routes import AttachmentRoutes
from gateways.web.attachments import AttachmentStore
from gateways.web.busy import busy
from gateways.web.framing import FrameReader
from gateways.web.listening import Address, Listener
from gateways.web.page_files import PageFiles
from gateways.web.page_socket import PageSocket

HERE: Final = Path(__file__).parent

#: Pages at once; a page beyond it is told to come back.
MAX_PAGES: Final = 20_000
AGAIN_S: Final = 5.0

#: The page runs only its own scripts; antd writes its styles inline; attachments are pictures of other servers.
POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: http: https:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS: Final = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY"}


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """One desk server. Pages of other addresses than its own may connect only if they are in `allow_origins`."""

    link: sdk.LinkOptions
    listen: Address
    data_dir: Path
    public_url: str = ""
    allow_origins: tuple[str, ...] = ()
    max_attachment_mb: float = 10.0


class DeskServer:
    """The running desk; use it as `async with`, or `start` and `stop`."""

    def __init__(self, options: DeskOptions) -> None:
        self._options = options
        self.url = ""
        self._pages: set[PageSocket] = set()
        self._link = sdk.DeskLink(options.link)
        self._client = sdk.DeskClient(options.link.targets, options.link.token, options.link.tls)
        self._workplaces = Workplaces()
        self._centre = CentreView(self._link, self._workplaces)
        self._listener = Listener(self._application(), options.listen)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> DeskServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and connect.

        Raises:
            CannotListen: the address cannot be listened on.
            LinkFailed: no gateway takes the link.
        """
        self.url = await self._listener.start()
        try:
            await self._link.open()
        except BaseException:
            await self._listener.stop()
            raise
        self._tasks = [
            asyncio.create_task(self._follow_commands(), name="desk-commands"),
            asyncio.create_task(self._centre.follow_centre(), name="desk-centre"),
            asyncio.create_task(self._centre.follow_queues(), name="desk-queues"),
            asyncio.create_task(self._centre.follow_link(), name="desk-link"),
        ]

    async def stop(self) -> None:
        """Send pages away, settle what is in flight, close the link."""
        for page in self._pages:
            page.close(WSCloseCode.GOING_AWAY, "the desk restarts; connect again")
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await self._link.close()

    async def failed(self) -> None:
        """Return when the server cannot go on; raises why.

        Raises:
            LinkFailed: no gateway takes the link any more.
        """
        await self._tasks[0]

    def _application(self) -> web.Application:
        options = self._options
        store = AttachmentStore(options.data_dir / "attachments", options.max_attachment_mb, max_owner_mb=None)
        public_url = lambda: options.public_url or self.url  # noqa: E731  # known only once it listens
        attachments = AttachmentRoutes(store, self._workplaces.of_token, public_url, any_origin=False)
        reader = FrameReader[frames.PageFrames](frames.PageFrames)
        self._services = DeskServices(self._link, self._client, self._workplaces, self._centre, attachments, reader)
        app = web.Application()
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/healthz", self._health)
        attachments.register(app)
        PageFiles(HERE / "static", HEADERS).register(app)
        return app

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not self._is_allowed(request):
            raise web.HTTPForbidden(text="open the desk at its own address; its operator lists others with --allow-origin\n")
        if len(self._pages) >= MAX_PAGES:
            raise busy("too many desks are open; try again in a moment", AGAIN_S)
        page = await PageSocket.accept(request, frames.SUBPROTOCOL)
        async with page:
            self._pages.add(page)
            try:
                page.push(frames.Welcome(max_attachment_mb=self._options.max_attachment_mb))
                await AgentPage(page, self._services).serve()
            finally:
                self._pages.discard(page)
        return page.response

    def _is_allowed(self, request: web.Request) -> bool:
        """A browser always says which page opens the socket; a page of another site must not act for an agent."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin in self._options.allow_origins:
            return True
        own = {request.host, urlsplit(self._options.public_url).netloc}
        try:
            return urlsplit(origin).netloc in own
        except ValueError:
            return False  # no origin that a browser would name

    async def _health(self, _: web.Request) -> web.Response:
        up = self._link.connected
        body = {"status": "ok" if up else "no gateway", "pages": len(self._pages)}
        return web.json_response(body, status=200 if up else 503)

    async def _follow_commands(self) -> None:
        """A command is acknowledged when the next one is asked for, so after the page's queue has it."""
        async for command in self._link.commands():
            if self._workplaces.tell(command):
                self._link.forget(command.agent)

"""The web chat adapter: one link to the cluster, one web server for the pages.

    browser -- /widget.js, /ws, /attachments --> this server -- one GatewayLink for all visitors --> gateway

Invariants: whatever a page sends, the server answers it or drops that page, and no other page notices; when the server
stops, pages are told to come back, and messages that were not committed are still with them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import WSCloseCode, hdrs, web

from gateways import sdk
from gateways.web.attachment_routes import AttachmentRoutes, OwnerOf
from gateways.web.attachments import AttachmentStore
from gateways.web.busy import busy
from gateways.web.framing import FrameReader
from gateways.web.listening import Address, Listener
from gateways.web.page_files import PageFiles
from gateways.web.page_socket import PageSocket
from gateways.webchat import frames
from gateways.webchat.hub import Hub
from gateways.webchat.identity import IdentityKey
from gateways.webchat.topics import Topics
from gateways.webchat.visitor import ChatServices, Visitor

HERE: Final = Path(__file__).parent

#: Pages at once; a page beyond it is told to come back.
MAX_PAGES: Final = 20_000
AGAIN_S: Final = 5.0

#: The widget runs on other sites' pages, so they may load it.
WIDGET_HEADERS: Final = {"Cross-Origin-Resource-Policy": "cross-origin", hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
DEMO_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: http: https:; connect-src 'self' ws: wss:; frame-ancestors 'self'"
)
DEMO_HEADERS: Final = {"Content-Security-Policy": DEMO_POLICY}


@dataclass(frozen=True, slots=True)
class WebChatOptions:
    """One web chat adapter. Without `allow_origins`, any site may embed the widget."""

    link: sdk.LinkOptions
    listen: Address
    data_dir: Path
    public_url: str = ""
    allow_origins: tuple[str, ...] = ()
    max_attachment_mb: float = 10.0


class WebChat:
    """The running adapter; use it as `async with`, or `start` and `stop`."""

    def __init__(self, options: WebChatOptions) -> None:
        self._options = options
        self.url = ""
        self._pages: set[PageSocket] = set()
        self._link = sdk.GatewayLink(options.link)
        self._topics = Topics(options.link, self._offer_again)
        self._listener = Listener(self._application(), options.listen)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> WebChat:
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
            asyncio.create_task(self._follow_commands(), name="webchat-commands"),
            asyncio.create_task(self._topics.follow(), name="webchat-topics"),
        ]

    async def stop(self) -> None:
        """Send pages away, settle what is in flight, close the link."""
        for page in self._pages:
            page.close(WSCloseCode.GOING_AWAY, "the chat server restarts; connect again")
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    async def failed(self) -> None:
        """Return when the server cannot go on; raises why.

        Raises:
            LinkFailed: no gateway takes the link any more.
        """
        await self._tasks[0]

    def _application(self) -> web.Application:
        options = self._options
        store = AttachmentStore(options.data_dir / "attachments", options.max_attachment_mb)
        hub = Hub()
        key = IdentityKey.load(options.data_dir / "identity.key")
        attachments = AttachmentRoutes(store, _owner_check(hub, key), lambda: options.public_url or self.url, any_origin=True)
        reader = FrameReader[frames.PageFrames](frames.PageFrames)
        self._services = ChatServices(self._link, hub, key, attachments, reader)
        app = web.Application()
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/healthz", self._health)
        attachments.register(app)
        PageFiles(HERE / "static", WIDGET_HEADERS).register(app)
        PageFiles(HERE / "demo", DEMO_HEADERS).register(app)
        return app

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if self._options.allow_origins and origin not in self._options.allow_origins:
            raise web.HTTPForbidden(text="this site may not embed the chat; its operator lists sites with --allow-origin\n")
        if len(self._pages) >= MAX_PAGES:
            raise busy("too many chats are open; try again in a moment", AGAIN_S)
        page = await PageSocket.accept(request, frames.SUBPROTOCOL)
        async with page:
            self._pages.add(page)
            try:
                page.push(self._welcome())
                await Visitor(page, self._services).serve()
            finally:
                self._pages.discard(page)
        return page.response

    def _offer_again(self) -> None:
        for page in self._pages:
            page.push(self._welcome())

    def _welcome(self) -> frames.Welcome:
        return frames.Welcome(
            topics=self._topics.offered,
            max_attachment_mb=self._options.max_attachment_mb,
            max_text_length=frames.MAX_TEXT_LENGTH,
        )

    async def _health(self, _: web.Request) -> web.Response:
        up = self._link.connected
        body = {"status": "ok" if up else "no gateway", "pages": len(self._pages)}
        return web.json_response(body, status=200 if up else 503)

    async def _follow_commands(self) -> None:
        """A command is acknowledged when the next one is asked for, so after every page's queue has it."""
        async for command in self._link.commands():
            self._services.hub.tell(command)


def _owner_check(hub: Hub, key: IdentityKey) -> OwnerOf:
    """Only a page that is connected and in a conversation may upload to it."""

    def owner_of(secret: str) -> str | None:
        conversation = key.conversation(secret)
        return conversation if conversation in hub else None

    return owner_of

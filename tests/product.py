"""The whole product in one process: cluster, gateway, sample centre, web chat and desk, each as its public parts.

Nothing is faked but the machine: the store keeps everything in memory, and there is no Ray.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cluster.boot.first_centre import apply_first_centre
from cluster.boot.in_process import InProcess
from cluster.config.sample import sample_text
from cluster.spec import ClusterSpec
from gateways import sdk
from gateways.desk.server import DeskOptions, DeskServer
from gateways.web.listening import Address
from gateways.webchat.server import WebChat, WebChatOptions
from tests.ports import free_port

ADMIN_TOKEN = "admin-token-of-the-tests-0123456789"
DESK_TOKEN = "desk-token-of-the-tests-0123456789"
GATEWAY_TOKEN = "gateway-token-of-the-tests-0123456789"

GATEWAY = "gateway-1"

#: What every agent of the sample centre signs in with.
PASSWORD = "trunkline"


class Product:
    """A running product; use it as `async with`. `webchat` and `desk` can be stopped and started again."""

    def __init__(self, data_dir: Path, centre: str | None = None, max_attachment_mb: float = 1.0) -> None:
        self._centre = centre or sample_text()
        self.target = f"127.0.0.1:{free_port()}"
        self._runtime = InProcess(ClusterSpec("product", "memory:", shards=4))
        local = Address("127.0.0.1", 0)
        chat_link = sdk.LinkOptions(self.target, "webchat-1", GATEWAY_TOKEN)
        desk_link = sdk.LinkOptions(self.target, "desk-1", DESK_TOKEN)
        most = max_attachment_mb
        self._webchat_options = WebChatOptions(chat_link, local, data_dir / "webchat", max_attachment_mb=most)
        self._desk_options = DeskOptions(desk_link, local, data_dir / "desk", max_attachment_mb=most)
        self.webchat: WebChat | None = None
        self.desk: DeskServer | None = None
        self.webchat_url = ""
        self.desk_url = ""

    async def __aenter__(self) -> Product:
        await self._runtime.start()
        await self.start_gateway()
        await apply_first_centre(self.target, ADMIN_TOKEN, self._centre)
        await self.start_webchat()
        await self.start_desk()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_webchat()
        await self.stop_desk()
        await self._runtime.stop()

    async def start_gateway(self) -> None:
        """Start the gateway, always at the same address."""
        tokens = {"gateway": [GATEWAY_TOKEN], "desk": [DESK_TOKEN], "admin": [ADMIN_TOKEN]}
        settings = {"listen": [self.target], "tokens": tokens, "signing_key": "signing-key-of-the-tests-0123456789"}
        await self._runtime.start_gateway(GATEWAY, "gateways.server.factory:open_gateway", settings)

    async def kill_gateway(self) -> None:
        """The gateway is gone at once, with all that it held in memory."""
        await self._runtime.servers.pop(GATEWAY).stop()
        await self._runtime.cluster.kill_edge(GATEWAY)

    async def kill_host(self) -> None:
        """A host is gone at once; the spare one takes over its shards."""
        await self._runtime.cluster.kill_host(next(iter(self._runtime.cluster.hosts)))

    async def change_centre(self, before: str, after: str) -> None:
        """Apply the configuration with every `before` in it replaced."""
        self._centre = self._centre.replace(before, after)
        async with sdk.AdminClient(self.target, ADMIN_TOKEN) as admin:
            await admin.apply_config(self._centre, author="tests")

    async def start_webchat(self) -> None:
        """Start the web chat, the next time at the same address."""
        self.webchat = WebChat(self._webchat_options)
        await self.webchat.start()
        self.webchat_url = self.webchat.url
        self._webchat_options = replace(self._webchat_options, listen=_address(self.webchat_url))

    async def stop_webchat(self) -> None:
        """Stop it as an operator would."""
        webchat, self.webchat = self.webchat, None
        if webchat is not None:
            await webchat.stop()

    async def start_desk(self) -> None:
        """Start the desk, the next time at the same address."""
        self.desk = DeskServer(self._desk_options)
        await self.desk.start()
        self.desk_url = self.desk.url
        self._desk_options = replace(self._desk_options, listen=_address(self.desk_url))

    async def stop_desk(self) -> None:
        """Stop it as an operator would."""
        desk, self.desk = self.desk, None
        if desk is not None:
            await desk.stop()


def _address(url: str) -> Address:
    return Address.parse(url.removeprefix("http://"))

"""A gateway server over a fake edge, and links to it, for tests of what passes between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import argon2

from gateways.sdk import DeskLink, GatewayLink, LinkOptions
from gateways.sdk.options import Backoff
from gateways.server.gateway import GatewayServer
from gateways.server.options import GatewayOptions, Role, StreamLimits
from tests.fakes.edge import FakeAgent, FakeCentre, FakeEdge, FakeLink, FakeOperations
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

TOKENS = {Role.GATEWAY: "gateway-test-token", Role.DESK: "desk-test-token-1", Role.ADMIN: "admin-test-token"}
PASSWORD = "correct horse"
PASSWORD_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
LIMITS = StreamLimits(grace_s=2.0, hello_timeout_s=2.0)


@dataclass
class Serving:
    """A running gateway."""

    server: GatewayServer
    edge: FakeEdge
    operations: FakeOperations
    port: int

    @property
    def target(self) -> str:
        """Where adapters connect."""
        return f"127.0.0.1:{self.port}"

    def link(self, name: str = "webchat-1") -> FakeLink:
        """What the edge knows of a link."""
        return self.edge.links[name]

    def options(self, **changes: Any) -> LinkOptions:
        """A channel adapter's options, with short waits."""
        options = LinkOptions(
            self.target, "webchat-1", TOKENS[Role.GATEWAY], backoff=Backoff(0.01, 0.05), connect_timeout_s=5.0
        )
        return replace(options, **changes)

    def adapter(self, **changes: Any) -> GatewayLink:
        """A channel adapter's link."""
        return GatewayLink(self.options(**changes))

    def desk(self, **changes: Any) -> DeskLink:
        """A desk's link."""
        return DeskLink(self.options(**{"name": "desk-1", "token": TOKENS[Role.DESK], **changes}))


@asynccontextmanager
async def serving(edge: FakeEdge | None = None, **changes: Any) -> AsyncIterator[Serving]:
    """Run a gateway on a free port."""
    edge = edge or FakeEdge()
    assert edge.centre is not None
    edge.centre = FakeCentre(edge.centre.entries, {"alice": FakeAgent("Alice", PASSWORD_HASH)})
    operations = FakeOperations()
    defaults: dict[str, Any] = {"listen": ("127.0.0.1:0",), "limits": LIMITS, "signing_key": b"k" * 32}
    tokens = {role: (token,) for role, token in TOKENS.items()}
    server = GatewayServer(GatewayOptions(tokens=tokens, **{**defaults, **changes}), edge, operations)
    (port,) = await server.start()
    try:
        yield Serving(server, edge, operations, port)
    finally:
        await server.stop()


def opened(conversation: str = "webchat:1") -> gateway_pb2.Event:
    """A customer opening a conversation."""
    customer = content_pb2.Customer(id="c1", name="Ada")
    body = messaging_pb2.ConversationOpened(channel="webchat", entry_point="main", customer=customer)
    return gateway_pb2.Event(conversation=conversation, conversation_opened=body)


def said(text: str, conversation: str = "webchat:1") -> gateway_pb2.Event:
    """A customer writing; the text is the message's id too."""
    body = messaging_pb2.MessageReceived(content=content_pb2.Content(text=text))
    return gateway_pb2.Event(conversation=conversation, id=text[:40], message_received=body)

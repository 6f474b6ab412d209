"""How a gateway server is set up. Values are checked when the options are made, so a server never starts half right."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cluster.errors import StartupFailed


class Role(StrEnum):
    """What a token lets its holder do: exactly one service each."""

    GATEWAY = "gateway"
    DESK = "desk"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM content for TLS. With `client_ca`, adapters must show a certificate that it signed (mutual TLS)."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one stream may ask of the gateway; told to adapters in Welcome."""

    #: Most unsettled events in flight.
    window: int = 4_096
    #: Most numbered commands that are sent before they are acknowledged.
    command_window: int = 4_096
    #: Most commands kept here for a link that does not acknowledge; beyond it the stream is closed.
    commands_held: int = 100_000
    frame_bytes: int = 4 * 1024 * 1024
    frame_events: int = 2_000
    event_bytes: int = 256 * 1024
    hello_timeout_s: float = 10.0
    #: How long a stream stays open for what is in flight after Goodbye or GoAway.
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One gateway server.

    `tokens` holds the accepted bearer tokens by role; a role without tokens is closed. `signing_key` signs agents'
    sign-ins; gateways of one cluster share it, so that an agent can come back through any of them.
    """

    name: str = "gateway-1"
    listen: tuple[str, ...] = ("127.0.0.1:7350",)
    tokens: Mapping[Role, tuple[str, ...]] = field(default_factory=dict, repr=False)
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    sign_in_lifetime_s: float = 12 * 3600.0
    tls: ServerTls | None = None
    limits: StreamLimits = StreamLimits()
    keepalive_s: float = 20.0
    #: Where the cluster's metrics are served over HTTP; empty for nowhere.
    metrics_listen: str = ""

    def __post_init__(self) -> None:
        if not self.listen:
            raise StartupFailed("the gateway has no address to listen on; give at least one, such as 127.0.0.1:7350")
        if len(self.signing_key) < 32:
            raise StartupFailed("the gateway's signing key must have at least 32 bytes")
        for role, tokens in self.tokens.items():
            if any(len(token) < 16 for token in tokens):
                raise StartupFailed(f"a token of role {role} is shorter than 16 characters; make a longer one")

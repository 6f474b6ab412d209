"""Opens a gateway's server from the settings of a run-time layout.

Kept: a setting that is wrong stops the start with its name; secrets are never part of an error's text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from cluster.errors import StartupFailed
from gateways.server.edge import Edge, Operations
from gateways.server.gateway import GatewayServer
from gateways.server.options import GatewayOptions, Role, ServerTls, StreamLimits


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TlsSettings(_Settings):
    """Paths of PEM files; with `client_ca`, adapters must show a certificate that it signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class GatewaySettings(_Settings):
    """What a layout says about one gateway. `signing_key` is any secret text; gateways of one cluster share it."""

    listen: list[str] = Field(default=["127.0.0.1:7350"], min_length=1)
    tokens: dict[Role, list[SecretStr]] = {}
    signing_key: SecretStr
    sign_in_lifetime_s: float = Field(default=12 * 3600, gt=0)
    tls: TlsSettings | None = None
    window: int = Field(default=4_096, ge=1)
    grace_s: float = Field(default=10, ge=0)
    metrics_listen: str = ""


async def open_gateway(name: str, settings: dict[str, Any], edge: Edge, operations: Operations) -> GatewayServer:
    """Start the server; it listens when this returns.

    Raises:
        StartupFailed: a setting is wrong, a file cannot be read, or an address cannot be listened on.
    """
    server = GatewayServer(options_from(name, settings), edge, operations)
    await server.start()
    return server


def options_from(name: str, settings: dict[str, Any]) -> GatewayOptions:
    """Check the settings.

    Raises:
        StartupFailed: one is wrong, or a file cannot be read.
    """
    try:
        given = GatewaySettings.model_validate(settings)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False))
        raise StartupFailed(f"the settings of gateway {name!r} are wrong: {wrong}") from None
    return GatewayOptions(
        name=name,
        listen=tuple(given.listen),
        tokens={role: tuple(token.get_secret_value() for token in tokens) for role, tokens in given.tokens.items()},
        signing_key=given.signing_key.get_secret_value().encode(),
        sign_in_lifetime_s=given.sign_in_lifetime_s,
        tls=_read_tls(given.tls),
        limits=StreamLimits(window=given.window, grace_s=given.grace_s),
        metrics_listen=given.metrics_listen,
    )


def _read_tls(tls: TlsSettings | None) -> ServerTls | None:
    if tls is None:
        return None
    return ServerTls(
        certificate=_read(tls.certificate),
        key=_read(tls.key),
        client_ca=_read(tls.client_ca) if tls.client_ca is not None else None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupFailed(f"the TLS file {path} cannot be read: {error.strerror}") from error

"""How an adapter reaches its gateways."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import grpc

#: Commands can be larger than gRPC's usual 4 MiB: a whole long conversation, for example.
MAX_RECEIVE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM content for TLS.

    Attributes:
        ca: Who signed the gateway's certificate; None for the system's usual ones.
        certificate: The adapter's own certificate, for mutual TLS.
        key: Its key.
        server_name: The name that the gateway's certificate bears, if it is reached by another one.
    """

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: doubling from `first_s` to `most_s`, each drawn from its upper half.

    A gateway that was fine a moment ago is being started again: for `soon_for_s` after a link was lost, no wait is longer
    than `soon_s`.
    """

    first_s: float = 0.05
    most_s: float = 5.0
    soon_s: float = 0.25
    soon_for_s: float = 10.0

    def delay_s(self, failures: int, lost_for_s: float = math.inf) -> float:
        """The wait after so many failures in a row (from 1); random, so that adapters do not come back in step.

        Args:
            lost_for_s: How long ago the link was last up.
        """
        most = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        if lost_for_s < self.soon_for_s:
            most = min(most, self.soon_s)
        return random.uniform(most / 2, most)  # noqa: S311  # spreading load, not keeping a secret


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """One adapter's link.

    Attributes:
        target: The gateway's `host:port`, or several of them: the next is tried when one fails.
        name: The link's name, kept over restarts; commands are addressed to it.
        token: The bearer token of the adapter's role.
        tls: None for plain text, which belongs on the loopback interface only.
        window: How many unsettled events to keep at most; `post` waits beyond it.
        command_window: How many commands to be sent before they are handled.
        capabilities: The commands that the adapter carries out, for operators to see.
        software: The adapter's software and version, for operators to see.
        backoff: How long to wait between attempts.
        connect_timeout_s: How long `async with` waits for the first connection; None for ever.
        silence_timeout_s: A gateway that answers no ping for this long is taken for gone.
        close_timeout_s: How long closing waits for events to be settled.
    """

    target: str | Sequence[str]
    name: str
    token: str = field(default="", repr=False)
    tls: TlsOptions | None = None
    window: int = 1024
    command_window: int = 1024
    capabilities: Sequence[str] = ()
    software: str = "trunkline-python"
    backoff: Backoff = Backoff()
    connect_timeout_s: float | None = 30.0
    silence_timeout_s: float = 15.0
    close_timeout_s: float = 5.0

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target, in order of preference."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)


def open_channel(target: str, tls: TlsOptions | None) -> grpc.aio.Channel:
    """A fresh channel, sharing nothing with others, so that one attempt's failure does not delay the next."""
    options: list[tuple[str, int | str]] = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)
    return grpc.aio.secure_channel(target, credentials, options=options)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),) if token else ()

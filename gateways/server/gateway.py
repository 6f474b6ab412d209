"""A gateway's gRPC server: starts its listeners, serves adapters, desks and operators, and leaves without loss.

Kept: a server that started listens on every address it was given; after `drain` no adapter is cut off in the middle of
what it sent, unless it stays longer than the time of grace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cluster.errors import StartupFailed
from gateways.server.access import Access, SignIns
from gateways.server.admin import AdminService
from gateways.server.edge import Edge, Operations
from gateways.server.metrics import MetricsServer
from gateways.server.options import GatewayOptions, ServerTls
from gateways.server.services import DeskService, GatewayService, Links
from gateways.server.unreadable import RefuseUnreadable
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc

SERVICES = (
    gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"].full_name,
    desk_pb2.DESCRIPTOR.services_by_name["DeskService"].full_name,
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name,
)


class GatewayServer:
    """One gateway's server. Make and use it on one event loop.

    Args:
        options: Addresses, tokens, TLS and limits.
        edge: The way into the cluster.
        operations: What operators may do to the cluster.
        clock: Now, in ms since the epoch; the edge's when left out.
    """

    def __init__(
        self,
        options: GatewayOptions,
        edge: Edge,
        operations: Operations,
        clock: Callable[[], int] | None = None,
    ) -> None:
        clock = clock or edge.now_ms
        self._options = options
        self._links = Links(edge, options, clock)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # missing in the stubs
        access = Access(options.tokens)
        sign_ins = SignIns(options.signing_key, options.sign_in_lifetime_s, clock)
        self._gateway = GatewayService(self._links, access, edge, clock)
        self._desk = DeskService(self._links, access, edge, sign_ins)
        self._admin = AdminService(options.name, clock(), access, self._links, edge, operations, self.empty)
        self._metrics = MetricsServer(edge, options.metrics_listen) if options.metrics_listen else None
        self._server: grpc.aio.Server | None = None
        self._emptied: asyncio.Task[None] | None = None
        #: The ports listened on, in the order of `options.listen`.
        self.ports: tuple[int, ...] = ()

    async def start(self) -> tuple[int, ...]:
        """Listen; returns the ports in the order of `options.listen`.

        Raises:
            StartupFailed: an address cannot be listened on, or the certificates are no good.
        """
        server = grpc.aio.server(options=self._channel_options(), interceptors=(RefuseUnreadable(),))
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(self._gateway, server)
        desk_pb2_grpc.add_DeskServiceServicer_to_server(self._desk, server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self._admin, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        self.ports = tuple(self._listen(server, address) for address in self._options.listen)
        await server.start()
        self._server = server
        if self._metrics is not None:
            await self._metrics.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        return self.ports

    def _listen(self, server: grpc.aio.Server, address: str) -> int:
        tls = self._options.tls
        try:
            if tls is None:
                return server.add_insecure_port(address)
            return server.add_secure_port(address, _credentials(tls))
        except (RuntimeError, ValueError) as error:
            raise StartupFailed(
                f"the gateway cannot listen on {address}: the port is in use, not allowed, or the TLS files do not fit "
                f"together; choose another address or stop what holds it ({error})"
            ) from error

    def _channel_options(self) -> list[tuple[str, int]]:
        limits, keepalive_ms = self._options.limits, int(self._options.keepalive_s * 1000)
        return [
            # With it, a second gateway on the same port would start without a word and get half of the adapters.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", limits.frame_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.keepalive_time_ms", keepalive_ms),
            ("grpc.keepalive_timeout_ms", keepalive_ms // 2),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", min(keepalive_ms, 5_000)),
            ("grpc.http2.max_ping_strikes", 0),
        ]

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for service in ("", *SERVICES):
            await self._health.set(service, status)

    @property
    def links(self) -> int:
        """How many streams are open."""
        return len(self._links)

    @property
    def metrics_url(self) -> str:
        """Where metrics are served; empty for nowhere."""
        return self._metrics.url if self._metrics is not None else ""

    async def empty(self) -> None:
        """Take no new stream, ask the open ones to leave, and wait until they have; may be called again."""
        if self._emptied is None:
            self._emptied = asyncio.create_task(self._empty())
        await asyncio.shield(self._emptied)

    async def _empty(self) -> None:
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._links.drain("the gateway is being drained")

    async def drain(self) -> None:
        """Empty the gateway, then close it."""
        await self.empty()
        await self._close(grace_s=1.0)

    async def stop(self) -> None:
        """Close every listener and stream now; what was not acknowledged stays with its sender."""
        await self._close(grace_s=0.0)

    async def _close(self, grace_s: float) -> None:
        server, self._server = self._server, None
        if self._metrics is not None:
            await self._metrics.stop()
        if server is not None:
            await server.stop(grace_s)


def _credentials(tls: ServerTls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_ca,
        require_client_auth=tls.client_ca is not None,
    )

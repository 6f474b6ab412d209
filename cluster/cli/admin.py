"""A thin client of the gateway's AdminService, whose failures are errors of ours that say what to do.

command                 gateway
  | unary call + token --> |
  | <-- answer or status   |
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import grpc

from cluster.cli.where import GatewayAccess
from cluster.errors import Outcome, TrunklineError
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc

R = TypeVar("R")
TIMEOUT_S = 10.0
#: Codes after which the same call may simply be made again.
_RETRYABLE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})


class CallFailed(TrunklineError):
    """The gateway answered with a status that is not OK, or not at all."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.retryable = code in _RETRYABLE
        self.outcome = Outcome.UNKNOWN if code in ("DEADLINE_EXCEEDED", "UNKNOWN") else Outcome.NOT_APPLIED


class AdminClient:
    """Use as a context manager. Every method raises `CallFailed`."""

    def __init__(self, access: GatewayAccess, timeout_s: float = TIMEOUT_S) -> None:
        self._access = access
        self._timeout_s = timeout_s
        self._channel = _channel(access)
        self._stub = admin_pb2_grpc.AdminServiceStub(self._channel)

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._channel.close()

    def status(self) -> admin_pb2.StatusResponse:
        """What runs, and how it does."""
        return self._call(self._stub.Status, admin_pb2.StatusRequest())

    def apply_config(
        self, yaml: str, author: str, comment: str, expected_version: int | None, dry_run: bool
    ) -> admin_pb2.ApplyConfigResponse:
        """Make a configuration the current one."""
        request = admin_pb2.ApplyConfigRequest(yaml=yaml, author=author, comment=comment, dry_run=dry_run)
        if expected_version is not None:
            request.expected_version = expected_version
        return self._call(self._stub.ApplyConfig, request)

    def get_config(self) -> admin_pb2.GetConfigResponse:
        """The current configuration."""
        return self._call(self._stub.GetConfig, admin_pb2.GetConfigRequest())

    def config_history(self, limit: int) -> admin_pb2.ConfigHistoryResponse:
        """The newest versions of the configuration."""
        return self._call(self._stub.ConfigHistory, admin_pb2.ConfigHistoryRequest(limit=limit))

    def explain_route(
        self, interaction: str, queue: str, channel: str, skills: dict[str, int], where: str, priority: int, waited_ms: int
    ) -> admin_pb2.ExplainRouteResponse:
        """Who would get an interaction now: one that waits, or one that might come."""
        request = admin_pb2.ExplainRouteRequest(
            interaction=interaction, queue=queue, channel=channel, skills=skills, where=where, priority=priority,
            waited_ms=waited_ms,
        )  # fmt: skip
        return self._call(self._stub.ExplainRoute, request)

    def drain(self, host: str = "") -> None:
        """Empty a host and end it, or empty the gateway that answers."""
        self._call(self._stub.Drain, admin_pb2.DrainRequest(host=host))

    def restart(self, part: str = "") -> None:
        """Start a host, `supervisor`, or the gateway that answers, anew."""
        self._call(self._stub.Restart, admin_pb2.RestartRequest(part=part))

    def add_hosts(self, count: int) -> list[str]:
        """Start more hosts; returns their names."""
        return list(self._call(self._stub.AddHosts, admin_pb2.AddHostsRequest(count=count)).hosts)

    def list_interactions(self, queue: str, limit: int) -> admin_pb2.ListInteractionsResponse:
        """Who waits in one queue, or in all."""
        return self._call(self._stub.ListInteractions, admin_pb2.ListInteractionsRequest(queue=queue, limit=limit))

    def show_interaction(self, interaction: str) -> admin_pb2.Interaction:
        """Where one interaction stands."""
        return self._call(self._stub.ShowInteraction, admin_pb2.ShowInteractionRequest(interaction=interaction)).interaction

    def move_interaction(
        self,
        id: str,
        author: str,
        interaction: str,
        queue: str,
        agent: str,
        fallback_ms: int | None,
        at_end: bool,
        leg: int,
        standing: str,
    ) -> admin_pb2.Interaction:
        """Let a customer wait in a queue or for an agent; `standing` (`waiting`, `served`) is how they must stand now."""
        expected = admin_pb2.Standing.Value(f"STANDING_{standing.upper() or 'UNSPECIFIED'}")
        request = admin_pb2.MoveInteractionRequest(
            id=id, author=author, interaction=interaction, queue=queue, agent=agent, fallback_ms=fallback_ms, at_end=at_end,
            expected_leg=leg, expected_standing=expected,
        )  # fmt: skip
        return self._call(self._stub.MoveInteraction, request).interaction

    def set_priority(self, interaction: str, priority: int, leg: int) -> admin_pb2.Interaction:
        """Let a customer go before or after others."""
        request = admin_pb2.SetPriorityRequest(interaction=interaction, priority=priority, expected_leg=leg)
        return self._call(self._stub.SetPriority, request).interaction

    def _call(self, method: Callable[..., R], request: Any) -> R:
        metadata = (("authorization", f"Bearer {self._access.token}"),)
        try:
            return method(request, timeout=self._timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            raise _explained(error, self._access.target) from None


def _channel(access: GatewayAccess) -> grpc.Channel:
    # The default proxy settings would send a loopback call through a company's proxy.
    options = [("grpc.enable_http_proxy", 0)]
    if access.tls:
        # One PEM file may hold both: each reader takes the blocks that it knows.
        credentials = grpc.ssl_channel_credentials(access.ca, access.identity, access.identity)
        return grpc.secure_channel(access.target, credentials, options)
    return grpc.insecure_channel(access.target, options)


def _explained(error: grpc.RpcError, target: str) -> CallFailed:
    """A gRPC failure with advice in place of the library's words."""
    code = error.code().name
    detail = error.details() or ""
    match code:
        case "UNAVAILABLE" if "onnect" in detail or "resol" in detail or "Socket" in detail:
            detail = f"no gateway answers at {target}: start it with `trunkline up`, or name another with --gateway host:port"
        case "DEADLINE_EXCEEDED":
            detail = f"the gateway at {target} did not answer in time: look at `trunkline doctor` and the logs of the run"
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            detail = f"{detail.rstrip('.')}; name a file with an admin token of this gateway with --token-file"
        case "UNIMPLEMENTED":
            detail = f"what answers at {target} has no admin service: is it a Trunkline gateway of this release?"
    return CallFailed(code, detail or f"the gateway at {target} failed without saying why")

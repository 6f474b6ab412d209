"""Questions to a gateway: agents' sign-in and queue counters, and everything operators do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import grpc

from gateways.sdk.errors import CallFailed, Status
from gateways.sdk.options import TlsOptions, bearer, open_channel
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc

TIMEOUT_S: Final = 10.0
#: Applying a configuration tells every agent and queue, and draining waits for adapters to leave.
LONG_TIMEOUT_S: Final = 60.0
#: A process on a busy machine takes its time to start.
START_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An agent whose password was right; the token lets them come back until `expires_at` (ms since the epoch)."""

    agent: str
    name: str
    token: str = field(repr=False)
    expires_at: int


class _Client:
    """Asks the first target that can be reached."""

    def __init__(self, target: str | Sequence[str], token: str, tls: TlsOptions | None = None) -> None:
        self._targets = (target,) if isinstance(target, str) else tuple(target)
        self._metadata = bearer(token)
        self._tls = tls
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            await channel.close(None)
        self._channels.clear()

    async def _ask(
        self, method: Callable[[grpc.aio.Channel], Callable[..., Awaitable[Any]]], request: Any, timeout_s: float = TIMEOUT_S
    ) -> Any:
        failed: CallFailed | None = None
        for target in self._targets:
            channel = self._channels.get(target)
            if channel is None:
                channel = self._channels[target] = open_channel(target, self._tls)
            try:
                return await method(channel)(request, metadata=self._metadata, timeout=timeout_s)
            except grpc.RpcError as error:
                status = Status.of(error)
                failed = CallFailed(status.code, status.detail, status.reason, status.violations, status.retry_after_s)
                # Only a gateway that was never reached may be replaced: the call cannot have been applied there.
                if status.code != "UNAVAILABLE" or status.reason:
                    break
        assert failed is not None
        raise failed


class GatewayClient(_Client):
    """Channel adapters' questions; needs a gateway token."""

    async def read_entry_points(self, channel: str) -> list[gateway_pb2.EntryPoint]:
        """The channel's entry points, for a page that lets customers choose.

        Raises:
            CallFailed: the gateway cannot be asked.
        """
        request = gateway_pb2.ReadEntryPointsRequest(channel=channel)
        answer = await self._ask(lambda opened: gateway_pb2_grpc.GatewayServiceStub(opened).ReadEntryPoints, request)
        return list(answer.entry_points)


class DeskClient(_Client):
    """Desk questions; needs a desk token."""

    async def sign_in(self, agent: str, password: str) -> SignedIn:
        """Check an agent's password.

        Raises:
            CallFailed: UNAUTHENTICATED if the agent or the password is wrong.
        """
        request = desk_pb2.SignInRequest(agent=agent, password=password)
        answer = await self._ask(lambda channel: desk_pb2_grpc.DeskServiceStub(channel).SignIn, request)
        return SignedIn(agent, answer.name, answer.token, answer.expires_at)

    async def read_directory(self, known_version: int = 0) -> desk_pb2.ReadDirectoryResponse:
        """What desks offer to choose from; empty but for its version if `known_version` is still current.

        Raises:
            CallFailed: the gateway cannot be asked.
        """
        request = desk_pb2.ReadDirectoryRequest(known_version=known_version)
        answer: desk_pb2.ReadDirectoryResponse = await self._ask(
            lambda channel: desk_pb2_grpc.DeskServiceStub(channel).ReadDirectory, request
        )
        return answer

    async def read_queues(self, queues: Sequence[str] = ()) -> list[desk_pb2.QueueCounters]:
        """The live counters of these queues, or of all; those that do not exist are left out.

        Raises:
            CallFailed: the cluster cannot tell.
        """
        request = desk_pb2.ReadQueuesRequest(queues=queues)
        answer = await self._ask(lambda channel: desk_pb2_grpc.DeskServiceStub(channel).ReadQueues, request)
        return list(answer.queues)

    async def explain_offer(self, token: str, reservation: str) -> desk_pb2.ExplainOfferResponse:
        """Why the agent whose sign-in token this is was asked.

        Raises:
            CallFailed: NOT_FOUND once the reservation is over; UNAUTHENTICATED when the token is not good any more.
        """
        request = desk_pb2.ExplainOfferRequest(token=token, reservation=reservation)
        answer: desk_pb2.ExplainOfferResponse = await self._ask(
            lambda channel: desk_pb2_grpc.DeskServiceStub(channel).ExplainOffer, request
        )
        return answer


class AdminClient(_Client):
    """Operators' questions; needs an admin token. Every method raises `CallFailed` when the answer is no."""

    async def status(self) -> admin_pb2.StatusResponse:
        """What runs, and how it does."""
        request = admin_pb2.StatusRequest()
        answer: admin_pb2.StatusResponse = await self._ask(
            lambda channel: admin_pb2_grpc.AdminServiceStub(channel).Status, request
        )
        return answer

    async def list_actors(
        self, kind: str = "", prefix: str = "", page_size: int = 0, page_token: str = ""
    ) -> admin_pb2.ListActorsResponse:
        """The addresses of actors that have state."""
        request = admin_pb2.ListActorsRequest(kind=kind, prefix=prefix, page_size=page_size, page_token=page_token)
        answer: admin_pb2.ListActorsResponse = await self._ask(
            lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ListActors, request
        )
        return answer

    async def show_actor(self, address: str) -> admin_pb2.ShowActorResponse:
        """One actor's state."""
        request = admin_pb2.ShowActorRequest(address=address)
        answer: admin_pb2.ShowActorResponse = await self._ask(
            lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ShowActor, request
        )
        return answer

    async def apply_config(
        self, yaml: str, author: str, comment: str = "", expected_version: int | None = None, dry_run: bool = False
    ) -> int:
        """Make a configuration the current one, or only check it; returns the version that is current then."""
        request = admin_pb2.ApplyConfigRequest(
            yaml=yaml, author=author, comment=comment, expected_version=expected_version, dry_run=dry_run
        )
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ApplyConfig, request, LONG_TIMEOUT_S)
        return int(answer.version)

    async def get_config(self) -> admin_pb2.GetConfigResponse:
        """The current configuration."""
        request = admin_pb2.GetConfigRequest()
        answer: admin_pb2.GetConfigResponse = await self._ask(
            lambda channel: admin_pb2_grpc.AdminServiceStub(channel).GetConfig, request
        )
        return answer

    async def config_history(self, limit: int = 0) -> list[admin_pb2.ConfigRevision]:
        """The configuration's versions, newest first."""
        request = admin_pb2.ConfigHistoryRequest(limit=limit)
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ConfigHistory, request)
        return list(answer.revisions)

    async def drain(self, host: str = "") -> None:
        """Empty a host, or the gateway that answers."""
        request = admin_pb2.DrainRequest(host=host)
        await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).Drain, request, LONG_TIMEOUT_S)

    async def restart(self, part: str = "") -> None:
        """Empty a host and start it anew; or `supervisor`; or, without a name, the gateway that answers."""
        request = admin_pb2.RestartRequest(part=part)
        await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).Restart, request, START_TIMEOUT_S)

    async def add_hosts(self, count: int = 1) -> list[str]:
        """Start more hosts; returns their names."""
        request = admin_pb2.AddHostsRequest(count=count)
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).AddHosts, request, START_TIMEOUT_S)
        return list(answer.hosts)

    async def list_interactions(self, queue: str = "", limit: int = 0) -> admin_pb2.ListInteractionsResponse:
        """Who waits in one queue, or in all, in the order of service."""
        request = admin_pb2.ListInteractionsRequest(queue=queue, limit=limit)
        answer: admin_pb2.ListInteractionsResponse = await self._ask(
            lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ListInteractions, request
        )
        return answer

    async def show_interaction(self, interaction: str) -> admin_pb2.Interaction:
        """Where one interaction stands."""
        request = admin_pb2.ShowInteractionRequest(interaction=interaction)
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).ShowInteraction, request)
        shown: admin_pb2.Interaction = answer.interaction
        return shown

    async def move_interaction(self, request: admin_pb2.MoveInteractionRequest) -> admin_pb2.Interaction:
        """Let a customer wait in a queue or for an agent; asking again with the same id moves nobody twice."""
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).MoveInteraction, request)
        moved: admin_pb2.Interaction = answer.interaction
        return moved

    async def set_priority(self, interaction: str, priority: int, expected_leg: int = 0) -> admin_pb2.Interaction:
        """Let a customer go before or after others."""
        request = admin_pb2.SetPriorityRequest(interaction=interaction, priority=priority, expected_leg=expected_leg)
        answer = await self._ask(lambda channel: admin_pb2_grpc.AdminServiceStub(channel).SetPriority, request)
        shown: admin_pb2.Interaction = answer.interaction
        return shown

"""The operators' service: status, actors, configuration and drain; what supervisors do is in `supervision`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version as release_of
from typing import Any

from google.protobuf import json_format, struct_pb2

from actors.actor import Message
from actors.address import Address, address
from actors.messages.centre import ApplyCentre, CentreHistory, CentreVersion, ReadCentre, ReadCentreHistory
from actors.messages.queue import DescribeWaiting
from actors.messages.router import ROUTER, ExplainRoute, RouteExplained, Waiting
from actors.values import Requirement, skill_levels
from cluster.errors import ConfigInvalid
from gateways.server.access import Access
from gateways.server.calls import guarded
from gateways.server.edge import ActorSummary, Edge, Operations
from gateways.server.failures import Failure, Reason
from gateways.server.options import Role
from gateways.server.services import Links
from gateways.server.supervision import Supervision
from gateways.translate.explaining import route_explained
from trunkline.admin.v1 import admin_pb2 as pb

CENTRE = Address("centre/main")
#: `ApplyCentre.expected_version` for "whatever is there".
ANY_VERSION = -1
#: `RestartRequest.part` for the supervisor.
SUPERVISOR = "supervisor"
MOST_HOSTS_AT_ONCE = 64
ACTORS_PER_PAGE = 100
MAX_ACTORS_PER_PAGE = 1_000
#: Telling every agent and queue their part of a new configuration takes longer than a usual question.
APPLY_TIMEOUT_S = 30.0


class AdminService(Supervision):
    """Answers operators."""

    def __init__(
        self,
        gateway: str,
        started_at: int,
        access: Access,
        links: Links,
        edge: Edge,
        operations: Operations,
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        self._gateway = gateway
        self._started_at = started_at
        self.access = access
        self._links = links
        self._edge = edge
        self._operations = operations
        self._drain = drain

    @guarded(Role.ADMIN)
    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:
        """See admin.proto."""
        return pb.StatusResponse(
            version=release_of("trunkline"),
            gateway=self._gateway,
            started_at=self._started_at,
            draining=self._links.draining,
            centre_version=max(self._edge.centre_version, 0),
            links=self._links.status(),
            cluster=_struct(self._edge.status()),
        )

    @guarded(Role.ADMIN)
    async def ListActors(self, request: pb.ListActorsRequest, context: Any) -> pb.ListActorsResponse:
        """See admin.proto."""
        limit = min(request.page_size or ACTORS_PER_PAGE, MAX_ACTORS_PER_PAGE)
        page = await self._operations.list_actors(request.kind, request.prefix, limit, request.page_token)
        return pb.ListActorsResponse(actors=[_summary(actor) for actor in page.actors], next_page_token=page.next_token)

    @guarded(Role.ADMIN)
    async def ShowActor(self, request: pb.ShowActorRequest, context: Any) -> pb.ShowActorResponse:
        """See admin.proto."""
        kind, _, name = request.address.partition("/")
        if not kind or not name:
            detail = f"{request.address!r} is no address; write <kind>/<name>, such as agent/alice"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("address", detail)])
        found = await self._operations.show_actor(Address(request.address))
        if found is None:
            detail = f"{request.address} has no state; `trunkline actors ls` lists those that have"
            raise Failure("NOT_FOUND", Reason.NO_SUCH_ACTOR, detail)
        summary, records = found
        return pb.ShowActorResponse(actor=_summary(summary), records=_struct(records))

    @guarded(Role.ADMIN)
    async def ApplyConfig(self, request: pb.ApplyConfigRequest, context: Any) -> pb.ApplyConfigResponse:
        """See admin.proto."""
        if not request.author:
            detail = "author is required: who applies the configuration?"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("author", detail)])
        try:
            # It hashes every password: seconds for a large centre, in which this gateway goes on serving.
            plan = await asyncio.to_thread(self._operations.compile_centre, request.yaml)
        except ConfigInvalid as invalid:
            problems = [("yaml", line) for line in invalid.detail.splitlines()]
            raise Failure("INVALID_ARGUMENT", Reason.CONFIG_INVALID, invalid.detail, violations=problems) from None
        if request.dry_run:
            return pb.ApplyConfigResponse(version=max(self._edge.centre_version, 0))
        expected = request.expected_version if request.HasField("expected_version") else ANY_VERSION
        apply = ApplyCentre(expected, request.author, request.yaml, plan, request.comment)
        applied = _expect(CentreVersion, await self._edge.ask(CENTRE, apply, APPLY_TIMEOUT_S))
        return pb.ApplyConfigResponse(version=applied.version)

    @guarded(Role.ADMIN)
    async def GetConfig(self, request: pb.GetConfigRequest, context: Any) -> pb.GetConfigResponse:
        """See admin.proto."""
        current = _expect(CentreVersion, await self._edge.ask(CENTRE, ReadCentre()))
        return pb.GetConfigResponse(version=max(current.version, 0), yaml=current.source)

    @guarded(Role.ADMIN)
    async def ExplainRoute(self, request: pb.ExplainRouteRequest, context: Any) -> pb.ExplainRouteResponse:
        """See admin.proto."""
        if not request.interaction and not (request.queue and request.channel):
            detail = "name an interaction that waits, or the queue and the channel of one that might come"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("interaction", detail)])
        asked = ExplainRoute(request.interaction)
        if not request.interaction:
            asked = ExplainRoute(waiting=_expect(Waiting, await self._edge.ask(*_described(request))))
        return route_explained(_expect(RouteExplained, await self._edge.ask(ROUTER, asked)))

    @guarded(Role.ADMIN)
    async def ConfigHistory(self, request: pb.ConfigHistoryRequest, context: Any) -> pb.ConfigHistoryResponse:
        """See admin.proto."""
        history = _expect(CentreHistory, await self._edge.ask(CENTRE, ReadCentreHistory()))
        revisions = history.revisions[: request.limit] if request.limit else history.revisions
        return pb.ConfigHistoryResponse(
            revisions=[
                pb.ConfigRevision(
                    version=item.version, applied_at=item.at, author=item.author, comment=item.comment, yaml=item.source
                )
                for item in revisions
            ]
        )

    @guarded(Role.ADMIN)
    async def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        """See admin.proto."""
        if request.host:
            await self._operations.drain_host(request.host)
        else:
            await self._drain()
        return pb.DrainResponse()

    @guarded(Role.ADMIN)
    async def Restart(self, request: pb.RestartRequest, context: Any) -> pb.RestartResponse:
        """See admin.proto."""
        if request.part:
            await self._operations.restart("" if request.part == SUPERVISOR else request.part)
        else:
            await self._drain()
            await self._operations.restart(self._gateway)
        return pb.RestartResponse()

    @guarded(Role.ADMIN)
    async def AddHosts(self, request: pb.AddHostsRequest, context: Any) -> pb.AddHostsResponse:
        """See admin.proto."""
        if not 1 <= request.count <= MOST_HOSTS_AT_ONCE:
            detail = f"count must be 1 to {MOST_HOSTS_AT_ONCE}"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("count", detail)])
        return pb.AddHostsResponse(hosts=await self._operations.add_hosts(request.count))


def _described(request: pb.ExplainRouteRequest) -> tuple[Address, DescribeWaiting]:
    """The queue to ask, and the interaction that might come."""
    requirement = Requirement(skill_levels(request.skills), where=request.where)
    described = DescribeWaiting(request.channel, request.priority, requirement, max(request.waited_ms, 0))
    return address("queue", request.queue), described


def _summary(actor: ActorSummary) -> pb.ActorSummary:
    return pb.ActorSummary(address=actor.address, shard=actor.shard, host=actor.host, version=actor.version)


def _struct(content: Any) -> struct_pb2.Struct:
    """Any JSON-like mapping; what JSON does not know is shown as text."""
    return json_format.Parse(json.dumps(content, default=str), struct_pb2.Struct())


def _expect(kind: type[Any], answer: Message) -> Any:
    if not isinstance(answer, kind):
        detail = f"the centre answered {type(answer).__name__} in place of {kind.__name__}"
        raise Failure("INTERNAL", Reason.CLUSTER, detail)
    return answer

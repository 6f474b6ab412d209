"""The link services: streams of adapters and desks, agents' sign-in, and queue counters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from actors.address import Address
from actors.messages.agent import ExplainReservation, ReservationExplained
from actors.messages.queue import QueueCounters, ReadQueue
from cluster.errors import Refused
from gateways.server.access import Access, SignIns
from gateways.server.calls import guarded
from gateways.server.dialect import ChannelDialect, DeskDialect, Dialect
from gateways.server.edge import Edge
from gateways.server.failures import Failure, Reason
from gateways.server.figures import StreamFigures
from gateways.server.options import GatewayOptions, Role
from gateways.server.stream import AdapterStream
from gateways.translate.desk_commands import counters_to
from gateways.translate.explaining import offer_explained
from trunkline.admin.v1 import admin_pb2
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc

#: Most queues that one question names.
QUEUES_AT_ONCE = 200


class Links:
    """Every open stream of the server, of both services."""

    def __init__(self, edge: Edge, options: GatewayOptions, clock: Callable[[], int]) -> None:
        self._edge = edge
        self._options = options
        self._clock = clock
        self._open: set[AdapterStream] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, dialect: Dialect, context: Any) -> None:
        """Run one stream to its end.

        Raises:
            Failure: the status to end it with.
        """
        if self.draining:
            detail = "this gateway is being drained; connect to another one"
            raise Failure("UNAVAILABLE", Reason.DRAINING, detail)
        figures = StreamFigures(self._edge.meter, dialect.name)
        stream = AdapterStream(self._edge, self._options, dialect, context, self._clock, figures)
        self._open.add(stream)
        self._none_open.clear()
        figures.opened()
        reason = ""
        try:
            await stream.serve()
        except Failure as failure:
            reason = str(failure.reason)
            raise
        finally:
            figures.closed(reason)
            self._open.discard(stream)
            if not self._open:
                self._none_open.set()

    async def drain(self, reason: str) -> None:
        """Take no new stream, ask the open ones to leave, and wait until they have."""
        self.draining = True
        for stream in self._open:
            stream.go_away(reason, self._options.limits.grace_s)
        await self._none_open.wait()

    def status(self) -> list[admin_pb2.LinkStatus]:
        """The open streams by name, for operators to see."""
        return sorted((stream.status() for stream in self._open), key=lambda status: (status.link, status.opened_at))


class GatewayService(gateway_pb2_grpc.GatewayServiceServicer):
    """Links of channel adapters. `Connect` reads and writes on its context, so it returns nothing to iterate over."""

    def __init__(self, links: Links, access: Access, edge: Edge, clock: Callable[[], int]) -> None:
        self._links = links
        self.access = access
        self._edge = edge
        self._clock = clock

    @guarded(Role.GATEWAY)
    async def Connect(self, request_iterator: Any, context: Any) -> Any:
        """See gateway.proto."""
        await self._links.serve(ChannelDialect(), context)

    @guarded(Role.GATEWAY)
    async def ReadEntryPoints(
        self, request: gateway_pb2.ReadEntryPointsRequest, context: Any
    ) -> gateway_pb2.ReadEntryPointsResponse:
        """See gateway.proto."""
        centre, now = self._edge.centre, self._clock()
        doors = centre.channels.get(request.channel, {}) if centre is not None else {}
        return gateway_pb2.ReadEntryPointsResponse(
            entry_points=[
                gateway_pb2.EntryPoint(
                    name=name,
                    queue=door.queue,
                    queue_names=centre.queues[door.queue].names if door.queue in centre.queues else {},
                    open=centre.is_open(door, now),
                )
                for name, door in doors.items()
                if centre is not None
            ]
        )


class DeskService(desk_pb2_grpc.DeskServiceServicer):
    """Links of desks, sign-in and queue counters."""

    def __init__(self, links: Links, access: Access, edge: Edge, sign_ins: SignIns) -> None:
        self._links = links
        self.access = access
        self._edge = edge
        self._sign_ins = sign_ins

    @guarded(Role.DESK)
    async def Connect(self, request_iterator: Any, context: Any) -> Any:
        """See desk.proto."""
        await self._links.serve(DeskDialect(self._edge, self._sign_ins), context)

    @guarded(Role.DESK)
    async def SignIn(self, request: desk_pb2.SignInRequest, context: Any) -> desk_pb2.SignInResponse:
        """See desk.proto."""
        signed = await self._sign_ins.sign_in(self._edge.centre, request.agent, request.password)
        return desk_pb2.SignInResponse(token=signed.token, expires_at=signed.expires_at, name=signed.name)

    @guarded(Role.DESK)
    async def ReadDirectory(self, request: desk_pb2.ReadDirectoryRequest, context: Any) -> desk_pb2.ReadDirectoryResponse:
        """See desk.proto."""
        centre, version = self._edge.centre, self._edge.centre_version
        if centre is None or version == request.known_version:
            return desk_pb2.ReadDirectoryResponse(version=version if centre is not None else 0)
        return desk_pb2.ReadDirectoryResponse(
            version=version,
            names=centre.names,
            queues=[
                desk_pb2.QueueInfo(id=id_, names=queue.names, service_level_ms=int(queue.service_level_s * 1000))
                for id_, queue in centre.queues.items()
            ],
            agents=[desk_pb2.AgentInfo(id=id_, name=agent.name, queues=agent.queues) for id_, agent in centre.agents.items()],
            dispositions=[desk_pb2.Choice(id=choice.id, names=choice.names) for choice in centre.dispositions],
            presence_reasons=[desk_pb2.Choice(id=choice.id, names=choice.names) for choice in centre.presence_reasons],
            skills=[desk_pb2.Choice(id=id_, names=names) for id_, names in centre.skills.items()],
        )

    @guarded(Role.DESK)
    async def ReadQueues(self, request: desk_pb2.ReadQueuesRequest, context: Any) -> desk_pb2.ReadQueuesResponse:
        """See desk.proto."""
        if len(request.queues) > QUEUES_AT_ONCE:
            detail = f"{len(request.queues)} queues were asked for; ask for at most {QUEUES_AT_ONCE} at once"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("queues", detail)])
        known = self._edge.centre.queues if self._edge.centre is not None else {}
        # An actor answers whatever its address: only the configuration knows which queues exist.
        wanted = [queue for queue in request.queues if queue in known] if request.queues else list(known)
        counters = await asyncio.gather(*(self._counters(queue) for queue in wanted))
        return desk_pb2.ReadQueuesResponse(queues=[counters_to(item) for item in counters if item is not None])

    @guarded(Role.DESK)
    async def ExplainOffer(self, request: desk_pb2.ExplainOfferRequest, context: Any) -> desk_pb2.ExplainOfferResponse:
        """See desk.proto."""
        agent = self._sign_ins.agent_of(self._edge.centre, request.token)
        if not request.reservation:
            detail = "reservation is required: which offer?"
            raise Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[("reservation", detail)])
        answer = await self._edge.ask(Address(f"agent/{agent}"), ExplainReservation(request.reservation))
        if not isinstance(answer, ReservationExplained):
            raise Failure("INTERNAL", Reason.CLUSTER, f"the agent answered {type(answer).__name__} in place of an explanation")
        return offer_explained(answer)

    async def _counters(self, queue: str) -> QueueCounters | None:
        try:
            answer = await self._edge.ask(Address(f"queue/{queue}"), ReadQueue())
        except Refused as refused:
            if refused.code == "NOT_FOUND":
                return None
            raise
        return answer if isinstance(answer, QueueCounters) else None

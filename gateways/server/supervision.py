"""The supervisors' half of the operators' service: who waits, and moving and prioritising them.

Kept: whoever is moved goes where the configuration has such a queue, and to an agent who serves it; what a session says
no to comes back in its own words.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeVar

from actors.actor import Message
from actors.address import Address, address, name_of
from actors.messages.queue import Places, PlaceView, ReadPlaces
from actors.messages.session import InteractionView, Prioritise, ReadInteraction, Redirect
from actors.values import InteractionState
from gateways.server.access import Access
from gateways.server.calls import guarded
from gateways.server.edge import Edge
from gateways.server.failures import Failure, Reason
from gateways.server.options import Role
from gateways.translate.desk_events import session_of
from gateways.translate.routing import Unroutable
from trunkline.admin.v1 import admin_pb2 as pb
from trunkline.admin.v1 import admin_pb2_grpc

M = TypeVar("M", bound=Message)

PLACES_PER_QUEUE: Final = 100
MAX_PLACES_PER_QUEUE: Final = 1_000
_STANDING: Final = {
    InteractionState.QUEUED: pb.STANDING_WAITING,
    InteractionState.CONNECTED: pb.STANDING_SERVED,
    InteractionState.ENDED: pb.STANDING_ENDED,
}
_STATE: Final = {standing: state for state, standing in _STANDING.items()}


class Supervision(admin_pb2_grpc.AdminServiceServicer):
    """What `AdminService` answers about interactions."""

    access: Access
    _edge: Edge

    @guarded(Role.ADMIN)
    async def ListInteractions(self, request: pb.ListInteractionsRequest, context: Any) -> pb.ListInteractionsResponse:
        """See admin.proto."""
        if request.queue:
            self._require_queue(request.queue)
        queues = [request.queue] if request.queue else sorted(self._edge.centre.queues if self._edge.centre else ())
        read = ReadPlaces(min(request.limit or PLACES_PER_QUEUE, MAX_PLACES_PER_QUEUE))
        answers = await asyncio.gather(*(self._asked(Places, address("queue", queue), read) for queue in queues))
        waiting = [_waiting(answer.queue, place) for answer in answers for place in answer.places]
        return pb.ListInteractionsResponse(interactions=waiting, total=sum(answer.total for answer in answers))

    @guarded(Role.ADMIN)
    async def ShowInteraction(self, request: pb.ShowInteractionRequest, context: Any) -> pb.ShowInteractionResponse:
        """See admin.proto."""
        asked = ReadInteraction(request.interaction)
        view = await self._asked(InteractionView, _session(request.interaction), asked)
        return pb.ShowInteractionResponse(interaction=_shown(view))

    @guarded(Role.ADMIN)
    async def MoveInteraction(self, request: pb.MoveInteractionRequest, context: Any) -> pb.MoveInteractionResponse:
        """See admin.proto."""
        for field in ("id", "author"):
            if not getattr(request, field):
                raise _invalid(field, f"{field} is required")
        if request.fallback_ms < 0:
            raise _invalid("fallback_ms", "fallback_ms is negative")
        session = _session(request.interaction)
        if request.queue:
            self._require_queue(request.queue)
        if request.agent:
            asked = ReadInteraction(request.interaction)
            queue = request.queue or (await self._asked(InteractionView, session, asked)).queue
            self._require_agent(request.agent, queue)
        redirect = Redirect(
            request.id, request.author, request.queue, request.agent,
            keep_place=not request.at_end, expected_leg=request.expected_leg, expects=_STATE.get(request.expected_standing),
            interaction=request.interaction,
            **({"fallback_ms": request.fallback_ms} if request.HasField("fallback_ms") else {}),
        )  # fmt: skip
        return pb.MoveInteractionResponse(interaction=_shown(await self._asked(InteractionView, session, redirect)))

    @guarded(Role.ADMIN)
    async def SetPriority(self, request: pb.SetPriorityRequest, context: Any) -> pb.SetPriorityResponse:
        """See admin.proto."""
        prioritise = Prioritise(request.priority, request.expected_leg, request.interaction)
        view = await self._asked(InteractionView, _session(request.interaction), prioritise)
        return pb.SetPriorityResponse(interaction=_shown(view))

    async def _asked(self, kind: type[M], to: Address, message: Message) -> M:
        answer = await self._edge.ask(to, message)
        if not isinstance(answer, kind):
            detail = f"{to} answered {type(answer).__name__} in place of {kind.__name__}"
            raise Failure("INTERNAL", Reason.CLUSTER, detail)
        return answer

    def _require_queue(self, queue: str) -> None:
        known = self._edge.centre.queues if self._edge.centre else {}
        if queue not in known:
            raise _unknown("queue", f"there is no queue {queue!r}; there are: {', '.join(sorted(known))}")

    def _require_agent(self, agent: str, queue: str) -> None:
        found = self._edge.centre.agents.get(agent) if self._edge.centre else None
        if found is None:
            raise _unknown("agent", f"there is no agent {agent!r} in the configuration")
        if queue not in found.queues:
            served = ", ".join(sorted(found.queues))
            detail = f"{agent} does not serve {queue}, so nobody would be offered there; name a queue of theirs: {served}"
            raise Failure("FAILED_PRECONDITION", Reason.INVALID_REQUEST, detail)


def _session(interaction: str) -> Address:
    try:
        return session_of(interaction, "interaction")
    except Unroutable as unroutable:
        raise _invalid("interaction", str(unroutable)) from None


def _invalid(field: str, detail: str) -> Failure:
    return Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail, violations=[(field, detail)])


def _unknown(field: str, detail: str) -> Failure:
    return Failure("NOT_FOUND", Reason.INVALID_REQUEST, detail, violations=[(field, detail)])


def _waiting(queue: str, place: PlaceView) -> pb.WaitingInteraction:
    return pb.WaitingInteraction(
        interaction=place.interaction,
        queue=queue,
        channel=place.channel,
        leg=place.leg,
        priority=place.priority,
        enqueued_at=place.enqueued_at,
        ringing_at=[name_of(agent) for agent in place.agents],
    )


def _shown(view: InteractionView) -> pb.Interaction:
    return pb.Interaction(
        interaction=view.interaction,
        channel=view.channel,
        standing=_STANDING[view.state],
        leg=view.leg,
        queue=view.queue,
        priority=view.priority,
        enqueued_at=view.enqueued_at,
        agent=view.agent,
        reason=view.reason.value if view.reason is not None else "",
    )

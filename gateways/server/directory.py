"""The configuration as people see it: names to show and lists to choose from, for adapters' pages and desks."""

from __future__ import annotations

from gateways.server.edge import EdgeCentre, EdgeChoice
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2


def entry_points(centre: EdgeCentre | None, channel: str, now: int) -> gateway_pb2.ReadEntryPointsResponse:
    """The doors of a channel, and which are open now."""
    doors = centre.channels.get(channel, {}) if centre is not None else {}
    return gateway_pb2.ReadEntryPointsResponse(
        entry_points=[
            gateway_pb2.EntryPoint(
                name=name, queue=door.queue, queue_names=_queue_names(centre, door.queue), open=centre.is_open(door, now)
            )
            for name, door in doors.items()
            if centre is not None
        ]
    )


def desk_centre(centre: EdgeCentre | None, version: int) -> desk_pb2.ReadCentreResponse:
    """What agents see by name and choose from."""
    if centre is None:
        return desk_pb2.ReadCentreResponse()
    return desk_pb2.ReadCentreResponse(
        version=version,
        names=dict(centre.names),
        queues=[
            desk_pb2.QueueInfo(queue=queue_id, names=dict(queue.names), in_target_ms=int(queue.service_level_s * 1000))
            for queue_id, queue in centre.queues.items()
        ],
        agents=[
            desk_pb2.Colleague(agent=agent_id, name=agent.name, queues=agent.queues)
            for agent_id, agent in centre.agents.items()
        ],
        dispositions=[_choice(choice) for choice in centre.dispositions],
        presence_reasons=[_choice(choice) for choice in centre.presence_reasons],
    )


def _queue_names(centre: EdgeCentre, queue: str) -> dict[str, str]:
    known = centre.queues.get(queue)
    return dict(known.names) if known is not None else {}


def _choice(choice: EdgeChoice) -> desk_pb2.Choice:
    return desk_pb2.Choice(id=choice.id, names=dict(choice.names))

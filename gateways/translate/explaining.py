"""The router's explanations as the admin service gives them."""

from __future__ import annotations

from actors.messages.router import RouteExplained
from trunkline.admin.v1 import admin_pb2 as pb


def route_explained(explained: RouteExplained) -> pb.ExplainRouteResponse:
    """Who would get an interaction, in the protocol's terms."""
    return pb.ExplainRouteResponse(
        waiting=explained.is_waiting,
        ahead=explained.ahead,
        rings=explained.rings,
        choice=explained.choice,
        candidates=[
            pb.RouteCandidate(agent=verdict.agent, reason=verdict.reason.value, ring=verdict.ring + 1, words=verdict.words)
            for verdict in explained.verdicts
        ],
        counts=explained.counts,
    )

"""The router's explanations as the admin service and desks give them."""

from __future__ import annotations

from collections.abc import Iterable

from actors.address import Address, name_of
from actors.messages.agent import ReservationExplained
from actors.messages.router import RouteExplained
from actors.routing import wording
from actors.routing.strategy import LONGEST_IDLE
from actors.values import Requirement
from trunkline.admin.v1 import admin_pb2 as pb
from trunkline.desk.v1 import desk_pb2


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


def offer_explained(explained: ReservationExplained) -> desk_pb2.ExplainOfferResponse:
    """Why an agent was asked, in the protocol's terms."""
    queue, why = name_of(explained.queue), explained.why
    if why is None:
        return desk_pb2.ExplainOfferResponse(interaction=explained.interaction, queue=queue)
    second = name_of(why.runner_up) if why.runner_up else ""
    decided_at = why.decided_at
    return desk_pb2.ExplainOfferResponse(
        interaction=explained.interaction,
        queue=queue,
        decided_at=decided_at,
        choice=why.choice or LONGEST_IDLE,
        waiting=why.waiting,
        candidates=why.candidates,
        ring=why.ring + 1,
        rings=why.rings,
        needs=_needs(why.asked),
        together=why.together,
        findings=_findings(wording.findings(why.choice, why.score, decided_at, why.reserving)),
        runner_up=second,
        runner_up_ring=why.runner_up_ring + 1 if second else 0,
        runner_up_findings=_findings(wording.findings(why.choice, why.runner_up_score, decided_at, why.reserving)),
        words=wording.why_in_words(why),
        because=why.because,
    )


def _needs(asked: Requirement) -> desk_pb2.AgentNeeds:
    return desk_pb2.AgentNeeds(
        skills={need.skill: need.level for need in asked.skills},
        where=asked.where,
        agent=name_of(Address(asked.agent)) or asked.agent,
        queues=[name_of(queue) for queue in asked.queues],
    )


def _findings(found: Iterable[wording.Finding]) -> list[desk_pb2.AgentFinding]:
    return [desk_pb2.AgentFinding(measure=finding.measure.value, amount=finding.amount) for finding in found]

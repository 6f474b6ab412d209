"""What each command of the cluster shows at a desk, and the configuration and counters as pages take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from gateways.desk import frames
from gateways.web.framing import ServerFrame
from gateways.web.transcript import entry_of
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2

PresenceName = Literal["offline", "available", "away", "not_responding"]
StageName = Literal["asking", "consulting", "conference", "ended"]
StateName = Literal["pending", "accepted", "rejected", "timed_out", "cancelled", "rescinded", "wrapping", "completed"]

_PRESENCES: Final[dict[int, PresenceName]] = {
    desk_pb2.PRESENCE_AVAILABLE: "available",
    desk_pb2.PRESENCE_AWAY: "away",
    desk_pb2.PRESENCE_NOT_RESPONDING: "not_responding",
}

_STATES: Final[dict[int, StateName]] = {
    desk_pb2.RESERVATION_STATE_PENDING: "pending",
    desk_pb2.RESERVATION_STATE_ACCEPTED: "accepted",
    desk_pb2.RESERVATION_STATE_REJECTED: "rejected",
    desk_pb2.RESERVATION_STATE_TIMED_OUT: "timed_out",
    desk_pb2.RESERVATION_STATE_CANCELLED: "cancelled",
    desk_pb2.RESERVATION_STATE_WRAPPING: "wrapping",
    desk_pb2.RESERVATION_STATE_COMPLETED: "completed",
}
_STAGES: Final[dict[int, StageName]] = {
    desk_pb2.CONSULT_STAGE_ASKING: "asking",
    desk_pb2.CONSULT_STAGE_CONSULTING: "consulting",
    desk_pb2.CONSULT_STAGE_CONFERENCE: "conference",
}


def frame_of(command: desk_pb2.Command) -> ServerFrame | None:
    """What the agent's page is told; None for a command that this desk does not show."""
    match command.WhichOneof("body"):
        case "agent_state":
            return _state(command.agent_state)
        case "offer":
            return frames.Offer(reservation=_reservation(command.offer.reservation), now=command.offer.now_at)
        case "offer_ended":
            ended = command.offer_ended
            outcome = _STATES.get(ended.outcome, "rescinded")
            return frames.OfferEnded(reservation=ended.reservation, interaction=ended.interaction, outcome=outcome)
        case "conversation":
            return _conversation(command.conversation)
        case "entries":
            entries = tuple(entry_of(entry) for entry in command.entries.entries)
            return frames.Entries(interaction=command.entries.interaction, entries=entries)
        case "asides":
            asides = tuple(_aside(aside) for aside in command.asides.asides)
            return frames.Asides(interaction=command.asides.interaction, asides=asides)
        case "consulting":
            consult = _consult(command.consulting.consult)
            return frames.ConsultStands(interaction=command.consulting.interaction, consult=consult)
        case "customer_typing":
            return frames.TheyType(interaction=command.customer_typing.interaction, typing=command.customer_typing.typing)
        case "customer_marks":
            marks = command.customer_marks
            return frames.TheySaw(interaction=marks.interaction, delivered=marks.delivered, read=marks.read)
        case "signed_out":
            return frames.SignedOut(reason="ended", detail=command.signed_out.reason)
    return None


def _state(state: desk_pb2.AgentState) -> frames.State:
    return frames.State(
        name=state.name,
        presence=_PRESENCES.get(state.presence, "offline"),
        reason=state.reason,
        since=state.since_at,
        reservations=tuple(_reservation(reservation) for reservation in state.reservations),
        now=state.now_at,
    )


def _reservation(reservation: desk_pb2.Reservation) -> frames.Reservation:
    return frames.Reservation(
        reservation=reservation.reservation,
        interaction=reservation.interaction,
        state=_STATES.get(reservation.state, "rescinded"),
        queue=reservation.queue,
        channel=reservation.channel,
        customer=_person(reservation.customer),
        subject=reservation.subject,
        waited_ms=reservation.waited_ms,
        started_at=reservation.started_at,
        ends_at=reservation.ends_at,
        asks=reservation.asks,
    )


def _aside(aside: desk_pb2.Aside) -> frames.Aside:
    entry = entry_of(aside.entry)
    return frames.Aside(entry.number, entry.id, entry.author_name, entry.at, entry.text, entry.attachments, aside.after)


def _consult(consult: desk_pb2.ConsultView) -> frames.Consult:
    return frames.Consult(
        consult=consult.consult,
        stage=_STAGES.get(consult.stage, "ended"),
        asked_by=consult.asked_by,
        asked_by_name=consult.asked_by_name,
        queue=consult.queue,
        agent=consult.agent,
        agent_name=consult.agent_name,
        reason=consult.reason,
    )


def _person(customer: content_pb2.Customer) -> frames.Person:
    return frames.Person(customer.id, customer.name, customer.language, dict(customer.attributes))


def _conversation(conversation: desk_pb2.Conversation) -> frames.Conversation:
    return frames.Conversation(
        interaction=conversation.interaction,
        reservation=conversation.reservation,
        channel=conversation.channel,
        customer=_person(conversation.customer),
        entries=tuple(entry_of(entry) for entry in conversation.entries),
        customer_delivered=conversation.customer_delivered,
        customer_read=conversation.customer_read,
        asides=tuple(_aside(aside) for aside in conversation.asides),
        consult=_consult(conversation.consult) if conversation.HasField("consult") else None,
    )


def centre_of(answer: desk_pb2.ReadDirectoryResponse) -> frames.Centre:
    """The configuration as pages take it."""
    return frames.Centre(
        names=dict(answer.names),
        queues=tuple(frames.QueueInfo(queue.id, dict(queue.names), queue.service_level_ms) for queue in answer.queues),
        agents=tuple(frames.Colleague(agent.id, agent.name, tuple(agent.queues)) for agent in answer.agents),
        dispositions=_choices(answer.dispositions),
        presence_reasons=_choices(answer.presence_reasons),
        skills=_choices(answer.skills),
    )


def explained_of(ref: str, reservation: str, why: desk_pb2.ExplainOfferResponse) -> frames.Explained:
    """Why an agent was asked, as pages take it."""
    needs = why.needs
    return frames.Explained(
        ref=ref,
        reservation=reservation,
        decided_at=why.decided_at,
        choice=why.choice,
        waiting=why.waiting,
        candidates=why.candidates,
        ring=why.ring,
        rings=why.rings,
        needs=frames.Needs(dict(needs.skills), needs.where, needs.agent, tuple(needs.queues)),
        together=why.together,
        findings=_findings(why.findings),
        runner_up=why.runner_up,
        runner_up_ring=why.runner_up_ring,
        runner_up_findings=_findings(why.runner_up_findings),
        because=why.because,
    )


def _findings(found: Iterable[desk_pb2.AgentFinding]) -> tuple[frames.Finding, ...]:
    return tuple(frames.Finding(finding.measure, finding.amount) for finding in found)


def _choices(choices: Iterable[desk_pb2.Choice]) -> tuple[frames.Named, ...]:
    return tuple(frames.Named(choice.id, dict(choice.names)) for choice in choices)


def counters_of(counters: desk_pb2.QueueCounters) -> frames.QueueCounters:
    """One queue's figures as pages take them."""
    return frames.QueueCounters(
        queue=counters.queue,
        waiting=counters.waiting,
        offered=counters.offered,
        oldest_at=counters.oldest_at,
        entered=counters.entered,
        granted=counters.granted,
        withdrawn=counters.withdrawn,
        granted_in_target=counters.granted_in_target,
    )

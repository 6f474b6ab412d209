"""What the cluster tells a desk, for the wire.

Kept: every `Desk…` message of actors/messages/link.py has its entry in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from actors.actor import Message
from actors.messages.gateway import Command
from actors.messages.link import (
    ConsultView,
    DeskAsides,
    DeskConsult,
    DeskConversation,
    DeskEntries,
    DeskOffer,
    DeskOfferEnded,
    DeskQueues,
    DeskReservation,
    DeskSaw,
    DeskSignedOut,
    DeskState,
    DeskTyping,
)
from actors.messages.queue import QueueCounters
from actors.values import Aside, ConsultStage, PresenceState, ReservationState
from gateways.translate.values import customer_to, entry_to
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2 as pb

PRESENCES: Final = {
    PresenceState.OFFLINE: pb.PRESENCE_OFFLINE,
    PresenceState.AVAILABLE: pb.PRESENCE_AVAILABLE,
    PresenceState.AWAY: pb.PRESENCE_AWAY,
    PresenceState.NOT_RESPONDING: pb.PRESENCE_NOT_RESPONDING,
}
RESERVATION_STATES: Final = {
    ReservationState.PENDING: pb.RESERVATION_STATE_PENDING,
    ReservationState.ACCEPTED: pb.RESERVATION_STATE_ACCEPTED,
    ReservationState.REJECTED: pb.RESERVATION_STATE_REJECTED,
    ReservationState.TIMED_OUT: pb.RESERVATION_STATE_TIMED_OUT,
    ReservationState.CANCELLED: pb.RESERVATION_STATE_CANCELLED,
    ReservationState.RESCINDED: pb.RESERVATION_STATE_RESCINDED,
    ReservationState.WRAPPING: pb.RESERVATION_STATE_WRAPPING,
    ReservationState.COMPLETED: pb.RESERVATION_STATE_COMPLETED,
}
CONSULT_STAGES: Final = {
    ConsultStage.ASKING: pb.CONSULT_STAGE_ASKING,
    ConsultStage.CONSULTING: pb.CONSULT_STAGE_CONSULTING,
    ConsultStage.CONFERENCE: pb.CONSULT_STAGE_CONFERENCE,
    ConsultStage.ENDED: pb.CONSULT_STAGE_ENDED,
}


def desk_command(command: Command) -> pb.Command:
    """The command for the desk.

    A message that does not belong on a desk's link goes out without a body: the desk acknowledges what it does not
    know, so a misdirected command cannot stop those behind it.
    """
    translate = DESK_COMMANDS.get(type(command.message))
    wire = translate(command.message) if translate is not None else pb.Command()
    wire.source = command.source
    wire.number = command.number
    return wire


def reservation_to(reservation: DeskReservation) -> pb.Reservation:
    """A reservation for the wire."""
    return pb.Reservation(
        reservation=reservation.reservation,
        interaction=reservation.interaction,
        state=RESERVATION_STATES[reservation.state],
        queue=reservation.queue,
        channel=reservation.channel,
        customer=customer_to(reservation.customer),
        subject=reservation.subject,
        waited_ms=reservation.waited_ms,
        started_at=reservation.started_at,
        ends_at=reservation.ends_at,
        asks=reservation.asks,
    )


def aside_to(aside: Aside) -> pb.Aside:
    """A line between agents for the wire."""
    entry = entry_to(aside.entry)
    entry.visibility = content_pb2.VISIBILITY_COLLEAGUES
    return pb.Aside(entry=entry, after=aside.after)


def consult_to(consult: ConsultView) -> pb.ConsultView:
    """A consult for the wire."""
    return pb.ConsultView(
        consult=consult.consult,
        stage=CONSULT_STAGES[consult.stage],
        asked_by=consult.asked_by,
        asked_by_name=consult.asked_by_name,
        queue=consult.queue,
        agent=consult.agent,
        agent_name=consult.agent_name,
        reason=consult.reason or "",
    )


def counters_to(counters: QueueCounters) -> pb.QueueCounters:
    """A queue's counters for the wire."""
    expected = counters.expected
    return pb.QueueCounters(
        queue=counters.queue,
        waiting=counters.waiting,
        offered=counters.offered,
        oldest_at=counters.oldest_at,
        entered=counters.entered,
        granted=counters.granted,
        withdrawn=counters.withdrawn,
        granted_in_target=counters.granted_in_target,
        expected_wait_ms=expected.expected_ms if expected is not None else 0,
        expected_wait_low_ms=expected.low_ms if expected is not None else 0,
        expected_wait_high_ms=expected.high_ms if expected is not None else 0,
    )


def _state(message: DeskState) -> pb.Command:
    state = pb.AgentState(
        name=message.name,
        presence=PRESENCES[message.presence],
        reason=message.reason,
        since_at=message.since,
        reservations=[reservation_to(item) for item in message.reservations],
        now_at=message.now,
    )
    return pb.Command(agent=message.agent, agent_state=state)


def _offer(message: DeskOffer) -> pb.Command:
    offer = pb.Offer(reservation=reservation_to(message.reservation), now_at=message.now)
    return pb.Command(agent=message.agent, offer=offer)


def _offer_ended(message: DeskOfferEnded) -> pb.Command:
    ended = pb.OfferEnded(
        reservation=message.reservation, interaction=message.interaction, outcome=RESERVATION_STATES[message.outcome]
    )
    return pb.Command(agent=message.agent, offer_ended=ended)


def _conversation(message: DeskConversation) -> pb.Command:
    conversation = pb.Conversation(
        interaction=message.interaction,
        reservation=message.reservation,
        channel=message.channel,
        customer=customer_to(message.customer),
        entries=[entry_to(entry) for entry in message.entries],
        customer_delivered=message.customer_delivered,
        customer_read=message.customer_read,
        asides=[aside_to(aside) for aside in message.asides],
        consult=consult_to(message.consult) if message.consult is not None else None,
    )
    return pb.Command(agent=message.agent, conversation=conversation)


def _entries(message: DeskEntries) -> pb.Command:
    entries = pb.Entries(interaction=message.interaction, entries=[entry_to(entry) for entry in message.entries])
    return pb.Command(agent=message.agent, entries=entries)


def _consulting(message: DeskConsult) -> pb.Command:
    consulting = pb.Consulting(interaction=message.interaction, consult=consult_to(message.consult))
    return pb.Command(agent=message.agent, consulting=consulting)


def _asides(message: DeskAsides) -> pb.Command:
    asides = pb.Asides(interaction=message.interaction, asides=[aside_to(aside) for aside in message.asides])
    return pb.Command(agent=message.agent, asides=asides)


def _typing(message: DeskTyping) -> pb.Command:
    typing = pb.CustomerTyping(interaction=message.interaction, typing=message.typing)
    return pb.Command(agent=message.agent, customer_typing=typing)


def _saw(message: DeskSaw) -> pb.Command:
    marks = pb.CustomerMarks(interaction=message.interaction, delivered=message.delivered, read=message.read)
    return pb.Command(agent=message.agent, customer_marks=marks)


def _signed_out(message: DeskSignedOut) -> pb.Command:
    return pb.Command(agent=message.agent, signed_out=pb.SignedOut(reason=message.reason))


def _queues(message: DeskQueues) -> pb.Command:
    return pb.Command(queues=pb.Queues(queues=[counters_to(item) for item in message.queues]))


DESK_COMMANDS: Final[dict[type[Message], Callable[[Any], pb.Command]]] = {
    DeskState: _state,
    DeskOffer: _offer,
    DeskOfferEnded: _offer_ended,
    DeskConversation: _conversation,
    DeskEntries: _entries,
    DeskConsult: _consulting,
    DeskAsides: _asides,
    DeskTyping: _typing,
    DeskSaw: _saw,
    DeskSignedOut: _signed_out,
    DeskQueues: _queues,
}

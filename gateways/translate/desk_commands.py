"""What the cluster tells a desk, for the wire.

Kept: every `Desk…` message of actors/messages/link.py has its entry in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from actors.actor import Message
from actors.messages.gateway import Command
from actors.messages.link import (
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
from actors.values import PresenceState, ReservationState
from gateways.translate.values import customer_to, entry_to
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
    )
    return pb.Command(agent=message.agent, conversation=conversation)


def _entries(message: DeskEntries) -> pb.Command:
    entries = pb.Entries(interaction=message.interaction, entries=[entry_to(entry) for entry in message.entries])
    return pb.Command(agent=message.agent, entries=entries)


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
    DeskTyping: _typing,
    DeskSaw: _saw,
    DeskSignedOut: _signed_out,
    DeskQueues: _queues,
}

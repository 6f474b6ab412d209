"""What an agent does at the desk, as a message for the agent or the session served.

Kept: the table names every event that is routed; whether the link may speak for the agent is checked elsewhere,
before. A sign-in is routed like any other event once its token was found good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.actor import Message
from actors.address import Address
from actors.messages.agent import AcceptOffer, CompleteWrapUp, DeskLost, RejectOffer, SetPresence, SignIn, SignOut
from actors.messages.session import (
    AgentAside,
    AgentEnds,
    AgentMessage,
    AgentSaw,
    AgentTyping,
    CompleteConsult,
    Consult,
    EndConsult,
    ReturnToQueue,
    ShowConversation,
    StartConference,
    TransferTo,
)
from actors.values import PresenceState
from gateways.translate.routing import Origin, Unroutable, not_routed, required, shortened
from gateways.translate.values import content_from
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2 as pb

#: What an agent may set; the other presences are consequences.
_SETTABLE: Final = {pb.PRESENCE_AVAILABLE: PresenceState.AVAILABLE, pb.PRESENCE_AWAY: PresenceState.AWAY}

Routed = tuple[Address, Message]


def route_desk_event(event: pb.Event, origin: Origin) -> Routed:
    """Who is to be told what about this event.

    Raises:
        Unroutable: the event is malformed, or of a kind that is not routed.
    """
    body = event.WhichOneof("body")
    translate = DESK_EVENTS.get(body) if body is not None else None
    if translate is None:
        raise not_routed(event, body, DESK_EVENTS)
    required(event.agent, "agent")
    return translate(event, origin)


def _to_agent(event: pb.Event, message: Message) -> Routed:
    return Address(f"agent/{event.agent}"), message


def session_of(interaction: str, field: str) -> Address:
    """The session that an interaction (`<conversation>/<n>`) belongs to.

    Raises:
        Unroutable: it is not an interaction's id.
    """
    conversation, slash, number = required(interaction, field).rpartition("/")
    if not slash or not conversation or not number.isdecimal():
        detail = f"{field} is {shortened(interaction)!r}, which is no interaction: it must end in /<number>"
        raise Unroutable("INVALID_ARGUMENT", detail, field)
    return Address(f"session/{conversation}")


def _sign_in(event: pb.Event, origin: Origin) -> Routed:
    return _to_agent(event, SignIn(origin.link))


def _sign_out(event: pb.Event, _: Origin) -> Routed:
    return _to_agent(event, SignOut())


def _desk_lost(event: pb.Event, origin: Origin) -> Routed:
    return _to_agent(event, DeskLost(origin.link))


def _presence(event: pb.Event, _: Origin) -> Routed:
    body = event.set_presence
    state = _SETTABLE.get(body.presence)
    if state is None:
        detail = "set_presence.presence must be PRESENCE_AVAILABLE or PRESENCE_AWAY; to go offline, sign out"
        raise Unroutable("INVALID_ARGUMENT", detail, "set_presence.presence")
    return _to_agent(event, SetPresence(state, body.reason))


def _accept(event: pb.Event, _: Origin) -> Routed:
    return _to_agent(event, AcceptOffer(required(event.accept_offer.reservation, "accept_offer.reservation")))


def _reject(event: pb.Event, _: Origin) -> Routed:
    body = event.reject_offer
    return _to_agent(event, RejectOffer(required(body.reservation, "reject_offer.reservation"), body.reason, body.busy))


def _send(event: pb.Event, _: Origin) -> Routed:
    body = event.send_message
    if body.visibility == content_pb2.VISIBILITY_PUBLIC or body.reply_to:
        raise Unroutable(
            "UNIMPLEMENTED",
            "this gateway does not route public or directed replies; leave reply_to and visibility unset",
            "send_message",
        )
    session = session_of(body.interaction, "send_message.interaction")
    content = content_from(body.content, "send_message.content")
    if body.visibility == content_pb2.VISIBILITY_COLLEAGUES:
        return session, AgentAside(event.agent, body.interaction, required(event.id, "id"), content)
    return session, AgentMessage(event.agent, body.interaction, required(event.id, "id"), content)


def _typing(event: pb.Event, _: Origin) -> Routed:
    body = event.set_typing
    session = session_of(body.interaction, "set_typing.interaction")
    return session, AgentTyping(event.agent, body.interaction, body.typing)


def _marks(event: pb.Event, _: Origin) -> Routed:
    body = event.move_marks
    session = session_of(body.interaction, "move_marks.interaction")
    return session, AgentSaw(event.agent, body.interaction, body.delivered, body.read)


def _transfer(event: pb.Event, _: Origin) -> Routed:
    body = event.transfer
    session = session_of(body.interaction, "transfer.interaction")
    queue = required(body.queue, "transfer.queue")
    if body.fallback_ms < 0:
        raise Unroutable("INVALID_ARGUMENT", "transfer.fallback_ms is negative", "transfer.fallback_ms")
    message = TransferTo(event.agent, body.interaction, required(event.id, "id"), queue, body.to_agent)
    if body.fallback_ms:
        message = TransferTo(event.agent, body.interaction, event.id, queue, body.to_agent, body.fallback_ms)
    return session, message


def _return(event: pb.Event, _: Origin) -> Routed:
    body = event.return_to_queue
    session = session_of(body.interaction, "return_to_queue.interaction")
    return session, ReturnToQueue(event.agent, body.interaction, required(event.id, "id"), not body.at_end)


def _consult(event: pb.Event, _: Origin) -> Routed:
    body = event.consult
    session = session_of(body.interaction, "consult.interaction")
    queue = required(body.queue, "consult.queue")
    if body.give_up_ms < 0:
        raise Unroutable("INVALID_ARGUMENT", "consult.give_up_ms is negative", "consult.give_up_ms")
    return session, Consult(event.agent, body.interaction, required(event.id, "id"), queue, body.to_agent, body.give_up_ms)


def _conference(event: pb.Event, _: Origin) -> Routed:
    body = event.start_conference
    session = session_of(body.interaction, "start_conference.interaction")
    consult = required(body.consult, "start_conference.consult")
    return session, StartConference(event.agent, body.interaction, consult)


def _complete_consult(event: pb.Event, _: Origin) -> Routed:
    body = event.complete_consult
    session = session_of(body.interaction, "complete_consult.interaction")
    consult = required(body.consult, "complete_consult.consult")
    return session, CompleteConsult(event.agent, body.interaction, consult)


def _end_consult(event: pb.Event, _: Origin) -> Routed:
    body = event.end_consult
    session = session_of(body.interaction, "end_consult.interaction")
    return session, EndConsult(event.agent, body.interaction, required(body.consult, "end_consult.consult"))


def _end(event: pb.Event, _: Origin) -> Routed:
    interaction = event.end_conversation.interaction
    return session_of(interaction, "end_conversation.interaction"), AgentEnds(event.agent, interaction)


def _wrap_up(event: pb.Event, _: Origin) -> Routed:
    body = event.complete_wrap_up
    reservation = required(body.reservation, "complete_wrap_up.reservation")
    return _to_agent(event, CompleteWrapUp(reservation, body.disposition, body.note))


def _show(event: pb.Event, origin: Origin) -> Routed:
    interaction = event.show_conversation.interaction
    session = session_of(interaction, "show_conversation.interaction")
    return session, ShowConversation(event.agent, interaction, origin.link)


DESK_EVENTS: Final[dict[str, Callable[[pb.Event, Origin], Routed]]] = {
    "sign_in": _sign_in,
    "sign_out": _sign_out,
    "desk_lost": _desk_lost,
    "set_presence": _presence,
    "accept_offer": _accept,
    "reject_offer": _reject,
    "send_message": _send,
    "set_typing": _typing,
    "move_marks": _marks,
    "transfer": _transfer,
    "return_to_queue": _return,
    "consult": _consult,
    "start_conference": _conference,
    "complete_consult": _complete_consult,
    "end_consult": _end_consult,
    "end_conversation": _end,
    "complete_wrap_up": _wrap_up,
    "show_conversation": _show,
}

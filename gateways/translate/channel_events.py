"""What a channel adapter says, as a message for a session.

Kept: the table names every event that is routed, and `Welcome.capabilities` is that table; any other is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.actor import Message
from actors.address import Address
from actors.messages.session import Arrive, CustomerLeft, CustomerMessage, CustomerResumed, CustomerSaw, CustomerTyping
from actors.values import Requirement, SkillLevel
from gateways.translate.routing import Origin, Unroutable, not_routed, required, shortened
from gateways.translate.values import content_from, customer_from
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2 as pb

#: How long to wait for a gateway that has just started and has no configuration yet.
NO_CENTRE_RETRY_MS: Final = 1_000


def route_channel_event(event: pb.Event, origin: Origin) -> tuple[Address, Message]:
    """Who is to be told what about this event.

    Raises:
        Unroutable: the event is malformed, or of a kind that is not routed.
    """
    body = event.WhichOneof("body")
    translate = CHANNEL_EVENTS.get(body) if body is not None else None
    if translate is None:
        raise not_routed(event, body, CHANNEL_EVENTS)
    conversation = event.conversation
    if not conversation or len(conversation) > 256 or not conversation.isprintable():
        required(conversation, "conversation")
    return Address(f"session/{conversation}"), translate(event, origin)


def _opened(event: pb.Event, origin: Origin) -> Message:
    body = event.conversation_opened
    channel = required(body.channel, "conversation_opened.channel")
    customer = customer_from(body.customer, "conversation_opened.customer")
    if origin.centre is None:
        raise Unroutable(
            "UNAVAILABLE", "the gateway has no contact-centre configuration yet; try again", retry_after_ms=NO_CENTRE_RETRY_MS
        )
    entry = origin.centre.entry(channel, body.entry_point)
    if entry is None:
        asked = shortened(body.entry_point or "default")
        raise Unroutable(
            "NOT_FOUND",
            f"the configuration has no entry point {asked!r} for channel {channel!r}; add it and apply the configuration",
            "conversation_opened.entry_point",
        )
    skills = tuple(SkillLevel(skill, level) for skill, level in sorted(entry.skills.items()))
    return Arrive(
        conversation=event.conversation,
        channel=channel,
        link=origin.link,
        customer=customer,
        queue=entry.queue,
        priority=entry.priority,
        requirement=Requirement(skills, labels=tuple(sorted(entry.labels))),
        open=origin.centre.is_open(entry, origin.now),
        subject=body.subject,
        retention_ms=int(entry.retention_s * 1000),
    )


def _message(event: pb.Event, _: Origin) -> Message:
    body = event.message_received
    if body.visibility == content_pb2.VISIBILITY_PUBLIC or body.post or body.reply_to:
        raise Unroutable(
            "UNIMPLEMENTED",
            "this gateway does not route public comments or directed replies; leave reply_to, visibility and post unset",
            "message_received",
        )
    return CustomerMessage(required(event.id, "id"), content_from(body.content, "message_received.content"))


def _typing(event: pb.Event, _: Origin) -> Message:
    return CustomerTyping(event.typing_changed.typing)


def _marks(event: pb.Event, _: Origin) -> Message:
    body = event.marks_moved
    return CustomerSaw(body.delivered, body.read)


def _returned(event: pb.Event, origin: Origin) -> Message:
    return CustomerResumed(origin.link, event.customer_returned.seen)


def _left(event: pb.Event, _: Origin) -> Message:
    return CustomerLeft()


CHANNEL_EVENTS: Final[dict[str, Callable[[pb.Event, Origin], Message]]] = {
    "conversation_opened": _opened,
    "message_received": _message,
    "typing_changed": _typing,
    "marks_moved": _marks,
    "customer_returned": _returned,
    "customer_left": _left,
}

"""Channel events become messages for sessions; messages for channels become commands."""

from __future__ import annotations

import inspect

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from actors.actor import Message
from actors.messages import link as link_messages
from actors.messages.gateway import Command
from actors.messages.link import DeskTyping, ShowEntries, ShowNotice, ShowSaw, ShowTyping
from actors.messages.session import Arrive, CustomerLeft, CustomerMessage, CustomerResumed, CustomerSaw, CustomerTyping
from actors.routing.expecting import Expected
from actors.values import Author, Content, Customer, NoticeKind, Requirement, SkillLevel, TranscriptEntry
from gateways.translate.channel_commands import CHANNEL_COMMANDS, NOTICES, channel_command
from gateways.translate.channel_events import CHANNEL_EVENTS, route_channel_event
from gateways.translate.routing import Origin, Unroutable
from tests.fakes.edge import FakeCentre
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2 as pb
from trunkline.gateway.v1 import messaging_pb2, voice_pb2

ORIGIN = Origin("webchat-1", FakeCentre(), 1_000)
ADA = content_pb2.Customer(id="c1", name="Ada", language="en", attributes={"tier": "gold"})


def opened(**changes: object) -> pb.Event:
    """A customer opening a conversation."""
    fields: dict[str, object] = {"channel": "webchat", "entry_point": "main", "customer": ADA, "subject": "a card"}
    body = messaging_pb2.ConversationOpened(**{**fields, **changes})  # type: ignore[arg-type]  # by name
    return pb.Event(conversation="webchat:1", conversation_opened=body)


def received(**fields: object) -> pb.Event:
    """A customer writing."""
    body = messaging_pb2.MessageReceived(**{"content": content_pb2.Content(text="你好"), **fields})  # type: ignore[arg-type]
    return pb.Event(conversation="webchat:1", id="m1", message_received=body)


def test_an_arrival_takes_its_queue_from_the_entry_point() -> None:
    """The configuration, not the adapter, says where a customer waits and who may serve them."""
    arrive = Arrive(
        conversation="webchat:1",
        channel="webchat",
        link="webchat-1",
        customer=Customer("c1", "Ada", "en", {"tier": "gold"}),
        queue="cards",
        priority=3,
        requirement=Requirement((SkillLevel("english", 2),), labels=("complex", "vip")),
        open=True,
        subject="a card",
        retention_ms=600_000,
    )
    assert route_channel_event(opened(), ORIGIN) == ("session/webchat:1", arrive)


def test_an_arrival_outside_hours_is_marked_closed() -> None:
    """The session tells the customer that the centre is closed; the gateway only says so."""
    _, message = route_channel_event(opened(), Origin("webchat-1", FakeCentre(open=False), 1_000))
    assert isinstance(message, Arrive)
    assert not message.open


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (received(), CustomerMessage("m1", Content("你好"))),
        (pb.Event(typing_changed=messaging_pb2.TypingChanged(typing=True)), CustomerTyping(True)),
        (pb.Event(marks_moved=messaging_pb2.MarksMoved(delivered=5, read=4)), CustomerSaw(5, 4)),
        (pb.Event(customer_returned=messaging_pb2.CustomerReturned(seen=7)), CustomerResumed("webchat-1", 7)),
        (pb.Event(customer_left=messaging_pb2.CustomerLeft()), CustomerLeft()),
    ],
)
def test_events_reach_the_session(event: pb.Event, message: Message) -> None:
    """Each event of a conversation is told to that conversation's session."""
    event.conversation = "webchat:1"
    assert route_channel_event(event, ORIGIN) == ("session/webchat:1", message)


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (opened(channel=""), "INVALID_ARGUMENT", "conversation_opened.channel"),
        (opened(entry_point=""), "NOT_FOUND", "conversation_opened.entry_point"),
        (opened(customer=content_pb2.Customer()), "INVALID_ARGUMENT", "conversation_opened.customer.id"),
        (opened(entry_point="attic"), "NOT_FOUND", "conversation_opened.entry_point"),
        (received(content=content_pb2.Content()), "INVALID_ARGUMENT", "message_received.content"),
        (received(reply_to="m0"), "UNIMPLEMENTED", "message_received"),
        (received(visibility=content_pb2.VISIBILITY_PUBLIC), "UNIMPLEMENTED", "message_received"),
        (pb.Event(conversation="webchat:1"), "INVALID_ARGUMENT", "body"),
        (pb.Event(customer_left=messaging_pb2.CustomerLeft()), "INVALID_ARGUMENT", "conversation"),
        (pb.Event(conversation="c", leg_offered=voice_pb2.LegOffered(leg="1")), "UNIMPLEMENTED", "leg_offered"),
        (pb.Event(conversation="c", message_edited=messaging_pb2.MessageEdited()), "UNIMPLEMENTED", "message_edited"),
    ],
)
def test_what_cannot_be_routed_is_refused_with_its_field(event: pb.Event, code: str, field: str) -> None:
    """An adapter writer learns which field to mend."""
    with pytest.raises(Unroutable) as refused:
        route_channel_event(event, ORIGIN)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.detail


def test_a_message_without_an_id_is_refused() -> None:
    """Without the channel's id a repeated message could not be recognised."""
    event = received()
    event.id = ""
    with pytest.raises(Unroutable, match="id is required"):
        route_channel_event(event, ORIGIN)


def test_an_arrival_before_the_configuration_is_known_may_be_tried_again() -> None:
    """A gateway that has just started says "later", not "never"."""
    with pytest.raises(Unroutable) as refused:
        route_channel_event(opened(), Origin("webchat-1", None, 1_000))
    assert (refused.value.code, refused.value.retry_after_ms) == ("UNAVAILABLE", 1_000)


def test_a_body_of_a_later_protocol_is_refused_as_unknown() -> None:
    """A newer adapter learns that the gateway is too old, rather than that its event is empty."""
    event = pb.Event.FromString(pb.Event(conversation="c").SerializeToString() + b"\xc2\x3e\x00")
    with pytest.raises(Unroutable) as refused:
        route_channel_event(event, ORIGIN)
    assert refused.value.code == "UNIMPLEMENTED"
    assert "newer protocol" in refused.value.detail


def outcome(event: pb.Event) -> str:
    """`routed`, or the code of the refusal."""
    try:
        route_channel_event(event, ORIGIN)
    except Unroutable as refused:
        return refused.code
    return "routed"


@pytest.mark.parametrize("field", [f.name for f in pb.Event.DESCRIPTOR.oneofs_by_name["body"].fields])
def test_every_body_is_routed_or_refused(field: str) -> None:
    """No body, however empty, may raise anything but `Unroutable`; what is not in the table is not pretended to be."""
    event = pb.Event(conversation="c", id="1")
    getattr(event, field).SetInParent()
    assert (outcome(event) == "UNIMPLEMENTED") is (field not in CHANNEL_EVENTS)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_translation(content: bytes) -> None:
    """Whatever a peer sends either parses and is routed or refused, or does not parse."""
    try:
        event = pb.Event.FromString(content)
    except DecodeError:
        return
    assert outcome(event) in {"INVALID_ARGUMENT", "UNIMPLEMENTED", "NOT_FOUND", "routed"}


def test_every_message_for_channels_has_a_command() -> None:
    """A message that the cluster can send must have a form on the wire."""
    shown = {kind for name, kind in inspect.getmembers(link_messages, inspect.isclass) if name.startswith("Show")}
    assert set(CHANNEL_COMMANDS) == shown
    assert set(NOTICES) == set(NoticeKind)


ENTRY = TranscriptEntry(3, "m3", Author.AGENT, "Li", 99, Content("hello"))


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (
            ShowEntries("webchat:1", (ENTRY,)),
            messaging_pb2.ShowEntries(
                entries=[
                    content_pb2.Entry(
                        number=3,
                        id="m3",
                        author=content_pb2.AUTHOR_AGENT,
                        author_name="Li",
                        at=99,
                        content=content_pb2.Content(text="hello"),
                    )
                ]
            ),
        ),
        (ShowTyping("webchat:1", True, "Li"), messaging_pb2.ShowTyping(typing=True, name="Li")),
        (ShowSaw("webchat:1", 4, 2), messaging_pb2.ShowMarks(delivered=4, read=2)),
        (
            ShowNotice("webchat:1", NoticeKind.QUEUED, "", "cards", 3),
            messaging_pb2.ShowNotice(kind=messaging_pb2.NOTICE_KIND_QUEUED, queue="cards", ahead=3),
        ),
        (
            ShowNotice("webchat:1", NoticeKind.QUEUED, "", "cards", 3, Expected(70_000, 120_000, 200_000), True),
            messaging_pb2.ShowNotice(
                kind=messaging_pb2.NOTICE_KIND_QUEUED,
                queue="cards",
                ahead=3,
                ahead_hidden=True,
                expected=messaging_pb2.ExpectedWait(low_ms=70_000, expected_ms=120_000, high_ms=200_000, confidence_percent=90),
            ),
        ),
    ],
)
def test_commands_say_what_the_message_says(message: Message, wire: object) -> None:
    """Number, source, conversation and every field arrive at the adapter."""
    command = channel_command(Command("7", 42, message))
    body = command.WhichOneof("body")
    assert body is not None
    assert (command.source, command.number, command.conversation) == ("7", 42, "webchat:1")
    assert getattr(command, body) == wire


def test_a_misdirected_command_goes_out_empty() -> None:
    """A desk's message on a channel's link must be acknowledged by the adapter, or it would block all behind it."""
    command = channel_command(Command("7", 42, DeskTyping("alice", "c/1", True)))
    assert (command.WhichOneof("body"), command.source, command.number) == (None, "7", 42)

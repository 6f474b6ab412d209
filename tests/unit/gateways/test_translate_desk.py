"""Desk events become messages for agents and sessions; messages for desks become commands."""

from __future__ import annotations

import inspect

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from actors.actor import Message
from actors.messages import link as link_messages
from actors.messages.agent import AcceptOffer, CompleteWrapUp, DeskLost, RejectOffer, SetPresence, SignIn, SignOut
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
    ShowTyping,
)
from actors.messages.queue import QueueCounters
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
from actors.routing.expecting import Expected
from actors.values import (
    Aside,
    Author,
    ConsultStage,
    Content,
    Customer,
    EndReason,
    PresenceState,
    ReservationState,
    TranscriptEntry,
)
from gateways.translate.desk_commands import CONSULT_STAGES, DESK_COMMANDS, PRESENCES, RESERVATION_STATES, desk_command
from gateways.translate.desk_events import DESK_EVENTS, route_desk_event
from gateways.translate.routing import Origin, Unroutable
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2 as pb

ORIGIN = Origin("desk-1", None, 1_000)
HERE = "webchat:1/2"
HI = content_pb2.Content(text="hi")
COLLEAGUES = content_pb2.VISIBILITY_COLLEAGUES


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (pb.Event(sign_in=pb.SignIn(token="t")), SignIn("desk-1")),
        (pb.Event(sign_out=pb.SignOut()), SignOut()),
        (pb.Event(desk_lost=pb.DeskLost()), DeskLost("desk-1")),
        (
            pb.Event(set_presence=pb.SetPresence(presence=pb.PRESENCE_AWAY, reason="lunch")),
            SetPresence(PresenceState.AWAY, "lunch"),
        ),
        (pb.Event(accept_offer=pb.AcceptOffer(reservation="r")), AcceptOffer("r")),
        (pb.Event(reject_offer=pb.RejectOffer(reservation="r", reason="lunch")), RejectOffer("r", "lunch")),
        (pb.Event(reject_offer=pb.RejectOffer(reservation="r", busy=True)), RejectOffer("r", "", True)),
        (
            pb.Event(complete_wrap_up=pb.CompleteWrapUp(reservation="r", disposition="solved", note="n")),
            CompleteWrapUp("r", "solved", "n"),
        ),
    ],
)
def test_events_about_the_agent_reach_the_agent(event: pb.Event, message: Message) -> None:
    """Presence and offers are the agent's own facts."""
    event.agent = "alice"
    assert route_desk_event(event, ORIGIN) == ("agent/alice", message)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            pb.Event(id="m1", send_message=pb.SendMessage(interaction=HERE, content=HI)),
            AgentMessage("alice", HERE, "m1", Content("hi")),
        ),
        (pb.Event(set_typing=pb.SetTyping(interaction=HERE, typing=True)), AgentTyping("alice", HERE, True)),
        (pb.Event(move_marks=pb.MoveMarks(interaction=HERE, delivered=3, read=2)), AgentSaw("alice", HERE, 3, 2)),
        (
            pb.Event(id="t1", transfer=pb.Transfer(interaction=HERE, queue="loans")),
            TransferTo("alice", HERE, "t1", "loans"),
        ),
        (
            pb.Event(id="t1", transfer=pb.Transfer(interaction=HERE, queue="loans", to_agent="bob", fallback_ms=5)),
            TransferTo("alice", HERE, "t1", "loans", "bob", 5),
        ),
        (pb.Event(id="b1", return_to_queue=pb.ReturnToQueue(interaction=HERE)), ReturnToQueue("alice", HERE, "b1", True)),
        (
            pb.Event(id="b1", return_to_queue=pb.ReturnToQueue(interaction=HERE, at_end=True)),
            ReturnToQueue("alice", HERE, "b1", False),
        ),
        (
            pb.Event(id="k1", consult=pb.Consult(interaction=HERE, queue="loans", to_agent="bob", give_up_ms=5)),
            Consult("alice", HERE, "k1", "loans", "bob", 5),
        ),
        (pb.Event(id="k1", consult=pb.Consult(interaction=HERE, queue="loans")), Consult("alice", HERE, "k1", "loans", "", 0)),
        (
            pb.Event(start_conference=pb.StartConference(interaction=HERE, consult="webchat:1/3")),
            StartConference("alice", HERE, "webchat:1/3"),
        ),
        (
            pb.Event(complete_consult=pb.CompleteConsult(interaction=HERE, consult="webchat:1/3")),
            CompleteConsult("alice", HERE, "webchat:1/3"),
        ),
        (
            pb.Event(end_consult=pb.EndConsult(interaction=HERE, consult="webchat:1/3")),
            EndConsult("alice", HERE, "webchat:1/3"),
        ),
        (
            pb.Event(id="m1", send_message=pb.SendMessage(interaction=HERE, content=HI, visibility=COLLEAGUES)),
            AgentAside("alice", HERE, "m1", Content("hi")),
        ),
        (pb.Event(end_conversation=pb.EndConversation(interaction=HERE)), AgentEnds("alice", HERE)),
        (pb.Event(show_conversation=pb.ShowConversation(interaction=HERE)), ShowConversation("alice", HERE, "desk-1")),
    ],
)
def test_events_about_a_conversation_reach_its_session(event: pb.Event, message: Message) -> None:
    """An interaction's number is cut off to find the session, which knows all its interactions."""
    event.agent = "alice"
    assert route_desk_event(event, ORIGIN) == ("session/webchat:1", message)


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (pb.Event(sign_out=pb.SignOut()), "INVALID_ARGUMENT", "agent"),
        (pb.Event(agent="a"), "INVALID_ARGUMENT", "body"),
        (pb.Event(agent="a", set_presence=pb.SetPresence()), "INVALID_ARGUMENT", "set_presence.presence"),
        (
            pb.Event(agent="a", set_presence=pb.SetPresence(presence=pb.PRESENCE_NOT_RESPONDING)),
            "INVALID_ARGUMENT",
            "set_presence.presence",
        ),
        (pb.Event(agent="a", accept_offer=pb.AcceptOffer()), "INVALID_ARGUMENT", "accept_offer.reservation"),
        (
            pb.Event(agent="a", end_conversation=pb.EndConversation(interaction="x")),
            "INVALID_ARGUMENT",
            "end_conversation.interaction",
        ),
        (
            pb.Event(agent="a", end_conversation=pb.EndConversation(interaction="/1")),
            "INVALID_ARGUMENT",
            "end_conversation.interaction",
        ),
        (
            pb.Event(agent="a", id="1", send_message=pb.SendMessage(interaction=HERE)),
            "INVALID_ARGUMENT",
            "send_message.content",
        ),
        (pb.Event(agent="a", send_message=pb.SendMessage(interaction=HERE, content=HI)), "INVALID_ARGUMENT", "id"),
        (
            pb.Event(agent="a", id="1", send_message=pb.SendMessage(interaction=HERE, content=HI, reply_to="m")),
            "UNIMPLEMENTED",
            "send_message",
        ),
        (pb.Event(agent="a", id="1", transfer=pb.Transfer(interaction=HERE)), "INVALID_ARGUMENT", "transfer.queue"),
        (
            pb.Event(agent="a", id="1", transfer=pb.Transfer(interaction=HERE, queue="q", fallback_ms=-1)),
            "INVALID_ARGUMENT",
            "transfer.fallback_ms",
        ),
        (pb.Event(agent="a", id="1", consult=pb.Consult(interaction=HERE)), "INVALID_ARGUMENT", "consult.queue"),
        (
            pb.Event(agent="a", id="1", consult=pb.Consult(interaction=HERE, queue="q", give_up_ms=-1)),
            "INVALID_ARGUMENT",
            "consult.give_up_ms",
        ),
        (
            pb.Event(agent="a", end_consult=pb.EndConsult(interaction=HERE)),
            "INVALID_ARGUMENT",
            "end_consult.consult",
        ),
        (pb.Event(agent="a", control_call=pb.ControlCall(interaction=HERE)), "UNIMPLEMENTED", "control_call"),
    ],
)
def test_what_cannot_be_routed_is_refused_with_its_field(event: pb.Event, code: str, field: str) -> None:
    """A desk's writer learns which field to mend."""
    with pytest.raises(Unroutable) as refused:
        route_desk_event(event, ORIGIN)
    assert (refused.value.code, refused.value.field) == (code, field)


def outcome(event: pb.Event) -> str:
    """`routed`, or the code of the refusal."""
    try:
        route_desk_event(event, ORIGIN)
    except Unroutable as refused:
        return refused.code
    return "routed"


@pytest.mark.parametrize("field", [f.name for f in pb.Event.DESCRIPTOR.oneofs_by_name["body"].fields])
def test_every_body_is_routed_or_refused(field: str) -> None:
    """No body, however empty, may raise anything but `Unroutable`; what is not in the table is not pretended to be."""
    event = pb.Event(agent="a", id="1")
    getattr(event, field).SetInParent()
    assert (outcome(event) == "UNIMPLEMENTED") is (field not in DESK_EVENTS)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_translation(content: bytes) -> None:
    """Whatever a peer sends either parses and is routed or refused, or does not parse."""
    try:
        event = pb.Event.FromString(content)
    except DecodeError:
        return
    assert outcome(event) in {"INVALID_ARGUMENT", "UNIMPLEMENTED", "routed"}


def test_every_message_for_desks_has_a_command() -> None:
    """A message that the cluster can send must have a form on the wire."""
    reservation = {DeskReservation}
    told = {kind for name, kind in inspect.getmembers(link_messages, inspect.isclass) if name.startswith("Desk")}
    assert set(DESK_COMMANDS) == told - reservation
    assert set(PRESENCES) == set(PresenceState)
    assert set(RESERVATION_STATES) == set(ReservationState)
    assert set(CONSULT_STAGES) == set(ConsultStage)


ADA = Customer("c1", "Ada", "en", {"tier": "gold"})
WIRE_ADA = content_pb2.Customer(id="c1", name="Ada", language="en", attributes={"tier": "gold"})
RESERVATION = DeskReservation("r", HERE, ReservationState.PENDING, "cards", "webchat", ADA, "a card", 5, 6, 7, "Bob")
WIRE_RESERVATION = pb.Reservation(
    reservation="r",
    interaction=HERE,
    state=pb.RESERVATION_STATE_PENDING,
    queue="cards",
    channel="webchat",
    customer=WIRE_ADA,
    subject="a card",
    waited_ms=5,
    started_at=6,
    ends_at=7,
    asks="Bob",
)
ENTRY = TranscriptEntry(3, "m3", Author.CUSTOMER, "Ada", 99, Content("hello"))
WIRE_ENTRY = content_pb2.Entry(
    number=3,
    id="m3",
    author=content_pb2.AUTHOR_CUSTOMER,
    author_name="Ada",
    at=99,
    content=content_pb2.Content(text="hello"),
)
ASIDE = Aside(TranscriptEntry(1, "a1", Author.COLLEAGUE, "Bob", 98, Content("psst")), 2)
WIRE_ASIDE = pb.Aside(
    entry=content_pb2.Entry(
        number=1,
        id="a1",
        author=content_pb2.AUTHOR_COLLEAGUE,
        author_name="Bob",
        at=98,
        content=content_pb2.Content(text="psst"),
        visibility=COLLEAGUES,
    ),
    after=2,
)
CONSULT = ConsultView("webchat:1/3", ConsultStage.ENDED, "alice", "Alice", "loans", "bob", "Bob", EndReason.TAKEN_OVER)
WIRE_CONSULT = pb.ConsultView(
    consult="webchat:1/3",
    stage=pb.CONSULT_STAGE_ENDED,
    asked_by="alice",
    asked_by_name="Alice",
    queue="loans",
    agent="bob",
    agent_name="Bob",
    reason="taken_over",
)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (
            DeskState("alice", "Alice", PresenceState.AWAY, "lunch", 1, (RESERVATION,), 2),
            pb.AgentState(
                name="Alice",
                presence=pb.PRESENCE_AWAY,
                reason="lunch",
                since_at=1,
                reservations=[WIRE_RESERVATION],
                now_at=2,
            ),
        ),
        (DeskOffer("alice", RESERVATION, 2), pb.Offer(reservation=WIRE_RESERVATION, now_at=2)),
        (
            DeskOfferEnded("alice", "r", HERE, ReservationState.TIMED_OUT),
            pb.OfferEnded(reservation="r", interaction=HERE, outcome=pb.RESERVATION_STATE_TIMED_OUT),
        ),
        (
            DeskConversation("alice", HERE, "r", "webchat", ADA, (ENTRY,), 3, 2, (ASIDE,), CONSULT),
            pb.Conversation(
                interaction=HERE,
                reservation="r",
                channel="webchat",
                customer=WIRE_ADA,
                entries=[WIRE_ENTRY],
                customer_delivered=3,
                customer_read=2,
                asides=[WIRE_ASIDE],
                consult=WIRE_CONSULT,
            ),
        ),
        (DeskConsult("alice", HERE, CONSULT), pb.Consulting(interaction=HERE, consult=WIRE_CONSULT)),
        (DeskAsides("alice", HERE, (ASIDE,)), pb.Asides(interaction=HERE, asides=[WIRE_ASIDE])),
        (DeskEntries("alice", HERE, (ENTRY,)), pb.Entries(interaction=HERE, entries=[WIRE_ENTRY])),
        (DeskTyping("alice", HERE, True), pb.CustomerTyping(interaction=HERE, typing=True)),
        (DeskSaw("alice", HERE, 3, 2), pb.CustomerMarks(interaction=HERE, delivered=3, read=2)),
        (DeskSignedOut("alice", "elsewhere"), pb.SignedOut(reason="elsewhere")),
    ],
)
def test_commands_say_what_the_message_says(message: Message, wire: object) -> None:
    """Number, source, agent and every field arrive at the desk."""
    command = desk_command(Command("7", 42, message))
    body = command.WhichOneof("body")
    assert body is not None
    assert (command.source, command.number, command.agent) == ("7", 42, "alice")
    assert getattr(command, body) == wire


def test_queue_counters_are_for_every_agent() -> None:
    """Counters name no agent: the desk shows them to all."""
    plain = {"queue": "cards", "waiting": 1, "offered": 2, "oldest_at": 3, "entered": 4, "granted": 5, "withdrawn": 6}
    known = QueueCounters(**plain, granted_in_target=7, expected=Expected(8, 9, 10))  # type: ignore[arg-type]
    unknown = QueueCounters(**plain, granted_in_target=7)  # type: ignore[arg-type]
    command = desk_command(Command("7", 0, DeskQueues((known, unknown))))
    wire = pb.QueueCounters(**plain, granted_in_target=7)  # type: ignore[arg-type]
    assert command.queues.queues[1] == wire
    wire.expected_wait_low_ms, wire.expected_wait_ms, wire.expected_wait_high_ms = 8, 9, 10
    assert command.queues.queues[0] == wire


def test_a_misdirected_command_goes_out_empty() -> None:
    """A channel's message on a desk's link must be acknowledged by the desk, or it would block all behind it."""
    assert desk_command(Command("7", 42, ShowTyping("c", True))) == pb.Command(source="7", number=42)

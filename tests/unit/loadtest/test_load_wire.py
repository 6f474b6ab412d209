"""The generator's wire: numbers without gaps, one outcome for each event, one handling of each command, over any break."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from loadtest.load.agenda import Agenda
from loadtest.load.calls import Call
from loadtest.load.customers import Customers, arrivals_of
from loadtest.load.desk import Desk
from loadtest.load.marks import WORDS, read_subject, subject_of, text_of
from loadtest.load.recorder import Recorder
from loadtest.load.scenario import Scenario
from loadtest.load.spool import Spool, write_evidence
from loadtest.load.wire import Wire
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2
from trunkline.link.v1 import link_pb2

SCENARIO = Scenario.model_validate(
    {
        "title": "t",
        "agents": {"count": 1},
        "customers": {"hold_s": 5, "message_every_s": 1, "hangs_up_share": 0, "patience_s": 30},
        "arrivals": "constant",
        "phases": [{"for_s": 1, "per_s": 1}],
        "drain_s": 1,
    }
)


def wire_in(directory: Path) -> Wire:
    wire = Wire(gateway_pb2.AdapterFrame, "load-1", Spool(directory, "part"))
    wire.on_commands = lambda commands, now: None
    return wire


def welcome(acknowledged: int = 0, window: int = 100, rejections: tuple[Any, ...] = ()) -> Any:
    return gateway_pb2.GatewayFrame(
        welcome=link_pb2.Welcome(acknowledged=acknowledged, window=window),
        settled=link_pb2.Settled(acknowledged=acknowledged, rejections=rejections),
    )


def settled(acknowledged: int, *refused: int) -> Any:
    rejections = [link_pb2.Rejection(seq=seq, code=link_pb2.CODE_RESOURCE_EXHAUSTED, retry_after_ms=700) for seq in refused]
    return gateway_pb2.GatewayFrame(settled=link_pb2.Settled(acknowledged=acknowledged, rejections=rejections))


def test_events_keep_to_the_window_and_have_one_outcome(tmp_path: Path) -> None:
    """Three of five fit; each outcome comes once, with the instant at which the event was meant."""
    wire, outcomes = wire_in(tmp_path), []
    wire.welcomed(welcome(window=3), 0.0)
    for number in range(5):
        wire.post(
            gateway_pb2.Event(),
            lambda no, meant_at, now, n: outcomes.append((n, no is None, meant_at, now)),
            10.0 + number,
            number,
        )
    frame = wire.next_frame()
    assert frame is not None and [1, 2, 3] == [event.seq for event in frame.events] and wire.next_frame() is None
    wire.take(settled(2, 2), 50.0)
    wire.take(settled(2), 60.0)
    assert [(0, True, 10.0, 50.0), (1, False, 11.0, 50.0)] == outcomes and 3 == len(wire)
    frame = wire.next_frame()
    assert frame is not None and [4, 5] == [event.seq for event in frame.events]


def test_after_a_break_it_sends_again_what_is_not_settled(tmp_path: Path) -> None:
    """The new stream says where it stopped; what the gateway has is settled, the rest comes again in order, then the new."""
    wire, done = wire_in(tmp_path), []
    wire.welcomed(welcome(), 0.0)
    for number in range(3):
        wire.post(gateway_pb2.Event(), lambda no, meant_at, now, n: done.append(n), 1.0, number)
    wire.next_frame()
    wire.take(settled(1), 2.0)
    wire.post(gateway_pb2.Event(), lambda no, meant_at, now, n: done.append(n), 1.0, 3)
    hello = wire.hello().hello
    assert (1, 3) == (hello.resume_after, hello.sent), "the fourth was never sent"
    wire.welcomed(welcome(acknowledged=2), 3.0)
    assert [0, 1] == done
    frame = wire.next_frame()
    assert frame is not None and [3, 4] == [event.seq for event in frame.events]


def test_a_refusal_ahead_is_told_once_and_the_number_alone_is_sent_again(tmp_path: Path) -> None:
    """The generator measures a refusal when it is told first, and does as the SDK does after a break."""
    wire, outcomes = wire_in(tmp_path), []
    wire.welcomed(welcome(), 0.0)
    for number in range(3):
        wire.post(gateway_pb2.Event(id="e"), lambda no, meant_at, now, n: outcomes.append((n, no is None, now)), 10.0, number)
    wire.next_frame()
    full = link_pb2.Rejection(seq=2, code=link_pb2.CODE_RESOURCE_EXHAUSTED)
    wire.take(gateway_pb2.GatewayFrame(settled=link_pb2.Settled(ahead=[full])), 20.0)
    assert [(1, False, 20.0)] == outcomes and 3 == len(wire)
    wire.welcomed(welcome(), 30.0)
    frame = wire.next_frame()
    assert frame is not None and [(1, "e"), (2, ""), (3, "e")] == [(event.seq, event.id) for event in frame.events]
    wire.take(settled(3, 2), 40.0)
    assert [(1, False, 20.0), (0, True, 40.0), (2, True, 40.0)] == outcomes


def test_commands_are_handled_once_and_acknowledged(tmp_path: Path) -> None:
    """A command that comes again is dropped and acknowledged again; passing ones are neither noted nor acknowledged."""
    spool = Spool(tmp_path, "part")
    wire = Wire(gateway_pb2.AdapterFrame, "load-1", spool)
    told: list[int] = []
    wire.on_commands = lambda commands, now: told.extend(command.number for command in commands)
    wire.welcomed(welcome(), 0.0)
    commands = [gateway_pb2.Command(source="s:1", number=number) for number in (5, 6)]
    wire.take(gateway_pb2.GatewayFrame(commands=[*commands, gateway_pb2.Command(source="s:1", number=0)]), 1_000.0)
    wire.take(gateway_pb2.GatewayFrame(commands=commands), 2_000.0)
    assert [5, 6, 0] == told
    frame = wire.next_frame()
    assert frame is not None and [("s:1", 6)] == [(ack.source, ack.number) for ack in frame.acks]
    spool.close()
    write_evidence(tmp_path, tmp_path / "evidence.json", {"settled": True, "customer_texts": [WORDS]})
    evidence = json.loads((tmp_path / "evidence.json").read_text())
    assert [["load-1", wire.incarnation, "s:1", 5, 1000], ["load-1", wire.incarnation, "s:1", 6, 1000]] == evidence["commands"]
    assert ([], [], True) == (evidence["arrivals"], evidence["messages"], evidence["settled"])


def customers_in(directory: Path) -> tuple[Customers, Wire, Agenda, Recorder]:
    spool, agenda, recorder = Spool(directory, "part"), Agenda(), Recorder()
    wire = Wire(gateway_pb2.AdapterFrame, "load-1", spool)
    customers = Customers("webchat", wire, SCENARIO, arrivals_of(SCENARIO), "run", agenda, recorder, spool)
    recorder.begin(1e6, SCENARIO.windows_s())
    customers.begin(1e6)
    wire.welcomed(welcome(), 1e6)
    return customers, wire, agenda, recorder


def test_a_customers_course(tmp_path: Path) -> None:
    """Comes when meant however late, is promised when acknowledged, writes when connected, is over when told so."""
    customers, wire, agenda, recorder = customers_in(tmp_path)
    agenda.run(1e6 + 900)
    frame = wire.next_frame()
    assert frame is not None and "webchat:run-0" == frame.events[0].conversation
    assert (1e6 + 500.0, 5_000.0) == read_subject(frame.events[0].conversation_opened.subject)
    assert not customers.finished
    wire.take(settled(1), 1e6 + 1_100)
    assert 600.0 == recorder.measures["arrival_ack"].greatest_ms, "from when it was meant, not from when it was sent"
    notice = messaging_pb2.ShowNotice(kind=messaging_pb2.NOTICE_KIND_CONNECTED)
    customers.told([gateway_pb2.Command(conversation="webchat:run-0", show_notice=notice)], 1e6 + 1_200)
    agenda.run(1e6 + 3_300)
    frame = wire.next_frame()
    assert frame is not None and ["c1", "c2"] == [event.id for event in frame.events], "one a second, from a random instant on"
    wire.take(settled(3), 1e6 + 3_400)
    answer = content_pb2.Entry(number=3, id="a1", content=content_pb2.Content(text=text_of(1e6 + 3_000, "hello")))
    shown = messaging_pb2.ShowEntries(entries=[answer])
    ended = messaging_pb2.ShowNotice(kind=messaging_pb2.NOTICE_KIND_ENDED)
    customers.told([gateway_pb2.Command(conversation="webchat:run-0", show_entries=shown)], 1e6 + 3_500)
    customers.told([gateway_pb2.Command(conversation="webchat:run-0", show_notice=ended)], 1e6 + 3_600)
    assert customers.finished and 0 == customers.live
    assert [("webchat:run-0", 0b110, 0b10, 0, True, True)] == customers.rows()
    assert 500.0 == recorder.seconds[3]["delivery"].greatest_ms
    agenda.run(1e6 + 9_000)
    assert wire.next_frame() is None, "nothing is written after the end"


def test_an_arrival_that_is_refused_is_no_promise(tmp_path: Path) -> None:
    """Turned away for want of room: counted, over, and in no evidence."""
    customers, wire, agenda, recorder = customers_in(tmp_path)
    agenda.run(1e6 + 900)
    wire.next_frame()
    wire.take(settled(1, 1), 1e6 + 1_100)
    assert customers.finished and [] == customers.rows()
    assert (1, 0, 0) == (recorder.counts["refused"], recorder.counts["refused_wrongly"], recorder.counts["accepted"])


def test_a_message_that_is_put_off_keeps_its_id_and_instant(tmp_path: Path) -> None:
    """After the time asked for, the same message comes as a new event."""
    customers, wire, agenda, _ = customers_in(tmp_path)
    agenda.run(1e6 + 900)
    wire.next_frame()
    wire.take(settled(1), 1e6 + 910)
    notice = messaging_pb2.ShowNotice(kind=messaging_pb2.NOTICE_KIND_CONNECTED)
    customers.told([gateway_pb2.Command(conversation="webchat:run-0", show_notice=notice)], 1e6 + 1_000)
    agenda.run(1e6 + 2_000)
    frame = wire.next_frame()
    assert frame is not None
    first = frame.events[0]
    wire.take(settled(2, 2), 1e6 + 2_000)
    agenda.run(1e6 + 2_699)
    agenda.run(1e6 + 2_701)
    frame = wire.next_frame()
    assert frame is not None
    again = next(event for event in frame.events if event.id == first.id)
    assert first.message_received == again.message_received and again.seq > first.seq


def test_an_agents_course(tmp_path: Path) -> None:
    """Signs in, becomes available, takes an offer once, ends when the subject says so; a second agent on it is doubled."""
    spool, agenda, recorder, calls = Spool(tmp_path, "part"), Agenda(), Recorder(), deque[Call]()
    wire = Wire(desk_pb2.DeskFrame, "load-desk", spool)
    desk = Desk(wire, SCENARIO, ["ann", "bob"], agenda, recorder, spool, calls)
    wire.welcomed(desk_pb2.DeskGatewayFrame(welcome=link_pb2.Welcome(window=100)), 0.0)
    recorder.begin(1e6, SCENARIO.windows_s())
    for _ in range(2):
        call = calls.popleft()
        call.done(desk_pb2.SignInResponse(token=f"t-{call.request.agent}"), "", 1e6)
    frame = wire.next_frame()
    assert frame is not None and 4 == len(frame.events) and not desk.ready
    wire.take(desk_pb2.DeskGatewayFrame(settled=link_pb2.Settled(acknowledged=4)), 1e6)
    assert desk.ready and ["t-ann", "t-bob"] == list(wire.hello().hello.grants)
    offered = desk_pb2.Reservation(reservation="r1", interaction="webchat:1/1", subject=subject_of(1e6 + 100, 3_000))
    # The state may tell of the reservation before the offer rings.
    state = desk_pb2.AgentState(presence=desk_pb2.PRESENCE_AVAILABLE, reservations=[offered])
    offer = desk_pb2.Command(agent="ann", offer=desk_pb2.Offer(reservation=offered))
    desk.told([desk_pb2.Command(agent="ann", agent_state=state), offer, offer], 1e6 + 150)
    frame = wire.next_frame()
    assert frame is not None and ["y-r1"] == [event.id for event in frame.events]
    assert 50.0 == recorder.measures["offer"].greatest_ms
    shown = desk_pb2.Conversation(interaction="webchat:1/1", reservation="r1", channel="webchat")
    desk.told([desk_pb2.Command(agent="ann", conversation=shown)], 1e6 + 200)
    agenda.run(1e6 + 3_300)
    frame = wire.next_frame()
    assert frame is not None and "e-r1" in [event.id for event in frame.events], "three seconds after it began"
    other = desk_pb2.Conversation(interaction="webchat:1/1", reservation="r2", channel="webchat")
    desk.told([desk_pb2.Command(agent="bob", conversation=other)], 1e6 + 3_400)
    assert 1 == recorder.counts["doubled_assignments"]

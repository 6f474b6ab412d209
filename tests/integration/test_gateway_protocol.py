"""What the gateway does with peers that do not keep to the protocol, spoken to without the SDK."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StartupFailed
from gateways.sdk.ending import Ending
from gateways.sdk.errors import Status
from gateways.server.gateway import SERVICES, GatewayServer
from gateways.server.options import GatewayOptions, Role, StreamLimits
from tests.fakes.edge import FakeEdge, FakeOperations
from tests.fakes.serving import TOKENS, Serving, said, serving
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc, messaging_pb2
from trunkline.link.v1 import link_pb2

METADATA = (("authorization", f"Bearer {TOKENS[Role.GATEWAY]}"),)
CONNECT = "/trunkline.gateway.v1.GatewayService/Connect"
EOF: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs


def hello(**changes: Any) -> gateway_pb2.AdapterFrame:
    """A Hello that is as it should be, but for the changes."""
    fields: dict[str, Any] = {"protocol_version": 1, "link": "raw-1", "incarnation": "incarnation-1"}
    return gateway_pb2.AdapterFrame(hello=link_pb2.Hello(**{**fields, **changes}))


def numbered(*numbers: int) -> gateway_pb2.AdapterFrame:
    """A frame of messages with these numbers."""
    frame = gateway_pb2.AdapterFrame()
    for number in numbers:
        event = frame.events.add()
        event.CopyFrom(said(f"text {number}"))
        event.seq = number
    return frame


class Raw:
    """A stream without a library's help."""

    def __init__(self, call: Any) -> None:
        self._ending = Ending(call)
        self.read = call.read
        self.write = call.write
        self.done_writing = call.done_writing
        self.cancel = call.cancel

    async def end(self) -> Status:
        """Read to the end of the stream and tell how it ended."""
        try:
            while await self.read() is not EOF:
                pass
        except grpc.RpcError as error:
            return await self._ending.status(error)
        return await self._ending.status()


@asynccontextmanager
async def stream(gateway: Serving, *frames: Any) -> AsyncIterator[Raw]:
    """A stream on which these frames were sent; one that ended meanwhile is found out by reading."""
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        connect: Any = gateway_pb2_grpc.GatewayServiceStub(channel).Connect
        call = Raw(connect(metadata=METADATA))
        with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
            for frame in frames:
                await call.write(frame)
        yield call
        call.cancel()


def raw_call(channel: Any) -> Raw:
    """A stream of bytes, for frames that no library would make."""
    return Raw(channel.stream_stream(CONNECT)(metadata=METADATA))


@pytest.mark.parametrize(
    ("frames", "code", "reason"),
    [
        ([numbered(1)], "FAILED_PRECONDITION", "HELLO_EXPECTED"),
        ([gateway_pb2.AdapterFrame()], "FAILED_PRECONDITION", "HELLO_EXPECTED"),
        ([hello(), hello()], "FAILED_PRECONDITION", "HELLO_REPEATED"),
        ([hello(protocol_version=2)], "FAILED_PRECONDITION", "PROTOCOL_VERSION"),
        ([hello(link="")], "INVALID_ARGUMENT", "HELLO_INVALID"),
        ([hello(link="with space")], "INVALID_ARGUMENT", "HELLO_INVALID"),
        ([hello(link="x" * 65)], "INVALID_ARGUMENT", "HELLO_INVALID"),
        ([hello(incarnation="short")], "INVALID_ARGUMENT", "HELLO_INVALID"),
        ([hello(), numbered(2)], "FAILED_PRECONDITION", "SEQUENCE_GAP"),
        ([hello(), numbered(1, 3)], "FAILED_PRECONDITION", "SEQUENCE_GAP"),
        ([hello(), numbered(1, 1)], "FAILED_PRECONDITION", "SEQUENCE_GAP"),
        ([hello(), numbered(0)], "FAILED_PRECONDITION", "SEQUENCE_GAP"),
        ([hello(resume_after=5), numbered(5)], "FAILED_PRECONDITION", "SEQUENCE_GAP"),
        ([hello(), numbered(*range(1, 12))], "INVALID_ARGUMENT", "FRAME_TOO_LARGE"),
    ],
)
async def test_a_breach_of_the_protocol_ends_the_stream_with_its_reason(frames: list[Any], code: str, reason: str) -> None:
    """The writer of an adapter finds the mistake in the status, in words and as a reason for programs."""
    async with serving(limits=StreamLimits(frame_events=10)) as gateway, stream(gateway, *frames) as call:
        status = await call.end()
        assert (status.code, status.reason) == (code, reason), status.detail
        assert status.detail


async def test_events_before_a_breach_stand() -> None:
    """What came in order was taken; only what followed the gap was not."""
    async with serving() as gateway, stream(gateway, hello(), numbered(1), numbered(2, 4)) as call:
        await call.end()
        assert [frame.seq for frame in gateway.link("raw-1").frames] == [1]


async def test_a_window_overrun_ends_the_stream() -> None:
    """An adapter that ignores its credits is stopped before it fills the gateway's memory."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway, stream(gateway, hello(window=3), numbered(1, 2, 3), numbered(4)) as call:
        status = await call.end()
        assert (status.code, status.reason) == ("FAILED_PRECONDITION", "WINDOW_OVERRUN")
        assert gateway.link("raw-1").window == 3


async def test_a_breach_that_only_the_cluster_sees_ends_the_stream_too() -> None:
    """The edge judges numbers by what it remembers of the link."""
    async with serving() as gateway:
        async with stream(gateway, hello(), numbered(1, 2)) as call:
            await call.read()
            await gateway.edge.until(lambda: gateway.link("raw-1").acknowledged == 2)
        gateway.link("raw-1").acknowledged = 5
        async with stream(gateway, hello(), numbered(6)) as call:
            status = await call.end()
            assert (status.code, status.reason) == ("FAILED_PRECONDITION", "PROTOCOL_VIOLATION")


async def test_a_frame_that_does_not_parse_ends_the_stream_with_its_reason() -> None:
    """Bytes that are no frame are told apart from a defect of the gateway."""
    async with serving() as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        call = raw_call(channel)
        await call.write(hello().SerializeToString())
        await call.read()
        await call.write(b"\x08")
        status = await call.end()
        assert (status.code, status.reason) == ("INVALID_ARGUMENT", "MALFORMED_FRAME")
        assert "trunkline.gateway.v1.AdapterFrame" in status.detail


async def test_a_frame_beyond_the_limit_ends_the_stream() -> None:
    """Nobody can make the gateway hold an arbitrary amount."""
    limits = StreamLimits(frame_bytes=10_000, event_bytes=1_000)
    async with serving(limits=limits) as gateway:
        event = said("x" * 20_000)
        event.seq = 1
        async with stream(gateway, hello(), gateway_pb2.AdapterFrame(events=[event])) as call:
            assert (await call.end()).code == "RESOURCE_EXHAUSTED"


async def test_an_event_beyond_the_limit_is_refused_and_the_stream_goes_on() -> None:
    """One large event costs its sender that event only."""
    limits = StreamLimits(event_bytes=1_000)
    async with serving(limits=limits) as gateway:
        frame = numbered(1, 2)
        frame.events[0].message_received.content.text = "x" * 2_000
        async with stream(gateway, hello(), frame) as call:
            settled = [(await call.read()).settled for _ in range(2)][-1]
            assert settled.acknowledged == 2
            assert [(no.seq, no.code) for no in settled.rejections] == [(1, link_pb2.CODE_INVALID_ARGUMENT)]


async def test_a_stream_without_a_hello_is_not_kept() -> None:
    """A peer that says nothing costs nothing for long."""
    async with serving(limits=StreamLimits(hello_timeout_s=0.05)) as gateway, stream(gateway) as call:
        status = await call.end()
        assert (status.code, status.reason) == ("DEADLINE_EXCEEDED", "HELLO_LATE")


async def test_the_welcome_tells_all_that_an_adapter_must_know() -> None:
    """Resume point, windows, limits, clock and what is routed."""
    edge = FakeEdge()
    limits = StreamLimits(window=50, command_window=60, frame_bytes=10_000, frame_events=7, event_bytes=1_000)
    async with serving(edge, limits=limits, name="gateway-9") as gateway, stream(gateway, hello(window=500)) as call:
        welcome = (await call.read()).welcome
        assert (welcome.protocol_version, welcome.gateway, welcome.acknowledged) == (1, "gateway-9", 0)
        assert (welcome.window, welcome.command_window) == (50, 60)
        assert welcome.limits == link_pb2.Limits(frame_bytes=10_000, frame_events=7, event_bytes=1_000)
        assert abs(welcome.server_time_at - 1_000 * time.time()) < 60_000
        assert list(welcome.capabilities) == [
            "conversation_opened",
            "message_received",
            "typing_changed",
            "marks_moved",
            "customer_returned",
            "customer_left",
        ]


async def test_fields_of_a_later_protocol_are_ignored() -> None:
    """An adapter that says more than this gateway knows is served as far as it is understood."""
    async with serving() as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        call = raw_call(channel)
        unknown = b"\xc2\x3e\x03abc"
        await call.write(hello().SerializeToString() + unknown)
        await call.read()
        await call.write(numbered(1).SerializeToString() + unknown)
        frame = gateway_pb2.GatewayFrame.FromString(await call.read())
        assert (frame.settled.acknowledged, list(frame.settled.rejections)) == (1, [])


async def test_an_unknown_event_is_refused_and_the_stream_goes_on() -> None:
    """A body of a later protocol costs its sender that event only."""
    event = gateway_pb2.Event(seq=1, conversation="c").SerializeToString() + b"\xc2\x3e\x00"
    frame = gateway_pb2.AdapterFrame()
    frame.events.add().MergeFromString(event)
    async with serving() as gateway, stream(gateway, hello(), frame, numbered(2)) as call:
        rejections: list[link_pb2.Rejection] = []
        acknowledged = 0
        while acknowledged < 2:
            settled = (await call.read()).settled
            acknowledged = settled.acknowledged
            rejections += settled.rejections
        assert [(no.seq, no.code) for no in rejections] == [(1, link_pb2.CODE_UNIMPLEMENTED)]


async def test_a_ping_is_answered() -> None:
    """An adapter can tell a slow gateway from a dead one."""
    ping = gateway_pb2.AdapterFrame(ping=link_pb2.Ping(nonce=77))
    async with serving() as gateway, stream(gateway, hello(), ping) as call:
        frames = [await call.read()]
        while not frames[-1].HasField("pong"):
            frames.append(await call.read())
        assert frames[-1].pong.nonce == 77


async def test_an_adapter_that_half_closes_still_hears_the_outcome() -> None:
    """What was sent before the end is settled before the stream ends."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway, stream(gateway, hello(), numbered(1)) as call:
        await call.done_writing()
        await edge.until(lambda: "raw-1" in edge.links and gateway.link("raw-1").received == 1)
        gateway.link("raw-1").settle()
        acknowledged = 0
        while (frame := await call.read()) is not EOF:
            acknowledged = max(acknowledged, frame.settled.acknowledged)
        assert (acknowledged, (await call.end()).code) == (1, "OK")


async def test_a_defect_behind_the_gateway_ends_the_stream_without_details() -> None:
    """Internals are for the log, not for adapters."""
    edge = FakeEdge()

    def broken(frame: object) -> None:
        raise ZeroDivisionError("secret internals")

    edge.judge = broken
    async with serving(edge) as gateway, stream(gateway, hello(), numbered(1)) as call:
        status = await call.end()
        assert status.code == "INTERNAL"
        assert "secret" not in status.detail


async def test_a_port_in_use_is_named() -> None:
    """The operator learns which address, and that something else holds it."""
    async with serving() as gateway:
        other = GatewayServer(GatewayOptions(listen=(gateway.target,)), FakeEdge(), FakeOperations())
        with pytest.raises(StartupFailed, match=f"cannot listen on {gateway.target}"):
            await other.start()


async def test_health_and_reflection_need_no_token() -> None:
    """Probes and tools work with any standard client."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async with serving() as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        for service in ("", *SERVICES):
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        async for listed in reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request])):
            names = {item.name for item in listed.list_services_response.service}
            assert set(SERVICES) <= names


async def test_a_draining_gateway_takes_nobody_and_says_so() -> None:
    """Load balancers and adapters go elsewhere."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with serving() as gateway, stream(gateway, hello()) as call:
        await call.read()
        emptying = asyncio.create_task(gateway.server.empty())
        frame = await call.read()
        assert (frame.go_away.reason, frame.go_away.grace_ms) == ("the gateway is being drained", 2_000)
        async with stream(gateway, hello(link="raw-2")) as late:
            status = await late.end()
            assert (status.code, status.reason) == ("UNAVAILABLE", "DRAINING")
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        await call.write(gateway_pb2.AdapterFrame(goodbye=link_pb2.Goodbye(reason="going")))
        await emptying


async def test_commands_are_packed_below_a_size_that_every_client_takes() -> None:
    """GRPC clients take 4 MiB unless told otherwise; a burst of large commands must not break them."""
    from actors.messages.link import ShowEntries
    from actors.values import Author, Content, TranscriptEntry

    entry = TranscriptEntry(1, "m", Author.AGENT, "Li", 1, Content("x" * 100_000))
    async with serving() as gateway, stream(gateway, hello()) as call:
        await call.read()
        there = gateway.link("raw-1")
        for _ in range(100):
            there.command(ShowEntries("c", (entry,)))
        number, largest = 0, 0
        while number < 100:
            frame = await call.read()
            largest = max(largest, frame.ByteSize())
            for command in frame.commands:
                number += 1
                assert command.number == number
        assert largest < 4 * 1024 * 1024


async def test_a_command_that_cannot_be_translated_does_not_stop_the_others() -> None:
    """A defect in one command costs that command only."""
    from actors.messages.link import ShowNotice, ShowTyping
    from actors.values import NoticeKind

    async with serving() as gateway, stream(gateway, hello()) as call:
        await call.read()
        there = gateway.link("raw-1")
        there.command(ShowNotice("c", NoticeKind.QUEUED, ahead=-1))
        there.command(ShowTyping("c", True))
        commands: list[gateway_pb2.Command] = []
        while len(commands) < 2:
            commands += (await call.read()).commands
        assert commands[0] == gateway_pb2.Command(source="7", number=1)
        assert commands[1].show_typing == messaging_pb2.ShowTyping(typing=True)


@pytest.mark.parametrize("resent", [numbered(3), numbered(1, 2, 3)], ids=["left out", "sent again"])
async def test_an_event_settled_meanwhile_need_not_be_sent_again(resent: Any) -> None:
    """After a break the cluster may settle what it had before the adapter sends it again; both ways go on from there."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway:
        async with stream(gateway, hello(), numbered(1, 2)) as call:
            await call.read()
            await edge.until(lambda: gateway.link("raw-1").received == 2)
        async with stream(gateway, hello()) as call:
            assert (await call.read()).welcome.acknowledged == 0
            gateway.link("raw-1").settle()
            assert (await call.read()).settled.acknowledged == 2
            await call.write(resent)
            await edge.until(lambda: gateway.link("raw-1").received == 3)
            gateway.link("raw-1").settle()
            assert (await call.read()).settled.acknowledged == 3
        assert [frame.seq for frame in gateway.link("raw-1").frames] == [1, 2, 3]


def event_bytes(seq: int, body: bytes) -> bytes:
    """A frame with one event of this number, whose other fields are any bytes that parse."""
    event = gateway_pb2.Event(seq=seq, conversation="c")
    try:
        event.MergeFromString(body)
    except DecodeError:
        return body
    return gateway_pb2.AdapterFrame(events=[event]).SerializeToString()


EVENT_FRAMES = st.builds(event_bytes, st.integers(0, 5), st.binary(max_size=40))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), EVENT_FRAMES)))
async def test_nothing_that_a_peer_sends_is_a_defect_of_the_gateway(frames: list[bytes]) -> None:
    """Random bytes and random events are refused, or end the stream with a reason; never as INTERNAL or UNKNOWN."""
    async with serving() as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        call = raw_call(channel)
        await call.write(hello().SerializeToString())
        with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
            for frame in frames:
                await call.write(frame)
            await call.done_writing()
        status = await call.end()
        assert status.code not in {"INTERNAL", "UNKNOWN"} or status.detail == "Internal error from Core"

"""The checks of a gateway, in the order they are made; each uses a link of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateways.conformance.report import Failed, Finding, Outcome, Report, Skipped, expect
from gateways.conformance.stage import EOF, SERVICE
from gateways.sdk.ending import Ending
from gateways.sdk.errors import Status
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc, messaging_pb2
from trunkline.link.v1 import link_pb2

_FAR: Final = 2**62


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which gateway, and what its configuration knows."""

    target: str
    token: str = field(repr=False)
    channel: str = "webchat"
    entry_point: str = ""
    patience_s: float = 10.0


Check = Callable[["ServerKit"], Awaitable[None]]
CHECKS: Final[list[tuple[str, str, Check]]] = []


def check(name: str, rule: str) -> Callable[[Check], Check]:
    """Enter a check into the list."""

    def enter(function: Check) -> Check:
        CHECKS.append((name, rule, function))
        return function

    return enter


class Peer:
    """One raw stream to the gateway."""

    def __init__(self, call: Any, patience_s: float) -> None:
        self.call = call
        self._ending = Ending(call)
        self._patience_s = patience_s
        self.settled = link_pb2.Settled()
        self.rejections: dict[int, link_pb2.Rejection] = {}
        self.commands: list[gateway_pb2.Command] = []
        self.pongs: list[int] = []
        self.welcome: link_pb2.Welcome | None = None

    async def send(self, frame: gateway_pb2.AdapterFrame) -> None:
        """Send a frame; a stream that is over already is found out by reading."""
        try:
            await self.call.write(frame)
        except (grpc.RpcError, asyncio.InvalidStateError):
            return

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Read until the condition holds.

        Raises:
            Failed: it does not in time, or the stream ended.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                while not condition():
                    frame = await self.call.read()
                    if frame is EOF:
                        status = await self.status()
                        raise Failed(f"{what}: the stream ended with {status.code} ({status.detail})")
                    self._take(frame)
        except TimeoutError:
            raise Failed(f"{what}: nothing of the kind came within {self._patience_s:g} s") from None
        except grpc.RpcError as error:
            status = await self._ending.status(error)
            raise Failed(f"{what}: the stream ended with {status.code} ({status.detail})") from None

    def _take(self, frame: gateway_pb2.GatewayFrame) -> None:
        if frame.HasField("welcome"):
            self.welcome = frame.welcome
        if frame.HasField("settled"):
            expect(frame.settled.acknowledged >= self.settled.acknowledged, "Settled.acknowledged went back")
            self.settled = frame.settled
            self.rejections |= {rejection.seq: rejection for rejection in frame.settled.rejections}
        self.commands += frame.commands
        if frame.HasField("pong"):
            self.pongs.append(frame.pong.nonce)

    async def settle(self, seq: int) -> None:
        """Wait until an event is settled."""
        await self.until(lambda: self.settled.acknowledged >= seq, f"settlement of event {seq}")

    async def status(self) -> Status:
        """How the stream ended, with its details."""
        try:
            async with asyncio.timeout(self._patience_s):
                while await self.call.read() is not EOF:
                    pass
        except grpc.RpcError as error:
            return await self._ending.status(error)
        except TimeoutError:
            raise Failed("the stream was expected to end and did not") from None
        return await self._ending.status()


class ServerKit:
    """Links to the gateway under test."""

    def __init__(self, options: ServerOptions, channel: grpc.aio.Channel) -> None:
        self.options = options
        self.channel = channel
        self.run = uuid.uuid4().hex[:8]
        self._links = 0

    def hello(self, **changes: Any) -> link_pb2.Hello:
        """A proper Hello of a new link."""
        self._links += 1
        fields: dict[str, Any] = {
            "protocol_version": 1,
            "link": f"conformance-{self.run}-{self._links}",
            "incarnation": uuid.uuid4().hex,
            "software": "trunkline-conformance",
        }
        return link_pb2.Hello(**{**fields, **changes})

    @asynccontextmanager
    async def stream(self, hello: link_pb2.Hello | None = None, token: str | None = None) -> AsyncIterator[Peer]:
        """A stream on which Hello was sent, if one is given."""
        token = self.options.token if token is None else token
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        connect: Any = gateway_pb2_grpc.GatewayServiceStub(self.channel).Connect
        peer = Peer(connect(metadata=metadata), self.options.patience_s)
        if hello is not None:
            await peer.send(gateway_pb2.AdapterFrame(hello=hello))
        try:
            yield peer
        finally:
            peer.call.cancel()

    @asynccontextmanager
    async def welcomed(self, hello: link_pb2.Hello | None = None) -> AsyncIterator[Peer]:
        """A welcomed stream."""
        async with self.stream(hello or self.hello()) as peer:
            await peer.until(lambda: peer.welcome is not None, "Welcome")
            yield peer

    def opened(self, seq: int, name: str) -> gateway_pb2.Event:
        """A customer opens a conversation."""
        customer = content_pb2.Customer(id=f"conformance-{self.run}", name="Conformance")
        body = messaging_pb2.ConversationOpened(
            channel=self.options.channel, entry_point=self.options.entry_point, customer=customer
        )
        return gateway_pb2.Event(seq=seq, conversation=self.conversation(name), conversation_opened=body)

    def said(self, seq: int, name: str) -> gateway_pb2.Event:
        """A customer writes."""
        body = messaging_pb2.MessageReceived(content=content_pb2.Content(text=f"text {seq}"))
        return gateway_pb2.Event(seq=seq, id=f"m{seq}", conversation=self.conversation(name), message_received=body)

    def left(self, seq: int, name: str) -> gateway_pb2.Event:
        """The customer ends the conversation."""
        return gateway_pb2.Event(seq=seq, conversation=self.conversation(name), customer_left=messaging_pb2.CustomerLeft())

    def conversation(self, name: str) -> str:
        """A conversation's id, new in each run."""
        return f"{self.options.channel}:conformance-{self.run}-{name}"


def events(*items: gateway_pb2.Event) -> gateway_pb2.AdapterFrame:
    """A frame of events."""
    return gateway_pb2.AdapterFrame(events=items)


async def _ends(kit: ServerKit, frames: Sequence[gateway_pb2.AdapterFrame], code: str, reason: str) -> None:
    """Sending these must end the stream with this status."""
    async with kit.stream() as peer:
        for frame in frames:
            await peer.send(frame)
        status = await peer.status()
        got = f"{status.code} with reason {status.reason or '(none)'}"
        expect(
            (status.code, status.reason) == (code, reason), f"expected {code} with reason {reason}, got {got}: {status.detail}"
        )


def _hello_frame(kit: ServerKit, **changes: Any) -> gateway_pb2.AdapterFrame:
    return gateway_pb2.AdapterFrame(hello=kit.hello(**changes))


@check("token", "a stream without a token, or with a wrong one, ends with UNAUTHENTICATED")
async def _token(kit: ServerKit) -> None:
    for token, reason in (("", "TOKEN_MISSING"), ("not-a-token-of-this-gateway", "TOKEN_UNKNOWN")):
        async with kit.stream(kit.hello(), token) as peer:
            status = await peer.status()
            expect(
                (status.code, status.reason) == ("UNAUTHENTICATED", reason),
                f"expected {reason}, got {status.code} {status.reason}",
            )


@check("hello", "a stream that does not begin with a proper Hello is ended with a reason")
async def _hello(kit: ServerKit) -> None:
    await _ends(kit, [events(kit.said(1, "x"))], "FAILED_PRECONDITION", "HELLO_EXPECTED")
    await _ends(kit, [_hello_frame(kit), _hello_frame(kit)], "FAILED_PRECONDITION", "HELLO_REPEATED")
    await _ends(kit, [_hello_frame(kit, protocol_version=99)], "FAILED_PRECONDITION", "PROTOCOL_VERSION")
    await _ends(kit, [_hello_frame(kit, link="no spaces please")], "INVALID_ARGUMENT", "HELLO_INVALID")
    await _ends(kit, [_hello_frame(kit, incarnation="short")], "INVALID_ARGUMENT", "HELLO_INVALID")


@check("welcome", "Welcome tells the resume point, windows, limits and what is routed")
async def _welcome(kit: ServerKit) -> None:
    async with kit.welcomed(kit.hello(window=3)) as peer:
        welcome = peer.welcome
        assert welcome is not None
        expect(welcome.protocol_version == 1, f"Welcome.protocol_version is {welcome.protocol_version}")
        expect(welcome.acknowledged == 0, f"Welcome.acknowledged is {welcome.acknowledged} for a new incarnation")
        expect(1 <= welcome.window <= 3, f"Welcome.window is {welcome.window}, though 3 was asked for")
        limits = welcome.limits
        expect(limits.frame_bytes and limits.frame_events and limits.event_bytes, "Welcome.limits is not complete")
        expect("message_received" in welcome.capabilities, "Welcome.capabilities does not name message_received")


@check("numbers", "a gap, a repeated number and a number of 0 end the stream")
async def _numbers(kit: ServerKit) -> None:
    for wrong in ([2], [1, 3], [1, 1], [0]):
        frame = events(*[kit.left(seq, "nowhere") for seq in wrong])
        await _ends(kit, [_hello_frame(kit), frame], "FAILED_PRECONDITION", "SEQUENCE_GAP")


@check("window", "more events in flight than the window allows end the stream")
async def _window(kit: ServerKit) -> None:
    frame = events(*[kit.left(seq, "nowhere") for seq in (1, 2)])
    await _ends(kit, [_hello_frame(kit, window=1), frame], "FAILED_PRECONDITION", "WINDOW_OVERRUN")


@check("refusals", "an event that cannot be taken is rejected by itself, with code, detail and field, and the stream goes on")
async def _refusals(kit: ServerKit) -> None:
    empty = gateway_pb2.Event(seq=1, conversation=kit.conversation("x"))
    unknown = gateway_pb2.Event(seq=2, conversation=kit.conversation("x"))
    unknown.MergeFromString(b"\xc2\x3e\x00")
    no_id = kit.said(3, "x")
    no_id.id = ""
    late = kit.said(4, "x")
    late.deadline_at = 1
    lost = kit.said(5, "never-opened")
    wrong_door = kit.opened(6, "x")
    wrong_door.conversation_opened.entry_point = f"no-such-door-{kit.run}"
    expected = {
        1: (link_pb2.CODE_INVALID_ARGUMENT, "body"),
        2: (link_pb2.CODE_UNIMPLEMENTED, None),
        3: (link_pb2.CODE_INVALID_ARGUMENT, "id"),
        4: (link_pb2.CODE_DEADLINE_EXCEEDED, None),
        5: (None, None),
        6: (link_pb2.CODE_NOT_FOUND, None),
    }
    async with kit.welcomed() as peer:
        await peer.send(events(empty, unknown, no_id, late, lost, wrong_door))
        await peer.settle(6)
        for seq, (code, path) in expected.items():
            rejection = peer.rejections.get(seq)
            expect(rejection is not None, f"event {seq} of the batch was accepted: {list(expected)}")
            assert rejection is not None
            expect(rejection.detail, f"the rejection of event {seq} has no detail")
            expect(code in {None, rejection.code}, f"event {seq} was rejected with code {rejection.code}, expected {code}")
            expect(
                path in {None, rejection.field}, f"the rejection of event {seq} names field {rejection.field!r}, not {path!r}"
            )


@check("too-large", "an event beyond Welcome.limits is rejected by itself; too many in a frame end the stream")
async def _too_large(kit: ServerKit) -> None:
    async with kit.welcomed() as peer:
        assert peer.welcome is not None
        limits = peer.welcome.limits
        if limits.event_bytes + 10_000 > limits.frame_bytes:
            raise Skipped("no event fits into a frame and not into an event's limit")
        large = kit.said(1, "x")
        large.message_received.content.text = "x" * (limits.event_bytes + 1)
        await peer.send(events(large))
        await peer.settle(1)
        expect(1 in peer.rejections, f"an event of more than {limits.event_bytes} bytes was accepted")
        too_many = events(*[kit.left(seq, "x") for seq in range(2, limits.frame_events + 3)])
        await peer.send(too_many)
        status = await peer.status()
        expect(status.code in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}, f"too many events in a frame: {status.code}")


@check("ping", "a Ping is answered by a Pong with its nonce")
async def _ping(kit: ServerKit) -> None:
    async with kit.welcomed() as peer:
        await peer.send(gateway_pb2.AdapterFrame(ping=link_pb2.Ping(nonce=2**63 + 1)))
        await peer.until(lambda: peer.pongs == [2**63 + 1], "a Pong")


@check("conversation", "a conversation can be opened; commands come numbered and with their conversation")
async def _conversation(kit: ServerKit) -> None:
    async with kit.welcomed() as peer:
        await peer.send(events(kit.opened(1, "talk"), kit.said(2, "talk")))
        await peer.settle(2)
        expect(not peer.rejections, f"rejected: {[rejection.detail for rejection in peer.rejections.values()]}")
        await peer.until(lambda: any(command.number for command in peer.commands), "a numbered command")
        named = [command for command in peer.commands if command.conversation == kit.conversation("talk")]
        expect(len(named) == len(peer.commands), "a command without its conversation came")
        await peer.send(events(kit.left(3, "talk")))
        await peer.settle(3)


@check("commands-again", "a command that was not acknowledged comes again on the next stream, an acknowledged one does not")
async def _commands_again(kit: ServerKit) -> None:
    hello = kit.hello()
    async with kit.welcomed(hello) as peer:
        await peer.send(events(kit.opened(1, "again")))
        await peer.settle(1)
        await peer.until(lambda: any(command.number for command in peer.commands), "a numbered command")
    first = {(command.source, command.number) for command in peer.commands if command.number}
    hello.resume_after = hello.sent = 1
    async with kit.welcomed(hello) as peer:
        await peer.until(
            lambda: first <= {(item.source, item.number) for item in peer.commands}, "the unacknowledged commands again"
        )
        last = {command.source: command.number for command in peer.commands if command.number}
        acks = [link_pb2.CommandAck(source=source, number=number) for source, number in last.items()]
        await peer.send(gateway_pb2.AdapterFrame(acks=acks))
        await peer.send(events(kit.left(2, "again")))
        await peer.settle(2)
    hello.resume_after = hello.sent = 2
    async with kit.welcomed(hello) as peer:
        await peer.send(events(kit.left(3, "again")))
        await peer.settle(3)
        repeated = [item for item in peer.commands if 0 < item.number <= last.get(item.source, 0)]
        expect(not repeated, f"acknowledged commands came again: {[(item.source, item.number) for item in repeated]}")


@check("resume", "after a break, events sent again are settled with the outcome they had, and are not applied twice")
async def _resume(kit: ServerKit) -> None:
    hello = kit.hello()
    bad = kit.said(3, "resume")
    bad.id = ""
    batch = [kit.opened(1, "resume"), kit.said(2, "resume"), bad]
    async with kit.stream(hello) as peer:
        await peer.send(events(*batch))
        await peer.until(lambda: peer.welcome is not None, "Welcome")
    hello.sent = 3
    async with kit.welcomed(hello) as peer:
        assert peer.welcome is not None
        resumed = peer.welcome.acknowledged
        expect(resumed <= 3, f"Welcome.acknowledged is {resumed}, but only 3 events were sent")
        again = [event for event in batch if event.seq > resumed]
        if again:
            await peer.send(events(*again))
        await peer.until(lambda: max(peer.settled.acknowledged, resumed) >= 3, "settlement of all events")
        expect(set(peer.rejections) == {3}, f"rejected: {sorted(peer.rejections)}; only event 3 is wrong")
        shown = gateway_pb2.Event(seq=4, conversation=kit.conversation("resume"))
        shown.customer_returned.seen = 0
        await peer.send(events(shown))
        await peer.settle(4)
        await peer.until(lambda: any(command.show_entries.entries for command in peer.commands), "the transcript")
        latest = [command for command in peer.commands if command.show_entries.entries][-1]
        texts = [entry.content.text for entry in latest.show_entries.entries if entry.author == content_pb2.AUTHOR_CUSTOMER]
        expect(texts == ["text 2"], f"the transcript holds {len(texts)} messages of the customer; one was sent")
        await peer.send(events(kit.left(5, "resume")))
        await peer.settle(5)


@check("taken-over", "a newer stream of a link closes the older one with ABORTED")
async def _taken_over(kit: ServerKit) -> None:
    hello = kit.hello()
    async with kit.welcomed(hello) as old, kit.welcomed(hello):
        status = await old.status()
        got = f"{status.code} {status.reason}"
        expect((status.code, status.reason) == ("ABORTED", "LINK_TAKEN_OVER"), f"the older stream ended with {got}")


@check("goodbye", "after Goodbye, what was sent is settled and the stream ends in good order")
async def _goodbye(kit: ServerKit) -> None:
    async with kit.welcomed() as peer:
        frame = events(kit.left(1, "nowhere"))
        frame.goodbye.reason = "done"
        await peer.send(frame)
        await peer.settle(1)
        status = await peer.status()
        expect(status.code == "OK", f"the stream ended with {status.code} ({status.detail})")


@check("health", "the standard health service says SERVING")
async def _health(kit: ServerKit) -> None:
    for service in ("", SERVICE):
        request = health_pb2.HealthCheckRequest(service=service)
        answer: Any = await health_pb2_grpc.HealthStub(kit.channel).Check(request, timeout=kit.options.patience_s)
        expect(answer.status == health_pb2.HealthCheckResponse.SERVING, f"health of {service or 'the server'}: {answer.status}")


@check("reflection", "the standard reflection service lists the gateway service")
async def _reflection(kit: ServerKit) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(kit.channel)
    answers: Any = stub.ServerReflectionInfo(iter([request]), timeout=kit.options.patience_s)
    async for answer in answers:
        names = [item.name for item in answer.list_services_response.service]
        expect(SERVICE in names, f"reflection lists {names}")


async def check_server(options: ServerOptions, report: Report, only: Collection[str] = ()) -> None:
    """Make every check of a gateway, or only those named.

    Raises:
        Failed: it cannot be reached.
    """
    async with grpc.aio.insecure_channel(options.target) as channel:
        try:
            async with asyncio.timeout(options.patience_s):
                await channel.channel_ready()
        except TimeoutError:
            raise Failed(f"no gateway answers at {options.target}") from None
        kit = ServerKit(options, channel)
        for name, rule, function in CHECKS:
            if not only or name in only:
                report.add(await _made(kit, name, rule, function))


async def _made(kit: ServerKit, name: str, rule: str, function: Check) -> Finding:
    try:
        await function(kit)
    except Failed as failed:
        return Finding(name, rule, Outcome.FAILED, str(failed))
    except Skipped as skipped:
        return Finding(name, rule, Outcome.SKIPPED, str(skipped))
    except grpc.RpcError as error:
        return Finding(name, rule, Outcome.FAILED, f"the call ended with {error.code().name} ({error.details()})")
    return Finding(name, rule, Outcome.PASSED)

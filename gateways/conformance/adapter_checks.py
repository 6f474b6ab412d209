"""The checks of an adapter, in the order they are made; each begins with a stream of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

import grpc

from gateways.conformance.book import EventBook
from gateways.conformance.report import Failed, Finding, Outcome, Report, Skipped, expect
from gateways.conformance.scene import Scene
from gateways.conformance.stage import Stage, Visit
from gateways.conformance.subject import SOURCE, Subject, SubjectOptions
from trunkline.gateway.v1 import gateway_pb2
from trunkline.link.v1 import link_pb2

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Long enough for a wrong frame to show up, short enough not to bore.
_WATCH_S: Final = 0.4
#: A field that no release of the protocol has.
_UNKNOWN_FIELD: Final = b"\xc2\x3e\x03new"
_HAMMERING: Final = 10
#: How long attempts are counted: what must be seen is that nothing more comes, which no event tells.
_COUNTED_S: Final = 2.0

Check = Callable[["AdapterKit"], Awaitable[None]]
CHECKS: Final[list[tuple[str, str, Check]]] = []


def check(name: str, rule: str) -> Callable[[Check], Check]:
    """Enter a check into the list."""

    def enter(function: Check) -> Check:
        CHECKS.append((name, rule, function))
        return function

    return enter


class AdapterKit:
    """The stage, the adapter, and the books about it."""

    def __init__(self, stage: Stage, subject: Subject) -> None:
        self.stage = stage
        self.subject = subject
        self.book = EventBook()
        self.patience_s = subject.options.patience_s

    async def arrival(self) -> tuple[Visit, link_pb2.Hello]:
        """The adapter's next stream and its Hello, which must be as the protocol says.

        Raises:
            Failed: no stream was opened, or its first frame was no proper Hello.
        """
        try:
            visit = await self.subject.first_sign(self.stage.visit())
            frame = await visit.read(self.patience_s)
        except TimeoutError:
            raise Failed("the adapter opened no stream with a Hello in time") from None
        expect(frame is not None and frame.HasField("hello"), "the first frame of a stream must hold Hello")
        assert frame is not None
        expect(not frame.events and not frame.acks, "the first frame must hold Hello alone")
        return visit, frame.hello

    async def scene(self, window: int = 100) -> Scene:
        """A new welcomed stream of the adapter."""
        await self.stage.quiet()
        return await self.next_scene(window)

    async def next_scene(self, window: int = 100) -> Scene:
        """The next welcomed stream, after the last one was broken."""
        visit, hello = await self.arrival()
        self.book.begin_life(hello.incarnation)
        scene = Scene(visit, hello, self.book, self.patience_s)
        await scene.welcome(window)
        return scene

    def judge_books(self) -> None:
        """No rule of numbering may have been broken.

        Raises:
            Failed: one was; the first is told.
        """
        problems = self.book.take_problems()
        expect(not problems, problems[0] if problems else "")


@check("hello", "the first frame is Hello alone, with version, link name, a fresh incarnation, and the token in the metadata")
async def _hello(kit: AdapterKit) -> None:
    visit, hello = await kit.arrival()
    expect(hello.protocol_version == 1, f"Hello.protocol_version is {hello.protocol_version}; this protocol is version 1")
    expect(_NAME.fullmatch(hello.link), f"Hello.link is {hello.link!r}; it must be 1 to 64 letters, digits, . _ or -")
    expect(
        _NAME.fullmatch(hello.incarnation) and len(hello.incarnation) >= 8,
        f"Hello.incarnation is {hello.incarnation!r}; it must be a random id of 8 to 64 letters and digits",
    )
    expect(hello.resume_after == 0, f"Hello.resume_after is {hello.resume_after} on the first stream of an incarnation")
    wanted, shown = f"Bearer {kit.subject.options.token}", visit.metadata.get("authorization", "")
    expect(shown == wanted, "the metadata must hold `authorization: Bearer <token>` with the token that was given")


@check("waits", "nothing but Hello is sent before Welcome")
async def _waits(kit: AdapterKit) -> None:
    await kit.stage.quiet()
    visit, _ = await kit.arrival()
    try:
        frame = await visit.read(_WATCH_S)
    except TimeoutError:
        return
    expect(frame is None, "a frame came before Welcome was sent")
    raise Failed("the adapter closed the stream before Welcome was sent")


@check("numbers", "events are numbered from 1 without gaps, and each is sent once on a stream, however late it is settled")
async def _numbers(kit: AdapterKit) -> None:
    scene = await kit.scene()
    scene.settles = False
    await kit.subject.say(scene, 3)
    await scene.until(lambda: len(kit.book.unsettled) >= 3, "three events")
    await scene.stays(lambda: True, _WATCH_S)
    kit.judge_books()
    expect(kit.book.on_stream[:1] == [1], f"the first event of an incarnation had number {kit.book.on_stream[0]}")
    await scene.settle(kit.book.highest)


@check("ping", "a Ping is answered by a Pong with its nonce")
async def _ping(kit: AdapterKit) -> None:
    scene = await kit.scene()
    for nonce in (7, 2**63 + 1):
        await scene.visit.send(gateway_pb2.GatewayFrame(ping=link_pb2.Ping(nonce=nonce)))
        await scene.until(partial(scene.was_ponged, nonce), f"a Pong with nonce {nonce}")


@check("window", "no more events are in flight than Welcome.window allows")
async def _window(kit: AdapterKit) -> None:
    scene = await kit.scene(window=2)
    scene.settles = False
    settled = kit.book.acknowledged
    await kit.subject.say(scene, 5)
    await scene.until(lambda: kit.book.in_flight == 2, "two events, which fill the window")
    await scene.stays(lambda: kit.book.in_flight <= 2, _WATCH_S)
    kit.judge_books()
    for number in range(1, 6):
        await scene.until(partial(kit.book.reaches, settled + number), f"event {number} of 5")
        await scene.settle(settled + number)
    kit.judge_books()


@check("window-shrinks", "when Settled.window shrinks, nothing is sent until fewer are in flight")
async def _window_shrinks(kit: AdapterKit) -> None:
    scene = await kit.scene(window=3)
    scene.settles = False
    settled = kit.book.acknowledged
    await kit.subject.say(scene, 6)
    await scene.until(lambda: kit.book.in_flight == 3, "three events, which fill the window")
    await scene.settle(settled + 1, window=1)
    await scene.stays(lambda: True, _WATCH_S)
    kit.judge_books()
    await scene.settle(kit.book.highest)
    for _ in range(settled + 6 - kit.book.highest):
        await scene.until(partial(kit.book.reaches, kit.book.highest + 1), "the next event")
        await scene.stays(lambda: kit.book.in_flight <= 1, _WATCH_S / 2)
        kit.judge_books()
        await scene.settle(kit.book.highest)
    await scene.settle(kit.book.highest, window=100)


@check(
    "resume",
    "after a break the same incarnation resumes: unsettled events come again, in order, with the same numbers and content",
)
async def _resume(kit: AdapterKit) -> None:
    scene = await kit.scene()
    scene.settles = False
    first = kit.book.highest + 1
    await kit.subject.say(scene, 4)
    await scene.until(lambda: kit.book.highest >= first + 3, "four events")
    await scene.settle(first)
    await scene.stays(lambda: True, _WATCH_S / 4)
    incarnation = kit.book.incarnation
    await scene.leave()
    scene = await kit.next_scene()
    hello = scene.hello
    expect(hello.incarnation == incarnation, "a new incarnation was used after a break; events would be applied twice")
    expect(hello.resume_after <= first, f"Hello.resume_after is {hello.resume_after}, but only {first} is settled")
    expect(hello.sent >= first + 3, f"Hello.sent is {hello.sent}, but event {first + 3} was sent before")
    await scene.until(lambda: first + 3 in kit.book.on_stream, "the unsettled events again")
    kit.judge_books()
    expect(kit.book.on_stream[:3] == [first + 1, first + 2, first + 3], f"events {kit.book.on_stream} came after the break")


@check("reconnects", "a gateway that is away is tried again, soon at first and never in a hurry")
async def _reconnects(kit: AdapterKit) -> None:
    kit.stage.refuses = (grpc.StatusCode.UNAVAILABLE, "the conformance kit is away", "")
    await kit.stage.quiet()
    before = len(kit.stage.attempts)
    await asyncio.sleep(_COUNTED_S)
    attempts = len(kit.stage.attempts) - before
    kit.stage.refuses = None
    expect(attempts <= 5 * _HAMMERING, f"{attempts} attempts in {_COUNTED_S:g} s: wait between attempts, longer each time")
    await kit.scene()


@check("acknowledges", "a numbered command is acknowledged once it is handled")
async def _acknowledges(kit: AdapterKit) -> None:
    scene = await kit.scene()
    await _command(kit, scene, kit.subject.next_command("please acknowledge"))


@check("passing", "a command with number 0 is never acknowledged")
async def _passing(kit: AdapterKit) -> None:
    scene = await kit.scene()
    await scene.visit.send(gateway_pb2.GatewayFrame(commands=[kit.subject.command(0, "passing")]))
    await _command(kit, scene, kit.subject.next_command("after the passing one"))
    expect((SOURCE, 0) not in scene.acks, "number 0 was acknowledged")


@check("repeated", "a command that comes again, on the same stream or the next, is acknowledged again and not handled again")
async def _repeated(kit: AdapterKit) -> None:
    kit.subject.need_echo()
    scene = await kit.scene()
    command = kit.subject.next_command("say this once")
    await _command(kit, scene, command)
    await scene.until(lambda: _said(kit, "say this once") == 1, "the echo of a command")
    scene.acks.clear()
    await _command(kit, scene, command)
    await scene.leave()
    scene = await kit.next_scene()
    await _command(kit, scene, command)
    await scene.stays(lambda: True, _WATCH_S)
    expect(_said(kit, "say this once") == 1, "the command was handled more than once")


@check("unknown-command", "a command that the adapter does not know is acknowledged, and nothing breaks")
async def _unknown_command(kit: AdapterKit) -> None:
    scene = await kit.scene()
    command = kit.subject.next_command("")
    command.ClearField("show_entries")
    command.MergeFromString(_UNKNOWN_FIELD)
    await _command(kit, scene, command)


@check("unknown-fields", "fields of a later protocol are ignored")
async def _unknown_fields(kit: AdapterKit) -> None:
    scene = await kit.scene()
    frame = gateway_pb2.GatewayFrame(ping=link_pb2.Ping(nonce=99))
    frame.MergeFromString(_UNKNOWN_FIELD)
    await scene.visit.send(frame)
    await scene.until(lambda: 99 in scene.pongs, "a Pong to a Ping beside an unknown field")


@check(
    "ahead",
    "an event that is refused before its turn keeps its number: after a break it comes again, whole or its number alone",
)
async def _ahead(kit: AdapterKit) -> None:
    scene = await kit.scene()
    scene.settles = False
    first = kit.book.highest + 1
    await kit.subject.say(scene, 3)
    await scene.until(lambda: kit.book.highest >= first + 2, "three events")
    kit.book.refused_ahead.add(first + 1)
    full = link_pb2.Rejection(
        seq=first + 1, code=link_pb2.CODE_RESOURCE_EXHAUSTED, detail="refused by the kit", retry_after_ms=1_000
    )  # fmt: skip
    settled = link_pb2.Settled(acknowledged=first - 1, ahead=[full])
    await scene.visit.send(gateway_pb2.GatewayFrame(settled=settled, ping=link_pb2.Ping(nonce=5)))
    await scene.until(partial(scene.was_ponged, 5), "a Pong, after a refusal ahead")
    await scene.leave()
    scene = await kit.next_scene()
    await scene.until(lambda: first + 2 in kit.book.on_stream, "the unsettled events again")
    kit.judge_books()
    await scene.settle(kit.book.highest, full)


@check("rejected", "an event that was rejected is not sent again, and the stream goes on")
async def _rejected(kit: AdapterKit) -> None:
    scene = await kit.scene()
    scene.settles = False
    await kit.subject.say(scene, 1)
    await scene.until(lambda: kit.book.in_flight == 1, "an event")
    seq = kit.book.highest
    await scene.settle(seq, link_pb2.Rejection(seq=seq, code=link_pb2.CODE_INVALID_ARGUMENT, detail="rejected by the kit"))
    scene.settles = True
    await kit.subject.say(scene, 1)
    await scene.until(lambda: kit.book.highest > seq, "the next event")
    await scene.leave()
    scene = await kit.next_scene()
    await scene.stays(lambda: True, _WATCH_S)
    kit.judge_books()
    expect(seq not in kit.book.on_stream, f"event {seq} was rejected and came again")


@check("goes-away", "after GoAway the adapter leaves once its events are settled, loses none, and connects again")
async def _goes_away(kit: AdapterKit) -> None:
    scene = await kit.scene()
    scene.settles = False
    await kit.subject.say(scene, 2)
    await scene.until(lambda: kit.book.in_flight == 2, "two events")
    go_away = link_pb2.GoAway(reason="the conformance kit drains", grace_ms=5_000)
    await scene.visit.send(gateway_pb2.GatewayFrame(go_away=go_away))
    await scene.settle(kit.book.highest)
    await _leaves(kit, scene)
    scene = await kit.next_scene()
    kit.judge_books()


@check("taken-over", "an adapter whose link another process took does not take it back")
async def _taken_over(kit: AdapterKit) -> None:
    scene = await kit.scene()
    detail = "a newer stream of this link took over"
    kit.stage.refuses = (grpc.StatusCode.ABORTED, detail, "LINK_TAKEN_OVER")
    before = len(kit.stage.attempts)
    scene.visit.end(grpc.StatusCode.ABORTED, detail, "LINK_TAKEN_OVER")
    await asyncio.sleep(_COUNTED_S)
    attempts = len(kit.stage.attempts) - before
    kit.stage.refuses = None
    expect(
        attempts <= 2,
        f"{attempts} attempts within {_COUNTED_S:g} s: two processes would take the link from each other for ever",
    )


@check("new-life", "a restarted adapter has a new incarnation and numbers from 1")
async def _new_life(kit: AdapterKit) -> None:
    await _restart(kit)
    before = kit.book.incarnation
    scene = await kit.scene()
    expect(scene.hello.incarnation != before, "the incarnation of the last life was used again")
    expect(scene.hello.resume_after == 0, f"Hello.resume_after is {scene.hello.resume_after} in a new life")
    await kit.subject.say(scene, 1)
    await scene.until(lambda: kit.book.highest, "an event")
    kit.judge_books()


@check("goodbye", "an adapter that is asked to end says Goodbye after its events are settled")
async def _goodbye(kit: AdapterKit) -> None:
    if not kit.subject.restartable:
        raise Skipped("needs an adapter that the kit starts (--adapter)")
    scene = await kit.scene()
    await kit.subject.stop()
    expect(scene.goodbye or await _until_closed(scene), "the connection was dropped without a Goodbye")


@check("wrong-token", "an adapter whose token is refused does not hammer the gateway")
async def _wrong_token(kit: AdapterKit) -> None:
    if not kit.subject.restartable:
        raise Skipped("needs an adapter that the kit starts (--adapter)")
    kit.stage.refuses = (grpc.StatusCode.UNAUTHENTICATED, "the token is not one of this gateway's", "TOKEN_UNKNOWN")
    before = len(kit.stage.attempts)
    await kit.subject.start()
    try:
        await kit.subject.first_sign(kit.stage.attempted(before + 1))
    except TimeoutError:
        raise Failed("the adapter did not try to connect") from None
    await asyncio.sleep(_COUNTED_S)
    attempts = len(kit.stage.attempts) - before
    expect(attempts <= _HAMMERING, f"{attempts} attempts in {_COUNTED_S:g} s with a token that was refused")


async def _command(kit: AdapterKit, scene: Scene, command: gateway_pb2.Command) -> None:
    """Send a command and wait for its acknowledgement."""
    await scene.visit.send(gateway_pb2.GatewayFrame(commands=[command]))
    acknowledged = (command.source, command.number)
    await scene.until(
        lambda: any(source == command.source and number >= command.number for source, number in scene.acks),
        f"an acknowledgement of {acknowledged}",
    )


def _said(kit: AdapterKit, text: str) -> int:
    """How many events of this text there were."""
    events = (kit.book.event(seq) for seq in range(1, kit.book.highest + 1))
    return sum(event.message_received.content.text == text for event in events)


async def _leaves(kit: AdapterKit, scene: Scene) -> None:
    expect(scene.goodbye or await _until_closed(scene), f"the adapter still holds the stream {kit.patience_s:g} s after GoAway")
    scene.visit.end(grpc.StatusCode.OK, "")


async def _until_closed(scene: Scene) -> bool:
    """Whether the adapter says goodbye or closes its side in time."""
    try:
        await scene.until(lambda: scene.goodbye or scene.closed, "goodbye")
    except Failed:
        return False
    return True


async def _restart(kit: AdapterKit) -> None:
    if not kit.subject.restartable:
        raise Skipped("needs an adapter that the kit starts (--adapter)")
    await kit.subject.stop(kill=True)
    await kit.subject.start()


async def check_adapter(
    listen: str, options: SubjectOptions, report: Report, announce: Callable[[str], None], only: Collection[str] = ()
) -> None:
    """Make every check of an adapter, or only those named.

    Args:
        listen: Where to play the gateway.
        options: How to run the adapter.
        report: Gets the findings.
        announce: Told where the gateway listens, before the first check.
        only: Names of checks; none for all.

    Raises:
        RuntimeError: the address cannot be listened on.
        Failed: the adapter cannot be started, or never connected.
    """
    stage = Stage()
    port = await stage.start(listen)
    target = f"{listen.rpartition(':')[0]}:{port}"
    announce(f"waiting for the adapter at {target}, token {options.token}")
    subject = Subject(options, target)
    kit = AdapterKit(stage, subject)
    try:
        await subject.start()
        for name, rule, function in CHECKS:
            if not only or name in only:
                report.add(await _made(kit, name, rule, function))
                if not stage.attempts and not subject.restartable:
                    raise Failed(f"no adapter connected to {target}")
    finally:
        await subject.stop(kill=True)
        await stage.stop()


async def _made(kit: AdapterKit, name: str, rule: str, function: Check) -> Finding:
    kit.book.take_problems()
    try:
        await function(kit)
    except Failed as failed:
        return Finding(name, rule, Outcome.FAILED, str(failed))
    except Skipped as skipped:
        return Finding(name, rule, Outcome.SKIPPED, str(skipped))
    finally:
        kit.stage.refuses = None
    return Finding(name, rule, Outcome.PASSED)

"""The conformance kit: what keeps to the protocol passes, and each way of breaking it is found by the check for it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from gateways.conformance import adapter_checks, server_checks
from gateways.conformance.__main__ import main
from gateways.conformance.adapter_checks import check_adapter
from gateways.conformance.echo import echo
from gateways.conformance.report import Failed, Finding, Outcome, Report
from gateways.conformance.server_checks import ServerOptions, check_server
from gateways.conformance.subject import SubjectOptions
from gateways.sdk import GatewayLink, LinkOptions
from gateways.sdk.inbox import Inbox
from gateways.sdk.options import Backoff
from gateways.sdk.outbox import Outbox
from gateways.sdk.stream import Stream
from gateways.server.options import Role
from tests.fakes.serving import TOKENS, serving
from tests.fakes.world import world

TOKEN = SubjectOptions().token
ECHO = f"{sys.executable} -m gateways.conformance.echo --gateway {{target}} --token {{token}}"


async def found(link_type: type[GatewayLink], only: Iterable[str] = (), **changes: Any) -> dict[str, str]:
    """What the kit says of an echo adapter over this link, which runs beside it: check -> why it failed."""
    report = Report("echo")
    running: list[asyncio.Task[None]] = []

    async def adapter(target: str) -> None:
        options = {"token": TOKEN, "backoff": Backoff(0.05, 0.2), **changes}
        async with link_type(LinkOptions(target, "echo-1", **options)) as link:
            await echo(link)

    def announced(line: str) -> None:
        target = line.partition(" at ")[2].partition(",")[0]
        running.append(asyncio.create_task(adapter(target)))

    try:
        await check_adapter("127.0.0.1:0", SubjectOptions(patience_s=2.0), report, announced, list(only))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert report.findings
    return {finding.name: finding.why for finding in report.findings if finding.outcome is Outcome.FAILED}


async def test_the_sdk_conforms() -> None:
    """The kit finds nothing wrong with the Python SDK."""
    assert await found(GatewayLink) == {}


class NoPong(GatewayLink):
    """Does not answer pings."""

    def _resumed(self) -> None:
        stream: Any = self._stream
        stream._pongs = _Nothing()


class _Nothing(list[Any]):
    """A list that forgets."""

    def append(self, item: Any) -> None:
        """Forget it."""


class NoWindow(GatewayLink):
    """Sends whatever it has, whatever the gateway allows."""

    def _resumed(self) -> None:
        self._outbox.allow(1_000_000)
        self._outbox.allow = lambda window: None  # type: ignore[method-assign]


class OnlyFirstWindow(GatewayLink):
    """Obeys Welcome's window, and does not hear of later ones."""

    def _resumed(self) -> None:
        self._outbox.allow = lambda window: None  # type: ignore[method-assign]


class NewLifeEachStream(GatewayLink):
    """Takes a new incarnation after each break."""

    def _hello(self) -> Any:
        self.incarnation = uuid.uuid4().hex
        return super()._hello()


class Forgetful(GatewayLink):
    """Sends nothing again after a break."""

    def _resumed(self) -> None:
        self._outbox._waiting.clear()
        self._outbox._in_flight.clear()


class GapKeeper(GatewayLink):
    """Leaves a number out now and then."""

    def _resumed(self) -> None:
        self._outbox._last += 1


class NeverAcknowledges(GatewayLink):
    """Handles commands and does not say so."""

    def __init__(self, options: LinkOptions) -> None:
        super().__init__(options)
        self._inbox.take_acks = list  # type: ignore[method-assign]


class HandlesTwice(GatewayLink):
    """Handles a command each time it comes."""

    def __init__(self, options: LinkOptions) -> None:
        super().__init__(options)
        inbox: Inbox = self._inbox
        put = inbox.put

        def forgetful_put(commands: Iterable[Any]) -> None:
            inbox._seen.clear()
            put(commands)

        inbox.put = forgetful_put  # type: ignore[method-assign]


class Stays(GatewayLink):
    """Does not hear that it is to go away."""

    def _resumed(self) -> None:
        stream: Any = self._stream
        stream.leave = lambda reason: None


class TakesBack(GatewayLink):
    """Connects again after another process took the link."""

    def _judge(self, status: Any) -> None:
        return


class BadName(GatewayLink):
    """Says a name that is none."""

    def _hello(self) -> Any:
        hello = super()._hello()
        hello.link = "web chat"
        return hello


class SendsRefusedAgain(GatewayLink):
    """Keeps a refused event and sends it on the next stream."""

    def __init__(self, options: LinkOptions) -> None:
        super().__init__(options)
        outbox: Outbox = self._outbox
        settle = outbox.settle

        def stubborn(acknowledged: int, rejections: Any) -> None:
            refused = [item for item in outbox._in_flight if item.seq in {no.seq for no in rejections}]
            settle(acknowledged, ())
            outbox._waiting.extend(refused)

        outbox.settle = stubborn  # type: ignore[method-assign]


class ForgetsRefusedAhead(GatewayLink):
    """Takes an event that was refused before its turn for settled."""

    def __init__(self, options: LinkOptions) -> None:
        super().__init__(options)
        outbox: Outbox = self._outbox
        refuse_ahead = outbox.refuse_ahead

        def hasty(rejections: Any) -> None:
            refuse_ahead(rejections)
            for pending in [item for item in outbox._in_flight if item.seq in {no.seq for no in rejections}]:
                outbox._in_flight.remove(pending)

        outbox.refuse_ahead = hasty  # type: ignore[method-assign]


class ChangesItsMind(GatewayLink):
    """Sends other words under the same number after a break."""

    def _resumed(self) -> None:
        for pending in self._outbox._waiting:
            pending.event.message_received.content.text += "!"


class SaysHelloAndMore(GatewayLink):
    """Sends acknowledgements before it is welcomed."""

    async def _connect(self, target: str) -> Any:
        streams: Any = Stream
        original = Stream.open

        async def hasty(stream: Stream, hello: Any) -> Any:
            await stream._call.write(stream._dialect.frame(hello=hello))
            await stream._call.write(stream._dialect.frame(acks=[]))
            return await original(stream, hello)

        streams.open = hasty
        try:
            return await super()._connect(target)
        finally:
            streams.open = original


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (NoPong, "ping"),
        (NoWindow, "window"),
        (OnlyFirstWindow, "window-shrinks"),
        (NewLifeEachStream, "resume"),
        (Forgetful, "resume"),
        (ChangesItsMind, "resume"),
        (GapKeeper, "numbers"),
        (NeverAcknowledges, "acknowledges"),
        (HandlesTwice, "repeated"),
        (ForgetsRefusedAhead, "ahead"),
        (SendsRefusedAgain, "rejected"),
        (Stays, "goes-away"),
        (TakesBack, "taken-over"),
        (BadName, "hello"),
        (SaysHelloAndMore, "waits"),
    ],
)
async def test_a_broken_adapter_is_found_out(broken: type[GatewayLink], check: str) -> None:
    """Each defect is found by the check that is named after its rule, with a reason in words."""
    failed = await found(broken, [check])
    assert list(failed) == [check]
    assert failed[check]


async def test_an_adapter_that_hammers_is_found_out() -> None:
    """Trying again without waiting brings a gateway down just when it comes back."""
    assert "wait between attempts" in (await found(GatewayLink, ["reconnects"], backoff=Backoff(0.0001, 0.001)))["reconnects"]


async def test_an_adapter_with_a_wrong_token_is_found_out() -> None:
    """The kit gives a token and wants to see it."""
    assert "Bearer" in (await found(GatewayLink, ["hello"], token="another"))["hello"]


def test_the_command_judges_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The kit starts, restarts and ends an adapter's program by itself, and tells programs what it found."""
    checks = ["hello", "new-life", "goodbye", "wrong-token"]
    status = main(["--listen", "127.0.0.1:0", "--adapter", ECHO, "--json", *[f"--only={name}" for name in checks]])
    told = json.loads(capsys.readouterr().out)
    assert [(item["name"], item["outcome"], item["why"]) for item in told["checks"]] == [
        (name, "passed", "") for name in checks
    ]
    assert (told["passed"], status) == (True, 0)


def test_an_adapter_that_cannot_start_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command is not mistaken for a broken adapter."""
    assert main(["--listen", "127.0.0.1:0", "--adapter", "/nowhere/adapter {target}"]) == 2
    assert "the adapter cannot be started" in capsys.readouterr().err


def test_an_adapter_that_ends_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The kit does not wait for a program that is gone."""
    command = f"{sys.executable} -c 'raise SystemExit(3)'"
    assert main(["--listen", "127.0.0.1:0", "--adapter", command, "--only", "hello"]) == 1
    assert "the adapter ended with status 3" in capsys.readouterr().out


def test_a_port_in_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The kit cannot play a gateway where another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert "nothing could be checked" in capsys.readouterr().err


async def test_an_adapter_that_never_comes_is_told() -> None:
    """The kit does not go through every check while nobody is there."""
    with pytest.raises(Failed, match="no adapter connected"):
        await check_adapter("127.0.0.1:0", SubjectOptions(patience_s=0.1), Report("nobody"), lambda line: None)


async def test_the_gateway_conforms() -> None:
    """The kit finds nothing wrong with our own gateway on a whole cluster."""
    report = Report("gateway")
    async with world() as there:
        options = ServerOptions(there.targets[0], TOKENS[Role.GATEWAY], "webchat", "main")
        await check_server(options, report)
    assert [(item.name, item.why) for item in report.findings if item.outcome is not Outcome.PASSED] == []
    assert len(report.findings) == len(server_checks.CHECKS)


async def test_a_gateway_without_a_cluster_is_found_out() -> None:
    """A gateway that only pretends to commit tells the customer nothing, and that is seen."""
    report = Report("gateway")
    async with serving() as gateway:
        options = ServerOptions(gateway.target, TOKENS[Role.GATEWAY], "webchat", "main", patience_s=0.5)
        await check_server(options, report)
    failed = {item.name for item in report.findings if item.outcome is Outcome.FAILED}
    assert {"conversation", "commands-again"} <= failed
    assert not report.passed


async def test_no_gateway_is_told() -> None:
    """An address where nothing listens is not a broken gateway."""
    with pytest.raises(Failed, match="no gateway answers"):
        await check_server(ServerOptions("127.0.0.1:1", "x", patience_s=0.3), Report("gateway"))


def test_nothing_checked_is_not_a_pass() -> None:
    """A report of skipped checks only must not look green."""
    report = Report("adapter")
    report.add(Finding("repeated", "…", Outcome.SKIPPED, "needs echo"))
    assert not report.passed
    assert report.summary() == "adapter: 0 passed, 0 failed, 1 skipped"


@pytest.mark.parametrize("checks", [adapter_checks.CHECKS, server_checks.CHECKS], ids=["adapter", "gateway"])
def test_checks_have_names_and_rules_of_their_own(checks: list[Any]) -> None:
    """`--only` picks one check, and the report can be read."""
    names = [name for name, _, _ in checks]
    assert len(set(names)) == len(names)
    assert all(rule for _, rule, _ in checks)

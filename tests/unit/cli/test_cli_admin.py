"""Commands that talk to a gateway find it and its token, send what was asked, and explain every failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.struct_pb2 import Struct
from typer.testing import CliRunner, Result

from cluster.boot.run_file import ProgramEntry, RunFile, write_run_file
from cluster.cli.main import app
from tests.unit.cli.world import CENTRE
from trunkline.admin.v1 import admin_pb2 as pb
from trunkline.admin.v1 import admin_pb2_grpc

TOKEN = "an-admin-token-of-the-test"


class FakeGateway(admin_pb2_grpc.AdminServiceServicer):
    """Keeps configurations as a gateway would, and refuses other tokens."""

    def __init__(self) -> None:
        self.revisions: list[pb.ConfigRevision] = []
        self.requests: list[pb.ApplyConfigRequest] = []
        self.calls: list[str] = []
        self.started_at = 1
        self.term = 3
        self.explained = pb.ExplainRouteRequest()

    def _admit(self, context: Any) -> None:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {TOKEN}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not one of this gateway's")

    def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:
        self._admit(context)
        cluster = Struct()
        cluster.update({"hosts": {"host-1": {"shards": 32, "pending": 0}, "host-2": {"shards": 0}}})
        cluster.update({"table_version": 7, "term": self.term})
        link = pb.LinkStatus(
            link="webchat-1", service="gateway", received=12, acknowledged=10, opened_at=1, capabilities=["text"]
        )
        return pb.StatusResponse(
            version="0.1.0",
            gateway="gateway-1",
            started_at=self.started_at,
            centre_version=len(self.revisions),
            links=[link],
            cluster=cluster,
        )

    def ExplainRoute(self, request: pb.ExplainRouteRequest, context: Any) -> pb.ExplainRouteResponse:
        self._admit(context)
        self.explained = request
        if request.interaction == "gone/1":
            context.abort(grpc.StatusCode.NOT_FOUND, "it does not wait for an agent now")
        free = pb.RouteCandidate(agent="ann", reason="free", ring=1, words="free: idle for 3.0 s")
        unable = pb.RouteCandidate(agent="bob", reason="unable", words="lacks what it asks for")
        counts = {"free": 1, "unable": 1}
        return pb.ExplainRouteResponse(rings=["cards 3"], choice="longest_idle", candidates=[free, unable], counts=counts)

    def ApplyConfig(self, request: pb.ApplyConfigRequest, context: Any) -> pb.ApplyConfigResponse:
        self._admit(context)
        self.requests.append(request)
        if request.HasField("expected_version") and request.expected_version != len(self.revisions):
            context.abort(grpc.StatusCode.ABORTED, f"the current version is {len(self.revisions)}")
        if not request.dry_run:
            number = len(self.revisions) + 1
            kept = pb.ConfigRevision(
                version=number, applied_at=1, author=request.author, comment=request.comment, yaml=request.yaml
            )
            self.revisions.insert(0, kept)
        return pb.ApplyConfigResponse(version=len(self.revisions))

    def GetConfig(self, request: pb.GetConfigRequest, context: Any) -> pb.GetConfigResponse:
        self._admit(context)
        current = self.revisions[0] if self.revisions else pb.ConfigRevision()
        return pb.GetConfigResponse(version=current.version, yaml=current.yaml)

    def ListActors(self, request: pb.ListActorsRequest, context: Any) -> pb.ListActorsResponse:
        raise NotImplementedError("the command line reads the store")

    def ShowActor(self, request: pb.ShowActorRequest, context: Any) -> pb.ShowActorResponse:
        raise NotImplementedError("the command line reads the store")

    def _elsewhere(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("tested with its own commands")

    ListInteractions = ShowInteraction = MoveInteraction = SetPriority = _elsewhere

    def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        self._admit(context)
        if request.host == "attic":
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no host 'attic'; hosts now: host-1, host-2")
        self.calls.append(f"drain {request.host}")
        return pb.DrainResponse()

    def Restart(self, request: pb.RestartRequest, context: Any) -> pb.RestartResponse:
        self._admit(context)
        self.calls.append(f"restart {request.part}")
        self.term += request.part == "supervisor"
        self.started_at += not request.part
        return pb.RestartResponse()

    def AddHosts(self, request: pb.AddHostsRequest, context: Any) -> pb.AddHostsResponse:
        self._admit(context)
        return pb.AddHostsResponse(hosts=[f"host-{number}" for number in range(3, 3 + request.count)])

    def ConfigHistory(self, request: pb.ConfigHistoryRequest, context: Any) -> pb.ConfigHistoryResponse:
        self._admit(context)
        return pb.ConfigHistoryResponse(revisions=self.revisions[: request.limit or None])


@pytest.fixture
def fake() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def target(fake: FakeGateway) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    admin_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def run_dir(tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory that describes the fake gateway, as `up` writes it; this process plays `up`."""
    import os

    for name in ("TRUNKLINE_TOKEN", "TRUNKLINE_GATEWAY", "TRUNKLINE_RUN_DIR", "TRUNKLINE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"gateway": ["g" * 20], "desk": ["d" * 20], "admin": [TOKEN]}), encoding="utf-8")
    page = ProgramEntry("desk", "http://127.0.0.1:7390/")
    run = RunFile(os.getpid(), "trunkline", "process", 1, "memory:", {"gateway-1": [target]}, [page], str(tokens), 32)
    write_run_file(tmp_path, run)
    return tmp_path


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    file = tmp_path / "centre.yaml"
    file.write_text(CENTRE, encoding="utf-8")
    return file


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def document(*arguments: object) -> Any:
    """The JSON document of a command that succeeds."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, f"{arguments} must succeed: {result.output}"
    return json.loads(result.stdout)


def error(*arguments: object) -> dict[str, Any]:
    """The error of a command that fails, as JSON."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 1, f"{arguments} must fail with status 1: {result.output}"
    found: dict[str, Any] = json.loads(result.stdout)["error"]
    return found


def test_status_as_json(run_dir: Path) -> None:
    """Status tells the gateway, its links, hosts with whole numbers, and where the pages of this run are."""
    status = document("status", "--run-dir", run_dir)
    assert ("gateway-1", 0, {"desk": "http://127.0.0.1:7390/"}) == (
        status["gateway"],
        status["centre_version"],
        status["run"]["programs"],
    ), "gateway and run"
    assert {
        "hosts": {"host-1": {"shards": 32, "pending": 0}, "host-2": {"shards": 0}},
        "table_version": 7,
        "term": 3,
    } == status["cluster"], "hosts"
    assert ("webchat-1", ["text"]) == (status["links"][0]["link"], status["links"][0]["capabilities"]), "links"


def test_status_for_people(run_dir: Path) -> None:
    """The same as tables, with the events that are not settled yet."""
    lines = invoke("status", "--run-dir", run_dir).stdout.splitlines()
    assert any(line.split() == ["host-1", "32", "0"] for line in lines), f"one line a host: {lines}"
    assert any(line.split()[:1] == ["webchat-1"] and line.split()[-3:] == ["12", "2", "0"] for line in lines), f"links: {lines}"


def test_the_emergency_switch(run_dir: Path, centre: Path, fake: FakeGateway) -> None:
    """On and off are versions of the configuration, with who and why; what is so already makes no version."""
    there = ("--run-dir", run_dir)
    assert error("config", "emergency", "on", *there)["code"] == "NOT_FOUND", "nothing was applied yet"
    invoke("config", "apply", centre, *there)
    assert document("config", "emergency", "on", "-m", "fire", "--author", "ann", *there) == {
        "version": 2, "emergency": True, "changed": True,
    }  # fmt: skip
    assert (fake.requests[-1].author, fake.requests[-1].comment, fake.requests[-1].expected_version) == ("ann", "fire", 1)
    assert fake.requests[-1].yaml == CENTRE.rstrip() + "\nemergency:\n  active: true\n", "the rest is as it was written"
    assert "it is on already; version 2 is current" in invoke("config", "emergency", "on", *there).stdout
    assert "emergency off: version 3 is current" in invoke("config", "emergency", "off", *there).stdout


def test_apply_show_history(run_dir: Path, centre: Path, fake: FakeGateway) -> None:
    """A configuration travels as it is written, with author and comment, and comes back the same."""
    there = ("--run-dir", run_dir)
    applied = document("config", "apply", centre, "-m", "first", "--author", "ann", *there)
    assert (1, False, []) == (applied["version"], applied["dry_run"], applied["problems"]), "version 1"
    assert (CENTRE, "ann", "first", False) == (
        fake.requests[0].yaml,
        fake.requests[0].author,
        fake.requests[0].comment,
        fake.requests[0].HasField("expected_version"),
    ), "what was asked"
    assert CENTRE == invoke("config", "show", *there).stdout, "as its author wrote it"
    assert {"version": 1, "yaml": CENTRE} == document("config", "show", "--version", 1, *there), "by number"
    revisions = document("config", "history", *there)["revisions"]
    assert [(1, "ann", "first")] == [(one["version"], one["author"], one["comment"]) for one in revisions], "kept"
    assert "first" in invoke("config", "history", *there).stdout, "for people"


def test_apply_dry_run_and_expected_version(run_dir: Path, centre: Path, fake: FakeGateway) -> None:
    """A dry run changes nothing, and a version that moved on is refused with ABORTED."""
    there = ("--run-dir", run_dir)
    assert 0 == document("config", "apply", centre, "--dry-run", *there)["version"], "nothing is current yet"
    assert [] == fake.revisions, "and nothing was kept"
    found = error("config", "apply", centre, "--expected-version", 3, *there)
    assert ("ABORTED", "the current version is 0") == (found["code"], found["detail"]), "somebody else was first"


def test_a_broken_file_never_reaches_the_gateway(run_dir: Path, centre: Path, fake: FakeGateway) -> None:
    """Errors are found here, with their lines, before anything is sent."""
    centre.write_text(CENTRE.replace("[general, cards]", "[genral, cards]"), encoding="utf-8")
    found = error("config", "apply", centre, "--run-dir", run_dir)
    assert ("INVALID_ARGUMENT", 23, 14) == (found["code"], found["problems"][0]["line"], found["problems"][0]["column"]), (
        "place"
    )
    assert [] == fake.requests, "nothing was sent"


def test_nothing_applied_yet(run_dir: Path) -> None:
    """Show says how to begin, and an unknown version where to look."""
    assert "config apply" in error("config", "show", "--run-dir", run_dir)["detail"], "how to begin"
    assert "NOT_FOUND" == error("config", "show", "--version", 9, "--run-dir", run_dir)["code"], "no such version"


def test_the_token_can_come_from_anywhere(run_dir: Path, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named file, a tokens.json, a variable, or this run's own."""
    plain = tmp_path / "admin.token"
    plain.write_text(TOKEN + "\n", encoding="utf-8")
    empty = tmp_path / "empty"
    for given in (("--token-file", plain), ("--token-file", run_dir / "tokens.json"), ("--run-dir", run_dir)):
        assert "gateway-1" == document("status", "--gateway", target, *given)["gateway"], f"with {given[0]} {given[1].name}"
    monkeypatch.setenv("TRUNKLINE_TOKEN", TOKEN)
    assert "gateway-1" == document("status", "--gateway", target, "--run-dir", empty)["gateway"], "with the variable"


def test_wrong_and_missing_tokens(target: str, run_dir: Path, tmp_path: Path) -> None:
    """A token that is not known, or none at all, says where one comes from."""
    wrong = tmp_path / "wrong.token"
    wrong.write_text("some-other-token", encoding="utf-8")
    found = error("status", "--gateway", target, "--token-file", wrong)
    assert "UNAUTHENTICATED" == found["code"] and "--token-file" in found["detail"], found
    assert "some-other-token" not in found["detail"], "a token is never shown"
    missing = error("status", "--gateway", target, "--run-dir", tmp_path / "empty")
    assert "no admin token: name a file with --token-file" in missing["detail"], missing
    assert "No such file" in error("status", "--gateway", target, "--token-file", tmp_path / "none")["detail"], "which file"


def test_no_gateway_answers(run_dir: Path) -> None:
    """A port where nothing listens is explained with both ways out."""
    found = error("status", "--gateway", "127.0.0.1:1", "--run-dir", run_dir)
    expected = "no gateway answers at 127.0.0.1:1: start it with `trunkline up`, or name another with --gateway host:port"
    assert ("UNAVAILABLE", True, expected) == (found["code"], found["retryable"], found["detail"]), "what to do"


def test_something_else_answers(run_dir: Path) -> None:
    """A gRPC server without the admin service is recognised as none of ours."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        found = error("status", "--gateway", f"127.0.0.1:{port}", "--run-dir", run_dir)
    finally:
        server.stop(None).wait()
    assert "UNIMPLEMENTED" == found["code"] and "is it a Trunkline gateway" in found["detail"], found


def test_mutual_tls(fake: FakeGateway, tmp_path: Path, run_dir: Path) -> None:
    """A gateway that asks for a certificate gets ours, from one file with certificate and key."""
    authority = trustme.CA()
    ours, theirs = authority.issue_cert("operator.invalid"), authority.issue_cert("localhost")
    ca, identity = tmp_path / "ca.pem", tmp_path / "operator.pem"
    authority.cert_pem.write_to_path(ca)
    ours.private_key_and_cert_chain_pem.write_to_path(identity)
    key, chain = theirs.private_key_pem.bytes(), b"".join(part.bytes() for part in theirs.cert_chain_pems)
    server = grpc.server(ThreadPoolExecutor(1))
    admin_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    credentials = grpc.ssl_server_credentials([(key, chain)], authority.cert_pem.bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        there = ("--gateway", f"localhost:{port}", "--run-dir", run_dir, "--ca-file", ca)
        assert "gateway-1" == document("status", *there, "--client-cert", identity)["gateway"], "with our certificate"
        assert "UNAVAILABLE" == error("status", *there)["code"], "and not without"
    finally:
        server.stop(None).wait()


def test_nothing_runs_here(tmp_path: Path) -> None:
    """Without a run and without --gateway the error names the directory and both ways out."""
    found = error("status", "--run-dir", tmp_path / "x")
    assert "FAILED_PRECONDITION" == found["code"], found
    assert f"nothing runs in {tmp_path / 'x'}: start it with `trunkline up`, or name a gateway" in found["detail"], found
    found = error("verify", "--run-dir", tmp_path / "x")
    assert "or name a store with --store URL" in found["detail"], found


def test_a_run_in_memory_cannot_be_read(run_dir: Path) -> None:
    """A run that keeps everything in memory has no store to look into."""
    assert "keeps everything in memory" in error("actors", "ls", "--run-dir", run_dir)["detail"], "said plainly"


def test_a_host_or_a_gateway_is_drained(run_dir: Path, fake: FakeGateway) -> None:
    """A host goes by its name, a gateway by its name in the run, and with --restart both come back."""
    where = ("--run-dir", run_dir)
    assert document("drain", "host-1", *where)["part"] == "host-1"
    assert document("drain", "--gateway", "gateway-1", *where)["part"] == "gateway-1"
    assert document("drain", "host-2", "--restart", *where)["restarted"] is True
    document("drain", "--gateway", "gateway-1", "--restart", *where)
    assert fake.calls == ["drain host-1", "drain ", "restart host-2", "restart "]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("drain",), "name a host, or a gateway"),
        (("drain", "attic"), "no host 'attic'"),
        (("drain", "--gateway", "gateway-9"), "only gateway-1"),
    ],
)
def test_a_drain_of_nothing_is_explained(run_dir: Path, arguments: tuple[str, ...], says: str) -> None:
    """The text says what there is."""
    result = invoke(*arguments, "--run-dir", run_dir)
    assert (result.exit_code, says in result.stderr) == (1, True), result.output


def test_hosts_are_added(run_dir: Path) -> None:
    """The new ones are named."""
    assert document("hosts", "add", 2, "--run-dir", run_dir)["hosts"] == ["host-3", "host-4"]


def test_an_upgrade_takes_every_part_in_turn(run_dir: Path, fake: FakeGateway) -> None:
    """The spare first, then hosts with shards, then the supervisor, then gateways, each awaited."""
    upgraded = document("upgrade", "--run-dir", run_dir)
    assert [step["part"] for step in upgraded["steps"]] == ["host-2", "host-1", "supervisor", "gateway-1"]
    assert fake.calls == ["restart host-2", "restart host-1", "restart supervisor", "restart "]


def test_a_route_is_explained(run_dir: Path, fake: FakeGateway) -> None:
    """Who would get an interaction, as asked, for people and as JSON; who does not wait is told so."""
    asked = (
        "route",
        "explain",
        "--queue",
        "cards",
        "--channel",
        "webchat",
        "--skill",
        "cards=3",
        "--waited",
        30,
        "--run-dir",
        run_dir,
    )
    assert "free: idle for 3.0 s" in invoke(*asked).stdout, "for people"
    assert [one["agent"] for one in document(*asked)["candidates"]] == ["ann", "bob"], "as JSON"
    assert (fake.explained.queue, dict(fake.explained.skills), fake.explained.waited_ms) == ("cards", {"cards": 3}, 30_000)
    gone = invoke("route", "explain", "--interaction", "gone/1", "--run-dir", run_dir)
    assert (gone.exit_code, "does not wait" in gone.output) == (1, True), "the gateway's words"
    wrong = invoke(
        "route", "explain", "--queue", "cards", "--channel", "webchat", "--skill", "cards=much", "--run-dir", run_dir
    )
    assert wrong.exit_code == 2, "a level is a number"

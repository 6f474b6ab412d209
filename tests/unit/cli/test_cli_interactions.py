"""What a supervisor types reaches the gateway as it is meant, and what it answers is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from cluster.cli.main import app
from trunkline.admin.v1 import admin_pb2 as pb
from trunkline.admin.v1 import admin_pb2_grpc

ID = "webchat:c7/1"
HERE = pb.Interaction(
    interaction=ID, channel="webchat", standing=pb.STANDING_WAITING, leg=2, queue="cards", priority=0, enqueued_at=1_000
)


class FakeGateway(admin_pb2_grpc.AdminServiceServicer):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def _not_asked(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("no command of a supervisor asks this")

    Status = ListActors = ShowActor = ApplyConfig = GetConfig = ConfigHistory = _not_asked
    Drain = Restart = AddHosts = ExplainRoute = _not_asked

    def ListInteractions(self, request: pb.ListInteractionsRequest, context: Any) -> pb.ListInteractionsResponse:
        self.asked.append(request)
        one = pb.WaitingInteraction(
            interaction=ID, queue="cards", channel="webchat", leg=2, priority=3, enqueued_at=1_000, ringing_at=["ann", "bob"]
        )
        return pb.ListInteractionsResponse(interactions=[one], total=4)

    def ShowInteraction(self, request: pb.ShowInteractionRequest, context: Any) -> pb.ShowInteractionResponse:
        self.asked.append(request)
        return pb.ShowInteractionResponse(interaction=HERE)

    def MoveInteraction(self, request: pb.MoveInteractionRequest, context: Any) -> pb.MoveInteractionResponse:
        self.asked.append(request)
        if request.expected_leg == 1:
            context.abort(grpc.StatusCode.ABORTED, "the interaction has moved on to leg 2")
        return pb.MoveInteractionResponse(interaction=HERE)

    def SetPriority(self, request: pb.SetPriorityRequest, context: Any) -> pb.SetPriorityResponse:
        self.asked.append(request)
        return pb.SetPriorityResponse(interaction=HERE)


@pytest.fixture
def fake() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def there(fake: FakeGateway, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """How a command finds the gateway."""
    server = grpc.server(ThreadPoolExecutor(2))
    admin_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    token = tmp_path / "token"
    token.write_text("t" * 20, encoding="utf-8")
    yield ("--gateway", f"127.0.0.1:{port}", "--token-file", str(token))
    server.stop(None).wait()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["interactions", *arguments])


def moved(fake: FakeGateway) -> dict[str, object]:
    """The last command, without its id."""
    request = fake.asked[-1]
    assert len(request.id) == 32, "an id of its own"
    return {field.name: value for field, value in request.ListFields() if field.name != "id"}


def test_those_who_wait_are_listed(fake: FakeGateway, there: tuple[str, ...]) -> None:
    """As a table and as JSON, with where they ring, and how many there are beyond those listed."""
    result = invoke("list", "--queue", "cards", "--limit", "1", *there)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:5] == [ID, "cards", "webchat", "2", "3"]
    assert result.stdout.splitlines()[1].endswith("ann, bob")
    assert fake.asked == [pb.ListInteractionsRequest(queue="cards", limit=1)]
    document = json.loads(invoke("list", "--json", *there).stdout)
    assert (document["total"], document["interactions"][0]["ringing_at"]) == (4, ["ann", "bob"])


def test_one_is_shown(there: tuple[str, ...]) -> None:
    """Where it stands, in words of ours."""
    document = json.loads(invoke("show", ID, "--json", *there).stdout)
    assert (document["standing"], document["leg"], document["queue"]) == ("waiting", 2, "cards")
    assert "standing     waiting" in invoke("show", ID, *there).stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("push", ID, "--agent", "ann", "--leg", "2"),
            {"agent": "ann", "expected_leg": 2, "expected_standing": pb.STANDING_WAITING},
        ),
        (
            ("push", ID, "--agent", "ann", "--queue", "loans", "--fallback-s", "0"),
            {"agent": "ann", "queue": "loans", "fallback_ms": 0, "expected_standing": pb.STANDING_WAITING},
        ),
        (("pull", ID), {"expected_standing": pb.STANDING_SERVED}),
        (
            ("pull", ID, "--agent", "bob", "--fallback-s", "1.5"),
            {"agent": "bob", "fallback_ms": 1_500, "expected_standing": pb.STANDING_SERVED},
        ),
        (("requeue", ID, "--queue", "loans", "--at-end"), {"queue": "loans", "at_end": True}),
    ],
)
def test_a_customer_is_moved(
    arguments: tuple[str, ...], expected: dict[str, object], fake: FakeGateway, there: tuple[str, ...]
) -> None:
    """Push is for who waits, pull for who is served, requeue for both."""
    result = invoke(*arguments, "--author", "eve", *there)
    assert result.exit_code == 0, result.output
    assert moved(fake) == {"author": "eve", "interaction": ID, **expected}


def test_a_priority_is_set(fake: FakeGateway, there: tuple[str, ...]) -> None:
    """The new priority, and the leg that is meant."""
    assert invoke("priority", ID, "7", "--leg", "2", *there).exit_code == 0
    assert fake.asked == [pb.SetPriorityRequest(interaction=ID, priority=7, expected_leg=2)]


def test_one_that_moved_on_is_told(there: tuple[str, ...]) -> None:
    """A refusal ends with status 1 and says what happened."""
    result = invoke("requeue", ID, "--queue", "loans", "--leg", "1", "--json", *there)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "ABORTED"

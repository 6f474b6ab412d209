"""`trunkline trace --otlp`: what the journals tell becomes a trace that any OpenTelemetry collector takes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from typer.testing import CliRunner, Result

from actors.address import Address
from actors.events import InteractionMoved, WaitingMoved
from actors.values import InteractionState, Requirement, WaitingState
from cluster.cli.main import app
from cluster.cli.otlp import request_of, spans_of
from cluster.cli.story import Told
from tests.unit.cli.world import INTERACTION, SECRET

FROM = ["--store", "redis://store.invalid:6379"]

pytestmark = pytest.mark.usefixtures("opened")


def trace(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trace", INTERACTION, *arguments, *FROM])


def parsed(document: Any) -> list[Span]:
    """The spans of a request, read as strictly as protobuf does; ids are hexadecimal in OTLP's JSON, base64 in protobuf's."""
    (resource,) = document["resourceSpans"]
    for span in resource["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request = ParseDict(document, ExportTraceServiceRequest())
    return list(request.resource_spans[0].scope_spans[0].spans)


def attributes(span: Span) -> dict[str, Any]:
    return {item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in span.attributes}


def test_a_trace_has_a_span_for_each_stay_offer_talk_and_wrap_up(tmp_path: Path) -> None:
    """The file holds one trace whose spans parse as OTLP, nest, do not end before they begin, and say how they ended."""
    file = tmp_path / "trace.json"
    result = trace("--otlp", str(file))
    assert result.exit_code == 0, result.output
    spans = parsed(json.loads(file.read_text(encoding="utf-8")))
    assert [span.name for span in spans] == ["interaction", "queue cards", "offer", "offer", "talk", "wrap-up"]
    root, stay, rejected, accepted, talk, wrap_up = spans
    assert {span.trace_id.hex() for span in spans} == {sha256(INTERACTION.encode()).hexdigest()[:32]}
    assert len({span.span_id for span in spans}) == len(spans)
    assert [span.parent_span_id for span in spans] == [
        b"", root.span_id, stay.span_id, stay.span_id, root.span_id, root.span_id,
    ]  # fmt: skip
    assert all(0 < span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert ["rejected", "accepted"] == [attributes(span)["trunkline.outcome"] for span in (rejected, accepted)]
    assert attributes(root)["trunkline.interaction"] == INTERACTION
    assert attributes(wrap_up)["trunkline.disposition"] == "resolved"
    assert attributes(talk)["trunkline.agent"] == "alice"
    assert all(attributes(span)["trunkline.shard"] and attributes(span)["trunkline.epoch"] >= 1 for span in spans)
    assert [event.name for event in root.events] == ["message", "connected", "message"]


def test_a_trace_holds_nothing_that_people_wrote(tmp_path: Path) -> None:
    """Customer text is in the store and in no span (I15)."""
    file = tmp_path / "trace.json"
    trace("--otlp", str(file))
    assert SECRET in CliRunner().invoke(app, ["trace", INTERACTION, "--text", *FROM]).stdout, "the text is in the store"
    assert SECRET not in file.read_text(encoding="utf-8")


def test_exporting_twice_gives_the_same_trace(tmp_path: Path) -> None:
    """Ids are derived, so a collector that gets a trace twice holds it once."""
    trace("--otlp", str(tmp_path / "a.json"))
    trace("--otlp", str(tmp_path / "b.json"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_what_goes_on_ends_at_the_last_event_and_says_so() -> None:
    """A span without an end is marked as unfinished; one that ended under another epoch names both."""
    session, queue = Address("session/c"), Address("queue/cards")
    arrived = InteractionMoved("c/1", "webchat", "cards", None, InteractionState.QUEUED, 1)
    states: list[tuple[WaitingState | None, WaitingState]] = [
        (None, WaitingState.WAITING),
        (WaitingState.WAITING, WaitingState.WITHDRAWN),
    ]
    waits = [WaitingMoved(queue, "c/1", 1, *state, "webchat", 0, 1_000, Requirement()) for state in states]
    told = [
        Told(1_000, "1", 1, 0, session, arrived, 3),
        Told(1_001, "2", 1, 0, queue, waits[0], 7),
        Told(1_900, "2", 2, 0, queue, waits[1], 8),
    ]
    root, stay = spans_of("c/1", told)
    assert (root.ended_at, root.attributes["trunkline.unfinished"]) == (1_900, True)
    assert "trunkline.unfinished" not in stay.attributes
    assert (stay.attributes["trunkline.epoch"], stay.attributes["trunkline.epoch_at_end"]) == (7, 8)
    assert len(parsed(request_of({"c/1": told}, "1.0", "bank"))) == 2


# -- a collector ------------------------------------------------------------------------------------------------------


class Collector(ThreadingHTTPServer):
    """A real HTTP server that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: tuple[int, bytes] = (200, b"{}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_collector_is_sent_the_trace(collector: Collector) -> None:
    """The body goes to /v1/traces as JSON, with the headers that were asked for."""
    result = trace("--otlp-endpoint", collector.url, "--otlp-header", "x-token=abc", "--json")
    assert result.exit_code == 0, result.output
    ((path, headers, body),) = collector.taken
    assert (path, headers["Content-Type"], headers["x-token"]) == ("/v1/traces", "application/json", "abc")
    assert len(parsed(json.loads(body))) == json.loads(result.stdout)["spans"] == 6


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((503, b""), "UNAVAILABLE"),
        ((400, b"no"), "FAILED_PRECONDITION"),
        ((200, b'{"partialSuccess":{"rejectedSpans":"6","errorMessage":"too old"}}'), "FAILED_PRECONDITION"),
    ],
    ids=["later", "never", "partly"],
)
def test_a_collector_that_does_not_take_it_is_an_error(collector: Collector, answer: tuple[int, bytes], code: str) -> None:
    """Nobody believes a trace to be where it is not."""
    collector.answer = answer
    result = trace("--otlp-endpoint", collector.url, "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, code)


@pytest.mark.parametrize("wrong", [["--otlp-endpoint", "collector:4318"], ["--otlp", "/nowhere/at/all.json"]])
def test_what_cannot_be_used_is_said(wrong: list[str]) -> None:
    """An endpoint that is no URL and a file that cannot be written are named."""
    result = trace(*wrong, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (1, "INVALID_ARGUMENT")
    assert wrong[1] in error["detail"]


def test_a_collector_that_is_not_there_is_said(collector: Collector) -> None:
    """A refused connection is an error that may be tried again."""
    url = collector.url
    collector.server_close()
    error = json.loads(trace("--otlp-endpoint", url, "--json").stdout)["error"]
    assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)

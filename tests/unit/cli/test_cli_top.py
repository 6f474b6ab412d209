"""`trunkline top` reads the metrics page of a cluster and tells rates of the time between two looks."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cluster.boot.run_file import RunFile, write_run_file
from cluster.cli.board import Board, Page
from cluster.cli.main import app
from cluster.cli.top_command import table_of
from cluster.telemetry import metrics
from cluster.telemetry.exposition import Told, exposed
from cluster.telemetry.meter import Meter, sample

#: Bounds of an expected wait.
WAITS_S = {"low": 10.0, "expected": 40.04, "high": 90.0}


def page_text(step: int, silent: str = "") -> str:
    """A cluster's page; each step further, a hundred more events came and a hundred more commits took 30 ms."""
    gateway, host = Meter(), Meter()
    gateway.counter(metrics.EVENTS_IN).add(100 * step, "gateway")
    gateway.counter(metrics.LINKS).add(2, "desk")
    host.counter(metrics.COMMITS).add(100 * step)
    for _ in range(100 * step):
        host.histogram(metrics.COMMIT_SECONDS).observe(0.03)
    cluster = [
        *(sample(metrics.UP, name != silent, kind, name) for kind, name in (("host", "host-1"), ("gateway", "gateway-1"))),
        sample(metrics.INTERACTIONS, 7, "connected"),
        sample(metrics.QUEUE_WAITING, 3, "cards"),
        sample(metrics.QUEUE_LONGEST_WAIT, 12.34, "cards"),
        *(sample(metrics.QUEUE_EXPECTED_WAIT, wait_s, "cards", bound) for bound, wait_s in WAITS_S.items()),
        sample(metrics.QUEUE_GRANTED, 8, "cards"),
        sample(metrics.QUEUE_IN_TARGET, 6, "cards"),
    ]
    agents = sample(metrics.AGENTS, 5, "available")
    told = [Told("cluster", "", cluster), Told("host", "host-1", [agents, *host.samples()])]
    return exposed([*told, Told("gateway", "gateway-1", gateway.samples())])[0].decode()


def board(first: int, second: int, seconds: float = 2.0) -> Board:
    return Board(Page.parse(page_text(second), 10 + seconds), Page.parse(page_text(first), 10))


def test_rates_and_quantiles_are_of_the_time_between() -> None:
    """Growth by the time between, and a quantile of what was observed in it; gauges are the newest."""
    told = board(1, 3).document()
    assert told["rates_per_s"]["commits"] == 100  # type: ignore[index]
    assert told["gateways"]["gateway-1"]["events_per_s"] == 100  # type: ignore[index]
    assert 25 < told["hosts"]["host-1"]["commit_ms_p99"] <= 50  # type: ignore[index]
    queue = told["queues"]["cards"]  # type: ignore[index]
    assert (queue["waiting"], queue["longest_wait_s"], queue["in_target"]) == (3, 12.3, 0.75)
    assert queue["expected_wait_s"] == 40.0, "the mean, not a sum over the bounds"
    assert (told["agents"], told["interactions"], told["silent"]) == ({"available": 5}, {"connected": 7}, [])


def test_a_process_that_restarted_counts_from_zero() -> None:
    """A counter that went back has grown by what it shows now, not by less than nothing."""
    assert board(3, 1).rate(metrics.COMMITS.name) == 50


def test_the_first_look_has_no_rates() -> None:
    """With one page there is nothing to compare with, and nothing observed to tell a quantile of."""
    first = Board(Page.parse(page_text(1), 0))
    assert (first.rate(metrics.COMMITS.name), first.quantile(metrics.COMMIT_SECONDS, 0.99)) == (0, None)
    assert board(2, 2).quantile(metrics.COMMIT_SECONDS, 0.99) is None


def test_the_table_says_who_is_silent() -> None:
    """Queues and processes are rows, and a process that did not answer is named."""
    now, before = Page.parse(page_text(2, "host-1"), 2), Page.parse(page_text(1), 0)
    console = Console(width=100, record=True, file=StringIO())
    console.print(table_of(Board(now, before), "the page did not come"))
    text = console.export_text()
    assert "silent        host host-1" in text
    assert "the page did not come" in text
    assert [word in text for word in ("cards", "gateway-1", "available 5", "connected 7")] == [True] * 4


# -- the command ------------------------------------------------------------------------------------------------------


class Pages(ThreadingHTTPServer):
    """A real HTTP server whose page grows with every look."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.steps = itertools.count(1)
        self.status = 200
        self.text = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/metrics"


class Answering(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self) -> None:
        body = (self.server.text or page_text(next(self.server.steps))).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def pages() -> Iterator[Pages]:
    with Pages() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def top(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["top", "--interval", "0.1", *arguments])


def test_json_is_one_snapshot(pages: Pages) -> None:
    """One document, with rates, and the command ends."""
    result = top("--url", pages.url, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["rates_per_s"]["commits"] > 0 < told["interval_s"]


def test_once_is_one_table_of_the_run_that_is_here(pages: Pages, tmp_path: Path) -> None:
    """Without a URL the run's own page is looked at; a page on every address is reached over the loopback."""
    url = pages.url.replace("127.0.0.1", "0.0.0.0")
    write_run_file(tmp_path, RunFile(os.getpid(), "bank", "process", 0, "memory:", {}, [], "", 4, metrics_url=url))
    result = top("--run-dir", str(tmp_path), "--once")
    assert (result.exit_code, "cards" in result.stdout) == (0, True), result.output


def test_a_run_without_metrics_says_how_to_have_them(tmp_path: Path) -> None:
    """Who turned metrics off is told which setting turns them on."""
    write_run_file(tmp_path, RunFile(os.getpid(), "bank", "process", 0, "memory:", {}, [], "", 4))
    result = top("--run-dir", str(tmp_path), "--json")
    assert (result.exit_code, "metrics.listen" in json.loads(result.stdout)["error"]["detail"]) == (1, True)


@pytest.mark.parametrize(("status", "text"), [(404, "nothing"), (200, "<html>hello</html>"), (200, "# nothing\n")])
def test_what_is_no_metrics_page_is_said(pages: Pages, status: int, text: str) -> None:
    """Another program's answer is an error with the URL in it, not an empty table."""
    pages.status, pages.text = status, text
    error = json.loads(top("--url", pages.url, "--json").stdout)["error"]
    assert (error["code"], pages.url in error["detail"]) == ("UNAVAILABLE", True)


def test_where_nobody_listens_is_said(pages: Pages) -> None:
    """A refused connection is an error that may be tried again."""
    url = pages.url
    pages.server_close()
    error = json.loads(top("--url", url, "--json").stdout)["error"]
    assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)

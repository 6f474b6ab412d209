"""`up` hands the layout to the boot and says what runs; `down` asks the run to end and waits until it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cluster.boot.up
from cluster.boot.run_file import ProgramEntry, RunFile, write_run_file
from cluster.cli.main import app
from cluster.config.layout_file import Layout
from cluster.errors import StartupFailed


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    file = tmp_path / "layout.yaml"
    file.write_text("metadata:\n  trunkline:\n    runtime: process\n    hosts: {count: 1}\n", encoding="utf-8")
    return file


class Boot:
    """Plays the boot: writes the run's record, calls `ready`, returns as after Ctrl-C."""

    def __init__(self) -> None:
        self.layouts: list[Layout] = []
        self.failure: StartupFailed | None = None

    async def up(self, layout: Layout, announce: Any, ready: Any) -> None:
        self.layouts.append(layout)
        announce("starting")
        if self.failure is not None:
            raise self.failure
        pages = [ProgramEntry("webchat", "http://127.0.0.1:7380/"), ProgramEntry("feed", "")]
        run = RunFile(os.getpid(), "trunkline", "process", 1, "memory:", {"gateway-1": ["127.0.0.1:7350"]}, pages, "", 32)
        layout.run_path.mkdir(parents=True, exist_ok=True)
        write_run_file(layout.run_path, run)
        await ready(type("Running", (), {"seconds": 1.25})())
        announce("stopped")


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Boot:
    made = Boot()
    monkeypatch.setattr(cluster.boot.up, "up", made.up)
    return made


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_up_says_what_runs(layout: Path, boot: Boot) -> None:
    """Once all is up the addresses and pages are printed; progress goes to standard error."""
    result = invoke("up", "--layout", layout, "--set", "hosts.count=3")
    assert 3 == boot.layouts[0].settings.hosts.count, "flags reach the boot"
    assert [
        f"trunkline is up after 1.2 s: runtime process, process {os.getpid()}",
        "  gateway-1  127.0.0.1:7350  (gRPC)",
        "  webchat    http://127.0.0.1:7380/",
        "  feed       no page",
    ] == result.stdout.splitlines(), result.output
    assert ["starting", "Ctrl-C drains and ends everything", "stopped"] == result.stderr.splitlines(), "progress"


def test_up_as_json(layout: Path, boot: Boot) -> None:
    """One document, when all is up."""
    told = json.loads(invoke("up", "--layout", layout, "--json").stdout)
    assert ({"webchat": "http://127.0.0.1:7380/", "feed": ""}, 1.25) == (told["programs"], told["ready_after_s"]), told


def test_up_fails_honestly(layout: Path, boot: Boot) -> None:
    """What cannot be started is an error with status 1."""
    boot.failure = StartupFailed("webchat cannot listen on 127.0.0.1:7380: Address already in use")
    result = invoke("up", "--layout", layout, "--json")
    assert (1, boot.failure.detail) == (result.exit_code, json.loads(result.stdout)["error"]["detail"]), result.output


def test_up_twice(layout: Path, boot: Boot) -> None:
    """A run that is still there is named; nothing is started."""
    run = RunFile(os.getpid(), "trunkline", "process", 1, "memory:", {}, [], "", 32)
    (layout.parent / ".trunkline").mkdir()
    write_run_file(layout.parent / ".trunkline", run)
    result = invoke("up", "--layout", layout)
    assert result.exit_code == 1 and "`trunkline down` ends it" in result.stderr, result.stderr
    assert [] == boot.layouts, "nothing was started"


def test_up_with_wrong_settings(layout: Path, boot: Boot) -> None:
    """A wrong --set is named before anything starts."""
    result = invoke("up", "--layout", layout, "--set", "hosts.count")
    assert result.exit_code == 1 and "write NAME=VALUE" in result.stderr, result.stderr
    result = invoke("up", "--layout", layout, "--set", "hosts.spaers=2")
    assert "--set hosts.spaers: metadata.trunkline.hosts.spaers: no such setting; did you mean `spares`?" in result.stderr, (
        "named"
    )
    assert [] == boot.layouts, "nothing was started"


def test_down_ends_the_run(tmp_path: Path) -> None:
    """The process that `up` left in front gets what Ctrl-C sends, and down returns when it is gone."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(0)); print('ready', flush=True); signal.pause()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n", "it must be up before it is ended"
        # A dead child of this process would still count as existing until it is waited for.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        write_run_file(tmp_path, RunFile(process.pid, "trunkline", "process", 1, "memory:", {}, [], "", 32))
        told = json.loads(invoke("down", "--run-dir", tmp_path, "--json").stdout)
        assert (True, process.pid) == (told["ended"], told["pid"]), told
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        process.kill()
        process.wait()


def test_down_gives_up_in_time(tmp_path: Path) -> None:
    """A run that does not end is reported, not killed."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n", "it must be up before it is asked"
        write_run_file(tmp_path, RunFile(process.pid, "trunkline", "process", 1, "memory:", {}, [], "", 32))
        result = invoke("down", "--run-dir", tmp_path, "--timeout-s", 1, "--json")
        error = json.loads(result.stdout)["error"]
        assert (1, "DEADLINE_EXCEEDED", None) == (result.exit_code, error["code"], process.poll()), error
    finally:
        process.kill()
        process.wait()


def test_down_when_nothing_runs(tmp_path: Path) -> None:
    """There is nothing to end, and that is an error: a script must not believe it ended something."""
    result = invoke("down", "--run-dir", tmp_path)
    assert result.exit_code == 1 and "there is nothing to end" in result.stderr, result.stderr

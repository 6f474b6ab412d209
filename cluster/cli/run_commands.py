"""`trunkline up` and `trunkline down`: start everything that the layout names, and end it.

terminal            up                      down
  | ----------------> | brings all up         |
  | <-- URLs          | stays in front        |
  |                   | <------ SIGINT ------ |
  |                   | drains, ends all      | waits until it is gone
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.boot.run_file import RunFile, is_running, read_run_file
from cluster.cli.output import Json, note, print_json, say
from cluster.cli.where import NothingRuns, RunDir, find_run_path
from cluster.errors import Outcome, StartupFailed, TrunklineError

if TYPE_CHECKING:
    from cluster.boot.up import Running
    from cluster.config.layout_file import Layout

LayoutFile = Annotated[
    Path | None,
    typer.Option(
        "--layout", envvar="TRUNKLINE_LAYOUT", help="The layout file; ./ray_config.yaml or the packaged one when left out."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override one setting of the layout, such as hosts.count=4."),
]
POLL_S = 0.1


class StillRunning(TrunklineError):
    """The run was asked to end and has not."""

    code = "DEADLINE_EXCEEDED"
    outcome = Outcome.UNKNOWN


class SettingWrong(TrunklineError):
    """A `--set` that is not NAME=VALUE."""

    code = "INVALID_ARGUMENT"


def up(
    layout_file: LayoutFile = None,
    settings: Settings = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is up, and leave it running.")] = False,
    timeout_s: Annotated[float, typer.Option(help="With --detach: give up after this many seconds.", min=1)] = 180,
    as_json: Json = False,
) -> None:
    """Start everything and stay in front; Ctrl-C drains and ends it all."""
    layout = _layout(layout_file, settings)
    running = read_run_file(layout.run_path)
    if running is not None:
        raise StartupFailed(f"process {running.pid} runs from {layout.run_path} already: `trunkline down` ends it")
    if detach:
        _tell_run(_detached(layout, layout_file, settings or [], timeout_s), layout.warnings, as_json)
        return
    _in_front(layout, as_json)


def down(
    run_dir: RunDir = None,
    timeout_s: Annotated[float, typer.Option(help="Give up waiting after this many seconds.", min=1)] = 90,
    as_json: Json = False,
) -> None:
    """End what runs here: programs first, then gateways (drained), hosts, and the store last."""
    path = find_run_path(run_dir)
    run = read_run_file(path)
    if run is None:
        raise NothingRuns(f"nothing runs in {path}: there is nothing to end")
    started = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        # What Ctrl-C sends. SIGTERM works too, but Ray's own handler first prints a stack trace for it.
        os.kill(run.pid, signal.SIGINT)
    if not as_json:
        note(f"asked process {run.pid} to end; it settles what was accepted")
    while is_running(run.pid):
        if time.monotonic() - started > timeout_s:
            raise StillRunning(
                f"process {run.pid} has not ended after {timeout_s:g} s: look at its output and at {path / 'logs'}"
            )
        time.sleep(POLL_S)  # it is not our child, so the kernel tells us nothing
    took_s = round(time.monotonic() - started, 3)
    if as_json:
        print_json({"ended": True, "pid": run.pid, "took_s": took_s})
    else:
        say(f"ended after {took_s:.1f} s", style="green")


def _layout(layout_file: Path | None, settings: list[str] | None) -> Layout:
    from cluster.config.layout_file import Layout

    overrides: dict[str, str] = {}
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise SettingWrong(f"--set {setting}: write NAME=VALUE, such as --set hosts.count=4")
        overrides[name.strip()] = value
    return Layout.load(layout_file, overrides)


def _in_front(layout: Layout, as_json: bool) -> None:
    import asyncio

    from cluster.boot.anew import RuntimeLost, is_up_again, may_try_again, start_anew, was_started_anew
    from cluster.boot.up import up as bring_up
    from cluster.telemetry.logs import configure_logs

    configure_logs("up", level="warning")
    for warning in layout.warnings:
        note(f"warning: {warning}", style="yellow")

    async def ready(running: Running) -> None:
        run = read_run_file(layout.run_path)
        if was_started_anew():
            # Whoever started this process has heard already, and may not listen any more.
            note(f"up again after {running.seconds:.1f} s")
            is_up_again()
        elif run is not None:
            _tell_run(run, [], as_json, running.seconds)
        if not as_json:
            note("Ctrl-C drains and ends everything")

    try:
        asyncio.run(bring_up(layout, note, ready))
    except RuntimeLost as lost:
        note(f"{lost.detail}: everything is started anew", style="yellow")
        start_anew()
    except StartupFailed as failed:
        if not may_try_again():
            raise
        note(f"{failed.detail}: trying again", style="yellow")
        start_anew()


def _detached(layout: Layout, layout_file: Path | None, settings: list[str], timeout_s: float) -> RunFile:
    """Start the same command in a session of its own, and wait until it says that it is up."""
    log = layout.run_path / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cluster.cli.main", "up", "--json"]
    command += ["--layout", str(layout_file)] if layout_file is not None else []
    command += [part for setting in settings for part in ("--set", setting)]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    try:
        # `up` writes its one JSON document when all is up, or when it failed.
        output = _first_document(process, timeout_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise StartupFailed(f"not everything was up after {timeout_s:g} s: see {log}") from None
    run = read_run_file(layout.run_path)
    if run is None or '"error"' in output:
        raise StartupFailed(_reason(output) or f"it ended at its start: see {log}")
    return run


def _first_document(process: subprocess.Popen[bytes], timeout_s: float) -> str:
    """What a process writes until its JSON document is whole or its output ends."""
    import json
    import selectors

    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, timeout_s)
            part = os.read(process.stdout.fileno(), 65_536)
            text += part
            if not part:
                return text.decode("utf-8", "replace")
            with contextlib.suppress(ValueError):
                json.loads(text)
                return text.decode()


def _reason(output: str) -> str:
    import json

    try:
        return str(json.loads(output)["error"]["detail"])
    except (ValueError, KeyError, TypeError):
        return ""


def _tell_run(run: RunFile, warnings: list[str], as_json: bool, seconds: float | None = None) -> None:
    if as_json:
        document: dict[str, object] = {
            "pid": run.pid,
            "cluster": run.cluster,
            "runtime": run.runtime,
            "gateways": run.gateways,
            "programs": {program.name: program.url for program in run.programs},
            "metrics": run.metrics_url,
        }
        if seconds is not None:
            document["ready_after_s"] = round(seconds, 3)
        print_json(document)
        sys.stdout.flush()
        return
    for warning in warnings:
        note(f"warning: {warning}", style="yellow")
    after = f" after {seconds:.1f} s" if seconds is not None else ""
    say(f"{run.cluster} is up{after}: runtime {run.runtime}, process {run.pid}", style="bold green")
    width = max(len(name) for name in (*run.gateways, *(program.name for program in run.programs), "metrics"))
    for name, addresses in run.gateways.items():
        say(f"  {name:<{width}}  {', '.join(addresses)}  (gRPC)")
    for program in run.programs:
        say(f"  {program.name:<{width}}  {program.url or 'no page'}")
    if run.metrics_url:
        say(f"  {'metrics':<{width}}  {run.metrics_url}")

"""`trunkline load`: reads a scenario, finds or starts a product, plays, verifies, judges, reports.

Exit status: 0 every objective was met; 1 otherwise, or nothing could be played.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from loadtest.failures import DemoFailed, ProductUnusable, SourceUnusable
from loadtest.interruptible import interruptible
from loadtest.load.centre import centre_of
from loadtest.load.conductor import Board, Conductor, Outcome, lean_commands, locust_commands
from loadtest.load.day import read_day
from loadtest.load.figures import figures_of
from loadtest.load.marks import WORDS
from loadtest.load.objectives import judge_objectives
from loadtest.load.plan import Plan, write_plan
from loadtest.load.report import page
from loadtest.load.scenario import Scenario, read_scenario
from loadtest.load.spool import write_evidence
from loadtest.product import RUN_FILE, Access, OwnProduct, find_running, verify_file

RUNTIMES: Final = ("ray", "process")
GENERATORS: Final = ("lean", "locust")
SHOWN: Final = 20

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked."""

    name: str
    scenario: Scenario
    run_dir: Path | None
    runtime: str | None
    out: Path
    page: str
    settings: dict[str, str]


@app.command("load")
def load(
    scenario: Annotated[str, typer.Argument(help="A scenario's YAML file, or the name of one that comes with the product.")],
    generator: Annotated[str | None, typer.Option(help="lean or locust; the scenario's when left out.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Generator processes; the scenario's when left out.", min=1, max=64)
    ] = None,
    scale: Annotated[float, typer.Option(help="So many times the people: 0.1 is a tenth of them.", min=0.0001)] = 1.0,
    duration: Annotated[float, typer.Option(help="Phases of a rate last so many times as long.", min=0.0001)] = 1.0,
    seed: Annotated[int | None, typer.Option(help="The same seed brings the same customers.", show_default=False)] = None,
    profile: Annotated[
        Path | None, typer.Option(help="CSV file with the columns interval_index and calls, for a day's phase.")
    ] = None,
    page_at: Annotated[
        str, typer.Option("--page", help="host:port for Locust's page, from which the run is then started.")
    ] = "",
    runtime: Annotated[str | None, typer.Option(help="ray or process, for a product of its own.", show_default="ray")] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run-dir", envvar="TRUNKLINE_RUN_DIR", help="Load the product that runs from there.", show_default=False
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the product of its own: name=value; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where load-NAME.json and load-NAME.html are written.")] = Path("build"),
    centre: Annotated[
        bool, typer.Option("--centre", help="Print the contact centre that the scenario needs, and end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")] = False,
) -> None:
    """Put a scenario's load on the product, open loop, verify that nothing was lost or doubled, and judge its objectives.

    Starts a product of its own with the centre that the scenario needs; with --run-dir given, or TRUNKLINE_RUN_DIR, it
    loads the product that runs there, which must have that centre (--centre prints it).
    """
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    try:
        if runtime is not None and runtime not in RUNTIMES:
            raise typer.BadParameter(f"--runtime is one of {', '.join(RUNTIMES)}, not {runtime!r}")
        if generator is not None and generator not in GENERATORS:
            raise typer.BadParameter(f"--generator is one of {', '.join(GENERATORS)}, not {generator!r}")
        name, read = read_scenario(scenario)
        if profile is not None:
            read = read.with_day(read_day(profile))
        given = {"generator": generator or ("locust" if page_at else None), "workers": workers, "seed": seed}
        read = read.model_copy(update={field: value for field, value in given.items() if value is not None})
        read = read.scaled(scale).shortened(duration)
        if centre:
            sys.stdout.write(centre_of(read))
            return
        settings = dict(_setting(one) for one in set_ or ())
        options = Options(name, read, run_dir, runtime, out, page_at, settings)
        document = asyncio.run(interruptible(run_load(options, console)))
    except DemoFailed as failed:
        _failed(failed.code, failed.detail, console, as_json)
        raise typer.Exit(1) from None
    except asyncio.CancelledError:
        _failed("CANCELLED", "interrupted", console, as_json)
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        _show(document, Console(markup=False, highlight=False, soft_wrap=True))
    if not document["passed"]:
        raise typer.Exit(1)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SourceUnusable(f"--set is name=value, not {text!r}")
    return name, value


def _failed(code: str, detail: str, console: Console, as_json: bool) -> None:
    if as_json:
        error = {"code": code, "detail": detail, "retryable": False, "outcome": "unknown"}
        sys.stdout.write(json.dumps({"error": error}, ensure_ascii=False, indent=2) + "\n")
    else:
        console.print(f"error: {detail}", style="red")


async def run_load(options: Options, console: Console) -> dict[str, Any]:
    """Play, verify, judge, and write both reports.

    Returns:
        The run's JSON document.

    Raises:
        DemoFailed: it could not be played or judged.
    """
    async with AsyncExitStack() as stack:
        access, own = await _product(options, stack, console)
        directory = Path(tempfile.mkdtemp(prefix="tl-load-"))
        started = datetime.now(UTC)
        outcome = await _play(options, access, directory, console)
        console.print("verifying", style="dim")
        problems = outcome.judged.problems or []
        logs = own.log_files() if own is not None else []
        rest = {"customer_texts": [WORDS], "log_files": logs, "settled": own is not None and not problems}
        evidence = directory / "evidence.json"
        await asyncio.to_thread(write_evidence, directory, evidence, rest)
        report = await verify_file(access, evidence)
        document = _document(options, outcome, report, access, started)
        if problems or document["violations"]:
            console.print(f"the run's evidence is kept in {directory}", style="dim")
            if own is not None:
                own.keep = True
                console.print(f"the product's logs are kept in {own.run_dir}", style="dim")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    await asyncio.to_thread(_write, options, document, outcome)
    return document


async def _product(options: Options, stack: AsyncExitStack, console: Console) -> tuple[Access, OwnProduct | None]:
    """What to load; the second is set when it was started for this run."""
    if options.run_dir is not None:
        running = find_running(options.run_dir)
        if running is None:
            raise ProductUnusable(f"nothing runs from {options.run_dir}; start it with `trunkline up`, or leave --run-dir out")
        console.print(f"loading the product that runs from {options.run_dir}", style="dim")
        return running, None
    console.print("starting a product for this run", style="dim")
    own = OwnProduct(options.runtime or "ray", centre=centre_of(options.scenario), settings=options.settings)
    return await stack.enter_async_context(own), own


async def _play(options: Options, access: Access, directory: Path, console: Console) -> Outcome:
    run = f"{int(time.time()):x}{os.getpid():x}{secrets.token_hex(2)}"
    tokens = {"gateway": access.gateway_token, "desk": access.desk_token, "admin": access.admin_token}
    plan = Plan(run=run, scenario=options.scenario, targets=access.targets, tokens=tokens)
    write_plan(directory, plan)
    product_pid = int(json.loads((access.run_dir / RUN_FILE).read_text(encoding="utf-8"))["pid"])
    screen = _Screen(options.scenario, console)
    if options.scenario.generator == "locust":
        commands, parts = locust_commands(plan, directory, options.page)
    else:
        commands, parts = lean_commands(plan, directory)
    return await Conductor(plan, directory, product_pid, screen.show).conduct(commands, parts, bool(options.page))


class _Screen:
    """Says how it goes: on a terminal once a second in one line, elsewhere every ten seconds."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        self._lasts_s = scenario.lasts_s
        self._console = console
        self._next_s = 0.0
        self._began = time.monotonic()

    def show(self, board: Board) -> None:
        """Told once a second."""
        passed_s = time.monotonic() - self._began
        if not self._console.is_terminal and passed_s < self._next_s:
            return
        self._next_s = passed_s + 10.0
        counts = board.counts
        text = (
            f"{board.state:10} {board.at_s:5.0f}/{self._lasts_s:.0f} s  agents {board.here}  live {board.live}  "
            f"arrived {counts['arrivals']}  ended {counts['ended']}  refused {counts['refused']}  "
            f"messages {counts['messages_sent']}/{counts['messages_delivered']}  unsettled {board.unsettled}"
        )
        self._console.print(text, style="dim", end="\r" if self._console.is_terminal else "\n")


def _document(options: Options, outcome: Outcome, report: dict[str, Any], access: Access, started: datetime) -> dict[str, Any]:
    scenario = options.scenario
    figures = figures_of(outcome.recorder, outcome.judged, outcome.looks, scenario)
    figures["violations"] = float(len(report["violations"]))
    commits = report.get("counts", {}).get("commits")
    if commits is not None:
        figures["commits"] = float(commits)
    verdicts = judge_objectives(scenario.objectives, figures)
    return {
        "scenario": options.name,
        "title": scenario.title,
        "started": started.isoformat(timespec="seconds"),
        "generator": scenario.generator,
        "workers": scenario.workers,
        "runtime": access.runtime,
        "passed": all(verdict.met for verdict in verdicts),
        "objectives": [asdict(verdict) for verdict in verdicts],
        "figures": figures,
        "problems": (outcome.judged.problems or [])[:200],
        "violations": report["violations"],
        "checked": report.get("checked", {}),
        "verified": report.get("counts", {}),
        "said": outcome.recorder.said,
    }


def _write(options: Options, document: dict[str, Any], outcome: Outcome) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"load-{options.name}.json"
    target.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    target.with_suffix(".html").write_text(page(document, outcome.recorder, outcome.looks), encoding="utf-8")


def _show(document: dict[str, Any], console: Console) -> None:
    for name, value in document["figures"].items():
        console.print(f"{name:34} {value:>14,.3f}")
    console.print()
    for one in document["objectives"]:
        found = "not measured" if one["found"] is None else f"{one['found']:g}"
        style, word = ("green", "met   ") if one["met"] else ("bold red", "missed")
        console.print(f"{word} {one['figure']:30} {one['wanted']:>16}: {found}", style=style)
    for line in document["problems"][:SHOWN]:
        console.print(f"problem    {line}", style="red")
    for found in document["violations"][:SHOWN]:
        console.print(f"violation  {found['invariant']} {found['subject']}: {found['explanation']}", style="red")
    for what, times in list(document["said"].items())[:SHOWN]:
        console.print(f"said       {what} ({times} times)")
    word = "passed" if document["passed"] else "failed"
    console.print(f"{document['scenario']} {word}", style="bold green" if document["passed"] else "bold red")

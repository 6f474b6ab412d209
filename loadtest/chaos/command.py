"""`trunkline chaos`: breaks a product at random under load, and says what each fault cost.

Exit status: 0 every promise was kept; 1 one was not, or nothing could be broken.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from loadtest.chaos.faults import kind_names
from loadtest.chaos.run import Options, run_chaos
from loadtest.chaos.traffic import Load
from loadtest.failures import DemoFailed
from loadtest.interruptible import interruptible

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
SHOWN = 10


@app.command("chaos")
def chaos(
    faults: Annotated[int, typer.Option(help="How many faults.", min=1, max=100_000)] = 20,
    events_per_s: Annotated[float, typer.Option("--events-per-s", help="The load.", min=10, max=5_000)] = 200,
    kinds: Annotated[
        str,
        typer.Option(help=f"Only these, with commas between: {', '.join(kind_names())}.", show_default="all that can be made"),
    ] = "",
    seed: Annotated[int, typer.Option(help="The same seed draws the same faults.")] = 1,
    seconds: Annotated[float | None, typer.Option(help="Strike no more after so long.", min=1, show_default=False)] = None,
    conversations: Annotated[int, typer.Option(help="How many conversations are live.", min=1, max=2_000)] = 60,
    agents: Annotated[int, typer.Option(help="How many agents serve.", min=1, max=40)] = 20,
    hosts: Annotated[int, typer.Option(help="How many hosts work, beside a spare.", min=1, max=64)] = 1,
    pause: Annotated[float, typer.Option(help="Mean time in s between recovery and the next fault.", min=0)] = 2.0,
    attach: Annotated[bool, typer.Option("--attach", help="Break the product that runs here, not one of its own.")] = False,
    run_dir: Annotated[
        Path, typer.Option("--run-dir", envvar="TRUNKLINE_RUN_DIR", help="With --attach: where it runs from.")
    ] = Path(".trunkline"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")] = False,
) -> None:
    """Break a product at random under load, and verify that nothing was lost or doubled.

    Starts a product of its own unless --attach is given, kills, freezes, slows and fills its parts, and ends with a table
    of what each kind of fault cost.
    """
    wanted = tuple(name.strip() for name in kinds.split(",") if name.strip())
    if unknown := [name for name in wanted if name not in kind_names()]:
        raise typer.BadParameter(f"there is no kind {', '.join(unknown)}; there are {', '.join(kind_names())}")
    options = Options(
        faults, seconds, Load(events_per_s, conversations, agents), wanted, seed, pause, run_dir if attach else None, hosts
    )
    live = Console(stderr=as_json, markup=False, highlight=False)
    try:
        document = asyncio.run(interruptible(run_chaos(options, lambda text: live.print(text, style="dim"))))
    except DemoFailed as failed:
        _failed(failed.code, failed.detail, as_json)
    except asyncio.CancelledError:
        _failed("CANCELLED", "interrupted before the verdict", as_json)
    if as_json:
        _print_json(document)
    else:
        report(live, document)
    if not document["ok"]:
        raise typer.Exit(1)


def report(console: Console, document: Mapping[str, Any]) -> None:
    """The table of faults and the verdict, for people."""
    table = Table(box=None, pad_edge=False, title=None)
    table.add_column("fault", no_wrap=True)
    headings = ("count", "lasted\ns", "silent\np50 s", "silent\np99 s", "silent\nmax s", "after it\nmax s", "slowest\nevent s")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figures in document["kinds"].items():
        values = ("lasted_s_mean", "silence_s_p50", "silence_s_p99", "silence_s_max", "after_s_max", "slowest_s_max")
        table.add_row(name, str(figures["count"]), *(f"{figures[value]:.2f}" for value in values))
    console.print(table)
    for objective in document["objectives"]:
        met = "met" if objective["met"] else "NOT met"
        console.print(
            f"{objective['kind']}: silent for {objective['silence_s_p99']:.2f} s at p99, at most {objective['at_most_s']:g} s "
            f"is wanted: {met}",
            style="green" if objective["met"] else "yellow",
        )
    promises, counts = document["promises"], document["counts"]
    console.print(
        f"{len(document['faults'])} faults; {promises['messages_acknowledged']:,} messages and "
        f"{promises['arrivals_acknowledged']:,} arrivals acknowledged; {counts['lost']} lost, {counts['doubled']} doubled, "
        f"{counts['stuck']} stuck, {counts['refused']} refused",
        style="bold",
    )
    for name in ("lost", "doubled", "stuck", "refused", "trouble"):
        for problem in document[name][:SHOWN]:
            console.print(f"{name:<9}  {problem}", style="red", soft_wrap=True)
    for found in document["violations"][:SHOWN]:
        console.print(
            f"violation  {found['invariant']} {found['subject']}: {found['explanation']}", style="red", soft_wrap=True
        )
    if document["ok"]:
        verified = document["verified"]
        console.print(
            f"verify     no violation in {verified.get('commits', 0):,} commits, every promise kept", style="bold green"
        )
    else:
        console.print(f"verify     {counts['violations']} violations", style="bold red")


def _failed(code: str, detail: str, as_json: bool) -> NoReturn:
    if as_json:
        _print_json({"error": {"code": code, "detail": detail, "retryable": False, "outcome": "unknown"}})
    else:
        Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(f"error: {detail}", style="red")
    raise typer.Exit(1)


def _print_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")

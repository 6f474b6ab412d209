"""Shows a run: a table refreshed in place on a terminal, plain lines elsewhere; at the end a summary and the verdict.

Kept: with `--json` standard output holds one JSON document and nothing else; what is shown live goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from loadtest.demo.figures import Board, board
from loadtest.demo.observed import Observed

REFRESH_S: Final = 0.25
#: Without a terminal, one line in so many seconds.
LINE_EVERY_S: Final = 5.0
SHOWN: Final = 20


class Screen:
    """Where a run is shown."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._live = Console(stderr=as_json, markup=False, highlight=False)

    def tell(self, text: str) -> None:
        """A line about what the demo does now."""
        self._live.print(text, style="dim")

    async def watch(self, observed: Observed, customers: int) -> None:
        """Show the table until cancelled."""
        if self._live.is_terminal:
            with (
                Live(table(board(observed), customers), console=self._live, auto_refresh=False) as live,
                suppress(asyncio.CancelledError),
            ):
                while True:
                    live.update(table(board(observed), customers), refresh=True)
                    await asyncio.sleep(REFRESH_S)
            return
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            self._live.print(line(board(observed), customers), soft_wrap=True)

    def report(self, document: Mapping[str, Any]) -> None:
        """The summary, as JSON or for people."""
        if self._as_json:
            print_json(document)
            return
        for text, style in summary_lines(document):
            self._live.print(text, style=style, soft_wrap=True)

    def failed(self, code: str, detail: str) -> None:
        """Why there is no summary."""
        if self._as_json:
            print_json({"error": {"code": code, "detail": detail, "retryable": False, "outcome": "unknown"}})
        else:
            console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
            console.print("error: ", style="bold red", end="")
            console.print(detail)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def cells(now: Board) -> list[tuple[str, str]]:
    """What the table shows: heading and value."""
    return [
        ("waiting", str(now.waiting)),
        ("offered", str(now.offered)),
        ("talking", str(now.talking)),
        ("done", str(now.done)),
        ("abandoned", str(now.abandoned)),
        ("service level", f"{now.service_level:.1%}"),
        ("average wait", f"{now.average_wait_s:.1f} s"),
        ("90% within", f"{now.p90_wait_s:.1f} s"),
        ("messages per s", f"{now.messages_per_s:.1f}"),
    ]


def table(now: Board, customers: int) -> Table:
    """The live table."""
    made = Table(title=f"{now.arrived} of {customers} customers", title_justify="left", box=None, pad_edge=False)
    for heading, _ in cells(now):
        # In two lines, so that all of it fits on 80 columns.
        made.add_column("\n".join(heading.split(" ", 1)), justify="right", no_wrap=True)
    made.add_row(*(value for _, value in cells(now)))
    return made


def line(now: Board, customers: int) -> str:
    """The same in one line."""
    return f"{now.arrived}/{customers}  " + "  ".join(f"{heading} {value}" for heading, value in cells(now))


def summary_lines(document: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The summary for people: lines and their styles."""
    waits, offers = document["waits"], document["offer_ms"]
    lines: list[tuple[str, str | None]] = [
        (
            f"{document['ended']} of {document['customers']} conversations ended in {document['duration_s']:.1f} s with "
            f"{document['agents']} agents; {document['abandoned']} abandoned, {document['transfers']} transfers, "
            f"{document['rejected']} offers rejected, {document['rang_out']} rang out",
            "bold",
        ),
        (f"messages   {document['messages_sent']} sent, {document['messages_delivered']} delivered", None),
        (f"waits      half within {waits['p50']:.2f} s, 90 % within {waits['p90']:.2f} s, longest {waits['max']:.2f} s", None),
        (f"service    {document['service_level']:.1%} within {document['service_level_s']:g} s", None),
        (f"offers     half within {offers['p50']:.0f} ms of arrival, 99 % within {offers['p99']:.0f} ms", None),
    ]
    problems, violations = document["problems"], document["violations"]
    lines += [(f"problem    {problem}", "red") for problem in problems[:SHOWN]]
    lines += [
        (f"violation  {found['invariant']} {found['subject']}: {found['explanation']}", "red") for found in violations[:SHOWN]
    ]
    if problems or violations:
        lines.append((f"verify     {len(violations)} violations, {len(problems)} problems", "bold red"))
    else:
        counts = document["verified"]
        lines.append((f"verify     no violation in {counts.get('commits', 0):,} commits, every promise kept", "bold green"))
    return lines

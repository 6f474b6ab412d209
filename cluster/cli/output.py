"""How commands speak: to people with tables and colours, to programs with one JSON document.

Invariants kept: with `--json` standard output holds exactly one JSON document, also for an error; an error never ends
with status 0.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cluster.errors import TrunklineError

if TYPE_CHECKING:
    from rich.console import Console

#: `--json` of every command.
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]


def print_json(document: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    """What JSON does not know: structs of ours, paths and the like."""
    import msgspec

    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


def console(stderr: bool = False) -> Console:
    """A rich console; colours only on a terminal. Text of ours is never taken for markup."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True)


def say(text: str = "", style: str | None = None) -> None:
    """A line for people."""
    console().print(text, style=style)


def note(text: str, style: str | None = "dim") -> None:
    """A line for people about the work itself; never on standard output."""
    console(stderr=True).print(text, style=style)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; columns whose header ends in a blank are aligned right."""
    from rich.cells import cell_len

    lines = [[column.strip() for column in columns], *([str(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(line[at]) for line in lines) for at in range(len(columns))]
    if title:
        say(title, style="bold")
    for number, line in enumerate(lines):
        parts = []
        for cell, width, column in zip(line, widths, columns, strict=True):
            blanks = " " * (width - cell_len(cell))
            parts.append(blanks + cell if column.endswith(" ") else cell + blanks)
        say("  ".join(parts).rstrip(), style="dim" if number == 0 else None)


def error_document(error: TrunklineError) -> dict[str, object]:
    """An error as JSON."""
    described: dict[str, object] = {
        "code": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
        "outcome": str(error.outcome),
    }
    if error.retry_after_ms:
        described["retry_after_ms"] = error.retry_after_ms
    problems = getattr(error, "problems", None)
    if problems is not None:
        described["problems"] = [problem.as_json() for problem in problems]
    return {"error": described}


def report_error(error: TrunklineError, as_json: bool) -> None:
    """Tell an error where the caller looks for it."""
    if as_json:
        print_json(error_document(error))
        return
    problems = getattr(error, "problems", None)
    if problems is not None:
        print_problems(problems)
        return
    made = console(stderr=True)
    made.print("error: ", style="bold red", end="")
    made.print(error.detail)


def print_problems(problems: Sequence[Any]) -> None:
    """Problems of a configuration, each with its place, on standard error."""
    made = console(stderr=True)
    for problem in problems:
        severe = problem.severity == "error"
        made.print(f"{problem.severity}: ", style="bold red" if severe else "bold yellow", end="")
        made.print(str(problem))


def finish(status: int) -> NoReturn:
    """End the command with this exit status."""
    raise typer.Exit(status)


def pairs(values: Mapping[str, object]) -> None:
    """Names and values for people, aligned."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        say(f"{name.ljust(width)}  {value}")


def ago(at_ms: int, now_ms: int) -> str:
    """How long ago an instant was, in one unit: `3 min`."""
    seconds = max(0, now_ms - at_ms) / 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

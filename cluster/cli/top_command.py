"""`trunkline top`: what the cluster does now, refreshed in place.

Kept: with `--json` standard output holds one JSON document; nothing is asked of the cluster but its metrics page.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.output import Json, console, print_json
from cluster.cli.where import EVERY_ADDRESS, NothingRuns, RunDir, require_run
from cluster.errors import TrunklineError

if TYPE_CHECKING:
    import aiohttp
    from rich.console import RenderableType
    from rich.table import Table

    from cluster.cli.board import Board, Page

TIMEOUT_S = 10.0
#: Queues and hosts beyond this are left out of the table, the emptiest first; `--json` has them all.
SHOWN = 20
#: Told by colour, and for all hosts together.
LEFT_OUT = frozenset({"up", "turns_per_s"})
#: What is longer in the document than eighty columns have room for.
HEADINGS = {
    "longest_wait_s": "longest s",
    "expected_wait_s": "expect s",
    "entered_per_s": "in/s",
    "granted_per_s": "out/s",
    "withdrawn": "left",
    "in_target": "target",
    "commits_per_s": "commit/s",
    "inputs_a_batch": "batch",
    "commit_ms_p99": "commit ms",
    "events_per_s": "events/s",
    "commands_per_s": "sent/s",
    "refused_per_s": "no/s",
    "ack_ms_p99": "ack ms",
    "lag_ms_p99": "lag ms",
    "resident_mb": "MB",
}


class MetricsUnreachable(TrunklineError):
    """The metrics page cannot be read."""

    code = "UNAVAILABLE"
    retryable = True


def top(
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The metrics page; this run's when left out.")] = None,
    interval_s: Annotated[float, typer.Option("--interval", min=0.1, max=3600, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show one table and end.")] = False,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show queues, agents, hosts, gateways and rates, live; --json prints one snapshot and ends."""
    page_url = url or _page_of_run(run_dir)
    try:
        asyncio.run(_top(page_url, interval_s, once, as_json))
    except KeyboardInterrupt:
        return


def _page_of_run(run_dir: Path | None) -> str:
    run = require_run(run_dir, "name a metrics page with --url http://host:port/metrics")
    if not run.metrics_url:
        raise NothingRuns("this run serves no metrics: write metrics.listen into its layout, then start it again")
    host, _, rest = run.metrics_url.removeprefix("http://").partition(":")
    return f"http://127.0.0.1:{rest}" if host in EVERY_ADDRESS else run.metrics_url


async def _top(url: str, interval_s: float, once: bool, as_json: bool) -> None:
    # Imported here because every other command would wait for it.
    import aiohttp

    from cluster.cli.board import Board

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        before = await _read(session, url)
        await asyncio.sleep(interval_s)
        board = Board(await _read(session, url), before)
        if as_json:
            print_json(board.document())
        elif once or not console().is_terminal:
            console().print(table_of(board))
        else:
            await _live(session, url, interval_s, board)


async def _live(session: aiohttp.ClientSession, url: str, interval_s: float, board: Board) -> None:
    from rich.live import Live

    from cluster.cli.board import Board

    with Live(table_of(board), console=console(), screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(interval_s)
            try:
                board = Board(await _read(session, url), board.now)
            except MetricsUnreachable as problem:
                live.update(table_of(board, problem.detail), refresh=True)
                continue
            live.update(table_of(board), refresh=True)


async def _read(session: aiohttp.ClientSession, url: str) -> Page:
    import aiohttp

    from cluster.cli.board import Page

    try:
        async with session.get(url, headers={"Accept": "text/plain;version=0.0.4"}) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise MetricsUnreachable(f"{url} answered HTTP {answer.status}: is it a gateway's metrics page?")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        detail = f"{url} does not answer: {error or type(error).__name__}; is `metrics.listen` set, and the gateway up?"
        raise MetricsUnreachable(detail) from error
    try:
        page = Page.parse(text, time.monotonic())
    except ValueError as error:
        raise MetricsUnreachable(f"{url} is no metrics page: {error}") from error
    if not page.values:
        raise MetricsUnreachable(f"{url} tells nothing: is it a gateway's metrics page?")
    return page


# -- for people -------------------------------------------------------------------------------------------------------


def table_of(board: Board, problem: str = "") -> RenderableType:
    """The whole screen."""
    from rich.console import Group
    from rich.text import Text

    document: dict[str, Any] = board.document()
    live, agents, rates = document["interactions"], document["agents"], document["rates_per_s"]
    lines: list[RenderableType] = [
        _sentence("interactions", live) if live else Text("interactions  not all answered", style="yellow"),
        _sentence("agents", agents),
        _sentence("each second", rates),
    ]
    if document["silent"]:
        lines.append(Text(f"silent        {', '.join(document['silent'])}", style="bold red"))
    if problem:
        lines.append(Text(problem, style="bold red"))
    supervisor = document["supervisor"]
    if supervisor["shards_unplaced"]:
        lines.append(Text(f"{supervisor['shards_unplaced']} shards have no host", style="bold red"))
    queues = sorted(document["queues"].items(), key=lambda item: (-item[1]["waiting"] - item[1]["offered"], item[0]))
    tables = [("queue", queues), ("host", list(document["hosts"].items())), ("gateway", list(document["gateways"].items()))]
    return Group(*lines, *(_table(title, rows) for title, rows in tables if rows))


def _sentence(title: str, values: dict[str, float]) -> RenderableType:
    from rich.text import Text

    parts = ", ".join(f"{name.replace('_', ' ')} {value:,g}" for name, value in values.items())
    return Text(f"{title:<12}  {parts or 'none'}")


def _table(title: str, rows: list[tuple[str, dict[str, Any]]]) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    columns = [name for name in rows[0][1] if name not in LEFT_OUT]
    made.add_column(title, no_wrap=True)
    for column in columns:
        made.add_column(HEADINGS.get(column, column), justify="right", min_width=2)
    for name, row in rows[:SHOWN]:
        cells = ["" if row[column] is None else f"{row[column]:,g}" for column in columns]
        made.add_row(name, *cells, style=None if row.get("up", True) else "red")
    return made

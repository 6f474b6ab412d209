"""`trunkline demo`: reads the questions, finds or starts a product, plays, verifies, and says how it went.

Exit status: 0 all conversations ended and nothing was violated; 1 otherwise, or nothing could be played.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from loadtest.demo.centre import RETENTION_S, resized, sample_size
from loadtest.demo.figures import summary
from loadtest.demo.observed import Observed
from loadtest.demo.pace import HANDLE_S, IDLE_S, LITERAL_IDLE_S
from loadtest.demo.plan import Run, plan_customers
from loadtest.demo.play import play
from loadtest.demo.questions import Question, read_questions
from loadtest.demo.show import Screen
from loadtest.failures import DemoFailed
from loadtest.interruptible import interruptible
from loadtest.product import Access, OwnProduct, find_running, verify

#: How many conversations an agent of the sample leads at once, and what share of that is planned for.
CAPACITY: Final = 2
OCCUPANCY: Final = 0.6
#: Literal sessions are processes, whose start takes some two seconds of a core each.
LITERAL_RATE_PER_S: Final = 1 / 3
RUNTIMES: Final = ("ray", "process")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked."""

    customers: int
    agents: int
    rate_per_s: float
    seed: int
    pace: float
    run_dir: Path
    runtime: str
    literal: bool
    own: bool


@app.command("demo")
def demo(
    customers: Annotated[int, typer.Option(help="How many customers come.", min=1, max=100_000)] = 100,
    agents: Annotated[int, typer.Option(help="How many simulated agents serve.", min=1, max=1_000)] = 20,
    source: Annotated[
        Path | None,
        typer.Option(help="CSV file with a column `text`, optionally `category`; the product's own questions when left out."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Over how long they come.", min=0.01, show_default=False)] = None,
    rate: Annotated[
        float | None, typer.Option(help="How many come in a minute; as many as agents can serve when left out.", min=0.1)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed brings the same customers.")] = 1,
    pace: Annotated[float, typer.Option(help="How long people take to read and type: 2 is twice as long.", min=0.0)] = 1.0,
    literal: Annotated[bool, typer.Option(help="Every actor is a Ray actor of its own; starts its own product.")] = False,
    runtime: Annotated[str | None, typer.Option(help="ray or process, for the demo's own product.", show_default="ray")] = None,
    run_dir: Annotated[
        Path, typer.Option("--run-dir", envvar="TRUNKLINE_RUN_DIR", help="Where the running product runs from.")
    ] = Path(".trunkline"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")] = False,
) -> None:
    """Play real customer questions with simulated agents, watch the figures, and verify that nothing was lost or doubled.

    Plays at the product that runs here; if none does, it starts one of its own and ends it afterwards.
    """
    if minutes is not None and rate is not None:
        raise typer.BadParameter("give --minutes or --rate, not both")
    if runtime is not None and runtime not in RUNTIMES:
        raise typer.BadParameter(f"--runtime is one of {', '.join(RUNTIMES)}, not {runtime!r}")
    if literal and runtime == "process":
        raise typer.BadParameter("--literal needs Ray: leave --runtime out")
    screen = Screen(as_json)
    own = literal or runtime is not None
    options = Options(
        customers, agents, _rate_per_s(customers, agents, minutes, rate, literal), seed, pace, run_dir, runtime or "ray",
        literal, own,
    )  # fmt: skip
    try:
        questions = read_questions(source)
        document = asyncio.run(interruptible(run_demo(options, questions, screen)))
    except DemoFailed as failed:
        screen.failed(failed.code, failed.detail)
        raise typer.Exit(1) from None
    except asyncio.CancelledError:
        screen.failed("CANCELLED", "interrupted before everybody had been served")
        raise typer.Exit(1) from None
    screen.report(document)
    if document["violations"] or document["problems"]:
        raise typer.Exit(1)


def _rate_per_s(customers: int, agents: int, minutes: float | None, rate: float | None, literal: bool) -> float:
    if minutes is not None:
        return customers / (minutes * 60)
    if rate is not None:
        return rate / 60
    served = OCCUPANCY * CAPACITY * agents / HANDLE_S
    return min(served, LITERAL_RATE_PER_S) if literal else served


async def run_demo(options: Options, questions: list[Question], screen: Screen) -> dict[str, Any]:
    """Play and verify.

    Returns:
        The run's JSON document.

    Raises:
        DemoFailed: it could not be played or judged.
    """
    async with _product(options, screen) as (access, own):
        observed = Observed()
        plans = plan_customers(questions, options.customers, options.rate_per_s, options.seed)
        idle_s = LITERAL_IDLE_S if options.literal else IDLE_S
        run = Run(_run_name(), plans, options.agents, options.seed, options.pace, idle_s)
        watching = asyncio.create_task(screen.watch(observed, options.customers))
        started = time.perf_counter()
        try:
            await play(access, run, observed, screen.tell)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        duration_s = time.perf_counter() - started
        problems = observed.problems()
        logs = own.log_files() if own is not None else ()
        # Of a product that others use too, nobody can say that nothing is under way.
        report = await verify(access, observed.evidence(logs, settled=own is not None and not problems))
        if own is not None and (problems or report["violations"]):
            own.keep = True
            screen.tell(f"the product's logs are kept in {own.run_dir}")
    return {
        **summary(observed, options.agents, duration_s),
        "runtime": access.runtime,
        "literal": options.literal,
        "seed": options.seed,
        "problems": problems,
        "violations": report["violations"],
        "verified": report.get("counts", {}),
        "checked": report.get("checked", {}),
    }


@asynccontextmanager
async def _product(options: Options, screen: Screen) -> AsyncIterator[tuple[Access, OwnProduct | None]]:
    """What to play at; the second is set when it is the demo's own."""
    access = None if options.own else find_running(options.run_dir)
    if access is not None:
        screen.tell(f"playing at the product that runs from {options.run_dir}")
        yield access, None
        return
    centre = None
    if options.literal or options.agents > sample_size():
        centre = resized(options.agents, RETENTION_S if options.literal else None)
    own = OwnProduct(options.runtime, literal=options.literal, centre=centre)
    screen.tell(f"starting a product for this run{', every actor a Ray actor' if options.literal else ''}")
    async with own as access:
        yield access, own
    if not own.keep and own.run_dir.exists():
        screen.tell(f"{own.run_dir} could not be removed")


def _run_name() -> str:
    """A name that no other run has."""
    return f"{int(time.time()):x}{os.getpid():x}{secrets.token_hex(2)}"

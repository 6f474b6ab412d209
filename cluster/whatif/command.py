"""`trunkline simulate centre` and `arrivals`: what if a contact centre were configured, staffed or visited otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.output import Json, finish, note, print_json, say
from cluster.cli.where import Archive, Cluster, RunDir, Store, find_history

#: A Monday without a meaning: hours need a date.
MONDAY = "2026-01-05"
LAW = "exponential:MEAN, lognormal:MEAN:CV, gamma:MEAN:CV, fixed:S, file:PATH"


def simulate_centre(
    centre: Annotated[Path, typer.Argument(help="The contact centre's YAML.", show_default=False)],
    arrivals: Annotated[str, typer.Option(help="A CSV file, or poisson:RATE[:LENGTH], such as poisson:120/h:8h.")],
    against: Annotated[
        Path | None, typer.Option(help="Another configuration, to be compared with the first over the same customers.")
    ] = None,
    door: Annotated[
        list[str] | None,
        typer.Option(
            help="CHANNEL/ENTRY=WEIGHT: where those come in of whom --arrivals does not say; all doors alike if none."
        ),
    ] = None,
    scale: Annotated[float, typer.Option(min=1e-6, help="So many times the arrivals; 0.1 keeps a tenth.")] = 1.0,
    service: Annotated[
        list[str] | None, typer.Option(help=f"Handling times (s), LAW or QUEUE=LAW: {LAW}; exponential:240 if none.")
    ] = None,
    patience: Annotated[
        list[str] | None, typer.Option(help="When those who wait give up: a law as above, or never; exponential:300 if none.")
    ] = None,
    answer: Annotated[str, typer.Option(help="How long an offer rings before its agent answers: a law.")] = "fixed:3",
    no_answer: Annotated[float, typer.Option(min=0.0, max=0.99, help="Share of offers that nobody hears (RONA).")] = 0.0,
    reject: Annotated[float, typer.Option(min=0.0, max=0.99, help="Share of offers that agents refuse.")] = 0.0,
    back: Annotated[str, typer.Option(help="After how long who missed an offer is available again: a law.")] = "fixed:60",
    after_work: Annotated[
        str | None, typer.Option(help="Time of after-work, a law bounded by the queue's wrap_up_s; all of that if none.")
    ] = None,
    shifts: Annotated[
        Path | None, typer.Option(help="CSV with agent,from,to[,count]: who works when; whoever is not in it works all day.")
    ] = None,
    against_shifts: Annotated[
        Path | None, typer.Option(help="Shifts of the second configuration, which may be the same file as the first.")
    ] = None,
    day: Annotated[str, typer.Option("--date", help="The date of the first day; opening hours go by it.")] = MONDAY,
    opening: Annotated[str, typer.Option(help="When Poisson arrivals and numbered intervals begin, local time.")] = "07:00",
    warm_up_s: Annotated[float, typer.Option(min=0.0, help="Leave out whom came first, into an empty centre.")] = 0.0,
    replications: Annotated[int, typer.Option(min=1, help="Independent days; their spread gives the intervals.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 1,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    processes: Annotated[int, typer.Option(min=0, help="Days at a time; 0: one for each processor.")] = 0,
    judge: Annotated[bool, typer.Option("--judge/--no-judge", help="Have the checker judge every commit.")] = True,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with plots there.")] = None,
    as_json: Json = False,
) -> None:
    """What if: a centre's days with its own actors, over given arrivals; figures with intervals, and against another's.

    The word `centre` may be left out before a name that ends in .yaml. Exit status 1 if an invariant was broken.
    """
    from cluster.whatif.options import Options, planned
    from cluster.whatif.report import page
    from cluster.whatif.study import run_study
    from cluster.whatif.words import in_words

    options = Options(
        centre, arrivals, against, tuple(door or ()), scale, tuple(service or ()), tuple(patience or ()), answer, no_answer,
        reject, back, after_work, day, opening, warm_up_s, replications, seed, confidence, judge, shifts, against_shifts,
    )  # fmt: skip
    plan = planned(options)
    outcome = run_study(plan, processes)
    if report is not None:
        report.write_text(page(outcome), encoding="utf-8")
        note(f"report: {report}")
    if as_json:
        print_json(outcome)
    else:
        say(in_words(outcome))
    if outcome.violations:
        finish(1)


def recorded_arrivals(
    out: Annotated[Path | None, typer.Option(help="Write the file there instead of to standard output.")] = None,
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    archive: Archive = None,
    as_json: Json = False,
) -> None:
    """Write what a cluster lived through as an arrivals file for `simulate centre`; of customers only times are in it."""
    access = find_history(store, cluster, run_dir, archive)
    from cluster.cli.store_access import with_store
    from cluster.whatif.recorded import COLUMNS, as_csv, lived

    rows = with_store(access, lived)
    if out is not None:
        out.write_text(as_csv(rows), encoding="utf-8")
        note(f"{len(rows):,} arrivals: {out}")
    if as_json:
        print_json({"arrivals": [dict(zip(COLUMNS, one.cells(), strict=True)) for one in rows]})
    elif out is None:
        typer.echo(as_csv(rows), nl=False)

"""What a person asks for on the command line, read and checked into a study's plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cluster.config.schema import DEFAULT_ENTRY_POINT
from cluster.whatif.arrivals import Door
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.conduct import Conduct
from cluster.whatif.day import EVERYBODY_ALL_DAY
from cluster.whatif.files import Reading, time_of_day
from cluster.whatif.laws import Law, parse_law, parse_laws
from cluster.whatif.shifts import read_shifts
from cluster.whatif.sources import open_source, parse_doors
from cluster.whatif.study import Plan
from cluster.whatif.unusable import StudyUnusable

SERVICE = Law("exponential:240", "exponential", 240.0)
PATIENCE = Law("exponential:300", "exponential", 300.0)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `trunkline simulate centre`, as written."""

    centre: Path
    arrivals: str
    against: Path | None = None
    door: tuple[str, ...] = ()
    scale: float = 1.0
    service: tuple[str, ...] = ()
    patience: tuple[str, ...] = ()
    answer: str = "fixed:3"
    no_answer: float = 0.0
    reject: float = 0.0
    back: str = "fixed:60"
    after_work: str | None = None
    day: str = "2026-01-05"
    opening: str = "07:00"
    warm_up_s: float = 0.0
    replications: int = 10
    seed: int = 1
    confidence: float = 0.95
    judge: bool = True
    shifts: Path | None = None
    against_shifts: Path | None = None


def planned(options: Options) -> Plan:
    """The study that these options mean.

    Raises:
        ConfigProblems: a configuration cannot be used.
        StudyUnusable: an option or the arrivals cannot.
    """
    against = options.against or (options.centre if options.against_shifts is not None else None)
    centres = tuple(CentreFile.read(path) for path in (options.centre, against) if path is not None)
    rotas = (options.shifts, options.against_shifts or options.shifts)
    shifts = tuple(
        read_shifts(rota, centre.groups) if rota is not None else EVERYBODY_ALL_DAY
        for centre, rota in zip(centres, rotas, strict=False)
    )
    doors = _shared_doors(centres)
    base = _date(options.day)
    how = Reading(
        (), (), frozenset(doors), base, centres[0].edge.timezone, _opening_s(options.opening), options.scale,
        _leading(centres[0], doors),
    )  # fmt: skip
    source = open_source(options.arrivals, parse_doors(options.door, doors), how)
    return Plan(
        centres, source, _conduct(options, centres), base, options.replications, options.seed, options.confidence,
        options.warm_up_s, options.judge, shifts,
    )  # fmt: skip


def _conduct(options: Options, centres: tuple[CentreFile, ...]) -> Conduct:
    names = frozenset(name for centre in centres for name in (*centre.queues, *centre.channels))
    if options.no_answer + options.reject >= 1:
        raise StudyUnusable("--no-answer and --reject leave no offer that is accepted; together they must be below 1")
    after_work = options.after_work
    return Conduct(
        parse_laws(options.service, SERVICE, "--service", names),
        parse_laws(options.patience, PATIENCE, "--patience", names),
        _finite(options.answer, "--answer"),
        options.no_answer,
        options.reject,
        _finite(options.back, "--back"),
        None if after_work is None else _finite(after_work, "--after-work"),
    )


def _finite(text: str, what: str) -> Law:
    law = parse_law(text, what)
    if law.kind == "never":
        raise StudyUnusable(f"{what} `never`: only customers' patience may have no end")
    return law


def _shared_doors(centres: tuple[CentreFile, ...]) -> list[Door]:
    """Doors that every configuration has: the same customers must be able to come to each."""
    shared = set(centres[0].doors).intersection(*(centre.doors for centre in centres))
    if not shared:
        raise StudyUnusable("the two configurations have no entry point in common, so they cannot have the same customers")
    return sorted(shared)


def _leading(centre: CentreFile, doors: list[Door]) -> dict[tuple[str, str], Door]:
    """By channel and queue the door that leads there: `default` if it does, else the first by name."""
    found: dict[tuple[str, str], Door] = {}
    for door in sorted(doors, key=lambda door: (door.entry_point != DEFAULT_ENTRY_POINT, door)):
        entry = centre.edge.entry(door.channel, door.entry_point)
        if entry is not None:
            found.setdefault((door.channel, entry.queue), door)
    return found


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise StudyUnusable(f"--date `{text[:40]}` is no date; write it like 2026-01-05") from None


def _opening_s(text: str) -> float:
    try:
        return time_of_day(text)
    except ValueError:
        raise StudyUnusable(f"--opening `{text[:40]}` is no time of day; write it like 07:00") from None

"""A study: replications of one or two configurations over the same customers, in several processes, put together.

Keeps: figures are a function of the files, the options and the seed, however many processes there are.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Final

import msgspec
import numpy as np

from cluster.catalogue import load_catalogue
from cluster.invariants.checker import Checker
from cluster.whatif.arrivals import Source
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.conduct import Conduct, Needs
from cluster.whatif.day import EVERYBODY_ALL_DAY, SimulatedDay, midnight
from cluster.whatif.intervals import Differences, Estimates, course_estimates, differences, estimates
from cluster.whatif.ledger import Fate
from cluster.whatif.measures import DayResult, Sheet
from cluster.whatif.shifts import Shifts

#: Violations and refusals that are told of one replication.
MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate. `base` is the date of the arrivals' day 0; `judge`: have the checker judge every commit."""

    centres: tuple[CentreFile, ...]
    source: Source
    conduct: Conduct
    base: date
    replications: int
    seed: int
    confidence: float
    warm_up_s: float
    judge: bool
    #: For each configuration, who works when; none: everybody, all day.
    shifts: tuple[Shifts, ...] = ()

    def name(self, index: int) -> str:
        """What people call a configuration with its shifts."""
        shifts = self.shifts[index].name if self.shifts else ""
        return self.centres[index].name + (f" with {shifts}" if shifts else "")


class Outcome(msgspec.Struct, frozen=True):
    """What `--json` prints. Shares are in percent, times in seconds."""

    configurations: list[str]
    arrivals: str
    assumed: dict[str, str]
    replications: int
    seed: int
    confidence: float
    #: For each configuration: group (all, queue:…, channel:…) -> figure -> estimate.
    figures: list[Estimates]
    #: The second configuration less the first.
    differences: Differences | None
    #: For each configuration, the day by half-hour: local time -> figure -> estimate.
    course: list[Estimates]
    violations: list[str]
    #: What actors refused of what simulated people did; none, if all is as it should be.
    refusals: list[str]
    #: Customers whom nobody served within a day of the last arrival.
    unserved: list[int]
    warnings: list[str]
    customers: int
    seconds: float
    customers_per_s: float
    judged: bool


def run_study(plan: Plan, processes: int = 1) -> Outcome:
    """Simulate every replication of every configuration.

    Args:
        processes: At a time; 0 is one for each processor.
    """
    begun_s = time.perf_counter()
    seeds = list(enumerate(np.random.SeedSequence(plan.seed).spawn(plan.replications)))
    one = partial(replicate, plan)
    at_once = min(processes or os.cpu_count() or 1, plan.replications)
    if at_once == 1:
        results = [one(seed) for seed in seeds]
    else:
        with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
            results = list(pool.map(one, seeds))
    return put_together(plan, results, time.perf_counter() - begun_s)


def replicate(plan: Plan, numbered: tuple[int, np.random.SeedSequence]) -> list[DayResult]:
    """One replication of each configuration, with the same customers."""
    number, seed = numbered
    random = np.random.default_rng(seed)
    arrivals = plan.source.draw(number, random)
    needs = Needs.drawn(arrivals, random)
    catalogue = load_catalogue()
    results = []
    for centre, shifts in zip(plan.centres, plan.shifts or (EVERYBODY_ALL_DAY,) * len(plan.centres), strict=True):
        begun_s = time.process_time()
        checker = Checker() if plan.judge else None
        day = SimulatedDay(
            centre, plan.conduct, plan.source.doors, arrivals, needs, catalogue, plan.base, checker, shifts=shifts
        )
        ledger = day.run()
        violations = checker.finish().violations if checker is not None else []
        found = tuple(f"{one.invariant} {one.subject}: {one.explanation}" for one in violations[:MOST_TOLD])
        sheet = Sheet(ledger, centre, plan.warm_up_s)
        midnight_at = midnight(plan.base + timedelta(days=arrivals.day), centre.edge.timezone)
        unserved = sum(customer.fate is Fate.WAITING for customer in ledger.customers)
        results.append(
            DayResult(
                sheet.figures(),
                sheet.course(midnight_at),
                found,
                tuple(day.refusals[:MOST_TOLD]),
                unserved,
                len(arrivals),
                time.process_time() - begun_s,
            )
        )
    return results


def put_together(plan: Plan, results: list[list[DayResult]], took_s: float) -> Outcome:
    """Means, intervals and differences of what was simulated."""
    by_centre = list(zip(*results, strict=True))
    conduct = plan.conduct
    assumed = {
        "service": conduct.service.in_words(), "patience": conduct.patience.in_words(), "answer": conduct.answer.text,
        "no_answer": f"{conduct.no_answer:g}", "reject": f"{conduct.reject:g}", "back": conduct.back.text,
        "wrap_up": conduct.wrap_up.text if conduct.wrap_up is not None else "as configured",
        "doors": ", ".join(map(str, plan.source.doors)), "date": plan.base.isoformat(),
    }  # fmt: skip
    customers = sum(day.customers for days in results for day in days)
    worked_s = sum(day.took_s for days in results for day in days)
    return Outcome(
        configurations=[plan.name(index) for index in range(len(plan.centres))],
        arrivals=plan.source.title,
        assumed=assumed,
        replications=plan.replications,
        seed=plan.seed,
        confidence=plan.confidence,
        figures=[estimates(days, plan.confidence) for days in by_centre],
        differences=differences(by_centre[0], by_centre[1], plan.confidence) if len(by_centre) == 2 else None,
        course=[course_estimates(days, plan.confidence) for days in by_centre],
        violations=[line for days in results for day in days for line in day.violations][:MOST_TOLD],
        refusals=[line for days in results for day in days for line in day.refusals][:MOST_TOLD],
        unserved=[sum(day.unserved for day in days) for days in by_centre],
        warnings=[str(warning) for centre in plan.centres for warning in centre.warnings],
        customers=customers,
        seconds=round(took_s, 3),
        customers_per_s=round(customers / worked_s, 1) if worked_s else 0.0,
        judged=plan.judge,
    )

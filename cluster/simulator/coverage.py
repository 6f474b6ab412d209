"""How often expected waits that were announced came true: `trunkline simulate expected-wait`.

Three unlike centres, one estimator with one set of constants. Every announcement counts, from the first one that a
centre dares to make; also those to customers who gave up, whose wait had they stayed is known here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final

import msgspec
import numpy as np

from actors.routing.expecting import CONFIDENCE
from cluster.simulator.announcing import AnnouncingCentre, AnnouncingModel, Told

#: What the share within must be for a nominal 90 %.
LEAST: Final = 0.87
MOST: Final = 0.93

VOICE: Final = AnnouncingModel("voice", {"any": 1.0}, (frozenset({"any"}),) * 20, 180.0, 24 / 180, mean_patience_s=240.0)
SKILLS: Final = AnnouncingModel(
    "skills", {"a": 0.69, "b": 0.31}, (frozenset("a"),) * 4 + (frozenset("ab"),) * 4, 180.0, 7.4 / 180
)
CHAT: Final = AnnouncingModel(
    "chat", {"any": 1.0}, (frozenset({"any"}),) * 8, 600.0, 26 / 600, 900.0, capacity=3, service_spread=0.6, swing=0.45
)
CENTRES: Final = (VOICE, SKILLS, CHAT)
DESCRIPTIONS: Final = {
    "voice": "20 agents, calls of 180 s (exponential), 20 % more than they can do, patience 240 s",
    "skills": "4 agents serve a, 4 serve a and b, 180 s (exponential), 92 % busy, nobody gives up",
    "chat": "8 agents with 3 chats each, 600 s (lognormal), arrivals 60 to 157 % of what they can do, patience 900 s",
}  # fmt: skip


class Share(msgspec.Struct, frozen=True):
    """Announcements of one sort, and what became of them; times in seconds."""

    sort: str
    announcements: int
    within: float
    below: float
    above: float
    mean_took_s: float
    mean_expected_s: float
    mean_width_s: float
    #: Mean of |expected - took|.
    mean_error_s: float


class Coverage(msgspec.Struct, frozen=True):
    """One centre. `shares` begins with all announcements; `runs` is the share within of each run."""

    centre: str
    description: str
    nominal: float
    within: bool
    shares: list[Share]
    runs: list[float]
    customers: int
    gave_up: float


class ExpectedWaits(msgspec.Struct, frozen=True):
    """The outcome of `trunkline simulate expected-wait`."""

    centres: list[Coverage]
    within: bool
    least: float
    most: float
    seed: int


@dataclass(frozen=True, slots=True)
class CoverageRun:
    """How much to simulate of each centre. `processes` 0 means one for each processor."""

    replications: int = 4
    customers: int = 4_000
    seed: int = 1
    processes: int = 1


def measure_coverage(run: CoverageRun, models: Sequence[AnnouncingModel] = CENTRES) -> ExpectedWaits:
    """Simulate each centre and count how often what was announced came true."""
    seeds = np.random.SeedSequence(run.seed).spawn(run.replications)
    work = [(model, seed) for model in models for seed in seeds]
    one = partial(_replication, run.customers)
    processes = min(run.processes or os.cpu_count() or 1, len(work))
    if processes == 1:
        results = [one(item) for item in work]
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            results = list(pool.map(one, work))
    centres = [
        _coverage(model, results[number * len(seeds) : (number + 1) * len(seeds)], run.customers)
        for number, model in enumerate(models)
    ]
    return ExpectedWaits(centres, all(centre.within for centre in centres), LEAST, MOST, run.seed)


def _replication(customers: int, work: tuple[AnnouncingModel, np.random.SeedSequence]) -> tuple[list[Told], float]:
    model, seed = work
    centre = AnnouncingCentre(model, customers, np.random.default_rng(seed))
    return centre.run(), sum(centre.abandoned) / customers


def _coverage(model: AnnouncingModel, results: list[tuple[list[Told], float]], customers: int) -> Coverage:
    told = [item for one, _ in results for item in one]
    if not told:
        raise ValueError(f"nothing was announced in centre {model.name}; simulate more customers")
    sorts = {"all": told}
    if len(model.kinds) > 1:
        sorts |= {f"kind {kind}": [item for item in told if item.kind == kind] for kind in model.kinds}
    for name, least, most in (("next", 0, 0), ("1 to 3 in front", 1, 3), ("4 to 15", 4, 15), ("16 or more", 16, 1 << 30)):
        sorts[name] = [item for item in told if least <= item.ahead <= most]
    shares = [share_of(name, items) for name, items in sorts.items() if items]
    gave_up = sum(left for _, left in results) / len(results)
    runs = [share_of("", one).within for one, _ in results if one]
    is_within = LEAST <= shares[0].within <= MOST
    description = DESCRIPTIONS.get(model.name, "")
    return Coverage(model.name, description, CONFIDENCE / 100, is_within, shares, runs, customers * len(results), gave_up)


def share_of(sort: str, told: Sequence[Told]) -> Share:
    """What became of these announcements."""
    low, expected, high, took = (
        np.array([(item.expected.low_ms, item.expected.expected_ms, item.expected.high_ms, item.took_ms) for item in told]).T
        / 1000
    )
    below, above = float((took < low).mean()), float((took > high).mean())
    return Share(
        sort, len(told), 1 - below - above, below, above, float(took.mean()), float(expected.mean()),
        float((high - low).mean()), float(np.abs(expected - took).mean()),
    )  # fmt: skip


def in_words(found: ExpectedWaits) -> str:
    """The coverage as a table for each centre."""
    lines = []
    for centre in found.centres:
        verdict = "" if centre.within else f"  OUTSIDE {100 * found.least:g} to {100 * found.most:g} %"
        lines += [
            f"{centre.centre}: {centre.description}",
            f"{centre.customers:,} customers, {100 * centre.gave_up:.0f} % gave up; "
            f"runs {100 * min(centre.runs):.1f} to {100 * max(centre.runs):.1f} %{verdict}",
            f"{'':18}{'told':>8}{'within':>9}{'below':>8}{'above':>8}{'took s':>9}{'said s':>9}{'width s':>9}{'error s':>9}",
        ]
        for share in centre.shares:
            lines.append(
                f"{share.sort:18}{share.announcements:8,}{100 * share.within:8.1f}%{100 * share.below:7.1f}%"
                f"{100 * share.above:7.1f}%{share.mean_took_s:9.1f}{share.mean_expected_s:9.1f}{share.mean_width_s:9.1f}"
                f"{share.mean_error_s:9.1f}"
            )
        lines.append("")
    return "\n".join(lines).rstrip()

"""Holds the simulated centre against theory: a mean with its confidence interval beside each exact figure.

Replications are independent: each has its own stream of one seed, begins empty and drops its first customers. Their
means are independent and nearly normal, so Student's t gives the interval (Law and Kelton, "Simulation Modeling and
Analysis", on replication and deletion). Most of their spread comes from the luck of the draw: how many happened to
come, and how long they happened to take. Both have known means, so they serve as control variates (Lavenberg and
Welch, 1981), which narrows the intervals two- to threefold and keeps their level.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from actors.messages.centre import Reserve
from cluster.simulator.centre import CentreModel, CustomerType, Outcomes, SimulatedCentre
from cluster.simulator.quality import reserve_mean_waits
from cluster.simulator.reserving import Reserving
from cluster.simulator.skills import NAMES, skill_model
from cluster.simulator.theory import ErlangA, ErlangC, SkillBased, n_model

CONFIDENCE: Final = 0.99
#: With fewer replications, estimating what controls explain costs more than it gains.
LEAST_CONTROLLED: Final = 8
#: A head start without limit: longer than any run.
ANY_HEAD_START_MS: Final = 10**12

Measure = Callable[[Outcomes], float]


class Figure(msgspec.Struct, frozen=True):
    """One figure: what theory says, and what was simulated (corrected for the luck of the draw), with its interval."""

    name: str
    unit: str
    exact: float
    mean: float
    low: float
    high: float
    within: bool


class Comparison(msgspec.Struct, frozen=True):
    """The outcome of `trunkline simulate` for one model; `within` says whether every figure is."""

    model: str
    parameters: dict[str, float]
    figures: list[Figure]
    within: bool
    confidence: float
    replications: int
    #: Customers that count, over all replications; as many as `warm_up` were dropped from each.
    customers: int
    warm_up: int
    seed: int
    seconds: float
    #: Mean wait if everybody could serve everybody, and how far above it the mean wait is; only with skills.
    pooled_floor_s: float | None = None
    above_floor: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """How much to simulate. `processes` 0 means one for each processor."""

    replications: int = 40
    customers: int = 5_000
    seed: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        if self.replications < 2:
            raise ValueError(f"an interval needs at least 2 replications, not {self.replications}")
        if self.customers < 1:
            raise ValueError(f"there is nothing to measure with {self.customers} customers; simulate at least 1")


def waits(outcomes: Outcomes) -> float:
    return float((outcomes.waited_s > 0).mean())


def mean_wait_s(outcomes: Outcomes) -> float:
    return float(outcomes.waited_s.mean())


def abandons(outcomes: Outcomes) -> float:
    return float(outcomes.abandoned.mean())


def answered_within(outcomes: Outcomes, target_s: float) -> float:
    return float((outcomes.waited_s <= target_s).mean())


def mean_wait_of(outcomes: Outcomes, kind: int) -> float:
    of_kind = outcomes.waited_s[outcomes.kinds == kind]
    return float(of_kind.mean()) if len(of_kind) else math.nan


def compare_erlang_c(
    run: Run, load: float = 10.0, agents: int = 14, mean_service_s: float = 180.0, target_s: float = 20.0
) -> Comparison:
    """Patient customers and equal agents, against Erlang C.

    Raises:
        ValueError: the agents cannot keep up with the load.
    """
    exact = ErlangC(load / mean_service_s, mean_service_s, agents)
    model = CentreModel((CustomerType("any", exact.arrival_rate),), (frozenset(),) * agents, mean_service_s)
    measures: dict[str, tuple[str, float, Measure]] = {
        "wait_probability": ("", exact.wait_probability, waits),
        "mean_wait": ("s", exact.mean_wait_s, mean_wait_s),
        "service_level": ("", exact.service_level(target_s), partial(answered_within, target_s=target_s)),
    }
    parameters = {"load": load, "agents": float(agents), "mean_service_s": mean_service_s, "target_s": target_s}
    return _compare("erlang-c", parameters, model, measures, run, _warm_up(load, agents))


def compare_erlang_a(
    run: Run, load: float = 48.0, agents: int = 50, mean_service_s: float = 60.0, mean_patience_s: float = 120.0
) -> Comparison:
    """Customers who give up, and equal agents, against Erlang A."""
    exact = ErlangA(load / mean_service_s, mean_service_s, agents, mean_patience_s)
    types = (CustomerType("any", exact.arrival_rate),)
    model = CentreModel(types, (frozenset(),) * agents, mean_service_s, mean_patience_s)
    measures: dict[str, tuple[str, float, Measure]] = {
        "wait_probability": ("", exact.wait_probability, waits),
        "abandon_probability": ("", exact.abandon_probability, abandons),
        "mean_wait": ("s", exact.mean_wait_s, mean_wait_s),
    }
    parameters = {
        "load": load, "agents": float(agents), "mean_service_s": mean_service_s, "mean_patience_s": mean_patience_s,
    }  # fmt: skip
    # Whoever gives up leaves no backlog, so the centre settles within a few services.
    return _compare("erlang-a", parameters, model, measures, run, math.ceil(20 * load))


def compare_n_model(run: Run, load_a: float = 1.0, load_b: float = 0.4, mean_service_s: float = 100.0) -> Comparison:
    """Agent 1 serves a, agent 2 serves a and b, against the product form; times in mean services.

    Raises:
        ValueError: the agents cannot keep up with the loads.
    """
    return compare_product_form(run, "n-model", n_model(load_a, load_b), mean_service_s)


def compare_skill_based(run: Run, name: str, mean_service_s: float = 100.0) -> Comparison:
    """One of the models of `skills`, against the product form; times in mean services.

    Raises:
        ValueError: there is no such model.
    """
    return compare_product_form(run, name, skill_model(name), mean_service_s)


def compare_product_form(run: Run, name: str, exact: SkillBased, mean_service_s: float) -> Comparison:
    """The default policy in a centre whose rates are per mean service and whose agents are equally fast.

    Raises:
        ValueError: some agents are faster than others; customers bring their handling times with them.
    """
    model = centre_of(exact, mean_service_s)
    compared = _compare_waits(run, name, exact, model, exact.mean_waits_s(), exact.mean_wait_s())
    return _with_floor(compared, exact, mean_service_s)


def compare_reserve(run: Run, name: str, mean_service_s: float = 100.0) -> Comparison:
    """The reserve policy on one of the models of `skills`, against its chain; times in mean services.

    Raises:
        ValueError: there is no such model.
    """
    exact = skill_model(name)
    model = replace(centre_of(exact, mean_service_s), reserve=Reserve(ANY_HEAD_START_MS), hold_back=Reserving(exact).most_held)
    mean, waits = reserve_mean_waits(exact)
    return _with_floor(_compare_waits(run, f"{name}, reserve", exact, model, waits, mean), exact, mean_service_s)


def _compare_waits(
    run: Run, name: str, exact: SkillBased, model: CentreModel, expected: Mapping[str, float], expected_mean: float
) -> Comparison:
    """Mean waits by type and over all, in mean services."""
    mean_service_s = model.mean_service_s
    measures: dict[str, tuple[str, float, Measure]] = {
        f"mean_wait_{kind}": (
            "services",
            expected[kind],
            partial(_wait_in_services, kind=number, mean_service_s=mean_service_s),
        )
        for number, kind in enumerate(exact.arrival_rates)
    }
    measures["mean_wait"] = ("services", expected_mean, lambda outcomes: mean_wait_s(outcomes) / mean_service_s)
    loads = {f"load_{kind}": rate for kind, rate in exact.arrival_rates.items()}
    return _compare(name, {**loads, "mean_service_s": mean_service_s}, model, measures, run, warm_up_of(exact))


def centre_of(exact: SkillBased, mean_service_s: float) -> CentreModel:
    """The centre to simulate for a model in mean services: each type needs the skill of its name.

    Raises:
        ValueError: some agents are faster than others; customers bring their handling times with them.
    """
    if set(exact.service_rates.values()) != {1.0}:
        raise ValueError("the simulated centre's agents all work at the same speed")
    types = tuple(CustomerType(kind, rate / mean_service_s, True) for kind, rate in exact.arrival_rates.items())
    return CentreModel(types, tuple(exact.serves.values()), mean_service_s)


def compare_all(run: Run) -> Iterator[Comparison]:
    """Every model that has an exact answer, in its published size, one after the other."""
    yield compare_erlang_c(run)
    yield compare_erlang_a(run)
    for name in NAMES:
        yield compare_skill_based(run, name)


def _wait_in_services(outcomes: Outcomes, kind: int, mean_service_s: float) -> float:
    return mean_wait_of(outcomes, kind) / mean_service_s


def _with_floor(compared: Comparison, exact: SkillBased, mean_service_s: float) -> Comparison:
    """Say how far the product is above what no policy can beat."""
    floor = exact.pooled().mean_wait_s
    simulated = next(figure.mean for figure in compared.figures if figure.name == "mean_wait")
    return msgspec.structs.replace(compared, pooled_floor_s=floor * mean_service_s, above_floor=simulated / floor - 1)


def _warm_up(load: float, agents: float) -> int:
    """Customers during ten relaxation times of M/M/n, 1 / (mu (sqrt n - sqrt a)^2) each."""
    return math.ceil(10 * load / (math.sqrt(agents) - math.sqrt(load)) ** 2)


def warm_up_of(exact: SkillBased) -> int:
    """Customers during ten relaxation times of the slowest group of agents, with what only they may serve."""
    total = sum(exact.arrival_rates.values())
    slowest = 0.0
    for group in exact.groups():
        spread = math.sqrt(exact.speed(group)) - math.sqrt(exact.only(group))
        slowest = max(slowest, 10 / spread**2)
    return math.ceil(total * slowest)


def _compare(
    name: str,
    parameters: dict[str, float],
    model: CentreModel,
    measures: Mapping[str, tuple[str, float, Measure]],
    run: Run,
    warm_up: int,
) -> Comparison:
    begun = time.perf_counter()
    results = _replicate(model, run, warm_up)
    controls = np.array([luck(model, outcomes) for outcomes in results])
    figures = []
    for figure, (unit, exact, measure) in measures.items():
        mean, low, high = interval(np.array([measure(outcomes) for outcomes in results]), controls)
        figures.append(Figure(figure, unit, exact, mean, low, high, low <= exact <= high))
    seconds = time.perf_counter() - begun
    within = all(figure.within for figure in figures)
    counted = run.replications * run.customers
    return Comparison(
        name, parameters, figures, within, CONFIDENCE, run.replications, counted, warm_up, run.seed, round(seconds, 3)
    )


def _replicate(model: CentreModel, run: Run, warm_up: int) -> list[Outcomes]:
    seeds = np.random.SeedSequence(run.seed).spawn(run.replications)
    one = partial(replication, model, run.customers, warm_up)
    processes = min(run.processes or os.cpu_count() or 1, run.replications)
    if processes == 1:
        return [one(seed) for seed in seeds]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return list(pool.map(one, seeds))


def replication(model: CentreModel, customers: int, warm_up: int, seed: np.random.SeedSequence) -> Outcomes:
    """One independent run, without its warm-up."""
    cool_down = warm_up if model.reserve is not None else 0
    simulated = SimulatedCentre(model, warm_up + customers + cool_down, np.random.default_rng(seed))
    return simulated.run().after(warm_up, cool_down)


def luck(model: CentreModel, outcomes: Outcomes) -> tuple[float, float]:
    """How far mean gap and mean handling time came out from what they should be; both are 0 on average."""
    rate = sum(kind.arrival_rate for kind in model.types)
    return float(outcomes.gaps_s.mean() * rate - 1), float(outcomes.services_s.mean() / model.mean_service_s - 1)


def interval(means: NDArray[np.float64], controls: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean of independent means if all controls were 0, and its confidence interval, by linear regression.

    Args:
        means: One for each replication.
        controls: One row for each replication; with too few replications they are not used.
    """
    columns = np.ones((len(means), 1))
    if len(means) > LEAST_CONTROLLED:
        columns = np.column_stack([columns, controls])
    weights = np.linalg.pinv(columns)
    estimates = weights @ means
    residuals = means - columns @ estimates
    freedom = columns.shape[0] - columns.shape[1]
    variance = float(residuals @ residuals) / freedom * float(weights[0] @ weights[0])
    mean = float(estimates[0])
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(variance)
    return mean, mean - half, mean + half

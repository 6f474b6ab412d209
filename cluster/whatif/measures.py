"""What is measured of one simulated day: figures for everybody, each queue and each channel, and the course of the day.

Definitions: **wait** is from arrival until an agent's answer, or until the customer gave up. **Service level**: the share of
arrivals answered within their queue's target. **Occupancy**: agents' time serving or wrapping up, over their time available
or serving. **Utilisation**: interactions' time over the time that all places of all agents had. Whoever was turned away
(closed, refused) counts as nothing but that. Who still waits a day later counts as an arrival that nobody served.

Keeps: a figure that has no meaning (a mean over nobody) is NaN, never 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.whatif.arrivals import Floats
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.ledger import BIN_MS, Fate, Ledger


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of figure. `better` is 1 if more is better, -1 if less is, 0 if that depends."""

    name: str
    unit: str
    better: int
    title: str


MEASURES: Final = (
    Measure("arrivals", "", 0, "arrivals"),
    Measure("served", "", 1, "served"),
    Measure("abandoned", "", -1, "gave up"),
    Measure("turned_away", "", -1, "turned away"),
    Measure("abandoned_share", "%", -1, "share that gave up"),
    Measure("service_level", "%", 1, "service level"),
    Measure("asa_s", "s", -1, "average speed of answer"),
    Measure("wait_mean_s", "s", -1, "mean wait"),
    Measure("wait_p50_s", "s", -1, "wait, median"),
    Measure("wait_p90_s", "s", -1, "wait, 90 % within"),
    Measure("wait_p99_s", "s", -1, "wait, 99 % within"),
    Measure("offers", "", 0, "offers"),
    Measure("rona", "", -1, "offers that rang unheard"),
    Measure("rejected", "", -1, "offers refused"),
    Measure("occupancy", "%", 0, "occupancy"),
    Measure("utilisation", "%", 0, "utilisation of capacity"),
)
EVERYBODY: Final = "all"
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Course:
    """The day by half-hour, counted from its local midnight (`first` is the number of the first)."""

    first: int
    arrivals: Floats
    answered_in_time: Floats
    waited_s: Floats
    waiters: Floats
    busy_s: Floats
    present_s: Floats


@dataclass(frozen=True, slots=True)
class DayResult:
    """One replication of one configuration."""

    figures: Figures
    course: Course
    violations: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    unserved: int = 0
    customers: int = 0
    took_s: float = 0.0


def queue_group(queue: str) -> str:
    """What the figures of a queue are called."""
    return f"queue:{queue}"


def channel_group(channel: str) -> str:
    """What the figures of a channel are called."""
    return f"channel:{channel}"


class Sheet:
    """A ledger as arrays. `warm_up_s` leaves out whom came in the first seconds, who found an empty centre."""

    def __init__(self, ledger: Ledger, centre: CentreFile, warm_up_s: float = 0.0) -> None:
        counts_from = ledger.opens_at + 1000 * warm_up_s
        customers = [customer for customer in ledger.customers if customer.came_at >= counts_from]
        self._ledger, self._centre = ledger, centre
        targets = {queue: target.service_level_s for queue, target in centre.edge.queues.items()}
        self.fates = np.array([customer.fate for customer in customers], np.int64)
        self.waits_s = np.array([customer.waited_ms for customer in customers], np.float64) / 1000
        self.came_at = np.array([customer.came_at for customer in customers], np.int64)
        self.queues = np.array([customer.queue for customer in customers], dtype=object)
        self.channels = np.array([customer.channel for customer in customers], dtype=object)
        within = np.array([targets.get(customer.queue, math.inf) for customer in customers], np.float64)
        self.in_time = (self.fates == Fate.SERVED) & (self.waits_s <= within)

    def figures(self) -> Figures:
        """All figures, by group."""
        everybody = np.ones(len(self.fates), np.bool_)
        found = {EVERYBODY: self._of(everybody, None) | self._agents()}
        for queue in self._centre.queues:
            found[queue_group(queue)] = self._of(self.queues == queue, queue)
        for channel in self._centre.channels:
            found[channel_group(channel)] = self._of(self.channels == channel, None, with_offers=False)
        return found

    def _of(self, those: NDArray[np.bool_], queue: str | None, with_offers: bool = True) -> dict[str, float]:
        fates, waits_s = self.fates[those], self.waits_s[those]
        came = fates != Fate.TURNED_AWAY
        served, abandoned = fates == Fate.SERVED, fates == Fate.ABANDONED
        waited_s = waits_s[served | abandoned]
        arrivals = int(came.sum())
        p50, p90, p99 = np.quantile(waited_s, (0.5, 0.9, 0.99)).tolist() if len(waited_s) else (math.nan,) * 3
        found = {
            "arrivals": float(arrivals),
            "served": float(served.sum()),
            "abandoned": float(abandoned.sum()),
            "turned_away": float((~came).sum()),
            "abandoned_share": _share(float(abandoned.sum()), arrivals),
            "service_level": _share(float(self.in_time[those].sum()), arrivals),
            "asa_s": _mean(waits_s[served]),
            "wait_mean_s": _mean(waited_s),
            "wait_p50_s": p50,
            "wait_p90_s": p90,
            "wait_p99_s": p99,
        }
        if with_offers:
            ledger = self._ledger
            for name, counter in (("offers", ledger.offers), ("rona", ledger.unanswered), ("rejected", ledger.rejected)):
                found[name] = float(counter.total() if queue is None else counter[queue])
        return found

    def _agents(self) -> dict[str, float]:
        agents = self._ledger.agents
        busy = sum(agent.busy.bins.total() for agent in agents.values())
        present = sum(agent.present.bins.total() for agent in agents.values())
        places = used = 0
        for name, agent in agents.items():
            config = self._centre.plan.agents.get(name)
            places += agent.present.bins.total() * (config.capacity_total if config is not None else 0)
            used += sum(span.bins.total() for span in agent.used)
        return {"occupancy": _share(busy, present), "utilisation": _share(used, places)}

    def course(self, midnight_at: int) -> Course:
        """The day by half-hour."""
        ledger = self._ledger
        first = (ledger.opens_at - midnight_at) // BIN_MS
        count = max(1, -(-(ledger.closes_at - ledger.opens_at) // BIN_MS))
        came = self.fates != Fate.TURNED_AWAY
        bins = np.clip((self.came_at - ledger.opens_at) // BIN_MS, 0, count - 1)
        waited = (self.fates == Fate.SERVED) | (self.fates == Fate.ABANDONED)

        def by_bin(those: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
            weighed = None if weights is None else weights[those]
            return np.bincount(bins[those], weighed, minlength=count).astype(np.float64)

        def agents(kind: str) -> Floats:
            total = np.zeros(count)
            for agent in ledger.agents.values():
                for index, taken_ms in getattr(agent, kind).bins.items():
                    total[index] += taken_ms / 1000
            return total

        return Course(
            int(first), by_bin(came), by_bin(self.in_time), by_bin(waited, self.waits_s), by_bin(waited),
            agents("busy"), agents("present"),
        )  # fmt: skip


def _share(part: float, whole: float) -> float:
    """In percent."""
    return 100 * part / whole if whole else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan

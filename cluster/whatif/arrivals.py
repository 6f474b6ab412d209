"""Who comes, when, and through which door: drawn for each replication, the same for every configuration.

Keeps: a replication's arrivals are a function of source, seed and the replication's number alone; times ascend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cluster.whatif.unusable import StudyUnusable

DAY_S: Final = 86_400
#: More in one replication would take hours to simulate and gigabytes to judge.
MOST_ARRIVALS: Final = 2_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, order=True)
class Door:
    """An entry point of a channel."""

    channel: str
    entry_point: str

    def __str__(self) -> str:
        return f"{self.channel}/{self.entry_point}"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """One replication's arrivals, in order. What a file did not say of an arrival is NaN (times) or -1 (priority)."""

    #: Days after the study's date.
    day: int
    #: Seconds after that day's midnight, local time; the centre's agents work from `from_s` on.
    at_s: Floats
    from_s: float
    to_s: float
    #: Index into the source's `doors`.
    doors: NDArray[np.int64]
    priorities: NDArray[np.int64]
    services_s: Floats
    patiences_s: Floats

    def __len__(self) -> int:
        return len(self.at_s)


class Source(Protocol):
    """Where arrivals come from."""

    @property
    def doors(self) -> tuple[Door, ...]:
        """Every door that somebody may come through."""
        ...

    @property
    def title(self) -> str:
        """What it is, for people."""
        ...

    def draw(self, replication: int, random: np.random.Generator) -> Arrivals:
        """The arrivals of one replication, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class PoissonSource:
    """Poisson arrivals at steady rates (per second), by door."""

    title: str
    doors: tuple[Door, ...]
    rates: tuple[float, ...]
    from_s: float
    to_s: float

    def draw(self, replication: int, random: np.random.Generator) -> Arrivals:
        total, length_s = sum(self.rates), self.to_s - self.from_s
        count = _bounded(int(random.poisson(total * length_s)))
        at_s = np.sort(self.from_s + length_s * random.random(count))
        doors = random.choice(len(self.doors), count, p=np.array(self.rates) / total)
        return unspecified(0, at_s, self.from_s, self.to_s, doors)


@dataclass(frozen=True, slots=True)
class Interval:
    """So many came in these seconds of a day; `door` -1: through any."""

    start_s: float
    length_s: float
    count: float
    door: int = -1


@dataclass(frozen=True, slots=True)
class CountedSource:
    """Counts by interval: replication k has the counts of the file's k-th day, spread evenly inside each interval.

    Counts times `scale` leave a fraction, which is an arrival by that chance.
    """

    title: str
    doors: tuple[Door, ...]
    shares: tuple[float, ...]
    #: (days after the study's date, its intervals)
    days: tuple[tuple[int, tuple[Interval, ...]], ...]
    scale: float = 1.0

    def draw(self, replication: int, random: np.random.Generator) -> Arrivals:
        day, intervals = self.days[replication % len(self.days)]
        expected = self.scale * np.array([interval.count for interval in intervals])
        counts = np.floor(expected).astype(np.int64)
        counts += random.random(len(intervals)) < expected - counts
        total = _bounded(int(counts.sum()))
        starts = np.repeat([interval.start_s for interval in intervals], counts)
        lengths = np.repeat([interval.length_s for interval in intervals], counts)
        at_s = starts + lengths * random.random(total)
        doors = np.repeat([interval.door for interval in intervals], counts)
        doors = np.where(doors < 0, random.choice(len(self.doors), total, p=self.shares), doors)
        order = np.argsort(at_s, kind="stable")
        from_s = min(interval.start_s for interval in intervals)
        to_s = max(interval.start_s + interval.length_s for interval in intervals)
        return unspecified(day, at_s[order], from_s, to_s, doors[order])


@dataclass(frozen=True, slots=True)
class Row:
    """One arrival as a file tells it. `door` -1: any; what it does not tell is NaN or -1."""

    at_s: float
    door: int
    priority: int
    service_s: float
    patience_s: float


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """Arrivals one by one: replication k has those of the file's k-th day; `scale` below 1 keeps each by that chance."""

    title: str
    doors: tuple[Door, ...]
    shares: tuple[float, ...]
    days: tuple[tuple[int, tuple[Row, ...]], ...]
    scale: float = 1.0

    def draw(self, replication: int, random: np.random.Generator) -> Arrivals:
        day, rows = self.days[replication % len(self.days)]
        kept = random.random(len(rows)) < self.scale
        any_door = random.choice(len(self.doors), len(rows), p=self.shares)
        doors = np.array([row.door for row in rows], np.int64)
        at_s = np.array([row.at_s for row in rows])
        order = np.argsort(at_s, kind="stable")
        order = order[kept[order]]
        return Arrivals(
            day,
            at_s[order],
            float(at_s.min()) // 1800 * 1800,
            float(at_s.max()),
            np.where(doors < 0, any_door, doors)[order],
            np.array([row.priority for row in rows], np.int64)[order],
            np.array([row.service_s for row in rows])[order],
            np.array([row.patience_s for row in rows])[order],
        )


def unspecified(day: int, at_s: Floats, from_s: float, to_s: float, doors: NDArray[np.int64]) -> Arrivals:
    """Arrivals of which nothing but time and door is known."""
    unknown = np.full(len(at_s), np.nan)
    return Arrivals(day, at_s, from_s, to_s, doors, np.full(len(at_s), -1, np.int64), unknown, unknown)


def shares_of(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights as probabilities."""
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _bounded(count: int) -> int:
    if count > MOST_ARRIVALS:
        raise StudyUnusable(
            f"{count:,} arrivals in one replication are more than {MOST_ARRIVALS:,}; use --scale or a lower rate"
        )
    return count

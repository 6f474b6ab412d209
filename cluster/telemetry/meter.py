"""Counts what one process does, cheaply enough for the hot path, and hands the figures over as samples.

Keeps: one addition is a dictionary look-up and no lock, because a process has one event loop; a metric has at most
`MOST_SERIES` label sets, so that no mistake elsewhere can fill memory or a monitoring system.

The library's own counters take a lock each and know one process; a sample must travel from a host to the gateway that
is scraped, so the library writes what is exposed (`cluster.telemetry.exposition`) and these count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sized
from typing import TypeVar

import msgspec

from cluster.telemetry.metrics import Kind, Metric

#: Label sets of one metric in one process; what comes beyond is counted under `OTHER`.
MOST_SERIES = 2_000
OTHER = "other"


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One figure as it travels. A histogram's `counts` are by bucket, the last one unbounded; its `value` is the sum."""

    name: str
    labels: tuple[str, ...]
    value: float
    counts: list[int] = []


Samples = list[Sample]
samples_decoder = msgspec.msgpack.Decoder(list[Sample])


def sample(metric: Metric, value: float, *labels: str) -> Sample:
    """A figure that is known only when it is asked for.

    Raises:
        ValueError: the labels are not as many as the catalogue says, or the metric is a histogram.
    """
    if len(labels) != len(metric.labels) or metric.kind is Kind.HISTOGRAM:
        raise ValueError(f"{metric.name} is a {metric.kind} with the labels {metric.labels}, not {labels}")
    return Sample(metric.name, labels, value)


class Counter:
    """A counter with its label sets."""

    __slots__ = ("_metric", "values")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.values: dict[tuple[str, ...], float] = {} if metric.labels else {(): 0}

    def add(self, by: float = 1, *labels: str) -> None:
        """Count; labels in the catalogue's order."""
        values = self.values
        if labels in values:
            values[labels] += by
        else:
            self._first(by, labels)

    def _first(self, by: float, labels: tuple[str, ...]) -> None:
        labels = _bounded(self._metric, labels, self.values)
        self.values[labels] = self.values.get(labels, 0) + by

    def samples(self) -> Samples:
        return [Sample(self._metric.name, labels, value) for labels, value in self.values.items()]


class Histogram:
    """A histogram with its label sets."""

    __slots__ = ("_bounds", "_metric", "_size", "series")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._bounds = metric.buckets
        self._size = len(metric.buckets) + 1
        #: Label set -> counts by bucket, with the sum as the last item.
        self.series: dict[tuple[str, ...], list[float]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation, in the metric's unit."""
        series = self.series.get(labels)
        if series is None:
            labels = _bounded(self._metric, labels, self.series)
            series = self.series.setdefault(labels, [0] * self._size + [0.0])
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def samples(self) -> Samples:
        name = self._metric.name
        return [Sample(name, labels, row[-1], [int(count) for count in row[:-1]]) for labels, row in self.series.items()]


def _bounded(metric: Metric, labels: tuple[str, ...], known: Sized) -> tuple[str, ...]:
    if len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
    return labels if not labels or len(known) < MOST_SERIES else (OTHER,) * len(labels)


T = TypeVar("T", "Counter", "Histogram")


class Meter:
    """All counters and histograms of one process."""

    def __init__(self) -> None:
        self._counted: dict[str, Counter | Histogram] = {}

    def counter(self, metric: Metric) -> Counter:
        """The counter of a metric; the same one each time."""
        return self._made(Counter, metric)

    def histogram(self, metric: Metric) -> Histogram:
        """The histogram of a metric; the same one each time."""
        return self._made(Histogram, metric)

    def _made(self, kind: type[T], metric: Metric) -> T:
        found = self._counted.setdefault(metric.name, kind(metric))
        assert isinstance(found, kind), f"{metric.name} is a {metric.kind}"
        return found

    def samples(self) -> Samples:
        """Everything counted so far."""
        return [sample for counted in self._counted.values() for sample in counted.samples()]

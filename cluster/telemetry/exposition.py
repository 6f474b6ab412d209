"""Writes samples of many processes as one page that Prometheus reads, in its text format or as OpenMetrics.

Keeps: only what the catalogue names is written, with its help, type and labels; a figure that an older or newer process
tells and this release does not know is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cluster.telemetry.meter import Sample
from cluster.telemetry.metrics import METRICS, Kind, Metric, Of

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class Told:
    """What one process told; `kind` and `name` say which it is, such as `host` and `host-1`."""

    kind: str
    name: str
    samples: Iterable[Sample]


def exposed(told: Iterable[Told], accept: str = "") -> tuple[bytes, str]:
    """The page and its content type.

    Args:
        told: What each process told.
        accept: The request's `Accept` header, which chooses between the formats.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(told))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Page(Collector):
    def __init__(self, told: Iterable[Told]) -> None:
        self._told = list(told)

    def describe(self) -> Iterable[Family]:
        """Nothing: what is collected is not known before."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Every family of the catalogue that has a sample, in the catalogue's order."""
        families = {name: _family(metric) for name, metric in METRICS.items()}
        for teller in self._told:
            for sample in teller.samples:
                metric = METRICS.get(sample.name)
                if metric is not None and len(sample.labels) == len(metric.labels):
                    _add(families[sample.name], metric, teller, sample)
        return (family for family in families.values() if family.samples)


def _family(metric: Metric) -> Family:
    match metric.kind:
        case Kind.COUNTER:
            return CounterMetricFamily(metric.name, metric.help, labels=metric.all_labels)
        case Kind.GAUGE:
            return GaugeMetricFamily(metric.name, metric.help, labels=metric.all_labels)
        case Kind.HISTOGRAM:
            return HistogramMetricFamily(metric.name, metric.help, labels=metric.all_labels)


def _add(family: Family, metric: Metric, teller: Told, sample: Sample) -> None:
    labels = [*_who(metric.of, teller), *sample.labels]
    if isinstance(family, HistogramMetricFamily):
        if len(sample.counts) != len(metric.buckets) + 1:
            return  # another release's buckets
        bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(sample.counts), strict=True)), sample.value)
    else:
        family.add_metric(labels, sample.value)


def _who(of: Of, teller: Told) -> tuple[str, ...]:
    match of:
        case Of.HOST | Of.GATEWAY:
            return (teller.name,)
        case Of.PROCESS:
            return (teller.kind, teller.name)
        case Of.SUPERVISOR | Of.ARCHIVER | Of.CLUSTER:
            return ()

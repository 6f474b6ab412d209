"""What `trunkline top` shows, worked out from one or two scrapes of the metrics page.

Keeps: rates and quantiles are of the time between the two scrapes, not since a process began; a counter that went back
(its process restarted) counts from zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from cluster.telemetry import metrics
from cluster.telemetry.metrics import Metric

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One scrape: when (seconds of any steady clock), and every sample by its name and labels."""

    at_s: float
    values: dict[tuple[str, Labels], float]

    @classmethod
    def parse(cls, text: str, at_s: float) -> Page:
        """Read the text format.

        Raises:
            ValueError: it is something else.
        """
        return cls(
            at_s,
            {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            },
        )

    def of(self, name: str, /, **wanted: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every sample of this name whose labels are these, and perhaps more."""
        for (found, labels), value in self.values.items():
            if found == name and wanted.items() <= dict(labels).items():
                yield dict(labels), value

    def total(self, metric: Metric, /, **wanted: str) -> float:
        """The sum over every series with these labels."""
        return sum(value for _, value in self.of(metric.name, **wanted))

    def by(self, metric: Metric, label: str) -> dict[str, float]:
        """The sums by one label's values."""
        sums: dict[str, float] = {}
        for labels, value in self.of(metric.name):
            sums[labels[label]] = sums.get(labels[label], 0) + value
        return sums


class Board:
    """The figures of a cluster between two scrapes; with only one there are no rates."""

    def __init__(self, now: Page, before: Page | None = None) -> None:
        self.now = now
        self.before = before
        self.seconds = now.at_s - before.at_s if before is not None else 0.0

    def rate(self, name: str, /, **wanted: str) -> float:
        """By how much a counter grew each second, over every series with these labels."""
        if self.before is None or self.seconds <= 0:
            return 0.0
        return sum(self._grown(name, labels, value) for labels, value in self.now.of(name, **wanted)) / self.seconds

    def _grown(self, name: str, labels: dict[str, str], value: float) -> float:
        assert self.before is not None
        past = self.before.values.get((name, tuple(sorted(labels.items()))), 0.0)
        return value - past if value >= past else value

    def quantile(self, metric: Metric, share: float, /, **wanted: str) -> float | None:
        """A histogram's quantile over the time between the scrapes, interpolated in its bucket; None without observations."""
        if self.before is None:
            return None
        counts: dict[float, float] = {}
        for labels, value in self.now.of(f"{metric.name}_bucket", **wanted):
            bound = float(labels["le"])
            counts[bound] = counts.get(bound, 0) + self._grown(f"{metric.name}_bucket", labels, value)
        below, lower = 0.0, 0.0
        target = share * max(counts.values(), default=0.0)
        for bound, count in sorted(counts.items()):
            if count >= target > 0:
                if bound == float("inf"):
                    return lower
                return lower + (bound - lower) * (target - below) / (count - below)
            below, lower = count, bound
        return None

    def document(self) -> dict[str, object]:
        """Everything, for `--json`."""
        return {
            "interval_s": round(self.seconds, 3),
            "interactions": _whole(self.now.by(metrics.INTERACTIONS, "state")),
            "agents": _whole(self.now.by(metrics.AGENTS, "presence")),
            "rates_per_s": self.rates(),
            "queues": {name: self.queue(name) for name in self.now.by(metrics.QUEUE_WAITING, "queue")},
            "hosts": {name: self.host(name) for name in self._named("host")},
            "gateways": {name: self.gateway(name) for name in self._named("gateway")},
            "supervisor": self.supervisor(),
            "silent": [f"{labels['kind']} {labels['name']}" for labels, value in self.now.of(metrics.UP.name) if not value],
        }

    def _named(self, kind: str) -> list[str]:
        return sorted(labels["name"] for labels, _ in self.now.of(metrics.UP.name, kind=kind))

    def rates(self) -> dict[str, float]:
        """What the whole cluster does each second."""
        counted = {
            "arrivals": self.rate(metrics.INTERACTION_MOVES.name, state="arrived"),
            "ends": self.rate(metrics.INTERACTION_MOVES.name, state="ended"),
            "messages": self.rate(metrics.MESSAGES.name),
            "offers": self.rate(metrics.OFFERS.name),
            "events": self.rate(metrics.EVENTS_IN.name),
            "commits": self.rate(metrics.COMMITS.name),
            "turns": self.rate(metrics.TURNS.name),
            "calls": self.rate(metrics.CALLS.name),
            "refusals": self.rate(metrics.REFUSALS.name) + self.rate(metrics.OVERLOADS.name),
        }
        return {name: round(value, 2) for name, value in counted.items()}

    def queue(self, name: str) -> dict[str, object]:
        """One queue."""
        now = self.now
        expected = now.of(metrics.QUEUE_EXPECTED_WAIT.name, queue=name, bound="expected")
        granted, left = now.total(metrics.QUEUE_GRANTED, queue=name), now.total(metrics.QUEUE_WITHDRAWN, queue=name)
        return {
            "waiting": int(now.total(metrics.QUEUE_WAITING, queue=name)),
            "offered": int(now.total(metrics.QUEUE_OFFERED, queue=name)),
            "longest_wait_s": round(now.total(metrics.QUEUE_LONGEST_WAIT, queue=name), 1),
            "expected_wait_s": next((round(wait_s, 1) for _, wait_s in expected), None),
            "entered_per_s": round(self.rate(metrics.QUEUE_ENTERED.name, queue=name), 2),
            "granted_per_s": round(self.rate(metrics.QUEUE_GRANTED.name, queue=name), 2),
            "granted": int(granted),
            "withdrawn": int(left),
            "in_target": round(now.total(metrics.QUEUE_IN_TARGET, queue=name) / granted, 3) if granted else None,
        }

    def host(self, name: str) -> dict[str, object]:
        """One host."""
        now = self.now
        batches = self.rate(f"{metrics.BATCH_INPUTS.name}_count", host=name)
        inputs = self.rate(f"{metrics.BATCH_INPUTS.name}_sum", host=name)
        return {
            "up": bool(now.total(metrics.UP, kind="host", name=name)),
            "shards": int(now.total(metrics.HOST_SHARDS, host=name)),
            "actors": int(now.total(metrics.ACTORS, host=name)),
            "pending": int(now.total(metrics.PENDING_INPUTS, host=name)),
            "turns_per_s": round(self.rate(metrics.TURNS.name, host=name), 1),
            "commits_per_s": round(self.rate(metrics.COMMITS.name, host=name), 1),
            "inputs_a_batch": round(inputs / batches, 1) if batches else None,
            "commit_ms_p99": _ms(self.quantile(metrics.COMMIT_SECONDS, 0.99, host=name)),
            **self._process("host", name),
        }

    def gateway(self, name: str) -> dict[str, object]:
        """One gateway."""
        now = self.now
        return {
            "up": bool(now.total(metrics.UP, kind="gateway", name=name)),
            "links": int(now.total(metrics.LINKS, gateway=name)),
            "pending": int(now.total(metrics.PENDING_FRAMES, gateway=name)),
            "events_per_s": round(self.rate(metrics.EVENTS_IN.name, gateway=name), 1),
            "commands_per_s": round(self.rate(metrics.COMMANDS_OUT.name, gateway=name), 1),
            "refused_per_s": round(self.rate(metrics.EVENTS_REFUSED.name, gateway=name), 2),
            "ack_ms_p99": _ms(self.quantile(metrics.ACK_SECONDS, 0.99, gateway=name)),
            **self._process("gateway", name),
        }

    def supervisor(self) -> dict[str, object]:
        """The supervisor's table."""
        now = self.now
        return {
            "up": bool(now.total(metrics.UP, kind="supervisor")),
            "table_version": int(now.total(metrics.TABLE_VERSION)),
            "shards_unplaced": int(now.total(metrics.SHARDS_UNPLACED)),
            "shard_moves": int(now.total(metrics.SHARD_MOVES)),
            "hosts_lost": int(now.total(metrics.HOSTS_LOST)),
        }

    def _process(self, kind: str, name: str) -> dict[str, object]:
        resident = self.now.total(metrics.RESIDENT_BYTES, kind=kind, name=name)
        return {
            "lag_ms_p99": _ms(self.quantile(metrics.LOOP_LAG, 0.99, kind=kind, name=name)),
            "cpu": round(self.rate(metrics.CPU_SECONDS.name, kind=kind, name=name), 2),
            "resident_mb": round(resident / 1e6, 1),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _whole(values: dict[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items()}

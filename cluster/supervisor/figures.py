"""What the supervisor tells of itself as metrics: hosts, and where shards are.

Keeps: a shard counts as moved once for each epoch that it was given, whatever became of telling its host.
"""

from __future__ import annotations

from collections import Counter as Tallied
from collections.abc import Collection, Mapping

from actors.address import ShardId
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter, Samples, sample
from cluster.telemetry.process import process_samples
from cluster.wire import ShardTable


class SupervisorFigures:
    """The supervisor's counters."""

    def __init__(self) -> None:
        self.meter = Meter()
        self._moves = self.meter.counter(metrics.SHARD_MOVES)
        self._lost = self.meter.counter(metrics.HOSTS_LOST)
        # Told from the start: of a series that begins at 1, Prometheus cannot say that it grew.
        for how in ("died", "silent"):
            self._lost.add(0, how)

    def moving(self, hosts: Mapping[ShardId, str], before: Mapping[ShardId, str]) -> None:
        """Each of these shards was given this host."""
        for shard, host in hosts.items():
            was = before.get(shard)
            self._moves.add(1, "first" if was is None else "again" if was == host else "moved")

    def lost(self, how: str) -> None:
        """A host was given up on."""
        self._lost.add(1, how)

    def samples(self, table: ShardTable, alive: Collection[str], watched: Collection[str], unplaced: int) -> Samples:
        """Everything, for one scrape."""
        held = Tallied(placed.host for placed in table.shards.values())
        hosts = dict.fromkeys([*sorted(alive), *held], 0) | held
        now = [
            *(sample(metrics.SHARDS, count, host) for host, count in hosts.items()),
            sample(metrics.SHARDS_UNPLACED, unplaced),
            sample(metrics.HOSTS, len(alive), "alive"),
            sample(metrics.HOSTS, len([host for host in watched if host not in alive]), "silent"),
            sample(metrics.TABLE_VERSION, table.version),
            sample(metrics.SUPERVISOR_TERM, table.term),
        ]
        return [*now, *self.meter.samples(), *process_samples()]

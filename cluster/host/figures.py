"""What a host tells of itself as metrics; counted once a batch, or read when somebody asks.

Keeps: nothing here changes what the host does, and nothing is computed on the way of a message that can be computed at
a scrape.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain

from actors.address import Address, ShardId
from cluster.host.tally import Tally
from cluster.shard.inbox import FULL
from cluster.shard.shard import Released, Shard
from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter, Samples, sample
from cluster.telemetry.process import process_samples


class HostFigures:
    """The counters of one host. `shards` is the host's own dictionary, read at use."""

    def __init__(self, shards: Mapping[ShardId, Shard]) -> None:
        self.meter = Meter()
        self._shards = shards
        self._tally = Tally(self.meter)
        self._commits = self.meter.counter(metrics.COMMITS)
        self._commit_seconds = self.meter.histogram(metrics.COMMIT_SECONDS)
        self._batch_inputs = self.meter.histogram(metrics.BATCH_INPUTS)
        self._takeovers = self.meter.counter(metrics.TAKEOVERS)
        self._dropped = self.meter.counter(metrics.SHARDS_DROPPED)
        self._refusals = self.meter.counter(metrics.REFUSALS)
        # Told from the start: of a series that begins at 1, Prometheus cannot say that it grew.
        self._refusals.add(0, FULL.code)
        self._overloads = self.meter.counter(metrics.OVERLOADS)
        self._store_retries = self.meter.counter(metrics.STORE_RETRIES)
        self._store_lives = self.meter.counter(metrics.STORE_LIVES)
        #: Turns of shards that are gone.
        self._past_turns = 0

    # -- told by the host ---------------------------------------------------------------------------------------------

    def begun(self, inputs: int) -> None:
        """A shard began a batch."""
        self._batch_inputs.observe(inputs)

    def supplied(self, shard: Shard, addresses: list[Address]) -> None:
        """Actors were loaded."""
        for address in addresses:
            records = shard.loaded(address)
            if records is not None:
                self._tally.loaded(shard.id, address, records)

    @staticmethod
    def instant_s() -> float:
        """A reading to measure commits from."""
        return time.perf_counter()

    def stored(self, commits: int, since_s: float) -> None:
        """The store answered for this many commits."""
        self._commits.add(commits)
        self._commit_seconds.observe(time.perf_counter() - since_s)

    def released(self, shard: Shard, released: Released) -> None:
        """A batch is over and committed."""
        if released.events:
            self._tally.note(shard.id, shard.now, released.events)
        for code in released.refused:
            self._refusals.add(1, code)

    def overloaded(self) -> None:
        """A shard's part of a delivery was turned away."""
        self._overloads.add()

    def store_silent(self) -> None:
        """A call of the store is repeated."""
        self._store_retries.add()

    def store_lives(self) -> None:
        """The store lives a life that this host has not seen."""
        self._store_lives.add()

    def claimed(self) -> None:
        """A shard came."""
        self._takeovers.add()

    def dropped(self, shard: Shard, reason: str) -> None:
        """A shard left."""
        self._past_turns += shard.turns
        self._tally.forget(shard.id)
        self._dropped.add(1, reason)

    # -- asked for ----------------------------------------------------------------------------------------------------

    def samples(self, calls: int) -> Samples:
        """Everything, for one scrape."""
        shards = list(self._shards.values())
        now = [
            sample(metrics.TURNS, self._past_turns + sum(shard.turns for shard in shards)),
            sample(metrics.PENDING_INPUTS, sum(shard.waiting_inputs for shard in shards)),
            sample(metrics.UNACKNOWLEDGED, sum(shard.outbox.unacknowledged for shard in shards)),
            sample(metrics.ACTORS, sum(len(shard.live) for shard in shards)),
            sample(metrics.ACTORS_IN_MEMORY, sum(shard.actors_in_memory for shard in shards)),
            sample(metrics.TIMERS, sum(len(shard.timers) for shard in shards)),
            sample(metrics.HOST_SHARDS, len(shards)),
            sample(metrics.CALLS, calls),
        ]
        return list(chain(now, self._tally.samples(), self.meter.samples(), process_samples()))

"""What passes between simulated processes, counted by who says what to whom, while somebody wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.simulator.plant import Plant
from cluster.store.base import Commit
from cluster.wire import delivery_decoder, push_decoder

#: (kind of source, kind of target, method); an answer's method ends in `>`.
Way = tuple[str, str, str]


def kind_of(process: str) -> str:
    """`host`, `gw`, `supervisor`, …: a process's name without its number."""
    return process.partition("-")[0]


@dataclass(slots=True)
class Count:
    """What went one way."""

    calls: int = 0
    payload_bytes: int = 0


class Tally:
    """Counts from `begin` to `end`. Batches are kept and looked into afterwards, so that nobody's processor time counts it."""

    def __init__(self, plant: Plant) -> None:
        self.ways: dict[Way, Count] = {}
        self.commits = 0
        self.pipelines = 0
        self.commit_bytes = 0
        self._plant = plant
        self._batches: list[tuple[str, bytes]] = []

    def begin(self) -> None:
        self._plant.network.listener = self._called
        self._plant.store.listener = self._committed

    def end(self) -> None:
        self._plant.network.listener = None
        self._plant.store.listener = None

    def calls(self, *methods: str) -> int:
        """How many calls of these methods there were."""
        return sum(count.calls for (_, _, method), count in self.ways.items() if method in methods)

    def of(self, process: str) -> Count:
        """Calls that one kind of process made or was asked, and their bytes with the answers'."""
        found = Count()
        for (source, target, method), count in self.ways.items():
            if process in (source, target):
                found.payload_bytes += count.payload_bytes
                found.calls += 0 if method.endswith(">") else count.calls
        return found

    def envelopes(self) -> int:
        """How many messages the batches carried."""
        carried = 0
        for method, payload in self._batches:
            if method == "deliver":
                carried += sum(map(len, delivery_decoder.decode(payload).parcels.values()))
            else:
                carried += len(push_decoder.decode(payload).commands)
        return carried

    def _called(self, source: str, target: str, method: str, payload: bytes) -> None:
        way = (kind_of(source), kind_of(target), method)
        count = self.ways.get(way)
        if count is None:
            count = self.ways[way] = Count()
        count.calls += 1
        count.payload_bytes += len(payload)
        if method in ("deliver", "push"):
            self._batches.append((method, payload))

    def _committed(self, commits: Sequence[Commit]) -> None:
        self.pipelines += 1
        self.commits += len(commits)
        self.commit_bytes += sum(size_of(commit) for commit in commits)


def size_of(commit: Commit) -> int:
    """About what a commit brings to the store (bytes): journal entry, records, outbox and marks."""
    records = sum(len(value) for write in commit.actors.values() for value in write.puts.values())
    marks = sum(len(mark) for mark in commit.marks.values() if mark is not None)
    return len(commit.journal) + records + len(commit.outbox or b"") + marks

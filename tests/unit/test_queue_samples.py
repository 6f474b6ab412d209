"""What the metrics page says of one queue."""

from __future__ import annotations

from actors.messages.queue import QueueCounters
from actors.routing.expecting import Expected
from cluster.edge.scrape import queue_samples
from cluster.telemetry.metrics import QUEUE_EXPECTED_WAIT


def test_the_expected_wait_is_told_when_it_is_known() -> None:
    """Mean and both ends in seconds; a queue that does not know tells no figure, rather than nothing to wait."""
    unknown = QueueCounters("cards", 3, 0, 1_000, 3, 0, 0, 0)
    assert QUEUE_EXPECTED_WAIT.name not in {sample.name for sample in queue_samples(unknown, 2_000)}
    known = QueueCounters("cards", 3, 0, 1_000, 3, 0, 0, 0, Expected(10_000, 40_500, 90_000))
    told = {sample.labels: sample.value for sample in queue_samples(known, 2_000) if sample.name == QUEUE_EXPECTED_WAIT.name}
    assert told == {("cards", "low"): 10.0, ("cards", "expected"): 40.5, ("cards", "high"): 90.0}

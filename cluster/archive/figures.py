"""What the archiver tells of itself as metrics.

Keeps: nothing here changes what the archiver does.
"""

from __future__ import annotations

from cluster.telemetry import metrics
from cluster.telemetry.meter import Meter, Samples, sample
from cluster.telemetry.process import process_samples


class ArchiverFigures:
    """The archiver's counters, and what it saw when it last looked."""

    def __init__(self) -> None:
        self.meter = Meter()
        self._entries = self.meter.counter(metrics.ARCHIVED_ENTRIES)
        self._segments = self.meter.counter(metrics.ARCHIVED_SEGMENTS)
        self._trims = self.meter.counter(metrics.JOURNAL_TRIMS)
        self._failures = self.meter.counter(metrics.ARCHIVE_FAILURES)
        self.archive_bytes = 0
        self.overdue = 0
        self.journal_entries = 0

    def archived(self, entries: int, size: int) -> None:
        """A segment was written."""
        self._entries.add(entries)
        self._segments.add()
        self.archive_bytes += size

    def trimmed(self) -> None:
        """A journal was trimmed."""
        self._trims.add()

    def failed(self) -> None:
        """A look at the journals failed, in whole or for one shard."""
        self._failures.add()

    def samples(self) -> Samples:
        """Everything, for one scrape."""
        now = [
            sample(metrics.ARCHIVE_BYTES, self.archive_bytes),
            sample(metrics.ARCHIVE_OVERDUE, self.overdue),
            sample(metrics.JOURNAL_ENTRIES, self.journal_entries),
        ]
        return [*now, *self.meter.samples(), *process_samples()]

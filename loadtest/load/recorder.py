"""What a part measured and counted, as a whole and second by second.

Kept: a duration belongs to the second, and to the measured time or not, of the instant at which it was *meant* to
begin; durations outside the measured phases are drawn in the plots only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from loadtest.load.histogram import Histogram


class Recorder:
    """Histograms, counts and their course over time."""

    def __init__(self) -> None:
        self.measures: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[int, defaultdict[str, Histogram]] = defaultdict(lambda: defaultdict(Histogram))
        self.rates: defaultdict[int, Counter[str]] = defaultdict(Counter)
        #: When the first of its kind was meant to begin, and when the last was over, within the measured phases.
        self.spans: dict[str, tuple[float, float]] = {}
        #: Refusals and other surprises in words, each once.
        self.said: dict[str, int] = {}
        #: Is told (name, ms) of every duration.
        self.listener: Callable[[str, float], None] | None = None
        self._windows: Sequence[tuple[float, float]] = ()
        self._began_at = 0.0

    def begin(self, at: float, windows_s: Sequence[tuple[float, float]]) -> None:
        """The run begins; only what is meant to begin within these windows (s) counts in the figures."""
        self._began_at = at
        self._windows = [(at + begin * 1000, at + end * 1000) for begin, end in windows_s]

    def duration(self, name: str, meant_at: float, now: float) -> None:
        """Something took from when it was meant until now; nothing is measured before the run begins."""
        if not self._began_at:
            return
        ms = max(0.0, now - meant_at)
        self.seconds[int((meant_at - self._began_at) // 1000)][name].add(ms)
        if any(begin <= meant_at < end for begin, end in self._windows):
            self.measures[name].add(ms)
            self._span(name, meant_at, now)
        if self.listener is not None:
            self.listener(name, ms)

    def _span(self, name: str, first: float, last: float) -> None:
        known = self.spans.get(name)
        self.spans[name] = (first, last) if known is None else (min(known[0], first), max(known[1], last))

    def count(self, name: str, now: float, by: int = 1) -> None:
        """Something happened."""
        self.counts[name] += by
        if self._began_at:
            self.rates[int((now - self._began_at) // 1000)][name] += by

    def say(self, what: str) -> None:
        """Something to be read by a person; must hold no customer's words."""
        if what in self.said or len(self.said) < 50:
            self.said[what] = self.said.get(what, 0) + 1

    def packed(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "measures": {name: made.packed() for name, made in self.measures.items()},
            "counts": dict(self.counts),
            "seconds": {at: {name: made.packed() for name, made in of.items()} for at, of in self.seconds.items()},
            "rates": {at: dict(of) for at, of in self.rates.items()},
            "spans": self.spans,
            "said": self.said,
        }

    def merge(self, packed: dict[str, Any]) -> None:
        """Add what another part recorded."""
        for name, made in packed["measures"].items():
            self.measures[name].merge(Histogram.unpacked(made))
        self.counts.update(packed["counts"])
        for at, of in packed["seconds"].items():
            for name, made in of.items():
                self.seconds[int(at)][name].merge(Histogram.unpacked(made))
        for at, of in packed["rates"].items():
            self.rates[int(at)].update(of)
        for name, (first, last) in packed["spans"].items():
            self._span(name, first, last)
        for what, times in packed["said"].items():
            self.said[what] = self.said.get(what, 0) + times

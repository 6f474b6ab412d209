"""Durations counted in buckets of 2 %, so that processes' figures add up and an hour's run takes a few kilobytes.

Kept: a percentile is at most 2 % above the true one and never below it; the greatest value is exact.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final, Self

GROWTH: Final = math.log(1.02)
#: Everything up to here is one bucket (ms).
LEAST_MS: Final = 0.1


class Histogram:
    """Counts of durations in ms."""

    __slots__ = ("buckets", "count", "greatest_ms", "total_ms")

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.count = 0
        self.total_ms = 0.0
        self.greatest_ms = 0.0

    def add(self, ms: float) -> None:
        """Count one duration."""
        self.buckets[math.ceil(math.log(ms / LEAST_MS) / GROWTH) if ms > LEAST_MS else 0] += 1
        self.count += 1
        self.total_ms += ms
        self.greatest_ms = max(self.greatest_ms, ms)

    def merge(self, other: Histogram) -> None:
        """Count what the other has counted too."""
        self.buckets.update(other.buckets)
        self.count += other.count
        self.total_ms += other.total_ms
        self.greatest_ms = max(self.greatest_ms, other.greatest_ms)

    def percentile_ms(self, share: float) -> float:
        """The least bucket's upper end that this share (0 to 1) does not exceed; 0 without any value."""
        wanted = max(1, math.ceil(share * self.count))
        passed = 0
        for bucket in sorted(self.buckets):
            passed += self.buckets[bucket]
            if passed >= wanted:
                return min(LEAST_MS * math.exp(bucket * GROWTH), self.greatest_ms)
        return 0.0

    def packed(self) -> list[Any]:
        """As JSON values."""
        return [self.count, self.total_ms, self.greatest_ms, sorted(self.buckets.items())]

    @classmethod
    def unpacked(cls, packed: list[Any]) -> Self:
        """From `packed`."""
        made = cls()
        made.count, made.total_ms, made.greatest_ms = packed[:3]
        made.buckets.update({int(bucket): int(count) for bucket, count in packed[3]})
        return made

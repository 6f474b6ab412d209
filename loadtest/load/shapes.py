"""When customers come: a rate over time, and instants drawn from it whatever becomes of those who came before.

A shape is a list of pieces, each with a rate that goes linearly from one value to another. Its integral is the number
of arrivals expected by an instant; its inverse turns a stream of numbers into instants: 0.5, 1.5, 2.5 … for constant
arrivals, sums of exponential draws for a Poisson process (time-change theorem, Çınlar 1975, 4.7).

Kept: the same seed gives the same instants; the count over a piece of constant arrivals is its integral to within one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """`lasts_s` seconds in which the rate goes from `from_per_s` to `to_per_s` arrivals a second."""

    lasts_s: float
    from_per_s: float
    to_per_s: float

    @property
    def arrivals(self) -> float:
        """How many are expected over the whole piece."""
        return self.lasts_s * (self.from_per_s + self.to_per_s) / 2

    def instant_s(self, arrivals: float) -> float:
        """When so many have come, from the piece's start: the least t with from*t + (to-from)*t*t/(2*lasts) = arrivals."""
        slope = (self.to_per_s - self.from_per_s) / self.lasts_s
        root = math.sqrt(max(0.0, self.from_per_s * self.from_per_s + 2 * slope * arrivals))
        # Not (root - from)/slope, which loses all digits for a slope near zero.
        total = self.from_per_s + root
        return min(self.lasts_s, 2 * arrivals / total) if total > 0 else 0.0


def instants_s(pieces: Sequence[Piece], poisson: bool, seed: int) -> Iterator[float]:
    """The instants of all arrivals in seconds from the start, in order.

    Args:
        poisson: Draw a Poisson process of this rate; evenly spaced in the integral otherwise.
    """
    chance = random.Random(f"{seed}/arrivals")  # noqa: S311  # simulated behaviour, not a secret
    wanted = chance.expovariate(1.0) if poisson else 0.5
    begins_s = passed = 0.0
    for piece in pieces:
        while wanted - passed < piece.arrivals:
            yield begins_s + piece.instant_s(wanted - passed)
            wanted += chance.expovariate(1.0) if poisson else 1.0
        passed += piece.arrivals
        begins_s += piece.lasts_s


def through(rates_per_s: Sequence[float], lasts_s: float) -> list[Piece]:
    """Equal pieces through these rates, one after the other, as of a day's counts."""
    each_s = lasts_s / len(rates_per_s)
    return [Piece(each_s, rate, rate) for rate in rates_per_s]


def to_peak(counts: Sequence[float], peak_per_s: float) -> list[float]:
    """Counts of equal intervals as rates whose highest is `peak_per_s`."""
    highest = max(counts)
    return [count * peak_per_s / highest for count in counts]

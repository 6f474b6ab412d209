"""The least mean wait that any policy can reach, by value iteration.

A policy sees who is free and who waits and knows the rates, not the future; it may leave an agent idle while somebody
waits. The chain is made uniform at the sum of all rates; one step's cost is the number waiting; the relative values of
states are iterated until the bounds on the mean number waiting meet (Puterman, "Markov Decision Processes", 8.5). Waiting
numbers are cut off for each class; an arrival beyond is turned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster.simulator.chain import Line
from cluster.simulator.theory import SkillBased

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Optimum:
    """What value iteration found; it is a policy that a chain can follow.

    Args:
        model: The model solved.
        mean_wait: Over all types, in the model's unit of time.
        most_waiting: How many of a class the values reach to.
        values: By busy agents (bits) and numbers waiting: what the future costs beyond the average.
    """

    model: SkillBased
    mean_wait: float
    most_waiting: int
    #: Before anybody is brought together, and when nobody more will be until the next event.
    before: Values
    settled: Values

    def match(self, idle: tuple[int, ...], waiting: tuple[int, ...], lines: Sequence[Line]) -> tuple[int, int] | None:
        """The best next match, or None when waiting is best."""
        kinds = list(self.model.arrival_rates)
        busy = (1 << len(self.model.service_rates)) - 1 - sum(1 << agent for agent in idle)
        best, least = None, float(self.settled[(busy, *waiting)])
        for agent in sorted(idle):
            serves = list(self.model.serves.values())[agent]
            for kind, name in enumerate(kinds):
                if name in serves and waiting[kind]:
                    after = (*waiting[:kind], waiting[kind] - 1, *waiting[kind + 1 :])
                    value = float(self.before[(busy | 1 << agent, *after)])
                    if value < least - 1e-9:
                        best, least = (agent, kind), value
        return best


def find_optimum(model: SkillBased, most_waiting: int, tolerance: float = 1e-6) -> Optimum:
    """Iterate values until the mean wait is known.

    Args:
        model: Up to about 1,000,000 states: 2 to the number of agents, times `most_waiting` + 1 for each class.
        most_waiting: In each class.
        tolerance: How far apart the bounds on the mean number waiting may be.
    """
    iteration = _Iteration(model, most_waiting)
    before = np.zeros((1 << len(model.service_rates), *(most_waiting + 1,) * len(model.arrival_rates)))
    while True:
        settled = iteration.settled(before)
        after = iteration.best(settled)
        change = after - before
        low, high = float(change.min()) * iteration.rate, float(change.max()) * iteration.rate
        before = after - after.flat[0]
        if high - low < tolerance:
            mean_wait = (low + high) / 2 / sum(model.arrival_rates.values())
            return Optimum(model, mean_wait, most_waiting, after, settled)


class _Iteration:
    """One step of value iteration, on arrays with an axis for each class."""

    def __init__(self, model: SkillBased, most_waiting: int) -> None:
        kinds = list(model.arrival_rates)
        self.rates = list(model.arrival_rates.values())
        self.speeds = list(model.service_rates.values())
        self.serves = [[at for at, kind in enumerate(kinds) if kind in served] for served in model.serves.values()]
        self.rate = sum(self.rates) + sum(self.speeds)
        self.waiting = np.indices((most_waiting + 1,) * len(kinds)).sum(axis=0) / self.rate
        axes = range(len(kinds))
        #: For each class, the states with room for one more, those with one at least, and the full ones.
        self.fewer = [self._along(axis, slice(None, -1), axes) for axis in axes]
        self.more = [self._along(axis, slice(1, None), axes) for axis in axes]
        self.full = [self._along(axis, slice(-1, None), axes) for axis in axes]
        self.by_busy = sorted(range(1 << len(self.speeds)), key=int.bit_count, reverse=True)

    @staticmethod
    def _along(axis: int, part: slice, axes: range) -> tuple[slice, ...]:
        return tuple(part if other == axis else slice(None) for other in axes)

    def settled(self, before: Values) -> Values:
        """The cost of a step from each state in which nobody is brought together now."""
        values = np.empty_like(before)
        for busy in range(len(before)):
            value = self.waiting.copy()
            for kind, rate in enumerate(self.rates):
                value[self.fewer[kind]] += rate / self.rate * before[busy][self.more[kind]]
                value[self.full[kind]] += rate / self.rate * before[busy][self.full[kind]]
            for agent, speed in enumerate(self.speeds):
                value += speed / self.rate * before[busy & ~(1 << agent)]
            values[busy] = value
        return values

    def best(self, settled: Values) -> Values:
        """The least over everything that can be matched now, one after the other."""
        values = settled.copy()
        for busy in self.by_busy:
            for agent, served in enumerate(self.serves):
                if not busy >> agent & 1:
                    for kind in served:
                        here = values[busy][self.more[kind]]
                        np.minimum(here, values[busy | 1 << agent][self.fewer[kind]], out=here)
        return values

"""Assigning several waiting interactions to several free agents at once, better than one after the other.

One after the other, a generalist may be given to somebody whom others could have served, and the next customer, whom
only that generalist could serve, waits. The optimal method looks at all of them:

    served    the set of interactions that comes first in order of all sets that can be served together
    scores    among the ways to serve those, the greatest sum of scores
    ranks     among the ways to reach that, the agents who come first by rank

Keeps: eligibility, the agents' slots, each interaction once; whoever is served is never left out for somebody who comes
later; nothing worse than the greedy method in that order of aims; equal input gives equal output, in whatever order it
comes. Time is bounded by size, as there is no clock here: what is too big for the optimal method is done greedily, what
is too big for that first come, first served, and the result says which.

Sources: H. W. Kuhn 1955 and D. F. Crouse 2016 (scipy's `linear_sum_assignment`) for the sum; complementary slackness for
all sums that are equal: with prices of slots, a pair belongs to some best assignment if it is tight, and who has a price
must be used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from heapq import merge
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from actors.routing.flow import Flow

#: The score of who may not serve.
NEVER: Final = -(2**62)
#: Prices are looked for in so many rounds; where more are needed, agents of equal sums are not told apart by rank.
PRICE_ROUNDS: Final = 64

Scores = NDArray[np.int64]


class Method(StrEnum):
    """How an assignment was found, best first."""

    OPTIMAL = "optimal"
    GREEDY = "greedy"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Demand:
    """Waiting interactions that are the same to every agent: their places, first served first, each ending in its id."""

    places: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """So many slots of one agent; `rank` ends in the agent, least first. One agent may have several, of rising ranks."""

    rank: tuple[Any, ...]
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """How big a problem each method takes on: `cells` are interactions times slots.

    Scores that differ by few levels are solved in time about proportional to the cells, others in up to
    interactions^2 x slots steps of about a nanosecond.
    """

    cells: int = 480_000
    levels: int = 16
    steps: int = 20_000_000
    greedy_cells: int = 20_000_000


BOUNDS: Final = Bounds()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who gets whom: (interaction, agent) in the order of places. `waiting` is how many were to be served."""

    pairs: tuple[tuple[Any, Any], ...]
    method: Method
    score: int
    waiting: int


def assign(demands: Sequence[Demand], supplies: Sequence[Supply], scores: Scores, bounds: Bounds = BOUNDS) -> Assignment:
    """Assign what can be assigned.

    Args:
        demands: classes of waiting interactions; none empty.
        supplies: the agents' free slots.
        scores: demands x supplies, how well each agent serves each class, greater is better; `NEVER` where they may not
            serve. Up to 10^9 either way, so that all sums are exact.
        bounds: what is solved how.
    """
    rows = sorted(range(len(demands)), key=lambda row: demands[row].places[0])
    columns = sorted(range(len(supplies)), key=lambda column: supplies[column].rank)
    problem = _Problem(
        [demands[row].places for row in rows],
        [supplies[column] for column in columns],
        scores.take(rows, axis=0).take(columns, axis=1),
    )
    method = problem.method(bounds)
    units = problem.optimal() if method is Method.OPTIMAL else problem.one_by_one(by_score=method is Method.GREEDY)
    return problem.assignment(units, method)


class _Problem:
    """One assignment problem, its classes and supplies in order."""

    def __init__(self, places: list[tuple[tuple[Any, ...], ...]], supplies: list[Supply], scores: Scores) -> None:
        self.places = places
        self.supplies = supplies
        self.scores = scores
        self.may = scores > NEVER
        self.slots = [supply.slots for supply in supplies]
        # More of a class than the slots of those who may serve it cannot be served, so they need not be looked at.
        room = self.may @ np.asarray(self.slots, dtype=np.int64)
        self.counts = [min(len(of_class), int(most)) for of_class, most in zip(places, room, strict=True)]

    def method(self, bounds: Bounds) -> Method:
        """The best method that the problem is small enough for."""
        waiting, slots = sum(self.counts), sum(self.slots)
        if waiting * slots <= bounds.cells and (
            min(waiting, slots) * waiting * slots <= bounds.steps
            or self._most_lost < bounds.levels
            or self._of_agents is not None
        ):
            return Method.OPTIMAL
        return Method.GREEDY if self.scores.size <= bounds.greedy_cells else Method.FIFO

    @cached_property
    def _losses(self) -> Scores:
        """How much less than the best of its class each pair scores."""
        losses: Scores = self.scores.max(axis=1, keepdims=True, initial=NEVER) - self.scores
        return losses

    @cached_property
    def _most_lost(self) -> int:
        """The most that a class can lose by who serves it; 0 when scores decide nothing."""
        return int(np.where(self.may, self._losses, 0).max(initial=0))

    @cached_property
    def _of_agents(self) -> Scores | None:
        """Each supply's score, if it is the same for all classes; else None."""
        if not self._most_lost:
            return np.zeros(len(self.slots), dtype=np.int64)
        scores = self.scores.max(axis=0, initial=NEVER)
        return scores if ((self.scores == scores) | ~self.may).all() else None

    def in_order(self) -> list[int]:
        """The class of each interaction that may be served, in the order of places."""
        lines = ([(place, row) for place in self.places[row][:count]] for row, count in enumerate(self.counts))
        return [row for _, row in merge(*lines)]

    def optimal(self) -> list[dict[int, int]]:
        """For each class, how many units each supply serves."""
        flow, served = Flow(self.may, self.counts, self.slots), [0] * len(self.places)
        for row in self.in_order():
            if flow.is_full:
                break
            served[row] += flow.serve(row)
        may, first = self.may, self._of_agents
        if first is None:
            rows, columns = self._greatest_sum(served)
            tight = self._tight(rows, columns)
            if tight is None:
                return [Counter(columns[rows == row].tolist()) for row in range(len(served))]
            may, first = tight
        order = np.argsort(-first, kind="stable").tolist()
        flow, left = Flow(may, served, self.slots), sum(served)
        for column in order:
            for _ in range(self.slots[column]):
                if not left or not flow.use(column):
                    break
                left -= 1
        return flow.units

    @cached_property
    def _costs(self) -> NDArray[np.float64]:
        """What is lost by each pair; float64 holds these integers and their sums exactly."""
        return np.where(self.may, self._losses, np.inf)

    def _greatest_sum(self, served: list[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The class and the supply of each unit served, in order of classes, at the greatest sum of scores."""
        # It takes 50 MB and about a second; who has one ring and one strategy never needs it.
        from scipy.optimize import linear_sum_assignment

        rows = np.repeat(np.arange(len(served)), served)
        columns = np.repeat(np.arange(len(self.slots)), np.minimum(self.slots, len(rows)))
        # Where no two need the same and all are served, the costs are the table, without a copy.
        table = self._costs if served.count(1) == len(served) else self._costs[rows]
        _, chosen = linear_sum_assignment(table if len(columns) == len(self.slots) else table[:, columns])
        return rows, columns[chosen]

    def _tight(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
        """The pairs that belong to any assignment of the greatest sum, and with 1 the supplies that all of those use up.

        Args:
            rows, columns: one such assignment.
        """
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        classes, held = rows[begins], self._costs[rows, columns]
        costs, prices = self._costs[classes], np.zeros(len(self.slots))
        reduced = np.empty_like(costs)
        for _ in range(PRICE_ROUNDS):
            values = np.maximum.reduceat(held - prices[columns], begins)
            np.subtract(costs, values[:, np.newaxis], out=reduced)
            lower = np.minimum(prices, reduced.min(axis=0))
            if np.array_equal(lower, prices):
                tight = np.zeros_like(self.may)
                tight[classes] = reduced == prices
                return tight, (prices < 0).astype(np.int64)
            prices = lower
        return None

    def one_by_one(self, by_score: bool) -> list[dict[int, int]]:
        """Give each interaction in turn the best supply that is left, by score and rank or by rank alone."""
        units: list[dict[int, int]] = [{} for _ in self.places]
        slots, choices = list(self.slots), {}
        for row in self.in_order():
            if row not in choices:  # The best last, where it is cheap to take.
                order = np.argsort(-self.scores[row], kind="stable") if by_score else np.arange(len(slots))
                choices[row] = order[self.may[row][order]][::-1].tolist()
            choice = choices[row]
            while choice and not slots[choice[-1]]:
                choice.pop()
            if choice:
                slots[choice[-1]] -= 1
                units[row][choice[-1]] = units[row].get(choice[-1], 0) + 1
        return units

    def assignment(self, units: list[dict[int, int]], method: Method) -> Assignment:
        """Name the interactions and agents; within a class, whoever comes first gets the best, as one by one."""
        pairs: list[tuple[tuple[Any, ...], int]] = []
        score = 0
        for row, of_class in enumerate(units):
            scores = {column: int(self.scores[row, column]) for column in of_class}
            rated = [(0 if method is Method.FIFO else -scores[column], column) for column in of_class]
            columns = [column for _, column in sorted(rated) for _ in range(of_class[column])]
            score += sum(scores[column] for column in columns)
            pairs.extend(zip(self.places[row], columns, strict=False))
        pairs.sort()
        named = tuple((place[-1], self.supplies[column].rank[-1]) for place, column in pairs)
        return Assignment(named, method, score, sum(map(len, self.places)))

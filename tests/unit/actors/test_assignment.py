"""Assignments are the best of all that can be made, as found by making all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.routing import assignment
from actors.routing.assignment import NEVER, Assignment, Bounds, Demand, Method, Scores, Supply, assign

GREEDY = Bounds(cells=-1)
FIFO = Bounds(cells=-1, greedy_cells=-1)

#: Served or not in order of places; the sum of scores; units used of each supply in order of ranks. Greater is better.
Worth = tuple[tuple[bool, ...], int, tuple[int, ...]]


@dataclass(frozen=True)
class Problem:
    """Classes by place, supplies by rank, and who may serve whom how well."""

    demands: list[Demand]
    supplies: list[Supply]
    scores: Scores

    def units(self) -> list[tuple[str, int]]:
        """Each interaction and its class, first served first."""
        units = [(place, row) for row, demand in enumerate(self.demands) for place in demand.places]
        return [(place[-1], row) for place, row in sorted(units)]

    def order(self) -> list[int]:
        """The supplies, first by rank."""
        return sorted(range(len(self.supplies)), key=lambda column: self.supplies[column].rank)

    def worth(self, choice: list[int | None]) -> Worth:
        """What serving the interactions in order from these supplies is worth."""
        chosen = [(row, column) for (_, row), column in zip(self.units(), choice, strict=True) if column is not None]
        used = Counter(column for _, column in chosen)
        score = sum(int(self.scores[row, column]) for row, column in chosen)
        return tuple(column is not None for column in choice), score, tuple(used[column] for column in self.order())

    def choices(self, free: list[int], done: int = 0) -> Iterator[list[int | None]]:
        """Every way to serve the interactions from the `done`-th on."""
        units = self.units()
        if done == len(units):
            yield []
            return
        for column in [None, *range(len(self.supplies))]:
            if column is None or (free[column] and self.scores[units[done][1], column] > NEVER):
                left = [slots - (at == column) for at, slots in enumerate(free)]
                yield from ([column, *rest] for rest in self.choices(left, done + 1))

    def one_by_one(self) -> list[int | None]:
        """Each in turn takes the best that is left."""
        free, choice = [supply.slots for supply in self.supplies], []
        for _, row in self.units():
            left = [column for column in self.order() if free[column] and self.scores[row, column] > NEVER]
            best = max(left, key=lambda column: int(self.scores[row, column]), default=None)
            if best is not None:
                free[best] -= 1
            choice.append(best)
        return choice


@st.composite
def problems(draw: st.DrawFn, most: int = 4) -> Problem:
    """Up to so many classes and supplies, with few different scores, scores of agents or of classes alone, or any."""
    rows, columns = draw(st.integers(0, most)), draw(st.integers(0, most))
    few = st.integers(0, 2)
    points = draw(st.lists(few, min_size=2 * rows, max_size=2 * rows))
    places = [(lacked, f"i{number}") for number, lacked in enumerate(points)]
    demands = [Demand(tuple(sorted(places[2 * row : 2 * row + 1 + (row % 2)]))) for row in range(rows)]
    ranks = draw(st.lists(few, min_size=columns, max_size=columns))
    supplies = [Supply((rank, f"a{at}"), 1 + (at % 3 == 2)) for at, rank in enumerate(ranks)]
    kind = draw(st.sampled_from(["rows", "columns", "levels", "both", "any"]))
    cells = draw(st.lists(st.integers(-2, 6), min_size=rows * columns, max_size=rows * columns))
    of_rows, of_columns = draw(st.tuples(*(st.lists(st.integers(1, 10**6), min_size=n, max_size=n) for n in (rows, columns))))
    scores = np.full((rows, columns), NEVER, dtype=np.int64)
    for at, cell in enumerate(cells):
        row, column = divmod(at, columns)
        if cell >= 0:
            both = of_rows[row] * of_columns[column]
            by_kind = {
                "rows": of_rows[row],
                "columns": of_columns[column],
                "levels": cell,
                "both": both % 97,
                "any": cell * both,
            }
            scores[row, column] = by_kind[kind] % 10**9
    return Problem(demands, supplies, scores)


def chosen(problem: Problem, found: Assignment) -> list[int | None]:
    """The supplies that the assignment takes: of an agent's several, the one used is not told, and here there is one."""
    columns = {supply.rank[-1]: column for column, supply in enumerate(problem.supplies)}
    agents = dict(found.pairs)
    return [columns[agents[name]] if name in agents else None for name, _ in problem.units()]


def checked(problem: Problem, found: Assignment) -> list[int | None]:
    """What was chosen, once it is certain that it may be."""
    names = [name for name, _ in problem.units()]
    served = [name for name, _ in found.pairs]
    assert served == [name for name in names if name in set(served)], "each once, in the order of places"
    choice = chosen(problem, found)
    used = Counter(column for column in choice if column is not None)
    assert all(count <= problem.supplies[column].slots for column, count in used.items()), "within the agents' slots"
    for (_, row), column in zip(problem.units(), choice, strict=True):
        assert column is None or problem.scores[row, column] > NEVER, "by somebody who may"
    assert (found.score, found.waiting) == (problem.worth(choice)[1], len(names)), "and it says what it is worth"
    return choice


@settings(max_examples=200, deadline=None)
@given(problem=problems(most=3))
def test_the_optimal_method_finds_the_best_of_all(problem: Problem) -> None:
    """Of all assignments there are: who is served, then the sum of scores, then who serves."""
    found = assign(problem.demands, problem.supplies, problem.scores)
    assert found.method is Method.OPTIMAL
    best = max(problem.worth(choice) for choice in problem.choices([supply.slots for supply in problem.supplies]))
    assert problem.worth(checked(problem, found)) == best


@settings(max_examples=200, deadline=None)
@given(problem=problems(most=6))
def test_the_optimal_method_is_never_worse_than_the_greedy_one(problem: Problem) -> None:
    """Greater problems keep every constraint too, and reach no less than one after the other."""
    optimal = assign(problem.demands, problem.supplies, problem.scores)
    greedy = assign(problem.demands, problem.supplies, problem.scores, GREEDY)
    assert greedy.method is Method.GREEDY
    assert checked(problem, greedy) == problem.one_by_one(), "the greedy method is the policy read literally"
    assert problem.worth(checked(problem, optimal)) >= problem.worth(chosen(problem, greedy))


@settings(max_examples=150, deadline=None)
@given(problem=problems(most=6))
def test_nobody_is_passed_over(problem: Problem) -> None:
    """Whoever is left out may be served by no agent with a slot left, nor by one who was given somebody later (I5, I7)."""
    for bounds in (assignment.BOUNDS, GREEDY, FIFO):
        choice = checked(problem, assign(problem.demands, problem.supplies, problem.scores, bounds))
        used = Counter(column for column in choice if column is not None)
        for at, (_, row) in enumerate(problem.units()):
            if choice[at] is None:
                able = [column for column in range(len(problem.supplies)) if problem.scores[row, column] > NEVER]
                assert all(used[column] == problem.supplies[column].slots for column in able), "no slot is left idle"
                assert not set(able) & set(choice[at:]), "and none was given to a later one"


@settings(max_examples=200, deadline=None)
@given(problem=problems(most=6), data=st.data(), bounds=st.sampled_from([assignment.BOUNDS, GREEDY, FIFO]))
def test_order_of_input_makes_no_difference(problem: Problem, data: st.DataObject, bounds: Bounds) -> None:
    """Classes and supplies in any other order give the same assignment."""
    rows = data.draw(st.permutations(range(len(problem.demands))))
    columns = data.draw(st.permutations(range(len(problem.supplies))))
    demands, supplies = [problem.demands[row] for row in rows], [problem.supplies[column] for column in columns]
    again = assign(demands, supplies, problem.scores[np.ix_(rows, columns)], bounds)
    assert again == assign(problem.demands, problem.supplies, problem.scores, bounds)


@settings(max_examples=100, deadline=None)
@given(problem=problems(most=6))
def test_rounds_run_out_without_harm(problem: Problem) -> None:
    """Where prices are not found in time, who is served and the sum are still the best; ranks decide nothing."""
    kept, assignment.PRICE_ROUNDS = assignment.PRICE_ROUNDS, 0  # type: ignore[misc]  # smaller, for this test
    try:
        unpriced = assign(problem.demands, problem.supplies, problem.scores)
    finally:
        assignment.PRICE_ROUNDS = kept  # type: ignore[misc]  # as it was
    priced = assign(problem.demands, problem.supplies, problem.scores)
    assert problem.worth(checked(problem, unpriced))[:2] == problem.worth(checked(problem, priced))[:2]


def problem_of(rows: int, columns: int, kind: str, share: float = 0.2) -> Problem:
    """One interaction a class and one slot an agent, the worst there is for looking at classes."""
    generator = np.random.default_rng(7)
    levels = {
        "idle": np.zeros((rows, columns)),
        "levels": generator.integers(1, 11, (rows, columns)),
        "any": generator.integers(0, 10**6, (rows, columns)),
    }[kind]
    scores = np.where(generator.random((rows, columns)) < share, levels, NEVER).astype(np.int64)
    demands = [Demand(((number, f"i{number}"),)) for number in range(rows)]
    return Problem(demands, [Supply((number, f"a{number}")) for number in range(columns)], scores)


@pytest.mark.parametrize(
    ("rows", "columns", "kind", "bounds", "method"),
    [
        (500, 800, "idle", Bounds(), Method.OPTIMAL),
        (500, 800, "levels", Bounds(), Method.OPTIMAL),
        (500, 800, "any", Bounds(), Method.GREEDY),
        (160, 260, "any", Bounds(), Method.OPTIMAL),
        (700, 700, "idle", Bounds(), Method.GREEDY),
        (500, 800, "any", Bounds(greedy_cells=399_999), Method.FIFO),
    ],
)
def test_size_decides_the_method(rows: int, columns: int, kind: str, bounds: Bounds, method: Method) -> None:
    """A problem that is too big for a method is solved by the next, and the result says so."""
    problem = problem_of(rows, columns, kind)
    began = perf_counter()
    found = assign(problem.demands, problem.supplies, problem.scores, bounds)
    assert found.method is method
    assert len(found.pairs) > 0.95 * min(rows, columns), "and serves almost all that can be"
    print(f"{rows} x {columns}, {kind}: {found.method} in {(perf_counter() - began) * 1000:.1f} ms")


def test_a_generalist_is_left_to_whom_nobody_else_can_serve() -> None:
    """One by one the first takes the generalist, idle longest, and the second waits; together both are served."""
    demands = [Demand(((1, "cards"),)), Demand(((2, "loans"),))]
    supplies = [Supply((0, "generalist")), Supply((1, "of cards"))]
    scores = np.array([[0, 0], [0, NEVER]])
    greedy = assign(demands, supplies, scores, GREEDY)
    assert (greedy.pairs, greedy.waiting) == ((("cards", "generalist"),), 2)
    assert assign(demands, supplies, scores).pairs == (("cards", "of cards"), ("loans", "generalist"))


def test_a_class_gives_its_first_the_best() -> None:
    """Within a class, whoever has waited longest gets the agent of the greater score, and of equal ones the first."""
    demands = [Demand(tuple((number, f"i{number}") for number in range(3)))]
    supplies = [Supply((number, f"a{number}")) for number in range(3)]
    found = assign(demands, supplies, np.array([[1, 1, 5]]))
    assert found.pairs == (("i0", "a2"), ("i1", "a0"), ("i2", "a1"))
    assert all(first < second for first, second in pairwise(name for name, _ in found.pairs)), "in order"


def test_one_agent_may_have_slots_of_several_ranks() -> None:
    """Idle agents come before anybody's second conversation."""
    supplies: list[Any] = [Supply((False, "a")), Supply((True, "a"), 2), Supply((False, "b"))]
    found = assign([Demand(tuple((number, f"i{number}") for number in range(3)))], supplies, np.zeros((1, 3), np.int64))
    assert found.pairs == (("i0", "a"), ("i1", "b"), ("i2", "a"))

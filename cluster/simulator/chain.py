"""A policy's exact mean waits: the stationary distribution of the Markov chain of who is idle and who waits.

Handling is exponential at a rate of the agent's, so whom an agent serves does not matter, only who is idle, since when in
order, and who waits. Of those who wait, the order within a group of classes is kept where a policy may ask which of them
came first; else numbers are enough. The number waiting is cut off where that no longer changes the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from cluster.simulator.theory import SkillBased

#: Chains with more states are solved by iteration: elimination would fill the memory.
DIRECT = 60_000

#: The classes waiting in a group, oldest first.
Line = tuple[int, ...]
#: Who is idle, longest first; and how many wait of each class that is a group of its own, then the lines of the others.
State = tuple[tuple[int, ...], tuple[int, ...], tuple[Line, ...]]


class Policy(Protocol):
    """Decides what happens next without waiting for anything: called until it has nothing more to match."""

    def match(self, idle: tuple[int, ...], waiting: tuple[int, ...], lines: Sequence[Line]) -> tuple[int, int] | None:
        """The next (agent, class) to bring together, by number, or None.

        Args:
            idle: Who is free, idle longest first.
            waiting: How many wait of each class.
            lines: For each group of classes in which order matters, the classes waiting, oldest first.
        """


@dataclass(frozen=True, slots=True)
class Waits:
    """Mean waits, in the model's unit of time.

    Args:
        by_kind: Of each type.
        mean: Over all.
        states: How many states the chain had.
    """

    by_kind: Mapping[str, float]
    mean: float
    states: int


@dataclass(slots=True)
class Chain:
    """The states that a policy can reach, and the rates between them.

    Args:
        model: Who comes and who serves whom.
        policy: Who is brought together.
        groups: Groups of classes within which order matters; a class in none is only counted.
        most_waiting: An arrival beyond is turned away.
    """

    model: SkillBased
    policy: Policy
    groups: tuple[tuple[str, ...], ...] = ()
    most_waiting: int = 120
    _numbers: dict[State, int] = field(default_factory=dict)
    _open: list[State] = field(default_factory=list)
    _group_of: dict[int, int] = field(default_factory=dict)

    def waits(self) -> Waits:
        """Solve the chain."""
        kinds = list(self.model.arrival_rates)
        self._group_of = {kinds.index(kind): at for at, group in enumerate(self.groups) for kind in group}
        generator = self._generator()
        shares = _stationary(generator)
        waiting = np.array([self._waiting(state) for state in self._numbers], dtype=float)
        queues = shares @ waiting
        rates = np.array(list(self.model.arrival_rates.values()))
        by_kind = dict(zip(kinds, (queues / rates).tolist(), strict=True))
        return Waits(by_kind, float(queues.sum() / rates.sum()), len(self._numbers))

    def _generator(self) -> sparse.csr_matrix:
        """Rates from state (column) to state (row), each column summing to zero."""
        rates, speeds = list(self.model.arrival_rates.values()), list(self.model.service_rates.values())
        everybody = tuple(range(len(speeds)))
        self._settled(everybody, (0,) * len(rates), ((),) * len(self.groups))
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        while self._open:
            state = self._open.pop()
            number = self._numbers[state]
            for after, rate in self._moves(state, rates, speeds):
                rows += (after, number)
                columns += (number, number)
                values += (rate, -rate)
        size = len(self._numbers)
        return sparse.csr_matrix((values, (rows, columns)), shape=(size, size))

    def _moves(self, state: State, rates: list[float], speeds: list[float]) -> Iterator[tuple[int, float]]:
        idle, counts, lines = state
        if sum(self._waiting(state)) < self.most_waiting:
            for kind, rate in enumerate(rates):
                yield self._settled(idle, *self._joined(counts, lines, kind)), rate
        for agent, speed in enumerate(speeds):
            if agent not in idle:
                yield self._settled((*idle, agent), counts, lines), speed

    def _settled(self, idle: tuple[int, ...], counts: tuple[int, ...], lines: tuple[Line, ...]) -> int:
        """The number of the state in which the policy has nothing more to match."""
        while (matched := self.policy.match(idle, self._waiting((idle, counts, lines)), lines)) is not None:
            agent, kind = matched
            idle = tuple(other for other in idle if other != agent)
            counts, lines = self._left(counts, lines, kind)
        state = (idle, counts, lines)
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self._numbers)
            self._open.append(state)
        return number

    def _waiting(self, state: State) -> tuple[int, ...]:
        _, counts, lines = state
        if not lines:
            return counts
        return tuple(
            lines[self._group_of[kind]].count(kind) if kind in self._group_of else count for kind, count in enumerate(counts)
        )

    def _joined(self, counts: tuple[int, ...], lines: tuple[Line, ...], kind: int) -> tuple[tuple[int, ...], tuple[Line, ...]]:
        group = self._group_of.get(kind)
        if group is None:
            return (*counts[:kind], counts[kind] + 1, *counts[kind + 1 :]), lines
        return counts, (*lines[:group], (*lines[group], kind), *lines[group + 1 :])

    def _left(self, counts: tuple[int, ...], lines: tuple[Line, ...], kind: int) -> tuple[tuple[int, ...], tuple[Line, ...]]:
        group = self._group_of.get(kind)
        if group is None:
            return (*counts[:kind], counts[kind] - 1, *counts[kind + 1 :]), lines
        first = lines[group].index(kind)
        line = lines[group][:first] + lines[group][first + 1 :]
        return counts, (*lines[:group], line, *lines[group + 1 :])


def _stationary(generator: sparse.csr_matrix) -> NDArray[np.float64]:
    """The distribution that the rates keep, by elimination, or by iteration when there are many states."""
    size = generator.shape[0]
    if size <= DIRECT:
        shares = np.ones(size)
        shares[1:] = spsolve(generator[1:, 1:].tocsc(), -generator[1:, [0]].toarray().ravel())
        return np.asarray(shares / shares.sum())
    fastest = -generator.diagonal().min() * 1.01
    step = (sparse.eye(size) + generator / fastest).tocsr()
    shares = np.full(size, 1 / size)
    while True:
        before = shares
        for _ in range(50):
            shares = step @ shares
        shares /= shares.sum()
        if np.abs(shares - before).sum() < 1e-11:
            return np.asarray(shares)

"""Units of need given to slots of agents, let in one by one along augmenting paths.

Needs are grouped in classes and slots in supplies; a set of either is the bits of an integer, so that one step looks at
all supplies of a class. A path goes from class to class: one takes a slot of another, which has a further slot for that.

Keeps: whoever was let in stays in, needs by `serve` and slots by `use`. What can be let in together is a matroid, so
letting in whatever fits, in the order of preference, ends with the best set of all (Rado 1957, Edmonds and Fulkerson
1965). A search that finds nothing marks where it was, and nobody looks there again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


def bits(mask: int) -> Iterator[int]:
    """The places of the ones, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def lowest(mask: int) -> int:
    """The place of the lowest one of a mask that has one."""
    return (mask & -mask).bit_length() - 1


def masks(table: NDArray[np.bool_]) -> list[int]:
    """Each row's bits."""
    packed = np.packbits(table, axis=1, bitorder="little")
    data, width = packed.tobytes(), packed.shape[1]
    return [int.from_bytes(data[row * width : (row + 1) * width], "little") for row in range(len(table))]


class Flow:
    """How many units of each class each supply has: either let in by `serve`, or by `use`, never by both.

    Args:
        may: classes x supplies; whether the supply may serve the class.
        needs: units of each class to be served by `use`; `serve` takes what it is told.
        slots: of each supply, for `serve`; `use` takes what it is told.
    """

    def __init__(self, may: NDArray[np.bool_], needs: Sequence[int], slots: Sequence[int]) -> None:
        self.units: list[dict[int, int]] = [{} for _ in needs]
        self._table = may
        self._may = masks(may)
        self._held = [0] * len(needs)
        self._holders = [0] * len(slots)
        self._needs = list(needs)
        self._slots = list(slots)
        self._needy = sum(1 << one for one, need in enumerate(needs) if need)
        self._open = sum(1 << one for one, free in enumerate(slots) if free)
        self._live = (1 << len(needs)) - 1

    @cached_property
    def _able(self) -> list[int]:
        """The classes that each supply may serve, which only `use` needs."""
        return masks(np.ascontiguousarray(self._table.T))

    @property
    def is_full(self) -> bool:
        """Whether no slot is left."""
        return not self._open

    def serve(self, need: int) -> bool:
        """Give one unit of this class a slot, and others another slot where that makes room."""
        may, held = self._may, self._held
        found = self._path(1 << need, self._roomy, may, held, self._holders)
        if found is None:
            return False
        levels, target = found
        supply = lowest(may[target] & self._open)
        self._slots[supply] -= 1
        if not self._slots[supply]:
            self._open ^= 1 << supply
        for level in reversed(levels):
            nearer = next(one for one in bits(level) if may[one] & held[target])
            left = lowest(may[nearer] & held[target])
            self._move(target, left, -1)
            self._move(target, supply, 1)
            target, supply = nearer, left
        self._move(target, supply, 1)
        return True

    def use(self, supply: int) -> bool:
        """Use one slot of this supply, for a class in need or for one that spares another supply for that."""
        may, held = self._may, self._held
        found = self._path(self._able[supply], self._in_need, held, may, self._able)
        if found is None:
            return False
        levels, target = found
        self._needs[target] -= 1
        if not self._needs[target]:
            self._needy ^= 1 << target
        for level in reversed(levels):
            nearer = next(one for one in bits(level) if held[one] & may[target])
            spared = lowest(held[nearer] & may[target])
            self._move(nearer, spared, -1)
            self._move(target, spared, 1)
            target = nearer
        self._move(target, supply, 1)
        return True

    def _roomy(self, classes: int) -> int:
        """The first of these classes that an open supply may serve; -1 when there is none."""
        return next((one for one in bits(classes) if self._may[one] & self._open), -1)

    def _in_need(self, classes: int) -> int:
        """The first of these classes that needs more; -1 when there is none."""
        needy = classes & self._needy
        return lowest(needy) if needy else -1

    def _path(
        self, first: int, goal: Callable[[int], int], out: Sequence[int], into: Sequence[int], onward: Sequence[int]
    ) -> tuple[list[int], int] | None:
        """The classes met level by level before the goal, and the goal.

        A class leads by the supplies in its `out` to the classes that have one of them in their `into`; `onward` says
        the same by supply, which is the shorter way when few supplies are met.
        """
        levels: list[int] = []
        frontier = first & self._live
        unseen = self._live ^ frontier
        while frontier:
            target = goal(frontier)
            if target >= 0:
                return levels, target
            levels.append(frontier)
            reach = following = 0
            for one in bits(frontier):
                reach |= out[one]
            if reach.bit_count() < unseen.bit_count():
                for supply in bits(reach):
                    following |= onward[supply]
            else:
                for one in bits(unseen):
                    if into[one] & reach:
                        following |= 1 << one
            frontier = following & unseen
            unseen ^= frontier
        for level in levels:
            self._live ^= level
        return None

    def _move(self, one: int, supply: int, more: int) -> None:
        """Give the class one unit more or less of the supply."""
        units = self.units[one]
        before = units.get(supply, 0)
        units[supply] = before + more
        if not before or not units[supply]:
            self._held[one] ^= 1 << supply
            self._holders[supply] ^= 1 << one
        if not units[supply]:
            del units[supply]

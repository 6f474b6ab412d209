"""A ranking: members in order of rank, cheap to change and cheap to ask for the first.

Keeps: adding, moving and removing cost O(log n), whatever is stale is thrown away when it surfaces or outnumbers what
is not.
"""

from __future__ import annotations

from collections.abc import Container, Hashable
from heapq import heapify, heappop, heappush, nsmallest
from typing import Any, Generic, TypeVar

R = TypeVar("R", bound=tuple[Any, ...])

#: Below this many, stale entries are not worth clearing out.
SMALL = 64


class Ranking(Generic[R]):
    """Members ordered by rank, least first. A rank is a tuple whose last item is the member itself."""

    __slots__ = ("_heap", "ranks")

    def __init__(self) -> None:
        #: Each member's rank, to be read and not changed.
        self.ranks: dict[Any, R] = {}
        self._heap: list[R] = []

    def __len__(self) -> int:
        return len(self.ranks)

    def __contains__(self, member: Hashable) -> bool:
        return member in self.ranks

    def firsts(self, count: int) -> list[R]:
        """The least ranks, in order, at most so many."""
        return nsmallest(count, self.ranks.values())

    def put(self, rank: R) -> None:
        """Add the member, or move it to another rank."""
        member = rank[-1]
        if self.ranks.get(member) == rank:
            return
        self.ranks[member] = rank
        if len(self._heap) > SMALL and len(self._heap) > 2 * len(self.ranks):
            self._heap = list(self.ranks.values())
            heapify(self._heap)
        else:
            heappush(self._heap, rank)

    def drop(self, member: Hashable) -> None:
        """Remove the member, if it is there; its heap entry goes when it surfaces."""
        self.ranks.pop(member, None)

    def first(self, without: Container[Hashable] = ()) -> R | None:
        """The least rank of a member that is not in `without`; None when there is none."""
        heap, ranks, found = self._heap, self.ranks, None
        set_aside: list[R] = []
        while heap:
            rank = heap[0]
            if ranks.get(rank[-1]) != rank:
                heappop(heap)
            elif rank[-1] in without:
                set_aside.append(heappop(heap))
            else:
                found = rank
                break
        for rank in set_aside:
            heappush(heap, rank)
        return found

"""A shard's durable timers: a heap over what the store holds (I8: each fires at least once, takes effect once)."""

from __future__ import annotations

import heapq

from actors.address import Address

#: Unit separator: the gateway takes only printable ids, so no address holds it.
SEPARATOR = "\x1f"


def timer_key(address: str, name: str) -> str:
    """How the store names a timer."""
    return f"{address}{SEPARATOR}{name}"


def split_timer_key(key: str) -> tuple[Address, str]:
    """The address and the timer's name."""
    address, _, name = key.partition(SEPARATOR)
    return Address(address), name


class Timers:
    """Due times by key; moved and cancelled timers leave stale heap entries that are skipped when met."""

    def __init__(self, stored: dict[str, int]) -> None:
        self._due = dict(stored)
        self._by_actor: dict[str, set[str]] = {}
        for key in stored:
            self._by_actor.setdefault(split_timer_key(key)[0], set()).add(key)
        self._heap = [(due, key) for key, due in stored.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._due)

    def set(self, address: Address, name: str, due_at: int) -> str:
        """Set or move a timer; returns its key."""
        key = timer_key(address, name)
        self._due[key] = due_at
        self._by_actor.setdefault(address, set()).add(key)
        heapq.heappush(self._heap, (due_at, key))
        return key

    def cancel(self, address: Address, name: str) -> str | None:
        """Forget a timer; returns its key if it was set."""
        key = timer_key(address, name)
        return key if self._forget(address, key) else None

    def cancel_all(self, address: Address) -> list[str]:
        """Forget every timer of an actor; returns their keys in a stable order."""
        keys = sorted(self._by_actor.get(address, ()))
        for key in keys:
            self._forget(address, key)
        return keys

    def next_due_at(self) -> int | None:
        """When the earliest timer is due; None if there is none."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: int, limit: int) -> list[tuple[Address, str, int]]:
        """Take out up to `limit` timers due at or before `now`, earliest first, as (address, name, due_at)."""
        due: list[tuple[Address, str, int]] = []
        while len(due) < limit:
            due_at = self.next_due_at()
            if due_at is None or due_at > now:
                break
            key = heapq.heappop(self._heap)[1]
            address, name = split_timer_key(key)
            self._forget(address, key)
            due.append((address, name, due_at))
        return due

    def stored(self) -> dict[str, int]:
        """Due times by key, as the store has them after the last commit."""
        return dict(self._due)

    def is_set(self, address: Address, name: str) -> bool:
        """Whether the timer is waiting to fire."""
        return timer_key(address, name) in self._due

    def _forget(self, address: Address, key: str) -> bool:
        if self._due.pop(key, None) is None:
            return False
        keys = self._by_actor[address]
        keys.discard(key)
        if not keys:
            del self._by_actor[address]
        return True

"""A shard's outgoing messages: kept from their commit until the receiver has them (effectively once, with marks).

Numbers are `epoch << 32 | n` for each destination, so a shard that lost its last second of a lax store and was
claimed again never reuses a number that a receiver has already marked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from actors.actor import Message
from actors.address import Address
from cluster.codec import encode, raw
from cluster.wire import EPOCH_SHIFT, OutboxItem, outbox_decoder


class Lane:
    """The way to one destination: `items` are unacknowledged, of which the first `sent` are on their way."""

    __slots__ = ("commits", "items", "last_number", "released_at", "sent")

    def __init__(self, first_number: int) -> None:
        self.items: deque[OutboxItem] = deque()
        self.commits: deque[int] = deque()
        #: When each item's commit was made (ms), as the shard's time went.
        self.released_at: deque[int] = deque()
        self.sent = 0
        self.last_number = first_number


class Outbox:
    """All lanes of one shard, and which stored commits still hold an unacknowledged message."""

    def __init__(self, epoch: int, stored: dict[int, bytes], now: int = 0) -> None:
        self._first = epoch << EPOCH_SHIFT
        self._lanes: dict[str, Lane] = {}
        self._open: dict[int, int] = {}
        self._done: list[int] = []
        self._staged: list[OutboxItem] = []
        for commit in sorted(stored):
            items = outbox_decoder.decode(stored[commit])
            self._open[commit] = len(items)
            for item in items:
                self._append(item, commit, now)

    def stage(self, destination: str, to: Address, message: Message) -> None:
        """Add a message to the commit being made."""
        lane = self._lane(destination)
        lane.last_number += 1
        self._staged.append(OutboxItem(destination, lane.last_number, to, raw(message)))

    def take_staged(self) -> tuple[bytes | None, dict[str, int]]:
        """What to store with the commit, and the highest number for each destination in it."""
        if not self._staged:
            return None, {}
        highest = {item.destination: item.number for item in self._staged}
        return encode(self._staged), highest

    def release(self, commit: int, now: int) -> list[str]:
        """The commit is on disk at this instant (ms): its messages may leave. Returns their destinations, each once."""
        staged, self._staged = self._staged, []
        if not staged:
            return []
        self._open[commit] = len(staged)
        for item in staged:
            self._append(item, commit, now)
        return list(dict.fromkeys(item.destination for item in staged))

    def take_done(self) -> list[int]:
        """Numbers of commits whose stored messages are no longer needed."""
        done, self._done = self._done, []
        return done

    @property
    def tidy(self) -> int:
        """How many stored commits wait to be deleted."""
        return len(self._done)

    def destinations(self) -> Iterator[str]:
        """Every destination with something unacknowledged."""
        return (name for name, lane in self._lanes.items() if lane.items)

    def unsent(self, destination: str, limit: int, *, alone: bool = False) -> list[OutboxItem]:
        """Take up to `limit` messages that are not on their way, in order; they count as sent from here on.

        With `alone`, nothing is taken while anything of the lane is on its way: marks would take a later number that
        overtakes an earlier one for the whole, and the earlier one would be lost as a repetition.
        """
        lane = self._lanes.get(destination)
        if lane is None or lane.sent >= len(lane.items) or (alone and lane.sent):
            return []
        items = list(islice(lane.items, lane.sent, lane.sent + limit))
        lane.sent += len(items)
        return items

    def has_unsent(self, destination: str) -> bool:
        lane = self._lanes.get(destination)
        return lane is not None and lane.sent < len(lane.items)

    def rewind(self, destination: str) -> bool:
        """Their fate is unknown: send everything unacknowledged again. Returns whether there is anything."""
        lane = self._lanes.get(destination)
        if lane is None:
            return False
        lane.sent = 0
        return bool(lane.items)

    def acknowledge(self, destination: str, number: int) -> None:
        """The receiver has everything up to `number`."""
        lane = self._lanes.get(destination)
        if lane is None:
            return
        items, commits = lane.items, lane.commits
        while items and items[0].number <= number:
            items.popleft()
            lane.sent = max(0, lane.sent - 1)
            commit = commits.popleft()
            lane.released_at.popleft()
            left = self._open[commit] - 1
            if left:
                self._open[commit] = left
            else:
                del self._open[commit]
                self._done.append(commit)

    @property
    def unacknowledged(self) -> int:
        return sum(len(lane.items) for lane in self._lanes.values())

    def oldest_at(self) -> int | None:
        """When the oldest message was committed that another shard has not taken; None if there is none.

        What waits for adapters does not count: how fast they acknowledge says nothing about the cluster.
        """
        return min(
            (lane.released_at[0] for name, lane in self._lanes.items() if lane.items and name.startswith("s:")), default=None
        )

    def _append(self, item: OutboxItem, commit: int, now: int) -> None:
        lane = self._lane(item.destination)
        lane.items.append(item)
        lane.commits.append(commit)
        lane.released_at.append(now)

    def _lane(self, destination: str) -> Lane:
        lane = self._lanes.get(destination)
        if lane is None:
            lane = self._lanes[destination] = Lane(self._first)
        return lane

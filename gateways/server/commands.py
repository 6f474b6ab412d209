"""Holds commands back until the adapter has room for them, so that a slow adapter costs memory only up to a bound.

Kept: numbered commands leave in the order they came, at most `window` of them unacknowledged; passing ones (number 0)
are dropped rather than held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from actors.messages.gateway import Command


class HeldTooMany(Exception):
    """The adapter acknowledges too slowly; its stream must be closed, the commands stay with their shards."""


class CommandGate:
    """The commands of one stream."""

    def __init__(self, window: int, held_limit: int) -> None:
        self._window = window
        self._held_limit = held_limit
        self._held: deque[Command] = deque()
        self._in_flight: dict[str, deque[int]] = {}
        #: Source -> the last number of it that left.
        self._sent: dict[str, int] = {}
        self.in_flight = 0

    @property
    def held(self) -> int:
        """How many wait for acknowledgements."""
        return len(self._held)

    def offer(self, commands: Sequence[Command]) -> None:
        """Take commands to send.

        Raises:
            HeldTooMany: there is no room left.
        """
        for command in commands:
            # A passing command must not overtake the numbered ones of its conversation, and is not worth waiting for.
            if command.number or not self._held:
                self._held.append(command)
        if len(self._held) > self._held_limit:
            raise HeldTooMany(f"{len(self._held)} commands wait while {self.in_flight} are not acknowledged")

    def take(self) -> Command | None:
        """The next command to write, if one may leave now."""
        if not self.ready():
            return None
        command = self._held.popleft()
        if command.number:
            self.in_flight += 1
            self._sent[command.source] = command.number
            self._in_flight.setdefault(command.source, deque()).append(command.number)
        return command

    def ready(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._held) and (self.in_flight < self._window or not self._held[0].number)

    def sent(self, source: str, number: int) -> int:
        """An acknowledged number, but no more than what left on this stream; 0 if nothing of the source did.

        More would let the source forget, now or after it moved, what the adapter never had. An adapter that acknowledges
        on a new stream what it handled on an earlier one gets it again, and says so again.
        """
        return min(number, self._sent.get(source, 0))

    def acknowledge(self, source: str, number: int) -> bool:
        """The adapter handled `source` up to `number`; whether any of it was in flight."""
        numbers = self._in_flight.get(source)
        before = self.in_flight
        while numbers and numbers[0] <= number:
            numbers.popleft()
            self.in_flight -= 1
        if numbers is not None and not numbers:
            del self._in_flight[source]
        return self.in_flight < before

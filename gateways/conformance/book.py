"""Keeps the books of an adapter's events over all its streams, and notes every breach of the rules of numbering."""

from __future__ import annotations

from trunkline.gateway.v1 import gateway_pb2


class EventBook:
    """The events of one incarnation. `problems` holds what the adapter did wrong, in words."""

    def __init__(self) -> None:
        self.incarnation = ""
        self.problems: list[str] = []
        self.acknowledged = 0
        self.highest = 0
        self.window = 0
        self._contents: dict[int, bytes] = {}
        self._expected = 1
        #: The numbers that came on this stream, in order.
        self.on_stream: list[int] = []
        #: Numbers that were refused ahead of their turn: they may come again alone.
        self.refused_ahead: set[int] = set()

    def begin_life(self, incarnation: str) -> None:
        """The adapter says who it is; another incarnation starts the books anew."""
        if incarnation != self.incarnation:
            self.__init__()  # type: ignore[misc]  # everything anew is what is meant
            self.incarnation = incarnation

    def begin_stream(self, window: int) -> None:
        """A stream was welcomed with this window, resuming above what is acknowledged."""
        self.window = window
        self._expected = self.acknowledged + 1
        self.on_stream = []

    def reaches(self, seq: int) -> bool:
        """Whether the event of this number, or a later one, came."""
        return self.highest >= seq

    @property
    def in_flight(self) -> int:
        """How many came on this stream and are not settled."""
        return sum(1 for seq in self.on_stream if seq > self.acknowledged)

    @property
    def unsettled(self) -> list[int]:
        """The numbers that came on any stream and are not settled."""
        return [seq for seq in sorted(self._contents) if seq > self.acknowledged]

    def event(self, seq: int) -> gateway_pb2.Event:
        """The event with this number as it first came."""
        return gateway_pb2.Event.FromString(self._contents[seq])

    def take(self, event: gateway_pb2.Event) -> None:
        """Note an event that came."""
        seq, content = event.seq, event.SerializeToString(deterministic=True)
        may_skip_to = max(self._expected, self.acknowledged + 1)
        if not self._expected <= seq <= may_skip_to:
            self.problems.append(f"event {seq} came where {self._expected} was due: numbers have no gaps and do not go back")
        alone = seq in self.refused_ahead and event == gateway_pb2.Event(seq=seq)
        if seq in self._contents and self._contents[seq] != content and not alone:
            self.problems.append(f"event {seq} was sent again with another content")
        self._contents.setdefault(seq, content)
        self._expected = seq + 1
        self.highest = max(self.highest, seq)
        self.on_stream.append(seq)
        if self.window and self.in_flight > self.window:
            self.problems.append(f"{self.in_flight} events were in flight with event {seq}; the window was {self.window}")

    def take_problems(self) -> list[str]:
        """What was done wrong since the last call."""
        problems, self.problems = self.problems, []
        return problems

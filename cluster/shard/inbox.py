"""A shard's inputs and the high-water marks that recognise repeated ones (I11: same answer, no second effect)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.actor import Message, Refusal
from actors.address import Address
from cluster.wire import Mark, ShardReceipt, ShardStatus, mark_decoder

FULL_RETRY_MS = 1_000


def full(retry_after_ms: int = FULL_RETRY_MS) -> Refusal:
    """The answer to what would begin something while there is no room."""
    return Refusal("RESOURCE_EXHAUSTED", "the cluster is full; try again shortly", retry_after_ms)


FULL = full()

#: A sender that was silent this long is forgotten: its process, and any retry of its, is long gone.
MARK_LIFETIME_MS = 7 * 24 * 3600 * 1000
#: How often a shard that runs looks for such senders.
EXPIRE_EVERY_MS = 3600 * 1000


@dataclass(slots=True)
class Input:
    """One decoded message for one actor of the shard."""

    stream: str
    seq: int
    to: Address
    message: Message


Settle = Callable[[ShardReceipt], None]


@dataclass(slots=True)
class InputGroup:
    """Inputs that arrived together; `settle` is called once, when all are committed or none will be."""

    inputs: list[Input]
    settle: Settle
    floors: dict[str, int] = field(default_factory=dict)
    #: The host holds more than it should: what would begin something is refused, on the record.
    turns_away: bool = False
    refusals: list[tuple[str, int, Refusal]] = field(default_factory=list)

    def settled(self) -> None:
        self.settle(ShardReceipt(ShardStatus.SETTLED, self.refusals))

    def lost(self) -> None:
        """The shard is no longer here; the sender must ask its new host."""
        self.settle(ShardReceipt(ShardStatus.NOT_MINE))


class Marks:
    """High-water marks by sender stream; changes are collected for the next commit."""

    def __init__(self, stored: dict[str, bytes], now: int) -> None:
        self._marks: dict[str, Mark] = {}
        self._touched: dict[str, None] = {}
        self._expired: list[str] = []
        #: Stream -> the floor that its refusals were last dropped to.
        self._floors: dict[str, int] = {}
        for stream, content in stored.items():
            mark = mark_decoder.decode(content)
            if stream.startswith("l:") and now - mark.at > MARK_LIFETIME_MS:
                self._expired.append(stream)
            else:
                self._marks[stream] = mark

    def expire(self, now: int) -> None:
        """Forget links that were silent for long; the next commit takes their marks out of the store."""
        for stream in [s for s, mark in self._marks.items() if s.startswith("l:") and now - mark.at > MARK_LIFETIME_MS]:
            del self._marks[stream]
            self._touched.pop(stream, None)
            self._floors.pop(stream, None)
            self._expired.append(stream)

    def repeated(self, stream: str, seq: int) -> bool:
        """Whether this number of the sender was taken before."""
        mark = self._marks.get(stream)
        return mark is not None and seq <= mark.seq

    def answer(self, stream: str, seq: int) -> Refusal | None:
        """The refusal that a repeated number got the first time; None if it was accepted."""
        mark = self._marks[stream]
        retry_after_ms = mark.turned_away.get(seq)
        return mark.refused.get(seq) if retry_after_ms is None else full(retry_after_ms)

    def advance(self, stream: str, seq: int, now: int, refusal: Refusal | None) -> None:
        """Take this number; a refusal is remembered until the sender is known to have heard it."""
        mark = self._marks.get(stream)
        if mark is None:
            mark = self._marks[stream] = Mark(seq, now, {})
        mark.seq = seq
        mark.at = now
        if refusal is not None:
            # Of those there can be thousands, and the mark is written with every commit: a number is enough.
            if refusal.code == FULL.code and refusal.detail == FULL.detail:
                mark.turned_away[seq] = refusal.retry_after_ms
            else:
                mark.refused[seq] = refusal
        self._touched[stream] = None

    def settle_floor(self, stream: str, floor: int) -> None:
        """The sender knows the outcome of everything up to `floor`: its refusals there can go."""
        if self._floors.get(stream) == floor:
            return  # Told with every input of a batch.
        self._floors[stream] = floor
        mark = self._marks.get(stream)
        if mark is not None:
            _drop_until(mark.refused, floor)
            _drop_until(mark.turned_away, floor)

    def take_touched(self) -> dict[str, Mark | None]:
        """Marks changed since the last commit; None for a sender to forget."""
        changed: dict[str, Mark | None] = {stream: self._marks[stream] for stream in self._touched}
        changed.update(dict.fromkeys(self._expired))
        self._touched = {}
        self._expired = []
        return changed


def _drop_until(answers: dict[int, Refusal] | dict[int, int], floor: int) -> None:
    """Numbers only grow, so those that can go stand first: what stays is not looked at for every input."""
    while answers and (first := next(iter(answers))) <= floor:
        del answers[first]

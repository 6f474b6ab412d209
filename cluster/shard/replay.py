"""Decides again what a shard decided: its journal's inputs through the real actors, and the outcome against the journal.

    journal                     replay
      | inputs, now ----------->  |  a shard of its own, the same actors
      | events, changes --------> |  the same, byte for byte? else the first difference

A shard is a deterministic state machine, so from its first commit on the same inputs at the same times must give the same
events (among them every proposal of the router) and the same records. Under a new epoch soft state is built anew, as the host
that took the shard over had to; timers are the replay's own and must fire when the journal's did.

Not held against the journal: numbers of messages and marks, which belong to the way of messages and not to what was decided.

Keeps: after a difference nothing more is judged, because everything that follows from it would differ too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import msgspec

from actors.actor import Message
from actors.address import Address, Placement, ShardId
from actors.events import DeadLettered, Proposed, TimerTookEffect
from cluster.catalogue import Catalogue
from cluster.codec import encode
from cluster.journal import Change, JournalEntry, decode_entry
from cluster.shard.inbox import Input, InputGroup
from cluster.shard.shard import Shard
from cluster.store.base import Commit, Records, ShardImage
from cluster.wire import ShardReceipt

#: Who tells what was told: nobody who counts, so nothing is taken for repeated.
STREAM: Final = "replay"
TIMED: Final = frozenset({TimerTookEffect.__name__, DeadLettered.__name__})


class Divergence(msgspec.Struct, frozen=True):
    """The first thing that came out otherwise: `what` in which commit, as recorded and as replayed."""

    shard: str
    commit: int
    what: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"shard {self.shard} commit {self.commit}: {self.what}\n  recorded {self.recorded}\n  replayed {self.replayed}"


class CannotReplay(ValueError):
    """The journal does not hold what a replay needs; the text says what is missing."""


@dataclass(slots=True)
class ReplayCounts:
    """How much was decided again."""

    commits: int = 0
    events: int = 0
    decisions: int = 0


class Replay:
    """Feed it the entries of one shard's journal, from the first on.

    Args:
        placement: The cluster's own, which decides what a shard hears itself.
    """

    def __init__(self, shard: ShardId, placement: Placement, catalogue: Catalogue) -> None:
        self.counts = ReplayCounts()
        self._id, self._placement, self._catalogue = shard, placement, catalogue
        self._records: dict[Address, Records] = {}
        self._number = 0
        self._shard = Shard(ShardImage(shard, 0), placement, catalogue.actor_types, catalogue.codec)

    def feed(self, content: bytes) -> Divergence | None:
        """Decide one commit again.

        Returns:
            What differs, if anything; feed no more then.

        Raises:
            CannotReplay: the entry has no inputs, or is not the one that follows.
        """
        entry = decode_entry(content)
        if entry.number != self._number + 1:
            raise CannotReplay(f"commit {self._number + 1} is missing: a replay begins with the first and leaves none out")
        if entry.inputs is None:
            raise CannotReplay(f"commit {entry.number} has no inputs: its shard keeps none, or an earlier release wrote it")
        self._number = entry.number
        if entry.epoch != self._shard.epoch:
            self._take_over(entry)
        commit = self._decide(entry, [(to, self._catalogue.codec.message(body)) for to, body in entry.inputs])
        found = self._compare(entry, commit)
        for change in entry.changes:
            self._change(change)
        return found

    def _take_over(self, entry: JournalEntry) -> None:
        """Run the shard under a new epoch: records and timers stay, what was only in memory is gone."""
        before = self._shard
        image = ShardImage(self._id, entry.epoch, entry.number - 1, before.now, sorted(self._records), before.timers.stored())
        self._shard = Shard(image, self._placement, self._catalogue.actor_types, self._catalogue.codec)
        if entry.inputs:
            # The host asked everybody how things stand at once, before it heard anything else; that left nothing to commit.
            self._run(before.now, [], 0)
            self._shard.committed(None)

    def _decide(self, entry: JournalEntry, told: list[tuple[Address, Message]]) -> Commit | None:
        fired = sum(msgspec.msgpack.decode(event)[0] in TIMED for _, event in entry.events)
        commit = self._run(entry.now, told, max(1, fired))
        released = self._shard.committed(commit)
        for destination in released.destinations:
            items = self._shard.outbox.unsent(destination, 1 << 30)
            self._shard.outbox.acknowledge(destination, items[-1].number)
        self._shard.last_commit = entry.number
        return commit

    def _run(self, now: int, told: list[tuple[Address, Message]], timers: int) -> Commit | None:
        shard = self._shard
        if told:
            shard.accept(InputGroup([Input(STREAM, 0, to, message) for to, message in told], _settled))
        shard.begin(now, timers)
        while missing := shard.advance():
            shard.supply(missing, [self._records.get(address, {}) for address in missing])
        return shard.finish()

    def _compare(self, entry: JournalEntry, commit: Commit | None) -> Divergence | None:
        again = decode_entry(commit.journal) if commit is not None else None
        events, changes = (again.events, again.changes) if again is not None else ([], [])
        self.counts.commits += 1
        self.counts.events += len(entry.events)
        self.counts.decisions += sum(_name(event) == Proposed.__name__ for _, event in entry.events)
        for what, recorded, replayed in (("event", entry.events, events), ("change", entry.changes, changes)):
            if encode(recorded) != encode(replayed):
                return self._first(entry, what, _shown(recorded), _shown(replayed))
        return None

    def _first(self, entry: JournalEntry, what: str, recorded: Iterator[str], replayed: Iterator[str]) -> Divergence:
        for number, (one, other) in enumerate(zip_longest(recorded, replayed, fillvalue="nothing"), 1):
            if one != other:
                return Divergence(self._id, entry.number, f"{what} {number} differs", one, other)
        raise AssertionError("what differs in bytes differs somewhere")

    def _change(self, change: Change) -> None:
        """Keep the records as the journal has them, for when the shard is taken over."""
        if change.ended:
            self._records.pop(change.address, None)
        if not change.puts and not change.drops:
            return
        records = self._records.setdefault(change.address, {})
        records.update({key: bytes(content) for key, content in change.puts.items()})
        for key in change.drops:
            records.pop(key, None)
        if not records:
            del self._records[change.address]


def _settled(_: ShardReceipt) -> None:
    """Nobody waits for an answer."""


def _name(event: msgspec.Raw) -> str:
    return str(msgspec.msgpack.decode(event)[0])


def _shown(parts: list[tuple[Address, msgspec.Raw]] | list[Change]) -> Iterator[str]:
    """Each part as text, in order; of records only keys and checksums, since they may hold what customers wrote."""
    for part in parts:
        if isinstance(part, Change):
            keys = {key: f"{zlib.crc32(bytes(content)):08x}" for key, content in part.puts.items()}
            yield f"{part.address} version {part.version}: puts {keys}, drops {part.drops}, ended {part.ended}"
        else:
            yield f"{part[0]} {msgspec.msgpack.decode(part[1])}"

"""Judges commits as such: their order (I9), their versions and replay (I10), and the messages between shards (I11, I12).

Knows nothing of what actors mean. Keeps one shard's replayed records, so its memory is that of the live state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.address import Address
from cluster.invariants.entries import Entry
from cluster.invariants.evidence import Evidence
from cluster.invariants.report import Findings
from cluster.journal import Change
from cluster.store.base import Records, ShardImage
from cluster.wire import mark_decoder


def shard_of_stream(stream: str) -> str | None:
    """The shard that sends under this stream, or is this destination; None for a link's (`l:<link>…`)."""
    return stream[2:] if stream.startswith("s:") else None


#: The record in which an actor's version is stored beside its own records.
VERSION_RECORD: Final = "@v"
_encode: Final = msgspec.msgpack.Encoder().encode


class ShardState:
    """Where one shard's journal stands, and the records that its changes add up to."""

    __slots__ = (
        "epoch",
        "events",
        "now",
        "number",
        "partial",
        "received",
        "records",
        "sent",
        "shard",
        "stream",
        "trimmed",
        "versions",
    )  # fmt: skip

    def __init__(self, shard: str, first: int) -> None:
        self.shard = shard
        self.stream = f"s:{shard}"
        #: The journal begins after the shard did: what was before is unknown.
        self.trimmed = first > 1
        self.epoch = 0
        self.number = first - 1
        self.now = 0
        #: Counts events and commit boundaries, so that neighbours can be told apart.
        self.events = 0
        self.sent: dict[str, int] = {}
        self.received: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.records: dict[str, dict[str, bytes]] = {}
        #: Actors whose first change here was not their first: only what was put since is known.
        self.partial: dict[str, set[str]] = {}


class Commits:
    """Every shard's commits, in the order of their journals."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.shards: dict[str, ShardState] = {}

    def admit(self, shard: str, entry: Entry) -> ShardState:
        """Take the next commit of a shard and judge its place (I9)."""
        state = self.shards.get(shard)
        if state is None:
            state = self.shards[shard] = ShardState(shard, entry.number)
            if state.trimmed:
                self.findings.note(
                    f"shard {shard}: the journal begins at commit {entry.number}; what was before is unknown: "
                    "neither the store nor the archive has it (is it the right one? see --archive)"
                )
        number = entry.number
        if number != state.number + 1:
            self._violated("I9", state, f"shard {shard}", number, f"commit {number} follows commit {state.number}")
        if entry.epoch < state.epoch:
            detail = f"commit {number} is of epoch {entry.epoch}, after one of epoch {state.epoch}: a fenced host committed"
            self._violated("I9", state, f"shard {shard}", number, detail)
        if entry.now < state.now:
            self._violated("I9", state, f"shard {shard}", number, f"the shard's time went back from {state.now} to {entry.now}")
        if entry.shard != shard:
            self._violated("I9", state, f"shard {shard}", number, f"the entry says it is of shard {entry.shard}")
        state.number = number
        state.epoch = max(state.epoch, entry.epoch)
        state.now = max(state.now, entry.now)
        state.events += 1
        if entry.sent:
            self._sent(state, entry.sent)
        if entry.received:
            self._received(state, entry.received)
        return state

    def skip(self, shard: str) -> None:
        """Step over a commit that cannot be read."""
        state = self.shards.get(shard)
        if state is None:
            state = self.shards[shard] = ShardState(shard, 1)
        state.number += 1

    def _violated(self, invariant: str, state: ShardState, subject: str, number: int, detail: str) -> None:
        self.findings.violated(invariant, state.shard, number, subject, detail)

    def _sent(self, state: ShardState, sent: Mapping[str, int]) -> None:
        """A number that is used again would be taken for a repeat, and its message dropped."""
        before = state.sent
        for destination, number in sent.items():
            last = before.get(destination, 0)
            if number <= last:
                detail = f"message {number} was numbered after {last}: its receiver takes it for a repeat"
                self._violated("I11", state, f"messages {state.shard} -> {destination}", state.number, detail)
            before[destination] = number

    def _received(self, state: ShardState, received: Mapping[str, int]) -> None:
        before = state.received
        for stream, mark in received.items():
            last = before.get(stream, 0)
            if mark < last:
                detail = f"the high-water mark went back from {last} to {mark}: repeats take effect again"
                self._violated("I11", state, f"messages {stream} -> {state.shard}", state.number, detail)
            before[stream] = mark

    def change(self, state: ShardState, change: Change) -> None:
        """Apply one actor's change to the replay and judge its version (I10)."""
        address, version = change.address, change.version
        stored = change.puts.get(VERSION_RECORD)
        if stored is not None and bytes(stored) != _encode(version):
            self._violated("I10", state, address, state.number, f"version {version} is not the one that it stores")
        last = state.versions.get(address)
        if last is None:
            if version != 1:
                if state.trimmed:
                    state.partial[address] = set()
                else:
                    self._violated("I10", state, address, state.number, f"the first change has version {version}, not 1")
        elif version != last + 1:
            self._violated("I10", state, address, state.number, f"version {version} follows version {last}")
        if change.ended:
            state.records.pop(address, None)
            state.partial.pop(address, None)
            if not change.puts:
                state.versions.pop(address, None)
                return
        state.versions[address] = version
        records = state.records.get(address)
        if records is None:
            records = state.records[address] = {}
        for key, value in change.puts.items():
            records[key] = bytes(value)
        for key in change.drops:
            records.pop(key, None)
        if address in state.partial:
            state.partial[address].update(change.puts, change.drops)

    def stored(self, image: ShardImage) -> None:
        """Hold the shard as the store has it against the end of its journal (I9, I10)."""
        state = self.shards.get(image.shard)
        if state is None:
            if image.last_commit:
                detail = f"the store is at commit {image.last_commit}, and no journal entry of it was read"
                self.findings.judged_in_part("I10", f"shard {image.shard}: {detail}")
            return
        if image.last_commit != state.number:
            detail = f"the store is at commit {image.last_commit}, its journal at {state.number}"
            self._violated("I10", state, f"shard {image.shard}", state.number, detail)
        if image.epoch < state.epoch:
            detail = f"the store is at epoch {image.epoch}, its journal at {state.epoch}"
            self._violated("I9", state, f"shard {image.shard}", state.number, detail)
        live = set(image.live)
        for unknown in live.difference(state.records):
            if not state.trimmed:
                self._violated("I10", state, unknown, state.number, "is stored, and no journal entry made it")
        for address, records in state.records.items():
            if records and address not in live:
                self._violated("I10", state, address, state.number, "has records by the journal, and is not stored")
        self._stored_marks(state, image)
        if state.trimmed:
            self.findings.judged_in_part("I10", f"shard {image.shard}: only what was written since its journal begins")

    def _stored_marks(self, state: ShardState, image: ShardImage) -> None:
        """The stored high-water marks are those of the journal; a link's may have been forgotten since (I11)."""
        for stream, mark in state.received.items():
            content = image.marks.get(stream)
            if content is None and shard_of_stream(stream) is None:
                continue
            stored = 0 if content is None else mark_decoder.decode(content).seq
            if stored != mark:
                detail = f"the store has the high-water mark {stored}, the journal {mark}"
                self._violated("I11", state, f"messages {stream} -> {state.shard}", state.number, detail)

    def stored_records(self, shard: str, address: Address, stored: Records) -> None:
        """Hold one actor's stored records against their replay, byte for byte (I10)."""
        state = self.shards.get(shard)
        if state is None:
            return
        replayed = state.records.get(address)
        if replayed is None:
            if not state.trimmed and stored:
                self._violated("I10", state, address, state.number, "is stored, and no journal entry made it")
            return
        known = state.partial.get(address)
        for key in replayed.keys() | stored.keys():
            if known is not None and key not in known:
                continue
            expected, actual = replayed.get(key), stored.get(key)
            if expected != actual:
                detail = f"record {key!r} " + (
                    "is missing from the store" if actual is None
                    else "is stored, and the journal dropped it" if expected is None
                    else "differs between the store and the journal's replay"
                )  # fmt: skip
                self._violated("I10", state, address, state.number, detail)

    def ahead(self) -> list[tuple[str, str, int]]:
        """Messages received whose sending was not read: (sending shard, receiving shard, message number)."""
        found = []
        for state in self.shards.values():
            for stream, mark in state.received.items():
                source = self.shards.get(shard_of_stream(stream) or "")
                if source is None or mark <= source.sent.get(state.stream, 0):
                    continue
                # A trimmed journal may have begun after the last message to this shard.
                if state.stream in source.sent or not source.trimmed:
                    found.append((source.shard, state.shard, mark))
        return found

    def in_flight(self) -> list[tuple[str, str]]:
        """Pairs of shards with messages sent and not received by the ends of the journals."""
        found = []
        for state in self.shards.values():
            for destination, number in state.sent.items():
                shard = shard_of_stream(destination)
                if shard is None:
                    continue
                target = self.shards.get(shard)
                if target is None or target.received.get(state.stream, 0) < number:
                    found.append((state.shard, shard))
        return found

    def finish(self, evidence: Evidence) -> None:
        """Judge what was received between shards and seen outside against what was committed (I12)."""
        for source, target, mark in self.ahead():
            committed = self.shards[source].sent.get(self.shards[target].stream, 0)
            detail = f"message {mark} was received, and only those to {committed} were committed"
            self.findings.violated("I12", source, 0, f"messages {source} -> {target}", detail)
        for command in evidence.commands:
            if not command.number or evidence.excuses(command.at):
                continue
            sender = self.shards.get(shard_of_stream(command.source) or command.source)
            highest = 0 if sender is None else sender.sent.get(f"l:{command.link}", 0)
            if command.number > highest and not (sender is not None and sender.trimmed and not highest):
                detail = f"the adapter received command {command.number}, and only those to {highest} were committed"
                self.findings.violated("I12", command.source, 0, f"commands {command.source} -> {command.link}", detail)

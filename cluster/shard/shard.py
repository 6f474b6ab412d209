"""One shard under one epoch: takes inputs, runs turns until nobody has a message left, and makes one commit.

Deterministic: the same image, inputs and times give the same commit. It does no I/O; its host loads records for it,
stores its commit and, only then, releases what leaves (I12).

    host                                  shard
      | begin(now) ---------------------->  |  takes inputs and due timers
      | <------- addresses to load, or none |  advance(); supply(records); advance() ...
      | finish() ------------------------>  |  one Commit, or None when nothing durable happened
      | store.commit                        |
      | committed() --------------------->  |  settles the inputs, releases messages
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from actors.actor import Actor, Event, Fired, Message, Record, Refusal, Turn
from actors.address import GATEWAY_KIND, Address, Placement, kind_of, name_of
from actors.events import DeadLettered, TimerTookEffect
from actors.messages.gateway import TurnedAway
from cluster.codec import Codec, encode, raw
from cluster.journal import FORMAT, Change, JournalEntry, encode_entry
from cluster.shard.inbox import EXPIRE_EVERY_MS, FULL, Input, InputGroup, Marks, full
from cluster.shard.outbox import Outbox
from cluster.shard.timers import Timers, timer_key
from cluster.store.base import ActorWrite, Commit, Records, ShardImage
from cluster.wire import shard_stream

#: The store's field for an actor's version; no actor may use it as a record key.
VERSION_FIELD = "@v"
STRIKES = 3
#: The shard of this actor keeps its inputs in its journal, so that what was decided can be decided again. Others do not: theirs
#: would be every line of every conversation once more.
DECIDING = Address("router/main")


@dataclass(slots=True)
class Ephemeral:
    """A message that leaves without being stored; `reply_to` names the ask that it answers."""

    destination: str
    to: Address
    message: Message
    reply_to: int = 0


@dataclass(slots=True)
class Released:
    """What a shard lets go after its commit: lanes with something to send, and messages that were never stored.

    `events` and the codes of what was `refused` are for whoever counts them.
    """

    destinations: list[str] = field(default_factory=list)
    ephemeral: list[Ephemeral] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DeadLetter:
    """A message that failed three times, as stored in the dead-letter stream."""

    at: int
    to: Address
    stream: str
    seq: int
    body: bytes
    error: str


class Shard:
    """The actors of one shard and everything about them that is not yet committed."""

    def __init__(self, image: ShardImage, placement: Placement, actor_types: Mapping[str, type[Actor]], codec: Codec) -> None:
        self.id = image.shard
        self.epoch = image.epoch
        self.stream = shard_stream(image.shard)
        self.now = image.now
        self.last_commit = image.last_commit
        self.live = set(image.live)
        self.timers = Timers(image.timers)
        self.outbox = Outbox(image.epoch, image.outbox, image.now)
        self.marks = Marks(image.marks, image.now)
        self._expired_at = image.now
        self.queue: deque[InputGroup] = deque()
        self.waiting_inputs = 0
        self.turns = 0
        self._placement = placement
        self._keeps_inputs = placement.shard_of(DECIDING) == image.shard
        self._actor_types = actor_types
        self._codec = codec
        self._actors: dict[Address, Actor] = {}
        self._versions: dict[Address, int] = {}
        self._used_at: dict[Address, int] = {}
        self._mailbox: deque[tuple[Address, Message, Input | None, InputGroup | None]] = deque()
        self._quiet: dict[Address, Message] = {}
        self._reset_batch()
        self._activate = sorted(a for a in image.live if self._type_of(a) is not None and actor_types[kind_of(a)].resident)

    # -- inputs ---------------------------------------------------------------------------------------------------

    def accept(self, group: InputGroup) -> None:
        """Queue inputs; they are settled after the commit that holds their effects."""
        self.queue.append(group)
        self.waiting_inputs += len(group.inputs)

    def has_work(self, now: int) -> bool:
        """Whether a batch now would do anything."""
        if self.queue or self._activate:
            return True
        due_at = self.timers.next_due_at()
        return due_at is not None and due_at <= now

    def next_due_at(self) -> int | None:
        """When the earliest timer is due."""
        return self.timers.next_due_at()

    # -- one batch ------------------------------------------------------------------------------------------------

    def begin(self, now: int, max_inputs: int = 2_000) -> int:
        """Start a batch at this time (never earlier than the shard's last) with up to about `max_inputs` inputs.

        Returns:
            How many inputs and timers it has.
        """
        self.now = max(self.now, now)
        taken = 0
        while self.queue and taken < max_inputs:
            group = self.queue.popleft()
            self._groups.append(group)
            taken += len(group.inputs)
            for entry in group.inputs:
                self._mailbox.append((entry.to, entry.message, entry, group))
        self.waiting_inputs -= taken
        for address, name, due_at in self.timers.pop_due(self.now, max_inputs):
            self._timers_changed[timer_key(address, name)] = None
            self._durable = True
            self._mailbox.append((address, Fired(name, due_at), None, None))
        return len(self._mailbox)

    def advance(self) -> list[Address]:
        """Run turns until nobody has a message left, or until records are needed.

        Returns:
            Addresses whose records to load and `supply`; empty when the batch is complete.
        """
        missing = self._missing()
        if missing:
            return missing
        mailbox = self._mailbox
        while True:
            while mailbox:
                to = mailbox[0][0]
                if to not in self._actors and to in self.live:
                    return self._missing()
                to, message, entry, group = mailbox.popleft()
                if entry is not None and group is not None:
                    self._input_turn(entry, group)
                else:
                    self._turn(to, message, None)
            if not self._quiet:
                return []
            mailbox.extend((address, message, None, None) for address, message in self._quiet.items())
            self._quiet.clear()

    def supply(self, addresses: list[Address], stored: list[Records]) -> None:
        """Bring actors into memory from their stored records."""
        for address, records in zip(addresses, stored, strict=True):
            actor_type = self._type_of(address)
            if actor_type is None or not records:
                self.live.discard(address)
                continue
            actor = actor_type(address)
            for key, content in records.items():
                if key == VERSION_FIELD:
                    self._versions[address] = msgspec.msgpack.decode(content, type=int)
                else:
                    actor.records[key] = self._codec.record(content)
            actor.rebuild()
            self._actors[address] = actor
            self._run(actor, None, None)

    def finish(self) -> Commit | None:
        """The batch's commit; None when nothing durable happened."""
        if not self._durable:
            return None
        commit = Commit(self.id, self.epoch, self.last_commit + 1, self.now, b"")
        changes = [self._write_of(address, written, commit) for address, written in self._written.items()]
        commit.timers = self._timers_changed
        commit.outbox, sent = self.outbox.take_staged()
        commit.outbox_drops = self.outbox.take_done()
        touched = self.marks.take_touched()
        commit.marks = {stream: None if mark is None else encode(mark) for stream, mark in touched.items()}
        commit.dead_letters = [encode(letter) for letter in self._dead]
        received = {stream: mark.seq for stream, mark in touched.items() if mark is not None}
        told = self._told if self._keeps_inputs else None
        commit.journal = encode_entry(
            JournalEntry(FORMAT, self.id, self.epoch, commit.number, self.now, self._events, changes, sent, received, told)
        )
        return commit

    def committed(self, commit: Commit | None) -> Released:
        """The commit is on disk (or there was none to make): settle the inputs and let messages go."""
        released = Released(ephemeral=self._ephemeral, events=self._facts, refused=self._refused)
        if commit is not None:
            self.last_commit = commit.number
            released.destinations = self.outbox.release(commit.number, self.now)
        groups = self._groups
        self._reset_batch()
        for group in groups:
            group.settled()
        return released

    def abandon(self) -> None:
        """The shard is lost to this host: nobody's input was settled, and each sender is told to look elsewhere."""
        groups = [*self._groups, *self.queue]
        self.queue.clear()
        self.waiting_inputs = 0
        self._reset_batch()
        for group in groups:
            group.lost()

    # -- upkeep ---------------------------------------------------------------------------------------------------

    def passivate(self, idle_before: int) -> int:
        """Forget actors that had no turn since then; they are loaded again when needed. Returns how many."""
        idle: list[Address] = []
        for address, used_at in self._used_at.items():
            if used_at >= idle_before:
                break
            if not self._actors[address].resident:
                idle.append(address)
        for address in idle:
            del self._actors[address], self._used_at[address]
            self._versions.pop(address, None)
        return len(idle)

    def forget_silent_senders(self) -> None:
        """Let go of the marks of links that are long gone, looking for them now and then only."""
        if self.now - self._expired_at > EXPIRE_EVERY_MS:
            self._expired_at = self.now
            self.marks.expire(self.now)

    def request_tidy(self) -> None:
        """Make the next batch commit even if only delivered messages are to be deleted from the store."""
        if self.outbox.tidy:
            self._durable = True

    @property
    def wants_tidy(self) -> bool:
        return self._durable

    @property
    def actors_in_memory(self) -> int:
        return len(self._actors)

    def loaded(self, address: Address) -> Mapping[str, Record] | None:
        """The records of an actor that is in memory; None if it is not."""
        actor = self._actors.get(address)
        return None if actor is None else actor.records

    # -- turns ----------------------------------------------------------------------------------------------------

    def _input_turn(self, entry: Input, group: InputGroup) -> None:
        if not entry.seq:
            self._turn(entry.to, entry.message, entry)
            return
        floor = group.floors.get(entry.stream)
        if floor:
            self.marks.settle_floor(entry.stream, floor)
        if self.marks.repeated(entry.stream, entry.seq):
            refusal = self.marks.answer(entry.stream, entry.seq)
        else:
            # Marked like any other answer: an edge that refused by itself, and died before the adapter heard, would
            # leave a number that looks as if it had been accepted.
            refusal = _turned_away(entry.message, group) or self._turn(entry.to, entry.message, entry)
            self.marks.advance(entry.stream, entry.seq, self.now, refusal)
            # Even if the turn changed nothing. A shard's message must be marked durably, or its sender's acknowledgement
            # would outlive the mark; and only a commit proves that this host still has the shard: one that has lost it
            # sees a past in which, say, an offer to be rejected is not there yet, and would call that done.
            if refusal is not None or entry.stream.startswith("s:") or not entry.message.fleeting:
                self._durable = True
        if refusal is not None:
            group.refusals.append((entry.stream, entry.seq, refusal))
            self._refused.append(refusal.code)

    def _turn(self, to: Address, message: Message, entry: Input | None) -> Refusal | None:
        if entry is not None and self._keeps_inputs:
            self._told.append((to, raw(message)))
        actor = self._actors.get(to)
        if actor is None:
            actor_type = self._type_of(to)
            if actor_type is None:
                return Refusal("NOT_FOUND", f"no actor kind answers at {to!r}")
            actor = self._actors[to] = actor_type(to)
        return self._run(actor, message, entry)

    def _run(self, actor: Actor, message: Message | None, entry: Input | None) -> Refusal | None:
        """One turn with its strikes; `message` None is the activation turn."""
        error = ""
        for _ in range(STRIKES):
            turn = Turn(self.now, actor.address, actor.records)
            try:
                if message is None:
                    actor.activated(turn)
                else:
                    actor.receive(message, turn)
            except Exception as problem:  # noqa: BLE001  # whatever an actor raises, its turn is undone and counted
                error = f"{type(problem).__name__}: {problem}"
                turn.undo()
                actor.rebuild()
                continue
            self.turns += 1
            if turn.refusal is not None:
                if turn.written:
                    turn.undo()
                    actor.rebuild()
                self._forget_unborn(actor)
                return turn.refusal
            self._apply(actor, turn, message, entry)
            return None
        self._dead_letter(actor.address, message, entry, error)
        self._forget_unborn(actor)
        return None

    def _apply(self, actor: Actor, turn: Turn, message: Message | None, entry: Input | None) -> None:
        address = actor.address
        if turn.written:
            written = self._written.get(address)
            if written is None:
                self._written[address] = turn.written
            else:
                written.update(turn.written)
            self.live.add(address)
            self._durable = True
        if type(message) is Fired:
            self._events.append((address, raw(TimerTookEffect(address, message.name, message.due_at))))
            self._durable = True
        if turn.timers:
            self._apply_timers(address, turn.timers)
        if turn.sent:
            self._apply_sent(turn)
        if turn.events:
            for event in turn.events:
                self._emit(address, event)
        if turn.quiet is not None:
            self._quiet[address] = turn.quiet
        if turn.answer is not None and entry is not None and entry.stream.startswith("l:"):
            link = entry.stream.split(":", 2)[1]
            self._ephemeral.append(Ephemeral(f"l:{link}", address, turn.answer, entry.seq))
        used_at = self._used_at
        used_at.pop(address, None)
        if turn.ended:
            self._end(actor)
        elif not actor.records and not actor.resident:
            self._actors.pop(address, None)
        else:
            used_at[address] = self.now

    def _apply_timers(self, address: Address, changed: dict[str, int | None]) -> None:
        for name, due_at in changed.items():
            if due_at is None:
                key = self.timers.cancel(address, name)
                if key is None:
                    continue
                self._timers_changed[key] = None
            else:
                self._timers_changed[self.timers.set(address, name, due_at)] = due_at
            self._durable = True

    def _apply_sent(self, turn: Turn) -> None:
        for sent in turn.sent:
            to = sent.to
            if kind_of(to) == GATEWAY_KIND:
                destination = f"l:{name_of(to)}"
            else:
                shard = self._placement.shard_of(to)
                if shard == self.id:
                    self._mailbox.append((to, sent.message, None, None))
                    continue
                destination = shard_stream(shard)
            if sent.durable:
                self.outbox.stage(destination, to, sent.message)
                self._durable = True
            else:
                self._ephemeral.append(Ephemeral(destination, to, sent.message))

    def _end(self, actor: Actor) -> None:
        address = actor.address
        self._written[address] = {}
        self._ended.add(address)
        for key in self.timers.cancel_all(address):
            self._timers_changed[key] = None
        self.live.discard(address)
        self._actors.pop(address, None)
        self._durable = True

    def _dead_letter(self, address: Address, message: Message | None, entry: Input | None, error: str) -> None:
        body = b"" if message is None else encode(message)
        stream, seq = (entry.stream, entry.seq) if entry is not None else (self.stream, 0)
        self._dead.append(DeadLetter(self.now, address, stream, seq, body, error))
        kind = "activation" if message is None else type(message).__name__
        self._emit(address, DeadLettered(address, kind, error.partition(":")[0]))
        self.alerts.append((address, kind, error))

    def _emit(self, address: Address, event: Event) -> None:
        self._events.append((address, raw(event)))
        self._facts.append(event)
        self._durable = True

    def _forget_unborn(self, actor: Actor) -> None:
        """An actor that a failed or refused first turn left without records was never there."""
        if not actor.records and not actor.resident:
            self._actors.pop(actor.address, None)

    # -- the commit -----------------------------------------------------------------------------------------------

    def _write_of(self, address: Address, written: dict[str, Record | None], commit: Commit) -> Change:
        write = ActorWrite(ended=address in self._ended)
        version = self._versions.get(address, 0) + 1
        puts: dict[str, msgspec.Raw] = {}
        if write.ended and not written:
            self._versions.pop(address, None)
        else:
            self._versions[address] = version
            puts[VERSION_FIELD] = raw(version)
            for key, record in written.items():
                if record is None:
                    write.drops.append(key)
                else:
                    puts[key] = raw(record)
            write.puts = {key: bytes(content) for key, content in puts.items()}
        commit.actors[address] = write
        return Change(address, version, puts, write.drops, write.ended)

    def _missing(self) -> list[Address]:
        """Stored actors that a waiting message needs, residents first; each once, in order."""
        wanted = dict.fromkeys(self._activate)
        self._activate = []
        for to, _, _, _ in self._mailbox:
            if to in self.live:
                wanted[to] = None
        return [address for address in wanted if address not in self._actors]

    def _type_of(self, address: str) -> type[Actor] | None:
        return self._actor_types.get(kind_of(address))

    def _reset_batch(self) -> None:
        self._groups: list[InputGroup] = []
        self._written: dict[Address, dict[str, Record | None]] = {}
        self._ended: set[Address] = set()
        self._events: list[tuple[Address, msgspec.Raw]] = []
        self._facts: list[Event] = []
        self._told: list[tuple[Address, msgspec.Raw]] = []
        self._refused: list[str] = []
        self._timers_changed: dict[str, int | None] = {}
        self._ephemeral: list[Ephemeral] = []
        self._quiet = {}
        self._dead: list[DeadLetter] = []
        self._durable = False
        self._mailbox.clear()
        self.alerts: list[tuple[Address, str, str]] = []


def _turned_away(message: Message, group: InputGroup) -> Refusal | None:
    """The refusal of what finds no room, whether its gateway or this host says so; None lets it in."""
    if type(message) is TurnedAway:
        return full(message.retry_after_ms)
    return FULL if group.turns_away and message.begins else None

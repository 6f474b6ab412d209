"""The actor base: an address, small records, and one turn at a time.

A turn is a synchronous function of (records, message, now). Everything it does is an effect collected on its `Turn`:
records written, messages sent, timers set, events emitted. The runtime commits them together or not at all, so an
actor never does I/O and never sees a half-done turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from actors.address import Address


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What an actor can be told. Compact on the wire; fields are only ever appended, with a default."""

    #: It begins something, so a full cluster may refuse it; what continues something is never turned away.
    begins: ClassVar[bool] = False
    #: Nobody minds if an answer to it comes from a host that has lost the actor without knowing: it asks, or is soon stale.
    fleeting: ClassVar[bool] = False


class Record(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A small piece of an actor's durable state. Replaced whole, never changed in place."""


class Event(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A fact for the journal: what reports, traces and the invariants checker read."""


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """An expected "no" to whoever sent the message: nothing was applied, and repeating it changes nothing.

    `code` is a gRPC status name (`FAILED_PRECONDITION`, `NOT_FOUND`, …); `detail` says what to do instead.
    """

    code: str
    detail: str
    retry_after_ms: int = 0


class Fired(Message, frozen=True):
    """A timer that the actor had set under this name has come due."""

    name: str
    due_at: int


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """A message on its way out of a turn. Durable ones survive any crash; the others may be lost in one."""

    to: Address
    message: Message
    durable: bool = True


_ABSENT: Final = object()


class Turn:
    """The effects of one message on one actor, collected while its handler runs."""

    __slots__ = (
        "now",
        "address",
        "records",
        "written",
        "sent",
        "events",
        "timers",
        "quiet",
        "refusal",
        "answer",
        "ended",
        "_undo",
    )

    def __init__(self, now: int, address: Address, records: dict[str, Record]) -> None:
        self.now = now
        self.address = address
        self.records = records
        self.written: dict[str, Record | None] = {}
        self.sent: list[Sent] = []
        self.events: list[Event] = []
        self.timers: dict[str, int | None] = {}
        self.quiet: Message | None = None
        self.refusal: Refusal | None = None
        self.answer: Message | None = None
        self.ended = False
        self._undo: dict[str, Any] = {}

    def put(self, key: str, record: Record) -> None:
        """Write one record; only what is put is stored, so keep records small."""
        if key not in self._undo:
            self._undo[key] = self.records.get(key, _ABSENT)
        self.records[key] = record
        self.written[key] = record

    def drop(self, key: str) -> None:
        """Delete one record."""
        if key in self.records:
            if key not in self._undo:
                self._undo[key] = self.records[key]
            del self.records[key]
            self.written[key] = None

    def send(self, to: Address, message: Message) -> None:
        """Send durably: it leaves after the commit, and is resent until the receiver has committed it."""
        self.sent.append(Sent(to, message))

    def tell(self, to: Address, message: Message) -> None:
        """Send without storing: for typing indicators and the like, which a crash may lose."""
        self.sent.append(Sent(to, message, durable=False))

    def emit(self, event: Event) -> None:
        """Append a fact to the journal."""
        self.events.append(event)

    def set_timer(self, name: str, due_at: int) -> None:
        """Be told `Fired(name)` once at or after `due_at` (ms since the epoch); setting it again moves it."""
        self.timers[name] = due_at

    def cancel_timer(self, name: str) -> None:
        """Forget a timer; a timer that is not set is no error."""
        self.timers[name] = None

    def when_quiet(self, message: Message) -> None:
        """Be told this once no other message is waiting in the shard; several askings count as one."""
        self.quiet = message

    def reply(self, message: Message) -> None:
        """Answer an `ask` from the edge; released after the commit."""
        self.answer = message

    def refuse(self, code: str, detail: str, retry_after_ms: int = 0) -> None:
        """Say no: every effect of this turn is undone and the sender gets the refusal instead of an acknowledgement."""
        self.refusal = Refusal(code, detail, retry_after_ms)

    def end(self) -> None:
        """The actor is finished: all its records and timers are deleted."""
        self.ended = True

    def undo(self) -> None:
        """Put the records back as they were before the turn."""
        for key, before in self._undo.items():
            if before is _ABSENT:
                self.records.pop(key, None)
            else:
                self.records[key] = before


Handler = Callable[[Any, Any, Turn], None]
M = TypeVar("M", bound=Message)
A = TypeVar("A", bound="Actor")


def on(message_type: type[M]) -> Callable[[Callable[[A, M, Turn], None]], Callable[[A, M, Turn], None]]:
    """Mark a method as the handler of one message type."""

    def mark(method: Callable[[A, M, Turn], None]) -> Callable[[A, M, Turn], None]:
        method.__handles__ = message_type  # type: ignore[attr-defined]  # a mark that __init_subclass__ reads
        return method

    return mark


class Actor:
    """Base of every actor. Subclasses set `kind` and mark handlers with `@on(MessageType)`.

    `records` is the whole durable state. Anything else on the instance is derived from it in `rebuild`, which the
    runtime calls after loading and after undoing a failed turn.
    """

    kind: ClassVar[str]
    #: Loaded with its shard and never passivated, because it must act without being told (the router).
    resident: ClassVar[bool] = False
    #: Holds no durable state and lives at the edge, beside its socket (the gateway).
    volatile: ClassVar[bool] = False
    handlers: ClassVar[Mapping[type[Message], Handler]] = {}

    def __init_subclass__(cls) -> None:
        handlers = dict(cls.handlers)
        for value in vars(cls).values():
            message_type = getattr(value, "__handles__", None)
            if message_type is not None:
                handlers[message_type] = value
        cls.handlers = handlers

    def __init__(self, address: Address) -> None:
        self.address = address
        self.records: dict[str, Record] = {}
        self.rebuild()

    def rebuild(self) -> None:
        """Derive in-memory indexes from `records`. The default derives nothing."""

    def activated(self, turn: Turn) -> None:
        """Runs as a first turn after the actor was loaded from the store. The default does nothing."""

    def receive(self, message: Message, turn: Turn) -> None:
        """Run the handler for this message.

        Raises:
            LookupError: no handler takes this message type; the runtime dead-letters it.
        """
        handler = self.handlers.get(type(message))
        if handler is None:
            raise LookupError(f"{self.kind} has no handler for {type(message).__name__}")
        handler(self, message, turn)

"""Journal entries decoded for judging: every event typed in one pass, unknown ones set aside.

An event of a plug-in or of a later release is counted and skipped: the checker must still judge what it knows.
"""

from __future__ import annotations

from typing import Any, Final, Union

import msgspec

from cluster.decoding import Decoder
from cluster.journal import EVENT_TYPES, FORMAT, Change, decode_entry

_AnyEvent: Any = Union[EVENT_TYPES]  # noqa: UP007  # built from a tuple, which `|` cannot do


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The same fields as `cluster.journal.JournalEntry`, with the events decoded; inputs are not judged, so not read."""

    format: int
    shard: str
    epoch: int
    number: int
    now: int
    events: list[tuple[str, _AnyEvent]]
    changes: list[Change]
    sent: dict[str, int]
    received: dict[str, int]


_decoder: Final[Decoder[Entry]] = Decoder(Entry)
_event_decoder: Final[Decoder[Any]] = Decoder(_AnyEvent)


def read_entry(content: bytes) -> tuple[Entry, int]:
    """Decode one stored entry.

    Returns:
        The entry, and how many of its events this release does not know.

    Raises:
        ValueError: the entry has another format.
        msgspec.DecodeError: the bytes are not a journal entry.
    """
    try:
        entry = _decoder.decode(content)
    except msgspec.ValidationError:
        return _read_known(content)
    if entry.format != FORMAT:
        decode_entry(content)  # raises, and says what to do
    return entry, 0


def _read_known(content: bytes) -> tuple[Entry, int]:
    """Decode event by event, which is slow, and keep those that are understood."""
    raw = decode_entry(content)
    events: list[tuple[str, Any]] = []
    for who, event in raw.events:
        try:
            events.append((who, _event_decoder.decode(event)))
        except msgspec.ValidationError:
            continue
    entry = Entry(raw.format, raw.shard, raw.epoch, raw.number, raw.now, events, raw.changes, raw.sent, raw.received)
    return entry, len(raw.events) - len(events)

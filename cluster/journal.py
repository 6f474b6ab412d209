"""The journal's entry format: what one commit of one shard did, complete enough to rebuild its state (I10).

Version 1. Fields are only appended; `tests/contract/golden` keeps a sample of every release readable.
"""

from __future__ import annotations

import msgspec

from actors import events as _events
from actors.actor import Event
from actors.address import Address
from cluster.decoding import Decoder


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One actor's records as this commit left them; `version` counts the actor's changing commits from 1 (I10).

    `ended` deletes the actor whole before `puts` apply. `puts` holds the version too, under the key `@v`.
    """

    address: Address
    version: int
    puts: dict[str, msgspec.Raw]
    drops: list[str] = []
    ended: bool = False


class JournalEntry(msgspec.Struct, frozen=True, array_like=True):
    """One commit. Times are ms since the epoch."""

    format: int
    shard: str
    epoch: int
    number: int
    now: int
    #: Who said it and what, in the order the turns ran.
    events: list[tuple[Address, msgspec.Raw]]
    changes: list[Change]
    #: Destination (shard or link) -> highest message number sent to it by this commit (I12).
    sent: dict[str, int]
    #: Sender stream -> high-water mark after this commit (I11).
    received: dict[str, int]
    #: What actors were told from outside the shard, in the order of the turns; None where inputs are not kept. Kept by
    #: the shard of the router, so that its decisions can be made again (`cluster.shard.replay`).
    inputs: list[tuple[Address, msgspec.Raw]] | None = None


FORMAT = 1

EVENT_TYPES = tuple(
    value for value in vars(_events).values() if isinstance(value, type) and issubclass(value, Event) and value is not Event
)

_entry_decoder: Decoder[JournalEntry] = Decoder(JournalEntry)
_encoder = msgspec.msgpack.Encoder()


def encode_entry(entry: JournalEntry) -> bytes:
    """The entry as stored."""
    return _encoder.encode(entry)


def decode_entry(content: bytes) -> JournalEntry:
    """Read a stored entry.

    Raises:
        ValueError: the entry was written by a later, incompatible release.
        msgspec.DecodeError: the bytes are not a journal entry.
    """
    entry = _entry_decoder.decode(content)
    if entry.format != FORMAT:
        raise ValueError(f"journal entry of format {entry.format}; this release reads {FORMAT}: upgrade trunkline")
    return entry

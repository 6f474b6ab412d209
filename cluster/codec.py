"""Encodes and decodes messages, records and events by their tags; the bytes that stores and wires carry.

Version by addition: fields are only appended, so a newer release reads what an older one wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

import msgspec

from actors.actor import Event, Fired, Message, Record
from cluster.decoding import Decoder

_encoder = msgspec.msgpack.Encoder()
#: Encodes any message, record, event or wire struct.
encode = _encoder.encode


def raw(value: object) -> msgspec.Raw:
    """Encode once for several uses: stored, journalled and sent."""
    return msgspec.Raw(_encoder.encode(value))


class Codec:
    """Decoders for one catalogue of actor types."""

    def __init__(
        self, messages: Iterable[type[Message]], records: Iterable[type[Record]], events: Iterable[type[Event]]
    ) -> None:
        self._message: Decoder[Message] = _union_decoder([Fired, *messages])
        self._record: Decoder[Record] = _union_decoder(records)
        self._event: Decoder[Event] = _union_decoder(events)

    def message(self, body: bytes | msgspec.Raw) -> Message:
        """Decode one message.

        Raises:
            msgspec.DecodeError: the bytes are no message of this catalogue.
        """
        return self._message.decode(body)

    def record(self, body: bytes | msgspec.Raw) -> Record:
        """Decode one record; raises `msgspec.DecodeError`."""
        return self._record.decode(body)

    def event(self, body: bytes | msgspec.Raw) -> Event:
        """Decode one event; raises `msgspec.DecodeError`."""
        return self._event.decode(body)


def _union_decoder(types: Iterable[type]) -> Decoder[Any]:
    unique = tuple(dict.fromkeys(types))
    return Decoder(Union[unique] if unique else Any)  # noqa: UP007  # a union of a tuple of types

"""Decoders of stored and sent MessagePack whose only error, whatever the bytes are, is `msgspec.DecodeError`.

Invariants kept: text that is not UTF-8, for which msgspec itself raises `UnicodeDecodeError`, is that error too, so a
caller that survives damaged bytes survives all of them.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Decoder(Generic[T]):
    """Decodes one type, a class or a union."""

    __slots__ = ("_decode",)

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """The value.

        Raises:
            msgspec.DecodeError: the bytes are no such value.
        """
        try:
            return self._decode(content)  # type: ignore[no-any-return]  # the type is known at run time only
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(f"text that is not UTF-8 ({error.reason} at byte {error.start} of it)") from None

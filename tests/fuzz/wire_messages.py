"""Protocol Buffers messages made from their descriptors: valid by shape, wild by content, then damaged as bytes.

Keeps: every field of every message is drawn sooner or later, by its declared type, with the corners of that type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from hypothesis import strategies as st

from tests.fuzz.mutation import NUMBERS, mutated_bytes, texts

_RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}
#: Fields with a length limit beyond their number of values: deep messages would only repeat themselves.
MAX_DEPTH = 5


def messages(kind: type[Message], likely: Mapping[str, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[Any]:
    """Messages of this kind. `likely` names values (by field name, at any depth) that lead further in than wild ones."""

    @st.composite
    def made(draw: st.DrawFn) -> Any:
        message = kind()
        _fill(draw, message, likely or {}, 0)
        return message

    return made()


def encoded(inputs: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Their bytes, sometimes damaged, sometimes with fields that nobody declared."""
    content = inputs.map(lambda message: bytes(message.SerializeToString()))
    unknown = st.sampled_from((b"\xfa\x07\x03abc", b"\xf8\x07\x01", b"\x83\x08\x84\x08"))
    return content | mutated_bytes(content) | st.tuples(content, unknown).map(b"".join)


def _fill(draw: st.DrawFn, message: Any, likely: Mapping[str, st.SearchStrategy[Any]], depth: int) -> None:
    oneofs = {field.name for oneof in message.DESCRIPTOR.oneofs for field in oneof.fields}
    chosen = {draw(st.sampled_from([f.name for f in oneof.fields])) for oneof in message.DESCRIPTOR.oneofs}
    for field in message.DESCRIPTOR.fields:
        wanted = field.name in chosen if field.name in oneofs else draw(st.integers(0, 3)) > 0
        if wanted:
            _set(draw, message, field, likely, depth)


def _set(draw: st.DrawFn, message: Any, field: Any, likely: Mapping[str, st.SearchStrategy[Any]], depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        if value.message_type is None:
            values = texts if value.cpp_type == Field.CPPTYPE_STRING else _scalar(value)
            getattr(message, field.name).update(draw(st.dictionaries(texts, values, max_size=3)))
    elif field.message_type is not None:
        if depth < MAX_DEPTH:
            inner = getattr(message, field.name)
            for one in [inner.add() for _ in range(draw(st.integers(0, 2)))] if field.is_repeated else [inner]:
                one.SetInParent()
                _fill(draw, one, likely, depth + 1)
    else:
        values = _scalar(field)
        if field.name in likely:
            values = likely[field.name] | values if draw(st.integers(0, 5)) == 0 else likely[field.name]
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values, max_size=3)))
        else:
            setattr(message, field.name, draw(values))


def _scalar(field: Any) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind in _RANGES:
        low, high = _RANGES[kind]
        return st.sampled_from([n for n in NUMBERS if low <= n <= high]) | st.integers(low, high)
    if kind == Field.CPPTYPE_STRING:
        return st.binary(max_size=30) if field.type == Field.TYPE_BYTES else texts.map(_without_surrogates)
    if kind == Field.CPPTYPE_BOOL:
        return st.booleans()
    if kind == Field.CPPTYPE_ENUM:
        return st.sampled_from([0, 1, 2, 3, 4, 99, 2**31 - 1, -1])
    return st.floats(width=32 if kind == Field.CPPTYPE_FLOAT else 64)


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

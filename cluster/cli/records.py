"""Stored records as plain values, with what people wrote hidden.

Invariants kept: unless text is asked for, no field that holds words of a person, their identity or a secret is shown;
secrets are not shown even then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from cluster.catalogue import load_catalogue
from cluster.shard.shard import VERSION_FIELD

#: Fields that hold what a person wrote, or who a person is.
PERSONAL_FIELDS = frozenset(
    {"attachments", "attributes", "author_name", "content", "customer", "note", "subject", "text"}
)  # fmt: skip
#: Fields that hold passwords' hashes among other things.
SECRET_FIELDS = frozenset({"edge", "password_hash", "source"})


@dataclass(frozen=True, slots=True)
class DescribedActor:
    """One actor: how often it was committed, and its records by key."""

    version: int
    records: dict[str, dict[str, object]]


def described(records: Mapping[str, bytes], plugins: Iterable[str] = (), text: bool = False) -> DescribedActor:
    """Decode an actor's stored records.

    Args:
        records: As the store keeps them.
        plugins: Modules with further actor kinds.
        text: Whether to show what people wrote.

    Raises:
        StartupFailed: a plug-in cannot be imported.
    """
    codec = load_catalogue(plugins).codec
    version = msgspec.msgpack.decode(records[VERSION_FIELD], type=int) if VERSION_FIELD in records else 0
    shown: dict[str, dict[str, object]] = {}
    for key, content in sorted(records.items()):
        if key == VERSION_FIELD:
            continue
        try:
            record = codec.record(content)
        except msgspec.DecodeError:
            shown[key] = {"type": "unknown", "bytes": len(content)}
        else:
            shown[key] = {"type": type(record).__name__, **_fields(record, text)}
    return DescribedActor(version, shown)


def described_message(body: bytes, plugins: Iterable[str] = (), text: bool = False) -> dict[str, object]:
    """Decode a stored message: its `type` and its fields.

    Raises:
        StartupFailed: a plug-in cannot be imported.
    """
    try:
        message = load_catalogue(plugins).codec.message(body)
    except msgspec.DecodeError:
        return {"type": "unknown", "bytes": len(body)}
    return {"type": type(message).__name__, **_fields(message, text)}


def _fields(struct: msgspec.Struct, text: bool) -> dict[str, object]:
    return {name: _shown(name, getattr(struct, name), text) for name in struct.__struct_fields__}


def _shown(name: str, value: object, text: bool) -> object:
    if name in SECRET_FIELDS:
        return f"hidden, {len(value)} characters" if isinstance(value, str) else "hidden"
    if name in PERSONAL_FIELDS and not text and value:
        return "hidden; --text shows it"
    return _plain(value, text)


def _plain(value: object, text: bool) -> object:
    match value:
        case msgspec.Struct():
            return _fields(value, text)
        case Enum():
            return value.value
        case dict():
            return {str(key): _plain(item, text) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item, text) for item in value]
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return value

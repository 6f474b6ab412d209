"""One sample of every message, record and event, with every field filled, made from the types alone."""

from __future__ import annotations

import enum
import types
import typing
from typing import Any, Union, get_args, get_origin

import msgspec


def sample(annotation: Any, salt: str) -> Any:
    """A value of this type; `salt` makes texts differ."""
    origin = get_origin(annotation)
    if annotation is str:
        return f"text-{salt}"
    if annotation is bool:
        return True
    if annotation is int:
        return len(salt) + 1
    if annotation is float:
        return 0.5
    if isinstance(annotation, typing.NewType):
        return sample(annotation.__supertype__, salt)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return list(annotation)[-1]
    if origin is tuple:
        return (sample(get_args(annotation)[0], salt),)
    if origin is list:
        return [sample(get_args(annotation)[0], salt)]
    if origin is dict:
        key, value = get_args(annotation)
        return {sample(key, salt): sample(value, salt)}
    if origin in (Union, types.UnionType):
        return sample(get_args(annotation)[0], salt)
    return filled(annotation)


def filled(struct_type: type[msgspec.Struct]) -> msgspec.Struct:
    """An instance with a sample in every field."""
    hints = typing.get_type_hints(struct_type)
    return struct_type(**{name: sample(hints[name], name) for name in struct_type.__struct_fields__})

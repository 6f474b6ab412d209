"""Which actor kinds this cluster runs: the product's own, and those that a layout adds by import path."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

from actors.actor import Actor, Event, Message, Record
from actors.catalogue import ACTOR_TYPES, EVENT_TYPES, MESSAGE_TYPES, RECORD_TYPES
from cluster.codec import Codec
from cluster.errors import StartupFailed


@dataclass(frozen=True)
class Catalogue:
    """Actor types by kind, and a codec for all that they say and store."""

    actor_types: dict[str, type[Actor]]
    codec: Codec


def load_catalogue(plugins: Iterable[str] = ()) -> Catalogue:
    """The product's actors and those of each plug-in module.

    A plug-in module defines `ACTOR_TYPES`, `MESSAGE_TYPES`, `RECORD_TYPES` and `EVENT_TYPES` like `actors.catalogue`.

    Raises:
        StartupFailed: a plug-in cannot be imported or lacks one of these names.
    """
    actor_types: dict[str, type[Actor]] = dict(ACTOR_TYPES)
    messages: list[type[Message]] = list(MESSAGE_TYPES)
    records: list[type[Record]] = list(RECORD_TYPES)
    events: list[type[Event]] = list(EVENT_TYPES)
    for path in plugins:
        try:
            module = importlib.import_module(path)
            actor_types |= module.ACTOR_TYPES
            messages += module.MESSAGE_TYPES
            records += module.RECORD_TYPES
            events += module.EVENT_TYPES
        except (ImportError, AttributeError) as problem:
            raise StartupFailed(f"actor plug-in {path!r} cannot be used: {problem}") from problem
    return Catalogue(actor_types, Codec(messages, records, events))

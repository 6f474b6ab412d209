"""What translating an event needs to know, and how it says that the event cannot be routed.

Kept: a translation never raises anything but `Unroutable`, whatever a peer sent, and never looks at a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.protobuf.unknown_fields import UnknownFieldSet

MAX_ID_LENGTH: Final = 256
_REPEATED_LENGTH: Final = 60


class Entry(Protocol):
    """Where arrivals of one entry point go, from the centre's configuration."""

    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def skills(self) -> Mapping[str, int]: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def retention_s(self) -> float: ...


class Centre(Protocol):
    """The part of the centre's configuration that routes arrivals."""

    def entry(self, channel: str, entry_point: str) -> Entry | None: ...
    def is_open(self, entry: Any, at_ms: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event comes from: the link, the configuration in force there, and the time of its arrival."""

    link: str
    centre: Centre | None
    now: int


class Unroutable(Exception):
    """The event cannot be told to any actor; becomes a rejection of this one event.

    `field` is the wrong field's path from the event, for INVALID_ARGUMENT.
    """

    def __init__(self, code: str, detail: str, field: str = "", retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_ms = retry_after_ms


def required(value: str, field: str) -> str:
    """The value, which is an id or a name.

    Raises:
        Unroutable: it is empty, too long or not printable.
    """
    if not value:
        raise Unroutable("INVALID_ARGUMENT", f"{field} is required and was empty", field)
    if len(value) > MAX_ID_LENGTH:
        raise Unroutable("INVALID_ARGUMENT", f"{field} has {len(value)} characters; at most {MAX_ID_LENGTH} are taken", field)
    if not value.isprintable():
        raise Unroutable("INVALID_ARGUMENT", f"{field} holds a line break or another unprintable character", field)
    return value


def shortened(value: str) -> str:
    """What a peer sent, short enough to be repeated to it."""
    return value if len(value) <= _REPEATED_LENGTH else f"{value[:_REPEATED_LENGTH]}…"


def not_routed(event: Any, body: str | None, known: Mapping[str, Any]) -> Unroutable:
    """Why an event without an entry in the table of translations is refused."""
    if body is not None:
        names = ", ".join(known)
        return Unroutable("UNIMPLEMENTED", f"this gateway does not route {body}; it routes {names}", body)
    if len(UnknownFieldSet(event)):
        return Unroutable("UNIMPLEMENTED", "the event's body is of a newer protocol than this gateway's; upgrade the gateway")
    return Unroutable("INVALID_ARGUMENT", "the event has no body: set exactly one field of its `body`", "body")

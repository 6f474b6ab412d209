"""Structured logs, one line an event: JSON for machines, colours for a terminal.

Customer text never reaches a log (I15), by construction: a field whose name says that it holds text shows only its
length, and a message, record or event shows only its type, however deeply it is nested. An event's own text is a
constant (a test over the source holds that), so nothing can be woven into it. Third-party loggers pass the same
processors and handler.

    log = get_logger("host")
    log.warning("store unavailable", shard=shard, retry_in_s=delay_s, error=str(error))
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

#: Fields that hold, or could hold, what a person wrote.
TEXT_FIELDS = frozenset(
    {
        "attachments", "body", "caption", "comment", "content", "contents", "customer", "draft", "entries", "entry",
        "html", "message", "messages", "note", "notes", "payload", "query", "reply", "subject", "summary", "text",
        "texts", "title", "transcript", "utterance",
    }
)  # fmt: skip

_MAX_DEPTH = 6


def configure_logs(component: str, *, level: str = "info", json: bool | None = None, stream: TextIO | None = None) -> None:
    """Set this process's logging up; calling it again replaces what was set.

    Args:
        component: what this process is (`host`, `gateway`, `supervisor`, …); on every line that names no other.
        level: the least severe level shown: debug, info, warning, error or critical.
        json: one JSON object a line; by default when the stream is no terminal.
        stream: where lines go; standard error by default.

    Raises:
        ValueError: the level is none of these.
    """
    severity = logging.getLevelNamesMapping().get(level.upper())
    if severity is None:
        raise ValueError(f"a log level is debug, info, warning, error or critical, not {level!r}")
    target = stream if stream is not None else sys.stderr
    as_json = json if json is not None else not target.isatty()
    shared = _processors(component)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Loggers are made at import, before this runs, and must follow a later call too.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), hide_customer_text],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(as_json, target)],
        )
    )
    # A closed terminal must not make every line print a traceback.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(severity)


def get_logger(component: str) -> FilteringBoundLogger:
    """A logger whose lines carry `component`; safe to make at import time."""
    logger: FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def hide_customer_text(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The processor that keeps I15."""
    for name, value in event.items():
        if name != "event" and not name.startswith("_"):
            event[name] = _masked(name, value, 0)
    return event


def _masked(name: object, value: Any, depth: int) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(name, str) and name.lower() in TEXT_FIELDS:
        return f"<{len(value)} characters>" if isinstance(value, str) else f"<{type(value).__name__}>"
    if isinstance(value, str):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {key: _masked(key, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [_masked(None, item, depth + 1) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Messages, records, events, protobufs and whatever else: the type tells enough and leaks nothing.
    return f"<{type(value).__name__}>"


def _processors(component: str) -> list[Processor]:
    def name_component(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("component", component)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        name_component,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        hide_customer_text,
    ]


def _renderers(as_json: bool, target: TextIO) -> list[Processor]:
    if as_json:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_encode_line),
        ]
    return [structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)]


def _encode_line(event: Mapping[str, Any], **_: object) -> str:
    first = {name: event[name] for name in ("at", "level", "component", "event") if name in event}
    return msgspec.json.encode({**first, **event}).decode()

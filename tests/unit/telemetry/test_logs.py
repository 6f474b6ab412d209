"""Logs are structured, complete, and hold no customer text (I15)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from actors.messages.session import CustomerMessage
from actors.values import Author, Content, Customer, TranscriptEntry
from cluster.telemetry.logs import TEXT_FIELDS, configure_logs, get_logger

SECRET = "my card is 4111 1111 1111 1111 我的密码"
log = get_logger("test")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Put back what a test's set-up replaced."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("as_json", [True, False])
def test_customer_text_is_never_written(as_json: bool) -> None:
    """Neither by a field's name, nor nested, nor inside a message, nor as bytes, nor from a foreign logger (I15)."""
    stream = io.StringIO()
    configure_logs("host", json=as_json, stream=stream)
    entry = TranscriptEntry(1, "m1", Author.CUSTOMER, "Li", 0, Content(SECRET))
    for name in TEXT_FIELDS:
        log.info("field", **{name: SECRET, name.upper(): SECRET})
    log.info("nested", request={"session": {"text": SECRET, "parts": [{"body": SECRET}, (entry,), {entry}]}})
    log.info("message", told=CustomerMessage("m1", Content(SECRET)), who=Customer("c1", SECRET), raw=SECRET.encode())
    log.bind(note=SECRET).warning("bound")
    with structlog.contextvars.bound_contextvars(content=SECRET):
        log.error("context")
    logging.getLogger("library").warning("foreign", extra={"text": SECRET, "told": Content(SECRET)})
    written = stream.getvalue()
    assert len(written.splitlines()) >= len(TEXT_FIELDS) + 5
    for part in ("4111 1111", "密码", "\\u5bc6", "card"):
        assert part not in written, "a log line shows customer text"
    assert f"<{len(SECRET)} characters>" in written, "the length is shown, to debug with"


def test_a_line_says_when_how_bad_who_and_what() -> None:
    """Each line has an instant, a level, a component, the event and its fields; values keep their types."""
    stream = io.StringIO()
    configure_logs("gateway", json=True, stream=stream)
    log.warning("store unavailable", shard="3", retry_in_s=0.5, author=Author.BOT, path=Path("/x"), error=OSError("gone"))
    structlog.get_logger().info("plain")
    first, second = lines(stream)
    assert list(first)[:4] == ["at", "level", "component", "event"]
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "warning",
        "component": "test",
        "event": "store unavailable",
        "shard": "3",
        "retry_in_s": 0.5,
        "author": "bot",
        "path": "/x",
        "error": "OSError: gone",
    }
    assert second["component"] == "gateway", "a logger that names no component has the process's"


def test_levels_are_kept() -> None:
    """Less severe lines than asked for are not written; an unknown level is refused."""
    stream = io.StringIO()
    configure_logs("host", level="warning", json=True, stream=stream)
    log.info("no")
    logging.getLogger("library").info("no")
    log.error("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]
    with pytest.raises(ValueError, match="debug, info, warning"):
        configure_logs("host", level="loud")


def test_an_exception_has_its_traceback_without_values() -> None:
    """A traceback shows where, never the values of variables."""
    stream = io.StringIO()
    configure_logs("host", json=True, stream=stream)
    text = SECRET
    try:
        raise KeyError(len(text))
    except KeyError:
        log.exception("turn failed")
    (line,) = lines(stream)
    assert "Traceback" in line["exception"] and "test_logs.py" in line["exception"]
    assert SECRET not in line["exception"]

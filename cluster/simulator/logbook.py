"""Catches every log line of a run, so that customer text in one is found (I15) and nothing is printed."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Self

import structlog

from cluster.simulator.loop import described


class Logbook:
    """While open, all structured logs go here instead of to their usual place."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        #: What the product itself reported as a defect.
        self.defects: list[str] = []
        self._before: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._lines)

    def __enter__(self) -> Self:
        self._before = structlog.get_config()
        structlog.configure(processors=[self._take], cache_logger_on_first_use=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        structlog.configure(**self._before)

    def _take(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        self._lines.append(f"{method} {dict(event)}")
        if method == "exception":
            problem = sys.exception()
            self.defects.append(f"{event.get('event')}: {described(problem) if problem is not None else 'no exception'}")
        raise structlog.DropEvent

"""Arrivals from CSV files: counts by interval, one row for each arrival, or a bank's counts by five minutes.

The columns say which: `interval_index` and a count; `start` and a count; or `at`. Times of day are the centre's.

Keeps: whatever is wrong is told with file and line; no row is left out silently.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cluster.whatif.arrivals import DAY_S, CountedSource, Door, Interval, RecordedSource, Row, Source
from cluster.whatif.unusable import StudyUnusable, read_lines

COUNTS: Final = ("count", "calls", "arrivals")
T = TypeVar("T")

KNOWN: Final = frozenset({
    "at", "start", "day", "weekday_index", "interval_index", "length_s", "channel", "queue", "entry_point", "priority",
    "service_s", "patience_s", *COUNTS,
})  # fmt: skip
FORMS: Final = (
    "`at` (one row an arrival), `start` and `count` (an interval a row), or `weekday_index`, `interval_index` and `calls`"
)
FIVE_MINUTES_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read.

    Args:
        doors, shares: Through which doors those come of whom the file does not tell.
        base: The date of day 0, and of times without a date.
        opening_s: When a day's interval 0 begins (s after midnight).
        scale: Keep this share of the arrivals, or multiply counts by it.
        leading: The door of a channel that leads to a queue, for files that name queues.
    """

    doors: tuple[Door, ...]
    shares: tuple[float, ...]
    known: frozenset[Door]
    base: date
    timezone: str
    opening_s: float
    scale: float
    leading: dict[tuple[str, str], Door] = field(default_factory=dict)


class _Line:
    """One row with its place."""

    def __init__(self, path: Path, number: int, cells: dict[str, str]) -> None:
        self._place = f"{path}:{number}"
        self._cells = cells

    def wrong(self, what: str) -> StudyUnusable:
        return StudyUnusable(f"{self._place}: {what}")

    def text(self, column: str) -> str:
        return self._cells.get(column, "").strip()

    def number(self, column: str, default: float, low: float = 0.0, high: float = 1e9) -> float:
        text = self.text(column)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise self.wrong(f"`{column}` must be a number of {low:g} to {high:g}, not `{text[:40]}`")
        return value

    def whole(self, column: str, default: int, high: int) -> int:
        value = self.number(column, default, min(default, 0), high)
        if value != int(value):
            raise self.wrong(f"`{column}` must be a whole number, not `{self.text(column)[:40]}`")
        return int(value)


class CsvArrivals:
    """Reads one file; `source` is what it tells."""

    def __init__(self, path: Path, how: Reading) -> None:
        self._path = path
        self._how = how
        self._doors = list(how.doors)
        self._zone = ZoneInfo(how.timezone)

    def source(self) -> Source:
        """The file's arrivals.

        Raises:
            StudyUnusable: the file cannot be read, or a row of it cannot be used.
        """
        columns, lines = self._lines()
        title, how = f"{self._path.name}", self._how
        count = next((name for name in COUNTS if name in columns), "")
        if "at" in columns:
            if how.scale > 1:
                raise StudyUnusable(f"{self._path}: single arrivals cannot be multiplied by {how.scale:g}; use a scale up to 1")
            rows = self._days((self._row(line) for line in lines), "arrivals")
            return RecordedSource(title, self._all_doors(), self._shares(), rows, how.scale)
        if not count or not {"start", "interval_index"} & columns:
            raise StudyUnusable(f"{self._path}:1: has the columns {', '.join(sorted(columns))}; needed are {FORMS}")
        read = self._numbered if "interval_index" in columns else self._interval
        days = self._days((read(line, count) for line in lines), "intervals")
        if not any(interval.count for _, intervals in days for interval in intervals):
            raise StudyUnusable(f"{self._path}: has no arrivals, all its counts are 0")
        filled = tuple((day, tuple(_lengths(intervals))) for day, intervals in days)
        return CountedSource(title, self._all_doors(), self._shares(), filled, how.scale)

    def _lines(self) -> tuple[frozenset[str], Iterator[_Line]]:
        text = read_lines(self._path, "arrivals")
        reader = csv.reader(text.splitlines(), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as problem:
            raise StudyUnusable(f"{self._path}:1: {problem}") from None
        if unknown := [name for name in header if name not in KNOWN]:
            raise StudyUnusable(f"{self._path}:1: there is no column `{unknown[0][:40]}`; there are {', '.join(sorted(KNOWN))}")
        if len(set(header)) < len(header):
            raise StudyUnusable(f"{self._path}:1: a column is there twice")
        return frozenset(header), self._read(reader, header)

    def _read(self, reader: Iterator[list[str]], header: list[str]) -> Iterator[_Line]:
        number = 1
        try:
            for number, cells in enumerate(reader, 2):
                if not any(cells):
                    continue
                if len(cells) != len(header):
                    raise StudyUnusable(f"{self._path}:{number}: has {len(cells)} cells, the header has {len(header)}")
                yield _Line(self._path, number, dict(zip(header, cells, strict=True)))
        except csv.Error as problem:
            raise StudyUnusable(f"{self._path}:{number + 1}: {problem}") from None

    def _days(self, told: Iterator[tuple[int, T]], what: str) -> tuple[tuple[int, tuple[T, ...]], ...]:
        days: dict[int, list[T]] = {}
        for day, one in told:
            days.setdefault(day, []).append(one)
        if not days:
            raise StudyUnusable(f"{self._path}: has a header and no {what}")
        return tuple((day, tuple(days[day])) for day in sorted(days))

    # One line, by form.

    def _row(self, line: _Line) -> tuple[int, Row]:
        day, at_s = self._time(line, "at")
        row = Row(
            at_s, self._door(line), line.whole("priority", -1, 1000), line.number("service_s", math.nan, 0, 604_800),
            line.number("patience_s", math.nan, 0, 604_800),
        )  # fmt: skip
        return day, row

    def _interval(self, line: _Line, count: str) -> tuple[int, Interval]:
        day, start_s = self._time(line, "start")
        length_s = line.number("length_s", 0.0, 1, DAY_S)
        return day, Interval(start_s, length_s, self._count(line, count), self._door(line))

    def _numbered(self, line: _Line, count: str) -> tuple[int, Interval]:
        """The five-minute form: working days from a Monday on, five a week."""
        if not line.text("interval_index"):
            raise line.wrong("`interval_index` is empty")
        index, weekday = line.whole("interval_index", 0, 100_000), line.whole("weekday_index", 0, 100_000)
        length_s = line.number("length_s", FIVE_MINUTES_S, 1, DAY_S)
        start_s = self._how.opening_s + index * length_s
        return 7 * (weekday // 5) + weekday % 5, Interval(start_s, length_s, self._count(line, count), self._door(line))

    def _count(self, line: _Line, column: str) -> float:
        if not line.text(column):
            raise line.wrong(f"`{column}` is empty")
        return line.number(column, 0.0, 0, 1e7)

    def _time(self, line: _Line, column: str) -> tuple[int, float]:
        """Days after the base date, and seconds after midnight; a number is seconds after the base date's midnight."""
        text = line.text(column)
        day = line.whole("day", 0, 100_000)
        try:
            if text.replace(".", "", 1).isdecimal():
                return day, float(text)
            if len(text) <= 8 and ":" in text:
                return day, time_of_day(text)
            at = datetime.fromisoformat(text)
        except ValueError:
            forms = "seconds after midnight, 14:05, 14:05:30 or 2026-01-31T14:05:30"
            raise line.wrong(f"`{column}` must be {forms}, not `{text[:40]}`") from None
        if at.tzinfo is not None:
            at = at.astimezone(self._zone).replace(tzinfo=None)
        midnight = datetime.combine(at.date(), datetime.min.time())
        return (at.date() - self._how.base).days, (at - midnight) / timedelta(seconds=1)

    def _door(self, line: _Line) -> int:
        channel, entry_point, queue = line.text("channel"), line.text("entry_point"), line.text("queue")
        if not (channel or entry_point or queue):
            return -1
        channels = {door.channel for door in self._how.known}
        if not channel and len(channels) > 1:
            raise line.wrong(f"names no channel; there are {', '.join(sorted(channels))}")
        channel = channel or next(iter(channels))
        if queue and not entry_point:
            leads = self._how.leading.get((channel, queue))
            if leads is None:
                raise line.wrong(f"no entry point of channel `{channel[:40]}` leads to queue `{queue[:40]}`")
            return self._index(leads)
        door = Door(channel, entry_point or "default")
        if door not in self._how.known:
            there = ", ".join(map(str, sorted(self._how.known)))
            raise line.wrong(f"there is no entry point `{str(door)[:80]}`; there are {there}")
        return self._index(door)

    def _index(self, door: Door) -> int:
        if door not in self._doors:
            self._doors.append(door)
        return self._doors.index(door)

    def _all_doors(self) -> tuple[Door, ...]:
        """Doors to be drawn from, then those that only rows name."""
        return tuple(self._doors)

    def _shares(self) -> tuple[float, ...]:
        return self._how.shares + (0.0,) * (len(self._doors) - len(self._how.shares))


def time_of_day(text: str) -> float:
    """`HH:MM` or `HH:MM:SS` as seconds after midnight.

    Raises:
        ValueError: it is no time of day.
    """
    parts = [int(part) for part in text.split(":")]
    hours, minutes, seconds = (*parts, 0)[:3]
    if not (2 <= len(parts) <= 3 and 0 <= hours <= 24 and 0 <= minutes < 60 and 0 <= seconds < 60):
        raise ValueError(text)
    return 3600.0 * hours + 60.0 * minutes + seconds


def _lengths(intervals: Sequence[Interval]) -> Iterator[Interval]:
    """Intervals that do not tell how long they are last until the next one starts; the last as long as the one before."""
    starts = sorted({interval.start_s for interval in intervals})
    until = {start: following - start for start, following in pairwise(starts)}
    last_s = until[starts[-2]] if len(starts) > 1 else 1800.0
    for one in intervals:
        length_s = one.length_s or until.get(one.start_s, last_s)
        yield Interval(one.start_s, length_s, one.count, one.door)

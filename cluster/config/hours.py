"""Opening hours: weekly intervals and holidays in a time zone, and whether an instant lies inside.

Invariants kept: an interval belongs to one day and never overlaps another of that day; daylight saving follows the
zone's rules because an instant is turned into wall time before it is compared.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, Field, field_validator

from cluster.config.explain import Section, wrong
from cluster.config.problems import did_you_mean

#: Built in: the name of hours that never close.
ALWAYS = "always"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_INTERVAL = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")

Interval = tuple[int, int]


def check_timezone(value: str) -> str:
    """Validator for IANA time zone names."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise wrong(
                "no time zone data on this machine", "install the system package tzdata or `pip install tzdata`"
            ) from None
        raise wrong(f"`{value[:64]}` is not a time zone", did_you_mean(value, _likely(value, known))) from None
    return value


def _likely(value: str, known: set[str]) -> set[str]:
    """Zones to suggest from: by city first, since `Shanghai` is what people write."""
    wanted = value.rpartition("/")[2].casefold().replace(" ", "_")
    by_city = {zone for zone in known if zone.rpartition("/")[2].casefold() == wanted and "/" in zone}
    return by_city or {zone for zone in known if not zone.startswith(("Etc/", "posix/", "right/"))}


def parse_interval(text: str) -> Interval:
    """`09:00-17:30` as minutes after midnight.

    Raises:
        PydanticCustomError: it is no interval of one day.
    """
    found = _INTERVAL.fullmatch(text.strip())
    if found is None:
        raise wrong(f"`{text[:40]}` is not an interval", 'write it like "09:00-17:30"')
    from_h, from_m, to_h, to_m = (int(part) for part in found.groups())
    start, end = from_h * 60 + from_m, to_h * 60 + to_m
    if from_m > 59 or to_m > 59 or start > 24 * 60 or end > 24 * 60:
        raise wrong(f"`{text[:40]}` is not a time of day", 'write hours 00 to 24 and minutes 00 to 59, like "09:00-17:30"')
    if end <= start:
        raise wrong(
            f"`{text[:40]}` ends before it begins",
            f'write two: "{from_h:02d}:{from_m:02d}-24:00" and, on the next day, "00:00-{to_h:02d}:{to_m:02d}"'
            if end
            else f'write "{from_h:02d}:{from_m:02d}-24:00"',
        )
    return start, end


def _parse_intervals(texts: list[str]) -> list[Interval]:
    return sorted(parse_interval(text) for text in texts)


def _check_interval(text: str) -> str:
    parse_interval(text)
    return text


def _check_apart(texts: list[str]) -> list[str]:
    intervals = _parse_intervals(texts)
    for (_, end), (start, _) in pairwise(intervals):
        if start < end:
            raise wrong("two intervals overlap", "join them into one")
    return texts


def parse_days(text: str) -> list[int]:
    """`mon`, `mon-fri` or `daily` as weekday numbers, Monday 0."""
    if text == "daily":
        return list(range(7))
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise wrong(f"`{text[:40]}` is not a day", "write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or daily")
    start, end = DAYS.index(first), DAYS.index(last if dash else first)
    if end < start:
        raise wrong(f"`{text}` runs backwards", f"write two: `{first}-sun` and `{'mon' if end == 0 else f'mon-{last}'}`")
    return list(range(start, end + 1))


def _check_days(text: str) -> str:
    parse_days(text)
    return text


IntervalText = Annotated[str, AfterValidator(_check_interval), Field(examples=['"09:00-17:30"'])]
Intervals = Annotated[list[IntervalText], AfterValidator(_check_apart), Field(examples=['["09:00-17:30"]'])]
Days = Annotated[str, AfterValidator(_check_days)]


class Holiday(Section):
    """One date with hours of its own, closed when none are given."""

    date: str = Field(description="the day, year first", examples=["2026-12-25"])
    name: str = Field(default="", max_length=200, description="what the day is", examples=["Christmas Day"])
    open: Intervals = Field(default=[], description="intervals that are open after all", examples=['["09:00-12:00"]'])

    @field_validator("date")
    @classmethod
    def _check_date(cls, value: str) -> str:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise wrong(f"`{value[:40]}` is not a date", "write year-month-day, like 2026-12-25") from None


class Hours(Section):
    """A named set of opening hours."""

    timezone: str | None = Field(default=None, description="IANA zone; the centre's when left out", examples=["Asia/Shanghai"])
    weekly: dict[Days, Intervals] = Field(
        description="days (`mon`, `mon-fri`, `daily`) to intervals; a day that is not written is closed",
        examples=['{mon-fri: ["09:00-17:30"]}'],
    )
    holidays: list[Holiday] = Field(
        default=[], description="dates that differ from the week", examples=["[{date: 2026-12-25}]"]
    )

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str | None) -> str | None:
        return check_timezone(value) if value is not None else None

    @field_validator("weekly")
    @classmethod
    def _check_weekly(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        seen: dict[int, str] = {}
        for days in value:
            for day in parse_days(days):
                if day in seen:
                    raise wrong(
                        f"{DAYS[day]} is in `{seen[day]}` and in `{days}`", "write each day once, with all its intervals"
                    )
                seen[day] = days
        return value

    @field_validator("holidays")
    @classmethod
    def _check_holidays(cls, value: list[Holiday]) -> list[Holiday]:
        seen: set[str] = set()
        for holiday in value:
            if holiday.date in seen:
                raise wrong(f"{holiday.date} is written twice", "keep one entry for the date")
            seen.add(holiday.date)
        return value


class Calendar(BaseModel):
    """Compiled hours, as edges use them: minutes after midnight by weekday and by special date."""

    timezone: str
    weekly: list[list[Interval]]
    special: dict[str, list[Interval]] = {}

    @classmethod
    def compiled(cls, hours: Hours, centre_timezone: str) -> Calendar:
        """Compile hours that were validated."""
        weekly: list[list[Interval]] = [[] for _ in DAYS]
        for days, intervals in hours.weekly.items():
            for day in parse_days(days):
                weekly[day] = _parse_intervals(intervals)
        special = {holiday.date: _parse_intervals(holiday.open) for holiday in hours.holidays}
        return cls(timezone=hours.timezone or centre_timezone, weekly=weekly, special=special)

    def is_open(self, at_ms: int) -> bool:
        """Whether the instant (ms since the epoch) lies in opening hours."""
        # Integer arithmetic, since fromtimestamp's range and rounding depend on the platform.
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(_zone(self.timezone))
        intervals = self.special.get(local.date().isoformat())
        if intervals is None:
            intervals = self.weekly[local.weekday()]
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in intervals)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

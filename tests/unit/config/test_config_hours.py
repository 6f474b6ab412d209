"""Opening hours follow the wall clock of their zone, holidays and daylight saving included."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cluster.config.hours import Calendar, Hours, parse_days, parse_interval


def calendar(zone: str = "Europe/London") -> Calendar:
    hours = Hours.model_validate(
        {
            "weekly": {"mon-fri": ["09:00-12:30", "13:30-17:30"], "sun": ["00:00-24:00"]},
            "holidays": [{"date": "2026-12-25"}, {"date": "2026-12-24", "open": ["09:00-12:00"]}],
        }
    )
    return Calendar.compiled(hours, zone)


def at_ms(text: str, zone: str = "Europe/London", fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-11-20T08:59:59", False),
        ("2026-11-20T09:00:00", True),
        ("2026-11-20T12:29:59", True),
        ("2026-11-20T12:30:00", False),
        ("2026-11-20T17:29:59", True),
        ("2026-11-20T17:30:00", False),
        ("2026-11-21T12:00:00", False),
        ("2026-11-22T00:00:00", True),
        ("2026-11-22T23:59:59", True),
        ("2026-12-24T09:00:00", True),
        ("2026-12-24T14:00:00", False),
        ("2026-12-25T10:00:00", False),
    ],
)
def test_is_open(instant: str, expected: bool) -> None:
    """An interval holds its first minute and not its last; a holiday replaces the week's hours."""
    assert expected == calendar().is_open(at_ms(instant)), f"{instant} in London must be {'open' if expected else 'closed'}"


def test_daylight_saving_moves_the_instant_not_the_wall_time() -> None:
    """Nine o'clock opens in summer and in winter, one hour apart in absolute time of day."""
    winter, summer = at_ms("2026-03-27T09:00:00"), at_ms("2026-03-30T09:00:00")
    assert 3 * 24 * 3_600_000 - 3_600_000 == summer - winter, "London's clocks go forward that weekend"
    assert [False, True, False, True] == [calendar().is_open(at) for at in (winter - 1, winter, summer - 1, summer)], (
        "both days must open at nine on the wall"
    )


def test_the_repeated_hour_in_autumn_is_open_twice() -> None:
    """Both passes of the repeated hour lie inside an interval that covers it."""
    night = Calendar.compiled(Hours.model_validate({"weekly": {"sun": ["01:00-02:00"]}}), "Europe/London")
    first, second = at_ms("2026-10-25T01:30:00"), at_ms("2026-10-25T01:30:00", fold=1)
    assert 3_600_000 == second - first, "the hour comes twice"
    assert [True, True] == [night.is_open(first), night.is_open(second)], "it must be open both times"


def test_own_zone_wins_over_the_centres() -> None:
    """Hours with a zone of their own ignore the centre's."""
    hours = Hours.model_validate({"timezone": "Asia/Shanghai", "weekly": {"daily": ["09:00-18:00"]}})
    shanghai = Calendar.compiled(hours, "Europe/London")
    assert [True, False] == [shanghai.is_open(at_ms("2026-11-20T02:00:00")), shanghai.is_open(at_ms("2026-11-20T11:00:00"))], (
        "two in the morning in London is ten in Shanghai"
    )


def test_parse() -> None:
    """Days and intervals mean what they say."""
    assert [0, 1, 2, 3, 4] == parse_days("mon-fri"), "a range holds both ends"
    assert list(range(7)) == parse_days("daily"), "daily is the whole week"
    assert (0, 1440) == parse_interval("00:00-24:00"), "24:00 is the end of the day"

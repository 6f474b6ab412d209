"""Arrivals come as files and rates say, in order, and whatever is wrong with a file is told with its line."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cluster.whatif.arrivals import Arrivals, Door, Source
from cluster.whatif.files import Reading
from cluster.whatif.sources import open_source, parse_doors
from cluster.whatif.unusable import StudyUnusable
from tests.unit.whatif.small import DOORS, MONDAY

NINE = 9 * 3600.0


def opened(text: str, doors: tuple[str, ...] = ("chat/default",), scale: float = 1.0) -> Source:
    how = Reading((), (), frozenset(DOORS), MONDAY, "Europe/London", NINE, scale)
    return open_source(text, parse_doors(doors, sorted(DOORS)), how)


def drawn(source: Source, replication: int = 0, seed: int = 1) -> Arrivals:
    return source.draw(replication, np.random.default_rng(seed))


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "arrivals.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_poisson_rates_by_door() -> None:
    """About as many come through each door as its rate says, between opening and end, in order."""
    source = opened("poisson:chat/default=600/h,phone=5/min:10h")
    arrivals = drawn(source)
    counts = {str(door): int((arrivals.doors == index).sum()) for index, door in enumerate(source.doors)}
    assert counts == {"chat/default": pytest.approx(6000, rel=0.05), "phone/default": pytest.approx(3000, rel=0.06)}
    assert (arrivals.from_s, arrivals.to_s) == (NINE, NINE + 36_000)
    assert (np.diff(arrivals.at_s) >= 0).all() and arrivals.from_s <= arrivals.at_s[0] <= arrivals.at_s[-1] < arrivals.to_s


def test_a_replication_is_a_function_of_its_seed() -> None:
    """The same seed gives the same arrivals, another one others."""
    source = opened("poisson:120/h:1h")
    assert drawn(source).at_s.tolist() == drawn(source).at_s.tolist() != drawn(source, seed=2).at_s.tolist()


def test_numbered_intervals_are_working_days(tmp_path: Path) -> None:
    """Weekday 5 is the Monday after; interval 2 begins ten minutes after opening; each replication is another day."""
    source = opened(written(tmp_path, "weekday_index,interval_index,calls\n0,0,3\n0,2,1\n5,0,2\n"))
    first, second, third = (drawn(source, replication) for replication in range(3))
    assert [(one.day, len(one)) for one in (first, second, third)] == [(0, 4), (7, 2), (0, 4)]
    assert (first.at_s[:3] < NINE + 300).all() and NINE + 600 <= first.at_s[3] < NINE + 900


def test_intervals_last_until_the_next(tmp_path: Path) -> None:
    """Counts by interval and entry point; a row may name its length, else it is the distance of the next start."""
    text = "start,count,channel,entry_point\n09:00,4,phone,\n09:15,2,chat,urgent\n09:15,1,,\n"
    source = opened(written(tmp_path, text))
    arrivals = drawn(source)
    doors = [str(source.doors[index]) for index in arrivals.doors]
    assert sorted(doors) == ["chat/default", *["chat/urgent"] * 2, *["phone/default"] * 4]
    assert (arrivals.from_s, arrivals.to_s) == (NINE, NINE + 1800)


def test_scale_keeps_the_expected_count(tmp_path: Path) -> None:
    """A tenth of 1,000 intervals of 5 arrivals is about 500, and ten times one interval is exactly ten times."""
    rows = "".join(f"{start},5\n" for start in range(0, 50_000, 50))
    assert len(drawn(opened(written(tmp_path, "start,count\n" + rows), scale=0.1))) == pytest.approx(500, rel=0.1)
    assert len(drawn(opened(written(tmp_path, "start,count\n0,7\n"), scale=10))) == 70


def test_rows_say_everything(tmp_path: Path) -> None:
    """One row an arrival, in any order, with what it brings; what it leaves out is left to the laws."""
    text = (
        "at,channel,entry_point,priority,service_s,patience_s\n2026-01-06T09:00:10,phone,,7,30,5\n"
        "2026-01-06T09:00:00,,,,,\n2026-01-05T08:00:00Z,chat,urgent,,1.5,\n"
    )
    source = opened(written(tmp_path, text))
    monday, tuesday = drawn(source, 0), drawn(source, 1)
    assert (monday.day, monday.at_s.tolist(), monday.services_s.tolist()) == (0, [8 * 3600.0], [1.5])
    assert (tuesday.day, tuesday.at_s.tolist()) == (1, [NINE, NINE + 10])
    assert (tuesday.priorities.tolist(), tuesday.patiences_s[1], math.isnan(tuesday.services_s[0])) == ([-1, 7], 5, True)
    assert [str(source.doors[index]) for index in tuesday.doors] == ["chat/default", "phone/default"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "arrivals.csv:1: has the columns"),
        ("when,count\n1,2\n", "arrivals.csv:1: there is no column `when`"),
        ("start,start\n", "arrivals.csv:1: a column is there twice"),
        ("start,count\n", "has a header and no intervals"),
        ("start,count\n09:00,0\n", "has no arrivals"),
        ("start,count\n09:00,1\n9 o'clock,1\n", "arrivals.csv:3: `start` must be seconds after midnight, 14:05"),
        ("start,count\n09:00,-1\n", "arrivals.csv:2: `count` must be a number of 0 to 1e+07, not `-1`"),
        ("start,count\n09:00,nan\n", "arrivals.csv:2: `count` must be a number"),
        ("start,count\n09:00,\n", "arrivals.csv:2: `count` is empty"),
        ("start,count\n09:00\n", "arrivals.csv:2: has 1 cells, the header has 2"),
        ("start,count,channel\n09:00,1,fax\n", "arrivals.csv:2: there is no entry point `fax/default`; there are chat/default"),
        ("start,count,entry_point\n09:00,1,urgent\n", "arrivals.csv:2: names no channel; there are chat, phone"),
        ("at,channel,queue\n09:00,chat,calls\n", "arrivals.csv:2: no entry point of channel `chat` leads to queue `calls`"),
        ("at,priority\n09:00,1.5\n", "arrivals.csv:2: `priority` must be a whole number, not `1.5`"),
        ("at,service_s\n\n09:00,soon\n", "arrivals.csv:3: `service_s` must be a number of 0 to 604800, not `soon`"),
        ("weekday_index,interval_index,calls\n0,,5\n", "arrivals.csv:2: `interval_index` is empty"),
        ('at\n"09:00\n', "arrivals.csv:"),
    ],
)
def test_a_wrong_file_is_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake has its place and what is wrong."""
    with pytest.raises(StudyUnusable) as problem:
        opened(written(tmp_path, text))
    assert told in str(problem.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nowhere.csv", "nowhere.csv: arrivals cannot be read: No such file or directory"),
        ("poisson:many", "`many` is no rate; write 120/h"),
        ("poisson:0/h", "is no number above 0"),
        ("poisson:5/h:soon", "`soon` is no length of time; write 8h"),
        ("poisson:5/h:400h", "at most 14 days"),
        ("poisson:chat/nobody=5/h", "there is no entry point `chat/nobody`"),
    ],
)
def test_a_wrong_source_is_told(text: str, told: str) -> None:
    """What cannot be opened says what to write."""
    with pytest.raises(StudyUnusable) as problem:
        opened(text)
    assert told in str(problem.value)


def test_rows_cannot_be_multiplied(tmp_path: Path) -> None:
    """Single arrivals can be thinned, not copied."""
    file = written(tmp_path, "at\n" + "09:00\n" * 400)
    assert len(drawn(opened(file, scale=0.5))) == pytest.approx(200, rel=0.2)
    with pytest.raises(StudyUnusable, match="cannot be multiplied"):
        opened(file, scale=2)


def test_too_many_arrivals_are_refused() -> None:
    """What would not end is refused before it begins."""
    with pytest.raises(StudyUnusable, match="use --scale or a lower rate"):
        drawn(opened("poisson:100000/s:8h"))


def test_doors_are_weighed(tmp_path: Path) -> None:
    """Those whose door the file does not tell come through the doors that are named, by weight."""
    source = opened(written(tmp_path, "start,count\n0,4000\n"), doors=("chat/default=3", "phone"))
    arrivals = drawn(source)
    assert float((arrivals.doors == 0).mean()) == pytest.approx(0.75, abs=0.03)
    assert parse_doors([], DOORS) == dict.fromkeys(DOORS, 1.0), "all alike when none is named"
    with pytest.raises(StudyUnusable, match="no number above 0"):
        parse_doors(["chat/default=-1"], DOORS)


def test_a_date_before_the_base_is_a_day_of_its_own(tmp_path: Path) -> None:
    """Dates in a file are what they are, whatever day 0 is."""
    arrivals = drawn(opened(written(tmp_path, "at\n2025-12-31T10:00\n")))
    assert arrivals.day == (date(2025, 12, 31) - MONDAY).days
    assert Door("chat", "default") in DOORS

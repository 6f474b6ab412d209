"""Laws have the mean and spread that they are written with, and everything else is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster.whatif.laws import LONGEST_S, parse_law, parse_laws
from cluster.whatif.unusable import StudyUnusable

EVENLY = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize(
    ("text", "mean_s", "spread"),
    [
        ("exponential:240", 240, 1),
        ("240", 240, 1),
        ("lognormal:300:0.8", 300, 0.8),
        ("gamma:120:0.5", 120, 0.5),
        ("fixed:30", 30, 0),
    ],
)
def test_a_law_has_its_mean_and_spread(text: str, mean_s: float, spread: float) -> None:
    """Over evenly spread quantiles; a bare number is exponential."""
    times_s = parse_law(text, "service").times_s(EVENLY)
    assert times_s.mean() == pytest.approx(mean_s, rel=0.002)
    assert times_s.std() / times_s.mean() == pytest.approx(spread, rel=0.01)
    assert (np.diff(times_s) >= 0).all(), "an inverse rises, so that two configurations' customers stay the same"


def test_measured_times_occur_as_often_as_they_were_measured(tmp_path: Path) -> None:
    """An empirical law draws from the file, comments and empty lines left out."""
    file = tmp_path / "times.txt"
    file.write_text("# seconds\n10\n\n30\n10 # again\n50\n")
    times_s = parse_law(f"file:{file}", "service").times_s(EVENLY)
    assert {float(time_s): round(float((times_s == time_s).mean()), 3) for time_s in np.unique(times_s)} == {
        10: 0.5,
        30: 0.25,
        50: 0.25,
    }


def test_a_queues_law_comes_before_its_channels() -> None:
    """And the channel's before that of everybody."""
    laws = parse_laws(
        ["fixed:1", "chat=fixed:2", "cards=fixed:3"], parse_law("fixed:9", ""), "service", frozenset({"chat", "cards"})
    )
    assert [laws.of(*who).mean_s for who in (("cards", "chat"), ("loans", "chat"), ("loans", "phone"))] == [3, 2, 1]
    assert laws.in_words() == "fixed:1, chat=fixed:2, cards=fixed:3"


def test_never_is_for_ever_and_all_else_ends() -> None:
    """No time that is drawn is longer than a week, whatever the law's tail."""
    assert np.isinf(parse_law("never", "patience").times_s(EVENLY)).all()
    assert parse_law("lognormal:600000:20", "service").times_s(np.array([1 - 1e-12]))[0] == LONGEST_S


NO_LAWS = """
soon exponential exponential:0 exponential:nan exponential:5:5 exponential:1e99 lognormal:5 gamma:5:0 never:5 fixed:-1
weibull:5 file:
"""


@pytest.mark.parametrize("text", ["", *NO_LAWS.split()])
def test_what_is_no_law_is_refused(text: str) -> None:
    """By the option's name, with what to write."""
    with pytest.raises(StudyUnusable, match="--service"):
        parse_law(text, "--service")


def test_a_wrong_file_of_times_is_told_by_line(tmp_path: Path) -> None:
    """A line that is no time, an empty file and a missing one."""
    file = tmp_path / "times.txt"
    for content, told in (("5\nsix\n", "times.txt:2: `six` is no time"), ("#\n", "holds no times"), ("-1\n", "times.txt:1")):
        file.write_text(content)
        with pytest.raises(StudyUnusable) as problem:
            parse_law(f"file:{file}", "--service")
        assert told in str(problem.value)
    with pytest.raises(StudyUnusable, match="cannot be read"):
        parse_law(f"file:{tmp_path}", "--service")


def test_a_name_that_is_neither_queue_nor_channel_is_refused() -> None:
    """It would silently change nothing."""
    with pytest.raises(StudyUnusable, match="no queue or channel `cads`; there are cards"):
        parse_laws(["cads=fixed:1"], parse_law("fixed:9", ""), "--service", frozenset({"cards"}))

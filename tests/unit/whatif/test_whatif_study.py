"""Studies: intervals that cover, differences that are called so only when shown, a page and a command that tell them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.whatif.arrivals import Source
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.files import Reading
from cluster.whatif.intervals import estimate, half_name, judged
from cluster.whatif.measures import MEASURES
from cluster.whatif.options import Options, planned
from cluster.whatif.plots import DayPlot, day_svg
from cluster.whatif.report import number, page
from cluster.whatif.sources import open_source, parse_doors
from cluster.whatif.study import Outcome, Plan, run_study
from cluster.whatif.unusable import StudyUnusable
from tests.unit.whatif.small import CENTRE, DOORS, MONDAY, centre, conduct

BY_NAME = {measure.name: measure for measure in MEASURES}


def source(text: str = "poisson:chat/default=55/h:1h") -> Source:
    how = Reading((), (), frozenset(DOORS), MONDAY, "Europe/London", 9 * 3600.0, 1.0)
    return open_source(text, parse_doors([], DOORS), how)


def studied(*centres: CentreFile, replications: int = 4, judge: bool = True, warm_up_s: float = 0.0) -> Outcome:
    return run_study(Plan(centres, source(), conduct(), MONDAY, replications, 7, 0.95, warm_up_s, judge))


def test_a_second_agent_is_shown_to_be_better() -> None:
    """One agent with 55 minutes' work an hour against two, with the same customers: arrivals equal, waits shorter."""
    outcome = studied(centre(name="one.yaml"), centre(agents=2, name="<two>.yaml"))
    assert outcome.differences is not None and (outcome.violations, outcome.refusals) == ([], [])
    everybody = outcome.differences["all"]
    assert (everybody["arrivals"].mean, everybody["arrivals"].verdict) == (0.0, "no difference shown")
    verdicts = [everybody[name].verdict for name in ("wait_mean_s", "service_level", "occupancy")]
    assert verdicts == ["better", "better", "lower"]
    assert outcome.differences["queue:calls"]["wait_mean_s"].mean is None, "nobody called"
    told = page(outcome)
    assert "&lt;two&gt;.yaml" in told and "<two>" not in told, "names are escaped"
    assert not re.search(r"https?:|src=|href=|<script|@import|url\(", told), "nothing is fetched"
    assert told.count("<svg viewBox") == 4 + 4, "four courses, four differences"
    assert [course["09:00"]["arrivals"].replications for course in outcome.course] == [4, 4]


def test_a_study_is_a_function_of_its_seed() -> None:
    """All but the time it took, to the last digit; the second run has the invariants unjudged and the same figures."""
    first, second = studied(centre()), studied(centre(), judge=False)
    assert (first.figures, first.course, first.differences) == (second.figures, second.course, None)
    assert (first.judged, second.judged) == (True, False)
    assert "were not judged" in page(second) and "No invariant was broken" in page(first)


def test_a_warm_up_leaves_customers_out() -> None:
    """Who came in the first half of the hour is served and not counted."""
    whole, half = (studied(centre(), warm_up_s=seconds).figures[0]["all"]["arrivals"].mean for seconds in (0.0, 1800.0))
    assert whole is not None and half is not None and half == pytest.approx(whole / 2, rel=0.25)


def test_intervals_cover() -> None:
    """Of many estimates of a known mean, as many intervals hold it as they promise."""
    random = np.random.default_rng(5)
    intervals = [estimate(random.normal(10, 3, 6).tolist(), 0.9) for _ in range(2_000)]
    held = sum(one.low is not None and one.high is not None and one.low <= 10 <= one.high for one in intervals)
    assert held / 2_000 == pytest.approx(0.9, abs=0.02)


def test_few_replications_have_no_interval() -> None:
    """One gives a mean, none nothing; what has no figure in a replication is left out."""
    assert [estimate(values, 0.95).mean for values in ([], [math.nan], [3.0], [math.nan, 3.0])] == [None, None, 3.0, 3.0]
    assert estimate([3.0], 0.95).low is None
    assert estimate([3.0, math.nan, 5.0], 0.95).replications == 2


@pytest.mark.parametrize(
    ("name", "values", "verdict"),
    [
        ("service_level", [1.0, 1.1, 0.9], "better"),
        ("service_level", [-1.0, -1.1, -0.9], "worse"),
        ("asa_s", [-1.0, -1.1, -0.9], "better"),
        ("asa_s", [1.0, 1.1, 0.9], "worse"),
        ("occupancy", [1.0, 1.1, 0.9], "higher"),
        ("asa_s", [1.0, -1.1, 0.9], "no difference shown"),
        ("asa_s", [1.0], "no difference shown"),
        ("asa_s", [0.0, 0.0], "no difference shown"),
    ],
)
def test_verdicts(name: str, values: list[float], verdict: str) -> None:
    """Only an interval without 0 shows a difference, and whether it is good depends on the figure."""
    assert judged(estimate(values, 0.95), BY_NAME[name]).verdict == verdict


def test_numbers_and_times_for_people() -> None:
    """As many digits as mean something; a half-hour of the next day is marked."""
    assert [number(value) for value in (None, 1234.5, 123.45, 1.234)] == ["-", "1,234", "123.5", "1.23"]
    assert (number(0.5, signed=True), half_name(19), half_name(48)) == ("+0.50", "09:30", "00:00+1")


def test_a_plot_has_gaps_where_there_is_nothing() -> None:
    """A line is not drawn through half-hours without a figure; a lone one is a dot."""
    gap, one = (None, None, None), (5.0, 4.0, 6.0)
    drawn = day_svg(DayPlot("Wait", "s", tuple("abcde"), {"a": [one, one, gap, one, gap], "b": [gap] * 5}))
    assert (drawn.count("<polyline"), drawn.count("<polygon"), drawn.count("<circle")) == (2, 1, 1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, agents in (("today.yaml", 1), ("more.yaml", 2)):
        text = CENTRE.format(agents=agents, chats=1, wrap_up_s=0, auto_accept="false")
        (tmp_path / name).write_text(text)
    (tmp_path / "calls.csv").write_text("weekday_index,interval_index,calls\n0,0,6\n0,1,9\n1,0,8\n1,1,7\n")
    return tmp_path


def test_the_command_as_the_issue_writes_it(files: Path) -> None:
    """`trunkline simulate CENTRE.yaml --arrivals FILE --json` is one JSON document with figures and intervals."""
    arguments = ["--arrivals", str(files / "calls.csv"), "--door", "chat/default", "--processes", "1", "--replications", "2"]
    result = CliRunner().invoke(app, ["simulate", str(files / "today.yaml"), *arguments, "--opening", "09:00", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["customers"], document["replications"], document["violations"]) == (30, 2, [])
    assert document["figures"][0]["all"]["arrivals"] == {"mean": 15.0, "low": 15.0, "high": 15.0, "replications": 2}
    assert document["differences"] is None


def test_the_command_compares_and_reports(files: Path) -> None:
    """Two configurations, words for people, and a page."""
    report = files / "report.html"
    arguments = [str(files / "today.yaml"), "--against", str(files / "more.yaml"), "--arrivals", "poisson:55/h:1h"]
    more = [
        "--processes",
        "1",
        "--replications",
        "3",
        "--service",
        "fixed:60",
        "--report",
        str(report),
        "--door",
        "chat/default",
    ]
    result = CliRunner().invoke(app, ["simulate", "centre", *arguments, *more])
    assert result.exit_code == 0, result.output
    assert "mean wait: better" in result.output and "no invariant was broken" in result.output
    assert report.read_text().startswith("<!doctype html>") and "today.yaml or " in report.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.yaml", "--arrivals", "poisson:1/h"], "there is no such file"),
        (["today.yaml", "--arrivals", "nowhere.csv"], "nowhere.csv: arrivals cannot be read"),
        (["today.yaml", "--arrivals", "poisson:1/h", "--service", "soon"], "--service `soon` is no law"),
        (["today.yaml", "--arrivals", "poisson:1/h", "--answer", "never"], "only customers' patience may have no end"),
        (["today.yaml", "--arrivals", "poisson:1/h", "--date", "monday"], "--date `monday` is no date"),
        (["today.yaml", "--arrivals", "poisson:1/h", "--opening", "nine"], "--opening `nine` is no time of day"),
        (
            ["today.yaml", "--arrivals", "poisson:1/h", "--no-answer", "0.6", "--reject", "0.5"],
            "leave no offer that is accepted",
        ),
        (["today.yaml", "--arrivals", "poisson:1/h", "--door", "fax"], "there is no entry point `fax/default`"),
    ],
)
def test_what_cannot_be_simulated_is_told(
    files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    """In one sentence, with status 1."""
    monkeypatch.chdir(files)
    result = CliRunner().invoke(app, ["simulate", *arguments])
    assert (result.exit_code, told in " ".join(result.output.split())) == (1, True), result.output


def test_configurations_without_a_common_door_are_refused(files: Path) -> None:
    """They cannot have the same customers."""
    other = (files / "today.yaml").read_text().replace("  chat:\n", "  mail:\n").replace("  phone:\n", "  fax:\n")
    (files / "other.yaml").write_text(other.replace("chat: 1, phone: 1", "mail: 1, fax: 1"))
    with pytest.raises(StudyUnusable, match="no entry point in common"):
        planned(Options(files / "today.yaml", "poisson:1/h", files / "other.yaml"))

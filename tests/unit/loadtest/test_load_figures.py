"""Figures, objectives and the report: what was measured is what is said, and nothing passes unmeasured."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree as ET

import pytest

from loadtest.load.figures import Look, figures_of
from loadtest.load.histogram import Histogram
from loadtest.load.objectives import judge_objectives
from loadtest.load.plots import Plot, nice, svg
from loadtest.load.processes import Use, kind_of
from loadtest.load.promises import Judged, Seen, judge
from loadtest.load.recorder import Recorder
from loadtest.load.report import page
from loadtest.load.scenario import Objective, Scenario
from trunkline.content.v1 import content_pb2


def test_percentiles_are_within_two_percent() -> None:
    """Never below the true percentile, at most 2 % above it, over five decades; the greatest is exact."""
    chance = random.Random(3)
    values = sorted(10 ** chance.uniform(-1, 4) for _ in range(5_000))
    measured = Histogram()
    for value in values:
        measured.add(value)
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        true = values[max(0, round(share * 5_000 + 0.499999) - 1)]
        assert true * 0.999999 <= measured.percentile_ms(share) <= true * 1.0201
    assert values[-1] == measured.percentile_ms(1.0) == measured.greatest_ms
    assert 0.0 == Histogram().percentile_ms(0.99)


def test_parts_add_up() -> None:
    """Two parts' histograms and counts, sent as JSON values and merged, are those of one that saw everything."""
    parts, whole = [Recorder(), Recorder()], Recorder()
    for recorder in (*parts, whole):
        recorder.begin(1_000.0, [(0.0, 60.0)])
    for number in range(200):
        for recorder in (parts[number % 2], whole):
            recorder.duration("ack", 1_000.0 + number, 1_000.0 + number * 3)
            recorder.count("served", 1_000.0 + 20 * number)
    merged = Recorder()
    for part in parts:
        merged.merge(part.packed())
    count, total_ms, greatest_ms, buckets = whole.measures["ack"].packed()
    assert [count, pytest.approx(total_ms), greatest_ms, buckets] == merged.measures["ack"].packed()
    assert (merged.counts, merged.rates, merged.spans) == (whole.counts, whole.rates, whole.spans)


def test_only_measured_phases_count() -> None:
    """What was meant within the window counts, however late it ended; the rest is in the course only."""
    recorder = Recorder()
    recorder.duration("ack", 5.0, 6.0)
    recorder.begin(10_000.0, [(2.0, 3.0)])
    recorder.duration("ack", 11_999.0, 12_500.0)
    recorder.duration("ack", 12_999.0, 17_999.0)
    recorder.duration("ack", 13_000.0, 13_001.0)
    assert (1, 5_000.0) == (recorder.measures["ack"].count, recorder.measures["ack"].greatest_ms)
    assert [1, 2, 3] == sorted(recorder.seconds), "nothing from before the begin"


def scenario(lasts_s: float = 4) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "a <title>",
            "agents": {"count": 1},
            "customers": {"hold_s": 1},
            "phases": [{"for_s": 2, "per_s": 1, "measured": False}, {"name": "after", "for_s": lasts_s, "per_s": 1}],
        }
    )


def looks() -> list[Look]:
    gb = 1_000_000_000
    return [
        Look(0.0, 0, 0, {"host": Use(1.0, gb), "generator": Use(0.5, gb)}),
        Look(2.0, 5_000, 3, {"host": Use(2.0, 2 * gb), "generator": Use(1.0, gb)}),
        Look(6.0, 10_000, 9, {"host": Use(5.0, 3 * gb), "generator": Use(2.0, gb)}),
    ]


def test_figures_of_a_run() -> None:
    """Counts, rates and processors over the measured time; memory of a session from before the begin to the most."""
    recorder = Recorder()
    recorder.begin(0.0 + 1e6, scenario().windows_s())
    for second in range(6):
        recorder.duration("ack", 1e6 + second * 1000, 1e6 + second * 1000 + 10 * (second + 1))
        recorder.count("accepted", 1e6 + second * 1000, by=second)
    figures = figures_of(recorder, Judged(lost=2, doubled=1, unended=3), looks(), scenario())
    assert (60.0, 60.0) == (figures["ack_ms_max"], figures["after_ack_ms_p99"])
    assert (2, 1, 3) == (figures["lost"], figures["doubled"], figures["unended"])
    assert (15.0, 3.5, 14.0) == (figures["accepted"], figures["accepted_per_s"], figures["after_accepted"])
    assert (0.75, 0.25) == (figures["host_cores"], figures["generator_cores"])
    assert (10_000, 7_500, 9) == (figures["live_max"], figures["live_mean"], figures["unsettled_max"])
    assert 200_000.0 == figures["host_bytes_per_session"]
    assert "offer_ms_p99" not in figures, "what was not measured is no figure"


def test_growth_of_memory() -> None:
    """The last quarter of a long run is held against its second, so that what a start needs is not called growth."""
    sizes = [10] * 100 + [100] * 100 + [105] * 100 + [110] * 100
    long = [Look(2.0 + second, 500, 0, {"host": Use(1.0, size)}) for second, size in enumerate(sizes)]
    recorder = Recorder()
    recorder.begin(0.0, scenario(lasts_s=400).windows_s())
    figures = figures_of(recorder, Judged(lost=0, doubled=0, unended=0), long, scenario(lasts_s=400))
    assert 0.1 == figures["host_rss_growth"]


def test_objectives() -> None:
    """A bare number is the most; a figure that is missing is missed."""
    wanted: dict[str, Objective | float] = {
        "lost": 0.0,
        "ack_ms_p99": 100.0,
        "live": Objective(at_least=10),
        "offer_ms_p99": 5.0,
    }
    verdicts = judge_objectives(wanted, {"lost": 0.0, "ack_ms_p99": 100.1, "live": 10.0})
    assert [True, False, True, False] == [verdict.met for verdict in verdicts]
    assert "at most 100" == verdicts[1].wanted and verdicts[3].found is None


def entry(number: int, message: str) -> content_pb2.Entry:
    return content_pb2.Entry(number=number, id=message)


def test_a_page_knows_repeats_from_doubles() -> None:
    """The same entry again is nothing; the same message under another number is doubled."""
    seen = Seen()
    assert ["c1", "c2"] == [new.id for new in seen.show([entry(1, "c1"), entry(2, "a1"), entry(3, "c2")], "c")]
    assert [] == seen.show([entry(1, "c1"), entry(3, "c2")], "c") and 0 == seen.doubled
    assert [] == seen.show([entry(4, "c1")], "c") and 1 == seen.doubled


def test_promises_are_held_against_both_sides() -> None:
    """Lost is what was acknowledged and not shown to the other side, where somebody served."""
    customers = [
        ("kept", 0b0110, 0b0010, 0, True, True),
        ("lost", 0b0110, 0b0000, 0, True, True),
        ("left", 0b0010, 0b0000, 0, True, False),
        ("hangs", 0b0000, 0b0000, 0, False, True),
    ]
    desks = [
        ("kept", 0b0010, 0b0010, 0, True, True),
        ("kept", 0, 0b0100, 0, True, True),
        ("lost", 0b0010, 0b0010, 2, True, True),
    ]
    found = judge(customers, desks)
    assert (2, 2, 1) == (found.lost, found.doubled, found.unended), "one of each side, both doubled, and one that did not end"
    assert 3 == len(found.problems or [])


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("/x/valkey-server 127.0.0.1:0", "store"),
        ("ray::HostActor.deliver", "host"),
        ("ray::GatewayActor", "gateway"),
        ("ray::IDLE", "ray"),
        ("python -m cluster.cli.main up", "front"),
        ("bash", "other"),
    ],
)
def test_processes_are_known_by_their_command(command: str, kind: str) -> None:
    """Each process of a product counts for its part."""
    assert kind == kind_of(command)


@pytest.mark.parametrize(("most", "top"), [(0, 1), (0.7, 0.8), (10, 10), (11, 20), (33, 40), (990, 1000)])
def test_axes_end_at_round_numbers(most: float, top: float) -> None:
    """The least round number that holds everything."""
    assert pytest.approx(top) == nice(most)


def test_a_plot_is_well_formed() -> None:
    """A plot parses, draws each line to scale, also one without points; names are escaped."""
    drawn = ET.fromstring(svg(Plot("a<b", "ms", {"p50": [(0, 0), (10, 4)], "none": []})))
    lines = [line.get("points") for line in drawn.iter("polyline")]
    assert ["64.0,186.0 848.0,12.0", ""] == lines
    assert "a<b (ms)" == drawn.get("aria-label")


def test_the_report_needs_nothing_else() -> None:
    """One page with verdict, objectives and plots; no script, nothing loaded, every foreign text escaped."""
    recorder = Recorder()
    recorder.begin(1e6, [(0, 6)])
    recorder.duration("ack", 1e6 + 10, 1e6 + 30)
    document = {
        "scenario": "mine", "title": "a <title>", "generator": "lean", "workers": 1, "runtime": "process", "started": "now",
        "passed": False, "figures": {"ack_ms_p99": 20.0},
        "objectives": [{"figure": "ack_ms_p99", "wanted": "at most 10", "found": 20.0, "met": False}],
        "problems": ["<script>alert(1)</script>"], "violations": [], "said": {}, "checked": {"I1": "exact"},
    }  # fmt: skip
    text = page(document, recorder, looks())
    assert "failed" in text and "at most 10" in text and "a &lt;title&gt;" in text
    assert "<script" not in text and not re.search(r"(?:src|href)=|url\(|@import", text)
    assert 8 == len(re.findall(r'<svg viewBox="0 0 860 220"', text))

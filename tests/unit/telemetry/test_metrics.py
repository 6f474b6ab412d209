"""The catalogue keeps Prometheus's conventions, counting is bounded, and a page says what was counted."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cluster.host.counting_cost import measure
from cluster.telemetry import meter as metering
from cluster.telemetry import metrics
from cluster.telemetry.exposition import Told, exposed
from cluster.telemetry.meter import OTHER, Meter, Sample, sample, samples_decoder
from cluster.telemetry.metrics import METRICS, Kind, Metric
from cluster.telemetry.process import LoopLag, process_samples

#: What a label may say: names from the configuration or of processes, and declared words.
LABELS = {
    "author", "bound", "channel", "code", "gateway", "host", "how", "kind", "name", "outcome", "presence", "queue", "reason",
    "service", "state",
}  # fmt: skip


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    """A counter ends in _total, a unit is in the name, a histogram has ascending buckets, and help is one sentence."""
    assert re.fullmatch(r"trunkline_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    unit = {"s": "_seconds", "bytes": "_bytes", "": ""}[metric.unit]
    assert unit in metric.name
    assert metric.help and not metric.help.endswith(".") and "|" not in metric.help
    assert len(set(metric.all_labels)) == len(metric.all_labels), "no label of its own hides who told it"


def test_no_label_holds_what_people_wrote_or_has_no_end_of_values() -> None:
    """Labels are from a closed list, on which neither text nor a conversation, link, agent or customer stands (I15)."""
    assert {label for metric in METRICS.values() for label in metric.all_labels} <= LABELS


def test_counters_and_histograms_count() -> None:
    """What was added and observed comes back as samples, and travels."""
    meter = Meter()
    meter.counter(metrics.OFFERS).add(2, "cards", "accepted")
    meter.counter(metrics.OFFERS).add(1, "cards", "accepted")
    for batch in (1, 3, 9_999):
        meter.histogram(metrics.BATCH_INPUTS).observe(batch)
    travelled = samples_decoder.decode(msgspec.msgpack.encode(meter.samples()))
    counts = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert travelled == [
        Sample(metrics.OFFERS.name, ("cards", "accepted"), 3),
        Sample(metrics.BATCH_INPUTS.name, (), 10_003, counts),
    ]


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label sets beyond the limit are counted together, so that nothing can fill memory."""
    monkeypatch.setattr(metering, "MOST_SERIES", 2)
    meter = Meter()
    for number in range(5):
        meter.counter(metrics.REFUSALS).add(1, f"CODE_{number}")
        meter.histogram(metrics.WAIT_SECONDS).observe(1, f"queue-{number}", "granted")
    told = {(item.name, item.labels): item.value for item in meter.samples()}
    assert told == {
        (metrics.REFUSALS.name, ("CODE_0",)): 1,
        (metrics.REFUSALS.name, ("CODE_1",)): 1,
        (metrics.REFUSALS.name, (OTHER,)): 3,
        (metrics.WAIT_SECONDS.name, ("queue-0", "granted")): 1,
        (metrics.WAIT_SECONDS.name, ("queue-1", "granted")): 1,
        (metrics.WAIT_SECONDS.name, (OTHER, OTHER)): 3,
    }


def test_wrong_labels_are_a_defect() -> None:
    """Labels that the catalogue does not know are noticed where they are counted."""
    with pytest.raises(ValueError, match="has the labels"):
        Meter().counter(metrics.OFFERS).add(1, "cards")
    with pytest.raises(ValueError, match="with the labels"):
        sample(metrics.AGENTS, 1)


def page(accept: str = "") -> tuple[str, str]:
    meter = Meter()
    meter.histogram(metrics.COMMIT_SECONDS).observe(0.003)
    meter.histogram(metrics.COMMIT_SECONDS).observe(99)
    host = [sample(metrics.AGENTS, 4, "available"), *meter.samples(), Sample("trunkline_of_tomorrow", (), 1)]
    told = [Told("cluster", "", [sample(metrics.UP, 0, "host", "host-2")]), Told("host", "host-1", host)]
    text, content_type = exposed(told, accept)
    return text.decode(), content_type


def test_a_page_says_who_told_what() -> None:
    """Figures carry their process's name; buckets are cumulative; what the catalogue does not know is left out."""
    text, content_type = page()
    assert content_type.startswith("text/plain")
    families = {family.name: family for family in parse_text(text)}
    assert set(families) == {"trunkline_up", "trunkline_agents", "trunkline_commit_seconds"}
    (agents,) = families["trunkline_agents"].samples
    assert (agents.labels, agents.value) == ({"host": "host-1", "presence": "available"}, 4)
    counts = {item.labels.get("le", item.name): item.value for item in families["trunkline_commit_seconds"].samples}
    assert (counts["0.0025"], counts["0.005"], counts["10.0"], counts["+Inf"]) == (0, 1, 1, 2)
    assert counts["trunkline_commit_seconds_sum"] == pytest.approx(99.003)
    assert families["trunkline_agents"].documentation == metrics.AGENTS.help


def test_a_page_is_open_metrics_where_that_is_asked_for() -> None:
    """Prometheus's own choice of format is followed, and parses."""
    text, content_type = page("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert content_type.startswith("application/openmetrics-text")
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
    assert {family.name for family in families} >= {"trunkline_agents"}


def test_every_metric_can_be_written() -> None:
    """Whatever the catalogue holds has a place on the page, with all of its labels."""
    every = [
        Sample(one.name, ("x",) * len(one.labels), 1, [0] * (len(one.buckets) + 1) if one.buckets else [])
        for one in METRICS.values()
    ]
    text, _ = exposed([Told("host", "one", every)])
    found = {family.name: set(family.samples[0].labels) - {"le"} for family in parse_text(text.decode())}
    assert found == {one.name.removesuffix("_total"): set(one.all_labels) for one in METRICS.values()}


def test_the_process_tells_its_memory_and_time() -> None:
    """Memory and processor time of a running process are more than nothing."""
    told = {item.name: item.value for item in process_samples()}
    assert told[metrics.CPU_SECONDS.name] > 0
    assert told[metrics.RESIDENT_BYTES.name] > 1_000_000


async def test_a_loop_that_is_held_up_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each nap is observed once it is over."""
    monkeypatch.setattr("cluster.telemetry.process.NAP_S", 0.001)
    meter = Meter()
    lag = LoopLag(meter)
    series = meter.histogram(metrics.LOOP_LAG).series
    async with asyncio.timeout(10):
        while not series or sum(series[()][:-1]) < 3:
            await asyncio.sleep(0)
    await lag.stop()
    assert series[()][-1] >= 0


def test_the_cost_can_be_measured() -> None:
    """The micro-benchmark measures what it names; how fast is for the reader."""
    assert all(nanoseconds > 0 for nanoseconds in measure(rounds=3).values())

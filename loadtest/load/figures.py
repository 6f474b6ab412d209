"""A run's figures: one flat object of numbers by name, which objectives, reports and benchmarks read.

Kept: a figure that could not be measured is left out, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from loadtest.load.histogram import Histogram
from loadtest.load.processes import Use
from loadtest.load.promises import Judged
from loadtest.load.recorder import Recorder
from loadtest.load.scenario import Scenario

Figures = dict[str, float]
#: Durations of the recorder that become figures.
MEASURED = ("ack", "arrival_ack", "message_ack", "desk_ack", "offer", "delivery", "admin", "refusal", "generator_lag")
COUNTED = (
    "arrivals", "accepted", "refused", "refused_wrongly", "served", "ended", "abandoned", "offers", "rang_out",
    "messages_sent", "messages_delivered", "messages_put_off", "crossed", "reconnected", "doubled_assignments",
    "admin_asked", "admin_failed",
)  # fmt: skip
#: An acknowledgement within this is as quick as without load, to whoever waits for it.
SETTLED_MS: Final = 250.0
CPU_KINDS = ("generator", "gateway", "host", "store", "supervisor", "ray", "front")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run that goes on: seconds from its begin, live conversations, what each kind of process has used."""

    at_s: float
    live: int
    unsettled: int
    used: Mapping[str, Use]


def figures_of(recorder: Recorder, judged: Judged, looks: Sequence[Look], scenario: Scenario) -> Figures:
    """Everything that was measured, counted and judged from outside."""
    windows_s = scenario.windows_s()
    found: Figures = {name: float(recorder.counts[name]) for name in COUNTED}
    for name in MEASURED:
        if name in recorder.measures:
            found |= _of_histogram(name, recorder.measures[name])
    found |= {"lost": judged.lost, "doubled": judged.doubled + found.pop("doubled_assignments"), "unended": judged.unended}
    measured = [look for look in looks if any(begin <= look.at_s <= end for begin, end in windows_s)]
    if measured:
        found["live_max"] = max(look.live for look in measured)
        found["live_mean"] = sum(look.live for look in measured) / len(measured)
        found["unsettled_max"] = max(look.unsettled for look in measured)
        found |= _of_processes(looks, measured)
    for figure, name in (("arrivals_on_disk_s", "arrival_ack"), ("arrivals_decided_s", "offer")):
        if name in recorder.spans:
            first, last = recorder.spans[name]
            found[figure] = (last - first) / 1000
    for phase, begin, end in scenario.named_s():
        found |= _of_phase(phase, recorder, begin, end) | _of_memory(phase, looks, begin, end)
    lasts_s = sum(end - begin for begin, end in windows_s)
    for name in ("accepted", "messages_sent"):
        of_windows = sum(
            counts[name] for second, counts in recorder.rates.items() if any(begin <= second < end for begin, end in windows_s)
        )
        found[f"{name}_per_s"] = of_windows / lasts_s if lasts_s else 0.0
    return {name: round(float(value), 3) for name, value in found.items()}


def _of_phase(phase: str, recorder: Recorder, begin: float, end: float) -> Figures:
    """One phase's own, by whole seconds."""
    found: Figures = {}
    for name in ("ack", "offer", "refusal", "generator_lag"):
        together = Histogram()
        for second, measures in recorder.seconds.items():
            if begin <= second < end and name in measures:
                together.merge(measures[name])
        if together.count:
            found[f"{phase}_{name}_ms_p50"] = together.percentile_ms(0.5)
            found[f"{phase}_{name}_ms_p99"] = together.percentile_ms(0.99)
    counted = {
        name: sum(of[name] for second, of in recorder.rates.items() if begin <= second < end)
        for name in ("arrivals", "accepted", "refused")
    }
    found |= {f"{phase}_{name}": count for name, count in counted.items()}
    found[f"{phase}_accepted_per_s"] = counted["accepted"] / (end - begin) if end > begin else 0.0
    if counted["accepted"]:
        found[f"{phase}_arrivals_per_accepted"] = counted["arrivals"] / counted["accepted"]
    found[f"{phase}_settled_s"] = _settled_s(recorder, begin, end)
    return found


def _settled_s(recorder: Recorder, begin: float, end: float) -> float:
    """From a phase's begin until nobody was refused any more and each second's p99 of `ack` stayed low."""
    late = [
        second
        for second in range(math.ceil(begin), math.ceil(end))
        if (second in recorder.rates and recorder.rates[second]["refused"])
        or (second in recorder.seconds and recorder.seconds[second]["ack"].percentile_ms(0.99) > SETTLED_MS)
    ]
    return late[-1] + 1 - begin if late else 0.0


def _of_memory(phase: str, looks: Sequence[Look], begin: float, end: float) -> Figures:
    """How much each kind of process held at most during a phase."""
    within = [look.used for look in looks if begin <= look.at_s < end]
    return {
        f"{phase}_{kind}_rss_mb_max": max(used[kind].rss_bytes for used in within if kind in used) / 1e6
        for kind in ("generator", "gateway", "host", "store")
        if any(kind in used for used in within)
    }


def _of_histogram(name: str, measured: Histogram) -> Figures:
    return {
        f"{name}_ms_p50": measured.percentile_ms(0.5),
        f"{name}_ms_p99": measured.percentile_ms(0.99),
        f"{name}_ms_max": measured.greatest_ms,
    }


def _of_processes(looks: Sequence[Look], measured: Sequence[Look]) -> Figures:
    """Cores taken over the measured time, highest memory, and what a live conversation adds to the hosts."""
    found: Figures = {}
    first, last = measured[0], measured[-1]
    passed_s = last.at_s - first.at_s
    for kind in CPU_KINDS:
        if passed_s > 0 and kind in first.used and kind in last.used:
            found[f"{kind}_cores"] = (last.used[kind].cpu_s - first.used[kind].cpu_s) / passed_s
        if kind in last.used:
            resident = [look.used[kind].rss_bytes for look in measured if kind in look.used]
            found[f"{kind}_rss_mb_max"] = max(resident) / 1e6
            if len(resident) >= LEAST_LOOKS:
                quarter = len(resident) // 4
                found[f"{kind}_rss_growth"] = fmean(resident[-quarter:]) / fmean(resident[quarter : 2 * quarter]) - 1
    before, most = looks[0], max(measured, key=lambda look: look.live)
    grown = most.live - before.live
    if grown >= LEAST_GROWTH and "host" in before.used and "host" in most.used:
        found["host_bytes_per_session"] = (most.used["host"].rss_bytes - before.used["host"].rss_bytes) / grown
    return found


#: With fewer looks, nobody can say whether memory levels off.
LEAST_LOOKS = 100
#: With fewer conversations more, a host's memory moves for other reasons.
LEAST_GROWTH = 1_000

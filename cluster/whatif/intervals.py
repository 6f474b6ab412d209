"""Means with confidence intervals over replications, and what a difference between two configurations shows.

Replications are independent, their figures nearly normal, so Student's t gives the interval. Two configurations see the same
customers in each replication, so the interval is of the differences, replication by replication (common random numbers and
the paired t: Law and Kelton, "Simulation Modeling and Analysis").

Keeps: a difference is called one only where its interval leaves 0 out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from scipy import stats

from cluster.whatif.measures import MEASURES, Course, DayResult, Measure

Verdict = Literal["better", "worse", "higher", "lower", "no difference shown"]


class Estimate(msgspec.Struct, frozen=True):
    """A mean over replications and its interval; None where there were too few that had the figure."""

    mean: float | None
    low: float | None
    high: float | None
    replications: int


class Difference(msgspec.Struct, frozen=True):
    """How much a figure is more with the second configuration than with the first."""

    mean: float | None
    low: float | None
    high: float | None
    replications: int
    verdict: Verdict


#: Group -> figure -> estimate.
Estimates = dict[str, dict[str, Estimate]]
Differences = dict[str, dict[str, Difference]]


def estimate(values: Sequence[float], confidence: float) -> Estimate:
    """The mean and its interval; replications that have no such figure (NaN) are left out."""
    known = np.array([value for value in values if not math.isnan(value)])
    if len(known) == 0:
        return Estimate(None, None, None, 0)
    mean = float(known.mean())
    if len(known) == 1:
        return Estimate(mean, None, None, 1)
    half = float(stats.t.ppf((1 + confidence) / 2, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known)))
    return Estimate(mean, mean - half, mean + half, len(known))


def estimates(days: Sequence[DayResult], confidence: float) -> Estimates:
    """Every figure of every group."""
    return {
        group: {name: estimate([day.figures[group][name] for day in days], confidence) for name in figures}
        for group, figures in days[0].figures.items()
    }


def differences(first: Sequence[DayResult], second: Sequence[DayResult], confidence: float) -> Differences:
    """Every figure of the groups that both have, second less first."""
    found: Differences = {}
    for group in (group for group in first[0].figures if group in second[0].figures):
        found[group] = {}
        for measure in MEASURES:
            pairs = [(one.figures[group].get(measure.name), two.figures[group].get(measure.name))
                     for one, two in zip(first, second, strict=True)]  # fmt: skip
            gaps = [two - one for one, two in pairs if one is not None and two is not None]
            if gaps:
                found[group][measure.name] = judged(estimate(gaps, confidence), measure)
    return found


def judged(gap: Estimate, measure: Measure) -> Difference:
    """What an interval of differences shows."""
    verdict: Verdict = "no difference shown"
    if gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0):
        direction = 1 if gap.low > 0 else -1
        if measure.better:
            verdict = "better" if direction == measure.better else "worse"
        else:
            verdict = "higher" if direction > 0 else "lower"
    return Difference(gap.mean, gap.low, gap.high, gap.replications, verdict)


def course_estimates(days: Sequence[DayResult], confidence: float) -> Estimates:
    """The day by half-hour: local time (`09:30`, `00:30+1` on the next day) -> figure -> estimate."""
    halves: dict[int, list[dict[str, float]]] = {}
    for day in days:
        course = day.course
        for index in range(len(course.arrivals)):
            halves.setdefault(course.first + index, []).append(half_hour(course, index))
    return {
        half_name(number): {name: estimate([one[name] for one in halves[number]], confidence) for name in halves[number][0]}
        for number in sorted(halves)
    }


def half_hour(course: Course, index: int) -> dict[str, float]:
    """The figures of one half-hour of one day."""
    arrivals, waiters, present_s = course.arrivals[index], course.waiters[index], course.present_s[index]
    return {
        "arrivals": float(arrivals),
        "service_level": float(100 * course.answered_in_time[index] / arrivals) if arrivals else math.nan,
        "wait_mean_s": float(course.waited_s[index] / waiters) if waiters else math.nan,
        "occupancy": float(100 * course.busy_s[index] / present_s) if present_s else math.nan,
    }


def half_name(number: int) -> str:
    """When the half-hour of this number begins."""
    days, half = divmod(number, 48)
    return f"{half // 2:02}:{half % 2 * 30:02}" + (f"+{days}" if days else "")

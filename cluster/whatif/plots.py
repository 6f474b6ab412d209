"""Plots as SVG text: lines over the day and differences, with their intervals. No library, no script, nothing fetched.

Keeps: the same figures give the same text; every colour comes with a dash pattern, so that a line can be told without it;
every text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 860, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 30
STYLES: Final = (("#1768ac", ""), ("#c8553d", "7 3"))
#: Rows of a plot of differences.
ROW, NAMES = 26, 190
#: Labels under the time axis; more would touch.
MOST_LABELS: Final = 14

#: (mean, low, high); None where there is no figure.
Reading = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class DayPlot:
    """Lines over the day's half-hours, one for each configuration. `most`: the axis ends there, whatever the lines do."""

    title: str
    unit: str
    times: tuple[str, ...]
    lines: dict[str, list[Reading]]
    most: float | None = None


@dataclass(frozen=True, slots=True)
class GapPlot:
    """Differences by group, with their intervals; `verdicts` in words."""

    title: str
    unit: str
    rows: dict[str, Reading]
    verdicts: dict[str, str]


def day_svg(plot: DayPlot) -> str:
    """The lines over the day as an SVG element."""
    values = [
        value for line in plot.lines.values() for reading in line for value in (reading[0], reading[2]) if value is not None
    ]
    most = plot.most or nice(max(values, default=1.0))
    columns = max(1, len(plot.times))
    label = escape(f"{plot.title} ({plot.unit})" if plot.unit else plot.title, quote=True)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    for step in range(5):
        value = most * step / 4
        y = _y(value, most)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    every = max(1, math.ceil(columns / MOST_LABELS))
    for index in range(0, len(plot.times), every):
        x = _x(index, columns)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(plot.times[index])}</text>')
    for (colour, _), line in zip(STYLES, plot.lines.values(), strict=False):
        parts += _bands(line, most, columns, colour)
    for (colour, dash), line in zip(STYLES, plot.lines.values(), strict=False):
        parts += _line(line, most, columns, colour, dash)
    return "\n".join([*parts, "</svg>"])


def _runs(line: Sequence[Reading]) -> Iterator[list[tuple[int, Reading]]]:
    """Parts of a line without a gap."""
    run: list[tuple[int, Reading]] = []
    for index, reading in enumerate(line):
        if reading[0] is None:
            if run:
                yield run
            run = []
        else:
            run.append((index, reading))
    if run:
        yield run


def _bands(line: Sequence[Reading], most: float, columns: int, colour: str) -> Iterator[str]:
    for run in _runs(line):
        known = [(index, low, high) for index, (_, low, high) in run if low is not None and high is not None]
        if len(known) < 2:
            continue
        edge = [(index, high) for index, _, high in known] + [(index, low) for index, low, _ in reversed(known)]
        points = " ".join(f"{_x(index, columns):.1f},{_y(value, most):.1f}" for index, value in edge)
        yield f'<polygon points="{points}" fill="{colour}" fill-opacity="0.14"/>'


def _line(line: Sequence[Reading], most: float, columns: int, colour: str, dash: str) -> Iterator[str]:
    for run in _runs(line):
        points = " ".join(f"{_x(index, columns):.1f},{_y(mean or 0.0, most):.1f}" for index, (mean, _, _) in run)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}"/>'
        if len(run) == 1:
            x, y = points.split(",")
            yield f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>'


def legend(names: Sequence[str]) -> str:
    """What each line is."""
    return " ".join(
        f'<span style="color:{colour}"><svg width="28" height="8" aria-hidden="true"><line x1="0" y1="4" x2="28" y2="4" '
        f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/></svg> {escape(name)}</span>'
        for (colour, dash), name in zip(STYLES, names, strict=False)
    )


def gap_svg(plot: GapPlot) -> str:
    """The differences as an SVG element: a bar from low to high, a mark at the mean, a line at no difference."""
    ends = [abs(value) for reading in plot.rows.values() for value in reading if value is not None]
    most = nice(max(ends, default=1.0))
    height = TOP + ROW * len(plot.rows) + BOTTOM
    middle, half = NAMES + (WIDTH - RIGHT - NAMES) / 2, (WIDTH - RIGHT - NAMES) / 2 - 20
    label = escape(f"{plot.title} ({plot.unit}), difference with interval", quote=True)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">']
    for step in (-2, -1, 0, 1, 2):
        x = middle + half * step / 2
        kind = "zero" if step == 0 else "grid"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - BOTTOM}" class="{kind}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle">{_signed(most * step / 2)}</text>')
    for index, (name, (mean, low, high)) in enumerate(plot.rows.items()):
        y = TOP + ROW * index + ROW / 2
        verdict = plot.verdicts.get(name, "")
        parts.append(f'<text x="{NAMES - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        if mean is None:
            continue
        colour = {"better": "#1d6b3a", "worse": "#b3261e"}.get(verdict, "#555555")
        shown = escape(f"{name}: {mean:+.4g} {plot.unit}, {verdict}")
        if low is not None and high is not None:
            left, right = middle + half * low / most, middle + half * high / most
            parts.append(f'<line x1="{left:.1f}" y1="{y}" x2="{right:.1f}" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        x = middle + half * mean / most
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4.5" fill="{colour}"><title>{shown}</title></circle>')
    return "\n".join([*parts, "</svg>"])


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"


def nice(most: float) -> float:
    """The least of 1, 2, 4, 5, 8 times a power of ten that is not below `most`."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= most * (1 - 1e-9))


def _x(index: int, columns: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / columns


def _y(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value, 0.0), most) / most

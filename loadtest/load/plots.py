"""Line plots as SVG text: no library, no script, nothing to be fetched.

Kept: the same data give the same text; every colour comes with a dash pattern, so that a line can be told without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 860, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
STYLES: Final = (
    ("#1768ac", ""), ("#c8553d", "7 3"), ("#2a7f62", "2 2"), ("#7b4fa3", "9 2 2 2"), ("#8a6d1d", "12 4"), ("#444444", "1 3"),
)  # fmt: skip

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: lines by name over seconds."""

    title: str
    unit: str
    lines: dict[str, Points]


def svg(plot: Plot) -> str:
    """The plot as an SVG element."""
    points = [point for line in plot.lines.values() for point in line]
    most_x = max((x for x, _ in points), default=1.0) or 1.0
    most_y = nice(max((y for _, y in points), default=1.0))
    label = escape(f"{plot.title} ({plot.unit})", quote=True)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    for step in range(5):
        value = most_y * step / 4
        y = _y(value, most_y)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for step in range(6):
        value = most_x * step / 5
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / 5
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{value:.0f} s</text>')
    for (colour, dash), line in zip(_styles(len(plot.lines)), plot.lines.values(), strict=True):
        path = " ".join(f"{_x(x, most_x):.1f},{_y(y, most_y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dash}"/>')
    return "\n".join([*parts, "</svg>"])


def legend(plot: Plot) -> str:
    """What each line is."""
    return " ".join(
        f'<span style="color:{colour}"><svg width="28" height="8"><line x1="0" y1="4" x2="28" y2="4" stroke="{colour}" '
        f'stroke-width="2" stroke-dasharray="{dash}"/></svg> {escape(name)}</span>'
        for (colour, dash), name in zip(_styles(len(plot.lines)), plot.lines, strict=True)
    )


def nice(most: float) -> float:
    """The least of 1, 2, 4, 5, 8 times a power of ten that is not below `most`."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= most * (1 - 1e-9))


def _styles(count: int) -> list[tuple[str, str]]:
    return [STYLES[index % len(STYLES)] for index in range(count)]


def _x(value: float, most: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / most


def _y(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most

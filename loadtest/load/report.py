"""A run as one HTML page that needs nothing else: objectives, figures, plots, what was found.

Kept: every text that came from outside is escaped; the page loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from loadtest.load.figures import Look
from loadtest.load.plots import Plot, Points, legend, svg
from loadtest.load.recorder import Recorder

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b;
  background: #fff }
h1 { font-size: 1.5rem; margin-bottom: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
h3 { font-size: 1rem; margin: 1.2rem 0 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .15rem .6rem .15rem 0; border-bottom: 1px solid #ddd }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.met { color: #1d6b3a }
.missed { color: #b3261e; font-weight: 600 }
svg { width: 100%; height: auto }
svg text { font-size: 11px; fill: #555 }
.grid { stroke: #e4e4e4 }
p.legend { margin: 0 }
p.legend span { margin-right: 1rem; white-space: nowrap }
p.legend svg { width: 28px; vertical-align: middle }
"""


def page(document: Mapping[str, Any], recorder: Recorder, looks: Sequence[Look]) -> str:
    """The whole page of a run's JSON document and its course over time."""
    passed = document["passed"]
    verdict = '<span class="met">passed</span>' if passed else '<span class="missed">failed</span>'
    body = [
        f"<h1>{escape(document['scenario'])}: {verdict}</h1>",
        f"<p>{escape(document['title'])}<br>{escape(document['generator'])} generator, {document['workers']} process"
        f"{'es' if document['workers'] > 1 else ''}; runtime {escape(document['runtime'])}; {escape(document['started'])}</p>",
        "<h2>Objectives</h2>", _objectives(document["objectives"]),
        "<h2>Course</h2>", *(_figure(plot) for plot in plots_of(recorder, looks)),
        "<h2>Figures</h2>", _figures(document["figures"]),
        "<h2>Judged</h2>", _judged(document),
    ]  # fmt: skip
    title = escape(f"{document['scenario']}, load report")
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def plots_of(recorder: Recorder, looks: Sequence[Look]) -> list[Plot]:
    """The run second by second."""
    return [
        Plot("Arrivals", "a second", {name: _rate(recorder, name) for name in ("arrivals", "accepted", "refused", "ended")}),
        Plot("Live conversations", "count", {"live": [(look.at_s, look.live) for look in looks]}),
        Plot("Acknowledged after", "ms", {f"p{round(p * 100)}": _percentile(recorder, "ack", p) for p in (0.5, 0.99)}),
        Plot("Offered after", "ms", {f"p{round(p * 100)}": _percentile(recorder, "offer", p) for p in (0.5, 0.99)}),
        Plot("Messages", "a second", {name: _rate(recorder, f"messages_{name}") for name in ("sent", "delivered")}),
        Plot("Generator late by", "ms", {"p99": _percentile(recorder, "generator_lag", 0.99)}),
        Plot("Processors", "cores", _cores(looks)),
        Plot("Memory", "MB", _memory(looks)),
    ]


def _rate(recorder: Recorder, name: str) -> Points:
    return [(second, recorder.rates[second][name]) for second in sorted(recorder.rates) if second >= 0]


def _percentile(recorder: Recorder, name: str, share: float) -> Points:
    return [
        (second, recorder.seconds[second][name].percentile_ms(share))
        for second in sorted(recorder.seconds)
        if second >= 0 and name in recorder.seconds[second]
    ]


def _kinds(looks: Sequence[Look]) -> list[str]:
    return sorted({kind for look in looks for kind in look.used})


def _cores(looks: Sequence[Look]) -> dict[str, Points]:
    lines: dict[str, Points] = {}
    for kind in _kinds(looks):
        lines[kind] = [
            (after.at_s, max(0.0, after.used[kind].cpu_s - before.used[kind].cpu_s) / (after.at_s - before.at_s))
            for before, after in pairwise(looks)
            if kind in before.used and kind in after.used and after.at_s > before.at_s
        ]
    return lines


def _memory(looks: Sequence[Look]) -> dict[str, Points]:
    return {
        kind: [(look.at_s, look.used[kind].rss_bytes / 1e6) for look in looks if kind in look.used] for kind in _kinds(looks)
    }


def _figure(plot: Plot) -> str:
    return f'<h3>{escape(plot.title)} ({escape(plot.unit)})</h3>\n<p class="legend">{legend(plot)}</p>\n{svg(plot)}'


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f'<tr><td>{escape(one["figure"])}</td><td>{escape(one["wanted"])}</td><td class="n">{_number(one["found"])}</td>'
        f'<td class="{"met" if one["met"] else "missed"}">{"met" if one["met"] else "missed"}</td></tr>'
        for one in objectives
    ]
    return "<table><tr><th>figure</th><th>wanted</th><th>found</th><th></th></tr>" + "".join(rows) + "</table>"


def _figures(figures: Mapping[str, float]) -> str:
    rows = [f'<tr><td>{escape(name)}</td><td class="n">{_number(value)}</td></tr>' for name, value in figures.items()]
    return "<table>" + "".join(rows) + "</table>"


def _judged(document: Mapping[str, Any]) -> str:
    found = [f"violated {one['invariant']} {one['subject']}: {one['explanation']}" for one in document["violations"][:50]]
    found += [*document["problems"][:50], *(f"{what} ({times} times)" for what, times in document["said"].items())]
    listed = "".join(f"<li>{escape(line)}</li>" for line in found)
    checked = ", ".join(f"{name} {how}" for name, how in document["checked"].items())
    return (
        f"<ul>{listed}</ul>" if found else "<p>Nothing was violated, every promise was kept.</p>"
    ) + f"<p>{escape(checked)}</p>"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")

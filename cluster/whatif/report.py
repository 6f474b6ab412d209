"""A study as one HTML page that needs nothing else: what differs, the day's course, every figure, what was assumed.

Keeps: every text that came from outside is escaped; the page loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from cluster.whatif.intervals import Difference, Estimate
from cluster.whatif.measures import EVERYBODY, MEASURES, Measure
from cluster.whatif.plots import DayPlot, GapPlot, Reading, day_svg, gap_svg, legend
from cluster.whatif.study import Outcome

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b;
  background: #fff }
h1 { font-size: 1.5rem; margin-bottom: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
h3 { font-size: 1rem; margin: 1.2rem 0 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .15rem .7rem .15rem 0; border-bottom: 1px solid #ddd; vertical-align: baseline }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
small { color: #595959 }
.better { color: #1d6b3a; font-weight: 600 }
.worse { color: #b3261e; font-weight: 600 }
svg { width: 100%; min-width: 600px; height: auto; display: block }
svg text { font-size: 11px; fill: #555 }
.grid { stroke: #e4e4e4 }
.zero { stroke: #777 }
p.legend { margin: 0 }
p.legend span { margin-right: 1.2rem }
p.legend svg { width: 28px; min-width: 28px; display: inline; vertical-align: middle }
"""
#: What is drawn as differences.
DRAWN: Final = ("service_level", "wait_mean_s", "wait_p90_s", "abandoned_share")
#: (figure of the course, title, unit, where the axis ends)
COURSES: Final = (
    ("wait_mean_s", "Mean wait of those who came in the half-hour", "s", None),
    ("service_level", "Service level by half-hour", "%", 100.0),
    ("occupancy", "Occupancy", "%", 100.0),
    ("arrivals", "Arrivals by half-hour", "", None),
)


def page(outcome: Outcome) -> str:
    """The whole page."""
    names = outcome.configurations
    title = " or ".join(names) if len(names) > 1 else names[0]
    body = [f"<h1>What if: {escape(title)}?</h1>", f"<p>{escape(_in_short(outcome))}</p>"]
    if outcome.differences is not None:
        body += [f"<p>{escape(headline(outcome))}</p>", "<h2>What differs</h2>", *_gaps(outcome)]
    body += ["<h2>The day</h2>", f'<p class="legend">{legend(names)}</p>', *_courses(outcome)]
    body += ["<h2>Figures</h2>", *_tables(outcome), "<h2>What was assumed</h2>", _assumed(outcome), *_judged(outcome)]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(f'What if: {title}')}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def headline(outcome: Outcome) -> str:
    """The second configuration against the first in one sentence."""
    assert outcome.differences is not None
    everybody, second = outcome.differences[EVERYBODY], outcome.configurations[1]
    told = []
    for measure in MEASURES:
        if measure.name in DRAWN and measure.name in everybody:
            gap = everybody[measure.name]
            sure = "" if gap.verdict == "no difference shown" else f" ({change(gap, measure)})"
            told.append(f"{measure.title}: {gap.verdict}{sure}")
    return f"{second}: {'; '.join(told)}."


def change(gap: Difference, measure: Measure) -> str:
    """A difference with its interval."""
    unit = f" {measure.unit.replace('%', 'points')}" if measure.unit else ""
    if gap.mean is None:
        return "-"
    between = f", {number(gap.low, True)} to {number(gap.high, True)}" if gap.low is not None else ""
    return f"{number(gap.mean, True)}{unit}{between}"


def number(value: float | None, signed: bool = False) -> str:
    """A figure for people."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1_000 else 1 if abs(value) >= 100 else 2
    return f"{value:{'+' if signed else ''},.{digits}f}"


def _in_short(outcome: Outcome) -> str:
    share = f"{100 * outcome.confidence:g} % intervals"
    return f"{outcome.customers:,} customers in {outcome.replications} replications of {outcome.arrivals}; {share}."


def _gaps(outcome: Outcome) -> Iterator[str]:
    assert outcome.differences is not None
    for measure in (measure for measure in MEASURES if measure.name in DRAWN):
        rows: dict[str, Reading] = {}
        verdicts: dict[str, str] = {}
        for group, gaps in outcome.differences.items():
            gap = gaps.get(measure.name)
            if gap is not None:
                rows[group_name(group)] = (gap.mean, gap.low, gap.high)
                verdicts[group_name(group)] = gap.verdict
        unit = "percentage points" if measure.unit == "%" else measure.unit
        yield f"<h3>{escape(measure.title.capitalize())}, difference ({escape(unit)})</h3>"
        yield f'<div class="wide">{gap_svg(GapPlot(measure.title, unit, rows, verdicts))}</div>'


def _courses(outcome: Outcome) -> Iterator[str]:
    times = tuple(dict.fromkeys(time for course in outcome.course for time in course))
    for name, title, unit, most in COURSES:
        lines = {
            configuration: [_reading(course[time][name]) if time in course else (None, None, None) for time in times]
            for configuration, course in zip(_apart(outcome.configurations), outcome.course, strict=True)
        }
        yield f"<h3>{escape(title)}{f' ({escape(unit)})' if unit else ''}</h3>"
        yield f'<div class="wide">{day_svg(DayPlot(title, unit, times, lines, most))}</div>'


def _apart(names: list[str]) -> list[str]:
    return [f"{index} {name}" for index, name in enumerate(names)]


def _reading(of: Estimate) -> Reading:
    return (of.mean, of.low, of.high)


def _tables(outcome: Outcome) -> Iterator[str]:
    for group in dict.fromkeys(group for figures in outcome.figures for group in figures):
        heads = "".join(f'<th class="n">{escape(name)}</th>' for name in outcome.configurations)
        if outcome.differences is not None:
            heads += '<th class="n">difference</th><th></th>'
        rows = "".join(_row(outcome, group, measure) for measure in MEASURES)
        yield f"<h3>{escape(group_name(group))}</h3>"
        yield f'<div class="wide"><table><tr><th></th>{heads}</tr>{rows}</table></div>'


def _row(outcome: Outcome, group: str, measure: Measure) -> str:
    found = [figures.get(group, {}).get(measure.name) for figures in outcome.figures]
    if not any(found):
        return ""
    cells = "".join(f'<td class="n">{_cell(one)}</td>' for one in found)
    if outcome.differences is not None:
        gap = outcome.differences.get(group, {}).get(measure.name)
        cells += f'<td class="n">{escape(change(gap, measure)) if gap else "-"}</td>'
        verdict = gap.verdict if gap else ""
        cells += f'<td class="{escape(verdict.split(" ")[0])}">{escape(verdict)}</td>'
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"<tr><td>{escape(measure.title + unit)}</td>{cells}</tr>"


def _cell(one: Estimate | None) -> str:
    if one is None or one.mean is None:
        return "-"
    if one.low is None:
        return number(one.mean)
    return f"{number(one.mean)} <small>{number(one.low)} to {number(one.high)}</small>"


def group_name(group: str) -> str:
    """A group of customers, for people."""
    return "everybody" if group == EVERYBODY else group.replace(":", " ")


def _assumed(outcome: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{escape(what.replace('_', ' '))}</td><td>{escape(how)}</td></tr>" for what, how in outcome.assumed.items()
    )
    return f"<table>{rows}<tr><td>seed</td><td>{outcome.seed}</td></tr></table>"


def _judged(outcome: Outcome) -> Iterator[str]:
    yield "<h2>Judged</h2>"
    if not outcome.judged:
        yield "<p>The invariants were not judged.</p>"
    elif not outcome.violations:
        yield "<p>No invariant was broken.</p>"
    told = [*outcome.violations, *(f"refused: {detail}" for detail in outcome.refusals), *outcome.warnings]
    for name, count in zip(outcome.configurations, outcome.unserved, strict=True):
        if count:
            told.append(f"{name}: {count} customers were served by nobody within a day of the last arrival")
    if told:
        yield "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in told) + "</ul>"

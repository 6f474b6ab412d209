"""A study's outcome as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.whatif.intervals import Estimate
from cluster.whatif.measures import EVERYBODY, MEASURES
from cluster.whatif.report import change, group_name, headline, number
from cluster.whatif.study import Outcome

#: What each queue and channel is told of in one line.
SHORT = ("arrivals", "abandoned_share", "service_level", "asa_s", "wait_p90_s", "rona")


def in_words(outcome: Outcome) -> str:
    """The outcome for people."""
    lines = [
        f"{outcome.customers:,} customers, {outcome.replications} replications of {outcome.arrivals}, {outcome.seconds:g} s "
        f"({outcome.customers_per_s:,.0f} customers a second of processor time)",
        "",
        *_everybody(outcome),
        "",
        *_groups(outcome),
    ]
    if outcome.differences is not None:
        lines += ["", headline(outcome)]
    return "\n".join([*lines, "", *_judged(outcome)])


def _everybody(outcome: Outcome) -> Iterator[str]:
    heads = "".join(f"{_cut(name):>30}" for name in outcome.configurations)
    yield f"{'everybody':28}{heads}" + (f"{'difference':>32}" if outcome.differences is not None else "")
    for measure in MEASURES:
        found = [figures[EVERYBODY].get(measure.name) for figures in outcome.figures]
        line = f"{measure.title + (f' ({measure.unit})' if measure.unit else ''):28}" + "".join(
            f"{_told(one):>30}" for one in found
        )
        if outcome.differences is not None and (gap := outcome.differences[EVERYBODY].get(measure.name)) is not None:
            line += f"{change(gap, measure):>32}  {gap.verdict}"
        yield line


def _groups(outcome: Outcome) -> Iterator[str]:
    for name, figures in zip(outcome.configurations, outcome.figures, strict=True):
        yield f"{_cut(name):28}" + "".join(f"{title:>17}" for title in SHORT)
        for group, found in figures.items():
            if group != EVERYBODY:
                cells = (found[figure].mean if figure in found else None for figure in SHORT)
                yield f"  {group_name(group):26}" + "".join(f"{number(cell):>17}" for cell in cells)


def _judged(outcome: Outcome) -> Iterator[str]:
    if not outcome.judged:
        yield "invariants were not judged"
    else:
        yield f"{len(outcome.violations)} violations" if outcome.violations else "no invariant was broken"
    yield from (f"  {line}" for line in outcome.violations)
    yield from (f"refused: {line}" for line in dict.fromkeys(outcome.refusals))
    for name, count in zip(outcome.configurations, outcome.unserved, strict=True):
        if count:
            yield f"{name}: {count} customers were served by nobody within a day of the last arrival"
    yield from outcome.warnings


def _told(one: Estimate | None) -> str:
    if one is None or one.mean is None:
        return "-"
    return number(one.mean) + (f" ({number(one.low)} to {number(one.high)})" if one.low is not None else "")


def _cut(name: str) -> str:
    return name if len(name) <= 27 else "…" + name[-26:]

"""Whether a run's figures are what its scenario asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.load.scenario import Objective


@dataclass(frozen=True, slots=True)
class Verdict:
    """One objective and what it was; `found` is None for a figure that the run does not have."""

    figure: str
    wanted: str
    found: float | None
    met: bool


def judge_objectives(objectives: Mapping[str, Objective | float], figures: Mapping[str, float]) -> list[Verdict]:
    """Hold figures against objectives. A figure that is missing is not met: nothing passes because it was not measured."""
    return [_judge(name, _bounds(objective), figures.get(name)) for name, objective in objectives.items()]


def _bounds(objective: Objective | float) -> Objective:
    return objective if isinstance(objective, Objective) else Objective(at_most=objective)


def _judge(name: str, bounds: Objective, found: float | None) -> Verdict:
    wanted = []
    met = found is not None
    if bounds.at_least is not None:
        wanted.append(f"at least {bounds.at_least:g}")
        met = met and found is not None and found >= bounds.at_least
    if bounds.at_most is not None:
        wanted.append(f"at most {bounds.at_most:g}")
        met = met and found is not None and found <= bounds.at_most
    return Verdict(name, " and ".join(wanted), found, met)

"""Skill-based centres small enough to be solved exactly: who comes, who serves whom, in mean handling times.

The default policy (first come, first served, by the longest idle) has a product form for each; the best possible policy is
found by value iteration. The letters follow Garnett and Mandelbaum's pictures of classes over agents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.simulator.theory import SkillBased, n_model

#: What each model is, in one line.
NAMES: Final[Mapping[str, str]] = {
    "n": "agent 1 serves a, agent 2 a and b",
    "team": "three agents serve a, a fourth a and b; b keeps that one busy",
    "m": "agent 1 serves a, agent 3 b, agent 2 both",
    "w": "agent 1 serves a and b, agent 2 b and c",
    "tower": "agent 1 serves a, agent 2 a and b, agent 3 a, b and c",
    "ring": "agent 1 serves a and b, agent 2 b and c, agent 3 c and a",
}


def skill_model(name: str) -> SkillBased:
    """The model of this name, with rates in arrivals per mean handling time.

    Raises:
        ValueError: there is none.
    """
    match name:
        case "n":
            return n_model(1.0, 0.4)
        case "team":
            return _model({"a": 1.8, "b": 0.8}, "a", "a", "a", "ab")
        case "m":
            return _model({"a": 0.9, "b": 0.6}, "a", "ab", "b")
        case "w":
            return _model({"a": 0.3, "b": 0.7, "c": 0.3}, "ab", "bc")
        case "tower":
            return _model({"a": 1.1, "b": 0.6, "c": 0.3}, "a", "ab", "abc")
        case "ring":
            return _model({"a": 0.9, "b": 0.7, "c": 0.5}, "ab", "bc", "ca")
        case _:
            raise ValueError(f"there is no model {name}; there are {', '.join(NAMES)}")


def _model(rates: dict[str, float], *serves: str) -> SkillBased:
    agents = {str(number): frozenset(kinds) for number, kinds in enumerate(serves, 1)}
    return SkillBased(rates, dict.fromkeys(agents, 1.0), agents)

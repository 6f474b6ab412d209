"""Decisions in words: why an agent was chosen, who came next, and what would have changed it.

Keeps: every word follows from the figures that the decision was made with; nothing is computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from actors.address import Address, name_of
from actors.messages.router import AgentReason
from actors.routing.strategy import LONGEST_IDLE, SCORE
from actors.values import Requirement, Why

TOGETHER = "the best for all who waited and were free together"


class Measure(StrEnum):
    """What a strategy went by; the comment says what its amount is."""

    IDLE = "idle"  # for so many ms, serving nobody
    SERVING = "serving"  # somebody already, and last free so many ms ago
    CAPACITY = "capacity"  # percent of it taken
    ASKED = "asked"  # last so many ms ago; -1: never
    HANDLED = "handled"  # interactions lately, as a logarithm of a faded count; 0: none
    TALKED = "talked"  # time with customers lately, in the same way
    LEVEL = "level"  # in a top-down list
    POSITION = "position"  # in it
    LEVELS = "levels"  # sum of skill levels
    SCORE = "score"  # of the queue's expression
    LOT = "lot"  # nothing
    KINDS = "kinds"  # of work that the agent serves


class Finding(NamedTuple):
    """One figure that told agents apart."""

    measure: Measure
    amount: float = 0


def findings(choice: str, score: Sequence[float], now: int, reserving: bool = False) -> tuple[Finding, ...]:
    """Where a strategy saw one agent; empty when nothing was kept.

    Args:
        choice: The queue's strategy; empty is the longest idle.
        score: The strategy's key of the agent.
        now: When it was decided (ms since the epoch).
        reserving: By the reserve policy, whose part of the key comes first.
    """
    if not score:
        return ()
    if reserving:
        return (Finding(Measure.KINDS, score[0]), *findings(choice, score[1:], now))
    match SCORE if choice.startswith(SCORE) else choice or LONGEST_IDLE:
        case "=":
            return (Finding(Measure.SCORE, -score[0]),)
        case "longest_idle":
            return (_idle(score, now),)
        case "least_loaded":
            return (Finding(Measure.CAPACITY, score[1] / 10),)
        case "round_robin":
            return (Finding(Measure.ASKED, max(now - score[1], 0) if score[1] else -1),)
        case "fewest_interactions" | "least_talk_time":
            return (Finding(Measure.TALKED if choice == "least_talk_time" else Measure.HANDLED, score[1]),)
        case "top_down":
            return (Finding(Measure.LEVEL, score[0]), Finding(Measure.POSITION, score[1]))
        case "tiers":
            return (Finding(Measure.LEVEL, score[0]), _idle(score[1:], now))
        case "random" | "weighted":
            return (Finding(Measure.LOT),)
        case "most_proficient":
            return (Finding(Measure.LEVELS, -score[0]), _idle(score[1:], now))
    return ()


def standing(choice: str, score: Sequence[float], now: int, reserving: bool = False) -> str:
    """The same in words, such as `idle for 31 s`."""
    return ", ".join(map(_words, findings(choice, score, now, reserving)))


def _words(found: Finding) -> str:
    amount = found.amount
    match found.measure:
        case Measure.IDLE:
            return f"idle for {amount / 1000:.1f} s"
        case Measure.SERVING:
            return f"serving already, last free {amount / 1000:.1f} s ago"
        case Measure.CAPACITY:
            return f"{amount:g} % of capacity taken"
        case Measure.ASKED:
            return "last asked never" if amount < 0 else f"last asked {amount / 1000:.1f} s ago"
        case Measure.HANDLED:
            return f"interactions lately at {amount:.3f}" if amount else "no interactions lately"
        case Measure.TALKED:
            return f"talk lately at {amount:.3f}" if amount else "no talk lately"
        case Measure.LEVEL:
            return f"level {amount:g}"
        case Measure.POSITION:
            return f"position {amount:g}"
        case Measure.LEVELS:
            return f"levels of {amount:g} in all"
        case Measure.SCORE:
            return f"score {amount:g}"
        case Measure.LOT:
            return "by lot"
        case Measure.KINDS:
            return f"serves {amount:g} kinds of work"


def why(
    choice: str, rings: int, candidates: int, ring: int, score: Sequence[float], next_best: str, next_ring: int,
    next_score: Sequence[float], now: int, reserving: bool = False,
) -> str:  # fmt: skip
    """Why one agent was chosen, in a sentence; empty when the decision kept no figures.

    Args:
        rings: How many rings were open.
        candidates: How many agents were free.
        ring: The chosen agent's ring, from 0.
        next_best: The runner-up's name; empty when there was none.
        reserving: By the reserve policy: the most specialised of the free agents goes first.
    """
    if not candidates:
        return ""
    name = "highest score" if choice.startswith(SCORE) else (choice or LONGEST_IDLE).replace("_", " ")
    name = f"most specialised, then {name}" if reserving else name
    found = standing(choice, score, now, reserving)
    parts = [f"{name} of {candidates} free" + (f" ({found})" if found else "")]
    if rings > 1:
        parts.append(f"in ring {ring + 1} of {rings}")
    if not next_best:
        parts.append("nobody else could have been asked")
    elif next_ring > ring:
        parts.append(f"{next_best} came next, in ring {next_ring + 1}, asked only when nobody nearer is free")
    else:
        follows = standing(choice, next_score, now, reserving)
        parts.append(f"{next_best} came next" + (f" ({follows})" if follows and follows != "by lot" else ""))
    return "; ".join(parts)


def why_in_words(decided: Why) -> str:
    """Why one agent was chosen, as the decision was kept."""
    if decided.together:
        return TOGETHER
    runner_up = name_of(decided.runner_up) if decided.runner_up else ""
    return why(
        decided.choice, decided.rings, decided.candidates, decided.ring, decided.score, runner_up,
        decided.runner_up_ring, decided.runner_up_score, decided.decided_at, decided.reserving,
    )  # fmt: skip


def asked(requirement: Requirement) -> str:
    """What one ring asks of an agent, such as `cards 3, english 2`; `nothing` when any of the queue's agents will do."""
    parts = [f"{need.skill} {need.level}" for need in requirement.skills]
    if requirement.where:
        parts.append(requirement.where)
    if requirement.agent:
        parts.append(f"only {name_of(Address(requirement.agent)) or requirement.agent}")
    if requirement.queues:
        parts.append(f"agents of {', '.join(map(name_of, requirement.queues))}")
    if requirement.delay_ms:
        parts.append(f"agents with a delay of up to {requirement.delay_ms / 1000:g} s")
    return ", ".join(parts) or "nothing"


#: Why an agent is not asked, in words.
REASONS = {
    AgentReason.FREE: "free",
    AgentReason.BACKED_OFF: "said no to it lately, or is being asked",
    AgentReason.BUSY: "has no room for it",
    AgentReason.UNAVAILABLE: "is not available",
    AgentReason.DELAYED: "gets it only after a longer wait",
    AgentReason.UNABLE: "lacks what it asks for",
    AgentReason.ELSEWHERE: "serves other queues",
}


def _idle(score: Sequence[float], now: int) -> Finding:
    return Finding(Measure.SERVING if score[0] else Measure.IDLE, max(now - score[1], 0))

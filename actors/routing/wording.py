"""Decisions in words: why an agent was chosen, who came next, and what would have changed it.

Keeps: every word follows from the figures that the decision was made with; nothing is computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.address import Address, name_of
from actors.messages.router import AgentReason
from actors.routing.strategy import LONGEST_IDLE, SCORE
from actors.values import Requirement


def standing(choice: str, score: Sequence[float], now: int, reserving: bool = False) -> str:
    """Where a strategy saw one agent, such as `idle for 31 s`; empty when nothing was kept.

    Args:
        choice: The queue's strategy; empty is the longest idle.
        score: The strategy's key of the agent.
        now: When it was decided (ms since the epoch).
        reserving: By the reserve policy, whose part of the key comes first.
    """
    if reserving or not score:
        return f"serves {score[0]:g} kinds of work, {standing(choice, score[1:], now)}" if score else ""
    if choice.startswith(SCORE):
        return f"score {-score[0]:g}"
    match choice or LONGEST_IDLE:
        case "longest_idle":
            return _idle(score, now)
        case "least_loaded":
            return f"{score[1] / 10:g} % of capacity taken"
        case "round_robin":
            return f"last asked {_ago(score[1], now)}"
        case "fewest_interactions":
            return "no interactions lately" if not score[1] else f"interactions lately at {score[1]:.3f}"
        case "least_talk_time":
            return "no talk lately" if not score[1] else f"talk lately at {score[1]:.3f}"
        case "top_down":
            return f"level {score[0]:g}, position {score[1]:g}"
        case "tiers":
            return f"level {score[0]:g}, {_idle(score[1:], now)}"
        case "random" | "weighted":
            return "by lot"
        case "most_proficient":
            return f"levels of {-score[0]:g} in all, {_idle(score[1:], now)}"
    return ""


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


def _idle(score: Sequence[float], now: int) -> str:
    idle = f"idle for {max(now - score[1], 0) / 1000:.1f} s"
    return f"serving already, last free {max(now - score[1], 0) / 1000:.1f} s ago" if score[0] else idle


def _ago(instant: float, now: int) -> str:
    return f"{max(now - instant, 0) / 1000:.1f} s ago" if instant else "never"

"""How an agent is chosen among those who may serve: each strategy ranks agents by a key that time does not change.

Keeps: the least key goes first; keys of one strategy have one length; equal agents fall to their address, so every
choice can be repeated. Recent work counts by fading: an interaction counts 1 when it ends and 1/e one window later.
Since all counts of a window fade alike, the logarithm of the count plus t / window orders agents the same for ever.

Sources: Asterisk app_queue (ringall, leastrecent, fewestcalls, random, rrmemory, linear, wrandom), FreeSWITCH
mod_callcenter (tiers, top-down, agent-with-least-talk-time), Twilio TaskRouter and Azure Job Router (longest idle, round
robin, best worker by score).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, log
from typing import Final

from actors.messages.centre import Membership
from actors.routing.expression import Qualities, compiled
from actors.values import Form

LONGEST_IDLE: Final = "longest_idle"
#: What a custom score begins with; the expression follows.
SCORE: Final = "="

Key = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One agent at the moment of choice. `load` counts what they hold, with proposals that nobody has answered yet."""

    qualities: Qualities
    membership: Membership
    load: int
    claims: int
    idle_since: int
    busy_permille: int
    form: Form


def longest_idle(agent: Standing) -> Key:
    """Who serves nobody before who does; then whoever has waited longest for work."""
    return (agent.load > 0, agent.idle_since)


def least_loaded(agent: Standing) -> Key:
    """The least share of capacity taken; then the longest idle."""
    return (agent.claims, agent.busy_permille, agent.idle_since)


def round_robin(agent: Standing) -> Key:
    """Whoever was offered something longest ago, taken or not."""
    return (agent.claims, agent.form.offered_at)


def fewest_interactions(agent: Standing) -> Key:
    """The fewest interactions lately; then the longest idle."""
    return (agent.claims, agent.form.handled, agent.idle_since)


def least_talk_time(agent: Standing) -> Key:
    """The least time with customers lately; then the longest idle."""
    return (agent.claims, agent.form.talked, agent.idle_since)


def top_down(agent: Standing) -> Key:
    """The lowest level that has anybody free, and in it the first position: the list is begun from the top each time."""
    return (agent.membership.level, agent.membership.position, agent.claims)


def tiers(agent: Standing) -> Key:
    """The lowest level that has anybody free, and in it the longest idle."""
    return (agent.membership.level, *longest_idle(agent))


def at_random(agent: Standing) -> Key:
    """By lot, drawn anew after each offer."""
    return (agent.claims, lot(agent))


def weighted(agent: Standing) -> Key:
    """By lot, in proportion to weights: the first of exponential times whose rates are the weights (Efraimidis, 2006)."""
    return (agent.claims, -log(lot(agent)) / max(agent.membership.weight, 1e-9))


def most_proficient(agent: Standing) -> Key:
    """The highest sum of skill levels; then the longest idle."""
    return (-sum(agent.qualities.skills.values()), *longest_idle(agent))


STRATEGIES: Final[Mapping[str, Callable[[Standing], Key]]] = {
    LONGEST_IDLE: longest_idle,
    "least_loaded": least_loaded,
    "round_robin": round_robin,
    "fewest_interactions": fewest_interactions,
    "least_talk_time": least_talk_time,
    "top_down": top_down,
    "tiers": tiers,
    "random": at_random,
    "weighted": weighted,
    "most_proficient": most_proficient,
}


def ranked_by(choice: str) -> Callable[[Standing], Key]:
    """The strategy that a queue names: one of `STRATEGIES`, or `=` and a score expression, highest first.

    Raises:
        LookupError: there is no such strategy.
    """
    if not choice.startswith(SCORE):
        return STRATEGIES[choice or LONGEST_IDLE]
    score = compiled(choice.removeprefix(SCORE)).score
    return lambda agent: (-score(agent.qualities), *longest_idle(agent))


def lot(agent: Standing) -> float:
    """A number above 0 and at most 1 that looks random, and is the same whenever this offer is thought of again."""
    drawn = blake2b(f"{agent.qualities.agent}/{agent.form.offers}".encode(), digest_size=7).digest()
    return (int.from_bytes(drawn, "big") + 1) / 2**56


def faded(count: float, more: float, now: int, window_ms: int) -> float:
    """Add to a faded count, kept as ln(count) + t / window; 0 is an agent who has done nothing.

    Args:
        more: How much happened now, above 0.
    """
    shift = now / window_ms
    before = exp(count - shift) if count else 0.0
    return log(before + more) + shift

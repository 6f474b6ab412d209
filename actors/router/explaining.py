"""Explains what the router would do for an interaction now, agent by agent.

Keeps: it asks the matching itself and changes nothing; an agent is named with the one reason that comes first.
"""

from __future__ import annotations

from collections import Counter

from actors.address import name_of
from actors.messages.router import AgentReason, RouteExplained, Verdict, Waiting
from actors.router.matching import Matching
from actors.router.pools import Candidate, Pool, pool_key
from actors.routing import order, wording
from actors.routing.eligibility import satisfies
from actors.routing.strategy import LONGEST_IDLE, ranked_by

#: So many agents are named; the others are counted by reason.
MOST_NAMED = 100


def explained(matching: Matching, waiting: Waiting, now: int) -> RouteExplained:
    """Who would get this interaction now, and why everybody else would not.

    Args:
        waiting: One that waits, or one that might come; the latter stands behind those of equal points.
        now: Instant (ms since the epoch).
    """
    pool = Pool(pool_key(waiting))
    reserving = matching.reserve is not None
    verdicts = [_verdict(agent, pool, waiting, now, reserving) for agent in matching.agents.values()]
    ranked = sorted((verdict for verdict in verdicts if verdict.reason is AgentReason.FREE), key=_rank)
    others = [verdict for verdict in verdicts if verdict.reason is not AgentReason.FREE]
    counts = Counter(verdict.reason.value for verdict in verdicts)
    closest = sorted(others, key=lambda verdict: (list(AgentReason).index(verdict.reason), verdict.agent))
    named = (*ranked, *closest)[:MOST_NAMED]
    rings = tuple(map(wording.asked, waiting.rings))
    waits = waiting.interaction in matching.waiting
    return RouteExplained(waits, _ahead(matching, waiting, now), rings, waiting.choice or LONGEST_IDLE, named, dict(counts))


def _rank(verdict: Verdict) -> tuple[int, tuple[float, ...], str]:
    return (verdict.ring, verdict.score, verdict.agent)


def _verdict(agent: Candidate, pool: Pool, waiting: Waiting, now: int, reserving: bool) -> Verdict:
    name, ring = name_of(agent.address), pool.ring(agent)
    if ring is None:
        reason = _unable(agent, waiting)
        return Verdict(name, reason, words=wording.REASONS[reason])
    key = ranked_by(waiting.choice)(agent.standing(agent.membership(pool)))
    score = tuple(map(float, (agent.breadth, *key) if reserving else key))
    if agent.address in waiting.not_agents:
        reason = AgentReason.BACKED_OFF
    elif agent.has_room(waiting.channel, waiting.requirement.labels):
        reason = AgentReason.FREE
    else:
        reason = AgentReason.BUSY if agent.room or agent.load or agent.claims else AgentReason.UNAVAILABLE
    standing = wording.standing(waiting.choice, score, now, reserving) if reason is not AgentReason.UNAVAILABLE else ""
    words = wording.REASONS[reason]
    return Verdict(name, reason, ring, score, f"{words}: {standing}" if standing else words)


def _unable(agent: Candidate, waiting: Waiting) -> AgentReason:
    """Why no open ring takes an agent."""
    queues = {queue for ring in waiting.rings for queue in ring.queues or (waiting.queue,)}
    if not queues.intersection(agent.memberships):
        return AgentReason.ELSEWHERE
    if any(satisfies(agent.qualities, ring) for ring in waiting.rings):
        return AgentReason.DELAYED
    return AgentReason.UNABLE


def _ahead(matching: Matching, waiting: Waiting, now: int) -> int:
    """How many that ask the same, or anything of the same queue, go first."""

    def points(one: Waiting) -> tuple[bool, int, order.Place]:
        lacked = order.lacked(one.priority, one.ageing, one.enqueued_at, now)
        return (one.further, lacked, order.place(one.priority, one.ageing, one.lifo, one.enqueued_at, one.interaction))

    mine = points(waiting)
    return sum(one.queue == waiting.queue and points(one) < mine for one in matching.waiting.values())

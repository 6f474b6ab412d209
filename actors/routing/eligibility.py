"""Whether an agent may serve an interaction, and how willingly: the first ring of its requirement that they meet.

Keeps: an inner ring is always preferred; whoever meets no ring is never asked (I6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.address import Address
from actors.messages.centre import Membership
from actors.routing.expression import Qualities, compiled
from actors.values import Requirement


def satisfies(qualities: Qualities, requirement: Requirement) -> bool:
    """Whether the agent is whom it asks for, with every skill at its level, and its expression is true of them."""
    if requirement.agent not in ("", qualities.agent):
        return False
    skills = qualities.skills
    if not all(skills.get(asked.skill, 0) >= asked.level for asked in requirement.skills):
        return False
    return not requirement.where or compiled(requirement.where).holds(qualities)


def ring_of(
    qualities: Qualities,
    memberships: Mapping[Address, Sequence[Membership]],
    queue: Address,
    channel: str,
    rings: Sequence[Requirement],
) -> int | None:
    """The innermost ring that takes this agent, counted from 0; None when no open ring does.

    Args:
        memberships: Queue -> how the agent serves it, where not like every other.
        queue: Where the interaction waits.
        rings: Its requirements in force, innermost first.
    """
    for number, requirement in enumerate(rings):
        for served in requirement.queues or (queue,):
            membership = membership_of(memberships, served, channel)
            if membership is not None and membership.delay_ms <= requirement.delay_ms and satisfies(qualities, requirement):
                return number
    return None


def membership_of(memberships: Mapping[Address, Sequence[Membership]], queue: Address, channel: str) -> Membership | None:
    """How an agent serves a queue over a channel; None when they do not serve it."""
    special = memberships.get(queue)
    if special is None:
        return None
    for membership in special:
        if membership.channel in (channel, ""):
            return membership
    return Membership(queue)

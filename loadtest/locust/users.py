"""How many Locust users a plan has: for each role as many as there are workers, and one for the administrators."""

from __future__ import annotations

from loadtest.load.part import ROLES
from loadtest.load.plan import Plan


def users_by_role(plan: Plan) -> dict[str, int]:
    """Role to number of users."""
    scenario = plan.scenario
    roles = [role for role in ROLES if role != "voice" or scenario.customers.voice_share]
    return {role: 1 if role == "admin" else scenario.workers for role in roles}


def users_of(plan: Plan) -> int:
    """All of them."""
    return sum(users_by_role(plan).values())

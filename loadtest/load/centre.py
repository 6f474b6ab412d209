"""The contact centre that a scenario needs: its agents, one queue for chats and one for calls.

Kept: passwords are hashed as weakly as argon2 allows. They protect nobody, and two thousand agents who sign in before a
run must not cost a minute of both cores.
"""

from __future__ import annotations

from typing import Final

import argon2
import yaml

from loadtest.load.scenario import Scenario

GROUP: Final = "load"
PASSWORD: Final = "trunkline-load"  # noqa: S105  # of the load's own agents
CHAT: Final = "webchat"
VOICE: Final = "voice"


def centre_of(scenario: Scenario) -> str:
    """The centre's YAML."""
    agents = scenario.agents
    queue = {"wrap_up_s": agents.wrap_up_s, "offer_timeout_s": 30, "hours": "always"}
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return yaml.safe_dump(
        {
            "version": 1,
            "name": "Load",
            "timezone": "UTC",
            "queues": {"load-chat": {"name": "Chats", **queue}, "load-voice": {"name": "Calls", **queue}},
            "routing_profiles": {
                GROUP: {
                    "queues": ["load-chat", "load-voice"],
                    "capacity": {CHAT: agents.capacity, VOICE: agents.capacity},
                    "capacity_total": agents.capacity,
                }
            },
            "agents": {
                GROUP: {
                    "count": agents.count,
                    "name": "Load agent",
                    "routing_profile": GROUP,
                    "password_hash": hasher.hash(PASSWORD),
                }
            },
            "channels": {
                CHAT: {"retention_s": 60, "entry_points": {"default": {"queue": "load-chat"}}},
                VOICE: {"retention_s": 60, "entry_points": {"default": {"queue": "load-voice"}}},
            },
            "dispositions": {"done": "Done"},
        },
        sort_keys=False,
    )


def agents_of(scenario: Scenario) -> list[str]:
    """The agents' ids, as the configuration numbers a group."""
    count = scenario.agents.count
    width = max(2, len(str(count)))
    return [f"{GROUP}-{number:0{width}d}" for number in range(1, count + 1)]

"""A contact centre's YAML as a simulated centre needs it: what actors are told, and what edges know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from actors.messages.centre import CentrePlan
from cluster.config.compile import compile_centre
from cluster.config.edge import EdgeCentre
from cluster.config.load import load_centre, read_text
from cluster.config.problems import Problem
from cluster.config.schema import numbered
from cluster.whatif.arrivals import Door


@dataclass(frozen=True)
class CentreFile:
    """One configuration. Passwords are not hashed: nobody signs in by them."""

    name: str
    plan: CentrePlan
    #: Ids of agents and groups as written, with the agents that they stand for.
    groups: dict[str, list[str]] = field(default_factory=dict, compare=False)
    warnings: list[Problem] = field(default_factory=list, compare=False)

    @classmethod
    def read(cls, path: Path) -> CentreFile:
        """Read and check a configuration.

        Raises:
            ConfigProblems: it cannot be used; says where and why.
        """
        return cls.parsed(read_text(path), str(path))

    @classmethod
    def parsed(cls, text: str, name: str) -> CentreFile:
        """The configuration in a text, which problems call by this name.

        Raises:
            ConfigProblems: it cannot be used.
        """
        loaded = load_centre(text, name)
        plan = compile_centre(loaded.centre, hasher=lambda _: "")
        groups = {
            agent_id: [numbered(agent_id, number, agent.count) for number in range(1, agent.count + 1)]
            if agent.count
            else [agent_id]
            for agent_id, agent in loaded.centre.agents.items()
        }
        warnings = [problem for problem in loaded.warnings if "plain text" not in problem.problem]
        return cls(name, plan, groups, warnings)

    @cached_property
    def edge(self) -> EdgeCentre:
        """Doors, hours and targets."""
        return EdgeCentre.parse(self.plan.edge)

    @property
    def doors(self) -> list[Door]:
        """Every entry point, in order."""
        return sorted(Door(channel, entry) for channel, entries in self.edge.channels.items() for entry in entries)

    @property
    def queues(self) -> list[str]:
        """Queue ids, as configured."""
        return list(self.plan.queues)

    @property
    def channels(self) -> list[str]:
        """Channels, as configured."""
        return list(self.edge.channels)

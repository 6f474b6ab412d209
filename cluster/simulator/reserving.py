"""The router's reserve policy as a chain follows it: the same functions, on a model's classes and agents."""

from __future__ import annotations

from collections.abc import Sequence

from actors.routing.reserve import ClassView, Side, choose, holds_back
from actors.routing.reserve import most_held as most_held_of
from cluster.simulator.chain import Line
from cluster.simulator.theory import SkillBased


class Reserving:
    """Narrow agents first, narrow classes first, and the last free generalist held back.

    Args:
        model: Who comes and who serves whom. Where head starts would matter, they are without limit.
    """

    def __init__(self, model: SkillBased) -> None:
        self.model = model
        self.kinds = list(model.arrival_rates)
        serves = list(model.serves.values())
        self.members = [frozenset(at for at, served in enumerate(serves) if kind in served) for kind in self.kinds]
        self.breadths = [len(served) for served in serves]
        self.serves = [[at for at, kind in enumerate(self.kinds) if kind in served] for served in serves]
        self.held = [[self._held(agent, kind) for kind in range(len(self.kinds))] for agent in range(len(serves))]

    @property
    def most_held(self) -> tuple[int, ...]:
        """For each agent, how many they leave waiting at most, as the router's configuration has it."""
        return tuple(max(held) for held in self.held)

    @property
    def is_default(self) -> bool:
        """Whether nobody and nothing is narrower, so that it does what the default policy does."""
        kinds = range(len(self.kinds))
        return len(set(self.breadths)) == 1 and not any(self._nested(one, other) for one in kinds for other in kinds)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The classes of which some agent has to know which came first: those served by one, neither narrower."""
        groups: list[set[int]] = []
        for served in self.serves:
            for one in served:
                equals = {other for other in served if other != one and not self._nested(one, other)}
                if equals:
                    touched = [group for group in groups if group & (equals | {one})]
                    groups = [group for group in groups if group not in touched]
                    groups.append(equals.union({one}, *touched))
        return tuple(tuple(self.kinds[kind] for kind in sorted(group)) for group in groups)

    def match(self, idle: tuple[int, ...], waiting: tuple[int, ...], lines: Sequence[Line]) -> tuple[int, int] | None:
        """The next match, as the router would make it."""
        came_at = [0] * len(waiting)
        for line in lines:
            for kind in set(line):
                came_at[kind] = line.index(kind)
        for agent in sorted(idle, key=lambda agent: (self.breadths[agent], idle.index(agent))):
            wanted = [kind for kind in self.serves[agent] if waiting[kind]]
            classes = [kind for kind in wanted if not self._holds_back(agent, kind, idle, waiting)]
            if classes:
                classes.sort(key=came_at.__getitem__)
                views = [ClassView(self.members[kind], 0, came_at[kind]) for kind in classes]
                return agent, classes[choose(views, None)]
        return None

    def _holds_back(self, agent: int, kind: int, idle: tuple[int, ...], waiting: tuple[int, ...]) -> bool:
        narrow = self._narrow_agents(agent, kind)
        last_free = not any(other in narrow for other in idle if other != agent)
        busy = any(other not in idle for other in self._specialists(agent, kind))
        return holds_back(waiting[kind], self.held[agent][kind], last_free, busy)

    def _specialists(self, agent: int, kind: int) -> list[int]:
        """The agents of less breadth who may serve the class."""
        return [
            other
            for other, breadth in enumerate(self.breadths)
            if other in self.members[kind] and breadth < self.breadths[agent]
        ]

    def _narrower(self, agent: int, kind: int) -> list[int]:
        return [other for other in self.serves[agent] if self.members[other] < self.members[kind]]

    def _narrow_agents(self, agent: int, kind: int) -> frozenset[int]:
        return frozenset[int]().union(*(self.members[other] for other in self._narrower(agent, kind)))

    def _held(self, agent: int, kind: int) -> int:
        rates, speeds = list(self.model.arrival_rates.values()), list(self.model.service_rates.values())
        specialists, narrow = self._specialists(agent, kind), self._narrower(agent, kind)
        if not specialists or not narrow:
            return 0
        mean_speed = sum(speeds) / len(speeds)
        broad = Side(rates[kind] / mean_speed, len(specialists))
        load = sum(rates[other] for other in narrow) / mean_speed
        return most_held_of(broad, Side(load, len(self._narrow_agents(agent, kind))))

    def _nested(self, one: int, other: int) -> bool:
        mine, theirs = self.members[one], self.members[other]
        return mine < theirs or theirs < mine

"""How simulated agents share their capacity between channels: in one seed of three by rules made up at random.

Keeps: its luck is its own, and the other seeds tell the stories that they always told; an agent with nothing to do has
room for anything on each of their channels, so that nobody waits for ever.
"""

from __future__ import annotations

from random import Random
from typing import Final

from actors.routing.capacity import NO_RULES, CapacityRules

#: Carried by some customers, and limited for some agents.
LABEL: Final = "vip"


class Sharing:
    """The rules of one run."""

    def __init__(self, seed: int) -> None:
        self._is_on = seed % 3 == 1
        self._random = Random(f"{seed}:sharing")

    def rules(self, channels: tuple[str, str]) -> CapacityRules:
        """Any mixture of what can be declared, for an agent with these two channels."""
        random, (one, other) = self._random, channels
        if not self._is_on or random.random() < 0.2:
            return NO_RULES
        over: tuple[dict[str, tuple[str, ...]], ...]
        over = ({}, {other: (one,)}, {one: (other,)}, {other: (one,), one: (other,)})
        return CapacityRules(
            costs={channel: random.randint(0, 3) for channel in channels if random.random() < 0.5},
            exclusive=random.choice(((), (), (one,), (other,), channels)),
            interrupts=random.choice(over),
            interruptions=random.randint(0, 2),
            labels={LABEL: random.randint(1, 2)} if random.random() < 0.6 else {},
        )

    def labels(self) -> tuple[str, ...]:
        """What the next customer carries."""
        return (LABEL,) if self._is_on and self._random.random() < 0.4 else ()


def units_for(units: int, rules: CapacityRules) -> int:
    """So many units, or as many as the dearest channel takes."""
    return max(units, *rules.costs.values(), 1)

"""People who come back, and queues that give them to an agent of their own or to whoever served them last: in one seed of four.

Keeps: its luck is its own, and the other seeds tell the stories that they always told.
"""

from __future__ import annotations

from random import Random
from typing import Final

from actors.messages.centre import Prefer

#: The attribute that names a customer's own agent.
OWN: Final = "own_agent"


class Returning:
    """The habits of one run."""

    def __init__(self, seed: int) -> None:
        self._is_on = seed % 4 == 3
        self._random = Random(f"{seed}:returning")

    def prefer(self) -> Prefer | None:
        """What a queue is to do for newcomers; answers come in time, or never."""
        random = self._random
        if not self._is_on or random.random() < 0.2:
            return None
        return Prefer(
            for_ms=random.choice((2_000, 6_000)), dedicated=random.choice(("", OWN)),
            last_within_ms=random.choice((10_000, 600_000)), only_if_signed_in=random.random() < 0.7,
            answer_ms=random.choice((5, 200, 1_000)),
        )  # fmt: skip

    def attributes(self, agents: list[str]) -> dict[str, str]:
        """A customer's own agent, if they have one; some have one who is not there any more."""
        random = self._random
        return {OWN: random.choice([*agents, "gone"])} if self._is_on and random.random() < 0.3 else {}

    def visits(self, visits: int) -> int:
        """How often somebody comes who would come so often."""
        return visits + 2 if self._is_on and self._random.random() < 0.6 else visits

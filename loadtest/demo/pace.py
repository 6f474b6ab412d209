"""How fast people think and type in a demo: like people in their order, faster in their measure."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Final

#: (least, most) seconds at pace 1.
ACCEPT_S: Final = (0.3, 0.9)
READ_S: Final = (0.1, 0.3)
TYPE_S: Final = (0.3, 0.9)
WRAP_UP_S: Final = (0.2, 0.6)
BACK_AFTER_RING_OUT_S: Final = (0.5, 1.0)
#: How long an agent waits for a customer's next message before ending the conversation, and how long where every
#: message crosses many processes.
IDLE_S: Final = 4.0
LITERAL_IDLE_S: Final = 20.0
#: What one conversation takes of an agent on average, offer to end of wrap-up; for choosing a rate of arrivals.
HANDLE_S: Final = 5.0


@dataclass(slots=True)
class Pace:
    """One person's speed; `factor` 2 is twice as slow."""

    chance: random.Random
    factor: float = 1.0
    idle_s: float = IDLE_S

    def draw_s(self, between: tuple[float, float]) -> float:
        """How long it takes this time."""
        return self.factor * self.chance.uniform(*between)

    async def take(self, between: tuple[float, float]) -> None:
        """Let that much time pass."""
        await asyncio.sleep(self.draw_s(between))

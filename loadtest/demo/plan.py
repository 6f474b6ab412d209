"""Who comes when and asks what: all that chance decides about the customers, drawn from a seed before the run.

Kept: the same seed, questions and numbers give the same customers, whatever the cluster does.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from loadtest.demo.pace import IDLE_S, Pace
from loadtest.demo.phrases import FOLLOW_UPS, NAMES, THANKS
from loadtest.demo.questions import Question

#: One in so many customers waits hardly at all, and leaves without an agent.
IMPATIENT_ONE_IN: Final = 25
#: How long such a customer stays (s). Agents take longer to accept than the least of these.
HARDLY_S: Final = (0.05, 0.3)
#: How long everybody else stays (s): longer than an offer that nobody answers takes to come back.
PATIENCE_S: Final = (90.0, 180.0)


@dataclass(frozen=True, slots=True)
class CustomerPlan:
    """One customer.

    Attributes:
        arrives_at_s: After the start.
        follow_ups: What they answer to the agent's messages, in order; the last one is thanks.
        patience_s: How long they wait for an agent.
        leaves: They close the chat by themselves after their thanks, before the agent ends it.
    """

    number: int
    name: str
    question: Question
    arrives_at_s: float
    follow_ups: tuple[str, ...]
    patience_s: float
    leaves: bool

    @property
    def language(self) -> str:
        return self.question.language


def plan_customers(questions: Sequence[Question], customers: int, rate_per_s: float, seed: int) -> list[CustomerPlan]:
    """Draw the customers of a run.

    Args:
        questions: Each is asked once before any is asked again.
        rate_per_s: Arrivals a second of the Poisson process by which they come.
    """
    chance = random.Random(seed)  # noqa: S311  # simulated behaviour, not a secret
    order: list[Question] = []
    while len(order) < customers:
        order += chance.sample(questions, len(questions))
    impatient = set(chance.sample(range(customers), (customers + IMPATIENT_ONE_IN // 2) // IMPATIENT_ONE_IN))
    plans, now_s = [], 0.0
    for number in range(customers):
        now_s += chance.expovariate(rate_per_s)
        question = order[number]
        language = question.language
        follow_ups = chance.sample(FOLLOW_UPS[language], chance.choice((0, 1, 1, 2, 2, 3)))
        patience_s = chance.uniform(*(HARDLY_S if number in impatient else PATIENCE_S))
        plans.append(
            CustomerPlan(
                number, chance.choice(NAMES[language]), question, now_s, (*follow_ups, chance.choice(THANKS[language])),
                patience_s, leaves=chance.random() < 0.3,
            )
        )  # fmt: skip
    return plans


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be played.

    Attributes:
        name: Makes this run's conversations and messages different from every other's.
        agents: How many serve.
        pace: How long people take; 2 is twice as long.
        idle_s: How long an agent waits for a customer who says nothing more.
    """

    name: str
    plans: Sequence[CustomerPlan]
    agents: int
    seed: int
    pace: float = 1.0
    idle_s: float = IDLE_S

    def pace_of(self, who: str) -> Pace:
        """One person's own speed, the same for the same seed."""
        return Pace(random.Random(f"{self.seed}/{who}"), self.pace, self.idle_s)  # noqa: S311  # simulated behaviour

    @property
    def longest_gap_s(self) -> float:
        """How long nobody comes at most."""
        arrivals = [plan.arrives_at_s for plan in self.plans]
        return max((after - before for before, after in pairwise([0.0, *arrivals])), default=0.0)

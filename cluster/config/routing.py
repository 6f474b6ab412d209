"""The routing rules of a configuration: rings of requirements, order, choice of agent, and how an agent serves a queue.

Invariants kept: an expression or strategy that this module accepts can be evaluated for every agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from actors.address import address
from actors.messages.centre import Membership, Relaxation, Reserve
from actors.routing.expression import OF_AGENTS, OF_ARRIVALS, ExpressionError, Vocabulary, compiled
from actors.routing.strategy import LONGEST_IDLE, SCORE, STRATEGIES
from actors.values import SkillLevel
from cluster.config.explain import Section, wrong
from cluster.config.names import Id, Level, Seconds, milliseconds
from cluster.config.problems import did_you_mean

MAX_WEIGHT = 1_000
#: Ageing is counted in points an hour, priorities in points.
MAX_AGEING = 1_000_000


def _check_of_agents(text: str) -> str:
    return _check_expression(text, OF_AGENTS)


def _check_expression(text: str, vocabulary: Vocabulary) -> str:
    if text:
        try:
            compiled(text, vocabulary)
        except ExpressionError as error:
            problem, _, advice = str(error).partition("; ")
            raise wrong(problem, advice or "write it like `cards >= 3 and english`") from error
    return text


def _check_choice(text: str) -> str:
    if text.startswith(SCORE):
        _check_of_agents(text.removeprefix(SCORE).strip())
    elif text not in STRATEGIES:
        advice = did_you_mean(text, STRATEGIES)
        raise wrong(f"there is no strategy `{text}`", f"{advice} or write `= ` and a score expression")
    return text


def _check_of_arrivals(text: str) -> str:
    return _check_expression(text, OF_ARRIVALS)


#: A boolean expression over an arrival: its channel, language, intent, sentiment and other facts.
ArrivalExpression = Annotated[str, AfterValidator(_check_of_arrivals)]
#: A boolean expression over an agent's skills, attributes and groups.
Expression = Annotated[str, AfterValidator(_check_of_agents)]
#: One of the strategies, or `=` and a score expression.
Choice = Annotated[str, AfterValidator(_check_choice)]
Attribute = str | int | float | bool


class Step(Section):
    """From a wait on, the queue asks less: one more ring of agents around those who may serve already."""

    after_s: Seconds = Field(description="the wait from which on it holds", examples=[30])
    lower: dict[Id, Level] = Field(default={}, description="skills whose level is lowered to this", examples=["{cards: 2}"])
    drop: list[Id] = Field(default=[], description="skills no longer asked for", examples=["[english]"])
    where: Expression | None = Field(
        default=None,
        max_length=1000,
        description="replaces the queue's `where`; empty text removes it",
        examples=["cards >= 1"],
    )
    queues: list[Id] = Field(default=[], description="agents of these queues may serve as well", examples=["[general]"])
    anybody: bool = Field(default=False, description="nothing is asked any more but serving the queue", examples=["false"])

    @model_validator(mode="after")
    def _does_something(self) -> Step:
        if not (self.lower or self.drop or self.queues or self.anybody) and self.where is None:
            raise wrong("changes nothing", "add `lower`, `drop`, `where`, `queues` or `anybody: true`, or delete the step")
        return self


class Order(Section):
    """Who goes first among those who wait in the queue."""

    ageing_per_hour: int = Field(
        default=0, ge=0, le=MAX_AGEING, description="points of priority that everybody gains in an hour of waiting",
        examples=[60],
    )  # fmt: skip
    newest_first: bool = Field(default=False, description="among equal priorities the newest goes first", examples=["false"])
    weight: int = Field(
        default=1, ge=1, le=MAX_WEIGHT, examples=[10],
        description="agents of several queues take from the one of the greatest weight first, whoever waits longer; the"
        " `priority` of a routing profile decides before that",
    )  # fmt: skip


class ChannelServing(Section):
    """Priority and delay of a queue over one channel."""

    priority: int | None = Field(default=None, ge=1, le=99, description="the queue's when left out", examples=[1])
    delay_s: float | None = Field(default=None, ge=0, le=86_400, description="the queue's when left out", examples=[60])


class Routing(Section):
    """How the centre's router matches, over all queues."""

    batch: Literal["optimal", "greedy"] = Field(
        default="optimal",
        description="what is done where several interactions and several agents are free together: `optimal` looks at all of"
        " them before anybody is assigned, `greedy` assigns one after the other",
        examples=["greedy"],
    )
    policy: Literal["fcfs", "reserve"] = Field(
        default="fcfs",
        description="fcfs: first come, first served; reserve: specialists and what only few can serve go first",
        examples=["reserve"],
    )
    head_start_s: Seconds = Field(
        default=600, description="with `reserve`, how much later may come what goes before, because fewer can serve it",
        examples=[600],
    )  # fmt: skip

    def reserve(self) -> Reserve | None:
        """What the router is told."""
        return Reserve(milliseconds(self.head_start_s)) if self.policy == "reserve" else None


class Serving(Section):
    """How the agents of a routing profile serve one queue, where it is not like every other."""

    priority: int = Field(
        default=1, ge=1, le=99, description="which queue a free agent takes from first: 1 before 2", examples=[1]
    )
    delay_s: float = Field(
        default=0, ge=0, le=86_400, description="only those who have waited so long in the queue", examples=[30]
    )
    level: int = Field(default=1, ge=1, le=99, description="the agents' level in a `tiers` or `top_down` queue", examples=[1])
    position: int = Field(default=1, ge=1, le=9999, description="their place in the level of a `top_down` queue", examples=[1])
    weight: float = Field(default=1, gt=0, le=1000, description="their share in a `weighted` queue", examples=[1])
    channels: dict[Id, ChannelServing] = Field(
        default={}, description="priority and delay over single channels", examples=["{webchat: {delay_s: 60}}"]
    )


OnChange = Literal["keep", "ask_anew"]
CHOICE: Any = Field(
    default=LONGEST_IDLE, max_length=1000, examples=[LONGEST_IDLE],
    description=f"how an agent is chosen: {', '.join(STRATEGIES)}, or `= ` and a score expression, highest first",
)  # fmt: skip


def relaxations(queue: str, steps: list[Step], delays_ms: Iterator[int]) -> tuple[Relaxation, ...]:
    """A queue's steps, with one more for each delay that a routing profile gives the queue."""
    rings = [_relaxation(queue, step) for step in steps]
    rings += [Relaxation(delay, delay_ms=delay) for delay in sorted(set(delays_ms)) if delay]
    return tuple(sorted(rings, key=lambda ring: ring.after_ms))


def _relaxation(queue: str, step: Step) -> Relaxation:
    queues = tuple(address("queue", name) for name in dict.fromkeys([queue, *step.queues])) if step.queues else ()
    lower = tuple(SkillLevel(skill, level) for skill, level in sorted(step.lower.items()))
    return Relaxation(milliseconds(step.after_s), lower, tuple(step.drop), step.where, queues, anybody=step.anybody)


def memberships(serves: Mapping[str, Serving], weights: Mapping[str, int] | None = None) -> tuple[Membership, ...]:
    """How agents serve the queues that are not like every other, single channels before all.

    Args:
        serves: what their routing profile says of some of its queues.
        weights: of all queues of the profile. Where they differ, they decide between queues of equal priority.
    """
    behind = {}
    if weights and len(set(weights.values())) > 1:
        serves = dict.fromkeys(weights, Serving()) | dict(serves)
        behind = {queue: MAX_WEIGHT - weight for queue, weight in weights.items()}
    return tuple(one for queue, serving in serves.items() for one in _memberships(queue, serving, behind))


def _memberships(queue: str, serving: Serving, behind: Mapping[str, int]) -> Iterator[Membership]:
    at = address("queue", queue)
    standing = (serving.level, serving.position, serving.weight)

    def rank(priority: int) -> int:
        return (priority - 1) * MAX_WEIGHT + behind[queue] if behind else priority - 1

    for channel, special in serving.channels.items():
        priority = serving.priority if special.priority is None else special.priority
        delay_s = serving.delay_s if special.delay_s is None else special.delay_s
        yield Membership(at, channel, rank(priority), milliseconds(delay_s), *standing)
    yield Membership(at, "", rank(serving.priority), milliseconds(serving.delay_s), *standing)

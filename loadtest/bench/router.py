"""How fast the router decides: the matching alone, one core, no Ray, no store.

The centre: 100 queues, 50 skills, agents who serve four queues and have eight skills at levels of their own, customers
who ask a queue for up to three skills at some level (eight kinds a queue). A decision is what one costs the router from
end to end: an agent is free, the match, the queue's and the agent's answers, a new arrival put in its place.

Keeps: the same story at each run; processor time only, and of several runs the one that was disturbed least.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import numpy as np

from actors.address import Address, address
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.matching import Matching
from actors.routing.assignment import NEVER, Demand, Method, Scores, Supply, assign
from actors.values import Requirement, SkillLevel

AGENTS: Final = 3_000
WAITING: Final = 10_000
QUEUES: Final = 100
SKILLS: Final = 50
SKILLS_OF_QUEUE: Final = 5
SKILLS_OF_AGENT: Final = 8
QUEUES_OF_AGENT: Final = 4
KINDS_OF_QUEUE: Final = 8
CHANNEL: Final = "webchat"
BEGAN_AT: Final = 1_700_000_000_000
DECISIONS: Final = 4_000
RUNS: Final = 5

Figures = dict[str, float]


class Centre:
    """One router's picture of so many agents, and the people who make it change."""

    def __init__(self, agents: int, in_batches: bool = True) -> None:
        self.drawn = random.Random(1)  # noqa: S311  # no secret
        self.matching = Matching(in_batches)
        self.numbers = count(1)
        self.now = BEGAN_AT
        skills = [f"skill-{number:02d}" for number in range(SKILLS)]
        self.queues = [address("queue", f"q{number:02d}") for number in range(QUEUES)]
        taught = {queue: self.drawn.sample(skills, SKILLS_OF_QUEUE) for queue in self.queues}
        self.kinds = [(queue, self._kind(taught[queue])) for queue in self.queues for _ in range(KINDS_OF_QUEUE)]
        self.agents = [address("agent", f"a{number:04d}") for number in range(agents)]
        for agent in self.agents:
            served = self.drawn.sample(self.queues, QUEUES_OF_AGENT)
            useful = sorted({skill for queue in served for skill in taught[queue]})
            learned = sorted(self.drawn.sample(useful, SKILLS_OF_AGENT))
            levels = tuple(SkillLevel(skill, self.drawn.randint(1, 10)) for skill in learned)
            self.matching.profile(AgentProfile(agent, levels, tuple(served)))

    def _kind(self, skills: list[str]) -> Requirement:
        asked = sorted(self.drawn.sample(skills, self.drawn.choice([0, 1, 1, 2, 2, 3])))
        return Requirement(tuple(SkillLevel(skill, self.drawn.randint(1, 6)) for skill in asked))

    def arrival(self) -> Waiting:
        """Somebody new."""
        self.now += 1
        queue, requirement = self.drawn.choice(self.kinds)
        return Waiting(f"i{next(self.numbers)}", queue, CHANNEL, self.drawn.choice([0, 0, 0, 1, 2]), self.now, requirement)

    def fill(self, waiting: int) -> None:
        """Let so many wait."""
        for _ in range(waiting):
            self.matching.wait(self.arrival())

    def free(self, agent: Address, room: int = 1) -> None:
        """The agent can take so many."""
        self.now += 1
        self.matching.status(AgentStatus(agent, {CHANNEL: room}, 0, self.now, room))

    def answered(self, waiting: Waiting, agent: Address) -> None:
        """The queue holds it for the agent, and the agent consents."""
        self.matching.not_waiting(waiting.interaction, agent)
        self.matching.status(AgentStatus(agent, {}, 1, self.now, 0))

    def decide(self) -> list[Address]:
        """Whoever can meet, meets; the agents who do."""
        matches = self.matching.match(self.now)
        for waiting, agent, *_ in matches:
            self.answered(waiting, agent)
        return [agent for _, agent, *_ in matches]

    def freed(self) -> Iterator[int]:
        """Agents become free one after the other while many wait: how many decisions that makes, each time."""
        for agent in self.drawn.choices(self.agents, k=DECISIONS):
            self.free(agent)
            matched = len(self.decide())
            for _ in range(matched):
                self.matching.wait(self.arrival())
            yield matched

    def arrived(self) -> Iterator[int]:
        """Customers come one after the other while half of the agents are free; as many agents become free."""
        for _ in range(DECISIONS):
            self.matching.wait(self.arrival())
            served = self.decide()
            for agent in served:
                self.free(agent)
            yield len(served)


def figures() -> Figures:
    """All figures of the router, by name."""
    _show(f"the router: {WAITING:,} wait for {AGENTS:,} agents")
    many = freed_us(AGENTS, WAITING)
    few_waiting = freed_us(AGENTS, WAITING // 10)
    few_agents = freed_us(AGENTS // 10, WAITING)
    idle, few_idle = arrived_us(AGENTS), arrived_us(AGENTS // 10)
    return {
        "router_decisions_per_s": 1e6 / many,
        "router_arrivals_per_s": 1e6 / idle,
        "router_growth_waiting": many / few_waiting,
        "router_growth_agents": max(many / few_agents, idle / few_idle),
        "router_burst_10k_s": burst_s(),
        "batch_500x800_ms": max(batch_ms(kind) for kind in BATCHES),
        **shift_start(),
    }


def freed_us(agents: int, waiting: int) -> float:
    """Processor time of a decision for a freed agent (us) while so many wait."""
    centre = Centre(agents)
    centre.fill(waiting)
    return _least_us(centre.freed)


def arrived_us(agents: int) -> float:
    """Processor time of a decision for an arrival (us) while every second agent is free."""
    centre = Centre(agents)
    for agent in centre.agents[::2]:
        centre.free(agent)
    return _least_us(centre.arrived)


def _least_us(decisions: Callable[[], Iterator[int]]) -> float:
    """Processor time a decision of the quickest of several runs."""
    taken = []
    for _ in range(RUNS):
        began_s = time.thread_time()
        made = sum(decisions())
        taken.append((time.thread_time() - began_s) * 1e6 / made)
    return min(taken)


def burst_s() -> float:
    """Processor time from the first of 10,000 arrivals to the last proposal, with room for all of them."""
    taken = []
    for _ in range(RUNS):
        centre = Centre(AGENTS)
        for agent in centre.agents:
            centre.free(agent, room=4)
        arrivals = [centre.arrival() for _ in range(WAITING)]
        began_s = time.thread_time()
        for waiting in arrivals:
            centre.matching.wait(waiting)
        matched = len(centre.matching.match(centre.now))
        taken.append(time.thread_time() - began_s)
        if matched < WAITING * 0.9:  # The others ask for what nobody can, as some do.
            raise RuntimeError(f"only {matched:,} of {WAITING:,} arrivals were matched")
    return min(taken)


def shift_start(waiting: int = 500, agents: int = 800) -> Figures:
    """The whole of matching so many at once, in a batch: processor time, and how many more are served than one by one."""
    served, taken = {}, {}
    for in_batches in (True, False):
        times = []
        for _ in range(RUNS):
            centre = Centre(agents, in_batches)
            for agent in centre.agents:
                centre.free(agent)
            centre.fill(waiting)
            began_s = time.thread_time()
            served[in_batches] = len(centre.matching.match(centre.now))
            times.append(time.thread_time() - began_s)
        taken[in_batches] = min(times) * 1000
    return {
        "router_shift_start_ms": taken[True],
        "router_shift_start_greedy_ms": taken[False],
        "router_shift_start_gain": served[True] / served[False] - 1,
    }


#: What a batch's scores are: all equal, levels of the class and the agent, and the same with no two needs alike.
BATCHES: Final = ("equal", "levels", "alone")


def batch_ms(kind: str) -> float:
    """Processor time (ms) of the optimal assignment of 500 interactions to 800 agents."""
    demands, supplies, scores = batch(kind)
    taken = []
    for _ in range(RUNS * 2):
        began_s = time.thread_time()
        method = assign(demands, supplies, scores).method
        taken.append((time.thread_time() - began_s) * 1000)
        if method is not Method.OPTIMAL:
            raise RuntimeError(f"the batch was solved by the method {method}")
    return statistics.median(taken)


def batch(kind: str, waiting: int = 500, agents: int = 800) -> tuple[list[Demand], list[Supply], Scores]:
    """A batch as the centre may have one: a fifth of the agents may serve each class."""
    drawn = np.random.default_rng(1)
    classes = waiting if kind == "alone" else 100
    places = [tuple((number, f"i{number}") for number in range(row, waiting, classes)) for row in range(classes)]
    levels = drawn.integers(1, 11, (classes, agents)) * (kind != "equal")
    scores = np.where(drawn.random((classes, agents)) < 0.2, levels, NEVER).astype(np.int64)
    return [Demand(of_class) for of_class in places], [Supply((number, f"a{number}")) for number in range(agents)], scores


def _show(stage: str) -> None:
    sys.stderr.write(f"{stage} …\n")

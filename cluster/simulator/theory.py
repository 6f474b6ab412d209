"""Exact answers for the default policy, which the simulated centre must meet.

All rates are per second and all times in seconds. Units never mix: a load is `arrival_rate * mean_service_s` Erlang.
Sources: Erlang (1917) for C, by the stable recursion for B; Palm (1957) for A, as a birth-death chain; Visschers, Adan
and Weiss (2012) and Adan and Weiss (2014) for skill-based first-come-first-served to the longest-idle agent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray


def erlang_b(load: float, agents: int) -> float:
    """Probability that an arrival finds all agents busy when nobody can wait.

    B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)), which never overflows.
    """
    blocked = 1.0
    for k in range(1, agents + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


@dataclass(frozen=True, slots=True)
class ErlangC:
    """M/M/n: patient customers, one queue, equal agents.

    Raises:
        ValueError: the agents cannot keep up, so no steady state exists.
    """

    arrival_rate: float
    mean_service_s: float
    agents: int

    def __post_init__(self) -> None:
        if self.load >= self.agents:
            raise ValueError(f"{self.load:g} Erlang need more than {self.agents} agents, or the queue grows for ever")

    @property
    def load(self) -> float:
        """Offered load a = lambda / mu (Erlang)."""
        return self.arrival_rate * self.mean_service_s

    @property
    def spare_rate(self) -> float:
        """n mu - lambda: how fast a queue empties while everybody is busy."""
        return self.agents / self.mean_service_s - self.arrival_rate

    @property
    def wait_probability(self) -> float:
        """C = B / (1 - (a / n)(1 - B))."""
        blocked = erlang_b(self.load, self.agents)
        return blocked / (1 - self.load / self.agents * (1 - blocked))

    @property
    def mean_wait_s(self) -> float:
        """Average speed of answer: C / (n mu - lambda)."""
        return self.wait_probability / self.spare_rate

    def service_level(self, target_s: float) -> float:
        """Share answered within the target: 1 - C exp(-(n mu - lambda) T)."""
        return 1 - self.wait_probability * math.exp(-self.spare_rate * target_s)


@dataclass(frozen=True, slots=True)
class ErlangA:
    """M/M/n+M: customers give up after an exponential patience, so every load has a steady state."""

    arrival_rate: float
    mean_service_s: float
    agents: int
    mean_patience_s: float

    def distribution(self) -> NDArray[np.float64]:
        """Steady state by number present, in logarithms; cut off where the tail is below 1e-16 of its peak."""
        n, mu, theta = self.agents, 1 / self.mean_service_s, 1 / self.mean_patience_s
        weights, weight, k = [0.0], 0.0, 0
        peak = 0.0
        while weight > peak - 40 or k <= n:
            k += 1
            weight += math.log(self.arrival_rate / (min(k, n) * mu + max(0, k - n) * theta))
            weights.append(weight)
            peak = max(peak, weight)
        shares: NDArray[np.float64] = np.exp(np.array(weights) - peak)
        return shares / np.sum(shares)

    @property
    def wait_probability(self) -> float:
        """Share of arrivals that find every agent busy."""
        return float(self.distribution()[self.agents :].sum())

    @property
    def mean_queue(self) -> float:
        """How many wait, on average."""
        shares = self.distribution()
        return float((np.maximum(np.arange(len(shares)) - self.agents, 0) * shares).sum())

    @property
    def mean_wait_s(self) -> float:
        """Over all customers, whether answered or not, by Little's law."""
        return self.mean_queue / self.arrival_rate

    @property
    def abandon_probability(self) -> float:
        """theta E[W]: everybody who waits gives up at the same rate."""
        return self.mean_wait_s / self.mean_patience_s


@dataclass(frozen=True, slots=True)
class SkillBased:
    """First come first served, assign to the longest idle, with exponential service and patient customers.

    Args:
        arrival_rates: By customer type.
        service_rates: By agent, whatever they serve; agents are single, so list equal ones one by one.
        serves: By agent, the types that the agent may serve.

    The steady state is a product over the agents in order: those busy, by the arrival of whom they serve, with those
    waiting between them; then those idle, the longest idle last. With i busy and n_j waiting behind the j-th,
    pi = B prod_j<=i lambda_U(M1..Mj)^n_j / mu_(M1..Mj)^(n_j+1) prod_j>i 1 / lambda_C(Mj..MJ), where U are the types that
    only those agents serve and C those that any of them serves. The sum runs over J! orders: at most 8 agents.

    Raises:
        ValueError: some types bring more work than the agents who may serve them can do, or there are too many agents.
    """

    arrival_rates: Mapping[str, float]
    service_rates: Mapping[str, float]
    serves: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        if len(self.service_rates) > 8:
            raise ValueError(f"{len(self.service_rates)} agents have too many orders to sum over; at most 8")
        for group in self.groups():
            if self.only(group) >= self.speed(group) and self.only(group) > 0:
                raise ValueError(f"what only {', '.join(sorted(group))} may serve is more than they can do")

    def groups(self) -> Iterator[frozenset[str]]:
        """Every group of agents, the whole of them last."""
        agents = list(self.service_rates)
        for mask in range(1, 1 << len(agents)):
            yield frozenset(agent for bit, agent in enumerate(agents) if mask >> bit & 1)

    def speed(self, group: frozenset[str]) -> float:
        """How much the group does when all are busy."""
        return sum(self.service_rates[agent] for agent in group)

    def only(self, group: frozenset[str]) -> float:
        """How much comes that nobody else may serve."""
        return sum(self.arrival_rates[kind] for kind in self._only_types(group))

    def _types_of(self, group: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(self.serves[agent] for agent in group))

    def _only_types(self, group: frozenset[str]) -> frozenset[str]:
        """U: the types that nobody outside the group serves."""
        others = self._types_of(frozenset(self.service_rates) - group)
        return frozenset(self.arrival_rates) - others

    def mean_queues(self) -> dict[str, float]:
        """How many of each type wait, on average."""
        total, queues = 0.0, dict.fromkeys(self.arrival_rates, 0.0)
        for order in permutations(self.service_rates):
            for busy in range(len(order) + 1):
                weight, waiting = self._block(order, busy)
                total += weight
                for kind, mean in waiting.items():
                    queues[kind] += weight * mean
        return {kind: mean / total for kind, mean in queues.items()}

    def mean_waits_s(self) -> dict[str, float]:
        """Mean wait of each type, those not waiting included, by Little's law."""
        return {kind: queue / self.arrival_rates[kind] for kind, queue in self.mean_queues().items()}

    def mean_wait_s(self) -> float:
        """Mean wait over all types."""
        return sum(self.mean_queues().values()) / sum(self.arrival_rates.values())

    def pooled(self) -> ErlangC:
        """The same work and the same speed if everybody could serve everybody: the floor of what waits can be."""
        rates = list(self.service_rates.values())
        return ErlangC(sum(self.arrival_rates.values()), len(rates) / sum(rates), len(rates))

    def _block(self, order: tuple[str, ...], busy: int) -> tuple[float, dict[str, float]]:
        """The weight of one order with so many busy, all queue lengths summed, and the mean waiting by type there."""
        weight, waiting = 1.0, dict.fromkeys(self.arrival_rates, 0.0)
        for j in range(1, busy + 1):
            group = frozenset(order[:j])
            speed, kinds = self.speed(group), self._only_types(group)
            stuck = sum(self.arrival_rates[kind] for kind in kinds)
            # sum over n of stuck^n / speed^(n+1), and the geometric mean number that goes with it
            weight /= speed - stuck
            for kind in kinds:
                waiting[kind] += self.arrival_rates[kind] / (speed - stuck)
        for j in range(busy, len(order)):
            weight /= sum(self.arrival_rates[kind] for kind in self._types_of(frozenset(order[j:])))
        return weight, waiting


def n_model(rate_a: float, rate_b: float, service_rate: float = 1.0) -> SkillBased:
    """Agent 1 serves a, agent 2 serves a and b."""
    return SkillBased(
        {"a": rate_a, "b": rate_b},
        {"1": service_rate, "2": service_rate},
        {"1": frozenset("a"), "2": frozenset("ab")},
    )


def expected_wait_s(ahead: int, agents: int, mean_service_s: float, mean_patience_s: float = math.inf) -> float:
    """Expected wait of a patient customer with `ahead` customers in front and every agent busy.

    (k+1) / (n mu), or with abandonment the sum over i = 0..k of 1 / (n mu + i theta): those in front leave by either.
    """
    speed, leaving = agents / mean_service_s, 1 / mean_patience_s
    if not leaving:
        return (ahead + 1) / speed
    return float((1 / (speed + np.arange(ahead + 1) * leaving)).sum())

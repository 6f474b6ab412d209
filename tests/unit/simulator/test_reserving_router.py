"""The simulated router with the reserve policy serves every customer when the policy's textbook says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import numpy as np
import pytest

from actors.messages.centre import Reserve
from actors.router import matching
from actors.routing.reserve import ClassView, choose, holds_back
from cluster.invariants import Checker
from cluster.simulator.centre import SimulatedCentre
from cluster.simulator.comparison import ANY_HEAD_START_MS, Run, centre_of, compare_reserve
from cluster.simulator.reserving import Reserving
from cluster.simulator.skills import skill_model
from cluster.store.base import Commit


@dataclass
class Textbook:
    """The same customers, served by the policy's own functions with nothing around them; agents by number."""

    serves: list[set[int]]
    held: tuple[int, ...]
    head_start_ms: int
    idle: list[int] = field(default_factory=list)
    lines: list[list[tuple[int, int]]] = field(default_factory=list)

    def match(self) -> tuple[int, int] | None:
        """Who serves which type next: narrow agents first, then the longest idle."""
        for agent in sorted(self.idle, key=lambda agent: (len(self.serves[agent]), self.idle.index(agent))):
            kinds = [kind for kind in self.serves[agent] if self.lines[kind] and not self.leaves(agent, kind)]
            kinds.sort(key=lambda kind: self.lines[kind][0])
            if kinds:
                views = [ClassView(self.members(kind), 0, self.lines[kind][0][0]) for kind in kinds]
                return agent, kinds[choose(views, self.head_start_ms)]
        return None

    def members(self, kind: int) -> frozenset[int]:
        return frozenset(agent for agent, kinds in enumerate(self.serves) if kind in kinds)

    def leaves(self, agent: int, kind: int) -> bool:
        """Whether the agent holds back from this type."""
        narrow = [other for other in self.serves[agent] if self.members(other) < self.members(kind)]
        others = [other for other in self.idle if other != agent and self.serves[other] & set(narrow)]
        narrower = [other for other in self.members(kind) if len(self.serves[other]) < len(self.serves[agent])]
        busy = any(other not in self.idle for other in narrower)
        return bool(narrow) and holds_back(len(self.lines[kind]), self.held[agent], not others, busy)

    def waits_ms(self, centre: SimulatedCentre) -> list[int]:
        """When everybody is served, customer by customer."""
        self.idle = list(range(len(self.serves)))
        self.lines = [[] for _ in set().union(*self.serves)]
        waited = [0] * len(centre._arrives_at)
        agenda = [(at, 0, number) for number, at in enumerate(centre._arrives_at)]
        while agenda:
            now, is_done, number = heappop(agenda)
            if is_done:
                self.idle.append(number)
            else:
                self.lines[centre._kinds[number]].append((now, number))
            while (matched := self.match()) is not None:
                agent, kind = matched
                self.idle.remove(agent)
                since_at, customer = self.lines[kind].pop(0)
                waited[customer] = now - since_at
                heappush(agenda, (now + centre._service_ms[customer], 1, agent))
        return waited


@pytest.mark.parametrize(
    ("name", "head_start_ms"),
    [("n", ANY_HEAD_START_MS), ("team", ANY_HEAD_START_MS), ("m", ANY_HEAD_START_MS), ("w", 150_000), ("tower", 200_000)],
)
def test_each_customer_waits_as_the_policy_says(name: str, head_start_ms: int) -> None:
    """Given the same arrivals and services, the actors give every customer the policy's wait, to the millisecond."""
    exact = skill_model(name)
    policy = Reserving(exact)
    model = replace(centre_of(exact, 100.0), reserve=Reserve(head_start_ms), hold_back=policy.most_held)
    commits: list[Commit] = []
    centre = SimulatedCentre(model, 400, np.random.default_rng(11), commits.append)
    waited = Textbook([set(kinds) for kinds in policy.serves], policy.most_held, head_start_ms).waits_ms(centre)
    outcomes = centre.run()
    assert np.rint(outcomes.waited_s * 1000).astype(int).tolist() == waited, "the same waits"
    by_default = SimulatedCentre(centre_of(exact, 100.0), 400, np.random.default_rng(11)).run()
    assert (by_default.waited_s != outcomes.waited_s).any(), "which are not those of the default policy"
    checker = Checker()
    for commit in commits:
        checker.feed(commit.shard, commit.journal)
    assert checker.finish().violations == [], "and nothing is violated, order and liveness included"


def test_without_the_policy_a_hold_back_is_ignored() -> None:
    """It is off by default, whatever agents are configured with."""
    plain = centre_of(skill_model("team"), 100.0)
    runs = [
        SimulatedCentre(model, 200, np.random.default_rng(2)).run() for model in (plain, replace(plain, hold_back=(3,) * 4))
    ]
    assert (runs[0].waited_s == runs[1].waited_s).all(), "first come, first served by the longest idle"


def test_a_small_run_agrees_with_the_chain() -> None:
    """The N-model with the reserve policy, within its 99 % intervals."""
    comparison = compare_reserve(Run(replications=6, customers=150, seed=5), "n")
    assert comparison.within, f"{comparison.figures}"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["n", "team"])
def test_the_router_meets_the_chain_of_the_reserve_policy(name: str) -> None:
    """At a twentieth of the published size: the simulated router meets the exact waits of its policy."""
    comparison = compare_reserve(Run(replications=10, customers=1_000), name)
    assert comparison.within, f"{comparison.figures}"


def test_passing_over_beyond_the_head_start_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that says one head start and grants any is found out from the journal (I5)."""
    monkeypatch.setattr(matching, "choose", lambda classes, head_start_ms: choose(classes, None))
    commits: list[Commit] = []
    model = replace(centre_of(skill_model("n"), 100.0), reserve=Reserve(1_000))
    SimulatedCentre(model, 200, np.random.default_rng(11), commits.append).run()
    checker = Checker()
    for commit in commits:
        checker.feed(commit.shard, commit.journal)
    assert {violation.invariant for violation in checker.finish().violations} == {"I5"}, "somebody was passed over for too long"


def test_holding_back_more_than_configured_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that leaves more of them waiting than an agent's configuration says is found out from the journal (I5)."""
    monkeypatch.setattr(
        matching, "holds_back_from", lambda agents, agent, pool, excluded: agent.hold_back and len(pool.members) > 1
    )
    commits: list[Commit] = []
    model = replace(centre_of(skill_model("n"), 100.0), reserve=Reserve(1_000), hold_back=(0, 1))
    SimulatedCentre(model, 200, np.random.default_rng(11), commits.append).run()
    checker = Checker()
    for commit in commits:
        checker.feed(commit.shard, commit.journal)
    assert {violation.invariant for violation in checker.finish().violations} == {"I5"}, "they went to those who came later"

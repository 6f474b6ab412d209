"""The product form against an independent exact solver: the default policy's own Markov chain, solved by elimination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from cluster.simulator.skills import NAMES, skill_model
from cluster.simulator.theory import SkillBased

#: The agents idle, longest first; and the types waiting, oldest first.
State = tuple[tuple[str, ...], tuple[str, ...]]


def after_arrival(model: SkillBased, state: State, kind: str) -> State:
    """The longest idle of those who serve the type takes it, or it joins the end."""
    idle, line = state
    for agent in idle:
        if kind in model.serves[agent]:
            return tuple(other for other in idle if other != agent), line
    return idle, (*line, kind)


def after_service(model: SkillBased, state: State, agent: str) -> State:
    """The agent takes the oldest they serve, or becomes the one idle shortest."""
    idle, line = state
    for at, kind in enumerate(line):
        if kind in model.serves[agent]:
            return idle, line[:at] + line[at + 1 :]
    return (*idle, agent), line


def moves(model: SkillBased, state: State, most_waiting: int) -> list[tuple[State, float]]:
    """What may happen next, and how often."""
    arrivals = model.arrival_rates.items() if len(state[1]) < most_waiting else ()
    busy = [(agent, rate) for agent, rate in model.service_rates.items() if agent not in state[0]]
    return [
        *((after_arrival(model, state, kind), rate) for kind, rate in arrivals),
        *((after_service(model, state, agent), rate) for agent, rate in busy),
    ]


def solved_mean_queues(model: SkillBased, most_waiting: int) -> dict[str, float]:
    """How many of each type wait, from the balance of flows into and out of every state."""
    states: dict[State, int] = {(tuple(model.service_rates), ()): 0}
    rows, columns, values = [], [], []
    for state in (unseen := list(states)):
        for following, rate in moves(model, state, most_waiting):
            if following not in states:
                states[following] = len(states)
                unseen.append(following)
            rows += [states[following], states[state]]
            columns += [states[state]] * 2
            values += [rate, -rate]
    flows = csc_matrix((values, (rows, columns)), shape=(len(states), len(states)))
    shares = np.ones(len(states))
    shares[1:] = spsolve(flows[1:, 1:], -flows[1:, [0]].toarray().ravel())
    shares /= shares.sum()
    assert shares.min() >= -1e-12, "shares of time"
    return {
        kind: sum(share * state[1].count(kind) for state, share in zip(states, shares, strict=True))
        for kind in model.arrival_rates
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_product_form_solves_the_chain(name: str) -> None:
    """Each model, its busiest agents at 20 % so that hardly ever more than six wait: the mean queues that its chain has."""
    full = skill_model(name)
    tightest = max(full.only(group) / full.speed(group) for group in full.groups())
    model = replace(full, arrival_rates={kind: 0.2 / tightest * rate for kind, rate in full.arrival_rates.items()})
    solved = solved_mean_queues(model, 6)
    assert model.mean_queues() == pytest.approx(solved, rel=2e-3), "product form and linear algebra agree"


def test_the_product_form_holds_for_agents_of_different_speed() -> None:
    """A slow agent who can do everything beside a fast one."""
    model = SkillBased({"a": 0.4, "b": 0.1}, {"1": 1.5, "2": 0.7}, {"1": frozenset("a"), "2": frozenset("ab")})
    assert model.mean_queues() == pytest.approx(solved_mean_queues(model, 11), rel=2e-3), "whatever the speeds"

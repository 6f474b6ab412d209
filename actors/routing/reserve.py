"""Keeps generalists for what only few can serve: who is asked first, what a freed agent takes, and when one holds back.

Three rules, each of which does nothing where all agents can do the same:

1. Of the free agents, the narrowest goes first (`breadth`): a specialist is of less use to others.
2. A freed agent takes a narrower class first (`choose`). One class is narrower than another if everybody who may serve it
   may serve the other too, and not the reverse. Whoever goes on waiting can then be served by more agents, so fewer are idle
   while somebody waits. Classes of which neither is narrower keep to first come, first served.
3. The last free agent for a narrower class holds back from a broader one (`holds_back`) while few wait there and
   somebody narrower will be done with somebody soon. How few is computed from rates (`most_held`).

Keeps: everything is a function of its arguments; an interaction is passed over only by one that came at most
`head_start_ms` later; nobody is held back from what no busy, narrower agent serves, so whoever waits is served when that
agent frees, signs out or goes away.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import ceil, inf
from typing import NamedTuple


class ClassView(NamedTuple):
    """The first of one class of waiting interactions (same queue, channel and rings), as seen by an agent who may serve it.

    Args:
        members: Who may serve the class.
        priority: Of the interaction.
        since_at: When it came (ms since the epoch).
    """

    members: Set[object]
    priority: int
    since_at: int


def breadth(queues: int, skills: int) -> int:
    """How much an agent can be used for: queues served times kinds of requirement met in each, the empty one included."""
    return queues * (1 + skills)


def choose(classes: Sequence[ClassView], head_start_ms: int | None) -> int:
    """Which class an agent who may serve all of them takes.

    The first, unless narrower ones of its priority came at most the head start later: then the oldest of those, and so on
    for what is narrower still, always counted from the first.

    Args:
        classes: The one whose turn it is, and others.
        head_start_ms: How much later the narrower one may have come; None for any time.
    """
    taken, priority = 0, classes[0].priority
    latest_at = inf if head_start_ms is None else classes[0].since_at + head_start_ms
    while True:
        before = [
            at
            for at, one in enumerate(classes)
            if one.priority == priority and one.since_at <= latest_at and one.members < classes[taken].members
        ]
        if not before:
            return taken
        taken = min(before, key=lambda at: (classes[at].since_at, at))


def holds_back(waiting: int, held: int, last_free: bool, somebody_narrower_is_busy: bool) -> bool:
    """Whether a free agent leaves a class alone for now.

    Args:
        waiting: How many wait in the class.
        held: While at most so many wait there (`most_held`); 0 for never.
        last_free: Nobody else who may serve a narrower class is free.
        somebody_narrower_is_busy: An agent of less breadth who may serve the class is at work, and so will be free.
    """
    return waiting <= held and last_free and somebody_narrower_is_busy


class Side(NamedTuple):
    """Arrivals per mean handling time (Erlang), and how many agents are there for them."""

    load: float
    agents: int


def most_held(broad: Side, narrow: Side) -> int:
    """How many of a broader class may wait before the last free agent of the narrower ones takes one of them.

    One step of policy improvement from agents who keep to themselves. Taking one costs the narrower classes what one more
    busy agent adds to all later waits in M/M/m, W / B(m - 1), where W is the mean wait and B Erlang's loss formula
    (Krishnan and Ott, 1986). It spares the broader class what one fewer of n waiting takes away in M/M/s,
    (n + a / (s - a) - Q) / (s - a), where Q is the mean number waiting. Times are in mean handling times.

    Args:
        broad: The broader class, and the narrower agents who may serve it.
        narrow: The classes narrower than that which the agent serves, and everybody who may serve them.

    Returns:
        0 when the agent should never hold back: a side cannot keep up by itself, or one waiting is worth more.
    """
    spare = broad.agents - broad.load
    if spare <= 0 or narrow.load <= 0 or narrow.load >= narrow.agents:
        return 0
    cost = _mean_queue(narrow) / narrow.load / _lost(Side(narrow.load, narrow.agents - 1))
    worth_taking = cost * spare - broad.load / spare + _mean_queue(broad)
    return max(0, ceil(worth_taking) - 1)


def _lost(side: Side) -> float:
    """Erlang B: the chance that everybody is busy when nobody waits."""
    lost = 1.0
    for k in range(1, side.agents + 1):
        lost = side.load * lost / (k + side.load * lost)
    return lost


def _mean_queue(side: Side) -> float:
    """Erlang C: how many wait, on average."""
    lost = _lost(side)
    share = side.load / side.agents
    return lost / (1 - share * (1 - lost)) * share / (1 - share)

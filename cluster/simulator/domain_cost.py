"""What one routed arrival costs the shard of a routing domain: queue, router and agent, without a store or a network.

    Enqueue ----> queue -> router -> queue -> agent: offer
    AcceptOffer -------------------> agent -> queue -> agent, session
    ServiceEnded ------------------> agent -> router

Keeps: sessions are on another shard, as almost all are in a cluster, so their turns do not count here; what counts is the
shard's whole batch, with its commit made but not stored. Only processor time of the batches is taken.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from actors.address import Address, Placement, address
from actors.events import ReservationMoved
from actors.messages.agent import AcceptOffer, ServiceEnded, SetPresence, SignIn
from actors.messages.centre import AgentConfig, ApplyCentre, CentrePlan, QueueConfig
from actors.messages.queue import Enqueue
from actors.values import Customer, PresenceState, Requirement, ReservationState
from cluster.catalogue import load_catalogue
from cluster.invariants.entries import read_entry
from cluster.simulator.stage import LINK, Stage
from cluster.store.base import Commit

CHANNEL = "webchat"
QUEUE = address("queue", "q")
ROUTER = Address("router/main")
OPENING_AT = 1_700_000_000_000
FILL_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class DomainCost:
    """Processor time of one routed arrival (us), and so how many one core can bear a second at most."""

    agents: int
    waiting: int
    us_per_arrival: float
    arrivals_per_s: float


class Domain:
    """One domain with so many agents, each for one conversation at a time."""

    def __init__(self, agents: int) -> None:
        placement = Placement(2)
        self._shard = placement.shard_of(ROUTER)
        self._placement = placement
        self._commits: list[Commit] = []
        self._stage = Stage(load_catalogue(), self._commits.append, placement, self._shard)
        self._now = OPENING_AT
        self._arrived = 0
        self._busy_s = 0.0
        #: (agent, reservation), served longest first.
        self._serving: deque[tuple[Address, str]] = deque()
        self._agents = agents
        names = [f"a{number}" for number in range(agents)]
        configured = {name: AgentConfig(name, (), (QUEUE,), {CHANNEL: 1}) for name in names}
        plan = CentrePlan({"q": QueueConfig("Q", 3_600_000, wrap_up_ms=0)}, configured, "{}")
        self._stage.tell(address("centre", "main"), ApplyCentre(-1, "costs", "", plan))
        self._run()
        for begin in range(0, agents, FILL_AT_ONCE):
            for name in names[begin : begin + FILL_AT_ONCE]:
                self._stage.tell(address("agent", name), SignIn(LINK))
                self._stage.tell(address("agent", name), SetPresence(PresenceState.AVAILABLE))
            self._run()

    def fill(self, waiting: int, busy_share: float = 1.0) -> None:
        """Let so many wait, for which every agent must be busy; or with none waiting, only this share of them."""
        idle = self._agents - len(self._serving)
        wanted = waiting + idle if waiting else int(self._agents * busy_share) - len(self._serving)
        while wanted > 0:
            self._arrive(min(FILL_AT_ONCE, wanted))
            wanted -= FILL_AT_ONCE
            self._run()

    def measure(self, waiting: int, rounds: int, at_once: int) -> DomainCost:
        """Route arrivals: in each round so many come, and so many agents end a conversation."""
        self._busy_s, count = 0.0, rounds * at_once
        for _ in range(rounds):
            self._arrive(at_once)
            for _ in range(at_once):
                agent, reservation = self._serving.popleft()
                self._stage.tell(agent, ServiceEnded(reservation))
            self._run()
        us = 1e6 * self._busy_s / count
        return DomainCost(self._agents, waiting, round(us, 1), round(1e6 / us))

    def _arrive(self, count: int) -> None:
        for _ in range(count):
            self._arrived += 1
            name = f"c{self._arrived}"
            session = address("session", name)
            while self._placement.shard_of(session) == self._shard:
                session = Address(session + "x")
            self._stage.tell(
                QUEUE, Enqueue(f"{name}/1", 1, session, CHANNEL, Customer(name), 0, Requirement(), self._now)
            )  # fmt: skip

    def _run(self) -> None:
        """One batch after the other until desks have nothing to say; they accept whatever rings."""
        while self._stage.told:
            self._now += 1
            begun_s = time.thread_time()
            self._stage.run(self._now)
            self._busy_s += time.thread_time() - begun_s
            commits, self._commits[:] = list(self._commits), []
            for commit in commits:
                for _, event in read_entry(commit.journal)[0].events:
                    if type(event) is ReservationMoved:
                        self._moved(event)

    def _moved(self, event: ReservationMoved) -> None:
        if event.after is ReservationState.PENDING:
            self._stage.tell(event.agent, AcceptOffer(event.reservation))
        elif event.after is ReservationState.ACCEPTED:
            self._serving.append((event.agent, event.reservation))


def domain_costs(agents: int, waiting: tuple[int, ...], rounds: int = 100, at_once: int = 10) -> list[DomainCost]:
    """The cost at each number of waiting interactions, ascending, with so many agents.

    Args:
        at_once: arrivals in one batch; more of them share the batch's cost.
    """
    domain, found, before = Domain(agents), [], 0
    for count in waiting:
        domain.fill(count - before if count else 0, busy_share=0.5)
        found.append(domain.measure(count, rounds, at_once))
        before = count
    return found

"""A simulated contact centre: the real session, queue, router and agents, with customers and desks of given laws.

Arrivals are Poisson; handling times and patience exponential. Desks accept an offer the moment it rings, hold one
conversation at a time and need no wrap-up, so the only thing under test is who is given to whom, and when.

    arrival ---> session ---> queue <---> router
                                |           desk accepts at once
                                v
    patience is over ---> session        handling time is over ---> session

Everything that is measured is read from the journal. First come, first served means that later arrivals never change
what happened to earlier ones, so a run simply ends with its last customer; with the reserve policy they do, and the last
customers of a run do not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import numpy as np
from numpy.typing import NDArray

from actors.address import Address, address
from actors.events import InteractionMoved, ReservationMoved
from actors.messages.agent import AcceptOffer, SetPresence, SignIn
from actors.messages.centre import AgentConfig, ApplyCentre, CentrePlan, QueueConfig, Reserve
from actors.messages.session import AgentEnds, Arrive, CustomerLeft
from actors.values import Customer, InteractionState, PresenceState, Requirement, ReservationState, SkillLevel
from cluster.catalogue import load_catalogue
from cluster.invariants.entries import read_entry
from cluster.simulator.stage import LINK, Stage
from cluster.store.base import Commit

#: When the centre opens (ms since the epoch); any instant will do.
OPENING_AT: Final = 1_700_000_000_000
QUEUE: Final = "main"
CHANNEL: Final = "voice"
#: Longer than anybody rings; accepted offers never come near it.
OFFER_TIMEOUT_MS: Final = 3_600_000

CONNECTED, ENDED = InteractionState.CONNECTED, InteractionState.ENDED
PENDING = ReservationState.PENDING


@dataclass(frozen=True, slots=True)
class CustomerType:
    """Customers who ask the same. The type's name is the skill that they need, if `needs_skill`."""

    name: str
    arrival_rate: float
    needs_skill: bool = False


@dataclass(frozen=True, slots=True)
class CentreModel:
    """What to simulate; times in seconds, rates per second.

    Args:
        types: Customer types.
        agents: For each agent, the types whose skill they have.
        mean_service_s: The mean handling time, the same for all.
        mean_patience_s: After how long a waiting customer gives up; infinite for never.
        reserve: The router's reserve policy; None for the default.
        hold_back: For each agent, how many of a broader class they leave waiting; nobody holds back when empty.
    """

    types: tuple[CustomerType, ...]
    agents: tuple[frozenset[str], ...]
    mean_service_s: float
    mean_patience_s: float = math.inf
    reserve: Reserve | None = None
    hold_back: tuple[int, ...] = ()

    def plan(self) -> CentrePlan:
        """The configuration that agents, queue and router are given."""
        queue = address("queue", QUEUE)
        hold_back = self.hold_back or (0,) * len(self.agents)
        agents = {
            f"a{number:05}": AgentConfig(
                f"Agent {number}", tuple(map(SkillLevel, sorted(skills))), (queue,), {CHANNEL: 1}, capacity_total=1,
                hold_back=hold_back[number - 1],
            )
            for number, skills in enumerate(self.agents, 1)
        }  # fmt: skip
        return CentrePlan({QUEUE: QueueConfig("Main", OFFER_TIMEOUT_MS, wrap_up_ms=0)}, agents, "{}", reserve=self.reserve)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each customer, in the order of arrival."""

    #: Index into the model's types.
    kinds: NDArray[np.int64]
    waited_s: NDArray[np.float64]
    abandoned: NDArray[np.bool_]
    #: What was drawn: the time since the arrival before, and the handling time.
    gaps_s: NDArray[np.float64]
    services_s: NDArray[np.float64]

    def after(self, warm_up: int, cool_down: int = 0) -> Outcomes:
        """Without the first customers, who found an empty centre, and the last ones, whom nobody came after."""
        kept = slice(warm_up, len(self.kinds) - cool_down)
        return Outcomes(self.kinds[kept], self.waited_s[kept], self.abandoned[kept], self.gaps_s[kept], self.services_s[kept])


class SimulatedCentre:
    """One run. `commits` receives every commit, for the invariants checker."""

    def __init__(
        self, model: CentreModel, customers: int, random: np.random.Generator, commits: Callable[[Commit], None] | None = None
    ) -> None:
        self._stage = Stage(load_catalogue(), self._committed)
        self._commits = commits
        self._model = model
        self._customers = customers
        self._now = OPENING_AT
        #: (instant, customer, agent who is done or "" for patience that is over).
        self._agenda: list[tuple[int, int, str]] = []
        self._waiting_since: dict[int, int] = {}
        self._waited_ms = [0] * customers
        self._abandoned = [False] * customers
        self._left = customers
        self._draw(random)
        self._needs = [Requirement((SkillLevel(kind.name),) if kind.needs_skill else ()) for kind in model.types]

    def _draw(self, random: np.random.Generator) -> None:
        """Everything random about every customer, before the first one comes."""
        rates = np.array([kind.arrival_rate for kind in self._model.types])
        self._gaps_s = random.exponential(1 / rates.sum(), self._customers)
        arrives_at = OPENING_AT + 1000 + np.cumsum(1000 * self._gaps_s)
        self._arrives_at: list[int] = arrives_at.astype(np.int64).tolist()
        kinds = random.choice(len(rates), self._customers, p=rates / rates.sum())
        self._kinds: list[int] = kinds.tolist()
        self._service_ms: list[int] = self._durations(random, self._model.mean_service_s)
        self._patience_ms = self._durations(random, self._model.mean_patience_s)

    def _durations(self, random: np.random.Generator, mean_s: float) -> list[int]:
        if math.isinf(mean_s):
            return []
        drawn: list[int] = np.rint(random.exponential(1000 * mean_s, self._customers)).astype(np.int64).tolist()
        return drawn

    def run(self) -> Outcomes:
        """Serve every customer.

        Raises:
            RuntimeError: an actor refused what customers or desks did, so the run means nothing.
        """
        self._open()
        arrivals, agenda = self._arrives_at, self._agenda
        following = 0
        while self._left:
            if following < self._customers and (not agenda or arrivals[following] <= agenda[0][0]):
                self._now = arrivals[following]
                self._arrive(following)
                following += 1
            else:
                self._now, customer, agent = heappop(agenda)
                if agent:
                    self._tell(customer, AgentEnds(agent, interaction_of(customer)))
                elif customer in self._waiting_since:
                    self._tell(customer, CustomerLeft())
                else:
                    continue
            self._settle()
        if self._stage.refusals:
            raise RuntimeError(f"the centre refused: {self._stage.refusals[0].detail}")
        waited_s, services_s = np.array(self._waited_ms) / 1000, np.array(self._service_ms) / 1000
        return Outcomes(np.array(self._kinds), waited_s, np.array(self._abandoned), self._gaps_s, services_s)

    def _settle(self) -> None:
        """Let the centre act until no desk has anything to say at this instant.

        The only timers are those that delete ended sessions; they fire with the next batch.
        """
        while self._stage.told:
            self._stage.run(self._now)

    def _open(self) -> None:
        """Configure the centre and have every desk signed in."""
        plan = self._model.plan()
        self._stage.tell(address("centre", "main"), ApplyCentre(-1, "simulator", "", plan))
        self._settle()
        for name in plan.agents:
            self._stage.tell(address("agent", name), SignIn(LINK))
            self._stage.tell(address("agent", name), SetPresence(PresenceState.AVAILABLE))
        self._settle()

    def _arrive(self, customer: int) -> None:
        name = f"c{customer}"
        needs = self._needs[self._kinds[customer]]
        self._tell(customer, Arrive(name, CHANNEL, LINK, Customer(name), QUEUE, requirement=needs, retention_ms=0))
        self._waiting_since[customer] = self._now
        if self._patience_ms:
            heappush(self._agenda, (self._now + self._patience_ms[customer], customer, ""))

    def _tell(self, customer: int, message: Arrive | CustomerLeft | AgentEnds) -> None:
        self._stage.tell(Address(f"session/c{customer}"), message)

    def _committed(self, commit: Commit) -> None:
        if self._commits is not None:
            self._commits(commit)
        for _, event in read_entry(commit.journal)[0].events:
            if type(event) is ReservationMoved:
                if event.after is PENDING:
                    self._stage.tell(event.agent, AcceptOffer(event.reservation))
            elif type(event) is InteractionMoved:
                self._moved(event)

    def _moved(self, event: InteractionMoved) -> None:
        customer = int(event.interaction[1:-2])
        if event.after is CONNECTED:
            self._waited_ms[customer] = self._now - self._waiting_since.pop(customer)
            heappush(self._agenda, (self._now + self._service_ms[customer], customer, event.agent))
        elif event.after is ENDED:
            self._left -= 1
            since_at = self._waiting_since.pop(customer, None)
            if since_at is not None:
                self._waited_ms[customer] = self._now - since_at
                self._abandoned[customer] = True


def interaction_of(customer: int) -> str:
    """The interaction of the customer with this number."""
    return f"c{customer}/1"

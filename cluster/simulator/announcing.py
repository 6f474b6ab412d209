"""A centre whose queue tells those who wait how long it takes, and what became of each: the product's own actors, by day.

    arrival ---> session ---> queue <---> router          announce every 30 s
                    |            |           desk accepts at once
                    |            v
    patience is over       handling time is over          ShowNotice(expected) ---> noted with the instant

What would have become of somebody who gave up is known too: first come, first served by whoever is free first is a
recursion over arrivals (Kiefer and Wolfowitz, 1955), and everybody who was served must have waited as it says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import numpy as np

from actors.address import Address, address
from actors.events import InteractionMoved, ReservationMoved
from actors.messages.agent import AcceptOffer, SetPresence, SignIn
from actors.messages.centre import AgentConfig, Announce, ApplyCentre, CentrePlan, QueueConfig
from actors.messages.link import ShowNotice
from actors.messages.session import AgentEnds, Arrive, CustomerLeft
from actors.routing.expecting import Expected
from actors.values import Customer, InteractionState, PresenceState, Requirement, ReservationState, SkillLevel
from cluster.catalogue import load_catalogue
from cluster.invariants.entries import read_entry
from cluster.simulator.centre import OFFER_TIMEOUT_MS, OPENING_AT, QUEUE, interaction_of
from cluster.simulator.stage import LINK, Stage
from cluster.store.base import Commit

CHANNEL: Final = "any"
FIRST_AFTER_MS: Final = 10_000
EVERY_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class AnnouncingModel:
    """What to simulate; times in seconds, rates per second.

    Args:
        name: What the centre is called.
        kinds: Kinds of customers with their share. A kind's name is the skill that it needs.
        agents: For each agent, the kinds whose skill they have.
        capacity: Conversations at once, of each agent.
        mean_service_s: The mean handling time.
        service_spread: Standard deviation of the logarithm of handling times (lognormal); 0: exponential.
        mean_patience_s: After how long a waiting customer gives up (exponential); infinite for never.
        arrival_rate: The mean over the day.
        swing: By which share of it arrivals go up and down over the day, as a sine.
        day_s: How long a day is.
    """

    name: str
    kinds: dict[str, float]
    agents: tuple[frozenset[str], ...]
    mean_service_s: float
    arrival_rate: float
    mean_patience_s: float = math.inf
    capacity: int = 1
    service_spread: float = 0.0
    swing: float = 0.0
    day_s: float = 8 * 3600.0

    def plan(self) -> CentrePlan:
        """The configuration that agents, queue and router are given."""
        queue = address("queue", QUEUE)
        agents = {
            f"a{number:05}": AgentConfig(
                f"Agent {number}", tuple(map(SkillLevel, sorted(skills))), (queue,), {CHANNEL: self.capacity}, self.capacity
            )
            for number, skills in enumerate(self.agents, 1)
        }
        announce = Announce(first_after_ms=FIRST_AFTER_MS, every_ms=EVERY_MS)
        return CentrePlan({QUEUE: QueueConfig("Main", OFFER_TIMEOUT_MS, wrap_up_ms=0, announce=announce)}, agents, "{}")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Everything random about every customer, by number (ms)."""

    kinds: list[str]
    arrives_at: list[int]
    service_ms: list[int]
    patience_ms: list[int]


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer was told at an instant, and how much longer it took, or had taken if they had stayed (ms)."""

    customer: int
    kind: str
    at: int
    ahead: int
    expected: Expected
    took_ms: int


def draw(model: AnnouncingModel, customers: int, random: np.random.Generator) -> Drawn:
    """Arrivals by thinning (Lewis and Shedler, 1979), handling times and patience."""
    peak_rate = model.arrival_rate * (1 + model.swing)
    at_s = 1.0
    arrives_at: list[int] = []
    while len(arrives_at) < customers:
        at_s += float(random.exponential(1 / peak_rate))
        rate = model.arrival_rate * (1 + model.swing * math.sin(2 * math.pi * at_s / model.day_s))
        if random.random() * peak_rate <= rate:
            arrives_at.append(OPENING_AT + round(1000 * at_s))
    names, shares = list(model.kinds), np.array(list(model.kinds.values()))
    kinds = [names[number] for number in random.choice(len(names), customers, p=shares / shares.sum())]
    if model.service_spread:
        services = random.lognormal(
            math.log(model.mean_service_s) - model.service_spread**2 / 2, model.service_spread, customers
        )
    else:
        services = random.exponential(model.mean_service_s, customers)
    patience_ms: list[int] = []
    if math.isfinite(model.mean_patience_s):
        patience_ms = [round(1000 * left_s) for left_s in random.exponential(model.mean_patience_s, customers)]
    return Drawn(kinds, arrives_at, [round(1000 * service_s) for service_s in services], patience_ms)


class AnnouncingCentre:
    """One run. `commits` receives every commit, for the invariants checker."""

    def __init__(
        self,
        model: AnnouncingModel,
        customers: int,
        random: np.random.Generator,
        commits: Callable[[Commit], None] | None = None,
    ) -> None:
        catalogue = load_catalogue()
        self._stage, self._codec = Stage(catalogue, self._committed), catalogue.codec
        self._commits = commits
        self._model = model
        self._drawn = draw(model, customers, random)
        self._now = OPENING_AT
        #: (instant, customer, agent who is done or "" for patience that is over).
        self._agenda: list[tuple[int, int, str]] = []
        self._waiting: set[int] = set()
        self._waited_ms = [0] * customers
        self._abandoned = [False] * customers
        self._left = customers
        self._heard: list[tuple[int, int, int, Expected]] = []

    def run(self) -> list[Told]:
        """Serve every customer.

        Returns:
            Everything that was told.

        Raises:
            RuntimeError: an actor refused something, or somebody did not wait as the textbook says.
        """
        self._open()
        arrivals, agenda, following = self._drawn.arrives_at, self._agenda, 0
        while self._left:
            coming_at = arrivals[following] if following < len(arrivals) else None
            self._now = min(
                at for at in (coming_at, agenda[0][0] if agenda else None, self._stage.next_due_at()) if at is not None
            )
            if self._now == coming_at:
                self._arrive(following)
                following += 1
            elif agenda and agenda[0][0] == self._now:
                self._act(*heappop(agenda)[1:])
            self._run()
        if self._stage.refusals:
            raise RuntimeError(f"the centre refused: {self._stage.refusals[0].detail}")
        would_wait_ms = self._would_wait()
        return [
            Told(who, self._drawn.kinds[who], at, ahead, expected, self._drawn.arrives_at[who] + would_wait_ms[who] - at)
            for who, at, ahead, expected in self._heard
        ]

    @property
    def abandoned(self) -> list[bool]:
        """Who gave up."""
        return self._abandoned

    def _open(self) -> None:
        plan = self._model.plan()
        self._stage.tell(address("centre", "main"), ApplyCentre(-1, "simulator", "", plan))
        self._run()
        for name in plan.agents:
            self._stage.tell(address("agent", name), SignIn(LINK))
            self._stage.tell(address("agent", name), SetPresence(PresenceState.AVAILABLE))
        self._run()

    def _run(self) -> None:
        """Let the centre act until nobody has anything to say at this instant, and note what customers are told."""
        while True:
            for item in self._stage.run(self._now):
                notice = self._codec.message(item.body)
                if type(notice) is ShowNotice and notice.expected is not None:
                    self._heard.append((int(notice.conversation[1:]), self._now, notice.ahead, notice.expected))
            if not self._stage.told:
                return

    def _arrive(self, customer: int) -> None:
        name, kind = f"c{customer}", self._drawn.kinds[customer]
        needs = Requirement((SkillLevel(kind),))
        self._tell(customer, Arrive(name, CHANNEL, LINK, Customer(name), QUEUE, requirement=needs, retention_ms=0))
        self._waiting.add(customer)
        if self._drawn.patience_ms:
            heappush(self._agenda, (self._now + self._drawn.patience_ms[customer], customer, ""))

    def _act(self, customer: int, agent: str) -> None:
        if agent:
            self._tell(customer, AgentEnds(agent, interaction_of(customer)))
        elif customer in self._waiting:
            self._tell(customer, CustomerLeft())

    def _tell(self, customer: int, message: Arrive | CustomerLeft | AgentEnds) -> None:
        self._stage.tell(Address(f"session/c{customer}"), message)

    def _committed(self, commit: Commit) -> None:
        if self._commits is not None:
            self._commits(commit)
        for _, event in read_entry(commit.journal)[0].events:
            if type(event) is ReservationMoved:
                if event.after is ReservationState.PENDING:
                    self._stage.tell(event.agent, AcceptOffer(event.reservation))
            elif type(event) is InteractionMoved:
                self._moved(event)

    def _moved(self, event: InteractionMoved) -> None:
        customer = int(event.interaction[1:-2])
        if event.after is InteractionState.QUEUED:
            return
        if customer in self._waiting:
            self._waiting.discard(customer)
            self._waited_ms[customer] = self._now - self._drawn.arrives_at[customer]
            self._abandoned[customer] = event.after is InteractionState.ENDED
        if event.after is InteractionState.CONNECTED:
            heappush(self._agenda, (self._now + self._drawn.service_ms[customer], customer, event.agent))
        else:
            self._left -= 1

    def _would_wait(self) -> list[int]:
        """How long each had waited if they had stayed, given who of the others did not (ms)."""
        free_at = {
            kind: [number for number, skills in enumerate(self._model.agents) if kind in skills] for kind in self._model.kinds
        }
        slots = [[0] * self._model.capacity for _ in self._model.agents]
        would_wait_ms = []
        for customer, arrives_at in enumerate(self._drawn.arrives_at):
            agent = min(free_at[self._drawn.kinds[customer]], key=lambda number: slots[number][0])
            wait_ms = max(0, slots[agent][0] - arrives_at)
            would_wait_ms.append(wait_ms)
            if self._abandoned[customer]:
                continue
            if wait_ms != self._waited_ms[customer]:
                raise RuntimeError(f"customer {customer} waited {self._waited_ms[customer]} ms, and should have {wait_ms} ms")
            slots[agent][0] = arrives_at + wait_ms + self._drawn.service_ms[customer]
            slots[agent].sort()
        return would_wait_ms

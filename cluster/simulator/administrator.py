"""The simulated administrator: makes up contact-centre configurations and applies them, again and again until it is so."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from msgspec.structs import replace

from actors.actor import Message
from actors.address import Address, address
from actors.messages.centre import (
    AgentConfig,
    Announce,
    ApplyCentre,
    CentrePlan,
    CentreVersion,
    Lending,
    OverflowRule,
    QueueConfig,
    ReadCentre,
)
from actors.values import Attendance, PresenceState, SkillLevel
from cluster.config.edge import EdgeCentre
from cluster.edge import Edge
from cluster.errors import Refused, Unavailable
from cluster.simulator.plant import Plant
from cluster.simulator.returning import Returning
from cluster.simulator.sharing import Sharing, units_for

CENTRE = address("centre", "main")
PATIENCE_S = 4.0
#: What edges are told: simulated adapters know their doors themselves.
EDGE = EdgeCentre(names={"en": "Simulated"}, timezone="UTC", channels={}).to_json()
#: What becomes of an agent who does not answer.
NO_ANSWER = (PresenceState.NOT_RESPONDING, PresenceState.NOT_RESPONDING, PresenceState.AVAILABLE, PresenceState.AWAY)


class Administrator:
    """One person with strong opinions."""

    def __init__(
        self,
        plant: Plant,
        queues: list[str],
        agents: list[str],
        random: Random,
        sharing: Sharing | None = None,
        returning: Returning | None = None,
    ) -> None:
        self.plant = plant
        self.sharing = sharing or Sharing(0)
        self.returning = returning or Returning(0)
        self.queues = queues
        self.agents = agents
        self.random = random
        self.applied = 0
        #: What queues tell those who wait, and when; nothing by the clock in most runs.
        self.announce: Announce | None = None

    def plan(self, *, complete: bool) -> CentrePlan:
        """A configuration; a complete one has every queue and agent, and somebody for every need."""
        random = self.random
        queues = {}
        for name in self.queues:
            if complete or random.random() < 0.85:
                config = QueueConfig(
                    name, random.choice((4_000, 8_000)), random.choice((0, 2_000, 4_000)), random.choice((0, 3_000)), 5_000,
                    (SkillLevel("loans", 2),) if name == "loans" else (), announce=self.announce,
                    overflow=self._overflow(name),
                    lends=random.choice((None, Lending(), Lending(service_level_permille=500))),
                    at_once=random.choice((1, 1, 1, 2, 9)), every_ms=random.choice((0, 0, 2_500)),
                    no_answer_backoff_ms=random.choice((None, None, 1_000)), busy_backoff_ms=random.choice((None, 1_000)),
                    no_answer=random.choice((None, None, PresenceState.AVAILABLE)), prefer=self.returning.prefer(),
                )  # fmt: skip
                if complete and not config.reject_backoff_ms and config.no_answer_backoff_ms is None:
                    # Else whoever stays available and never answers is asked for ever, before all who would.
                    config = replace(config, no_answer_backoff_ms=1_000)
                queues[name] = config
        served = tuple(address("queue", name) for name in queues)
        agents = {}
        for index, name in enumerate(self.agents):
            if complete or random.random() < 0.9:
                agents[name] = self._agent(name, served, expert=complete and index < 2)
        return CentrePlan(queues, agents, EDGE)

    def _overflow(self, name: str) -> tuple[OverflowRule, ...]:
        """Some rules for some queues. Others may be gone, and circles are made: both must do no harm."""
        random = self.random
        others = [address("queue", other) for other in self.queues if other != name]
        if not others or random.random() < 0.3:
            return ()
        to = random.choice(others)
        every = (
            OverflowRule(
                after_ms=random.choice((1_000, 4_000)), queue=to, keeps_place=random.random() < 0.7,
                points=random.choice((0, 5)),
            ),
            OverflowRule(length=random.choice((1, 2)), queue=to),
            OverflowRule(length=random.choice((2, 4)), texts={"en": "All lines are busy.", "zh": "线路繁忙。"}),
            OverflowRule(nobody=random.choice((Attendance.SIGNED_IN, Attendance.AVAILABLE)), queue=to),
            OverflowRule(after_ms=random.choice((1_000, 4_000)), borrow=(to,), anybody=random.random() < 0.5),
            OverflowRule(after_ms=20_000, texts={"en": "Nobody came."}),
            OverflowRule(expected_ms=15_000, queue=to),
        )  # fmt: skip
        return tuple(random.sample(every, random.randint(1, 4)))

    def _agent(self, name: str, served: tuple[Address, ...], *, expert: bool) -> AgentConfig:
        random = self.random
        skills: tuple[SkillLevel, ...]
        if expert:
            skills = (SkillLevel("zh", 10), SkillLevel("loans", 10))
        else:
            skills = tuple(SkillLevel(skill, random.randint(1, 10)) for skill in ("zh", "loans") if random.random() < 0.6)
            served = tuple(queue for queue in served if random.random() < 0.8)
        capacity = {"webchat": random.randint(1, 3), "sms": random.randint(1, 2)}
        rules = self.sharing.rules(("webchat", "sms"))
        units = units_for(random.randint(1, 3), rules)
        return AgentConfig(
            name.upper(), skills, served, capacity, units, random.random() < 0.1, 4_000, capacity_rules=rules,
            max_offers=random.choice((0, 0, 0, 1, 2)), no_answer=random.choice(NO_ANSWER),
            sign_out_after=random.choice((0, 0, 2)),
        )  # fmt: skip

    async def apply(self, plan: CentrePlan) -> None:
        """Make a configuration the current one, as the command line does: read the version, then replace just that one."""
        self.applied += 1
        source = f"version {self.applied}"
        while True:
            now = await self._ask(ReadCentre())
            if isinstance(now, CentreVersion):
                if now.source == source:
                    return
                await self._ask(ApplyCentre(now.version, "admin", source, plan))
            else:
                await asyncio.sleep(0.2)

    async def _ask(self, message: Message) -> object:
        """Ask in the process of an edge; one that dies meanwhile never answers."""
        edges = list(self.plant.edges.items())
        if not edges:
            return None
        name, edge = self.random.choice(edges)
        asking = self.plant.loop.create_task(asked(edge, message), context=self.plant.processes[name].context)
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE_S + 1.0)
        return asking.result() if done else None

    async def meddle(self, until: float) -> None:
        """Change the configuration now and then."""
        while self.plant.loop.time() < until:
            await asyncio.sleep(self.random.uniform(5.0, 20.0))
            if self.plant.loop.time() < until:
                await self.apply(self.plan(complete=False))


async def asked(edge: Edge, message: Message) -> object:
    """An actor's answer, or None when there was none in time or it refused. To be run in the edge's process."""
    with contextlib.suppress(Refused, Unavailable):
        return await edge.ask(CENTRE, message, PATIENCE_S)
    return None

"""One simulated world: machines, adapters and people, first with things breaking, then in peace, then judged."""

from __future__ import annotations

import asyncio
from random import Random

from actors.address import ShardId
from actors.messages.centre import Announce
from cluster.catalogue import Catalogue
from cluster.simulator.adapter import SimAdapter
from cluster.simulator.administrator import Administrator
from cluster.simulator.agents import SimAgent
from cluster.simulator.archivist import Archivist
from cluster.simulator.customers import SimCustomer
from cluster.simulator.faults import Faults
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.options import Scale
from cluster.simulator.oracle import Oracle
from cluster.simulator.plant import Plant
from cluster.simulator.returning import Returning
from cluster.simulator.sharing import Sharing

ADAPTERS = ("webchat-1", "webchat-2", "desk-1", "desk-2")
#: How often the end of the calm is looked for.
LOOK_EVERY_S = 0.5
#: In one seed of this many the queues announce by the clock; the others tell the stories that they always told.
ANNOUNCE_EVERY = 4
#: Longer than every back-off, grace time and wrap-up, so that what is still open then is stuck.
AFTERMATH_S = 6.0


class World:
    """Everything in one run."""

    def __init__(self, loop: VirtualLoop, seed: int, scale: Scale, catalogue: Catalogue) -> None:
        self.loop = loop
        self.seed = seed
        self.scale = scale
        self.plant = Plant(loop, Random(f"{seed}:plant"), catalogue, scale.machinery)
        self.oracle = Oracle(loop)
        self.queues = ["cards", "loans", "fraud"][: Random(f"{seed}:queues").randint(1, 3)]
        self.agent_names = [f"a{number}" for number in range(1, scale.agents + 1)]
        self.retention_ms = 600_000
        self.is_calm = False
        self.is_closing = False
        #: What time it was for each shard in the end.
        self.shard_times: dict[ShardId, int] = {}
        self.adapters: dict[str, SimAdapter] = {}
        self.customers: list[SimCustomer] = []
        self.agents = [SimAgent(self, name, Random(f"{seed}:agent:{name}")) for name in self.agent_names]
        #: Where an operator's command line runs.
        self.operator = self.plant.process("operator")
        # Deadlines must end what a person does not; the first two are the experts, who can serve everybody.
        self.agents[-1].is_lazy = len(self.agents) > 3
        self.sharing = Sharing(seed)
        self.returning = Returning(seed)
        self.admin = Administrator(
            self.plant, self.queues, self.agent_names, Random(f"{seed}:admin"), self.sharing, self.returning
        )
        if seed % ANNOUNCE_EVERY == 2:
            self.admin.announce = Announce(first_after_ms=500, every_ms=1_500)
        self.faults = Faults(self, Random(f"{seed}:faults"))
        self.archivist = Archivist(self.plant, Random(f"{seed}:archive"))
        self._random = Random(f"{seed}:world")

    # -- adapters -------------------------------------------------------------------------------------------------

    def start_adapter(self, name: str) -> None:
        """Start an adapter process, the first or the next life of it."""
        if name in self.adapters and self.adapters[name].is_alive:
            return
        process = self.plant.process(name)
        incarnation = self.plant.next_life()
        self.adapters[name] = SimAdapter(
            self.plant.network, process, incarnation, self.scale.window, self.scale.machinery.edges,
            self.oracle.evidence, self.oracle.handled,
        )  # fmt: skip

    def kill_adapter(self, name: str, edge_hears_after_s: float) -> None:
        """An adapter process dies; the windows that were connected to it see their connection break."""
        adapter = self.adapters[name]
        wire = adapter.link.wire
        self.plant.kill(name)
        if wire is not None:
            wire.snap(None, edge_hears_after_s)
        for seat in list(adapter.seats.values()):
            seat.detach()

    def some_adapter(self, kind: str, random: Random) -> SimAdapter | None:
        """One that runs, or nothing."""
        alive = [adapter for name, adapter in self.adapters.items() if name.startswith(kind) and adapter.is_alive]
        return random.choice(alive) if alive else None

    # -- the run --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Begin, break, heal, settle."""
        plant = self.plant
        for edge in self.scale.machinery.edges:
            plant.start_edge(edge)
        await plant.start_supervisor()
        await self.admin.apply(self.admin.plan(complete=True))
        for name in ADAPTERS:
            self.start_adapter(name)
        begun_at = self.loop.time()
        until = begun_at + self.scale.chaos_s
        lives = [self.loop.create_task(self._customer(number, until)) for number in range(self.scale.customers)]
        shifts = [self.loop.create_task(agent.work()) for agent in self.agents]
        archiving = self.loop.create_task(self.archivist.work(until))
        meddling = self.loop.create_task(self.admin.meddle(until - 5.0))
        await self.faults.rage(until)
        await self.faults.heal()
        self.is_calm = True
        if self.oracle.evidence.losses:
            for window in (*self.customers, *self.agents):
                window.detach()  # What they show may be lost; they find out by coming back.
        await meddling
        await archiving
        await self.admin.apply(self.admin.plan(complete=True))
        await self._settle(lives)
        self.is_closing = True
        self.shard_times = plant.shard_times()
        del shifts

    async def _customer(self, number: int, until: float) -> None:
        random = Random(f"{self.seed}:customer:{number}")
        await asyncio.sleep(random.uniform(0.0, max(1.0, until - self.loop.time() - 8.0)))
        for visit in range(self.returning.visits(random.choice((1, 1, 1, 2)))):
            customer = SimCustomer(self, f"c{number}", visit, random)
            self.customers.append(customer)
            await customer.live()
            await asyncio.sleep(random.uniform(0.5, 4.0))

    async def _settle(self, lives: list[asyncio.Task[None]]) -> None:
        """Wait until everybody was served or has left and nothing is under way, within the calm's limit."""
        limit = self.loop.time() + self.scale.calm_s
        while self.loop.time() < limit:
            await asyncio.sleep(LOOK_EVERY_S)
            if all(life.done() for life in lives) and not self.open_ends():
                break
        await asyncio.sleep(AFTERMATH_S)
        for life in lives:
            if life.done() and life.exception() is not None:
                raise RuntimeError("a simulated customer failed") from life.exception()
        for end in self.open_ends():
            self.oracle.violations.append(f"liveness: {self.scale.calm_s:g} s after all was healed, {end}")

    def open_ends(self) -> list[str]:
        """What is still under way, in words."""
        present = [customer for customer in self.customers if not customer.is_away and not customer.is_over]
        ends = [f"{customer.conversation} is not over" for customer in present]
        ends += [
            f"{customer.conversation} has not been told the answer to {type(saying.message).__name__}"
            for customer in present
            for saying in customer.unaccepted
        ]
        for name, adapter in self.adapters.items():
            if adapter.link.unsettled:
                ends.append(f"{name} has {adapter.link.unsettled} events that were never answered")
        for agent in self.agents:
            ends += [f"{agent.name} still has {held.reservation} ({held.state})" for held in agent.reservations.values()]
        for name, host in self.plant.hosts.items():
            for shard in host.shards.values():
                lanes = [f"{destination}" for destination in shard.outbox.destinations()]
                if lanes:
                    ends.append(f"shard {shard.id} on {name} still holds messages for {', '.join(lanes)}")
        return ends

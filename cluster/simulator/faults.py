"""What goes wrong, when, and how it is made good again: drawn from the seed, some kinds in each run.

Keeps: after `heal` every process runs, every wire can be made, the network and the store are as they should be; only
clocks stay as wrong as they are, and what was lost stays lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING

from cluster.errors import PeerGone
from cluster.invariants.evidence import LossWindow
from cluster.simulator.store import STORE, StoreWeather
from cluster.simulator.transport import Network, Weather
from cluster.transport import SUPERVISOR

if TYPE_CHECKING:
    from cluster.simulator.world import World

#: A store that fsyncs every second may lose a little more than one.
LAX_LOSS_MS = 1_000
#: Until every host has found out that the store lost data, it may still confirm what is gone.
LAX_NOTICE_MS = 4_000

Fault = Callable[[], Awaitable[None]]


class Faults:
    """Breaks things in a world."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.counts: dict[str, int] = {}
        self.story: list[str] = []
        self._under_way: list[asyncio.Task[None]] = []
        kinds: dict[str, Fault] = {
            "kill_host": self._kill_host,
            "freeze_host": self._freeze_host,
            "kill_edge": self._kill_edge,
            "freeze_edge": self._freeze_edge,
            "kill_supervisor": self._kill_supervisor,
            "freeze_supervisor": self._freeze_supervisor,
            "kill_adapter": self._kill_adapter,
            "break_wire": self._break_wire,
            "replace_supervisor": self._replace_supervisor,
            "cut": self._cut,
            "split": self._split,
            "jump_clock": self._jump_clock,
            "stop_store": self._stop_store,
            "foul_network": self._foul_network,
            "foul_store": self._foul_store,
            "drain_host": self._drain_host,
            "join_host": self._join_host,
            "lose_machine": self._lose_machine,
        }
        names = list(kinds)
        chosen = random.sample(names, random.randint(3, len(names)))
        self._kinds = [(name, kinds[name]) for name in names if name in chosen]
        self._joined = 0

    # -- the schedule ---------------------------------------------------------------------------------------------

    async def rage(self, until: float) -> None:
        """Break something now and then until the chaos is over."""
        loop, rate = self.world.loop, self.world.scale.faults_per_s
        while rate:
            pause = self.random.expovariate(rate)
            if loop.time() + pause > until:
                break
            await asyncio.sleep(pause)
            name, fault = self.random.choice(self._kinds)
            self.counts[name] = self.counts.get(name, 0) + 1
            self._under_way.append(loop.create_task(self._run(name, fault)))
        await asyncio.sleep(max(0.0, until - loop.time()))

    async def heal(self) -> None:
        """Let what is under way end, then put everything right."""
        plant = self.world.plant
        await asyncio.gather(*self._under_way)
        network = plant.network
        network.cut.clear()
        network.weather = Weather()
        plant.store.weather = StoreWeather()
        if plant.store.is_down:
            plant.store.start()
        for process in list(plant.processes.values()):
            plant.loop.thaw(process)
        plant.held_down.clear()
        for name in (SUPERVISOR, *self.world.scale.machinery.edges):
            plant.revive(name)
        for name in list(self.world.adapters):
            self.world.start_adapter(name)

    async def _run(self, name: str, fault: Fault) -> None:
        self.tell(name)
        await fault()

    def tell(self, what: str) -> None:
        """A line of the run's story."""
        self.story.append(f"{self.world.loop.time():9.3f}  {what}")

    # -- processes ------------------------------------------------------------------------------------------------

    def _some_host(self) -> str | None:
        hosts = [name for name in self.world.plant.hosts if not self.world.plant.processes[name].is_frozen]
        return self.random.choice(hosts) if hosts else None

    async def _kill(self, name: str, down_s: float) -> None:
        plant = self.world.plant
        self.tell(f"kill {name}, back in {down_s:.1f} s")
        plant.held_down.add(name)
        self._snap_wires(name)
        plant.kill(name)
        await asyncio.sleep(down_s)
        plant.held_down.discard(name)
        plant.revive(name)

    async def _kill_host(self) -> None:
        name = self._some_host()
        if name is not None:
            await self._kill(name, self.random.choice((0.0, 0.0, 3.0)))

    async def _lose_machine(self) -> None:
        """Two processes at once."""
        names = [name for name in (self._some_host(), self.random.choice((SUPERVISOR, "gw-1", "gw-2"))) if name]
        await asyncio.gather(*(self._kill(name, self.random.uniform(0.0, 4.0)) for name in names))

    async def _kill_edge(self) -> None:
        edges = list(self.world.plant.edges)
        if edges:
            await self._kill(self.random.choice(edges), self.random.choice((0.0, 2.0)))

    async def _kill_supervisor(self) -> None:
        await self._kill(SUPERVISOR, self.random.choice((0.0, 2.0)))

    async def _kill_adapter(self) -> None:
        name = self.random.choice(list(self.world.adapters))
        if self.world.adapters[name].is_alive:
            self.tell(f"kill {name}")
            self.world.kill_adapter(name, self.random.choice((0.001, 0.001, 5.0)))
            await asyncio.sleep(self.random.uniform(0.2, 3.0))
            self.world.start_adapter(name)

    async def _freeze(self, name: str, seconds: float) -> None:
        plant = self.world.plant
        process = plant.processes.get(name)
        if process is not None:
            self.tell(f"freeze {name} for {seconds:.1f} s")
            plant.loop.freeze(process)
            await asyncio.sleep(seconds)
            plant.loop.thaw(process)

    async def _freeze_host(self) -> None:
        name = self._some_host()
        if name is not None:
            await self._freeze(name, self.random.choice((0.5, 2.0, 4.0, 8.0)))

    async def _freeze_edge(self) -> None:
        edges = list(self.world.plant.edges)
        if edges:
            name = self.random.choice(edges)
            if self.random.random() < 0.5:
                # Adapters that see no sign of life go elsewhere, and the edge finds out when it wakes.
                self.world.loop.call_later(1.5, self._snap_wires, name)
            await self._freeze(name, self.random.uniform(0.5, 6.0))

    async def _freeze_supervisor(self) -> None:
        await self._freeze(SUPERVISOR, self.random.uniform(0.5, 8.0))

    async def _replace_supervisor(self) -> None:
        """The supervisor hangs, another is started in its place, and then it wakes."""
        plant, random = self.world.plant, self.random
        hung = plant.processes.get(SUPERVISOR)
        if hung is None or hung.is_frozen:
            return
        plant.loop.freeze(hung)
        await asyncio.sleep(random.uniform(0.0, 4.0))
        self.tell("start another supervisor")
        plant.processes.pop(SUPERVISOR, None)
        plant.start_supervisor()
        await asyncio.sleep(random.uniform(0.0, 5.0))
        plant.loop.thaw(hung)

    def _snap_wires(self, edge: str) -> None:
        for adapter in self.world.adapters.values():
            wire = adapter.link.wire
            if wire is not None and wire.edge_name == edge:
                wire.snap(self.random.uniform(0.001, 0.5), 0.001)

    async def _break_wire(self) -> None:
        wires = [adapter.link.wire for adapter in self.world.adapters.values() if adapter.link.wire is not None]
        if wires:
            wire = self.random.choice(wires)
            self.tell(f"break the wire of {wire.near.name} to {wire.edge_name}")
            # Either end may take its time to find out: a half-open connection.
            wire.snap(self.random.choice((0.001, 2.0)), self.random.choice((0.001, 6.0)))

    # -- between processes ----------------------------------------------------------------------------------------

    async def _cut(self) -> None:
        """Some pairs cannot reach each other, in one direction or both."""
        plant, random = self.world.plant, self.random
        names = [*plant.processes, STORE]
        victim = random.choice([*plant.hosts, *plant.edges, SUPERVISOR])
        others = [name for name in names if name != victim and random.random() < random.choice((0.3, 1.0))]
        directions = random.choice(("both", "to", "from"))
        pairs = {(victim, other) for other in others if directions != "from"}
        pairs |= {(other, victim) for other in others if directions != "to"}
        self.tell(f"cut {directions} {victim}: {', '.join(others)}")
        network = plant.network
        added = pairs - network.cut
        network.cut |= added
        if victim in plant.edges:
            self._snap_wires(victim)
        await asyncio.sleep(random.choice((0.5, 2.0, 5.0, 8.0)))
        network.cut -= added

    async def _split(self) -> None:
        """The machines fall into two groups that cannot reach each other."""
        plant, random = self.world.plant, self.random
        names = [*plant.processes, STORE]
        island = [name for name in names if random.random() < 0.4]
        mainland = [name for name in names if name not in island]
        pairs = {(one, other) for one in island for other in mainland} | {(other, one) for one in island for other in mainland}
        self.tell(f"split off {', '.join(island)}")
        network = plant.network
        added = pairs - network.cut
        network.cut |= added
        for adapter in self.world.adapters.values():
            wire = adapter.link.wire
            if wire is not None and network.is_cut(adapter.name, wire.edge_name):
                wire.snap(random.uniform(0.001, 2.0), random.uniform(0.001, 6.0))
        await asyncio.sleep(random.choice((0.5, 2.0, 5.0, 8.0)))
        network.cut -= added

    async def _foul_network(self) -> None:
        random, network = self.random, self.world.plant.network
        network.weather = Weather(
            delay_s=random.choice((0.0008, 0.005, 0.02)),
            slow=random.choice((0.0, 0.05, 0.3)),
            slow_s=random.choice((0.1, 0.5, 3.0)),
            lose_request=random.choice((0.0, 0.03, 0.1)),
            lose_reply=random.choice((0.0, 0.03, 0.1)),
            repeat=random.choice((0.0, 0.1, 0.3)),
            reset=random.choice((1.0, 0.8)),
        )
        self.tell(f"{network.weather}")
        await self._until_better(network)

    async def _until_better(self, network: Network) -> None:
        foul = network.weather
        await asyncio.sleep(self.random.uniform(2.0, 12.0))
        if network.weather is foul:
            network.weather = Weather()

    async def _jump_clock(self) -> None:
        clocks = self.world.plant.clocks
        name = self.random.choice(list(clocks))
        jump_ms = int(self.random.choice((-1, 1)) * 10 ** self.random.uniform(2.0, 7.0))
        clocks[name].error_ms += jump_ms
        self.tell(f"the clock of {name} jumps by {jump_ms} ms")

    # -- the store ------------------------------------------------------------------------------------------------

    async def _stop_store(self) -> None:
        store, random = self.world.plant.store, self.random
        if store.is_down:
            return
        down_s = random.choice((0.2, 1.0, 4.0))
        lost_ms = random.randint(50, LAX_LOSS_MS) if self.world.scale.lax else 0
        lost = store.crash(lost_ms)
        if lost_ms:
            now = self.world.oracle.now_ms
            self.world.oracle.evidence.losses.append(LossWindow(now - lost_ms, now + int(down_s * 1000) + LAX_NOTICE_MS))
        self.tell(f"stop the store for {down_s} s; {lost} operations of the last {lost_ms} ms are lost")
        await asyncio.sleep(down_s)
        store.start()

    async def _foul_store(self) -> None:
        random, store = self.random, self.world.plant.store
        foul = StoreWeather(
            delay_s=random.choice((0.0006, 0.004, 0.02)),
            slow=random.choice((0.0, 0.1)),
            slow_s=random.choice((0.2, 2.0)),
            lose_request=random.choice((0.0, 0.05)),
            lose_reply=random.choice((0.0, 0.05, 0.2)),
            break_off=random.choice((0.0, 0.2)),
        )
        store.weather = foul
        self.tell(f"{foul}")
        await asyncio.sleep(random.uniform(2.0, 10.0))
        if store.weather is foul:
            store.weather = StoreWeather()

    # -- on purpose -----------------------------------------------------------------------------------------------

    async def _drain_host(self) -> None:
        name = self._some_host()
        if name is not None and not name.startswith("pin:") and len(self.world.plant.hosts) > 2:
            self.tell(f"drain {name}")
            await self._ask_supervisor("drain", name)

    async def _join_host(self) -> None:
        if self._joined < 2:
            self._joined += 1
            self.tell(f"join host-x{self._joined}")
            await self._ask_supervisor("join", f"host:host-x{self._joined}")

    async def _ask_supervisor(self, method: str, argument: str) -> None:
        """As an operator would: once, and never mind the answer."""
        network = self.world.plant.network
        process = self.world.operator
        try:
            await network.call(process, SUPERVISOR, method, argument.encode(), 20.0)
        except PeerGone as problem:
            self.tell(f"{method} {argument}: {problem}")

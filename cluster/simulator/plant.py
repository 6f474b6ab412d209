"""The simulated machines: supervisor, hosts and edges as processes that can die, freeze, be cut off and come back.

Keeps: each process has its own clock, its own connection to the store and its own way to the others; who dies loses
everything in memory at once; what runs is the product's own code.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from actors.address import Placement, ShardId
from cluster.admission import AdmissionOptions
from cluster.catalogue import Catalogue
from cluster.edge import Edge
from cluster.host.host import Host, HostOptions
from cluster.simulator.clock import WallClock
from cluster.simulator.loop import Process, VirtualLoop
from cluster.simulator.store import SimStore, StoreServer
from cluster.simulator.transport import WORLD, Network, SimTransport
from cluster.supervisor.supervisor import Supervisor, SupervisorOptions
from cluster.transport import SUPERVISOR


@dataclass(slots=True)
class Machinery:
    """How many processes there are, and how they are set up."""

    hosts: int = 2
    spares: int = 1
    shards: int = 4
    pinned_kinds: tuple[str, ...] = ()
    edges: tuple[str, ...] = ("gw-1", "gw-2")
    host_options: HostOptions = field(default_factory=HostOptions)
    admission: AdmissionOptions = field(default_factory=AdmissionOptions)
    lease_s: float = 3.0
    check_every_s: float = 1.0
    #: How long a process takes to start.
    boot_s: float = 0.5


class Plant:
    """Starts, ends and loses processes; to the supervisor it is the `Launcher`."""

    def __init__(self, loop: VirtualLoop, random: Random, catalogue: Catalogue, machinery: Machinery) -> None:
        self.loop = loop
        self.random = random
        self.machinery = machinery
        self.network = Network(loop, Random(random.random()))
        self.store = StoreServer(loop, self.network, Random(random.random()))
        self.placement = Placement(machinery.shards, machinery.pinned_kinds)
        self.processes: dict[str, Process] = {}
        self.clocks: dict[str, WallClock] = {}
        self.hosts: dict[str, Host] = {}
        self.edges: dict[str, Edge] = {}
        self.supervisor: Supervisor | None = None
        #: Names that are not started again until taken out: machines that are down.
        self.held_down: set[str] = set()
        self._catalogue = catalogue
        self._lives = 0
        self._booting: dict[str, asyncio.Event] = {}
        self._deaths: dict[Process, asyncio.Event] = {}
        self._stopped: set[str] = set()

    # -- processes ------------------------------------------------------------------------------------------------

    def process(self, name: str) -> Process:
        """A new process of this name, with the clock of its machine."""
        process = Process(name)
        self.processes[name] = process
        self.clocks.setdefault(name, WallClock(self.loop))
        self._deaths[process] = asyncio.Event()
        return process

    def next_life(self) -> str:
        """A name for one life of a process."""
        self._lives += 1
        return str(self._lives)

    def is_running(self, name: str) -> bool:
        process = self.processes.get(name)
        return process is not None and not process.is_dead

    def kill(self, name: str) -> None:
        """SIGKILL. Whoever called it hears so; the launcher starts hosts, edges and the supervisor again."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        self.loop.kill(process)
        self.network.died(process)
        self.hosts.pop(name, None)
        self.edges.pop(name, None)
        if name == SUPERVISOR:
            self.supervisor = None
        self.loop.call_later(self.network.delay() * 10, self._deaths.pop(process).set, context=WORLD)

    def revive(self, name: str) -> None:
        """Start a process again after its boot time, unless it runs, is wanted gone, or its machine is down."""
        if name not in self._booting and not self.is_running(name):
            self._booting[name] = asyncio.Event()
            self.loop.call_later(self.machinery.boot_s * (0.5 + self.random.random()), self._boot, name, context=WORLD)

    def _boot(self, name: str) -> None:
        booted = self._booting.pop(name)
        if not self.is_running(name) and name not in self.held_down and name not in self._stopped:
            if name == SUPERVISOR:
                self.start_supervisor()
            elif name in self.machinery.edges:
                self.start_edge(name)
            else:
                self._start_host(name)
        booted.set()

    # -- the three kinds ------------------------------------------------------------------------------------------

    def start_supervisor(self) -> asyncio.Task[None]:
        """Start a supervisor; done when every shard has a host."""
        process = self.process(SUPERVISOR)
        machinery = self.machinery
        options = SupervisorOptions(machinery.hosts, machinery.spares, machinery.lease_s, machinery.check_every_s, 64)
        store, transport = self._reach(process)
        launcher = _Launcher(self, process)
        supervisor = process.context.run(Supervisor, store, transport, launcher, self.placement, options)
        self.supervisor = supervisor
        return self.loop.create_task(self._open(process, supervisor), context=process.context)

    async def _open(self, process: Process, supervisor: Supervisor) -> None:
        """A supervisor can be called once it has read how things stand, as behind its Ray shell.

        The name leads to the newest process, as in Ray: not to an earlier one that hung, and ends its start only now.
        """
        await supervisor.start()
        if self.supervisor is supervisor:
            self.network.add(SUPERVISOR, process, supervisor)

    def start_edge(self, name: str) -> None:
        process = self.process(name)
        edge = process.context.run(
            Edge, name, self.next_life(), SimTransport(self.network, process), self.placement, self._catalogue.codec,
            self.clocks[name], self.machinery.admission,
        )  # fmt: skip
        self.edges[name] = edge
        self.network.add(name, process, edge)

    def _start_host(self, name: str) -> None:
        process = self.process(name)
        store, transport = self._reach(process)
        host = process.context.run(
            Host, name, self.next_life(), store, transport, self.placement, self._catalogue.actor_types,
            self._catalogue.codec, self.clocks[name], self.machinery.host_options,
        )  # fmt: skip
        self.hosts[name] = host
        self.network.add(name, process, host)

    def _reach(self, process: Process) -> tuple[SimStore, SimTransport]:
        return SimStore(self.store, process), SimTransport(self.network, process)

    def shard_times(self) -> dict[ShardId, int]:
        """What time it is for every shard that runs, which may be far from the truth."""
        return {shard.id: host.time_of(shard) for host in self.hosts.values() for shard in host.shards.values()}

    # -- for the launcher -----------------------------------------------------------------------------------------

    async def host_started(self, name: str) -> None:
        """Start a host unless it runs, and wait until it does."""
        self._stopped.discard(name)
        if not self.is_running(name):
            self.revive(name)
            await self._booting[name].wait()

    def host_stopped(self, name: str) -> None:
        """End a host for good."""
        self._stopped.add(name)
        self.kill(name)

    async def death_of(self, name: str) -> None:
        """Return when the process that has this name now is dead."""
        process = self.processes.get(name)
        death = None if process is None else self._deaths.get(process)
        if death is not None:
            await death.wait()


class _Launcher:
    """See `cluster.supervisor.supervisor.Launcher`."""

    def __init__(self, plant: Plant, process: Process) -> None:
        self._plant = plant
        self._process = process

    async def start_host(self, name: str) -> None:
        await self._plant.host_started(name)

    async def stop_host(self, name: str) -> None:
        self._plant.host_stopped(name)

    async def wait_for_death(self, name: str) -> None:
        await self._plant.death_of(name)

    async def restart(self, peer: str) -> None:
        self._plant.kill(peer)
        self._plant.revive(peer)

    async def resign(self) -> None:
        if self._plant.processes.get(SUPERVISOR) is self._process:
            await self.restart(SUPERVISOR)

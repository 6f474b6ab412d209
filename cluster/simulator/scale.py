"""`trunkline simulate scale`: clusters of more hosts than a machine has, each host with the same load.

What is measured is what grows with the number of hosts and what does not: calls an event, messages a call, commits, the
shard table, what the supervisor does for its own upkeep, and how long a death, a join and a leave take. Network and store
are delays (`Delays`, measured on the reference machine); processors are infinitely fast, so batches are the smallest
that there can be, and calls an event an upper bound. Processor time is what the product's own code took on this machine.

Keeps: every run ends with the checker's verdict over all journals.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from actors.address import Address, ShardId
from actors.messages.centre import ApplyCentre, CentrePlan
from cluster.catalogue import load_catalogue
from cluster.codec import encode
from cluster.invariants.checker import Checker
from cluster.simulator.administrator import asked
from cluster.simulator.crowd import Crowd, Habits
from cluster.simulator.logbook import Logbook
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.plant import Machinery, Plant
from cluster.simulator.run import feed
from cluster.simulator.store import StoreWeather
from cluster.simulator.tally import Tally, kind_of
from cluster.simulator.transport import Weather
from cluster.supervisor.supervisor import SupervisorOptions
from cluster.transport import SUPERVISOR
from cluster.wire import ShardTable, table_decoder

ROUTER = Address("router/main")
LIMIT_S = 600.0
PAGE = 1_000
LOOK_EVERY_S = 0.005
#: Until everybody who came at the start has been taken.
SETTLING_S = 5.0
#: After each change of the cluster.
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Delays:
    """Means (ms): a call there and back between two processes, and a commit, on disk. Each varies by half either way."""

    call_ms: float = 0.8
    commit_ms: float = 1.5


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """How large, and what load. `sessions` are for each host."""

    hosts: int = 2
    shards: int = 512
    hosts_a_gateway: int = 2
    sessions: int = 50
    message_every_s: float = 25.0
    handling_s: float = 150.0
    ramp_s: float = 8.0
    measured_s: float = 6.0
    seed: int = 1
    delays: Delays = field(default_factory=Delays)


@dataclass(slots=True)
class ScaleResult:
    """One size. Rates are for each second of virtual time; `_s` after a change is until every shard was run again."""

    hosts: int
    gateways: int
    shards: int
    sessions: int = 0
    events_per_s: float = 0.0
    arrivals_per_s: float = 0.0
    calls_per_event: float = 0.0
    messages_per_call: float = 0.0
    commits_per_event: float = 0.0
    commits_per_s: float = 0.0
    store_bytes_per_event: float = 0.0
    domain_turns_per_s: float = 0.0
    table_bytes: int = 0
    table_push_bytes: int = 0
    supervisor_calls_per_s: float = 0.0
    supervisor_bytes_per_s: float = 0.0
    supervisor_cpu_ms_per_s: float = 0.0
    gateway_cpu_us_per_event: float = 0.0
    host_cpu_us_per_event: float = 0.0
    upkeep_calls_per_host_per_s: float = 0.0
    death_s: float = 0.0
    death_moved: int = 0
    silence_s: float = 0.0
    silence_moved: int = 0
    join_s: float = 0.0
    join_moved: int = 0
    leave_s: float = 0.0
    leave_moved: int = 0
    took_s: float = 0.0
    violations: list[str] = field(default_factory=list)


def simulate_scale(options: ScaleOptions) -> ScaleResult:
    """Run one size and judge it."""
    begun_s = time.perf_counter()
    with Logbook() as logbook:
        run = ScaleRun(options)
        try:
            run.loop.run(run.run(), limit_s=LIMIT_S)
        except TimeoutError as problem:
            run.result.violations.append(f"liveness: {problem}")
    run.crowd.evidence.logs.append(logbook.text)
    result = run.result
    result.violations += [f"DEFECT {what}" for what in dict.fromkeys([*run.loop.failures, *logbook.defects])]
    result.violations += list(dict.fromkeys(run.crowd.refusals))
    result.violations += run.judge()
    result.took_s = time.perf_counter() - begun_s
    return result


class ScaleRun:
    """One cluster: filled, measured, changed four times under load, emptied."""

    def __init__(self, options: ScaleOptions) -> None:
        self.options = options
        self.loop = VirtualLoop()
        gateways = math.ceil(options.hosts / options.hosts_a_gateway)
        edges = tuple(f"gw-{number}" for number in range(1, gateways + 1))
        machinery = Machinery(
            hosts=options.hosts, shards=options.shards, edges=edges, check_every_s=SupervisorOptions().check_every_s
        )
        self.plant = Plant(self.loop, Random(f"{options.seed}:plant"), load_catalogue(), machinery)
        self.plant.network.weather = Weather(delay_s=options.delays.call_ms / 2000)
        self.plant.store.weather = StoreWeather(delay_s=options.delays.commit_ms / 2000)
        habits = Habits(options.sessions * options.hosts, options.message_every_s, options.handling_s)
        self.crowd = Crowd(self.plant, habits, Random(f"{options.seed}:crowd"))
        self.result = ScaleResult(options.hosts, gateways, options.shards, habits.sessions)
        self._operator = self.plant.process("operator")
        self._shard_times: dict[ShardId, int] = {}

    async def run(self) -> None:
        """From an empty cluster to an empty cluster."""
        options, plant, crowd = self.options, self.plant, self.crowd
        for edge in plant.machinery.edges:
            plant.start_edge(edge)
        await plant.start_supervisor()
        plan = crowd.plan()
        await self._configure(plan)
        crowd.sign_in(list(plan.agents))
        await self._until(lambda: not crowd.unsettled)
        crowd.gather(options.ramp_s)
        await asyncio.sleep(options.ramp_s + SETTLING_S)
        await self._measure()
        await self._change()
        crowd.end_all()
        await self._until(lambda: not crowd.talks and not crowd.unsettled)
        # Longer than any session is kept, so that its end is in the journals too.
        await asyncio.sleep(crowd.habits.retention_s + 2 * REST_S)
        self._shard_times = plant.shard_times()

    async def _configure(self, plan: CentrePlan) -> None:
        edge = next(iter(self.plant.edges))
        context = self.plant.processes[edge].context
        answer = None
        while answer is None:
            asking = asked(self.plant.edges[edge], ApplyCentre(-1, "simulator", "", plan))
            answer = await self.loop.create_task(asking, context=context)

    # -- while nothing changes ------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        plant, crowd, result, tally = self.plant, self.crowd, self.result, Tally(self.plant)
        processes = list(plant.processes.values())
        frames, connected, domain = crowd.frames, crowd.connected, self._domain_turns()
        busy_s = {process: process.busy_s for process in processes}
        since_s = self.loop.time()
        self.loop.processor_clock = time.thread_time
        tally.begin()
        await asyncio.sleep(self.options.measured_s)
        tally.end()
        self.loop.processor_clock = None
        passed_s, events = self.loop.time() - since_s, max(1, crowd.frames - frames)
        busy: dict[str, float] = {}
        for process in processes:
            busy[kind_of(process.name)] = busy.get(kind_of(process.name), 0.0) + process.busy_s - busy_s[process]
        batches = tally.calls("deliver", "push")
        supervisor = tally.of(SUPERVISOR)
        upkeep = tally.calls("report", "ping", "join", "status", "links", "table")
        result.events_per_s = events / passed_s
        result.arrivals_per_s = (crowd.connected - connected) / passed_s
        result.calls_per_event = batches / events
        result.messages_per_call = tally.envelopes() / max(1, batches)
        result.commits_per_event = tally.commits / events
        result.commits_per_s = tally.commits / passed_s
        result.store_bytes_per_event = tally.commit_bytes / events
        result.domain_turns_per_s = (self._domain_turns() - domain) / passed_s
        result.supervisor_calls_per_s = supervisor.calls / passed_s
        result.supervisor_bytes_per_s = supervisor.payload_bytes / passed_s
        result.supervisor_cpu_ms_per_s = 1000 * busy[SUPERVISOR] / passed_s
        result.gateway_cpu_us_per_event = 1e6 * busy["gw"] / events
        result.host_cpu_us_per_event = 1e6 * busy["host"] / events
        result.upkeep_calls_per_host_per_s = upkeep / passed_s / result.hosts

    def _domain_turns(self) -> int:
        """Turns so far on the shard of the routing domain."""
        shard = self.plant.placement.shard_of(ROUTER)
        return sum(host.shards[shard].turns for host in self.plant.hosts.values() if shard in host.shards)

    # -- while it changes -----------------------------------------------------------------------------------------------

    async def _change(self) -> None:
        """A host dies, another one's machine vanishes for a while, one joins, one leaves."""
        plant, loop, result = self.plant, self.loop, self.result
        table = await self._table()
        result.table_bytes = len(encode(table))
        result.table_push_bytes = result.table_bytes * (len(table.hosts) + len(table.gateways))
        victim = self._some_host(table)
        result.death_s, result.death_moved = await self._timed(lambda: plant.kill(victim), victim)
        await self._until(lambda: plant.is_running(victim))
        await asyncio.sleep(REST_S)

        victim = self._some_host(await self._table())
        process = plant.processes[victim]
        result.silence_s, result.silence_moved = await self._timed(lambda: loop.freeze(process), victim)
        await asyncio.sleep(REST_S)
        loop.thaw(process)
        await asyncio.sleep(REST_S)

        result.join_s, result.join_moved = await self._asked_for("add", b"1")
        await asyncio.sleep(REST_S)
        victim = self._some_host(await self._table())
        result.leave_s, result.leave_moved = await self._asked_for("drain", victim.encode())
        await asyncio.sleep(REST_S)

    def _some_host(self, table: ShardTable) -> str:
        """One that has shards, but not the routing domain's: that one comes last in no order."""
        domain = table.shards[self.plant.placement.shard_of(ROUTER)].host
        return max({placed.host for placed in table.shards.values()} - {domain})

    async def _timed(self, break_it: Callable[[], None], victim: str) -> tuple[float, int]:
        """How long until every shard of a lost host is run by another one, and how many there were."""
        table = await self._table()
        lost = [shard for shard, placed in table.shards.items() if placed.host == victim]
        since_s = self.loop.time()
        break_it()
        hosts = self.plant.hosts
        await self._until(lambda: all(any(s in host.shards for n, host in hosts.items() if n != victim) for s in lost))
        return self.loop.time() - since_s, len(lost)

    async def _asked_for(self, method: str, argument: bytes) -> tuple[float, int]:
        """How long a change takes that an operator asks for, and how many shards are elsewhere then."""
        before = (await self._table()).shards
        since_s = self.loop.time()
        await self.plant.network.call(self._operator, SUPERVISOR, method, argument, 60.0)
        took_s, after = self.loop.time() - since_s, (await self._table()).shards
        return took_s, sum(before[shard].host != placed.host for shard, placed in after.items())

    async def _table(self) -> ShardTable:
        """What the supervisor decided last."""
        edge = self.plant.machinery.edges[0].encode()
        return table_decoder.decode(await self.plant.network.call(self._operator, SUPERVISOR, "join", edge, 10.0))

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await asyncio.sleep(LOOK_EVERY_S)

    # -- when it is over ------------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        """What the checker finds."""
        evidence, memory = self.crowd.evidence, self.plant.store.memory
        evidence.settled = not self.result.violations
        checker = Checker(evidence)
        feed(checker, memory, self._shard_times)
        report = checker.finish(self.plant.store.now_ms())
        return [str(violation) for violation in report.violations]

"""Three Ray nodes in namespaces: one is cut off and healed, a host is drained, everything is upgraded, all under load."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateways.sdk import GatewayLink, LinkOptions
from loadtest.chaos.adapter import Adapter, Declined, Taken
from loadtest.chaos.machines import why_no_machines
from loadtest.chaos.seen import CUSTOMER, now_ms
from loadtest.chaos.traffic import WINDOW, Load, Traffic, note_customer_command
from tests.patient import Patient, offered
from tests.ray.nodes import Nodes, shard_of

pytestmark = [
    pytest.mark.ray,
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_machines()), reason=why_no_machines()),
]

LOAD = Load(events_per_s=40, conversations=30, agents=6)
CUT_S = 30.0
#: Until a cut-off machine's shards run elsewhere: the lease (3 s), a check (0.5 s), claiming, on a busy machine.
MOVED_WITHIN_S = 20.0
BACK_WITHIN_S = 60.0
KEPT: dict[str, list[str]] = {"lost": [], "doubled": [], "stuck": [], "refused": [], "violations": []}


class Several:
    """One adapter a gateway, each with its own gateway first; a conversation stays with its adapter."""

    def __init__(self, adapters: list[Adapter[GatewayLink]]) -> None:
        self.adapters = adapters

    @property
    def unsettled(self) -> int:
        return sum(adapter.unsettled for adapter in self.adapters)

    @property
    def failed(self) -> asyncio.Future[None]:
        return next((adapter.failed for adapter in self.adapters if adapter.failed.done()), self.adapters[0].failed)

    def of(self, conversation: str) -> int:
        """Which adapter has a conversation."""
        return int(conversation.rpartition("-")[2]) % len(self.adapters)

    async def open(self) -> None:
        for adapter in self.adapters:
            await adapter.open()

    async def close(self) -> None:
        for adapter in self.adapters:
            await adapter.close()

    async def post(self, event: Any, taken: Taken, declined: Declined) -> None:
        await self.adapters[self.of(event.conversation)].post(event, taken, declined)


class Spread(Traffic):
    """Customers come over every gateway, agents over one."""

    def __init__(self, nodes: Nodes, name: str, desk: int) -> None:
        super().__init__(nodes.access(desk), LOAD, name, seed=7)
        adapters = []
        for at in range(3):
            access = nodes.access(at)
            options = LinkOptions(
                access.targets, f"{name}-customers-{at}", access.gateway_token, window=WINDOW, connect_timeout_s=None
            )
            adapters.append(self._adapter(options))
        self.several = Several(adapters)
        self.customers = self.several  # type: ignore[assignment]  # all that the traffic uses of one

    def _adapter(self, options: LinkOptions) -> Adapter[GatewayLink]:
        settled, clock = self.seen.acknowledged, self.seen.pulse.now
        told = partial(note_customer_command, self.seen)
        return Adapter(lambda: GatewayLink(options), told, self._nothing_to_do, settled, clock)

    def silence_s(self, conversations: set[str], since_ms: float, until_ms: float) -> float:
        """The longest time in which nothing that any of these conversations' customers wrote was acknowledged (s)."""
        evidence: Any = self.seen.evidence((), settled=False)
        told = [at for name, _, at, author in evidence["messages"] if name in conversations and author == CUSTOMER]
        instants: list[float] = [since_ms, *sorted(at for at in told if since_ms < at < until_ms), until_ms]
        return max(later - earlier for earlier, later in pairwise(instants)) / 1000


async def busy_worker(nodes: Nodes) -> tuple[int, str]:
    """A worker machine whose host has shards, and that host. The head is none: who is cut off from it is cut off from Ray."""
    for at in (1, 2):
        for host, shards in (await nodes.hosts_on(nodes.machines[at])).items():
            if shards:
                return at, host
    raise AssertionError("hosts are not spread over the machines")


async def cut_and_heal(nodes: Nodes, traffic: Spread, figures: dict[str, float]) -> None:
    """Cut a worker machine off, host, gateway and all, for half a minute; it is of use again afterwards."""
    at, host = await busy_worker(nodes)
    before = await nodes.shard_table()
    gone = {shard for shard, placed in before.shards.items() if placed.host == host}

    async def given_up() -> bool:
        return host not in {placed.host for placed in (await nodes.shard_table()).shards.values()}

    async def long_enough() -> bool:
        return time.monotonic() - cut_at >= CUT_S

    async def is_back() -> bool:
        return host in await nodes.hosts_on(nodes.machines[at])

    cut_at, cut_ms = time.monotonic(), now_ms()
    await nodes.machines[at].cut()
    figures["shards_moved_s"] = await nodes.until(given_up, MOVED_WITHIN_S)
    await nodes.until(long_enough)
    healed_ms = now_ms()
    talking = set(traffic.seen.stories)  # also those who came meanwhile: conversations end, and others take their place
    by_gateway = {name for name in talking if traffic.several.of(name) == at}
    by_host = {name for name in talking if shard_of(name) in gone}
    figures["silence_elsewhere_s"] = traffic.silence_s(talking - by_gateway - by_host, cut_ms, healed_ms)
    figures["silence_its_shards_s"] = traffic.silence_s(by_host - by_gateway, cut_ms, healed_ms)
    figures["silence_its_gateway_s"] = traffic.silence_s(by_gateway - by_host, cut_ms, healed_ms)
    assert host not in await nodes.hosts_on(nodes.machines[at]), "nobody counts on the host that is cut off"
    await nodes.machines[at].heal()
    figures["host_back_s"] = await nodes.until(is_back, BACK_WITHIN_S)
    assert await nodes.hosts_on(nodes.machines[at]) == {host: 0}, "what it believed to run it has let go"

    async def gateway_knows() -> bool:
        return bool((await nodes.status(at)).get("table_version") == (await nodes.status(0)).get("table_version"))

    figures["gateway_back_s"] = figures["host_back_s"] + await nodes.until(gateway_knows, BACK_WITHIN_S)


async def verdict(nodes: Nodes, traffic: Spread) -> dict[str, list[str]]:
    """What must be empty, as seen from outside and in the journals."""
    seen = traffic.seen
    file = nodes.machines[0].directory / "evidence.json"
    file.write_text(json.dumps(seen.evidence((), settled=False)))
    report = await nodes.trunkline("verify", "--evidence", str(file))
    assert report["checked"], "something was checked"
    return {
        "lost": seen.lost(), "doubled": seen.twice(), "stuck": seen.stuck(), "refused": seen.refused,
        "violations": report["violations"],
    }  # fmt: skip


async def test_a_machine_is_cut_off_and_all_are_upgraded_under_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off for half a minute and healed, a host drained, everything upgraded: nothing is lost, doubled or stuck."""
    figures: dict[str, float] = {}
    began = time.monotonic()
    async with Nodes(tmp_path) as nodes:
        figures["up_s"] = time.monotonic() - began
        traffic = Spread(nodes, "nodes", desk=0)
        patient = Patient(nodes.targets, nodes.tokens, pause_s=4.0)
        coming = asyncio.create_task(patient.come())
        try:
            await traffic.start()
            await traffic.until_flowing(traffic.seen.pulse.now(), 100, 60.0)
            await cut_and_heal(nodes, traffic, figures)
            _, host = await busy_worker(nodes)
            figures["drained_s"] = (await nodes.trunkline("drain", host))["took_s"]
            await nodes.trunkline("hosts", "add", "1")
            since = time.monotonic()
            upgraded = await nodes.trunkline("upgrade")
            figures["upgraded_s"] = time.monotonic() - since
            await traffic.until_flowing(traffic.seen.pulse.now(), 100, 60.0)
            await traffic.stop(40.0)
            patient.enough.set()
            await coming
        finally:
            coming.cancel()
            await traffic.close()
        async with asyncio.timeout(60.0):
            places = await offered(nodes.targets, nodes.tokens, len(patient.came))
        found = await verdict(nodes, traffic)
    figures["took_s"] = time.monotonic() - began
    with capsys.disabled():
        print("", {name: round(value, 2) for name, value in figures.items()}, traffic.seen.promises, sep="\n  ")
    assert found == KEPT
    assert len(upgraded["steps"]) == 8, "three hosts, the supervisor, the archiver and three gateways are other processes now"
    assert places == patient.came, "whoever waits keeps the place in the queue"
    assert figures["silence_elsewhere_s"] < MOVED_WITHIN_S, "who has nothing to do with the machine is served"

"""Three Ray nodes in namespaces: one is cut off and healed, a host is drained, everything is upgraded, all under load."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from loadtest.chaos.machines import why_no_machines
from loadtest.chaos.seen import now_ms
from tests.patient import Patient, offered
from tests.ray.nodes import Nodes, shard_of
from tests.ray.traffic import KEPT, Spread, busy_worker, verdict

pytestmark = [
    pytest.mark.ray,
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_machines()), reason=why_no_machines()),
]

CUT_S = 30.0
#: Until a cut-off machine's shards run elsewhere: the lease (3 s), a check (0.5 s), claiming, on a busy machine.
MOVED_WITHIN_S = 20.0
BACK_WITHIN_S = 60.0


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

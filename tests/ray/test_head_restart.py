"""Ray's head with its state in Redis: it is killed in part and as a whole under load, and started again as it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadtest.chaos.machines import MachinesFailed, why_no_machines
from loadtest.chaos.seen import now_ms
from tests.ray.nodes import Nodes, shard_of
from tests.ray.traffic import KEPT, Spread, busy_worker, verdict

pytestmark = [
    pytest.mark.ray,
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(why_no_machines()), reason=why_no_machines()),
]

#: Ray's processes and the hosts' start-up, on a machine that may have other things to do.
BACK_WITHIN_S = 180.0
MOVED_WITHIN_S = 20.0
#: What has nothing to do with the head must not wait for it: on a busy machine no longer than this share of its absence.
STANDSTILL_AT_MOST = 0.5
NAMES = {"host-1", "host-2", "host-3"}


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to all of them; some end by the death of others."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def on_workers(nodes: Nodes) -> set[int]:
    """The processes of Ray's actors on the machines that are not the head."""
    return {pid for machine in list(nodes.machines)[1:] for pid in machine.pids("ray::")}


async def one_host_each(nodes: Nodes) -> bool:
    """Whether every gateway tells of three hosts that live, each on its own machine."""
    everywhere = {machine.address for machine in nodes.machines}
    for at in range(3):
        hosts = (await nodes.status(at)).get("hosts", {})
        if hosts.keys() != NAMES or {host.get("node") for host in hosts.values()} != everywhere:
            return False
    return True


async def restart_head(nodes: Nodes, traffic: Spread, killed: Iterable[int]) -> dict[str, float]:
    """Kill these processes of the head's, which ends Ray there; what runs elsewhere goes on, and the head comes back to it."""
    head = nodes.machines[0]
    (host,) = await nodes.hosts_on(head)
    placed = (await nodes.shard_table()).shards
    on_head = {shard for shard, entry in placed.items() if entry.host == host}
    before, elsewhere, starts = (await nodes.status(1))["supervisor_pid"], on_workers(nodes), nodes.rays[0].starts
    killed_at, killed_ms = time.monotonic(), now_ms()
    kill(killed)

    async def is_supervised() -> bool:
        status = await nodes.status(1)
        is_new = nodes.rays[0].starts > starts and status.get("supervisor_pid", before) != before
        return is_new and status["hosts"].keys() == NAMES and all(entry.get("node") for entry in status["hosts"].values())

    await nodes.until(is_supervised, BACK_WITHIN_S)
    supervised_at, supervised_ms = time.monotonic(), now_ms()
    assert elsewhere <= on_workers(nodes), "what runs on other machines goes on in the same processes"
    talking = set(traffic.seen.stories)
    of_head = {name for name in talking if shard_of(name) in on_head}
    of_gateway = {name for name in talking if traffic.several.of(name) == 0}

    await nodes.until(partial(one_host_each, nodes), BACK_WITHIN_S)
    await traffic.until_flowing(traffic.seen.pulse.now(), 100, 60.0)
    return {
        "supervised_s": supervised_at - killed_at,
        "shards_on_head": len(on_head),
        "standstill_elsewhere_s": traffic.standstill_s(talking - of_head - of_gateway, killed_ms, supervised_ms),
        "standstill_its_gateway_s": traffic.standstill_s(of_gateway - of_head, killed_ms, supervised_ms),
        "silence_elsewhere_s": traffic.silence_s(talking - of_head - of_gateway, killed_ms, supervised_ms),
        "whole_s": time.monotonic() - killed_at,
    }


async def lose_host(nodes: Nodes) -> float:
    """Kill a worker's host that has shards, and wait until it is back; returns after how long (s) others had them."""
    at, host = await busy_worker(nodes)
    machine = nodes.machines[at]
    (pid,) = machine.pids("ray::HostActor")
    kill([pid])

    async def is_relieved() -> bool:
        return host not in {placed.host for placed in (await nodes.shard_table()).shards.values()}

    took_s = await nodes.until(is_relieved, MOVED_WITHIN_S)
    await nodes.until(partial(one_host_each, nodes), BACK_WITHIN_S)
    return took_s


async def restart_front(nodes: Nodes) -> dict[str, Any]:
    """Kill `trunkline up` alone; started again it takes over what runs, rather than start it or stumble over its ports.

    One that cannot come up leaves what it took over alone.
    """
    head, times, actors = nodes.machines[0], nodes.times_up(), on_workers(nodes)
    kill(nodes.front())
    nowhere = {"name": "gateway-4", "listen": "127.0.0.1:7354", "node": "192.0.2.1"}
    with pytest.raises(MachinesFailed, match="gateway-4 is to run on"):
        await head.run(*nodes.up_command(head.directory / "other", nowhere))

    async def is_up() -> bool:
        return nodes.times_up() > times

    await nodes.until(is_up, BACK_WITHIN_S)
    assert "taking them over" in (head.directory / "up.log").read_text()
    assert on_workers(nodes) == actors, "they are the same processes"
    return await nodes.trunkline("status")


async def test_the_head_is_started_again_with_its_state_in_redis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The GCS is killed, then all that runs on the head: others go on meanwhile, all is supervised again, nothing is lost."""
    figures: dict[str, Any] = {}
    began = time.monotonic()
    async with Nodes(tmp_path, head_state=True) as nodes:
        head = nodes.machines[0]
        figures["up_s"] = time.monotonic() - began
        traffic = Spread(nodes, "head", desk=1)
        try:
            await traffic.start()
            await traffic.until_flowing(traffic.seen.pulse.now(), 100, 60.0)
            await nodes.until(partial(one_host_each, nodes), BACK_WITHIN_S)
            figures["gcs"] = await restart_head(nodes, traffic, head.pids("gcs_server"))
            figures["host_moved_s"] = await lose_host(nodes)
            status = await restart_front(nodes)
            everything = [*head.pids("python"), *head.pids("ray"), *head.pids("gcs_server")]
            figures["head"] = await restart_head(nodes, traffic, everything)
            figures["host_moved_again_s"] = await lose_host(nodes)
            await traffic.stop(40.0)
        finally:
            await traffic.close()
        found = await verdict(nodes, traffic)
    figures["took_s"] = time.monotonic() - began
    with capsys.disabled():
        print("", *figures.items(), traffic.seen.promises, sep="\n  ")
    assert found == KEPT
    assert status["cluster"]["hosts"].keys() == NAMES
    assert status["run"]["gateways"].keys() == {"gateway-1", "gateway-2", "gateway-3"}
    for what in ("gcs", "head"):
        assert figures[what]["standstill_elsewhere_s"] < STANDSTILL_AT_MOST * figures[what]["supervised_s"], "others go on"

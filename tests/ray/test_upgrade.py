"""Hosts leave, join and are started anew on Ray, under load, as an operator would have it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.invariants.verify import verify_store
from cluster.store import connect
from tests.booted import Product, product
from tests.traffic import Traffic

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


async def trunkline(run_dir: Path, *arguments: str) -> dict[str, Any]:
    """What a command says when it succeeds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cluster.cli.main", *arguments, "--json", "--run-dir", str(run_dir),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{arguments}: {(output + errors).decode()}"
    document: dict[str, Any] = json.loads(output)
    return document


async def status_with_another(running: Product, part: str, before: dict[str, Any]) -> dict[str, Any]:
    """The first summary that differs in this part: a gateway asks the supervisor for it once a second."""
    async with asyncio.timeout(20.0):
        while (status := await running.status())[part] in (before[part], 0):
            await asyncio.sleep(0.1)  # nothing tells when the gateway will have asked
    return status


async def test_hosts_leave_join_and_are_upgraded_under_load(tmp_path: Path) -> None:
    """A drained host stays away also from the next supervisor, a new one joins, every process is another one afterwards."""
    async with product(tmp_path, hosts=json.dumps({"count": 1, "spares": 1})) as running:
        traffic = Traffic(running.target, running.tokens, agents=10, name="upgrade")
        try:
            await traffic.start(conversations=20)
            assert (await trunkline(tmp_path, "hosts", "add", "1"))["hosts"] == ["host-3"]
            await trunkline(tmp_path, "drain", "host-1")
            await traffic.until_flowing(time.monotonic(), messages=100)
            before = await running.status()
            niceness = {os.getpriority(os.PRIO_PROCESS, int(pid)) for pid in (before["pid"], before["hosts"]["host-2"]["pid"])}
            upgraded = await trunkline(tmp_path, "upgrade")
            await traffic.until_flowing(time.monotonic(), messages=200)
            after = await status_with_another(running, "supervisor_pid", before)
            await traffic.stop()
            lost = await traffic.lost()
        finally:
            await traffic.close()
        store = connect(running.running.spec.store_url, running.running.spec.name)
        report = await verify_store(store)
        await store.close()
    assert sorted(step["part"] for step in upgraded["steps"]) == ["archiver", "gateway-1", "host-2", "host-3", "supervisor"]
    assert sorted(before["hosts"]) == sorted(after["hosts"]) == ["host-2", "host-3"], "the drained host stays away"
    assert niceness == {os.getpriority(os.PRIO_PROCESS, 0)}, "gateways and hosts are no background work, as Ray has it"
    assert before["pid"] != after["pid"], "the gateway is another process"
    for host in after["hosts"]:
        assert before["hosts"][host]["pid"] != after["hosts"][host]["pid"], f"{host} is another process"
    assert (lost, traffic.seen.refused) == (set(), []), "every acknowledged message reaches the agent, none is refused"
    assert report.violations == [], "the journals must hold every invariant"

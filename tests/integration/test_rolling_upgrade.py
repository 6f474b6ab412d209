"""Every process is started anew, one after the other, under load: nobody waits longer, loses a place or a word."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.invariants.verify import verify_store
from cluster.store import connect
from tests.booted import Product, product
from tests.patient import Patient, centre, offered
from tests.ports import free_port
from tests.traffic import Traffic

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


class InOrder(Traffic):
    """Also keeps the order in which a desk sees what each customer wrote."""

    def __init__(self, targets: list[str], tokens: dict[str, str]) -> None:
        super().__init__(targets, tokens, agents=10, name="upgrade")
        self.first_shown: dict[str, list[str]] = {}

    def _show(self, interaction: str, entries: Any) -> None:
        seen = self.first_shown.setdefault(interaction.rpartition("/")[0], [])
        seen += [entry.id for entry in entries if entry.id.startswith("m") and entry.id not in seen]
        super()._show(interaction, entries)


async def upgrade(running: Product, run_dir: Path) -> dict[str, Any]:
    """Run the command as an operator does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cluster.cli.main", "upgrade", "--json", "--run-dir", str(run_dir),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, (output + errors).decode()
    document: dict[str, Any] = json.loads(output)
    return document


async def test_a_rolling_upgrade_under_load_is_not_noticed(tmp_path: Path) -> None:
    """Three hosts, the supervisor and two gateways are started anew in turn; promises, order and places are kept."""
    targets = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    (tmp_path / "centre.yaml").write_text(centre())
    settings = {
        "gateways": json.dumps([{"name": f"gateway-{at}", "listen": target} for at, target in enumerate(targets, 1)]),
        "centre": json.dumps(str(tmp_path / "centre.yaml")),
        "hosts": json.dumps({"count": 2, "spares": 1}),
    }
    async with product(tmp_path / "run", runtime="process", **settings) as running:
        traffic, patient = InOrder(targets, running.tokens), Patient(targets, running.tokens)
        coming = asyncio.create_task(patient.come())
        try:
            await traffic.start(conversations=20)
            await traffic.until_flowing(time.monotonic(), messages=100)
            document = await upgrade(running, tmp_path / "run")
            await traffic.until_flowing(time.monotonic(), messages=100)
            await traffic.stop()
            lost = await traffic.lost()
            patient.enough.set()
            await coming
        finally:
            coming.cancel()
            await traffic.close()
        order = await offered(targets, running.tokens, len(patient.came))
        store = connect(running.running.spec.store_url, running.running.spec.name)
        report = await verify_store(store)
        epochs = [(await store.describe(shard)).epoch for shard in await store.shards()]
        await store.close()
    parts = [step["part"] for step in document["steps"]]
    assert sorted(parts) == ["archiver", "gateway-1", "gateway-2", "host-1", "host-2", "host-3", "supervisor"]
    assert min(epochs) > 1, "every shard has moved"
    assert (lost, traffic.seen.refused) == (set(), []), "every acknowledged message reaches the agent, none is refused"
    for conversation, shown in traffic.first_shown.items():
        assert shown == sorted(shown, key=lambda name: int(name[1:])), f"{conversation} is told in its order"
    assert order == patient.came, "whoever waits keeps the place in the queue"
    assert report.violations == [], "the journals must hold every invariant"

"""Kill -9, under load, each part in turn: nothing acknowledged is lost, nobody is assigned twice, traffic goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from cluster.invariants.verify import verify_store
from cluster.store import connect
from tests.chaos.product import product
from tests.chaos.traffic import Traffic

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.timeout(300)]


async def test_every_part_can_be_killed_under_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Host, supervisor, store and gateway die in turn; every promise made before, between and after is kept."""
    silences: dict[str, float] = {}
    async with product(tmp_path) as running:
        traffic = Traffic(running.target, running.tokens, agents=10, name="kills")
        try:
            await traffic.start(conversations=30)
            await traffic.until_flowing(time.monotonic(), messages=200)
            for part in ("host", "supervisor", "store", "gateway", "host"):
                pid = await running.pid_of(part)
                killed_at = time.monotonic()
                os.kill(pid, signal.SIGKILL)
                silences[f"{part} (pid {pid})"] = await traffic.until_flowing(killed_at, messages=300)
            await traffic.stop()
            lost = await traffic.lost()
        finally:
            await traffic.close()
        store = connect(running.running.spec.store_url, running.running.spec.name)
        report = await verify_store(store)
        await store.close()
    with capsys.disabled():
        print()
        for part, silence_s in silences.items():
            print(f"  killed {part}: {silence_s:.2f} s without an acknowledgement")
        print(f"  {len(traffic.seen.acknowledged)} messages, {traffic.seen.arrivals_acknowledged} arrivals acknowledged")
    assert not traffic.seen.refused, "a crash must not turn into a refusal"
    assert lost == set(), "every acknowledged message must reach the agent"
    twice = {interaction: agents for interaction, agents in traffic.seen.connected.items() if len(agents) > 1}
    assert twice == {}, "no interaction may be assigned to two agents"
    assert report.violations == [], "the journals must hold every invariant"

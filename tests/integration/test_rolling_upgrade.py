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
from gateways.sdk import DeskLink, GatewayLink, LinkOptions
from tests.booted import ROOT, Product, product
from tests.ports import free_port
from tests.traffic import PASSWORD, Traffic
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

#: A second queue, whose only agent comes when all is over: whoever is in it waits through everything.
SLOW = """
  slow:
    name: Slow
    wrap_up_s: 0
    hours: always
"""
LATE = """
  late:
    name: Late
    routing_profile: late
    password: trunkline
    skills: {bench: 5}
"""


def centre() -> str:
    """The benchmark's centre with a queue that nobody serves at first."""
    text = (ROOT / "loadtest" / "bench" / "centre.yaml").read_text()
    profile = "  late:\n    queues: [slow]\n    capacity: {webchat: 100}\n    capacity_total: 100\n"
    text = text.replace("\nrouting_profiles:\n", f"{SLOW}\nrouting_profiles:\n{profile}")
    text = text.replace("\nagents:\n", f"\nagents:\n{LATE.strip(chr(10))}\n")
    return text.replace("      default: {queue: bench}", "      default: {queue: bench}\n      slow: {queue: slow}")


class InOrder(Traffic):
    """Also keeps the order in which a desk sees what each customer wrote."""

    def __init__(self, targets: list[str], tokens: dict[str, str]) -> None:
        super().__init__(targets, tokens, agents=10, name="upgrade")
        self.first_shown: dict[str, list[str]] = {}

    def _show(self, interaction: str, entries: Any) -> None:
        seen = self.first_shown.setdefault(interaction.rpartition("/")[0], [])
        seen += [entry.id for entry in entries if entry.id.startswith("m") and entry.id not in seen]
        super()._show(interaction, entries)


class Patient:
    """Customers of the queue that nobody serves, who come one by one until told to stop."""

    def __init__(self, targets: list[str], tokens: dict[str, str]) -> None:
        self._link = GatewayLink(LinkOptions(targets, "patient", tokens["gateway"], connect_timeout_s=60.0))
        self.came: list[str] = []
        self.enough = asyncio.Event()

    async def come(self) -> None:
        """Each arrives when the one before is in the queue, so their order is known."""
        async with self._link:
            reader = asyncio.create_task(self._read())
            while not self.enough.is_set():
                name = f"webchat:patient-{len(self.came):03d}"
                opened = messaging_pb2.ConversationOpened(
                    channel="webchat", entry_point="slow", customer=content_pb2.Customer(id=name, name="Test", language="en")
                )
                await self._link.send(gateway_pb2.Event(id="open", conversation=name, conversation_opened=opened))
                self.came.append(name)
                await asyncio.wait([asyncio.create_task(self.enough.wait())], timeout=0.1)
            reader.cancel()

    async def _read(self) -> None:
        async for _ in self._link.commands():
            pass


async def offered(targets: list[str], tokens: dict[str, str], count: int) -> list[str]:
    """Sign the late agent in; who is offered, in order."""
    found: list[str] = []
    async with DeskLink(LinkOptions(targets, "late-desk", tokens["desk"])) as desk:
        await desk.sign_in("late", PASSWORD)
        presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
        await desk.send(desk_pb2.Event(id="on", agent="late", set_presence=presence))
        async for command in desk.commands():
            if command.WhichOneof("body") == "offer":
                found.append(command.offer.reservation.interaction.rpartition("/")[0])
            if len(found) == count:
                break
    return found


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
    assert sorted(parts) == ["gateway-1", "gateway-2", "host-1", "host-2", "host-3", "supervisor"]
    assert min(epochs) > 1, "every shard has moved"
    assert (lost, traffic.seen.refused) == (set(), []), "every acknowledged message reaches the agent, none is refused"
    for conversation, shown in traffic.first_shown.items():
        assert shown == sorted(shown, key=lambda name: int(name[1:])), f"{conversation} is told in its order"
    assert order == patient.came, "whoever waits keeps the place in the queue"
    assert report.violations == [], "the journals must hold every invariant"

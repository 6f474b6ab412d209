"""Customers who wait through everything, in a queue that nobody serves until the end: whether they keep their places."""

from __future__ import annotations

import asyncio

from gateways.sdk import DeskLink, GatewayLink, LinkOptions
from tests.booted import ROOT
from tests.traffic import PASSWORD
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

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


class Patient:
    """Customers of the queue that nobody serves, who come one by one until told to stop."""

    def __init__(self, targets: list[str], tokens: dict[str, str], pause_s: float = 0.1) -> None:
        """One comes each `pause_s`; the agent who comes in the end has room for a hundred of them."""
        self._link = GatewayLink(LinkOptions(targets, "patient", tokens["gateway"], connect_timeout_s=60.0))
        self._pause_s = pause_s
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
                await asyncio.wait([asyncio.create_task(self.enough.wait())], timeout=self._pause_s)
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

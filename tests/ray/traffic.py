"""Customers and agents who talk over the gateways of three machines, and what became of all that they were promised."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

from gateways.sdk import GatewayLink, LinkOptions
from loadtest.chaos.adapter import Adapter, Declined, Taken
from loadtest.chaos.seen import CUSTOMER, now_ms
from loadtest.chaos.traffic import WINDOW, Load, Traffic, note_customer_command
from tests.ray.nodes import Nodes
from trunkline.gateway.v1 import gateway_pb2

LOAD = Load(events_per_s=40, conversations=30, agents=6)
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
        #: When customers were shown anything, and which.
        self._shown: list[tuple[str, float]] = []
        self.several = Several(adapters)
        self.customers = self.several  # type: ignore[assignment]  # all that the traffic uses of one

    def _adapter(self, options: LinkOptions) -> Adapter[GatewayLink]:
        settled, clock = self.seen.acknowledged, self.seen.pulse.now
        return Adapter(lambda: GatewayLink(options), self._customer_told, self._nothing_to_do, settled, clock)

    def _customer_told(self, link: GatewayLink, command: gateway_pb2.Command) -> None:
        if command.WhichOneof("body") == "show_entries":
            self._shown.append((command.conversation, now_ms()))
        note_customer_command(self.seen, link, command)

    def silence_s(self, conversations: set[str], since_ms: float, until_ms: float) -> float:
        """The longest time in which nothing that any of these conversations' customers wrote was acknowledged (s)."""
        evidence: Any = self.seen.evidence((), settled=False)
        told = [at for name, _, at, author in evidence["messages"] if name in conversations and author == CUSTOMER]
        return _longest_s(told, since_ms, until_ms)

    def standstill_s(self, conversations: set[str], since_ms: float, until_ms: float) -> float:
        """The longest time in which none of these conversations' customers was shown anything, not even what they wrote (s).

        Less than their silence: a link acknowledges in order, so one event that waits keeps back the word for all after it.
        """
        return _longest_s([at for name, at in self._shown if name in conversations], since_ms, until_ms)


def _longest_s(instants: list[Any], since_ms: float, until_ms: float) -> float:
    inside: list[float] = [since_ms, *sorted(at for at in instants if since_ms < at < until_ms), until_ms]
    return max(later - earlier for earlier, later in pairwise(inside)) / 1000


async def busy_worker(nodes: Nodes) -> tuple[int, str]:
    """A worker machine whose host has shards, and that host. The head is none: who is cut off from it is cut off from Ray."""
    for at in (1, 2):
        for host, shards in (await nodes.hosts_on(nodes.machines[at])).items():
            if shards:
                return at, host
    raise AssertionError("hosts are not spread over the machines")


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

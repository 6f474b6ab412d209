"""A whole cluster in one process with gateways in front, for tests that need real actors behind the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from actors.address import Placement
from cluster.catalogue import load_catalogue
from cluster.local import LocalCluster
from cluster.operations import Operations
from cluster.store.memory import MemoryStore
from cluster.supervisor.supervisor import SupervisorOptions
from gateways.sdk import AdminClient, DeskLink, GatewayLink, LinkOptions
from gateways.sdk.options import Backoff
from gateways.server.factory import open_gateway
from gateways.server.gateway import GatewayServer
from gateways.server.options import Role
from tests.fakes.serving import TOKENS

CENTRE = """
version: 1
name: Test bank
timezone: UTC
skills: {english: English}
queues:
  cards: {name: Cards, wrap_up_s: 0, hours: always}
routing_profiles:
  all: {queues: [cards], capacity: {webchat: 5}, capacity_total: 5}
agents:
  alice: {name: Alice, routing_profile: all, password: correct horse, skills: {english: 5}}
channels:
  webchat:
    entry_points:
      main: {queue: cards}
"""


@dataclass
class World:
    """A cluster with one gateway, or more."""

    cluster: LocalCluster
    gateways: list[GatewayServer]

    @property
    def targets(self) -> list[str]:
        """Where to connect."""
        return [f"127.0.0.1:{gateway.ports[0]}" for gateway in self.gateways]

    def options(self, name: str, role: Role) -> LinkOptions:
        """A link's options."""
        return LinkOptions(self.targets, name, TOKENS[role], backoff=Backoff(0.01, 0.1))

    def adapter(self) -> GatewayLink:
        """The customers' side."""
        return GatewayLink(self.options("webchat-1", Role.GATEWAY))

    def desk(self) -> DeskLink:
        """The agents' side."""
        return DeskLink(self.options("desk-1", Role.DESK))

    def admin(self) -> AdminClient:
        """The operators' side."""
        return AdminClient(self.targets, TOKENS[Role.ADMIN])


@asynccontextmanager
async def world(gateways: int = 1) -> AsyncIterator[World]:
    """Run a cluster that knows the configuration."""
    store, catalogue, placement = MemoryStore(), load_catalogue(), Placement(4)
    async with LocalCluster(store, catalogue, placement, SupervisorOptions(hosts=2, spares=1, check_every_s=0.05)) as cluster:
        there = World(cluster, [])
        for number in range(1, gateways + 1):
            edge = cluster.start_edge(f"gateway-{number}")
            operations = Operations(store, cluster.transport, placement, edge.dispatch.routes, catalogue)
            tokens = {str(role): [token] for role, token in TOKENS.items()}
            settings = {"listen": ["127.0.0.1:0"], "tokens": tokens, "signing_key": "k" * 32, "grace_s": 1}
            there.gateways.append(await open_gateway(f"gateway-{number}", settings, edge, operations))
        try:
            async with there.admin() as admin:
                await admin.apply_config(CENTRE, "test")
            await until(lambda: all(edge.centre is not None for edge in cluster.edges.values()))
            yield there
        finally:
            for gateway in there.gateways:
                await gateway.stop()


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)

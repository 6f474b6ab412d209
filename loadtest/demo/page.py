"""All simulated customers on one web-chat link: sends each one's commands to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from gateways.sdk import GatewayLink, LinkOptions
from loadtest.demo.customer import Customer
from loadtest.demo.observed import Observed
from loadtest.demo.pace import Pace
from loadtest.demo.plan import CustomerPlan

LINK: Final = "demo-webchat"


class Page:
    """The customers of a run, who come when their plan says, whatever became of those before (open loop)."""

    def __init__(self, targets: Sequence[str], token: str, observed: Observed, run: str) -> None:
        options = LinkOptions(targets, LINK, token, software="trunkline-demo", connect_timeout_s=60.0)
        self.link = GatewayLink(options)
        #: Reads commands until the link is closed; whatever ends it sooner ends the demo.
        self.reader: asyncio.Task[None] | None = None
        self._observed = observed
        self._run = run
        self._customers: dict[str, Customer] = {}

    async def open(self) -> None:
        """Connect the web chat."""
        await self.link.open()
        self.reader = asyncio.create_task(self._read())

    async def receive(self, plans: Sequence[CustomerPlan], seed: int, pace: float) -> None:
        """Let all customers come, and return when the last of them has ended."""
        started_at = self._observed.clock()
        async with asyncio.TaskGroup() as group:
            for plan in plans:
                await asyncio.sleep(max(0.0, started_at + plan.arrives_at_s - self._observed.clock()))
                conversation = f"webchat:demo-{self._run}-{plan.number + 1}"
                own = Pace(random.Random(f"{seed}/{plan.number}"), pace)  # noqa: S311  # simulated behaviour
                customer = Customer(plan, conversation, self.link, self._observed, own)
                self._customers[conversation] = customer
                group.create_task(customer.live())

    async def close(self) -> None:
        """Disconnect."""
        await self.link.close()
        if self.reader is not None:
            await asyncio.gather(self.reader, return_exceptions=True)

    async def _read(self) -> None:
        async for command in self.link.commands():
            self._observed.command_handled(LINK, self.link.incarnation, command.source, command.number)
            customer = self._customers.get(command.conversation)
            if customer is not None:
                customer.told(command)

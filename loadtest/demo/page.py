"""All simulated customers on one web-chat link: sends each one's commands to them."""

from __future__ import annotations

import asyncio
from typing import Final

from gateways.sdk import GatewayLink, LinkOptions
from loadtest.demo.customer import Customer
from loadtest.demo.observed import Observed
from loadtest.demo.plan import Run
from loadtest.product import Access

LINK: Final = "demo-webchat"


class Page:
    """The customers of a run, who come when their plan says, whatever became of those before (open loop)."""

    def __init__(self, access: Access, run: Run, observed: Observed) -> None:
        options = LinkOptions(access.targets, LINK, access.gateway_token, software="trunkline-demo", connect_timeout_s=60.0)
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

    async def receive(self) -> None:
        """Let all customers come, and return when the last of them has ended."""
        started_at = self._observed.clock()
        async with asyncio.TaskGroup() as group:
            for plan in self._run.plans:
                await asyncio.sleep(max(0.0, started_at + plan.arrives_at_s - self._observed.clock()))
                conversation = f"webchat:demo-{self._run.name}-{plan.number + 1}"
                pace = self._run.pace_of(f"customer {plan.number}")
                customer = Customer(plan, conversation, self.link, self._observed, pace)
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

"""All simulated agents on one desk link, and what they do now and then.

Kept: over a run, rejections, unanswered offers and transfers come in fixed shares, so that a short run has them too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from gateways.sdk import CallFailed, DeskLink, LinkOptions, Refused
from loadtest.demo.agent import DeskAgent
from loadtest.demo.chat import Onward
from loadtest.demo.observed import Observed
from loadtest.demo.plan import Run
from loadtest.demo.wire import FOR_NOW
from loadtest.failures import ProductUnusable
from loadtest.product import Access

LINK: Final = "demo-desk"
#: The password of the sample centre's agents.
PASSWORD: Final = "trunkline"  # noqa: S105  # printed in the sample's own comments
#: The group of the sample centre's agents that a demo signs in.
GROUP: Final = "demo-"
#: One in so many offers is rejected, or rings out, and one in so many conversations is transferred; and which one of
#: them: early, so that a short run has it too.
REJECT_ONE_IN: Final = 25
REJECTED: Final = 5
IGNORE_ONE_IN: Final = 100
IGNORED: Final = 8
PASS_ON_ONE_IN: Final = 12
PASSED_ON: Final = 3
#: How long a transfer waits for the agent it names before any agent may serve (ms).
FALLBACK_MS: Final = 3_000
SIGN_INS_AT_ONCE: Final = 4
#: How long agents and queues of a product that has just started may take to learn the configuration (s).
CONFIGURED_WITHIN_S: Final = 120.0


class Turns:
    """Who rejects, lets ring and transfers: every so many, counted over all agents."""

    def __init__(self, agents: Sequence[str], queues: Sequence[str], chance: random.Random) -> None:
        self._agents = agents
        self._queues = queues
        self._chance = chance
        self._offers = 0
        self._chats = 0

    def answer(self) -> str:
        """See `loadtest.demo.agent.Habits.answer`."""
        self._offers += 1
        if self._offers % IGNORE_ONE_IN == IGNORED:
            return "ignore"
        return "reject" if self._offers % REJECT_ONE_IN == REJECTED else "accept"

    def onward(self, agent: str, queue: str) -> Onward | None:
        """Every other time to another agent through the same queue, else to another queue."""
        self._chats += 1
        if self._chats % PASS_ON_ONE_IN != PASSED_ON:
            return None
        others = [other for other in self._agents if other != agent]
        queues = [other for other in self._queues if other != queue]
        if others and queue and (self._chats // PASS_ON_ONE_IN) % 2:
            return Onward(queue, self._chance.choice(others), FALLBACK_MS)
        return Onward(self._chance.choice(queues)) if queues else None


class Shift:
    """The agents of a run. Use as an async context manager around the link."""

    def __init__(self, access: Access, run: Run, observed: Observed) -> None:
        options = LinkOptions(access.targets, LINK, access.desk_token, software="trunkline-demo", connect_timeout_s=60.0)
        self.link = DeskLink(options)
        self.agents: dict[str, DeskAgent] = {}
        #: Gets the error of the first agent who fails.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._observed = observed
        self._run = run
        #: Reads commands until the link is closed; whatever ends it sooner ends the demo.
        self.reader: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect the desk."""
        await self.link.open()
        self.reader = asyncio.create_task(self._read())

    async def start(self, agents: Sequence[str], queues: Sequence[str]) -> None:
        """Sign these agents in and make them available.

        Raises:
            ProductUnusable: they cannot sign in.
        """
        habits = Turns(agents, queues, random.Random(f"{self._run.seed}/habits"))  # noqa: S311  # simulated behaviour
        at_once = asyncio.Semaphore(SIGN_INS_AT_ONCE)

        async def start_one(agent: DeskAgent) -> None:
            async with at_once:
                await self._sign_in(agent)

        for name in agents:
            pace = self._run.pace_of(name)
            self.agents[name] = DeskAgent(name, self.link, self._observed, pace, habits, self._run.name, self.failed)
        async with asyncio.TaskGroup() as group:
            for agent in self.agents.values():
                group.create_task(start_one(agent))

    async def _sign_in(self, agent: DeskAgent) -> None:
        give_up_at = self._observed.clock() + CONFIGURED_WITHIN_S
        while True:
            try:
                return await agent.start(PASSWORD)
            except (Refused, CallFailed) as refused:
                # The gateway knows the configuration before each agent was told its own part of it.
                if refused.code not in FOR_NOW | {"NOT_FOUND"} or self._observed.clock() > give_up_at:
                    raise ProductUnusable(f"agent {agent.agent} cannot sign in: {refused.detail}") from refused
                await asyncio.sleep(0.2)

    async def finish(self) -> None:
        """Wait until nobody has anything left, then let all go home."""
        for agent in self.agents.values():
            await agent.free.wait()
        await asyncio.gather(*(agent.leave() for agent in self.agents.values()))

    async def close(self) -> None:
        """Stop whatever agents still do, and disconnect."""
        await asyncio.gather(*(agent.stop() for agent in self.agents.values()))
        await self.link.close()
        if self.reader is not None:
            await asyncio.gather(self.reader, return_exceptions=True)
        if self.failed.done():
            self.failed.exception()  # Told already, or of an agent who was interrupted by the end.

    async def _read(self) -> None:
        async for command in self.link.commands():
            self._observed.command_handled(LINK, self.link.incarnation, command.source, command.number)
            agent = self.agents.get(command.agent)
            if agent is not None:
                agent.told(command)

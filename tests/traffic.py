"""Steady traffic through the public gateway, and a record of what was promised and what arrived.

Every conversation writes in both directions without pause; whoever is cut off resumes. `settle` then says what was
acknowledged but never shown to the other side, and what was shown twice to an agent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gateways.sdk import DeskLink, GatewayLink, LinkOptions, Refused
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

PASSWORD = "trunkline"  # of the benchmark's own agents
PAUSE_S = 0.1
#: How long an arrival is sent again that a busy cluster refuses.
PATIENCE_S = 20.0


@dataclass(slots=True)
class Seen:
    """What happened, from outside."""

    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)
    connected: dict[str, set[str]] = field(default_factory=dict)
    arrivals: int = 0
    arrivals_acknowledged: int = 0
    #: When a message was acknowledged (`time.monotonic`), to measure how long nothing moved.
    ticks: list[float] = field(default_factory=list)


class Traffic:
    """Customers and agents of a test."""

    def __init__(self, target: str | Sequence[str], tokens: dict[str, str], agents: int, name: str) -> None:
        self.seen = Seen()
        self._name = name
        self._agents = [f"bench-{number:02d}" for number in range(1, agents + 1)]
        self._customers = GatewayLink(LinkOptions(target, f"{name}-customers", tokens["gateway"], connect_timeout_s=60.0))
        self._desk = DeskLink(LinkOptions(target, f"{name}-desk", tokens["desk"], connect_timeout_s=60.0))
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()

    async def start(self, conversations: int) -> None:
        """Sign agents in, connect conversations, and begin to talk."""
        await self._customers.open()
        await self._desk.open()
        self._tasks = [asyncio.create_task(self._watch_customers()), asyncio.create_task(self._watch_desk())]
        for agent in self._agents:
            await self._desk.sign_in(agent, PASSWORD)
            presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
            await self._desk.send(desk_pb2.Event(id=f"on-{agent}", agent=agent, set_presence=presence))
        names = [f"webchat:{self._name}-{number}" for number in range(conversations)]
        await asyncio.gather(*(self._arrive(name) for name in names))
        async with asyncio.timeout(60.0):
            while len(self.seen.connected) < conversations:
                await self._change()
        self._tasks += [asyncio.create_task(self._talk(name)) for name in names]
        self._tasks.append(asyncio.create_task(self._keep_arriving()))

    async def stop(self) -> None:
        """Stop writing and wait until everything written has its answer."""
        self._stopping.set()
        async with asyncio.timeout(60.0):
            await asyncio.gather(*self._tasks[2:])

    async def lost(self, patience_s: float = 20.0) -> set[tuple[str, str]]:
        """Acknowledged messages that never reached the desk; empty is what must be."""
        deadline = time.monotonic() + patience_s
        while (missing := self.seen.acknowledged - self.seen.shown.keys()) and time.monotonic() < deadline:
            await self._change(deadline - time.monotonic())
        return missing

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._customers.close()
        await self._desk.close()

    async def until_flowing(self, since: float, messages: int = 20, timeout_s: float = 60.0) -> float:
        """Wait until this many messages were acknowledged after `since`; returns the longest silence from then on."""
        async with asyncio.timeout(timeout_s):
            while sum(1 for tick in self.seen.ticks if tick > since) < messages:
                await self._change()
        ticks = [since, *sorted(tick for tick in self.seen.ticks if tick > since)]
        return max(later - earlier for earlier, later in pairwise(ticks))

    async def _arrive(self, conversation: str) -> None:
        opened = messaging_pb2.ConversationOpened(
            channel="webchat",
            entry_point="default",
            customer=content_pb2.Customer(id=conversation, name="Test", language="en"),
        )
        self.seen.arrivals += 1
        event = gateway_pb2.Event(id="open", conversation=conversation, conversation_opened=opened)
        # A cluster that has only just come up on a slow machine may be behind, and let arrivals in one by one.
        await self._customers.send(event, patience_s=PATIENCE_S)
        self.seen.arrivals_acknowledged += 1

    async def _keep_arriving(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            await self._arrive(f"webchat:{self._name}-late-{number}")
            await self._pause()

    async def _talk(self, conversation: str) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            content = content_pb2.Content(text="Where is my card?")
            event = gateway_pb2.Event(
                id=f"m{number}", conversation=conversation, message_received=messaging_pb2.MessageReceived(content=content)
            )
            try:
                await self._customers.send(event)
            except Refused as refused:
                self.seen.refused.append(f"{conversation}: {refused}")
                return
            self.seen.acknowledged.add((conversation, event.id))
            self.seen.ticks.append(time.monotonic())
            self._changed.set()
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PAUSE_S):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _watch_customers(self) -> None:
        async for _ in self._customers.commands():
            self._changed.set()

    async def _watch_desk(self) -> None:
        async for command in self._desk.commands():
            match command.WhichOneof("body"):
                case "offer":
                    reservation = command.offer.reservation.reservation
                    accept = desk_pb2.AcceptOffer(reservation=reservation)
                    event = desk_pb2.Event(id=f"a-{reservation}", agent=command.agent, accept_offer=accept)
                    self._tasks.append(asyncio.create_task(self._answer(event)))
                case "conversation":
                    interaction = command.conversation.interaction
                    self.seen.connected.setdefault(interaction, set()).add(command.agent)
                    self._show(interaction, command.conversation.entries)
                case "entries":
                    self._show(command.entries.interaction, command.entries.entries)
            self._changed.set()

    async def _answer(self, event: desk_pb2.Event) -> None:
        try:
            await self._desk.send(event)
        except Refused as refused:
            # An offer that the desk is told of again after a crash may have ended meanwhile.
            if refused.code != "FAILED_PRECONDITION":
                self.seen.refused.append(str(refused))

    def _show(self, interaction: str, entries: object) -> None:
        conversation = interaction.rpartition("/")[0]
        for entry in entries:  # type: ignore[attr-defined]  # a repeated protobuf field
            self.seen.shown[conversation, entry.id] += 1

    async def _change(self, timeout_s: float = 5.0) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(max(0.01, timeout_s)):
                await self._changed.wait()
        except TimeoutError:
            return

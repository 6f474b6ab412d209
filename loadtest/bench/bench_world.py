"""The people of a benchmark: customers on one link, agents on another, and what they have seen of each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc

from loadtest.bench.raw_link import RawLink, open_customers, open_desk
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

PASSWORD = "trunkline"  # noqa: S105  # of the benchmark's own agents
CHANNEL = "webchat"


@dataclass(slots=True)
class Offers:
    """When each conversation was opened and offered, by interaction."""

    opened_at: dict[str, float] = field(default_factory=dict)
    offered_ms: list[float] = field(default_factory=list)


class World:
    """Both links. Agents accept every offer at once."""

    def __init__(self, channel: grpc.aio.Channel, tokens: dict[str, str]) -> None:
        self._channel = channel
        self._tokens = tokens
        self.customers: RawLink
        self.desk: RawLink
        self.offers = Offers()
        self.delivered = 0
        self.echoed = 0
        self.talking: dict[str, tuple[str, str]] = {}
        self.ends_at_once = False
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Connect."""
        self.customers = await open_customers(self._channel, self._tokens["gateway"], self._customer_commands)
        self.desk = await open_desk(self._channel, self._tokens["desk"], [], self._desk_commands)

    async def staff(self, agents: Sequence[str]) -> None:
        """Make these agents available."""
        stub = desk_pb2_grpc.DeskServiceStub(self._channel)
        metadata = (("authorization", f"Bearer {self._tokens['desk']}"),)
        last = 0
        for name in agents:
            answer = await stub.SignIn(desk_pb2.SignInRequest(agent=name, password=PASSWORD), metadata=metadata, timeout=30.0)
            self.desk.post(desk_pb2.Event(id=f"in-{name}", agent=name, sign_in=desk_pb2.SignIn(token=answer.token)))
            presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
            last = self.desk.post(desk_pb2.Event(id=f"on-{name}", agent=name, set_presence=presence))
        await self.desk.settled(last)

    async def close(self) -> None:
        """Disconnect."""
        await self.customers.close()
        await self.desk.close()

    def arrive(self, conversation: str, entry_point: str = "default") -> int:
        """A customer opens a conversation."""
        opened = messaging_pb2.ConversationOpened(
            channel=CHANNEL,
            entry_point=entry_point,
            customer=content_pb2.Customer(id=conversation, name="Bench", language="en"),
        )
        self.offers.opened_at[f"{conversation}/1"] = time.perf_counter()
        return self.customers.post(gateway_pb2.Event(id="open", conversation=conversation, conversation_opened=opened))

    def write(self, conversation: str, number: int | str, text: str) -> int:
        """A customer writes."""
        content = content_pb2.Content(text=text)
        return self.customers.post(
            gateway_pb2.Event(
                id=f"m{number}", conversation=conversation, message_received=messaging_pb2.MessageReceived(content=content)
            )
        )

    async def until_talking(self, conversations: int, timeout_s: float = 60.0) -> None:
        """Wait until this many conversations are connected."""
        await self._until(lambda: len(self.talking), conversations, "conversations are connected", timeout_s)

    async def until_offered(self, offers: int, timeout_s: float = 60.0) -> None:
        """Wait until this many offers were read."""
        await self._until(lambda: len(self.offers.offered_ms), offers, "offers were read", timeout_s)

    async def until_delivered(self, messages: int, timeout_s: float = 60.0) -> None:
        """Wait until this many messages were shown at desks."""
        await self._until(lambda: self.delivered, messages, "messages were shown at desks", timeout_s)

    async def until_echoed(self, messages: int, timeout_s: float = 60.0) -> None:
        """Wait until this many messages came back to the customers' link."""
        await self._until(lambda: self.echoed, messages, "messages came back", timeout_s)

    async def _until(self, count: Callable[[], int], wanted: int, what: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while count() < wanted:
                    self._changed.clear()
                    await self._changed.wait()
                    self.customers.check()
                    self.desk.check()
        except TimeoutError as problem:
            raise RuntimeError(f"after {timeout_s:g} s {count():,} of {wanted:,} {what}") from problem

    def _customer_commands(self, commands: Sequence[gateway_pb2.Command], _: float) -> None:
        for command in commands:
            if command.HasField("show_entries"):
                self.echoed += len(command.show_entries.entries)
        self._changed.set()

    def _desk_commands(self, commands: Sequence[desk_pb2.Command], now: float) -> None:
        for command in commands:
            match command.WhichOneof("body"):
                case "entries":
                    self.delivered += len(command.entries.entries)
                case "offer":
                    self._accept(command.agent, command.offer.reservation, now)
                case "conversation":
                    self._connected(command.agent, command.conversation)
        self._changed.set()

    def _accept(self, agent: str, reservation: desk_pb2.Reservation, now: float) -> None:
        opened_at = self.offers.opened_at.pop(reservation.interaction, None)
        if opened_at is not None:
            self.offers.offered_ms.append((now - opened_at) * 1000)
        accept = desk_pb2.AcceptOffer(reservation=reservation.reservation)
        self.desk.post(desk_pb2.Event(id=f"a-{reservation.reservation}", agent=agent, accept_offer=accept))

    def _connected(self, agent: str, conversation: desk_pb2.Conversation) -> None:
        self.talking[conversation.interaction] = (agent, conversation.reservation)
        if self.ends_at_once:
            self.end(conversation.interaction)

    def end(self, interaction: str) -> None:
        """The agent who has this conversation ends it."""
        agent, _ = self.talking.pop(interaction)
        end = desk_pb2.EndConversation(interaction=interaction)
        self.desk.post(desk_pb2.Event(id=f"e-{interaction}", agent=agent, end_conversation=end))

"""Customers and agents who talk without pause while things break, and a record of what they were promised.

Open loop: so many events a second are sent, whatever became of those before. Each is a message of a customer or of an
agent, an arrival, or an end; arrivals and ends keep a steady number of conversations live. Whoever is cut off resumes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from gateways.sdk import DeskLink, GatewayLink, LinkOptions, Refused
from loadtest.chaos.adapter import Adapter
from loadtest.chaos.seen import AGENT, CUSTOMER, Seen, Story, entry_rows
from loadtest.product import Access
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

PASSWORD: Final = "trunkline"  # noqa: S105  # of the benchmark's own agents
TEXT: Final = "Where is my card? It has been two weeks."
ANSWER: Final = "Let me have a look for you."
AUTHORS: Final = {content_pb2.AUTHOR_CUSTOMER: CUSTOMER, content_pb2.AUTHOR_AGENT: AGENT}
#: Refusals that two people acting at once run into: the conversation ended, or the offer did.
CROSSED: Final = frozenset({"FAILED_PRECONDITION", "PERMISSION_DENIED", "NOT_FOUND"})
#: Of all events, how many are agents' messages, and how many end a conversation (another one arrives for each).
AGENTS_SHARE: Final = 0.15
ENDS_SHARE: Final = 0.03
#: More than are under way in the longest silence that is still a recovery; beyond it the load waits.
WINDOW: Final = 4_096
TICK_S: Final = 0.01
SETTLE_POLL_S: Final = 0.2


def note_customer_command(seen: Seen, link: GatewayLink, command: gateway_pb2.Command) -> None:
    """What customers are told."""
    match command.WhichOneof("body"):
        case "show_entries":
            seen.shown_to_customer(command.conversation, entry_rows(command.show_entries.entries, AUTHORS))
        case "show_notice":
            if command.show_notice.kind in (messaging_pb2.NOTICE_KIND_ENDED, messaging_pb2.NOTICE_KIND_CLOSED):
                seen.ended(command.conversation)
    seen.command(link.options.name, link.incarnation, command.source, command.number)


@dataclass(frozen=True, slots=True)
class Load:
    """How much traffic there is."""

    events_per_s: float = 200.0
    conversations: int = 60
    agents: int = 20


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that an agent leads."""

    interaction: str
    agent: str


class Traffic:
    """All customers on one link and all agents on another."""

    def __init__(self, access: Access, load: Load, name: str, seed: int) -> None:
        self.seen = Seen()
        self._load = load
        self._name = name
        self._random = random.Random(seed)  # noqa: S311  # the same seed brings the same mix
        self.agents = [f"bench-{number:02d}" for number in range(1, load.agents + 1)]
        self._tokens: dict[str, str] = {}
        self._talks: dict[str, Talk] = {}
        self._answered: set[str] = set()
        self._ending: set[str] = set()
        self._opened = 0
        self._written = 0
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        customers = LinkOptions(
            access.targets, f"{name}-customers", access.gateway_token, window=WINDOW, connect_timeout_s=None
        )
        desk = LinkOptions(access.targets, f"{name}-desk", access.desk_token, window=WINDOW, connect_timeout_s=None)
        settled, clock = self.seen.acknowledged, self.seen.pulse.now
        told = partial(note_customer_command, self.seen)
        self.customers = Adapter(lambda: GatewayLink(customers), told, self._nothing_to_do, settled, clock)
        self.desk = Adapter(lambda: DeskLink(desk), self._desk_told, self._sign_in_again, settled, clock)

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self, within_s: float = 60.0) -> None:
        """Sign agents in, open the conversations, and begin to talk once all are connected.

        Raises:
            TimeoutError: they are not, in time.
        """
        self._do(self.seen.pulse.beat())
        await self.seen.pulse.within(within_s, self._gather())
        self._do(self._drive())

    async def _gather(self) -> None:
        await self.customers.open()
        await self.desk.open()
        for agent in self.agents:
            self._tokens[agent] = (await self.desk.link.sign_in(agent, PASSWORD)).token
            await self._be_available(agent)
        for _ in range(self._load.conversations):
            await self._arrive()
        while len(self._talks) < self._load.conversations:
            await self.seen.change(1.0)

    async def stop(self, within_s: float) -> None:
        """Stop writing, end every conversation, and wait until both sides have settled, or for so long."""
        self._stopping.set()
        give_up_at = self.seen.pulse.now() + within_s
        while self.seen.pulse.now() < give_up_at:
            if not (self.customers.unsettled or self.desk.unsettled or self.seen.stuck() or self.seen.lost()):
                return
            for conversation in list(self._talks):
                await self._end(conversation)
            await asyncio.sleep(SETTLE_POLL_S)

    async def close(self) -> None:
        """Disconnect."""
        tasks = [*self._busy]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.customers.close()
        await self.desk.close()

    async def until_flowing(self, since: float, events: int, within_s: float) -> None:
        """Wait until this many events were acknowledged after an instant (by `Seen.pulse`).

        Raises:
            TimeoutError: they were not, in time.
        """
        give_up_at = self.seen.pulse.now() + within_s
        while self.seen.acknowledged_since(since) < events:
            for adapter in (self.customers, self.desk):
                if adapter.failed.done():
                    adapter.failed.result()
            if self.seen.pulse.now() > give_up_at:
                raise TimeoutError
            await self.seen.change(0.2)

    # -- what is sent ---------------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        clock = self.seen.pulse.now
        started_at, sent = clock(), 0
        while not self._stopping.is_set():
            due = int((clock() - started_at) * self._load.events_per_s)
            while sent < due and not self._stopping.is_set():
                await self._next_event()
                sent += 1
            await asyncio.sleep(TICK_S)

    async def _next_event(self) -> None:
        chance = self._random.random()
        live = len(self.seen.stories) - len(self._ending)
        if live < self._load.conversations:
            return await self._arrive()
        talking = [name for name in self._talks if name not in self._ending]
        if not talking:
            return
        if chance < ENDS_SHARE:
            return await self._end(talking[0])
        conversation = self._random.choice(talking)
        if chance < ENDS_SHARE + AGENTS_SHARE:
            return await self._answer(conversation)
        await self._write(conversation)

    async def _arrive(self) -> None:
        self._opened += 1
        conversation = f"webchat:{self._name}-{self._opened}"
        self.seen.stories[conversation] = Story()
        opened = messaging_pb2.ConversationOpened(
            channel="webchat",
            entry_point="default",
            customer=content_pb2.Customer(id=conversation, name="Test", language="en"),
        )
        event = gateway_pb2.Event(id="open", conversation=conversation, conversation_opened=opened)
        await self.customers.post(event, lambda: self.seen.arrival(conversation), self._turned_away(conversation))

    def _turned_away(self, conversation: str) -> Any:
        """A cluster whose store was slow for long may ask new customers to come again; nobody was promised anything."""
        refused = self._refused(conversation)

        def note(no: Refused) -> None:
            if no.code == "RESOURCE_EXHAUSTED" and no.retry_after_s:
                self.seen.stories.pop(conversation, None)
            else:
                refused(no)

        return note

    async def _write(self, conversation: str) -> None:
        message, text = self._next_message(TEXT)
        self.seen.texts[text] = None
        received = messaging_pb2.MessageReceived(content=content_pb2.Content(text=text))
        event = gateway_pb2.Event(id=message, conversation=conversation, message_received=received)
        await self.customers.post(
            event, lambda: self.seen.message(conversation, CUSTOMER, message), self._refused(conversation)
        )

    async def _answer(self, conversation: str) -> None:
        talk = self._talks[conversation]
        message, text = self._next_message(ANSWER)
        content = content_pb2.Content(text=text)
        said = desk_pb2.SendMessage(interaction=talk.interaction, content=content)
        event = desk_pb2.Event(id=message, agent=talk.agent, send_message=said)
        await self.desk.post(event, lambda: self.seen.message(conversation, AGENT, message), self._refused(conversation))

    async def _end(self, conversation: str) -> None:
        talk = self._talks[conversation]
        if conversation in self._ending:
            return
        self._ending.add(conversation)
        end = desk_pb2.EndConversation(interaction=talk.interaction)
        event = desk_pb2.Event(id=f"e-{talk.interaction}", agent=talk.agent, end_conversation=end)
        await self.desk.post(event, lambda: None, self._refused(conversation))

    async def _be_available(self, agent: str) -> None:
        presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
        self._written += 1
        event = desk_pb2.Event(id=f"on-{agent}-{self._written}", agent=agent, set_presence=presence)
        await self.desk.post(event, lambda: None, self._refused(agent))

    async def _accept(self, agent: str, reservation: str) -> None:
        accept = desk_pb2.AcceptOffer(reservation=reservation)
        event = desk_pb2.Event(id=f"a-{reservation}", agent=agent, accept_offer=accept)
        await self.desk.post(event, lambda: None, self._refused(agent))

    def _next_message(self, text: str) -> tuple[str, str]:
        self._written += 1
        return f"m{self._written}", f"{text} ({self._name})"

    def _refused(self, subject: str) -> Any:
        def note(refused: Refused) -> None:
            if refused.code not in CROSSED:
                self.seen.refused.append(f"{subject}: {refused}")

        return note

    # -- what they are told ---------------------------------------------------------------------------------------------

    def _desk_told(self, link: DeskLink, command: desk_pb2.Command) -> None:
        match command.WhichOneof("body"):
            case "offer":
                reservation = command.offer.reservation.reservation
                if reservation not in self._answered:
                    self._answered.add(reservation)
                    self._do(self._accept(command.agent, reservation))
            case "conversation":
                self._conversation(command.agent, command.conversation)
            case "entries":
                rows = entry_rows(command.entries.entries, AUTHORS)
                self.seen.shown_at_desk(conversation_of(command.entries.interaction), rows)
            case "offer_ended":
                self._talks.pop(conversation_of(command.offer_ended.interaction), None)
            case "agent_state":
                if command.agent_state.presence == desk_pb2.PRESENCE_NOT_RESPONDING:
                    self._do(self._be_available(command.agent))
        self.seen.command(link.options.name, link.incarnation, command.source, command.number)

    def _conversation(self, agent: str, shown: desk_pb2.Conversation) -> None:
        name = conversation_of(shown.interaction)
        self.seen.connected(name, agent)
        self.seen.shown_at_desk(name, entry_rows(shown.entries, AUTHORS))
        story = self.seen.stories.get(name)
        if story is not None and not story.has_ended:
            self._talks[name] = Talk(shown.interaction, agent)

    async def _nothing_to_do(self, link: GatewayLink) -> None:
        """Web chat has nothing to say when it is back: its pages resume their conversations as they write."""

    async def _sign_in_again(self, link: DeskLink) -> None:
        await asyncio.gather(*(link.return_to_desk(agent, token) for agent, token in self._tokens.items()))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.seen.refused.append(f"the load itself failed: {type(problem).__name__}: {problem}")


def conversation_of(interaction: str) -> str:
    """The conversation of an interaction (`webchat:7/1`)."""
    return interaction.rpartition("/")[0]

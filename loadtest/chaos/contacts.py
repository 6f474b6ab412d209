"""A known number of contacts, of which each stands somewhere known: talking, being offered, or waiting in a place.

    talking   an agent has the conversation, both sides have written
    offered   an agent's desk rings, nobody answers yet
    waiting   a place in the queue, behind the one who came before

Kept: nothing moves by itself while a fault is made: agents take one contact each, nobody hangs up, offers ring for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from gateways.sdk import AdminClient, DeskLink, GatewayLink, LinkOptions, Refused
from loadtest.chaos.adapter import Adapter
from loadtest.chaos.seen import AGENT, CUSTOMER, Seen, Story, entry_rows
from loadtest.chaos.traffic import AUTHORS, PASSWORD, conversation_of, note_customer_command
from loadtest.failures import DemoFailed
from loadtest.product import Access
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

QUEUE: Final = "contacts"
#: The state of a reservation whose conversation runs, and the keys of places and reservations, as records have them.
ACCEPTED: Final = "accepted"
PLACE: Final = "w/"
RESERVATION: Final = "r/"
CENTRE: Final = """\
version: 1
name: Contacts
timezone: UTC
skills: {{contacts: Contacts}}
queues:
  contacts: {{name: Contacts, wrap_up_s: 0, offer_timeout_s: 600, hours: always}}
routing_profiles:
  contacts: {{queues: [contacts], capacity: {{webchat: 1}}, capacity_total: 1}}
agents:
  contact: {{count: {agents}, name: Agent, routing_profile: contacts, password: {password}, skills: {{contacts: 5}}}}
channels:
  webchat: {{entry_points: {{default: {{queue: contacts}}}}}}
"""


class NotInTime(DemoFailed):
    """Something that must happen did not."""


@dataclass(slots=True)
class Standing:
    """Where everybody stands, as the cluster has it: places in the order of service, and who holds whom."""

    #: (interaction, state, reservation) of everybody in the queue.
    places: list[tuple[str, str, str]]
    #: Agent -> (reservation, interaction, state).
    held: dict[str, tuple[str, str, str]]

    def of(self, conversation: str) -> tuple[object, ...]:
        """Where one contact stands; empty if nowhere."""
        places = [(at, *place) for at, place in enumerate(self.places) if conversation_of(place[0]) == conversation]
        held = [(agent, *held) for agent, held in sorted(self.held.items()) if conversation_of(held[1]) == conversation]
        return (*places, *held)


@dataclass(slots=True)
class Desk:
    """What an agent's page shows."""

    offers: dict[str, str] = field(default_factory=dict)
    #: The interaction that it leads.
    talking: str = ""


class Contacts:
    """All customers on one link, all agents on another.

    Args:
        count: How many contacts; a third talk, a sixth are offered, the others wait.
    """

    def __init__(self, access: Access, count: int, name: str) -> None:
        self.seen = Seen()
        self._access = access
        self._name = name
        talking, offered = count // 3, count // 6
        names = [f"webchat:{name}-{number:04d}" for number in range(1, count + 1)]
        self.talking, self.offered, self.waiting = (
            names[:talking],
            names[talking : talking + offered],
            names[talking + offered :],
        )
        self.agents = agent_names(count)
        self.desks = {agent: Desk() for agent in self.agents}
        #: Interactions in the order in which they were first offered.
        self.offered_in_order: list[str] = []
        self._tokens: dict[str, str] = {}
        self._written = 0
        self._beat: asyncio.Task[None] | None = None
        customers = LinkOptions(access.targets, f"{name}-customers", access.gateway_token, connect_timeout_s=None)
        desk = LinkOptions(access.targets, f"{name}-desk", access.desk_token, connect_timeout_s=None)
        settled, clock = self.seen.acknowledged, self.seen.pulse.now
        told = partial(note_customer_command, self.seen)
        self.customers = Adapter(lambda: GatewayLink(customers), told, self._nothing, settled, clock)
        self.desk = Adapter(lambda: DeskLink(desk), self._desk_told, self._sign_in_again, settled, clock)

    @property
    def everybody(self) -> list[str]:
        """Every contact."""
        return [*self.talking, *self.offered, *self.waiting]

    # -- getting there --------------------------------------------------------------------------------------------------

    async def gather(self) -> None:
        """Bring everybody to where they are to stand.

        Raises:
            NotInTime: they do not get there.
        """
        # Without it the clock would take the wait for a product that starts again for a machine that stood still.
        self._beat = asyncio.create_task(self.seen.pulse.beat())
        await self.customers.open()
        await self.desk.open()
        for agent in self.agents:
            self._tokens[agent] = (await self.desk.link.sign_in(agent, PASSWORD)).token
        for agent in self.agents[: len(self.talking)]:
            await self.be_available(agent)
        for conversation in self.talking:
            await self.arrive(conversation)
        await self.until(lambda: sum(len(desk.offers) for desk in self.desks.values()) == len(self.talking), "offers ring")
        for agent, desk in self.desks.items():
            for reservation in list(desk.offers):
                await self.accept(agent, reservation)
        await self.until(lambda: all(self.agent_of(name) for name in self.talking), "agents talk")
        for agent in self.agents[len(self.talking) :]:
            await self.be_available(agent)
        for conversation in (*self.offered, *self.waiting):
            await self.arrive(conversation)
        await self.until(lambda: len(self.offered_in_order) == len(self.agents), "more offers ring")
        await self.talk(self.everybody)

    async def talk(self, conversations: Sequence[str]) -> dict[str, float]:
        """Have each write, and be answered by their agent if they have one, and wait until it is shown.

        Returns:
            How long (s) each waited for the acknowledgement.

        Raises:
            NotInTime: something was not shown.
        """
        waited: dict[str, float] = {}
        began = self.seen.pulse.now()
        for conversation in conversations:
            await self._write(conversation, lambda name: waited.setdefault(name, self.seen.pulse.now() - began))
            agent = self.agent_of(conversation)
            if agent:
                await self._answer(conversation, agent)
        await self.until(lambda: len(waited) == len(conversations), "everybody's message is acknowledged", 240.0)
        await self.until(lambda: not (self.customers.unsettled or self.desk.unsettled), "every event is acknowledged")
        await self.until(self._is_all_shown, "everything is shown")
        return waited

    def _is_all_shown(self) -> bool:
        """Whether customers see theirs and their agent's messages, and agents their customer's."""
        return all(
            story.promised <= set(story.entries.values()) and (not self.agent_of(name) or story.promised <= story.at_desk)
            for name, story in self.seen.stories.items()
        )

    # -- where everybody stands -------------------------------------------------------------------------------------------

    async def standing(self) -> Standing:
        """Ask the cluster."""
        async with AdminClient(self._access.targets, self._access.admin_token) as admin:
            queue = MessageToDict((await admin.show_actor(f"queue/{QUEUE}")).records)
            places = sorted((place for key, place in queue.items() if key.startswith(PLACE)), key=_rank)
            held: dict[str, tuple[str, str, str]] = {}
            for agent in self.agents:
                records = MessageToDict((await admin.show_actor(f"agent/{agent}")).records)
                for key, record in records.items():
                    if key.startswith(RESERVATION):
                        held[agent] = (record["reservation"], record["interaction"], record["state"])
        return Standing([(place["interaction"], place["state"], place["reservation"]) for place in places], held)

    def agent_of(self, conversation: str) -> str:
        """Who leads it; empty if nobody does."""
        return next((name for name, desk in self.desks.items() if conversation_of(desk.talking) == conversation), "")

    # -- what they do -----------------------------------------------------------------------------------------------------

    async def arrive(self, conversation: str) -> None:
        """A customer comes, and is in the queue before the next one can be."""
        self.seen.stories[conversation] = Story()
        opened = messaging_pb2.ConversationOpened(
            channel="webchat",
            entry_point="default",
            customer=content_pb2.Customer(id=conversation, name="Test", language="en"),
        )
        event = gateway_pb2.Event(id="open", conversation=conversation, conversation_opened=opened)
        taken = asyncio.Event()
        await self.customers.post(event, taken.set, self._refused(conversation))
        await self.until(taken.is_set, f"{conversation} arrives")
        self.seen.arrival(conversation)

    async def accept(self, agent: str, reservation: str) -> None:
        """The agent takes the offer."""
        event = desk_pb2.Event(id=f"a-{reservation}", agent=agent, accept_offer=desk_pb2.AcceptOffer(reservation=reservation))
        await self.desk.post(event, lambda: None, self._refused(agent))

    async def end(self, agent: str) -> None:
        """The agent ends what they lead."""
        interaction = self.desks[agent].talking
        end = desk_pb2.EndConversation(interaction=interaction)
        event = desk_pb2.Event(id=f"e-{interaction}", agent=agent, end_conversation=end)
        await self.desk.post(event, lambda: None, self._refused(agent))
        await self.until(lambda: not self.desks[agent].talking, f"{agent} is free again")

    async def be_available(self, agent: str) -> None:
        """The agent takes offers."""
        self._written += 1
        presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
        event = desk_pb2.Event(id=f"on-{agent}-{self._written}", agent=agent, set_presence=presence)
        await self.desk.post(event, lambda: None, self._refused(agent))

    async def until(self, done: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
        """Wait for something to be so.

        Raises:
            NotInTime: it is not.
        """
        give_up_at = self.seen.pulse.now() + within_s
        while not done():
            if self.seen.pulse.now() > give_up_at:
                raise NotInTime(f"after {within_s:g} s it is not so that {what}")
            await self.seen.change(0.1)

    async def close(self) -> None:
        """Disconnect."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        await self.customers.close()
        await self.desk.close()

    async def _write(self, conversation: str, acknowledged: Callable[[str], object]) -> None:
        message, text = self._next_message()
        received = messaging_pb2.MessageReceived(content=content_pb2.Content(text=text))
        event = gateway_pb2.Event(id=message, conversation=conversation, message_received=received)

        def taken() -> None:
            self.seen.message(conversation, CUSTOMER, message)
            acknowledged(conversation)

        await self.customers.post(event, taken, self._refused(conversation))

    async def _answer(self, conversation: str, agent: str) -> None:
        message, text = self._next_message()
        said = desk_pb2.SendMessage(interaction=self.desks[agent].talking, content=content_pb2.Content(text=text))
        event = desk_pb2.Event(id=message, agent=agent, send_message=said)
        await self.desk.post(event, lambda: self.seen.message(conversation, AGENT, message), self._refused(conversation))

    def _next_message(self) -> tuple[str, str]:
        self._written += 1
        text = f"What do I have to do? ({self._name}, {self._written})"
        self.seen.texts[text] = None
        return f"m{self._written}", text

    def _refused(self, subject: str) -> Callable[[Refused], None]:
        return lambda refused: self.seen.refused.append(f"{subject}: {refused}")

    # -- what they are told -------------------------------------------------------------------------------------------------

    def _desk_told(self, link: DeskLink, command: desk_pb2.Command) -> None:
        desk = self.desks.get(command.agent)
        if desk is not None:
            self._page(command.agent, desk, command)
        self.seen.command(link.options.name, link.incarnation, command.source, command.number)

    def _page(self, agent: str, desk: Desk, command: desk_pb2.Command) -> None:
        match command.WhichOneof("body"):
            case "offer":
                offered = command.offer.reservation
                desk.offers[offered.reservation] = offered.interaction
                if offered.interaction not in self.offered_in_order:
                    self.offered_in_order.append(offered.interaction)
            case "conversation":
                shown = command.conversation
                desk.offers.pop(shown.reservation, None)
                desk.talking = shown.interaction
                self.seen.connected(conversation_of(shown.interaction), agent)
                self.seen.shown_at_desk(conversation_of(shown.interaction), entry_rows(shown.entries, AUTHORS))
            case "entries":
                rows = entry_rows(command.entries.entries, AUTHORS)
                self.seen.shown_at_desk(conversation_of(command.entries.interaction), rows)
            case "offer_ended":
                desk.offers.pop(command.offer_ended.reservation, None)
                if desk.talking == command.offer_ended.interaction:
                    desk.talking = ""

    async def _nothing(self, link: GatewayLink) -> None:
        """Web chat has nothing to say when it is back."""

    async def _sign_in_again(self, link: DeskLink) -> None:
        await asyncio.gather(*(link.return_to_desk(agent, token) for agent, token in self._tokens.items()))


def agent_names(count: int) -> list[str]:
    """The agents for so many contacts."""
    agents = count // 3 + count // 6
    width = max(2, len(str(agents)))
    return [f"contact-{number:0{width}d}" for number in range(1, agents + 1)]


def centre(count: int) -> str:
    """The configuration that so many contacts need."""
    return CENTRE.format(agents=len(agent_names(count)), password=PASSWORD)


def _rank(place: dict[str, Any]) -> tuple[float, float, str]:
    return (-float(place.get("priority", 0)), float(place["enqueued_at"]), str(place["interaction"]))

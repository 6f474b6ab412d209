"""A crowd at constant load: as many live conversations as asked for, each with messages both ways, an end and a successor.

    arrive -> offer rings -> accepted at once -> messages both ways -> the agent ends it -> the next one arrives

Keeps: nobody is ever rude: links stay up, offers are taken, every message is answered; so what is measured is the cluster.
All that was promised is in the evidence, for the checker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from actors.actor import Message, Refusal
from actors.address import address
from actors.messages.agent import AcceptOffer, SetPresence, SignIn
from actors.messages.centre import AgentConfig, CentrePlan, QueueConfig
from actors.messages.link import DeskConversation, DeskEntries, DeskOffer, ShowNotice
from actors.messages.session import AgentEnds, AgentMessage, Arrive, CustomerMessage
from actors.values import Author, Content, Customer, NoticeKind, PresenceState
from cluster.config.edge import EdgeCentre
from cluster.invariants.evidence import Arrived, Evidence, Wrote
from cluster.simulator.adapter import SimAdapter
from cluster.simulator.clock import BEGIN_AT
from cluster.simulator.plant import Plant
from cluster.simulator.transport import WORLD

#: What is done once the cluster has accepted what was said.
Done = Callable[[], None]

CHANNEL = "webchat"
TEXT = "I am still waiting on my card, can you tell me when it will arrive?"
#: How long an agent takes for an answer, and how long until the next customer comes.
ANSWER_AFTER_S = 1.0
#: More than every conversation needs, so that hardly anybody waits.
AGENTS_TO_SPARE = 1.15
WINDOW = 2_000


@dataclass(frozen=True, slots=True)
class Habits:
    """What each conversation is like. A customer writes every `message_every_s`, and is answered each time."""

    sessions: int
    message_every_s: float = 10.0
    handling_s: float = 60.0
    retention_s: float = 5.0
    queues: int = 4
    capacity: int = 5


class Talk:
    """One live conversation."""

    __slots__ = ("agent", "is_over", "name", "wrote")

    def __init__(self, name: str) -> None:
        self.name = name
        self.agent = ""
        self.wrote = 0
        self.is_over = False


class Crowd:
    """Everybody: customers on one adapter for each gateway, agents on another."""

    def __init__(self, plant: Plant, habits: Habits, random: Random) -> None:
        self.habits = habits
        self.evidence = Evidence(all_commands=True)
        #: Whoever ends is followed by somebody else.
        self.is_open = True
        self.talks: dict[str, Talk] = {}
        self.began = 0
        self.connected = 0
        #: Refusals that nobody expected.
        self.refusals: list[str] = []
        self._plant = plant
        self._loop = plant.loop
        self._random = random
        edges = plant.machinery.edges
        self._chats = [self._adapter(f"chat-{number}", edge) for number, edge in enumerate(edges, 1)]
        self._desks = [self._adapter(f"desk-{number}", edge) for number, edge in enumerate(edges, 1)]
        self._desk_of: dict[str, SimAdapter] = {}

    def _adapter(self, name: str, edge: str) -> SimAdapter:
        plant = self._plant
        process = plant.process(name)
        return SimAdapter(plant.network, process, plant.next_life(), WINDOW, (edge,), self.evidence, self._handled)

    @property
    def frames(self) -> int:
        """How many frames the cluster has answered."""
        return len(self.evidence.answers)

    @property
    def unsettled(self) -> int:
        """How many frames have no answer yet."""
        return sum(adapter.link.unsettled for adapter in (*self._chats, *self._desks))

    def plan(self) -> CentrePlan:
        """The configuration: every agent serves every queue."""
        habits = self.habits
        names = [f"q{number}" for number in range(1, habits.queues + 1)]
        queues = {name: QueueConfig(name, wrap_up_ms=0) for name in names}
        served = tuple(address("queue", name) for name in names)
        count = int(habits.sessions * AGENTS_TO_SPARE / habits.capacity) + 1
        agents = {
            f"a{number}": AgentConfig(f"A{number}", (), served, {CHANNEL: habits.capacity}, habits.capacity)
            for number in range(1, count + 1)
        }
        return CentrePlan(queues, agents, EdgeCentre(names={"en": "Simulated"}, timezone="UTC", channels={}).to_json())

    def sign_in(self, agents: Sequence[str]) -> None:
        """Every agent comes to their desk and is available."""
        for number, name in enumerate(agents):
            desk = self._desk_of[name] = self._desks[number % len(self._desks)]
            self._post(desk, "agent", name, SignIn(desk.name))
            self._post(desk, "agent", name, SetPresence(PresenceState.AVAILABLE))

    def gather(self, within_s: float) -> None:
        """All customers come, evenly over this time."""
        for number in range(self.habits.sessions):
            self._after(within_s * number / self.habits.sessions, self._arrive)

    # -- customers ----------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        if not self.is_open:
            return
        self.began += 1
        talk = Talk(f"{CHANNEL}:c{self.began}")
        chat, number = self._chat_of(talk.name), self.began % self.habits.queues + 1
        self.talks[talk.name] = talk
        arrive = Arrive(
            talk.name, CHANNEL, chat.name, Customer(talk.name), f"q{number}", retention_ms=int(self.habits.retention_s * 1000)
        )
        self._post(chat, "session", talk.name, arrive, lambda: self.evidence.arrivals.append(Arrived(talk.name, self._now())))

    def _write(self, talk: Talk) -> None:
        if talk.is_over or not self.is_open:
            return
        talk.wrote += 1
        message = CustomerMessage(f"m{talk.wrote}", Content(TEXT))
        wrote = partial(self._wrote, talk.name, message.id, "customer")
        self._post(self._chat_of(talk.name), "session", talk.name, message, wrote)
        self._after(self.habits.message_every_s, partial(self._write, talk))

    def _wrote(self, conversation: str, message_id: str, author: str) -> None:
        self.evidence.messages.append(Wrote(conversation, message_id, self._now(), author))

    def _chat_of(self, conversation: str) -> SimAdapter:
        return self._chats[int(conversation.rpartition("c")[2]) % len(self._chats)]

    # -- agents -------------------------------------------------------------------------------------------------------

    def _answer(self, talk: Talk, number: int) -> None:
        if not talk.is_over:
            message = AgentMessage(talk.agent, f"{talk.name}/1", f"r{number}", Content(TEXT))
            wrote = partial(self._wrote, talk.name, message.id, "agent")
            self._post(self._desk_of[talk.agent], "session", talk.name, message, wrote)

    def _end(self, talk: Talk) -> None:
        if not talk.is_over and talk.agent:
            talk.is_over = True
            self._post(self._desk_of[talk.agent], "session", talk.name, AgentEnds(talk.agent, f"{talk.name}/1"))

    def end_all(self) -> None:
        """No more successors, and every conversation ends, now or once somebody has taken it."""
        self.is_open = False
        for talk in list(self.talks.values()):
            self._end(talk)

    # -- what adapters are told -----------------------------------------------------------------------------------------

    def _handled(self, link: str, message: Message) -> None:
        self._after(0.0, partial(self._act, message))

    def _act(self, message: Message) -> None:
        match message:
            case DeskOffer(agent, held):
                self._post(self._desk_of[agent], "agent", agent, AcceptOffer(held.reservation))
            case DeskEntries(agent, interaction, entries):
                talk = self.talks.get(interaction.rpartition("/")[0])
                for entry in entries:
                    if talk is not None and entry.author is Author.CUSTOMER:
                        talk.agent = agent
                        self._after(ANSWER_AFTER_S, partial(self._answer, talk, entry.number))
            case DeskConversation(agent, interaction):
                self._connected(agent, interaction)
            case ShowNotice(conversation, NoticeKind.ENDED):
                self._ended(conversation)

    def _connected(self, agent: str, interaction: str) -> None:
        talk = self.talks.get(interaction.rpartition("/")[0])
        if talk is None or talk.agent:
            return
        talk.agent = agent
        self.connected += 1
        habits, random = self.habits, self._random
        # The first ones are somewhere in their conversations already, so that ends come evenly from the start.
        share = random.random() * 2 if self.began > habits.sessions else random.random()
        self._after(random.random() * habits.message_every_s, partial(self._write, talk))
        self._after(habits.handling_s * share if self.is_open else 0.0, partial(self._end, talk))

    def _ended(self, conversation: str) -> None:
        if self.talks.pop(conversation, None) is not None:
            self._after(ANSWER_AFTER_S * self._random.random(), self._arrive)

    # -- within ---------------------------------------------------------------------------------------------------------

    def _post(self, adapter: SimAdapter, kind: str, name: str, message: Message, done: Done | None = None) -> None:
        adapter.link.post(address(kind, name), message, partial(self._told, message, done))

    def _told(self, message: Message, done: Done | None, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.refusals.append(f"{type(message).__name__} was refused: {refusal.detail}")
        elif done is not None:
            done()

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        self._loop.call_later(delay_s, act, context=WORLD)

    def _now(self) -> int:
        return BEGIN_AT + int(self._loop.time() * 1000)

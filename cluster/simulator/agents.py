"""Simulated agents at their desks: sign in, take offers or not, talk, consult, transfer, wrap up, reload, go away."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from actors.actor import Message, Refusal
from actors.address import Address, address
from actors.messages.agent import AcceptOffer, CompleteWrapUp, DeskLost, RejectOffer, SetPresence, SignIn, SignOut
from actors.messages.link import (
    ConsultView,
    DeskConsult,
    DeskConversation,
    DeskEntries,
    DeskOffer,
    DeskOfferEnded,
    DeskReservation,
    DeskSignedOut,
    DeskState,
)
from actors.messages.session import (
    AgentAside,
    AgentEnds,
    AgentMessage,
    AgentSaw,
    AgentTyping,
    CompleteConsult,
    Consult,
    EndConsult,
    ShowConversation,
    StartConference,
    TransferTo,
)
from actors.values import Author, ConsultStage, Content, PresenceState, ReservationState, TranscriptEntry
from cluster.simulator.adapter import SimAdapter
from cluster.simulator.browser import Browser

if TYPE_CHECKING:
    from cluster.simulator.world import World


class Talk:
    """How far the agent is with one reservation's conversation."""

    __slots__ = ("done_for", "is_done", "patience")

    def __init__(self, patience: int) -> None:
        #: How often the agent looks at it without anything new before ending it.
        self.patience = patience
        self.is_done = False
        #: How often the agent has seen it since; a lax store may have lost the end.
        self.done_for = 0


class SimAgent(Browser):
    """One agent."""

    def __init__(self, world: World, name: str, random: Random) -> None:
        super().__init__(world.loop, name)
        self.world = world
        self.name = name
        self.random = random
        self.address = address("agent", name)
        self.presence = PresenceState.OFFLINE
        self.is_signed_in = False
        self.reservations: dict[str, DeskReservation] = {}
        #: Interaction -> entries by number, as the page has shown them.
        self.entries: dict[str, dict[int, TranscriptEntry]] = {}
        #: Interaction -> the consult about it that goes on, as the page has shown it.
        self.consults: dict[str, ConsultView] = {}
        #: By reservation: the same interaction may come back on another leg.
        self.talks: dict[str, Talk] = {}
        self._replied: set[tuple[str, int]] = set()
        self._decided: set[str] = set()
        self._said = 0
        #: In the calm, this one lets offers ring and wrap-ups run to their end.
        self.is_lazy = False

    async def work(self) -> None:
        """All day long."""
        world, random = self.world, self.random
        await asyncio.sleep(random.uniform(0.0, 3.0))
        while not world.is_closing:
            if self.adapter is None:
                if world.is_calm or random.random() < 0.6:
                    self._connect()
            elif not self.is_signed_in:
                self._sign_in(self.adapter)
            elif self._is_restless():
                self._wander()
            else:
                self._look()
            await asyncio.sleep(random.uniform(0.3, 1.2))

    def _is_restless(self) -> bool:
        return not self.world.is_calm and self.random.random() < 0.06

    def _wander(self) -> None:
        """Anything but working."""
        dice = self.random.random()
        if dice < 0.35:
            self._lose_page()
        elif dice < 0.5:
            self.say(self.address, SignOut(), self._signed_out)
        elif dice < 0.8 and self.presence is PresenceState.AVAILABLE:
            self.say(self.address, SetPresence(PresenceState.AWAY, self.random.choice(("lunch", "meeting"))))

    def _look(self) -> None:
        """Go over the page once and act on what is there."""
        random = self.random
        if self.presence in (PresenceState.AWAY, PresenceState.NOT_RESPONDING) and (
            self.world.is_calm or random.random() < 0.5
        ):
            self.say(self.address, SetPresence(PresenceState.AVAILABLE))
        for held in list(self.reservations.values()):
            match held.state:
                case ReservationState.PENDING:
                    self._decide(held)
                case ReservationState.ACCEPTED:
                    self._talk(held)
                case ReservationState.WRAPPING:
                    if random.random() < 0.5 and not (self.is_lazy and self.world.is_calm):
                        done = CompleteWrapUp(held.reservation, random.choice(("solved", "call back")), "a note")
                        self.say(self.address, done)

    def _decide(self, held: DeskReservation) -> None:
        if held.reservation in self._decided:
            return
        if self.is_lazy and self.world.is_calm:
            return
        dice = 0.0 if self.world.is_calm else self.random.random()
        if dice < 0.75:
            self.say(self.address, AcceptOffer(held.reservation))
        elif dice < 0.83:
            self.say(self.address, RejectOffer(held.reservation, "busy", dice < 0.79))
        elif dice > 0.92:
            self._decided.add(held.reservation)  # and let it ring
            return
        else:
            return  # look again later
        self._decided.add(held.reservation)

    def _talk(self, held: DeskReservation) -> None:
        random, interaction = self.random, held.interaction
        session = address("session", interaction.rpartition("/")[0])
        entries = self.entries.get(interaction, {})
        talk = self.talks.get(held.reservation)
        if talk is None:
            talk = self.talks[held.reservation] = Talk(random.randint(1, 5))
        unanswered = [
            number
            for number, entry in entries.items()
            if entry.author is Author.CUSTOMER and (interaction, number) not in self._replied
        ]
        if talk.is_done:
            talk.done_for += 1
            talk.is_done = talk.done_for % 12 != 0
            return
        consult = self.consults.get(interaction)
        if not entries and random.random() < 0.15:
            self.say(session, ShowConversation(self.name, interaction, self.adapter.name if self.adapter else ""))
        elif consult is not None and random.random() < 0.5:
            self._confer(session, interaction, consult)
        elif consult is not None and consult.asked_by != self.name and consult.stage is not ConsultStage.CONFERENCE:
            return  # The customer does not hear this agent.
        elif unanswered:
            self._replied.update((interaction, number) for number in unanswered)
            self._reply(session, interaction, max(unanswered))
        elif random.random() < 0.2:
            self.mention(session, AgentTyping(self.name, interaction, True))
        elif random.random() < 0.3 and entries:
            self.mention(session, AgentSaw(self.name, interaction, max(entries), max(entries)))
        elif consult is None and not self.world.is_calm and random.random() < 0.15:
            self._ask_colleague(session, interaction)
        else:
            talk.patience -= 1
            if talk.patience < 0:
                self._finish(session, interaction, talk)

    def _ask_colleague(self, session: Address, interaction: str) -> None:
        random = self.random
        self._said += 1
        to_agent = random.choice(self.world.agent_names) if random.random() < 0.3 else ""
        give_up_ms = random.choice((1_000, 5_000, 20_000))
        queue = random.choice(self.world.queues)
        self.say(session, Consult(self.name, interaction, f"{self.name}-k{self._said}", queue, to_agent, give_up_ms))

    def _confer(self, session: Address, interaction: str, consult: ConsultView) -> None:
        """The next thing in a consult: say something to each other, let the colleague in, hand over, or end it."""
        dice = 1.0 if self.world.is_calm else self.random.random()
        about = (self.name, interaction, consult.consult)
        if dice < 0.5:
            self._say_aside(session, interaction)
        elif consult.asked_by != self.name:
            if dice > 0.85:
                self.say(session, EndConsult(*about))
        elif dice < 0.65 and consult.stage is ConsultStage.CONSULTING:
            self.say(session, StartConference(*about))
        elif 0.65 <= dice < 0.85 and consult.stage is not ConsultStage.ASKING:
            self.say(session, CompleteConsult(*about))
        elif dice >= 0.85:
            self.say(session, EndConsult(*about))

    def _say_aside(self, session: Address, interaction: str) -> None:
        self._said += 1
        aside = AgentAside(self.name, interaction, f"{self.name}-{self._said}", Content(f"between us, about {interaction}"))
        conversation = interaction.rpartition("/")[0]

        def answered(refusal: Refusal | None) -> None:
            if refusal is None:
                self.world.oracle.message_accepted(conversation, "colleague", self.name, aside.id, self.answered_said_at)

        self.say(session, aside, answered)

    def _reply(self, session: Address, interaction: str, number: int) -> None:
        self._said += 1
        text = f"about {number} of {interaction}: please hold on"
        message = AgentMessage(self.name, interaction, f"{self.name}-{self._said}", Content(text))
        conversation = interaction.rpartition("/")[0]

        def answered(refusal: Refusal | None) -> None:
            if refusal is None:
                self.world.oracle.message_accepted(conversation, "agent", self.name, message.id, self.answered_said_at)

        self.say(session, message, answered)

    def _finish(self, session: Address, interaction: str, talk: Talk) -> None:
        talk.is_done = True
        if not self.world.is_calm and self.random.random() < 0.25:
            self._said += 1
            to_agent = self.random.choice(self.world.agent_names) if self.random.random() < 0.4 else ""
            queue = self.random.choice(self.world.queues)
            if to_agent != self.name:
                transfer = TransferTo(self.name, interaction, f"{self.name}-t{self._said}", queue, to_agent, 4_000)
                self.say(session, transfer, lambda refusal: self._over_again(talk, refusal))
                return
        self.say(session, AgentEnds(self.name, interaction), lambda refusal: self._over_again(talk, refusal))

    def _over_again(self, talk: Talk, refusal: Refusal | None) -> None:
        """A refused end or transfer is tried again while the page shows the conversation."""
        if refusal is not None:
            talk.is_done = False
            talk.patience = 2

    # -- the page -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        adapter = self.world.some_adapter("desk", self.random)
        if adapter is not None:
            self.attach(adapter)

    def _lose_page(self) -> None:
        """A reload, or a connection that broke: the desk says so, if it can."""
        adapter = self.adapter
        self.detach()
        if adapter is not None and adapter.is_alive:
            adapter.link.post(self.address, DeskLost(adapter.name))

    def _sign_in(self, adapter: SimAdapter) -> None:
        adapter.link.post(self.address, SignIn(adapter.name), None)

    def _signed_out(self, refusal: Refusal | None) -> None:
        self.is_signed_in = False

    def detach(self) -> None:
        super().detach()
        self.is_signed_in = False
        # A new page knows nothing but what it is told.
        self.reservations = {}
        self._decided = set()

    def greet(self, adapter: SimAdapter) -> None:
        self._sign_in(adapter)

    def show(self, message: Message) -> None:
        match message:
            case DeskState():
                self.presence = message.presence
                self.is_signed_in = message.presence is not PresenceState.OFFLINE
                self.reservations = {held.reservation: held for held in message.reservations}
            case DeskOffer():
                self.reservations[message.reservation.reservation] = message.reservation
            case DeskOfferEnded():
                if message.outcome is not ReservationState.WRAPPING:
                    self.reservations.pop(message.reservation, None)
            case DeskConversation() | DeskEntries():
                entries = self.entries.setdefault(message.interaction, {})
                entries.update((entry.number, entry) for entry in message.entries)
                if isinstance(message, DeskConversation):
                    self._show_consult(message.interaction, message.consult)
            case DeskConsult():
                self._show_consult(message.interaction, message.consult)
            case DeskSignedOut():
                self.presence = PresenceState.OFFLINE
                self.is_signed_in = False
                self.reservations = {}

    def _show_consult(self, interaction: str, consult: ConsultView | None) -> None:
        if consult is None or consult.stage is ConsultStage.ENDED:
            self.consults.pop(interaction, None)
        else:
            self.consults[interaction] = consult

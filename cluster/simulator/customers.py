"""Simulated customers: they arrive, wait, write, read, lose their connection, give up, leave and come back."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from actors.actor import Message, Refusal
from actors.address import address
from actors.messages.link import ShowEntries, ShowNotice
from actors.messages.session import Arrive, CustomerLeft, CustomerMessage, CustomerResumed, CustomerSaw, CustomerTyping
from actors.values import Content, Customer, NoticeKind, Requirement, SkillLevel
from cluster.simulator.adapter import SimAdapter
from cluster.simulator.browser import Browser

if TYPE_CHECKING:
    from cluster.simulator.world import World

GREETINGS = ("where is my card", "the transfer has not arrived", "我的卡丢了怎么办", "请问利率是多少", "I was charged twice")


class SimCustomer(Browser):
    """One conversation of one person."""

    def __init__(self, world: World, person: str, visit: int, random: Random) -> None:
        conversation = f"webchat:{person}-{visit}"
        super().__init__(world.loop, conversation)
        self.world = world
        self.random = random
        self.customer = Customer(
            person, person.title(), random.choice(("en", "zh")), world.returning.attributes(world.agent_names)
        )
        self.conversation = conversation
        self.session = address("session", conversation)
        #: Entry number -> (author, id), as shown to this person.
        self.seen: dict[int, tuple[str, str]] = {}
        self.is_accepted = False
        self.is_refused = False
        self.is_connected = False
        self.is_over = False
        #: The person walked away without a word; an agent will have to end it.
        self.is_away = False
        self.wrote = 0
        self.visits = 0
        self._arrival_said = False

    async def live(self) -> None:
        """From arrival to the end."""
        world, random = self.world, self.random
        self._arrive()
        patience_at = world.loop.time() + random.choice((3.0, 12.0, 60.0, 600.0))
        plans = random.randint(1, 4)
        while not self.is_over and not (self.is_away and world.is_calm):
            await asyncio.sleep(random.uniform(0.4, 1.8))
            if self.adapter is None:
                if not self.is_away and (world.is_calm or random.random() < 0.5):
                    self._reconnect()
                continue
            if self.is_refused:
                self._arrive()
            elif not self.is_connected and world.loop.time() > patience_at and self.is_accepted:
                self._leave()
                patience_at += 600.0
            else:
                self._chat(plans)

    def _chat(self, plans: int) -> None:
        world, random = self.world, self.random
        dice = random.random()
        if dice < 0.45 and self.wrote < (plans if self.is_connected else 1):
            self._write()
        elif dice < 0.55:
            self.mention(self.session, CustomerTyping(dice < 0.5))
        elif dice < 0.70 and self.seen:
            last = max(self.seen)
            self.mention(self.session, CustomerSaw(last, random.choice((0, last))))
        elif dice < 0.78 and self.is_connected and self.wrote >= plans:
            self._leave()
        elif dice > 0.95 and not world.is_calm:
            self.detach()
            self.is_away = random.random() < 0.15

    def _arrive(self) -> None:
        random = self.random
        self.is_refused = False
        skills = (SkillLevel("zh", random.randint(1, 5)),) if random.random() < 0.3 else ()
        adapter = self.adapter or self.world.some_adapter("webchat", random)
        if adapter is None:
            self.is_refused = True
            return
        arrive = Arrive(
            self.conversation, random.choice(("webchat", "webchat", "sms")), adapter.name, self.customer,
            random.choice(self.world.queues), random.choice((0, 0, 0, 5)),
            Requirement(skills, labels=self.world.sharing.labels()), random.random() > 0.02, "", self.world.retention_ms,
        )  # fmt: skip
        if self.adapter is None:
            self.attach(adapter)
        self._arrival_said = True
        self.say(self.session, arrive, self._arrived)

    def _arrived(self, refusal: Refusal | None) -> None:
        self.is_refused = refusal is not None
        if refusal is None:
            self.is_accepted = True
            self.world.oracle.arrival_accepted(self)

    def _write(self) -> None:
        self.wrote += 1
        text = f"{self.random.choice(GREETINGS)} {self.conversation} {self.wrote}"
        message = CustomerMessage(f"m{self.wrote}", Content(text))
        self.world.oracle.customer_wrote(text)
        self.say(self.session, message, lambda refusal: self._written(message.id, refusal))

    def _written(self, message_id: str, refusal: Refusal | None) -> None:
        if refusal is None:
            self.world.oracle.message_accepted(
                self.conversation, "customer", self.conversation, message_id, self.answered_said_at
            )
        else:
            self._refused(refusal)

    def _refused(self, refusal: Refusal | None) -> None:
        """The conversation has ended, or a lax store lost it: this window is of no more use."""
        if refusal is not None and (
            refusal.code == "FAILED_PRECONDITION" or (refusal.code == "NOT_FOUND" and self.is_accepted)
        ):
            self.is_over = True

    def _leave(self) -> None:
        self.say(self.session, CustomerLeft(), self._left)

    def _left(self, refusal: Refusal | None) -> None:
        self.is_over = True

    def _reconnect(self) -> None:
        adapter = self.world.some_adapter("webchat", self.random)
        if adapter is not None:
            self.attach(adapter)

    # -- Browser --------------------------------------------------------------------------------------------------

    def greet(self, adapter: SimAdapter) -> None:
        if not self._arrival_said:
            return
        arrivals = [saying for saying in self.unaccepted if isinstance(saying.message, Arrive)]
        for saying in arrivals:
            self._post(adapter, saying)
        self.visits += 1
        last = 0
        while last + 1 in self.seen:
            last += 1
        adapter.link.post(self.session, CustomerResumed(adapter.name, last, self.visits), self._refused)

    def show(self, message: Message) -> None:
        match message:
            case ShowEntries(_, entries):
                for entry in entries:
                    self.world.oracle.customer_saw(self, entry)
            case ShowNotice(_, NoticeKind.CONNECTED):
                self.is_connected = True
            case ShowNotice(_, NoticeKind.TRANSFERRED | NoticeKind.QUEUED):
                self.is_connected = False
            case ShowNotice(_, NoticeKind.ENDED | NoticeKind.CLOSED):
                self.is_over = True

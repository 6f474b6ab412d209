"""One conversation as a simulated agent leads it: greet, ask, answer, then transfer or end.

cluster                          agent
  | conversation, entries ------> |
  | <---- marks, typing, message  |   two to four times, waiting for the customer in between
  | <----------- transfer or end  |
  | offer_ended ----------------> |   also when the customer leaves first
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol

from loadtest.demo.observed import Observed
from loadtest.demo.pace import READ_S, TYPE_S, Pace
from loadtest.demo.phrases import GOODBYE, GREETINGS, PASSING_ON, REPLIES, TAKEN_OVER
from loadtest.demo.wire import author_of
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2

RESOLVED: Final = "resolved"
PASSED_ON: Final = "passed-on"
NO_REPLY: Final = "no-reply"


class Speaker(Protocol):
    """The agent as a chat needs them."""

    name: str

    async def act(self, event: desk_pb2.Event, promised: tuple[str, str] | None = None) -> bool:
        """Send an event of this agent; `promised` is the (conversation, message) that it holds.

        Returns:
            Whether it was taken; False if the conversation is somebody else's or over.
        """
        ...

    def next_message_id(self) -> str:
        """A new id for a message or a transfer."""
        ...


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a conversation is transferred to."""

    queue: str
    to_agent: str = ""
    fallback_ms: int = 0


class Chat:
    """One conversation at one agent; `lead` is cancelled when it is over."""

    def __init__(
        self, agent: Speaker, conversation: desk_pb2.Conversation, observed: Observed, pace: Pace, onward: Onward | None
    ) -> None:
        self.interaction = conversation.interaction
        self.reservation = conversation.reservation
        self.disposition = RESOLVED
        self._agent = agent
        self._observed = observed
        self._pace = pace
        self._onward = onward
        self._language = "zh" if conversation.customer.language.startswith("zh") else "en"
        self._last = 0
        self._served_before = False
        self._heard = asyncio.Event()
        self.show(conversation.entries)

    def show(self, entries: Any) -> None:
        """Entries for the agent's page; those it has already are skipped."""
        self._observed.shown_at_desk(self.interaction, entries, author_of)
        for entry in entries:
            if entry.number <= self._last:
                continue
            self._last = entry.number
            if entry.author == content_pb2.AUTHOR_CUSTOMER:
                self._heard.set()
            elif entry.author == content_pb2.AUTHOR_AGENT and entry.author_name != self._agent.name:
                self._served_before = True

    async def lead(self) -> None:
        """Serve the customer to the end, or until somebody else ends it."""
        opening = TAKEN_OVER if self._served_before else GREETINGS
        lines = [opening[self._language].format(agent=self._agent.name)]
        lines += self._pace.chance.sample(REPLIES[self._language], self._pace.chance.choice((1, 1, 2, 3)))
        for line in lines:
            if not await self._wait_for_customer():
                self.disposition = NO_REPLY
                break
            if not await self._say(line):
                return
        # Whoever was passed on once is not passed on again.
        if self._onward is not None and not self._served_before:
            await self._pass_on(self._onward)
        elif await self._say(GOODBYE[self._language]):
            end = desk_pb2.EndConversation(interaction=self.interaction)
            await self._agent.act(desk_pb2.Event(end_conversation=end))

    async def _wait_for_customer(self) -> bool:
        """Wait for something new from the customer and read it; False if nothing comes."""
        try:
            async with asyncio.timeout(self._pace.idle_s * max(1.0, self._pace.factor)):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        await self._mark(delivered=self._last)
        await self._pace.take(READ_S)
        await self._mark(delivered=self._last, read=self._last)
        return True

    async def _say(self, line: str) -> bool:
        await self._type(True)
        await self._pace.take(TYPE_S)
        message = self._agent.next_message_id()
        said = desk_pb2.SendMessage(interaction=self.interaction, content=content_pb2.Content(text=line))
        conversation = self.interaction.rpartition("/")[0]
        taken = await self._agent.act(desk_pb2.Event(id=message, send_message=said), (conversation, message))
        await self._type(False)
        return taken

    async def _pass_on(self, onward: Onward) -> None:
        if not await self._say(PASSING_ON[self._language]):
            return
        self.disposition = PASSED_ON
        transfer = desk_pb2.Transfer(
            interaction=self.interaction, queue=onward.queue, to_agent=onward.to_agent, fallback_ms=onward.fallback_ms
        )
        await self._agent.act(desk_pb2.Event(id=self._agent.next_message_id(), transfer=transfer))

    async def _type(self, typing: bool) -> None:
        await self._agent.act(desk_pb2.Event(set_typing=desk_pb2.SetTyping(interaction=self.interaction, typing=typing)))

    async def _mark(self, delivered: int, read: int = 0) -> None:
        marks = desk_pb2.MoveMarks(interaction=self.interaction, delivered=delivered, read=read)
        await self._agent.act(desk_pb2.Event(move_marks=marks))

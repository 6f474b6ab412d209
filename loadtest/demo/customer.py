"""A simulated customer of the web chat: types a question, waits, answers the agent, and leaves or is let go.

customer                                    cluster
  | open, question -------------------------> |
  | <------------- queued ... connected       |   too long: leave, which is an abandonment
  | <------------------ what the agent wrote  |
  | marks, typing, answer ------------------> |   until the thanks
  | (leave) --------------------------------> |
  | <-------------------------------- ended   |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateways.sdk import GatewayLink
from loadtest.demo.observed import CUSTOMER, Observed, Talk
from loadtest.demo.pace import READ_S, TYPE_S, Pace
from loadtest.demo.plan import CustomerPlan
from loadtest.demo.wire import author_of, send
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

CHANNEL: Final = "webchat"


class Customer:
    """One customer and their conversation. `live` returns when it has ended."""

    def __init__(self, plan: CustomerPlan, conversation: str, link: GatewayLink, observed: Observed, pace: Pace) -> None:
        self.plan = plan
        self.conversation = conversation
        self._link = link
        self._observed = observed
        self._pace = pace
        self._talk: Talk
        self._written = 0
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        #: Numbers of the agents' entries that were not read yet.
        self._heard: asyncio.Queue[int] = asyncio.Queue()

    async def live(self) -> None:
        """From the first key pressed to the end of the conversation."""
        await self._pace.take(TYPE_S)
        self._talk = self._observed.open(self.conversation)
        talking = asyncio.create_task(self._converse())
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
            await self._ended.wait()
        finally:
            talking.cancel()
            ended.cancel()
            await asyncio.gather(talking, ended, return_exceptions=True)

    # -- what the page is told ------------------------------------------------------------------------------------

    def told(self, command: gateway_pb2.Command) -> None:
        """A command for this conversation."""
        match command.WhichOneof("body"):
            case "show_notice":
                self._noticed(command.show_notice.kind)
            case "show_entries":
                self._observed.shown_to_customer(self._talk, command.show_entries.entries, author_of)
                for entry in command.show_entries.entries:
                    if entry.author == content_pb2.AUTHOR_AGENT:
                        self._heard.put_nowait(entry.number)

    def _noticed(self, kind: int) -> None:
        match kind:
            case messaging_pb2.NOTICE_KIND_CONNECTED:
                self._observed.connected(self._talk)
                self._connected.set()
            case messaging_pb2.NOTICE_KIND_TRANSFERRED:
                self._observed.transferred(self._talk)
            case messaging_pb2.NOTICE_KIND_ENDED | messaging_pb2.NOTICE_KIND_CLOSED:
                self._observed.ended(self._talk)
                self._ended.set()

    # -- what the customer does -----------------------------------------------------------------------------------

    async def _converse(self) -> None:
        await self._open()
        await self._write(self.plan.question.text)
        waited_s = self._observed.clock() - self._talk.opened_at
        try:
            async with asyncio.timeout(self.plan.patience_s - waited_s):
                await self._connected.wait()
        except TimeoutError:
            await self._send(gateway_pb2.Event(customer_left=messaging_pb2.CustomerLeft()))
            return
        for line in self.plan.follow_ups:
            await self._read()
            await self._send(gateway_pb2.Event(typing_changed=messaging_pb2.TypingChanged(typing=True)))
            await self._pace.take(TYPE_S)
            await self._write(line)
            await self._send(gateway_pb2.Event(typing_changed=messaging_pb2.TypingChanged(typing=False)))
        if self.plan.leaves:
            await self._read()
            await self._send(gateway_pb2.Event(customer_left=messaging_pb2.CustomerLeft()))
        while True:
            await self._read()

    async def _open(self) -> None:
        plan = self.plan
        opened = messaging_pb2.ConversationOpened(
            channel=CHANNEL,
            entry_point=plan.question.entry_point,
            subject=plan.question.category,
            customer=content_pb2.Customer(
                id=f"demo-customer-{plan.number}", name=plan.name, language="zh-CN" if plan.language == "zh" else "en-GB"
            ),
        )
        acknowledged: Callable[[], None] = lambda: self._observed.arrival_acknowledged(self.conversation)  # noqa: E731
        await self._send(gateway_pb2.Event(conversation_opened=opened), acknowledged)

    async def _write(self, text: str) -> None:
        self._written += 1
        message = f"{self.conversation}-{self._written}"
        self._observed.typed(text)
        received = messaging_pb2.MessageReceived(content=content_pb2.Content(text=text))
        await self._send(
            gateway_pb2.Event(id=message, message_received=received),
            lambda: self._observed.message_acknowledged(self.conversation, CUSTOMER, message),
        )

    async def _read(self) -> None:
        """Wait for something from an agent and read it."""
        number = await self._heard.get()
        await self._mark(delivered=number)
        await self._pace.take(READ_S)
        while not self._heard.empty():
            number = self._heard.get_nowait()
        await self._mark(delivered=number, read=number)

    async def _mark(self, delivered: int, read: int = 0) -> None:
        moved = messaging_pb2.MarksMoved(delivered=delivered, read=read)
        await self._send(gateway_pb2.Event(marks_moved=moved))

    async def _send(self, event: gateway_pb2.Event, acknowledged: Callable[[], None] | None = None) -> None:
        event.conversation = self.conversation
        if not await send(self._link, event, acknowledged):
            self._observed.counts["refused"] += 1

"""A simulated agent at the desk: becomes available, answers what rings, leads several conversations at once.

Kept: an offer is answered at most once; a conversation has at most one chat, however often it is shown; whatever was
shown as over is led no further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from gateways.sdk import DeskLink
from loadtest.demo.chat import RESOLVED, Chat, Onward
from loadtest.demo.observed import AGENT, Observed
from loadtest.demo.pace import ACCEPT_S, BACK_AFTER_RING_OUT_S, WRAP_UP_S, Pace
from loadtest.demo.wire import author_of, send
from trunkline.desk.v1 import desk_pb2

WRAPPING = desk_pb2.RESERVATION_STATE_WRAPPING


class Habits(Protocol):
    """What the agents of a shift do now and then, decided over all of them."""

    def answer(self) -> str:
        """What to do with the next offer: accept, reject, or ignore."""
        ...

    def onward(self, agent: str, queue: str) -> Onward | None:
        """Where the next conversation is transferred to in the end; None for nowhere."""
        ...


class DeskAgent:
    """One agent. `told` takes the desk's commands; `free` is set while the agent has nothing at all.

    What the agent does goes on in tasks; the first that fails puts its error into `failed`.
    """

    def __init__(
        self, agent: str, link: DeskLink, observed: Observed, pace: Pace, habits: Habits, run: str, failed: asyncio.Future[None]
    ) -> None:
        self.agent = agent
        self.name = agent
        self.free = asyncio.Event()
        self._failed = failed
        self._link = link
        self._observed = observed
        self._pace = pace
        self._habits = habits
        self._run = run
        self._sent = 0
        self._ringing: dict[str, str] = {}
        self._queues: dict[str, str] = {}
        self._chats: dict[str, Chat] = {}
        self._leading: dict[str, asyncio.Task[None]] = {}
        #: Reservations that are wrapped up or gone.
        self._over_already: set[str] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._presence = desk_pb2.PRESENCE_UNSPECIFIED

    async def start(self, password: str) -> None:
        """Sign in and become available."""
        signed = await self._link.sign_in(self.agent, password)
        self.name = signed.name
        await self._be_available()

    async def leave(self) -> None:
        """Go home."""
        await self._link.sign_out(self.agent)

    async def stop(self) -> None:
        """End everything that is under way."""
        tasks = [*self._busy]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- what the desk is told ------------------------------------------------------------------------------------

    def told(self, command: desk_pb2.Command) -> None:
        """A command for this agent."""
        match command.WhichOneof("body"):
            case "agent_state":
                self._state(command.agent_state)
            case "offer":
                self._rings(command.offer.reservation)
            case "offer_ended":
                self._over(command.offer_ended)
            case "conversation":
                self._conversation(command.conversation)
            case "entries":
                chat = self._chat_of(command.entries.interaction)
                if chat is not None:
                    chat.show(command.entries.entries)
                else:
                    # The wrap-up is over already; the page still shows what came last.
                    self._observed.shown_at_desk(command.entries.interaction, command.entries.entries, author_of)

    def _state(self, state: desk_pb2.AgentState) -> None:
        self.name = state.name or self.name
        if state.presence == desk_pb2.PRESENCE_NOT_RESPONDING and self._presence != state.presence:
            self._do(self._come_back())
        self._presence = state.presence
        if state.reservations:
            self.free.clear()
        else:
            self.free.set()

    def _rings(self, reservation: desk_pb2.Reservation) -> None:
        if reservation.reservation in self._ringing:
            return
        self.free.clear()
        self._ringing[reservation.reservation] = reservation.interaction
        self._queues[reservation.interaction] = reservation.queue
        self._observed.offered(reservation.interaction)
        self._do(self._answer(reservation.reservation))

    def _over(self, ended: desk_pb2.OfferEnded) -> None:
        if self._ringing.pop(ended.reservation, None) is not None and ended.outcome != WRAPPING:
            self._observed.no_longer_offered(ended.interaction)
            if ended.outcome == desk_pb2.RESERVATION_STATE_TIMED_OUT:
                self._observed.counts["rang_out"] += 1
        leading = self._leading.pop(ended.reservation, None)
        if leading is not None:
            leading.cancel()
        if ended.outcome == WRAPPING:
            chat = self._chats.get(ended.reservation)
            # A customer who left at once: the agent hears of the end before the session shows the conversation.
            self._do(self._wrap_up(ended.reservation, chat.disposition if chat is not None else RESOLVED))
        else:
            self._chats.pop(ended.reservation, None)
        self._over_already.add(ended.reservation)

    def _conversation(self, shown: desk_pb2.Conversation) -> None:
        self._ringing.pop(shown.reservation, None)
        chat = self._chats.get(shown.reservation)
        if chat is not None:
            return chat.show(shown.entries)
        if shown.reservation in self._over_already:
            return self._observed.shown_at_desk(shown.interaction, shown.entries, author_of)
        onward = self._habits.onward(self.agent, self._queues.pop(shown.interaction, ""))
        chat = self._chats[shown.reservation] = Chat(self, shown, self._observed, self._pace, onward)
        self._leading[shown.reservation] = self._do(chat.lead())

    def _chat_of(self, interaction: str) -> Chat | None:
        return next((chat for chat in self._chats.values() if chat.interaction == interaction), None)

    # -- what the agent does --------------------------------------------------------------------------------------

    async def _answer(self, reservation: str) -> None:
        answer = self._habits.answer()
        if answer == "ignore":
            return
        await self._pace.take(ACCEPT_S)
        if reservation not in self._ringing:
            return
        if answer == "reject":
            reject = desk_pb2.RejectOffer(reservation=reservation, reason="busy")
            self._observed.counts["rejected"] += await self.act(desk_pb2.Event(reject_offer=reject))
        else:
            await self.act(desk_pb2.Event(accept_offer=desk_pb2.AcceptOffer(reservation=reservation)))

    async def _wrap_up(self, reservation: str, disposition: str) -> None:
        await self._pace.take(WRAP_UP_S)
        done = desk_pb2.CompleteWrapUp(reservation=reservation, disposition=disposition, note="demo")
        await self.act(desk_pb2.Event(complete_wrap_up=done))

    async def _come_back(self) -> None:
        await self._pace.take(BACK_AFTER_RING_OUT_S)
        await self._be_available()

    async def _be_available(self) -> None:
        presence = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
        await self.act(desk_pb2.Event(set_presence=presence))

    async def act(self, event: desk_pb2.Event, promised: tuple[str, str] | None = None) -> bool:
        """See `loadtest.demo.chat.Speaker.act`."""
        event.agent = self.agent
        acknowledged: Callable[[], None] | None = None
        if promised is not None:
            conversation, message = promised
            acknowledged = lambda: self._observed.message_acknowledged(conversation, AGENT, message)  # noqa: E731
        taken = await send(self._link, event, acknowledged)
        self._observed.counts["refused"] += not taken
        return taken

    def next_message_id(self) -> str:
        """See `loadtest.demo.chat.Speaker.next_message_id`."""
        self._sent += 1
        return f"{self._run}-{self.agent}-{self._sent}"

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if task.cancelled():
            return
        problem = task.exception()
        if problem is not None and not self._failed.done():
            self._failed.set_exception(problem)

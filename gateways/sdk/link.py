"""A link to the cluster that stays up: connects, reconnects, resumes where it stopped, and fails over.

    adapter           link                          gateway
      | send(event) --> | outbox --- stream ---------> |
      | <-- done/Refused| <------------------ Settled  |
      | commands() <--- | inbox <---------- commands   |
      | (next one) ---> | -------------- CommandAck -> |

Kept: an event whose `send` returned is committed; one whose `send` raised `Refused` was not applied; a link that
cannot be mended ends every wait with the reason.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from gateways.sdk.clients import DeskClient, SignedIn
from gateways.sdk.errors import LinkClosed, LinkFailed, LinkTakenOver, Refused, Status
from gateways.sdk.inbox import Inbox
from gateways.sdk.options import LinkOptions, bearer, open_channel
from gateways.sdk.outbox import Outbox
from gateways.sdk.stream import PROTOCOL_VERSION, Dialect, Stream, StreamEnded
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from trunkline.link.v1 import link_pb2

EventT = TypeVar("EventT", gateway_pb2.Event, desk_pb2.Event)
CommandT = TypeVar("CommandT", gateway_pb2.Command, desk_pb2.Command)

#: Statuses that trying again cannot mend.
_FINAL: Final = frozenset(
    {"UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNIMPLEMENTED", "OUT_OF_RANGE"}
)
_TAKEN_OVER: Final = "LINK_TAKEN_OVER"
#: No gateway is believed that asks to be left alone for longer.
MOST_RETRY_S: Final = 60.0


class Link(Generic[EventT, CommandT]):
    """Common to links of channel adapters and of desks; use `GatewayLink` or `DeskLink`."""

    _dialect: Dialect

    def __init__(self, options: LinkOptions) -> None:
        self.options = options
        self.incarnation = uuid.uuid4().hex
        self._outbox = Outbox(options.window)
        self._inbox = Inbox(self._wake)
        self._limits = link_pb2.Limits()
        self._stream: Stream | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._error: Exception | None = None
        self._last_trouble = "no attempt was made yet"
        #: When a stream that had held for a while was lost (`time.monotonic`).
        self._up_at_s = -math.inf
        #: How often the link was welcomed, for operators to see.
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect; returns once welcomed.

        Raises:
            LinkFailed: no gateway takes the link, or none was reached in time.
        """
        self._task = asyncio.create_task(self._stay_connected())
        connected = asyncio.create_task(self._connected.wait())
        try:
            await asyncio.wait({connected, self._task}, timeout=self.options.connect_timeout_s, return_when="FIRST_COMPLETED")
        finally:
            connected.cancel()
        if self._error is None and not self._connected.is_set():
            where = ", ".join(self.options.targets)
            self._finish(LinkFailed("UNAVAILABLE", f"no gateway at {where} took the link in time; last: {self._last_trouble}"))
        if self._error is not None:
            await self._stop()
            raise self._error

    async def close(self) -> None:
        """Wait for what was sent to be settled, within limits, then say goodbye."""
        with suppress(TimeoutError, LinkFailed):
            async with asyncio.timeout(self.options.close_timeout_s):
                await self._outbox.empty()
                self._inbox.handled()
                if self._stream is not None and self._task is not None and not self._task.done():
                    self._stream.leave("the adapter closes")
                    self._finish(LinkClosed("the link was closed"))
                    await asyncio.wait({self._task})
        self._finish(LinkClosed("the link was closed"))
        await self._stop()

    async def abort(self) -> None:
        """Drop the connection without a word, as if this process had died; what was not settled may have been applied."""
        self._finish(LinkClosed("the link was aborted"))
        await self._stop()

    @property
    def connected(self) -> bool:
        """Whether a stream is open now."""
        return self._connected.is_set()

    async def wait_connected(self) -> None:
        """Wait until a stream is open."""
        await self._connected.wait()

    async def send(self, event: EventT, patience_s: float = 0.0) -> None:
        """Send an event; returns when it is committed.

        Args:
            patience_s: A busy cluster refuses what would begin something, and says when to come again. For so long in
                all the event is sent again at the times that it says; then, or without patience, the refusal is raised.

        Raises:
            Refused: the cluster said no.
            LinkFailed, LinkClosed: the link is over; whether the event was applied is not known.
        """
        until_s = time.monotonic() + patience_s
        while True:
            try:
                return await (await self.post(event))
            except Refused as refused:
                if not refused.retry_after_s or time.monotonic() + refused.retry_after_s > until_s:
                    raise
                await asyncio.sleep(refused.retry_after_s)

    async def post(self, event: EventT) -> asyncio.Future[None]:
        """Send an event without waiting for its outcome, which the future tells as `send` would.

        Waits only while `window` events are unsettled. The event is copied; its `seq` is set by the link.

        Raises:
            Refused: the event is larger than the gateway takes.
        """
        if self._error is not None:
            raise self._error
        size = event.ByteSize()
        if self._limits.event_bytes and size > self._limits.event_bytes:
            detail = f"the event has {size} bytes; the gateway takes {self._limits.event_bytes}: send files by URL"
            raise Refused("INVALID_ARGUMENT", detail)
        own = self._dialect.event()
        own.CopyFrom(event)
        if not own.created_at:
            own.created_at = time.time_ns() // 1_000_000
        if not self._outbox.has_room():
            await self._outbox.room()
        outcome = self._outbox.add(own)
        self._wake()
        return outcome

    def commands(self) -> AsyncIterator[CommandT]:
        """The commands in order, each one once; a command is acknowledged when the next one is asked for.

        Ends when the link is closed, and raises `LinkFailed` when it cannot be mended. Iterate in one place only.
        """
        return self._inbox

    # -- staying connected ------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._stream is not None:
            self._stream.wake()

    async def _stay_connected(self) -> None:
        targets, attempt, failures = self.options.targets, 0, 0
        try:
            while self._error is None:
                began = time.monotonic()
                ended = await self._connect(targets[attempt % len(targets)])
                attempt += 1
                if ended is not None:
                    self._judge(ended)
                    # A gateway that takes the link and drops it at once is no better than one that does not take it.
                    lasted = time.monotonic() - began > self.options.backoff.most_s
                    if lasted:
                        self._up_at_s = time.monotonic()
                    failures = 1 if lasted else failures + 1
                    backoff_s = self.options.backoff.delay_s(failures, time.monotonic() - self._up_at_s)
                    # A gateway that says when to come again knows better than any rule.
                    await asyncio.sleep(max(backoff_s, min(ended.retry_after_s, MOST_RETRY_S)))
        except Exception as error:  # noqa: BLE001  # whatever it is, every waiting sender is told
            self._finish(error)

    async def _connect(self, target: str) -> Status | None:
        """One stream, from Hello to its end; None if it ended because the gateway or the adapter wanted so."""
        channel = open_channel(target, self.options.tls)
        try:
            call = self._dialect.connect(channel)(metadata=bearer(self.options.token))
            stream = Stream(self._dialect, self._outbox, self._inbox, call, self.options.silence_timeout_s)
            try:
                welcome = await stream.open(self._hello())
                self._limits = welcome.limits
                self._stream = stream
                self.connections += 1
                self._resumed()
                self._connected.set()
                await stream.run()
                return None if stream.asked_away or self._error is not None else Status("UNAVAILABLE", "ended", "", ())
            except StreamEnded as ended:
                return None if stream.asked_away and ended.status.code in {"UNAVAILABLE", "OK"} else ended.status
            finally:
                self._stream = None
                self._connected.clear()
                call.cancel()
        finally:
            await channel.close(None)

    def _hello(self) -> link_pb2.Hello:
        options = self.options
        return link_pb2.Hello(
            protocol_version=PROTOCOL_VERSION,
            link=options.name,
            incarnation=self.incarnation,
            resume_after=self._outbox.acknowledged,
            sent=self._outbox.sent,
            window=options.window,
            command_window=options.command_window,
            capabilities=options.capabilities,
            software=options.software,
            grants=self._grants(),
        )

    def _grants(self) -> list[str]:
        return []

    def _resumed(self) -> None:
        """A new stream is open."""

    def _judge(self, status: Status) -> None:
        """Give up if this status will not get better."""
        self._last_trouble = f"{status.code}: {status.detail}"
        if status.code == "ABORTED" and status.reason == _TAKEN_OVER:
            self._finish(LinkTakenOver(status.code, status.detail, status.reason))
        elif status.code in _FINAL:
            self._finish(LinkFailed(status.code, status.detail, status.reason))

    def _finish(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            self._outbox.fail(error)
            self._inbox.finish(None if isinstance(error, LinkClosed) else error)

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class GatewayLink(Link[gateway_pb2.Event, gateway_pb2.Command]):
    """The link of a channel adapter."""

    _dialect = Dialect(
        gateway_pb2.AdapterFrame, gateway_pb2.Event, lambda channel: gateway_pb2_grpc.GatewayServiceStub(channel).Connect
    )


class DeskLink(Link[desk_pb2.Event, desk_pb2.Command]):
    """The link of a desk server; it speaks for any number of agents.

    After a break it signs its agents in again by itself, so that each is told everything anew.
    """

    _dialect = Dialect(desk_pb2.DeskFrame, desk_pb2.Event, lambda channel: desk_pb2_grpc.DeskServiceStub(channel).Connect)

    def __init__(self, options: LinkOptions) -> None:
        super().__init__(options)
        self._tokens: dict[str, str] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def sign_in(self, agent: str, password: str) -> SignedIn:
        """Check an agent's password and tell the cluster that the agent's desk is here.

        Raises:
            CallFailed: UNAUTHENTICATED if the agent or the password is wrong.
            Refused: the cluster does not take the agent.
        """
        async with DeskClient(self.options.target, self.options.token, self.options.tls) as client:
            signed = await client.sign_in(agent, password)
        await self.return_to_desk(agent, signed.token)
        return signed

    async def return_to_desk(self, agent: str, token: str) -> None:
        """Tell the cluster that an agent who signed in before is at this desk.

        Raises:
            Refused: UNAUTHENTICATED if the token is not good any more.
        """
        await self.send(desk_pb2.Event(agent=agent, sign_in=desk_pb2.SignIn(token=token)))
        self._tokens[agent] = token

    async def sign_out(self, agent: str) -> None:
        """The agent goes home.

        Raises:
            Refused: the cluster does not let the agent go.
        """
        await self.send(desk_pb2.Event(agent=agent, sign_out=desk_pb2.SignOut()))
        self._tokens.pop(agent, None)

    def forget(self, agent: str) -> None:
        """The agent works at another desk now: do not sign in here again after a break."""
        self._tokens.pop(agent, None)

    def _grants(self) -> list[str]:
        return list(self._tokens.values())

    def _resumed(self) -> None:
        if self.connections > 1:
            for agent, token in list(self._tokens.items()):
                task = asyncio.create_task(self._return(agent, token))
                self._background.add(task)
                task.add_done_callback(self._background.discard)

    async def _return(self, agent: str, token: str) -> None:
        try:
            await self.return_to_desk(agent, token)
        except Refused:
            self._tokens.pop(agent, None)
        except (LinkFailed, LinkClosed):
            return

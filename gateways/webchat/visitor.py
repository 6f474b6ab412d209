"""One page in a conversation: what it asks becomes events, and it is told what became of them.

Invariants: a message is acknowledged to the page only after the cluster committed it; a page's messages reach the
cluster in the order in which it sent them; a page speaks only for the conversation that its secret opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateways import sdk
from gateways.web.attachment_routes import AttachmentRoutes
from gateways.web.framing import BadFrame, FrameReader, Problem
from gateways.web.instants import now_ms
from gateways.web.pace import Pace
from gateways.web.page_socket import PageSocket
from gateways.web.settling import EventLink, Settling, nothing
from gateways.web.transcript import AttachmentInfo, content_of
from gateways.webchat import frames
from gateways.webchat.hub import Hub
from gateways.webchat.identity import CHANNEL, IdentityKey
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

#: The entry point of a page that names no topic.
DEFAULT_TOPIC: Final = "default"

#: A page may send this fast; a person never does.
FRAMES_PER_S: Final = 20.0
FRAMES_AT_ONCE: Final = 60

#: So many messages of one page may wait for their commit; then it is not read until one is done.
IN_FLIGHT: Final = 32

#: Typing that could not be told for this long is not worth telling.
TYPING_WORTH_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class ChatServices:
    """What every visitor shares."""

    link: EventLink
    hub: Hub
    key: IdentityKey
    attachments: AttachmentRoutes
    reader: FrameReader[frames.PageFrames]


class Visitor:
    """One connected page."""

    def __init__(self, page: PageSocket, services: ChatServices) -> None:
        self._page = page
        self._services = services
        self._conversation: str | None = None
        self._pace = Pace(FRAMES_PER_S, FRAMES_AT_ONCE)
        self._settling = Settling(services.link, IN_FLIGHT)

    async def serve(self) -> None:
        """Answer the page until it is gone."""
        try:
            async for text in self._page.texts():
                await self._pace.take()
                try:
                    frame = self._services.reader.read(text)
                except BadFrame as bad:
                    self._page.push(Problem(code="INVALID_ARGUMENT", detail=bad.detail))
                    continue
                await self._handle(frame)
        except sdk.SdkError:
            return  # The link is over and the server stops; the page comes back to the next one.
        finally:
            self._part()

    async def _handle(self, frame: frames.PageFrames) -> None:
        match frame:
            case frames.Ping():
                self._page.push(frames.Pong())
            case frames.Start():
                await self._start(frame)
            case frames.Resume():
                await self._resume(frame)
            case _ if self._conversation is None:
                self._page.push(Problem(code="FAILED_PRECONDITION", detail="send `start` or `resume` first"))
            case frames.Say():
                await self._say(frame, self._conversation)
            case frames.Typing(typing=typing):
                event = self._event(typing_changed=messaging_pb2.TypingChanged(typing=typing))
                event.deadline_at = event.created_at + TYPING_WORTH_MS
                await self._settling.post(event, nothing, nothing)
            case frames.Saw(delivered=delivered, read=read):
                event = self._event(marks_moved=messaging_pb2.MarksMoved(delivered=delivered, read=read))
                await self._settling.post(event, nothing, nothing)
            case frames.Leave():
                await self._post(self._event(customer_left=messaging_pb2.CustomerLeft()), "leave")

    async def _start(self, frame: frames.Start) -> None:
        self._join(self._services.key.conversation(frame.secret))
        customer = content_pb2.Customer(id=self._services.key.visitor(frame.visitor), name=frame.name, language=frame.language)
        if frame.page:
            customer.attributes["page"] = frame.page
        opened = messaging_pb2.ConversationOpened(channel=CHANNEL, entry_point=frame.topic or DEFAULT_TOPIC, customer=customer)
        try:
            await self._services.link.send(self._event(conversation_opened=opened))
        except sdk.Refused as refused:
            self._part()
            self._page.push(_refused("start", refused))
        else:
            self._page.push(frames.Ready(conversation=self._conversation or "", resumed=False))

    async def _resume(self, frame: frames.Resume) -> None:
        self._join(self._services.key.conversation(frame.secret))
        try:
            await self._services.link.send(self._event(customer_returned=messaging_pb2.CustomerReturned(seen=frame.seen)))
        except sdk.Refused as refused:
            self._part()
            self._page.push(frames.Gone() if refused.code == "NOT_FOUND" else _refused("start", refused))
        else:
            self._page.push(frames.Ready(conversation=self._conversation or "", resumed=True))

    async def _say(self, frame: frames.Say, conversation: str) -> None:
        files: list[AttachmentInfo] = []
        for attachment in frame.attachments:
            info = self._services.attachments.info(attachment, conversation)
            if info is None:
                self._refuse(frame.id, "NOT_FOUND", "an attachment of the message is unknown; attach it again")
                return
            files.append(info)
        if not frame.text.strip() and not files:
            self._refuse(frame.id, "INVALID_ARGUMENT", "a message needs text or an attachment")
            return
        received = messaging_pb2.MessageReceived(content=content_of(frame.text, tuple(files)))
        await self._post(self._event(frame.id, message_received=received), frame.id)

    async def _post(self, event: gateway_pb2.Event, answer_to: str) -> None:
        await self._settling.post(
            event,
            lambda: self._page.push(frames.Accepted(id=answer_to)),
            lambda refused: self._page.push(_refused(answer_to, refused)),
        )

    def _event(self, message_id: str = "", **body: Any) -> gateway_pb2.Event:
        """An event of this page's conversation; `body` is the one field of the event's body."""
        return gateway_pb2.Event(id=message_id, conversation=self._conversation or "", created_at=now_ms(), **body)

    def _join(self, conversation: str) -> None:
        if conversation != self._conversation:
            self._part()
            self._conversation = conversation
            self._services.hub.join(conversation, self._page)

    def _part(self) -> None:
        if self._conversation is not None:
            self._services.hub.part(self._conversation, self._page)
            self._conversation = None

    def _refuse(self, message_id: str, code: str, detail: str) -> None:
        self._page.push(frames.Refused(id=message_id, code=code, detail=detail, retry_after_ms=0))


def _refused(answer_to: str, refused: sdk.Refused) -> frames.Refused:
    retry_after_ms = int(refused.retry_after_s * 1000)
    return frames.Refused(id=answer_to, code=refused.code, detail=refused.detail, retry_after_ms=retry_after_ms)

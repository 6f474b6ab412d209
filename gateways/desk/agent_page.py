"""One page at the desk: signs an agent in, turns what the agent does into events, and tells what became of each.

Invariants: a page acts for the agent who signed in on it and for nobody else; everything that the agent asks for is
answered, `accepted` only once it is committed; what the agent does reaches the cluster in the order in which it was done.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from gateways import sdk
from gateways.desk import frames
from gateways.desk.centre import CentreView
from gateways.desk.explaining import Explaining
from gateways.desk.workplaces import Workplace, Workplaces
from gateways.web.attachment_routes import AttachmentRoutes
from gateways.web.framing import BadFrame, FrameReader, Problem
from gateways.web.instants import now_ms
from gateways.web.pace import Pace
from gateways.web.page_socket import PageSocket
from gateways.web.settling import Settling, nothing
from gateways.web.transcript import AttachmentInfo, content_of
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2

#: A page may send this fast; a person never does.
FRAMES_PER_S: Final = 20.0
FRAMES_AT_ONCE: Final = 60
IN_FLIGHT: Final = 32

#: How long a page waits after a wrong password, so that guessing is slow.
WRONG_PASSWORD_S: Final = 1.0

#: Typing that could not be told for this long is not worth telling.
TYPING_WORTH_MS: Final = 5_000

_PRESENCES: Final = {"available": desk_pb2.PRESENCE_AVAILABLE, "away": desk_pb2.PRESENCE_AWAY}


@dataclass(frozen=True, slots=True)
class DeskServices:
    """What every page shares."""

    link: sdk.DeskLink
    client: sdk.DeskClient
    workplaces: Workplaces
    centre: CentreView
    attachments: AttachmentRoutes
    reader: FrameReader[frames.PageFrames]


class AgentPage:
    """One connected page."""

    def __init__(self, page: PageSocket, services: DeskServices) -> None:
        self._page = page
        self._services = services
        self._workplace: Workplace | None = None
        self._pace = Pace(FRAMES_PER_S, FRAMES_AT_ONCE)
        self._settling = Settling(services.link, IN_FLIGHT)
        self._explaining = Explaining(page, services.client)

    async def serve(self) -> None:
        """Answer the page until it is gone."""
        try:
            async for text in self._page.texts():
                await self._pace.take()
                try:
                    await self._handle(self._services.reader.read(text))
                except BadFrame as bad:
                    self._page.push(Problem(code="INVALID_ARGUMENT", detail=bad.detail))
        except sdk.SdkError:
            return  # The link is over and the server stops; the page comes back to the next one.
        finally:
            self._explaining.stop()
            await self._left()

    async def _handle(self, frame: frames.PageFrames) -> None:
        match frame:
            case frames.Ping():
                self._page.push(frames.Pong())
            case frames.SignIn():
                await self._sign_in(frame)
            case frames.Resume():
                await self._resume(frame)
            case _ if self._workplace is None or self._workplace.page is not self._page:
                self._page.push(Problem(code="UNAUTHENTICATED", detail="sign in first"))
            case frames.SignOut(ref=ref):
                await self._sign_out(ref, self._workplace)
            case frames.Explain():
                self._explaining.ask(frame, self._workplace.token)
            case frames.Say():
                await self._say(frame, self._workplace.agent)
            case _:
                await self._act(frame)

    async def _act(self, frame: frames.PageFrames) -> None:
        """What is one event, whose answer says only yes or no."""
        match frame:
            case frames.SetPresence(ref=ref, presence=presence, reason=reason):
                await self._post(ref, set_presence=desk_pb2.SetPresence(presence=_PRESENCES[presence], reason=reason))
            case frames.Accept(ref=ref, reservation=reservation):
                await self._post(ref, accept_offer=desk_pb2.AcceptOffer(reservation=reservation))
            case frames.Reject(ref=ref, reservation=reservation, reason=reason, busy=busy):
                rejected = desk_pb2.RejectOffer(reservation=reservation, reason=reason, busy=busy)
                await self._post(ref, reject_offer=rejected)
            case frames.Transfer(ref=ref, interaction=interaction, queue=queue, to_agent=agent):
                transfer = desk_pb2.Transfer(interaction=interaction, queue=queue, to_agent=agent)
                await self._post(ref, transfer=transfer)
            case frames.GiveBack(ref=ref, interaction=interaction, keep_place=keep_place):
                back = desk_pb2.ReturnToQueue(interaction=interaction, at_end=not keep_place)
                await self._post(ref, return_to_queue=back)
            case frames.AskColleague() | frames.Conference() | frames.HandOver() | frames.EndConsult():
                await self._consult(frame)
            case frames.End(ref=ref, interaction=interaction):
                await self._post(ref, end_conversation=desk_pb2.EndConversation(interaction=interaction))
            case frames.WrapUp(ref=ref, reservation=reservation, disposition=disposition, note=note):
                done = desk_pb2.CompleteWrapUp(reservation=reservation, disposition=disposition, note=note)
                await self._post(ref, complete_wrap_up=done)
            case frames.Typing(interaction=interaction, typing=typing):
                event = self._event("", set_typing=desk_pb2.SetTyping(interaction=interaction, typing=typing))
                event.deadline_at = event.created_at + TYPING_WORTH_MS
                await self._settling.post(event, nothing, nothing)
            case frames.Saw(interaction=interaction, delivered=delivered, read=read):
                marks = desk_pb2.MoveMarks(interaction=interaction, delivered=delivered, read=read)
                await self._settling.post(self._event("", move_marks=marks), nothing, nothing)
            case frames.Show(interaction=interaction):
                show = desk_pb2.ShowConversation(interaction=interaction)
                await self._settling.post(self._event("", show_conversation=show), nothing, nothing)

    async def _consult(self, frame: frames.AskColleague | frames.Conference | frames.HandOver | frames.EndConsult) -> None:
        """What is done about a consult."""
        ref, interaction = frame.ref, frame.interaction
        match frame:
            case frames.AskColleague(queue=queue, to_agent=agent):
                await self._post(ref, consult=desk_pb2.Consult(interaction=interaction, queue=queue, to_agent=agent))
            case frames.Conference(consult=consult):
                await self._post(ref, start_conference=desk_pb2.StartConference(interaction=interaction, consult=consult))
            case frames.HandOver(consult=consult):
                await self._post(ref, complete_consult=desk_pb2.CompleteConsult(interaction=interaction, consult=consult))
            case frames.EndConsult(consult=consult):
                await self._post(ref, end_consult=desk_pb2.EndConsult(interaction=interaction, consult=consult))

    async def _sign_in(self, frame: frames.SignIn) -> None:
        workplace = self._services.workplaces.open(frame.agent)
        try:
            signed = await self._services.link.sign_in(frame.agent, frame.password)
        except (sdk.Refused, sdk.CallFailed) as failed:
            self._services.workplaces.discard_unconfirmed(workplace)
            if failed.code == "UNAUTHENTICATED":
                await asyncio.sleep(WRONG_PASSWORD_S)
            self._page.push(frames.Refused(ref=frame.ref, code=failed.code, detail=failed.detail, retry_after_ms=0))
            return
        workplace.name = signed.name
        self._occupy(workplace, signed.token)
        self._page.push(frames.Accepted(ref=frame.ref))

    async def _resume(self, frame: frames.Resume) -> None:
        workplace = self._services.workplaces.open(frame.agent)
        try:
            await self._services.link.return_to_desk(frame.agent, frame.token)
        except sdk.Refused as refused:
            self._services.workplaces.discard_unconfirmed(workplace)
            if refused.code == "UNAUTHENTICATED":
                self._page.push(frames.SignedOut(reason="expired"))
            else:
                self._page.push(frames.SignedOut(reason="ended", detail=refused.detail))
            return
        self._occupy(workplace, frame.token)
        self._page.push(frames.Accepted(ref=frame.ref))

    def _occupy(self, workplace: Workplace, token: str) -> None:
        """The page takes the workplace and is shown all that is known of it."""
        services, self._workplace = self._services, workplace
        services.workplaces.occupy(workplace, self._page, token)
        signed_in = frames.SignedIn(agent=workplace.agent, name=workplace.name, token=token, centre=services.centre.centre)
        self._page.push(signed_in)
        for frame in (*workplace.memory.tell(), *services.centre.tell()):
            self._page.push(frame)

    async def _sign_out(self, ref: str, workplace: Workplace) -> None:
        try:
            await self._services.link.sign_out(workplace.agent)
        except sdk.Refused as refused:
            self._refuse(ref, refused)
            return
        self._workplace = None
        self._services.workplaces.close(workplace.agent)
        self._page.push(frames.SignedOut(reason="asked"))

    async def _say(self, frame: frames.Say, agent: str) -> None:
        files: list[AttachmentInfo] = []
        for attachment in frame.attachments:
            info = self._services.attachments.info(attachment, agent)
            if info is None:
                self._refuse(frame.ref, sdk.Refused("NOT_FOUND", "an attachment of the message is unknown; attach it again"))
                return
            files.append(info)
        if not frame.text.strip() and not files:
            self._refuse(frame.ref, sdk.Refused("INVALID_ARGUMENT", "a message needs text or an attachment"))
            return
        visibility = content_pb2.VISIBILITY_COLLEAGUES if frame.aside else content_pb2.VISIBILITY_UNSPECIFIED
        content = content_of(frame.text, tuple(files))
        body = desk_pb2.SendMessage(interaction=frame.interaction, content=content, visibility=visibility)
        await self._post(frame.ref, send_message=body)

    async def _left(self) -> None:
        """The page is gone: if it worked for an agent, the cluster waits a time of grace for the next page."""
        workplace = self._workplace
        if workplace is None or workplace.page is not self._page:
            return
        workplace.page = None
        try:
            await self._settling.post(self._event("", desk_lost=desk_pb2.DeskLost()), nothing, nothing)
        except sdk.SdkError:
            return

    async def _post(self, ref: str, **body: Any) -> None:
        await self._settling.post(
            self._event(ref, **body),
            lambda: self._page.push(frames.Accepted(ref=ref)),
            lambda refused: self._refuse(ref, refused),
        )

    def _event(self, event_id: str, **body: Any) -> desk_pb2.Event:
        """An event of this page's agent; `body` is the one field of the event's body."""
        agent = self._workplace.agent if self._workplace is not None else ""
        return desk_pb2.Event(id=event_id, agent=agent, created_at=now_ms(), **body)

    def _refuse(self, ref: str, refused: sdk.Refused) -> None:
        retry_after_ms = int(refused.retry_after_s * 1000)
        self._page.push(frames.Refused(ref=ref, code=refused.code, detail=refused.detail, retry_after_ms=retry_after_ms))

"""Which pages are in which conversation, and what each command of the cluster tells them.

Invariants: a command reaches every page of its conversation and no other; a command for a conversation that no page
is in is dropped, because a page that comes back asks for everything after what it has seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateways.web.framing import ServerFrame
from gateways.web.page_socket import PageSocket
from gateways.web.transcript import entry_of
from gateways.webchat import frames
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

_NOTICES: Final[dict[int, frames.NoticeKind]] = {
    messaging_pb2.NOTICE_KIND_QUEUED: "queued",
    messaging_pb2.NOTICE_KIND_CONNECTED: "connected",
    messaging_pb2.NOTICE_KIND_TRANSFERRED: "transferred",
    messaging_pb2.NOTICE_KIND_ENDED: "ended",
    messaging_pb2.NOTICE_KIND_CLOSED: "closed",
    messaging_pb2.NOTICE_KIND_JOINED: "joined",
    messaging_pb2.NOTICE_KIND_LEFT: "left",
}


class Hub:
    """All connected pages by conversation."""

    def __init__(self) -> None:
        self._pages: dict[str, set[PageSocket]] = {}

    def __len__(self) -> int:
        return sum(len(pages) for pages in self._pages.values())

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._pages

    def join(self, conversation: str, page: PageSocket) -> None:
        """This page shows this conversation from now on."""
        self._pages.setdefault(conversation, set()).add(page)

    def part(self, conversation: str, page: PageSocket) -> None:
        """It no longer does."""
        pages = self._pages.get(conversation, set())
        pages.discard(page)
        if not pages:
            self._pages.pop(conversation, None)

    def tell(self, command: gateway_pb2.Command) -> None:
        """Pass a command on to the pages that it is for; never waits."""
        frame = frame_of(command)
        if frame is not None:
            for page in tuple(self._pages.get(command.conversation, ())):
                page.push(frame)

    def pages(self) -> Iterator[PageSocket]:
        """Every connected page."""
        for pages in self._pages.values():
            yield from pages


def frame_of(command: gateway_pb2.Command) -> ServerFrame | None:
    """What a page is told of a command; None if it is nothing that a web chat shows."""
    match command.WhichOneof("body"):
        case "show_entries":
            return frames.Entries(entries=tuple(entry_of(entry) for entry in command.show_entries.entries))
        case "show_typing":
            return frames.TheyType(typing=command.show_typing.typing, name=command.show_typing.name)
        case "show_marks":
            return frames.TheySaw(delivered=command.show_marks.delivered, read=command.show_marks.read)
        case "show_notice":
            return _notice(command.show_notice)
    return None


def _notice(notice: messaging_pb2.ShowNotice) -> frames.Notice | None:
    kind = _NOTICES.get(notice.kind)
    if kind is None:
        return None
    return frames.Notice(
        kind=kind,
        agent_name=notice.agent_name,
        queue=notice.queue,
        ahead=None if notice.ahead_hidden else notice.ahead,
        wait_low_ms=notice.expected.low_ms,
        wait_high_ms=notice.expected.high_ms,
    )

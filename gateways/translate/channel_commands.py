"""What the cluster tells a channel adapter, for the wire.

Kept: every `Show…` message of actors/messages/link.py has its entry in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from actors.actor import Message
from actors.messages.gateway import Command
from actors.messages.link import ShowEntries, ShowNotice, ShowSaw, ShowTyping
from actors.values import NoticeKind
from gateways.translate.values import entry_to
from trunkline.gateway.v1 import gateway_pb2 as pb
from trunkline.gateway.v1 import messaging_pb2

NOTICES: Final = {
    NoticeKind.QUEUED: messaging_pb2.NOTICE_KIND_QUEUED,
    NoticeKind.CONNECTED: messaging_pb2.NOTICE_KIND_CONNECTED,
    NoticeKind.TRANSFERRED: messaging_pb2.NOTICE_KIND_TRANSFERRED,
    NoticeKind.ENDED: messaging_pb2.NOTICE_KIND_ENDED,
    NoticeKind.CLOSED: messaging_pb2.NOTICE_KIND_CLOSED,
    NoticeKind.JOINED: messaging_pb2.NOTICE_KIND_JOINED,
    NoticeKind.LEFT: messaging_pb2.NOTICE_KIND_LEFT,
}


def channel_command(command: Command) -> pb.Command:
    """The command for the adapter.

    A message that does not belong on a channel's link goes out without a body: the adapter acknowledges what it does
    not know, so a misdirected command cannot stop those behind it.
    """
    translate = CHANNEL_COMMANDS.get(type(command.message))
    wire = translate(command.message) if translate is not None else pb.Command()
    wire.source = command.source
    wire.number = command.number
    return wire


def _entries(message: ShowEntries) -> pb.Command:
    entries = [entry_to(entry) for entry in message.entries]
    return pb.Command(conversation=message.conversation, show_entries=messaging_pb2.ShowEntries(entries=entries))


def _typing(message: ShowTyping) -> pb.Command:
    return pb.Command(
        conversation=message.conversation, show_typing=messaging_pb2.ShowTyping(typing=message.typing, name=message.name)
    )


def _saw(message: ShowSaw) -> pb.Command:
    marks = messaging_pb2.ShowMarks(delivered=message.delivered, read=message.read)
    return pb.Command(conversation=message.conversation, show_marks=marks)


def _notice(message: ShowNotice) -> pb.Command:
    notice = messaging_pb2.ShowNotice(
        kind=NOTICES[message.kind], agent_name=message.agent_name, queue=message.queue, ahead=message.ahead,
        ahead_hidden=message.ahead_hidden,
    )  # fmt: skip
    if (expected := message.expected) is not None:
        notice.expected.low_ms, notice.expected.high_ms = expected.low_ms, expected.high_ms
        notice.expected.expected_ms, notice.expected.confidence_percent = expected.expected_ms, expected.confidence
    return pb.Command(conversation=message.conversation, show_notice=notice)


CHANNEL_COMMANDS: Final[dict[type[Message], Callable[[Any], pb.Command]]] = {
    ShowEntries: _entries,
    ShowTyping: _typing,
    ShowSaw: _saw,
    ShowNotice: _notice,
}

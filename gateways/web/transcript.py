"""A conversation's entries as pages show them, from the entries as the protocol carries them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from trunkline.content.v1 import content_pb2

AuthorName = Literal["customer", "agent", "bot", "system"]

_AUTHORS: Final[dict[int, AuthorName]] = {
    content_pb2.AUTHOR_CUSTOMER: "customer",
    content_pb2.AUTHOR_AGENT: "agent",
    content_pb2.AUTHOR_BOT: "bot",
}


class AttachmentInfo(msgspec.Struct, frozen=True):
    """A file as messages carry it."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    url: str


class Entry(msgspec.Struct, frozen=True):
    """One line of a conversation; `at` is ms since the epoch."""

    number: int
    id: str
    author: AuthorName
    author_name: str
    at: int
    text: str
    attachments: tuple[AttachmentInfo, ...]


def entry_of(entry: content_pb2.Entry) -> Entry:
    """One entry for a page; an author of a newer protocol shows as the system."""
    content = entry.content
    attachments = tuple(
        AttachmentInfo(file.id, file.name, file.media_type, file.size_bytes, file.url) for file in content.attachments
    )
    author = _AUTHORS.get(entry.author, "system")
    return Entry(entry.number, entry.id, author, entry.author_name, entry.at, content.text, attachments)


def content_of(text: str, attachments: tuple[AttachmentInfo, ...]) -> content_pb2.Content:
    """What a page's message says, for the protocol."""
    return content_pb2.Content(
        text=text,
        attachments=[
            content_pb2.Attachment(
                id=file.id, name=file.name, media_type=file.media_type, size_bytes=file.size_bytes, url=file.url
            )
            for file in attachments
        ],
    )

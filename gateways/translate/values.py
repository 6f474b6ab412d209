"""Customers, content and transcript entries, both ways.

Kept: whatever an actor can hold survives the way to the wire and back; what an actor cannot hold is refused by name
and never dropped silently (but for an attachment's duration, which the file itself tells).
"""

from __future__ import annotations

from typing import Final

from actors.values import Attachment, Author, Content, Customer, TranscriptEntry
from gateways.translate.routing import Unroutable, required
from trunkline.content.v1 import content_pb2 as pb

AUTHORS: Final = {
    Author.CUSTOMER: pb.AUTHOR_CUSTOMER,
    Author.AGENT: pb.AUTHOR_AGENT,
    Author.BOT: pb.AUTHOR_BOT,
    Author.SYSTEM: pb.AUTHOR_SYSTEM,
    Author.COLLEAGUE: pb.AUTHOR_COLLEAGUE,
}
#: Parts of a message that actors have no place for yet.
_NOT_ROUTED: Final = ("template", "location", "choices", "chosen")


def customer_from(customer: pb.Customer, field: str) -> Customer:
    """The customer as actors know them.

    Raises:
        Unroutable: the id is missing.
    """
    return Customer(required(customer.id, f"{field}.id"), customer.name, customer.language, dict(customer.attributes))


def customer_to(customer: Customer) -> pb.Customer:
    """The customer for the wire."""
    return pb.Customer(id=customer.id, name=customer.name, language=customer.language, attributes=customer.attributes)


def content_from(content: pb.Content, field: str) -> Content:
    """What a message says, as actors hold it.

    Raises:
        Unroutable: it says nothing, or says something that is not routed yet.
    """
    for descriptor, _ in content.ListFields():
        if descriptor.name in _NOT_ROUTED:
            name = f"{field}.{descriptor.name}"
            raise Unroutable("UNIMPLEMENTED", f"this gateway does not route {name}; send text or attachments", name)
    attachments = tuple(attachment_from(item, f"{field}.attachments") for item in content.attachments)
    if not content.text and not attachments:
        raise Unroutable("INVALID_ARGUMENT", f"{field} is required and was empty: give it text or attachments", field)
    return Content(content.text, attachments)


def content_to(content: Content) -> pb.Content:
    """What a message says, for the wire."""
    if not content.attachments:
        return pb.Content(text=content.text)
    return pb.Content(text=content.text, attachments=[attachment_to(item) for item in content.attachments])


def attachment_from(attachment: pb.Attachment, field: str) -> Attachment:
    """A file as actors know it.

    Raises:
        Unroutable: it has no id or no URL, or a negative size.
    """
    if attachment.size_bytes < 0:
        raise Unroutable("INVALID_ARGUMENT", f"{field}.size_bytes is negative", f"{field}.size_bytes")
    return Attachment(
        id=required(attachment.id, f"{field}.id"),
        name=attachment.name,
        media_type=attachment.media_type,
        size_bytes=attachment.size_bytes,
        url=_url(attachment.url, f"{field}.url"),
    )


def _url(url: str, field: str) -> str:
    """A URL as it is; unlike an id it may be long.

    Raises:
        Unroutable: it is empty.
    """
    if not url:
        raise Unroutable("INVALID_ARGUMENT", f"{field} is required and was empty", field)
    return url


def attachment_to(attachment: Attachment) -> pb.Attachment:
    """A file for the wire."""
    return pb.Attachment(
        id=attachment.id,
        name=attachment.name,
        media_type=attachment.media_type,
        size_bytes=attachment.size_bytes,
        url=attachment.url,
    )


def entry_to(entry: TranscriptEntry) -> pb.Entry:
    """One line of a transcript for the wire."""
    return pb.Entry(
        number=entry.number,
        id=entry.id,
        author=AUTHORS[entry.author],
        author_name=entry.author_name,
        at=entry.at,
        content=content_to(entry.content),
    )

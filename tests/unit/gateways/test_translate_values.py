"""Customers, content and transcript entries on their way to the wire and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.values import Attachment, Author, Content, Customer, TranscriptEntry
from gateways.translate.routing import MAX_ID_LENGTH, Unroutable, required
from gateways.translate.values import (
    AUTHORS,
    attachment_from,
    attachment_to,
    content_from,
    content_to,
    customer_from,
    customer_to,
    entry_to,
)
from trunkline.content.v1 import content_pb2 as pb

text = st.text(st.characters(codec="utf-8"), max_size=50)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_ID_LENGTH).filter(str.isprintable)
attachments = st.builds(Attachment, ids, text, text, st.integers(0, 2**63 - 1), text.filter(bool))
contents = st.builds(Content, text, st.lists(attachments, max_size=3).map(tuple)).filter(lambda it: it.text or it.attachments)
customers = st.builds(Customer, ids, text, text, st.dictionaries(text, text, max_size=3))


@given(contents)
def test_content_survives_the_wire(content: Content) -> None:
    """What one side says is what the other side hears, in any script."""
    wire = pb.Content.FromString(content_to(content).SerializeToString())
    assert content_from(wire, "content") == content


@given(customers)
def test_customers_survive_the_wire(customer: Customer) -> None:
    """A customer stays the same person on the way."""
    wire = pb.Customer.FromString(customer_to(customer).SerializeToString())
    assert customer_from(wire, "customer") == customer


@given(attachments)
def test_attachments_survive_the_wire(attachment: Attachment) -> None:
    """A file's every particular arrives."""
    assert attachment_from(attachment_to(attachment), "attachment") == attachment


@given(st.integers(1, 2**32 - 1), text, st.sampled_from(Author), text, st.integers(0, 2**62), contents)
def test_entries_keep_everything(number: int, id_: str, author: Author, name: str, at: int, content: Content) -> None:
    """A transcript's line is shown as it was committed."""
    wire = entry_to(TranscriptEntry(number, id_, author, name, at, content))
    assert (wire.number, wire.id, wire.author_name, wire.at) == (number, id_, name, at)
    assert wire.author == AUTHORS[author]
    assert content_from(wire.content, "content") == content


def test_every_author_has_a_wire_name() -> None:
    """A new kind of author must not fail in front of a customer."""
    assert set(AUTHORS) == set(Author)
    assert pb.AUTHOR_UNSPECIFIED not in AUTHORS.values()


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        (pb.Content(), "INVALID_ARGUMENT", "c"),
        (pb.Content(text="hi", template=pb.Template(name="welcome")), "UNIMPLEMENTED", "c.template"),
        (pb.Content(location=pb.Location(latitude=1)), "UNIMPLEMENTED", "c.location"),
        (pb.Content(choices=[pb.Choice(id="1")]), "UNIMPLEMENTED", "c.choices"),
        (pb.Content(chosen="1"), "UNIMPLEMENTED", "c.chosen"),
        (pb.Content(attachments=[pb.Attachment(id="1")]), "INVALID_ARGUMENT", "c.attachments.url"),
        (pb.Content(attachments=[pb.Attachment(url="https://x")]), "INVALID_ARGUMENT", "c.attachments.id"),
        (
            pb.Content(attachments=[pb.Attachment(id="1", url="https://x", size_bytes=-1)]),
            "INVALID_ARGUMENT",
            "c.attachments.size_bytes",
        ),
    ],
)
def test_content_that_cannot_be_held_is_refused_by_name(content: pb.Content, code: str, field: str) -> None:
    """A part that would be lost is refused, with its path, rather than dropped."""
    with pytest.raises(Unroutable) as refused:
        content_from(content, "c")
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("value", ["", "x" * (MAX_ID_LENGTH + 1), "two\nlines", "nul\0"])
def test_ids_must_be_printable_and_short(value: str) -> None:
    """Ids become addresses and log lines, so they must not carry anything odd."""
    with pytest.raises(Unroutable) as refused:
        required(value, "id")
    assert (refused.value.code, refused.value.field) == ("INVALID_ARGUMENT", "id")

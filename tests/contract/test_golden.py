"""What an earlier release wrote stays readable: a golden sample of each release, read by this one.

`python -m tests.contract.test_golden RELEASE` writes the sample of a release, once, when it is made.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from actors.actor import Fired, Message
from actors.address import Address
from actors.catalogue import EVENT_TYPES, MESSAGE_TYPES, RECORD_TYPES
from cluster.catalogue import load_catalogue
from cluster.codec import encode, raw
from cluster.journal import FORMAT, Change, JournalEntry, decode_entry, encode_entry
from tests.contract.samples import filled

GOLDEN = Path(__file__).parent / "golden"
#: Told within one process only (a gateway actor and its edge), so they are in no store and on no wire.
LOCAL_MODULE = "actors.messages.gateway"


def kept_messages() -> list[type[Message]]:
    """Messages that are stored or sent."""
    kinds: list[type[Message]] = [Fired, *MESSAGE_TYPES]
    return [kind for kind in dict.fromkeys(kinds) if kind.__module__ != LOCAL_MODULE]


def build() -> dict[str, bytes]:
    """Every kept type by section and name, encoded, and one journal entry."""
    found = {f"message/{kind.__name__}": encode(filled(kind)) for kind in kept_messages()}
    found |= {f"record/{kind.__name__}": encode(filled(kind)) for kind in RECORD_TYPES}
    found |= {f"event/{kind.__name__}": encode(filled(kind)) for kind in EVENT_TYPES}
    change = Change(Address("queue/cards"), 3, {"cfg": raw(["Setting", 1])}, ["w/a/1"], True)
    events = [(Address("queue/cards"), raw(filled(EVENT_TYPES[0])))]
    entry = JournalEntry(FORMAT, "7", 2, 41, 1_800_000_000_000, events, [change], {"l:desk-1": 9}, {"s:3": 12})
    found["journal/entry"] = encode_entry(entry)
    return found


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.msgpack")), ids=lambda file: file.stem)
def test_a_release_stays_readable(file: Path) -> None:
    """Every sample of the release decodes, and says at least what it said then (fields are only appended)."""
    codec = load_catalogue().codec
    decoders: dict[str, Any] = {"message": codec.message, "record": codec.record, "event": codec.event, "journal": decode_entry}
    for name, content in msgpack.unpackb(file.read_bytes()).items():
        value = decoders[name.partition("/")[0]](content)
        again = msgpack.unpackb(encode(value), strict_map_key=False)
        then = msgpack.unpackb(content, strict_map_key=False)
        assert _begins_with(again, then), f"{file.stem} {name}: what was written must be read as it was meant"


def test_every_release_has_a_sample() -> None:
    """The sample of the present release covers every type that it can write."""
    present = msgpack.unpackb((GOLDEN / "0.1.0.msgpack").read_bytes())
    missing = build().keys() - present.keys()
    assert missing == set(), "write the sample anew: python -m tests.contract.test_golden 0.1.0"


def test_samples_are_plain_msgpack() -> None:
    """Any MessagePack library reads what is stored: a tagged list of fields."""
    tag, *fields = msgpack.unpackb(encode(Fired("offer", 5)))
    assert [tag, fields] == ["Fired", ["offer", 5]], "a message is its tag and its fields in order"


def test_garbage_is_refused() -> None:
    """Bytes that are no message give a decoding error, not a message."""
    with pytest.raises(msgspec.DecodeError):
        load_catalogue().codec.message(b"\x93\xa5Nobody\x01")


def _begins_with(longer: Any, shorter: Any) -> bool:
    """Whether nested lists agree up to fields that were appended later."""
    if isinstance(longer, list) and isinstance(shorter, list):
        return len(longer) >= len(shorter) and all(map(_begins_with, longer, shorter))
    if isinstance(longer, dict) and isinstance(shorter, dict):
        return longer.keys() == shorter.keys() and all(_begins_with(longer[key], shorter[key]) for key in shorter)
    return bool(longer == shorter)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{sys.argv[1]}.msgpack").write_bytes(msgpack.packb(build()))

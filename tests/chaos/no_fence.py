"""A planted defect, as a plug-in of the layout: the store takes commits of hosts whose epoch is over.

A host that was given up and still lives (a zombie, or one that only the supervisor cannot reach) then writes over what
its successor wrote, and both acknowledge.
"""

from __future__ import annotations

import hashlib

from actors.actor import Actor, Event, Message, Record
from cluster.store import redis

ACTOR_TYPES: dict[str, type[Actor]] = {}
MESSAGE_TYPES: tuple[type[Message], ...] = ()
RECORD_TYPES: tuple[type[Record], ...] = ()
EVENT_TYPES: tuple[type[Event], ...] = ()

#: What is left out of `commit.lua`, and how it numbers commits then: one after the other, whoever they are from.
CHANGES = {
    "if stored_epoch > epoch then\n  return 0\nend\n": "",
    "if stored_epoch < epoch or stored_number ~= number - 1 then\n  return -1\nend\n": "",
    "redis.call('XADD', KEYS[6], ARGV[2] .. '-0'": "redis.call('XADD', KEYS[6], (stored_number + 1) .. '-0'",
    "'number', ARGV[2], 'by'": "'number', stored_number + 1, 'by'",
}


def _without_fence(text: str) -> str:
    for before, after in CHANGES.items():
        assert before in text, f"commit.lua has changed: it has no {before!r}"
        text = text.replace(before, after)
    return text


_read = redis._Script.__init__


def read_without_fence(self: redis._Script, name: str) -> None:
    """Read a script; the one that commits without its fence."""
    _read(self, name)
    if name == "commit.lua":
        self.text = _without_fence(self.text)
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


redis._Script.__init__ = read_without_fence  # type: ignore[method-assign]  # that is the defect

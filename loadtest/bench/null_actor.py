"""The null path's actor: a session that only counts and echoes, so that everything around it can be measured.

It is a plug-in of the benchmark's own cluster: conversations called `null:…` count, all others are real sessions.
"""

from __future__ import annotations

from actors.actor import Actor, Event, Message, Record, Turn
from actors.address import Address, address
from actors.messages.link import ShowEntries
from actors.messages.session import Arrive, CustomerMessage
from actors.session import Session
from actors.values import Author, TranscriptEntry

NULL_PREFIX = "session/null:"


class Count(Record, frozen=True):
    """How many messages came, and where the echo goes."""

    link: str
    messages: int


class NullSession(Session):
    """A session, unless its conversation is called `null:…`."""

    def receive(self, message: Message, turn: Turn) -> None:
        if not self.address.startswith(NULL_PREFIX):
            super().receive(message, turn)
            return
        match message:
            case Arrive():
                turn.put("count", Count(message.link, 0))
            case CustomerMessage():
                count = self.records["count"]
                assert isinstance(count, Count)
                turn.put("count", Count(count.link, count.messages + 1))
                entry = TranscriptEntry(count.messages + 1, message.id, Author.CUSTOMER, "", turn.now, message.content)
                conversation = self.address.partition("/")[2]
                turn.send(address("gateway", count.link), ShowEntries(conversation, (entry,)))

    def rebuild(self) -> None:
        if not Address(self.address).startswith(NULL_PREFIX):
            super().rebuild()


ACTOR_TYPES: dict[str, type[Actor]] = {"session": NullSession}
MESSAGE_TYPES: tuple[type[Message], ...] = ()
RECORD_TYPES: tuple[type[Record], ...] = (Count,)
EVENT_TYPES: tuple[type[Event], ...] = ()

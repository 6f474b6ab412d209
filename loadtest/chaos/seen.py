"""What a chaos run saw from outside: promises, what became of them, and how long nothing was acknowledged.

Kept: an event counts as promised only once it was acknowledged; waits are measured on this process's clock alone.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from loadtest.chaos.pulse import Pulse

CUSTOMER: Final = "customer"
AGENT: Final = "agent"


@dataclass(slots=True)
class Story:
    """One conversation as both sides saw it."""

    #: Acknowledged messages, named (author, id).
    promised: set[tuple[str, str]] = field(default_factory=set)
    at_desk: set[tuple[str, str]] = field(default_factory=set)
    #: Entry number -> message, as the customer was shown them.
    entries: dict[int, tuple[str, str]] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    has_ended: bool = False


class Seen:
    """All conversations of a run, and the evidence for `trunkline verify`."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.stories: dict[str, Story] = {}
        #: Events that the cluster refused although it may not.
        self.refused: list[str] = []
        #: What was seen twice that may be once only.
        self.doubled: list[str] = []
        #: When events were acknowledged (by `pulse`), and how long each had waited (s).
        self.acknowledged_at: list[float] = []
        self.waited_s: list[float] = []
        self.texts: dict[str, None] = {}
        self._arrivals: list[tuple[str, int]] = []
        self._messages: list[tuple[str, str, int, str]] = []
        self._commands: list[tuple[str, str, str, int, int]] = []
        self._changed = asyncio.Event()

    async def change(self, within_s: float) -> None:
        """Wait until something is acknowledged or told, no longer than this."""
        self._changed.clear()
        try:
            async with asyncio.timeout(max(0.001, within_s)):
                await self._changed.wait()
        except TimeoutError:
            return

    # -- promises -----------------------------------------------------------------------------------------------------

    def acknowledged(self, posted_at: float) -> None:
        """Any event that was posted then (by `pulse`) is committed."""
        now = self.pulse.now()
        self.acknowledged_at.append(now)
        self.waited_s.append(now - posted_at)
        self._changed.set()

    def arrival(self, conversation: str) -> None:
        """The cluster took responsibility for a conversation."""
        self._arrivals.append((conversation, now_ms()))

    def message(self, conversation: str, author: str, message: str) -> None:
        """The cluster took responsibility for a message."""
        self._messages.append((conversation, message, now_ms(), author))
        self.stories[conversation].promised.add((author, message))

    def command(self, link: str, incarnation: str, source: str, number: int) -> None:
        """An adapter has a command in hand."""
        if number:
            self._commands.append((link, incarnation, source, number, now_ms()))
        self._changed.set()

    # -- what was shown -----------------------------------------------------------------------------------------------

    def connected(self, conversation: str, agent: str) -> None:
        """A desk shows the conversation to this agent. Nobody transfers here, so there is one agent at most."""
        story = self.stories.get(conversation)
        if story is not None and agent not in story.agents:
            story.agents.add(agent)
            if len(story.agents) > 1:
                self.doubled.append(f"{conversation} was given to {' and '.join(sorted(story.agents))}")

    def ended(self, conversation: str) -> None:
        """The customer is told that it is over."""
        story = self.stories.get(conversation)
        if story is not None:
            story.has_ended = True

    def shown_to_customer(self, conversation: str, entries: Iterable[tuple[int, str, str]]) -> None:
        """Entries (number, author, id) on the customer's page, perhaps not for the first time."""
        story = self.stories.get(conversation)
        if story is None:
            return
        for number, author, message in entries:
            known = story.entries.setdefault(number, (author, message))
            if known != (author, message):
                self.doubled.append(f"{conversation}: entry {number} was {known[1]} and is {message} now")

    def shown_at_desk(self, conversation: str, entries: Iterable[tuple[int, str, str]]) -> None:
        """Entries (number, author, id) on an agent's page, perhaps not for the first time."""
        story = self.stories.get(conversation)
        if story is not None:
            story.at_desk.update((author, message) for _, author, message in entries)

    # -- results ------------------------------------------------------------------------------------------------------

    def lost(self) -> list[str]:
        """Promises that were not kept, in words; complete only once everything has settled."""
        found = []
        for conversation, story in self.stories.items():
            shown = set(story.entries.values())
            for author, message in sorted(story.promised):
                if (author, message) not in shown:
                    found.append(f"{conversation}: message {message} was acknowledged and never shown to the customer")
                elif author == CUSTOMER and (author, message) not in story.at_desk:
                    found.append(f"{conversation}: message {message} was acknowledged and never shown to an agent")
            numbers = sorted(story.entries)
            if numbers and numbers != list(range(1, len(numbers) + 1)):
                found.append(f"{conversation}: the customer's transcript has gaps")
        return found

    def twice(self) -> list[str]:
        """What was seen twice, messages with two entries included."""
        found = list(self.doubled)
        for conversation, story in self.stories.items():
            entries = list(story.entries.values())
            if len(entries) != len(set(entries)):
                found.append(f"{conversation}: a message stands in the transcript twice")
        return found

    def stuck(self) -> list[str]:
        """Conversations that did not end."""
        return [conversation for conversation, story in self.stories.items() if not story.has_ended]

    def acknowledged_since(self, since: float) -> int:
        """How many events were acknowledged after this instant."""
        return len(self.acknowledged_at) - bisect_right(self.acknowledged_at, since)

    def silence_s(self, since: float, until: float) -> float:
        """The longest time without an acknowledgement between two instants."""
        first = bisect_right(self.acknowledged_at, since)
        last = bisect_right(self.acknowledged_at, until)
        instants = [since, *self.acknowledged_at[first:last]]
        return max((later - earlier for earlier, later in pairwise(instants)), default=0.0)

    def slowest_s(self, since: float, until: float) -> float:
        """The longest wait of an event that was acknowledged between two instants."""
        first, last = (bisect_right(self.acknowledged_at, instant) for instant in (since, until))
        return max(self.waited_s[first:last], default=0.0)

    @property
    def promises(self) -> dict[str, int]:
        """How much was promised."""
        return {
            "events_acknowledged": len(self.acknowledged_at),
            "arrivals_acknowledged": len(self._arrivals),
            "messages_acknowledged": len(self._messages),
            "commands_handled": len(self._commands),
        }

    def evidence(self, log_files: Iterable[str], *, settled: bool) -> dict[str, object]:
        """The document for `trunkline verify --evidence`; instants in it are ms since the epoch."""
        return {
            "arrivals": self._arrivals,
            "messages": self._messages,
            "commands": self._commands,
            "customer_texts": list(self.texts),
            "log_files": list(log_files),
            "settled": settled,
        }


def now_ms() -> int:
    """The present, as evidence has it."""
    return time.time_ns() // 1_000_000


def entry_rows(entries: Iterable[Any], authors: Mapping[Any, str]) -> list[tuple[int, str, str]]:
    """Entries of the wire as (number, author, id)."""
    return [(entry.number, authors.get(entry.author, "centre"), entry.id) for entry in entries]

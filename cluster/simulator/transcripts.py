"""Transcripts as the journals tell them: every entry of every conversation, and at whose desks it was when it was added."""

from __future__ import annotations

from collections.abc import Iterable

from actors.events import InteractionMoved, MessageAdded
from actors.values import Author, InteractionState, interaction_of
from cluster.invariants.entries import Entry


class Transcript:
    """One conversation."""

    def __init__(self) -> None:
        #: (number, author, id)
        self.entries: list[tuple[int, str, str]] = []
        #: What agents said to each other, likewise.
        self.asides: list[tuple[int, str, str]] = []
        #: (agent, what their reservation is for, number) of each entry that was added while the agent was there.
        self.served: list[tuple[str, str, int]] = []
        #: The same of asides.
        self.heard: list[tuple[str, str, int]] = []
        #: Interaction -> who is there for it, serving or consulted, and under which interaction they know it.
        self.there: dict[str, tuple[str, str]] = {}

    def numbers(self) -> set[int]:
        return {number for number, _, _ in self.entries}

    def ids(self, author: str) -> list[str]:
        """Message ids of one side, in their order."""
        return [message_id for _, by, message_id in (*self.entries, *self.asides) if by == author]

    def moved(self, event: InteractionMoved) -> None:
        """Somebody is there, or no more."""
        if event.after is InteractionState.CONNECTED:
            self.there[event.interaction] = (event.agent, interaction_of(event.reservation))
        else:
            self.there.pop(event.interaction, None)

    def added(self, event: MessageAdded) -> None:
        """A line was added."""
        is_aside = event.author == Author.COLLEAGUE
        lines, shown = (self.asides, self.heard) if is_aside else (self.entries, self.served)
        lines.append((event.number, str(event.author), event.id))
        shown.extend((agent, interaction, event.number) for agent, interaction in self.there.values())


class Transcripts:
    """All conversations. Feed each shard's entries in order."""

    def __init__(self) -> None:
        self.by_conversation: dict[str, Transcript] = {}

    def feed(self, entry: Entry) -> None:
        self._take(event for _, event in entry.events)

    def _take(self, events: Iterable[object]) -> None:
        for event in events:
            match event:
                case InteractionMoved():
                    self._of(event.interaction).moved(event)
                case MessageAdded():
                    self._of(event.interaction).added(event)

    def _of(self, interaction: str) -> Transcript:
        return self.by_conversation.setdefault(interaction.rpartition("/")[0], Transcript())

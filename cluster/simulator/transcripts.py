"""Transcripts as the journals tell them: every entry of every conversation, and who served when it was added."""

from __future__ import annotations

from collections.abc import Iterable

from actors.events import InteractionMoved, MessageAdded
from actors.values import InteractionState
from cluster.invariants.entries import Entry


class Transcript:
    """One conversation."""

    def __init__(self, interaction: str) -> None:
        self.interaction = interaction
        #: (number, author, id)
        self.entries: list[tuple[int, str, str]] = []
        #: (agent, number, journal time) of each entry that was added while an agent served.
        self.served: list[tuple[str, int, int]] = []
        self.agent = ""
        self.state: InteractionState | None = None

    def numbers(self) -> set[int]:
        return {number for number, _, _ in self.entries}

    def ids(self, author: str) -> list[str]:
        """Message ids of one side, in their order."""
        return [message_id for _, by, message_id in self.entries if by == author]


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
                    transcript = self._of(event.interaction)
                    transcript.state = event.after
                    transcript.agent = event.agent if event.after is InteractionState.CONNECTED else ""
                case MessageAdded():
                    transcript = self._of(event.interaction)
                    transcript.entries.append((event.number, str(event.author), event.id))
                    if transcript.agent:
                        transcript.served.append((transcript.agent, event.number, 0))

    def _of(self, interaction: str) -> Transcript:
        conversation = interaction.rpartition("/")[0]
        transcript = self.by_conversation.get(conversation)
        if transcript is None:
            transcript = self.by_conversation[conversation] = Transcript(interaction)
        return transcript

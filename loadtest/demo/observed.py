"""What the demo saw from outside: each conversation's story, and the promises that the cluster must be held to.

Kept: an arrival or a message counts as promised only once its event was acknowledged; a command counts as handled
exactly once, when the adapter took it. Times on the clock of this process only, so they can be subtracted.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

CUSTOMER: Final = "customer"
AGENT: Final = "agent"


class Stage(StrEnum):
    """Where a conversation stands, as its customer and the desks see it."""

    COMING = "coming"
    WAITING = "waiting"
    OFFERED = "offered"
    TALKING = "talking"
    DONE = "done"
    ABANDONED = "abandoned"


ENDED: Final = frozenset({Stage.DONE, Stage.ABANDONED})


@dataclass(slots=True)
class Talk:
    """One conversation. Instants are seconds of the process's clock; messages are named (author, id)."""

    conversation: str
    opened_at: float = 0.0
    first_offer_at: float | None = None
    connected_at: float | None = None
    ended_at: float | None = None
    stage: Stage = Stage.COMING
    transfers: int = 0
    #: Acknowledged messages.
    promised: dict[tuple[str, str], None] = field(default_factory=dict)
    #: Entry number -> message, as the customer was shown them.
    shown: dict[int, tuple[str, str]] = field(default_factory=dict)
    #: Messages that some desk was shown.
    at_desks: set[tuple[str, str]] = field(default_factory=set)
    #: What must never be seen, in words.
    faults: list[str] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return self.stage in ENDED

    @property
    def waited_s(self) -> float | None:
        """How long the customer waited for the first agent; None for one who has none yet or left without."""
        return None if self.connected_at is None else self.connected_at - self.opened_at

    def problems(self) -> list[str]:
        """What is wrong with this conversation once everything has settled; empty when all is well."""
        found = [*self.faults]
        if not self.has_ended:
            found.append(f"did not end; it is {self.stage}")
        numbers = sorted(self.shown)
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"the customer was shown entries {numbers}, which have gaps")
        shown = set(self.shown.values())
        for author, message in self.promised:
            if (author, message) not in shown:
                found.append(f"message {message} of the {author} was acknowledged and not shown to the customer")
            if author == CUSTOMER and self.stage is Stage.DONE and (author, message) not in self.at_desks:
                found.append(f"message {message} of the customer was acknowledged and reached no agent")
        return found


class Observed:
    """All conversations of a run, and the evidence for `trunkline verify`."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.talks: dict[str, Talk] = {}
        #: Messages shown to the other side, and when the last of them were.
        self.delivered = 0
        self.deliveries: deque[float] = deque()
        self.counts: dict[str, int] = dict.fromkeys(("offers", "rejected", "rang_out", "refused"), 0)
        self._command_came = asyncio.Event()
        self._arrivals: list[tuple[str, int]] = []
        self._messages: list[tuple[str, str, int, str]] = []
        self._commands: list[tuple[str, str, str, int, int]] = []
        self._texts: dict[str, None] = {}

    # -- promises -------------------------------------------------------------------------------------------------

    def arrival_acknowledged(self, conversation: str) -> None:
        """The cluster took responsibility for a conversation."""
        self._arrivals.append((conversation, now_ms()))

    def message_acknowledged(self, conversation: str, author: str, message: str) -> None:
        """The cluster took responsibility for a message."""
        self._messages.append((conversation, message, now_ms(), author))
        self.talks[conversation].promised[author, message] = None

    def typed(self, text: str) -> None:
        """A customer's words, which must stand in no log."""
        self._texts[text] = None

    def command_handled(self, link: str, incarnation: str, source: str, number: int) -> None:
        """An adapter has a command in hand."""
        if number:
            self._commands.append((link, incarnation, source, number, now_ms()))
        self._command_came.set()

    async def next_command(self) -> None:
        """Wait for the next sign of life from the cluster."""
        self._command_came.clear()
        await self._command_came.wait()

    # -- stories --------------------------------------------------------------------------------------------------

    def open(self, conversation: str) -> Talk:
        """A customer opens a conversation now."""
        talk = self.talks[conversation] = Talk(conversation, opened_at=self.clock(), stage=Stage.WAITING)
        return talk

    def offered(self, interaction: str) -> None:
        """A desk rings for it."""
        self.counts["offers"] += 1
        talk = self._talk(interaction)
        if talk is not None and talk.stage in (Stage.WAITING, Stage.OFFERED):
            talk.stage = Stage.OFFERED
            if talk.first_offer_at is None:
                talk.first_offer_at = self.clock()

    def no_longer_offered(self, interaction: str) -> None:
        """A desk stopped ringing and does not serve."""
        talk = self._talk(interaction)
        if talk is not None and talk.stage is Stage.OFFERED:
            talk.stage = Stage.WAITING

    def connected(self, talk: Talk) -> None:
        """The customer is told that an agent serves."""
        if talk.connected_at is None:
            talk.connected_at = self.clock()
        if not talk.has_ended:
            talk.stage = Stage.TALKING

    def transferred(self, talk: Talk) -> None:
        """The customer is told to wait for somebody else."""
        talk.transfers += 1
        if not talk.has_ended:
            talk.stage = Stage.WAITING

    def ended(self, talk: Talk) -> None:
        """The customer is told that it is over: abandoned, unless an agent served at the end."""
        if talk.has_ended:
            talk.faults.append("the customer was told twice that it ended")
            return
        talk.ended_at = self.clock()
        talk.stage = Stage.DONE if talk.stage is Stage.TALKING else Stage.ABANDONED

    def shown_to_customer(self, talk: Talk, entries: Iterable[Any], names: Callable[[Any], str]) -> None:
        """Entries on the customer's page; `names` tells an entry's author."""
        for entry in entries:
            message = (names(entry), entry.id)
            known = talk.shown.setdefault(entry.number, message)
            if known != message:
                talk.faults.append(f"entry {entry.number} was {known[1]} of the {known[0]} and is another now")
            elif list(talk.shown.values()).count(message) > 1:
                talk.faults.append(f"message {message[1]} of the {message[0]} was shown as two entries")
            if message[0] == AGENT:
                self._deliver()

    def shown_at_desk(self, interaction: str, entries: Iterable[Any], names: Callable[[Any], str]) -> None:
        """Entries on an agent's page, perhaps not for the first time."""
        talk = self._talk(interaction)
        if talk is None:
            return
        for entry in entries:
            message = (names(entry), entry.id)
            if message not in talk.at_desks:
                talk.at_desks.add(message)
                if message[0] == CUSTOMER:
                    self._deliver()

    def _deliver(self) -> None:
        self.delivered += 1
        self.deliveries.append(self.clock())

    def _talk(self, interaction: str) -> Talk | None:
        # None: of an earlier run, which may have left agents or commands behind.
        return self.talks.get(interaction.rpartition("/")[0])

    # -- results --------------------------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What is wrong with conversations, each named."""
        return [f"{talk.conversation}: {problem}" for talk in self.talks.values() for problem in talk.problems()]

    def evidence(self, log_files: Iterable[str], settled: bool) -> dict[str, object]:
        """The document for `trunkline verify --evidence`; instants in it are ms since the epoch."""
        return {
            "arrivals": self._arrivals,
            "messages": self._messages,
            "commands": self._commands,
            "customer_texts": list(self._texts),
            "log_files": list(log_files),
            "settled": settled,
        }

    @property
    def sent(self) -> int:
        """Messages that the cluster acknowledged."""
        return len(self._messages)


def now_ms() -> int:
    """The present, as evidence has it."""
    return time.time_ns() // 1_000_000

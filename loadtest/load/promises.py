"""One conversation's promises as one side keeps them, in bits: what was acknowledged, what was shown.

The n-th message of a side has the id `c<n>` (customer) or `a<n>` (agent), so a set of messages is one whole number.

Kept: an entry shown again under its number counts once; a message under two numbers is doubled; one that was
acknowledged and never shown to the other side is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: conversation, acknowledged, shown, doubled, ended, served
Row = tuple[str, int, int, int, bool, bool]


class Seen:
    """What one side's page has of a conversation."""

    __slots__ = ("acknowledged", "doubled", "numbers", "shown")

    def __init__(self) -> None:
        self.acknowledged = 0
        self.shown = 0
        self.numbers = 0
        self.doubled = 0

    def show(self, entries: Iterable[Any], author: str) -> list[Any]:
        """Take entries; those of the other side (`author`, the first letter of their ids) that are new."""
        fresh = []
        for entry in entries:
            bit = 1 << entry.number
            if self.numbers & bit:
                continue
            self.numbers |= bit
            if entry.id[:1] != author:
                continue
            message = 1 << int(entry.id[1:])
            if self.shown & message:
                self.doubled += 1
            else:
                self.shown |= message
                fresh.append(entry)
        return fresh

    def row(self, conversation: str, ended: bool, served: bool) -> Row:
        """The result of this side."""
        return (conversation, self.acknowledged, self.shown, self.doubled, ended, served)


@dataclass(slots=True)
class Judged:
    """What became of all promises, as seen from outside."""

    lost: int = 0
    doubled: int = 0
    unended: int = 0
    problems: list[str] | None = None


def judge(customers: Iterable[Row], desks: Iterable[Row]) -> Judged:
    """Hold both sides of every conversation against each other.

    A customer's message needs an agent who saw it only if somebody served; an agent's must have reached the customer.
    Several desks may have rows of one conversation.
    """
    at_desk: dict[str, list[int]] = {}
    found = Judged(problems=[])
    assert found.problems is not None
    for conversation, acknowledged, shown, doubled, _, _ in desks:
        both = at_desk.setdefault(conversation, [0, 0])
        both[0] |= acknowledged
        both[1] |= shown
        found.doubled += doubled
        if doubled:
            found.problems.append(f"{conversation}: {doubled} messages of the customer were shown as two entries")
    for conversation, acknowledged, shown, doubled, ended, served in customers:
        from_agent, at_agent = at_desk.get(conversation, (0, 0))
        lost = (from_agent & ~shown).bit_count() + ((acknowledged & ~at_agent).bit_count() if served else 0)
        found.lost += lost
        found.doubled += doubled
        found.unended += not ended
        for what, wrong in (("were lost", lost), ("of the agent were shown as two entries", doubled)):
            if wrong:
                found.problems.append(f"{conversation}: {wrong} acknowledged messages {what}")
        if not ended:
            found.problems.append(f"{conversation}: its arrival was acknowledged and it did not end")
    return found

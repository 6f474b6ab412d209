"""What a contact centre lived through, from its journals, as an arrivals file that a what-if can play again.

Of each interaction: when it came, over which channel into which queue, with which priority, how long it was served, and, of
those who gave up, after how long. How long those would have waited who were served, nobody knows; a law has to say.

Keeps: no name, address or word of a customer is in it; rows are in the order of arrival.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from actors.events import InteractionMoved, WaitingMoved
from actors.values import EndReason, InteractionState
from cluster.invariants.entries import read_entry
from cluster.store.base import Store

COLUMNS: Final = ("at", "channel", "queue", "priority", "service_s", "patience_s")
#: Journal entries read at once.
PAGE: Final = 500
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Lived:
    """One interaction; instants in ms since the epoch, 0 where it did not come to that."""

    came_at: int
    channel: str
    queue: str
    priority: int = 0
    connected_at: int = 0
    ended_at: int = 0
    gave_up: bool = False

    def cells(self) -> tuple[str, ...]:
        """The row's cells, as `COLUMNS` has them."""
        at = (BEGINNING + timedelta(milliseconds=self.came_at)).isoformat(timespec="milliseconds")
        served_ms = self.ended_at - self.connected_at if self.connected_at and self.ended_at else 0
        service = f"{served_ms / 1000:g}" if served_ms else ""
        patience = f"{(self.ended_at - self.came_at) / 1000:g}" if self.gave_up else ""
        return at, self.channel, self.queue, str(self.priority), service, patience


async def lived(store: Store) -> list[Lived]:
    """Every interaction that the journals tell of from its beginning.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    found: dict[str, Lived] = {}
    priorities: dict[str, int] = {}
    for shard in await store.shards():
        after = 0
        while page := await store.journal(shard, after, PAGE):
            for number, content in page:
                entry, _ = read_entry(content)
                for _, event in entry.events:
                    if isinstance(event, InteractionMoved):
                        _moved(found, event, entry.now)
                    elif isinstance(event, WaitingMoved) and event.before is None and event.leg == 1:
                        priorities[event.interaction] = event.priority
                after = number
    for interaction, one in found.items():
        one.priority = priorities.get(interaction, 0)
    return [one for _, one in sorted(found.items(), key=lambda item: (item[1].came_at, item[0]))]


def _moved(found: dict[str, Lived], event: InteractionMoved, now: int) -> None:
    if event.consults:
        return  # An agent asked a colleague; nobody arrived.
    if event.before is None:
        found[event.interaction] = Lived(now, event.channel, event.queue)
    one = found.get(event.interaction)
    if one is None:
        return  # What came before was deleted from the archive.
    if event.after is InteractionState.CONNECTED and not one.connected_at:
        one.connected_at = now
    elif event.after is InteractionState.ENDED:
        one.ended_at = now
        one.gave_up = event.reason is EndReason.ABANDONED and not one.connected_at


def as_csv(rows: Iterable[Lived]) -> str:
    """The file's text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(one.cells() for one in rows)
    return text.getvalue()

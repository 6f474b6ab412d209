"""Finds the events of one interaction in the journals without reading all of them.

Invariants kept: a shard's instants never go back, which is what lets the search jump to the interaction's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from actors.address import Address, Placement, ShardId
from actors.session.records import LINE_PREFIX, TranscriptLine
from cluster.catalogue import load_catalogue
from cluster.cli.story import Told, concerns, session_of
from cluster.codec import Codec
from cluster.journal import JournalEntry, decode_entry
from cluster.store.base import Store

PAGE = 500
#: Clocks of machines may differ by this much.
CLOCK_SKEW_MS = 60_000
#: How long after the end a wrap-up may still be told.
AFTERMATH_MS = 3_600_000


@dataclass(slots=True)
class Found:
    """What the journals tell of one interaction; `texts` holds what its messages say, by number."""

    events: list[Told] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    interactions: set[str] = field(default_factory=set)


class JournalSearch:
    """Searches one store. With a placement the session's own shard is read first, else all are."""

    def __init__(self, store: Store, placement: Placement | None = None, plugins: tuple[str, ...] = ()) -> None:
        self._store = store
        self._placement = placement
        self._codec: Codec = load_catalogue(plugins).codec

    async def interactions_of(self, conversation: str) -> list[str]:
        """Ids of all interactions of a conversation, in their order."""
        session = Address(f"session/{conversation}")
        found: set[str] = set()
        for shard in await self._session_shards(session):
            async for entry in _Entries(self._store, shard, 0):
                for by, content in entry.events:
                    if by == session and (name := getattr(self._codec.event(content), "interaction", "")):
                        found.add(name)
        return sorted(found, key=lambda name: int(name.rpartition("/")[2] or 0))

    async def find(self, interaction: str) -> Found:
        """Every event that concerns the interaction, from all shards."""
        found = Found()
        session = session_of(interaction)
        first = await self._session_shards(session)
        for shard in first:
            await self._read(shard, interaction, found, 0, None)
        if not found.events:
            return found
        start = min(told.at for told in found.events) - CLOCK_SKEW_MS
        own = (told for told in found.events if getattr(told.event, "interaction", "") == interaction)
        ended = [told.at for told in own if getattr(told.event, "reason", None) is not None]
        until = max(ended) + AFTERMATH_MS if ended else None
        for shard in await self._store.shards():
            if shard not in first:
                await self._read(shard, interaction, found, await self._commit_before(shard, start), until)
        return found

    async def _session_shards(self, session: Address) -> list[ShardId]:
        shards = await self._store.shards()
        if self._placement is None:
            return shards
        home = self._placement.shard_of(session)
        return [home] if home in shards else []

    async def _read(self, shard: ShardId, interaction: str, found: Found, after: int, until: int | None) -> None:
        session = session_of(interaction)
        async for entry in _Entries(self._store, shard, after):
            if until is not None and entry.now > until:
                return
            for index, (by, content) in enumerate(entry.events):
                event = self._codec.event(content)
                if concerns(event, interaction):
                    found.events.append(Told(entry.now, shard, entry.number, index, by, event, entry.epoch))
            for change in entry.changes:
                if change.address == session:
                    self._note_texts(change.puts, found)

    def _note_texts(self, puts: Mapping[str, msgspec.Raw], found: Found) -> None:
        for key, content in puts.items():
            if key.startswith(LINE_PREFIX):
                record = self._codec.record(content)
                if isinstance(record, TranscriptLine):
                    found.texts[record.entry.number] = record.entry.content.text

    async def _commit_before(self, shard: ShardId, at: int) -> int:
        """The number of the last commit before an instant, found by halving."""
        low, high = 0, (await self._store.describe(shard)).last_commit
        while low < high:
            middle = (low + high) // 2
            entries = await self._store.journal(shard, middle, 1)
            if not entries or decode_entry(entries[0][1]).now >= at:
                high = middle
            else:
                low = entries[0][0]
        return low


class _Entries:
    """A shard's entries after a commit, read page by page."""

    def __init__(self, store: Store, shard: ShardId, after: int) -> None:
        self._store = store
        self._shard = shard
        self._after = after
        self._page: list[tuple[int, bytes]] = []

    def __aiter__(self) -> _Entries:
        return self

    async def __anext__(self) -> JournalEntry:
        if not self._page:
            self._page = list(reversed(await self._store.journal(self._shard, self._after, PAGE)))
            if not self._page:
                raise StopAsyncIteration
        self._after, content = self._page.pop()
        return decode_entry(content)

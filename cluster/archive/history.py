"""A store whose journals begin where they began: what was archived, and then what the store still has.

    archive  |====== segments ======|
    stream                   |============= store =============>
    history  |===============|=============================>

Keeps: **from its first entry on the store decides**, so what an archive holds of commits that the store lost and wrote anew is
never read; an entry is told once. An entry that the archiver moves while it is read is found in either place, because it is
archived before it is trimmed.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.address import Address, ShardId
from cluster.archive.base import Archive
from cluster.store.base import Commit, CommitOutcome, Records, ShardImage, Store


class ArchivedStore:
    """A `cluster.store.base.Store` that reads journals from an archive too; everything else is the store's own.

    `journal` may leave numbers out where neither has them; `journal_spans` tells from where on nothing is missing.
    """

    def __init__(self, store: Store, archive: Archive) -> None:
        self._store = store
        self._archive = archive
        #: Where each stream began when it was last looked at; what is below is in the archive.
        self._begins: dict[ShardId, int] = {}

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        begins = self._begins.get(shard, 0)
        if after + 1 < begins:
            # Without asking the store again for what would not be used.
            archived = await self._archive.read(shard, after, begins, limit)
            if archived:
                return archived
        page = await self._store.journal(shard, after, limit)
        if not page or page[0][0] == after + 1:
            return page
        self._begins[shard] = page[0][0]
        return await self._archive.read(shard, after, page[0][0], limit) or page

    async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
        """First and last commit of each shard between which nothing is missing, ending with the store's newest."""
        spans = []
        for shard, (first, last) in zip(shards, await self._store.journal_spans(shards), strict=True):
            if first:
                self._begins[shard] = first
                spans.append((_reaches_back(first, await self._archive.spans(shard)), last))
            else:
                spans.append((0, 0))
        return spans

    # -- the store's own ----------------------------------------------------------------------------------------------

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        return await self._store.claim(shard, epoch)

    async def commit(self, commits: Sequence[Commit]) -> list[CommitOutcome]:
        return await self._store.commit(commits)

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        return await self._store.load(shard, addresses)

    async def shards(self) -> list[ShardId]:
        return await self._store.shards()

    async def describe(self, shard: ShardId) -> ShardImage:
        return await self._store.describe(shard)

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        return await self._store.trim(shard, through, last)

    async def dead_letters(self, shard: ShardId, limit: int = 1000) -> list[bytes]:
        return await self._store.dead_letters(shard, limit)

    async def read_document(self, name: str) -> tuple[int, bytes]:
        return await self._store.read_document(name)

    async def write_document(self, name: str, content: bytes, expected_version: int) -> int:
        return await self._store.write_document(name, content, expected_version)

    async def ping(self) -> float:
        return await self._store.ping()

    async def life(self) -> str:
        return await self._store.life()

    def follow(self, life: str) -> None:
        self._store.follow(life)

    async def close(self) -> None:
        await self._store.close()


def _reaches_back(first: int, segments: Sequence[tuple[int, int]]) -> int:
    """The first commit from which on segments lead up to commit `first` without a gap."""
    for begins, ends in sorted(segments, reverse=True):
        if begins < first <= ends + 1:
            first = begins
    return first

"""A store on Redis 7.2 or newer, Valkey, or a managed service that speaks the same commands.

Each shard's batch is one run of `commit.lua`, atomic and fenced; all batches of one `commit` go out in one write, so
the server answers them after as few fsyncs as it can. Scripts are called by digest and sent in full to a server that
does not know them. The client reconnects by itself; a call that found no connection, or whose reply did not come in
time, raises `StoreUnavailable` and may be repeated.

Measured on the reference machine (2 cores, shared with the client), Valkey 9.1 on a Unix socket, `appendfsync always`,
each actor write with two records (200 bytes), 150 bytes of journal and 100 of outbox; one call at a time:

| shards x writes in a call | ms p50 | writes/s |
|---|---|---|
| 1 x 1 | 0.6 | 1,400 |
| 1 x 10 | 0.8 | 12,000 |
| 1 x 100 | 1.9 | 52,000 |
| 4 x 100 | 5.6 to 8 | 50,000 to 70,000 |
| 16 x 10 | 4 | 40,000 |
| 16 x 300 | 66 | 67,000 |

So the batch decides. Rejected: a MULTI around all shards' scripts (no faster: the server reads its socket in pieces and
syncs after each, either way), and a RESP argument for each field (a third slower).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from actors.address import Address, ShardId
from cluster.store.base import Commit, CommitOutcome, Fenced, Records, ShardImage, StoreError, StoreUnavailable
from cluster.store.lives import LifeGuard, read_life
from cluster.store.packing import ShardKeys, commit_arguments, commit_keys, read_image, read_records
from cluster.store.refusals import store_failure
from cluster.store.url import open_client, parse_url

#: Where a script's call names its first key.
FIRST_KEY = 3
_OUTCOMES = {
    1: CommitOutcome.APPLIED,
    2: CommitOutcome.APPLIED,
    0: CommitOutcome.FENCED,
    -1: CommitOutcome.DIVERGED,
}


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """How to use a server.

    `cluster` prefixes every key, so several clusters can share a server. `timeout_s` bounds each exchange with it; a
    disk that stalls longer makes the outcome unknown, never wrong.
    """

    cluster: str = "trunkline"
    timeout_s: float = 5.0
    #: How long replicas may take to confirm a commit, before it is asked again.
    replicas_timeout_s: float = 1.0
    connect_timeout_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.cluster or not set(self.cluster).isdisjoint("{}:% \n"):
            raise ValueError(f"a cluster's name has none of the characters '{{}}:% ', unlike {self.cluster!r}")


class _Script:
    """A Lua script and the digest that a server knows it by."""

    def __init__(self, name: str) -> None:
        self.text = files(__package__).joinpath(name).read_text()
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisStore:
    """A `cluster.store.base.Store` at a URL (`cluster.store.url` has the forms). Made and used in one event loop.

    Raises:
        StoreUrlInvalid: the URL names no store.
    """

    def __init__(self, url: str, options: RedisOptions | None = None) -> None:
        self.options = options or RedisOptions()
        self.url = parse_url(url)
        self._guard = LifeGuard()
        self._client: Any = open_client(self.url, self.options.connect_timeout_s)
        self._guard.guard(self._client)
        #: Asks who answers; it must reach whoever does, so nothing guards it.
        self._observer: Any = None
        scripts = ("commit.lua", "claim.lua", "document.lua", "trim.lua")
        self._commit, self._claim, self._document, self._trim = (_Script(name) for name in scripts)
        self._keys: dict[ShardId, ShardKeys] = {}
        self._known_shards = f"{{{self.options.cluster}}}:shards"

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        if epoch < 1:
            raise ValueError(f"epochs count from 1, not {epoch}")
        # Listed first: a crash in between leaves a shard that is listed and empty, not one that nobody finds.
        await self._call("SADD", self._known_shards, shard)
        reply = await self._run(self._claim, self._keys_of(shard).claimed, epoch)
        if isinstance(reply, int):
            raise Fenced(f"shard {shard} is at epoch {reply}, so epoch {epoch} may not have it")
        return read_image(shard, reply)

    async def commit(self, commits: Sequence[Commit]) -> list[CommitOutcome]:
        # A repeated commit writes nothing, and then replicas would be waited for in vain: told so, the script writes.
        more = ("replicated",) if self.url.wait_replicas else ()
        requests = [
            (commit_keys(self._keys_of(commit.shard), commit), (*commit_arguments(commit), *more)) for commit in commits
        ]
        replies = await self._replicated(
            [("EVALSHA", self._commit.digest, len(keys), *keys, *arguments) for keys, arguments in requests]
        )
        again = _to_repeat(commits, replies)
        if again:
            full = [("EVAL", self._commit.text, len(requests[at][0]), *requests[at][0], *requests[at][1]) for at in again]
            for at, reply in zip(again, await self._replicated(full), strict=True):
                replies[at] = reply
        return [_OUTCOMES[self._checked(reply)] for reply in replies]

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        keys = self._keys_of(shard)
        replies = await self._pipeline([("HGETALL", keys.actor(address)) for address in addresses])
        return [read_records(self._checked(reply)) for reply in replies]

    async def shards(self) -> list[ShardId]:
        return sorted(ShardId(shard.decode()) for shard in await self._call("SMEMBERS", self._known_shards))

    async def describe(self, shard: ShardId) -> ShardImage:
        return read_image(shard, await self._run(self._claim, self._keys_of(shard).claimed, 0))

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        entries = await self._call("XRANGE", self._keys_of(shard).journal, f"{after + 1}-0", "+", "COUNT", limit)
        return [(_number_of(entry), fields[b"e"]) for entry, fields in entries]

    async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
        keys = [self._keys_of(shard).journal for shard in shards]
        firsts = [("XRANGE", key, "-", "+", "COUNT", 1) for key in keys]
        lasts = [("XREVRANGE", key, "+", "-", "COUNT", 1) for key in keys]
        ends = [self._checked(reply) for reply in await self._pipeline([*firsts, *lasts])]
        numbers = [_number_of(entries[0][0]) if entries else 0 for entries in ends]
        return list(zip(numbers[: len(keys)], numbers[len(keys) :], strict=True))

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        return bool(await self._run(self._trim, (self._keys_of(shard).journal,), through, last, f"{through + 1}-0"))

    async def dead_letters(self, shard: ShardId, limit: int = 1000) -> list[bytes]:
        entries = await self._call("XREVRANGE", self._keys_of(shard).dead, "+", "-", "COUNT", limit)
        return [fields[b"e"] for _, fields in reversed(entries)]

    async def read_document(self, name: str) -> tuple[int, bytes]:
        version, content = await self._call("HMGET", self._document_key(name), "version", "content")
        return int(version or 0), content or b""

    async def write_document(self, name: str, content: bytes, expected_version: int) -> int:
        version = await self._run(self._document, (self._document_key(name),), expected_version, content)
        if not isinstance(version, int):
            raise StoreError(f"the store at {self.url} answered a document's version with {type(version).__name__}")
        return version

    async def ping(self) -> float:
        started_at = time.perf_counter()
        await self._call("PING")
        return time.perf_counter() - started_at

    async def life(self) -> str:
        if self._observer is None:
            self._observer = open_client(self.url, self.options.connect_timeout_s)
        life: str = await self._bounded(read_life(self._observer))
        return life

    def follow(self, life: str) -> None:
        self._guard.follow(life)

    async def close(self) -> None:
        await self._client.aclose()
        if self._observer is not None:
            await self._observer.aclose()

    def _keys_of(self, shard: ShardId) -> ShardKeys:
        keys = self._keys.get(shard)
        if keys is None:
            keys = self._keys[shard] = ShardKeys(self.options.cluster, shard)
        return keys

    def _document_key(self, name: str) -> str:
        return f"{{{self.options.cluster}}}:document:{name}"

    async def _run(self, script: _Script, keys: Sequence[str], *arguments: object) -> Any:
        try:
            return await self._call("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self._call("EVAL", script.text, len(keys), *keys, *arguments)

    async def _call(self, *command: object) -> Any:
        return await self._bounded(self._client.execute_command(*command))

    async def _pipeline(self, commands: Sequence[tuple[object, ...]], nodes: Sequence[Any] = ()) -> list[Any]:
        """Send all commands in one write; a command's own error stands in its reply's place.

        Args:
            nodes: wait for replicas of these, on the very connections that the commands went over; None is a server
                that is no cluster. Their replies come last.
        """
        if not commands:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        for node in nodes:
            target = {} if node is None else {"target_nodes": node}
            pipeline.execute_command("WAIT", self.url.wait_replicas, int(self.options.replicas_timeout_s * 1000), **target)
        replies: list[Any] = await self._bounded(pipeline.execute(raise_on_error=False))
        return replies

    async def _replicated(self, scripts: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run scripts and wait until as many replicas as the URL wants have what they wrote.

        Raises:
            StoreUnavailable: they do not; what was written may be lost in a failover, so it does not count yet.
        """
        wanted = self.url.wait_replicas
        if not wanted or not scripts:
            return await self._pipeline(scripts)
        nodes = await self._bounded(self._nodes_of(scripts))
        replies = await self._pipeline(scripts, list(nodes.values()))
        confirmed = [self._checked(reply) for reply in replies[len(scripts) :]]
        if min(confirmed) < wanted:
            raise StoreUnavailable(
                f"the store at {self.url} has {min(confirmed)} replicas that confirm a commit, and wait_replicas is {wanted}: "
                "start the missing ones; until then nothing is accepted"
            )
        if nodes.keys() != (await self._bounded(self._nodes_of(scripts))).keys():
            # What was redirected went over other connections than those that waited.
            raise StoreUnavailable(f"the store at {self.url} moved keys to another node meanwhile")
        return replies[: len(scripts)]

    async def _nodes_of(self, scripts: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """Which nodes have the scripts' keys, by name; one nameless one where there is no cluster."""
        if self.url.form != "cluster":
            return {"": None}
        await self._client.initialize()
        found = [self._client.get_node_from_key(script[FIRST_KEY]) for script in scripts]
        return {node.name: node for node in found}

    async def _bounded(self, exchange: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self.options.timeout_s):
                return await exchange
        except NoScriptError:
            raise
        except (RedisError, RedisClusterException, OSError) as error:
            raise store_failure(self.url, error) from error

    def _checked(self, reply: Any) -> Any:
        if isinstance(reply, Exception):
            raise store_failure(self.url, reply) from reply
        return reply


def _number_of(entry: bytes) -> int:
    """The commit number in a journal entry's id."""
    return int(entry.partition(b"-")[0])


def _to_repeat(commits: Sequence[Commit], replies: Sequence[Any]) -> list[int]:
    """Which commits a server that does not know the script must be sent again, whole.

    Those are the refused ones and the later ones of their shards, which came out of order if the script was loaded by
    another client meanwhile. Commits of other shards are not repeated: only a shard's last one would count as applied.
    """
    unknown: set[ShardId] = set()
    again = []
    for at, (commit, reply) in enumerate(zip(commits, replies, strict=True)):
        if isinstance(reply, NoScriptError) or commit.shard in unknown:
            unknown.add(commit.shard)
            again.append(at)
    return again

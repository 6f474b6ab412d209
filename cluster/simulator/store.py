"""The simulated store: one `MemoryStore` for all, reached by each process over a connection that can fail.

Keeps: a request that arrived is applied whatever becomes of who sent it; a call that failed may have been applied; a
pipeline of commits may break off after any of them. A crash of a store with a lax fsync policy forgets the newest
operations, never others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from actors.address import Address, ShardId
from cluster.simulator.clock import BEGIN_AT
from cluster.simulator.loop import Process, VirtualLoop
from cluster.simulator.transport import WORLD, Network
from cluster.store.base import Commit, CommitOutcome, Records, ShardImage, StoreUnavailable
from cluster.store.memory import MemoryStore

T = TypeVar("T")

STORE = "store"
#: How long a process waits for a reply before it calls the outcome unknown.
PATIENCE_S = 1.0
#: How far back a crash can reach, with room to spare.
UNDO_WINDOW_MS = 3_000


@dataclass(slots=True)
class StoreWeather:
    """How the store is. Shares are of requests, between 0 and 1."""

    delay_s: float = 0.0006
    slow: float = 0.0
    slow_s: float = 0.2
    lose_request: float = 0.0
    lose_reply: float = 0.0
    #: This share of commit pipelines breaks off after one of its commits.
    break_off: float = 0.0
    #: How much longer a commit takes for each actor that it writes: a store, or a host before it, of limited speed.
    each_s: float = 0.0


class StoreServer:
    """The server that all processes share."""

    def __init__(self, loop: VirtualLoop, network: Network, random: Random) -> None:
        self.loop = loop
        self.network = network
        self.random = random
        self.weather = StoreWeather()
        self.memory: MemoryStore = MemoryStore(clock=self.now_ms, undo_window_ms=UNDO_WINDOW_MS)
        self.is_down = False
        #: Told of each pipeline of commits that is asked for.
        self.listener: Callable[[Sequence[Commit]], None] | None = None
        #: Counts the server's lives: a reply to a request of an earlier one never comes.
        self.life = 1

    def now_ms(self) -> int:
        return BEGIN_AT + int(self.loop.time() * 1000)

    def crash(self, lost_ms: int) -> int:
        """Die; a lax fsync policy loses the newest `lost_ms`. Returns how many operations were lost."""
        self.is_down = True
        return self.memory.lose_since(self.now_ms() - lost_ms) if lost_ms else 0

    def start(self) -> None:
        """Come back with what was kept."""
        self.is_down = False
        self.life += 1

    def delay(self, random: Random) -> float:
        weather = self.weather
        if weather.slow and random.random() < weather.slow:
            return random.random() * weather.slow_s
        return weather.delay_s * (0.5 + random.random())

    @staticmethod
    def happens(share: float, random: Random) -> bool:
        return bool(share) and random.random() < share


class SimStore:
    """One process's connection to the store. See `cluster.store.base.Store`."""

    def __init__(self, server: StoreServer, process: Process, random: Random | None = None) -> None:
        self._server = server
        #: Its own for whoever's calls shall not change the luck of the others.
        self._random = random or server.random
        self._process = process
        self._store = server.memory
        #: The only life of the server that this connection speaks to; 0 for any.
        self._followed = 0

    async def claim(self, shard: ShardId, epoch: int) -> ShardImage:
        return await self._call(lambda: self._store.claim(shard, epoch))

    async def commit(self, commits: Sequence[Commit]) -> list[CommitOutcome]:
        server = self._server
        if server.listener is not None:
            server.listener(commits)
        if len(commits) > 1 and server.happens(server.weather.break_off, self._random):
            await self._call(lambda: self._store.commit(commits[: self._random.randrange(len(commits))]))
            raise StoreUnavailable("the connection broke off amid the commits")
        if server.weather.each_s:
            await asyncio.sleep(server.weather.each_s * sum(len(commit.actors) for commit in commits))
        return await self._call(lambda: self._store.commit(commits))

    async def load(self, shard: ShardId, addresses: Sequence[Address]) -> list[Records]:
        return await self._call(lambda: self._store.load(shard, addresses))

    async def shards(self) -> list[ShardId]:
        return await self._call(self._store.shards)

    async def describe(self, shard: ShardId) -> ShardImage:
        return await self._call(lambda: self._store.describe(shard))

    async def journal(self, shard: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        return await self._call(lambda: self._store.journal(shard, after, limit))

    async def journal_spans(self, shards: Sequence[ShardId]) -> list[tuple[int, int]]:
        return await self._call(lambda: self._store.journal_spans(shards))

    async def trim(self, shard: ShardId, through: int, last: bytes) -> bool:
        return await self._call(lambda: self._store.trim(shard, through, last))

    async def dead_letters(self, shard: ShardId, limit: int = 1000) -> list[bytes]:
        return await self._call(lambda: self._store.dead_letters(shard, limit))

    async def read_document(self, name: str) -> tuple[int, bytes]:
        return await self._call(lambda: self._store.read_document(name))

    async def write_document(self, name: str, content: bytes, expected_version: int) -> int:
        return await self._call(lambda: self._store.write_document(name, content, expected_version))

    async def ping(self) -> float:
        return await self._call(self._store.ping)

    async def life(self) -> str:
        return await self._call(self._life, of_any_life=True)

    def follow(self, life: str) -> None:
        self._followed = int(life)

    async def _life(self) -> str:
        return str(self._server.life)

    async def close(self) -> None:
        """Nothing to close."""

    async def _call(self, operation: Callable[[], Coroutine[Any, Any, T]], *, of_any_life: bool = False) -> T:
        server = self._server
        future: asyncio.Future[T] = server.loop.create_future()
        patience = server.loop.call_later(PATIENCE_S, _fail, future)
        is_cut = server.network.is_cut(self._process.name, STORE)
        if not is_cut and not server.happens(server.weather.lose_request, self._random):
            life = 0 if of_any_life else self._followed
            server.loop.call_later(server.delay(self._random), self._apply, operation, future, life, context=WORLD)
        elif self._random.random() < server.network.weather.reset:
            server.loop.call_later(server.delay(self._random), _fail, future, context=WORLD)
        try:
            return await future
        finally:
            patience.cancel()

    def _apply(self, operation: Callable[[], Coroutine[Any, Any, T]], future: asyncio.Future[T], life: int) -> None:
        """At the server: it happens now, or not at all."""
        server = self._server
        if server.is_down or life not in (0, server.life):
            server.loop.call_later(server.delay(self._random), _fail, future)
            return
        coroutine = operation()
        try:
            coroutine.send(None)
        except StopIteration as done:
            reply: Any = done.value
        except Exception as problem:  # noqa: BLE001  # the store's own refusal, passed on to who asked
            reply = problem
        else:
            coroutine.close()
            raise RuntimeError("an operation of the memory store waited for something")
        is_cut = server.network.is_cut(STORE, self._process.name)
        if not is_cut and not server.happens(server.weather.lose_reply, self._random):
            server.loop.call_later(server.delay(self._random), self._reply, future, reply, server.life)
        elif self._random.random() < server.network.weather.reset:
            server.loop.call_later(server.delay(self._random), _fail, future)

    def _reply(self, future: asyncio.Future[T], reply: Any, life: int) -> None:
        if self._server.is_down or self._server.life != life:
            _fail(future)
        elif not future.done():
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)


def _fail(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(StoreUnavailable("the store did not answer"))

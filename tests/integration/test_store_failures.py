"""What a store that refuses, stalls or is not there says to its caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from actors.address import ShardId
from cluster.store.base import Commit, CommitOutcome, StoreError, StoreUnavailable
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer
from cluster.store.redis import RedisOptions, RedisStore
from tests.fakes.broken_wire import BrokenWire

SHARD = ShardId("1")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[RedisStore]:
    """A store on a server of its own, whose settings a test may change."""
    server = EmbeddedServer(EmbeddedOptions(tmp_path))
    made = RedisStore(await server.start())
    await made.claim(SHARD, 1)
    yield made
    await made.close()
    await server.stop()


def commit(number: int) -> Commit:
    return Commit(SHARD, 1, number, 0, b"entry")


async def test_nobody_listens(tmp_path: Path) -> None:
    """A store that is not there is unavailable, and the error names the place."""
    store = RedisStore(f"unix://{tmp_path}/absent.sock")
    with pytest.raises(StoreUnavailable, match=r"absent\.sock cannot be reached"):
        await store.commit([commit(1)])
    with pytest.raises(StoreUnavailable):
        await RedisStore("redis+cluster://127.0.0.1:1").ping()
    with pytest.raises(StoreUnavailable):
        await RedisStore("redis+sentinel://127.0.0.1:1/main").ping()


@pytest.mark.parametrize(
    ("setting", "undo", "says"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "out of memory: raise maxmemory"),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read-only replica: point the store's URL"),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0"), "fewer replicas"),
    ],
)
async def test_a_refusing_server(store: RedisStore, setting: tuple[str, ...], undo: tuple[str, ...], says: str) -> None:
    """A server that takes no writes is unavailable and says what to do; once it is cured the same commit applies whole."""
    await store._call(*setting)
    with pytest.raises(StoreUnavailable, match=says):
        await store.commit([commit(1)])
    await store._call(*undo)
    assert await store.commit([commit(1)]) == [CommitOutcome.APPLIED]
    assert len(await store.journal(SHARD)) == 1


async def test_a_wrong_password(store: RedisStore) -> None:
    """A refused login says to look at the URL, and the password is not in the error."""
    await store._call("CONFIG", "SET", "requirepass", "right")
    other = RedisStore(f"unix://:not%2Dso@{store.url.path}")
    with pytest.raises(StoreUnavailable, match="check the user and password") as caught:
        await other.ping()
    assert "not-so" not in str(caught.value)
    await other.close()


async def test_a_stalled_server_times_out(store: RedisStore, tmp_path: Path) -> None:
    """A reply that does not come in time leaves an unknown outcome, which asking again settles."""
    async with BrokenWire(tmp_path / "wire", Path(store.url.path)) as wire:
        slow = RedisStore(f"unix://{wire.path}", RedisOptions(timeout_s=0.2))
        await slow.ping()
        wire.stall = True
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await slow.commit([commit(1)])
        wire.stall = False
        assert await slow.commit([commit(1)]) == [CommitOutcome.APPLIED]
        assert len(await slow.journal(SHARD)) == 1
        await slow.close()


async def test_foreign_data_is_an_error_not_an_outage(store: RedisStore) -> None:
    """A key of the wrong type will not get better by waiting, and harms no other shard's commit."""
    await store._call("SET", "{trunkline:2}:meta", "foreign")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.commit([commit(1), Commit(ShardId("2"), 1, 1, 0, b"entry")])
    assert (await store.describe(SHARD)).last_commit == 1


async def test_a_server_that_forgot_the_scripts_is_sent_them(store: RedisStore) -> None:
    """Scripts that a restarted or flushed server does not know are sent in full, in order, with no caller noticing."""
    for number in (1, 3, 5):
        await store._call("SCRIPT", "FLUSH")
        other = Commit(ShardId("2"), 1, number, 0, b"entry")
        if number == 1:
            await store.claim(ShardId("2"), 1)
        outcomes = await store.commit([commit(number), other, commit(number + 1), Commit(ShardId("2"), 1, number + 1, 0, b"e")])
        assert outcomes == [CommitOutcome.APPLIED] * 4

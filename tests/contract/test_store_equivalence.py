"""The memory store and the Redis store answer any sequence of calls alike, so what the simulator shows holds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from actors.address import Address, ShardId
from cluster.store.base import ActorWrite, Commit, Fenced, ShardImage
from cluster.store.memory import MemoryStore
from cluster.store.redis import RedisOptions, RedisStore

T = TypeVar("T")
_names = itertools.count(1)

shards = st.sampled_from([ShardId("0"), ShardId("1"), ShardId("agent/a}b")])
addresses = st.sampled_from([Address("agent/a"), Address("agent/b"), Address("session/会话")])
keys = st.sampled_from(["", "state", "entry/1", "é"])
contents = st.binary(max_size=8)
writes = st.builds(
    ActorWrite, st.dictionaries(keys, contents, max_size=3), st.lists(keys, max_size=3), st.sampled_from([False, False, True])
)
changes = st.fixed_dictionaries(
    {
        "journal": contents,
        "actors": st.dictionaries(addresses, writes, max_size=3),
        "timers": st.dictionaries(keys, st.none() | st.integers(0, 2**48), max_size=3),
        "outbox": st.none() | contents,
        "outbox_drops": st.lists(st.integers(1, 8), max_size=3),
        "marks": st.dictionaries(keys, st.none() | contents, max_size=3),
        "dead_letters": st.lists(contents, max_size=2),
    }
)


def _sorted(image: ShardImage) -> ShardImage:
    image.live.sort()
    return image


class TwoStores(RuleBasedStateMachine):
    """Makes each call on both stores; any difference fails."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = RedisStore(self.url, RedisOptions(f"equal-{next(_names)}"))
        self.memory = MemoryStore()
        self.last: list[Commit] = []

    def teardown(self) -> None:
        self.run(self.redis.close())
        self.runner.close()

    def run(self, call: Coroutine[Any, Any, T]) -> T | str:
        async def guarded() -> T | str:
            try:
                return await call
            except Fenced as error:
                return str(error)

        return self.runner.run(guarded())

    @rule(shard=shards, epoch=st.integers(1, 4))
    def claim(self, shard: ShardId, epoch: int) -> None:
        expected = self.run(self.memory.claim(shard, epoch))
        actual = self.run(self.redis.claim(shard, epoch))
        if isinstance(expected, ShardImage) and isinstance(actual, ShardImage):
            assert _sorted(actual) == _sorted(expected), "a claim reads the same image"
        else:
            assert actual == expected, "a claim is fenced by both or neither"

    @rule(shard=shards, changes=changes, step=st.sampled_from([1, 1, 1, 0, 2]), later=st.sampled_from([0, 0, 0, -1, 1]))
    def commit(self, shard: ShardId, changes: dict[str, Any], step: int, later: int) -> None:
        image = self.runner.run(self.memory.describe(shard))
        number = image.last_commit + step
        self.last = [Commit(shard, max(1, image.epoch + later), number, 5 * number, **changes)]
        self.repeat()

    @rule(changes=st.lists(changes, min_size=2, max_size=2))
    def commit_two_shards(self, changes: list[dict[str, Any]]) -> None:
        self.last = []
        for shard, change in zip((ShardId("0"), ShardId("1")), changes, strict=True):
            image = self.runner.run(self.memory.describe(shard))
            self.last.append(Commit(shard, max(1, image.epoch), image.last_commit + 1, 7, **change))
        self.repeat()

    @rule()
    def repeat(self) -> None:
        expected = self.runner.run(self.memory.commit(self.last))
        assert self.runner.run(self.redis.commit(self.last)) == expected, "a commit has the same outcome"

    @rule(shard=shards, after=st.integers(0, 4), limit=st.integers(1, 3))
    def read_journal(self, shard: ShardId, after: int, limit: int) -> None:
        expected = self.runner.run(self.memory.journal(shard, after, limit))
        assert self.runner.run(self.redis.journal(shard, after, limit)) == expected, "a journal page is the same"

    @rule(shard=shards, through=st.integers(0, 4), right=st.booleans())
    def trim(self, shard: ShardId, through: int, right: bool) -> None:
        entries = dict(self.runner.run(self.memory.journal(shard)))
        last = entries.get(through, b"") if right else b"another entry"
        expected = self.runner.run(self.memory.trim(shard, through, last))
        assert self.runner.run(self.redis.trim(shard, through, last)) == expected, "a trim has the same outcome"

    @rule(shard=shards, limit=st.integers(1, 3))
    def read_dead_letters(self, shard: ShardId, limit: int) -> None:
        expected = self.runner.run(self.memory.dead_letters(shard, limit))
        assert self.runner.run(self.redis.dead_letters(shard, limit)) == expected, "the dead letters are the same"

    @rule(name=st.sampled_from(["table", "é"]), content=contents, version=st.integers(0, 3))
    def write_document(self, name: str, content: bytes, version: int) -> None:
        expected = self.runner.run(self.memory.write_document(name, content, version))
        assert self.runner.run(self.redis.write_document(name, content, version)) == expected
        read = self.runner.run(self.memory.read_document(name))
        assert self.runner.run(self.redis.read_document(name)) == read, "a document reads the same"

    @invariant()
    def alike(self) -> None:
        listed = self.runner.run(self.memory.shards())
        assert self.runner.run(self.redis.shards()) == listed, "the same shards are listed"
        spans = self.runner.run(self.memory.journal_spans(listed))
        assert self.runner.run(self.redis.journal_spans(listed)) == spans, "journals begin and end alike"
        everyone = [Address("agent/a"), Address("agent/b"), Address("session/会话")]
        for shard in listed:
            expected, actual = (_sorted(self.runner.run(store.describe(shard))) for store in (self.memory, self.redis))
            assert actual == expected, "a shard looks the same"
            records = self.runner.run(self.memory.load(shard, everyone))
            assert self.runner.run(self.redis.load(shard, everyone)) == records, "the records are the same"
            live = [address for address, kept in zip(everyone, records, strict=True) if kept]
            assert expected.live == sorted(live), "live are those with records"


def test_both_stores_answer_alike(store_url: str) -> None:
    """Random calls, valid and not, give equal answers and equal contents in memory and on Redis."""
    TwoStores.url = store_url
    run_state_machine_as_test(TwoStores, settings=settings(max_examples=40, stateful_step_count=30))

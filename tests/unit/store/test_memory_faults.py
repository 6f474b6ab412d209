"""The memory store loses what a simulator tells it to lose, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from actors.address import Address, ShardId
from cluster.store.base import ActorWrite, Commit, CommitOutcome, StoreUnavailable
from cluster.store.memory import MemoryStore, StoreCall, StoreFaults

SHARD = ShardId("1")
ALICE = Address("agent/alice")
APPLIED, DIVERGED = CommitOutcome.APPLIED, CommitOutcome.DIVERGED


def batch(number: int, shard: ShardId = SHARD, **changes: object) -> Commit:
    return Commit(shard, 1, number, number, b"entry %d" % number, **changes)  # type: ignore[arg-type]  # tests name the fields


class Recorded(StoreFaults):
    """Remembers each call; loses the requests and replies that it is told to."""

    def __init__(self) -> None:
        self.calls: list[StoreCall] = []
        self.lose_request_of = 0
        self.lose_reply_of = 0

    def before_apply(self, call: StoreCall) -> None:
        self.calls.append(call)
        if call.number and call.number == self.lose_request_of:
            raise StoreUnavailable("request lost")

    def after_apply(self, call: StoreCall) -> None:
        if call.number and call.number == self.lose_reply_of:
            raise StoreUnavailable("reply lost")


async def test_a_lost_request_changes_nothing() -> None:
    """What was lost before it was applied left no trace, and what stood before it in the list was applied."""
    faults = Recorded()
    store = MemoryStore(faults)
    await store.claim(SHARD, 1)
    faults.lose_request_of = 2
    with pytest.raises(StoreUnavailable):
        await store.commit([batch(1), batch(2), batch(3)])
    assert (await store.describe(SHARD)).last_commit == 1
    assert faults.calls[:3] == [
        StoreCall("claim", SHARD, 1),
        StoreCall("commit", SHARD, 1, 1),
        StoreCall("commit", SHARD, 1, 2),
    ]


async def test_a_lost_reply_leaves_the_commit_applied() -> None:
    """What was lost after it was applied is there, and asking again says so."""
    faults = Recorded()
    store = MemoryStore(faults)
    await store.claim(SHARD, 1)
    faults.lose_reply_of = 1
    with pytest.raises(StoreUnavailable):
        await store.commit([batch(1)])
    faults.lose_reply_of = 0
    assert await store.commit([batch(1)]) == [APPLIED]
    assert len(await store.journal(SHARD)) == 1


async def test_a_delayed_commit_is_judged_when_it_arrives() -> None:
    """A commit delayed past another host's claim is fenced, because the store looks at it only then."""

    class Delayed(StoreFaults):
        arrived = asyncio.Event()

        def before_apply(self, call: StoreCall) -> Awaitable[None] | None:
            async def wait() -> None:
                await self.arrived.wait()

            return wait() if call.operation == "commit" else None

    store = MemoryStore(Delayed())
    await store.claim(SHARD, 1)
    zombie = asyncio.create_task(store.commit([batch(1)]))
    await asyncio.sleep(0)
    await store.claim(SHARD, 2)
    Delayed.arrived.set()
    assert await zombie == [CommitOutcome.FENCED]


async def test_a_call_without_faults_never_suspends() -> None:
    """Without a delay every call completes in one step, so a simulator may drive it without an event loop."""
    call = MemoryStore().claim(SHARD, 1)
    with pytest.raises(StopIteration) as done:
        call.send(None)
    assert done.value.value.epoch == 1


async def test_losing_the_last_second_restores_the_state_before() -> None:
    """Everything applied at or after the instant is forgotten, in all shards, claims and documents too."""
    now = 1_000
    store = MemoryStore(clock=lambda: now, undo_window_ms=5_000)
    other = ShardId("2")
    await store.claim(SHARD, 1)
    many = {f"e{number}": b"1" for number in range(50)}
    bob = Address("agent/bob")
    first = batch(
        1, actors={ALICE: ActorWrite({"a": b"1"}), bob: ActorWrite(many)}, timers={"t": 1}, outbox=b"o", marks={"m": b"1"}
    )
    await store.commit([first])
    await store.write_document("table", b"one", 0)
    kept = [await store.describe(SHARD), await store.load(SHARD, [ALICE, bob]), await store.journal(SHARD)]
    now = 2_000
    changes = {
        ALICE: ActorWrite({"a": b"2", "b": b"2"}),
        bob: ActorWrite(ended=True),
        Address("agent/new"): ActorWrite({"n": b""}),
    }
    second = batch(2, actors=changes, timers={"t": None, "u": 2}, outbox_drops=[1], marks={"m": b"2"}, dead_letters=[b"d"])
    await store.commit([second])
    await store.claim(SHARD, 7)
    await store.claim(other, 1)
    await store.write_document("table", b"two", 1)
    assert store.lose_since(2_000) == 4
    assert [await store.describe(SHARD), await store.load(SHARD, [ALICE, bob]), await store.journal(SHARD)] == kept
    assert await store.dead_letters(SHARD) == []
    assert await store.shards() == [SHARD]
    assert await store.read_document("table") == (1, b"one")
    assert await store.commit([batch(3)]) == [DIVERGED], "a host that knows of the lost commit is told"
    assert await store.commit([second]) == [APPLIED], "and the lost commit may be made again"


async def test_the_undo_window_bounds_what_can_be_lost() -> None:
    """Operations older than the window stay, so the memory for undoing them is given back."""
    now = 0
    store = MemoryStore(clock=lambda: now, undo_window_ms=1_000)
    await store.claim(SHARD, 1)
    await store.commit([batch(1)])
    now = 5_000
    await store.commit([batch(2)])
    assert store.lose_since(0) == 1
    assert (await store.describe(SHARD)).last_commit == 1

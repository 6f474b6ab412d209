"""The store's contract, held against every store: in memory, on one server, on a Redis Cluster.

What `cluster.store.base` promises is tested here once; a new store joins by a line in `stores`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from actors.address import Address, ShardId
from cluster.store.base import ActorWrite, Commit, CommitOutcome, Fenced, Store, StoreUnavailable
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer
from cluster.store.memory import MemoryStore, StoreCall, StoreFaults
from cluster.store.redis import RedisOptions, RedisStore
from tests.fakes.broken_wire import BrokenWire

SHARD = ShardId("7")
ALICE = Address("agent/alice")
BOB = Address("agent/bob")
APPLIED, FENCED, DIVERGED = CommitOutcome.APPLIED, CommitOutcome.FENCED, CommitOutcome.DIVERGED


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Redis Cluster of one node that owns every slot, which refuses any command whose keys are not of one slot."""
    with socket.socket() as probe, socket.socket() as bus_probe:
        probe.bind(("127.0.0.1", 0))
        bus_probe.bind(("127.0.0.1", 0))
        port, bus_port = probe.getsockname()[1], bus_probe.getsockname()[1]
    # The cluster bus has a port of its own, by default the other plus 10,000, which may not exist.
    settings = {"cluster-enabled": "yes", "cluster-port": str(bus_port), "cluster-require-full-coverage": "no"}
    server = EmbeddedServer(EmbeddedOptions(tmp_path_factory.mktemp("cluster"), port=port, settings=settings))
    url = await server.start()
    client = RedisStore(url)
    await client._call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    while b"cluster_state:ok" not in await client._call("CLUSTER", "INFO"):
        await asyncio.sleep(0.01)  # polls another process: there is no event to await
    await client.close()
    yield f"redis+cluster://127.0.0.1:{port}"
    await server.stop()


@pytest.fixture(params=["memory", "redis", "redis-cluster"])
def store_place(request: pytest.FixtureRequest) -> str:
    """The URL of every kind of store in turn, empty for memory."""
    servers = {"redis": "store_url", "redis-cluster": "cluster_url"}
    return str(request.getfixturevalue(servers[request.param])) if request.param in servers else ""


@pytest_asyncio.fixture
async def store(store_place: str, cluster_name: str) -> AsyncIterator[Store]:
    """Every kind of store in turn, empty."""
    made: Store = RedisStore(store_place, RedisOptions(cluster_name)) if store_place else MemoryStore()
    yield made
    await made.close()


def batch(number: int, epoch: int = 1, shard: ShardId = SHARD, **changes: object) -> Commit:
    """A commit whose journal entry names it."""
    return Commit(shard, epoch, number, now=1000 + number, journal=b"entry %d" % number, **changes)  # type: ignore[arg-type]  # tests name the fields


async def test_a_new_shard_is_claimed_empty(store: Store) -> None:
    """A shard that nobody wrote has the claimed epoch and nothing else."""
    image = await store.claim(SHARD, 3)
    assert (image.epoch, image.last_commit, image.now) == (3, 0, 0)
    assert (image.live, image.timers, image.outbox, image.marks) == ([], {}, {}, {})


async def test_a_commit_is_all_there_for_the_next_host(store: Store) -> None:
    """Whatever one host committed, the next host's claim and load return, byte for byte."""
    await store.claim(SHARD, 1)
    commit = batch(
        1,
        actors={ALICE: ActorWrite({"presence": b"\x00\xff", "": b""}), BOB: ActorWrite({"presence": b"b"})},
        timers={"agent/alice#offer": 1_795_300_000_123},
        outbox=b"\xc1out",
        marks={"session/é": b"\x07"},
        dead_letters=[b"dead \xfe"],
    )
    assert await store.commit([commit]) == [APPLIED]
    image = await store.claim(SHARD, 2)
    assert (image.epoch, image.last_commit, image.now) == (2, 1, 1001)
    assert sorted(image.live) == [ALICE, BOB]
    assert image.timers == {"agent/alice#offer": 1_795_300_000_123}
    assert image.outbox == {1: b"\xc1out"}
    assert image.marks == {"session/é": b"\x07"}
    loaded = await store.load(SHARD, [BOB, Address("agent/nobody"), ALICE])
    assert loaded == [{"presence": b"b"}, {}, {"presence": b"\x00\xff", "": b""}]
    assert await store.journal(SHARD) == [(1, b"entry 1")]
    assert await store.dead_letters(SHARD) == [b"dead \xfe"]


async def test_later_commits_replace_and_delete(store: Store) -> None:
    """Puts replace, drops delete, None forgets, and acknowledged outbox entries go, each without touching the rest."""
    await store.claim(SHARD, 1)
    first = batch(
        1,
        actors={ALICE: ActorWrite({"a": b"1", "b": b"1", "c": b"1"})},
        timers={"x": 1, "y": 2},
        outbox=b"o1",
        marks={"m": b"1", "n": b"1"},
    )
    second = batch(2, outbox=b"o2")
    third = batch(
        3,
        actors={ALICE: ActorWrite({"a": b"3"}, ["b", "absent"])},
        timers={"x": None, "y": 5, "absent": None},
        outbox=b"o3",
        outbox_drops=[1, 99],
        marks={"m": None, "n": b"3", "absent": None},
    )
    assert await store.commit([first, second, third]) == [APPLIED] * 3
    image = await store.describe(SHARD)
    assert await store.load(SHARD, [ALICE]) == [{"a": b"3", "c": b"1"}]
    assert (image.timers, image.outbox, image.marks) == ({"y": 5}, {2: b"o2", 3: b"o3"}, {"n": b"3"})


async def test_live_lists_the_actors_that_have_records(store: Store) -> None:
    """An actor is live from its first record to its last, whichever way it loses them."""
    await store.claim(SHARD, 1)
    await store.commit([batch(1, actors={ALICE: ActorWrite({"a": b"1"}), BOB: ActorWrite({"a": b"1", "b": b"1"})})])
    await store.commit([batch(2, actors={ALICE: ActorWrite(drops=["a"]), BOB: ActorWrite(drops=["a"])})])
    assert (await store.describe(SHARD)).live == [BOB], "dropping the last record ends an actor, another does not"
    await store.commit([batch(3, actors={BOB: ActorWrite(ended=True)})])
    assert (await store.describe(SHARD)).live == [], "an ended actor is gone"
    assert await store.load(SHARD, [ALICE, BOB]) == [{}, {}]
    await store.commit([batch(4, actors={ALICE: ActorWrite({"a": b"4"}), BOB: ActorWrite()})])
    assert (await store.describe(SHARD)).live == [ALICE], "an ended actor may begin again; an empty write begins none"


async def test_an_actor_may_end_and_begin_anew_in_one_commit(store: Store) -> None:
    """`ended` deletes first and the puts stand after it, so nothing of the actor's former life shows through."""
    await store.claim(SHARD, 1)
    await store.commit([batch(1, actors={ALICE: ActorWrite({"a": b"1", "b": b"1"}), BOB: ActorWrite({"a": b"1"})})])
    writes = {ALICE: ActorWrite({"b": b"2"}, ended=True), BOB: ActorWrite({"a": b"2"}, ["a"], ended=True)}
    await store.commit([batch(2, actors=writes)])
    assert await store.load(SHARD, [ALICE, BOB]) == [{"b": b"2"}, {}]
    assert (await store.describe(SHARD)).live == [ALICE]


async def test_a_repeated_commit_is_applied_once(store: Store) -> None:
    """A commit sent again is answered as before and changes nothing (an unknown outcome is simply tried again)."""
    await store.claim(SHARD, 1)
    commit = batch(1, actors={ALICE: ActorWrite({"a": b"1"})}, outbox=b"o", dead_letters=[b"d"])
    assert await store.commit([commit]) == [APPLIED]
    before = await store.describe(SHARD)
    assert await store.commit([commit]) == [APPLIED]
    assert await store.describe(SHARD) == before
    assert await store.journal(SHARD) == [(1, b"entry 1")], "a repeated commit is journalled once"
    assert await store.dead_letters(SHARD) == [b"d"], "a repeated commit sets its dead letters aside once"


async def test_a_lower_epoch_is_fenced(store: Store) -> None:
    """Once a higher epoch has claimed the shard, the old host can neither commit nor claim nor repeat (I9)."""
    await store.claim(SHARD, 1)
    commit = batch(1)
    assert await store.commit([commit]) == [APPLIED]
    await store.claim(SHARD, 2)
    assert await store.commit([batch(2, epoch=1)]) == [FENCED]
    assert await store.commit([commit]) == [FENCED]
    with pytest.raises(Fenced, match="epoch 2"):
        await store.claim(SHARD, 1)
    assert (await store.claim(SHARD, 2)).epoch == 2, "the epoch already held may be claimed again"
    assert await store.journal(SHARD) == [(1, b"entry 1")], "a fenced host adds nothing to the journal"


@pytest.mark.parametrize(
    ("epoch", "number", "why"),
    [
        (1, 4, "a commit was skipped, so the store lost data under the host"),
        (1, 1, "an older commit is repeated after a newer one"),
        (2, 3, "the epoch was never claimed here, so the store lost the claim"),
    ],
)
async def test_divergence_is_told(store: Store, epoch: int, number: int, why: str) -> None:
    """A commit that does not follow the stored one is refused whole."""
    await store.claim(SHARD, 1)
    await store.commit([batch(1), batch(2)])
    before = await store.describe(SHARD)
    assert await store.commit([batch(number, epoch=epoch, timers={"x": 1})]) == [DIVERGED], why
    assert await store.describe(SHARD) == before, "a diverged commit changes nothing"


async def test_an_unclaimed_shard_takes_no_commit(store: Store) -> None:
    """Nobody writes to a shard that nobody claimed."""
    assert await store.commit([batch(1)]) == [DIVERGED]
    assert await store.shards() == []


async def test_the_same_number_of_another_epoch_is_no_repeat(store: Store) -> None:
    """A commit counts as applied before only for the epoch that made it: another host's commit is another commit."""
    await store.claim(SHARD, 1)
    await store.commit([batch(1)])
    await store.claim(SHARD, 2)
    assert await store.commit([batch(1, epoch=2)]) == [DIVERGED]


async def test_each_shard_has_an_outcome_of_its_own(store: Store) -> None:
    """One call commits many shards; what is wrong with one harms no other."""
    shards = [ShardId(str(number)) for number in range(20)]
    for shard in shards:
        await store.claim(shard, 1)
    await store.claim(shards[3], 2)
    commits = [batch(2 if shard == shards[5] else 1, shard=shard, marks={"m": shard.encode()}) for shard in shards]
    outcomes = await store.commit(commits)
    assert outcomes == [FENCED if at == 3 else DIVERGED if at == 5 else APPLIED for at in range(20)]
    assert (await store.describe(shards[7])).marks == {"m": b"7"}
    assert await store.commit([]) == []


async def test_a_thousand_actors_in_one_commit(store: Store) -> None:
    """A commit may write and end a thousand actors, and one actor ten thousand records."""
    await store.claim(SHARD, 1)
    addresses = [Address(f"session/webchat:{number}") for number in range(1000)]
    many = {f"entry/{number}": b"%d" % number for number in range(10_000)}
    writes = {address: ActorWrite({"state": b"x" * 200, "n": address.encode()}) for address in addresses}
    timers: dict[str, int | None] = {f"{address}#retention": 5 for address in addresses}
    assert await store.commit([batch(1, actors={**writes, BOB: ActorWrite(many)}, timers=timers)]) == [APPLIED]
    image = await store.describe(SHARD)
    assert sorted(image.live) == sorted([*addresses, BOB])
    assert len(image.timers) == 1000
    assert (await store.load(SHARD, [addresses[999], BOB]))[1] == many
    ends = {address: ActorWrite(ended=True) for address in addresses}
    drops = batch(2, actors={**ends, BOB: ActorWrite(drops=list(many)[:-1])}, timers=dict.fromkeys(timers))
    assert await store.commit([drops]) == [APPLIED]
    image = await store.describe(SHARD)
    assert (image.live, image.timers) == ([BOB], {})


async def test_the_journal_is_read_in_pages(store: Store) -> None:
    """Pages follow each other by the last number seen, without gap or repetition."""
    await store.claim(SHARD, 1)
    await store.commit([batch(number) for number in range(1, 26)])
    pages, after = [], 0
    while page := await store.journal(SHARD, after, limit=10):
        pages.append([number for number, _ in page])
        after = page[-1][0]
    assert pages == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]
    assert await store.journal(ShardId("never")) == []


async def test_a_journal_is_trimmed_up_to_a_commit(store: Store) -> None:
    """What is trimmed is gone, the rest and the shard itself stay; doing it again, or through less, changes nothing."""
    await store.claim(SHARD, 1)
    await store.commit([batch(number) for number in range(1, 26)])
    assert await store.journal_spans([SHARD, ShardId("never")]) == [(1, 25), (0, 0)]
    assert await store.trim(SHARD, 10, b"entry 10")
    assert await store.trim(SHARD, 10, b"entry 10"), "repeating it is harmless"
    assert await store.trim(SHARD, 4, b"whatever"), "those are gone already"
    assert await store.journal_spans([SHARD]) == [(11, 25)]
    assert await store.journal(SHARD, 0, 3) == [(number, b"entry %d" % number) for number in (11, 12, 13)]
    assert await store.journal(SHARD, 24) == [(25, b"entry 25")]
    assert (await store.describe(SHARD)).last_commit == 25
    assert await store.commit([batch(26)]) == [APPLIED], "commits go on as if nothing had happened"
    assert await store.trim(ShardId("never"), 5, b""), "there is nothing to forget"


async def test_a_journal_is_trimmed_only_by_who_has_it(store: Store) -> None:
    """Another entry under that number, and the newest entry of all, leave the journal as it is."""
    await store.claim(SHARD, 1)
    await store.commit([batch(number) for number in range(1, 6)])
    assert not await store.trim(SHARD, 3, b"entry of a life that was lost")
    assert not await store.trim(SHARD, 5, b"entry 5"), "the newest says where the journal ends"
    assert not await store.trim(SHARD, 9, b"entry 9"), "the store is not there yet"
    assert await store.journal_spans([SHARD]) == [(1, 5)]


async def test_the_newest_dead_letters_are_read(store: Store) -> None:
    """`limit` keeps the newest letters, told oldest first."""
    await store.claim(SHARD, 1)
    await store.commit([batch(1, dead_letters=[b"1", b"2"]), batch(2, dead_letters=[b"3"])])
    assert await store.dead_letters(SHARD) == [b"1", b"2", b"3"]
    assert await store.dead_letters(SHARD, limit=2) == [b"2", b"3"]


async def test_shards_are_listed_once_claimed(store: Store) -> None:
    """Every shard that was ever claimed is listed, whatever characters a pinned actor's name has."""
    odd = [ShardId("session/a}:meta"), ShardId("session/a{b}"), ShardId("session/100%7D"), ShardId("会话/一"), ShardId("0")]
    for shard in odd:
        await store.claim(shard, 1)
        await store.commit([batch(1, shard=shard, marks={"m": shard.encode()})])
    assert await store.shards() == sorted(odd)
    for shard in odd:
        assert (await store.describe(shard)).marks == {"m": shard.encode()}, "no two shards share a key"


async def test_describe_changes_nothing(store: Store) -> None:
    """Looking at a shard neither creates nor claims it."""
    assert (await store.describe(SHARD)).epoch == 0
    assert await store.shards() == []
    await store.claim(SHARD, 4)
    assert (await store.describe(SHARD)).epoch == 4


async def test_documents_are_compared_and_swapped(store: Store) -> None:
    """Of two writers who expect the same version one wins, and the other is told."""
    assert await store.read_document("table") == (0, b"")
    assert await store.write_document("table", b"\x00one", 0) == 1
    assert await store.write_document("table", b"other", 0) == -1
    assert await store.write_document("table", b"", 1) == 2
    assert await store.read_document("table") == (2, b"")
    assert await store.read_document("another") == (0, b"")
    winners = await asyncio.gather(*(store.write_document("race", b"%d" % who, 0) for who in range(10)))
    assert sorted(winners) == [-1] * 9 + [1], "exactly one of ten concurrent writers wins"


async def test_ping_answers(store: Store) -> None:
    """A round trip takes a time that is not negative."""
    assert await store.ping() >= 0


class _LosesReplies(StoreFaults):
    lose_replies = False

    def after_apply(self, call: StoreCall) -> None:
        if self.lose_replies:
            raise StoreUnavailable("the reply is lost")


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_a_lost_reply_is_cured_by_asking_again(kind: str, store_url: str, cluster_name: str, tmp_path: Path) -> None:
    """A commit whose reply is lost was applied; the same call again says so, and has no second effect."""
    async with BrokenWire(tmp_path / "wire", Path(store_url.removeprefix("unix://"))) as wire:
        faults: _LosesReplies | BrokenWire
        store: Store
        if kind == "memory":
            faults = _LosesReplies()
            store = MemoryStore(faults)
        else:
            faults, store = wire, RedisStore(f"unix://{wire.path}", RedisOptions(cluster_name))
        await store.claim(SHARD, 1)
        commit = batch(1, outbox=b"o", dead_letters=[b"d"])
        faults.lose_replies = True
        with pytest.raises(StoreUnavailable):
            await store.commit([commit])
        faults.lose_replies = False
        assert (await store.describe(SHARD)).last_commit == 1, "the commit was applied although nobody was told"
        assert await store.commit([commit]) == [APPLIED]
        assert await store.dead_letters(SHARD) == [b"d"]
        await store.close()


async def test_a_life_is_told_and_followed(store: Store) -> None:
    """Calls reach the life that is followed, and do nothing at any other."""
    life = await store.life()
    assert life, "a life has a name"
    assert life == await store.life(), "it goes on while the server does"
    store.follow(life)
    assert (await store.claim(SHARD, 1)).epoch == 1

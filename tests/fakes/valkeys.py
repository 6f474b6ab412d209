"""Several real Valkey servers on loopback ports: primaries, replicas, Sentinels, the nodes of a cluster."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cluster.store.server_program import find_server_program

SETTINGS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": '""',
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
}
SLOTS = 16_384


def quiet_port() -> int:
    """A free port below those that systems give to outgoing connections: many servers start here, and one that is killed
    must find its own again."""
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Valkeys:
    """Servers by their ports; all are killed at the end."""

    def __init__(self, directory: Path, password: str | None = None) -> None:
        self._directory = directory
        #: What servers that were started with `requirepass` want to hear.
        self._password = password
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._clients: dict[int, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.aclose()
        for port in list(self._processes):
            await self.kill(port)

    def client(self, port: int) -> Any:
        """A client of one server."""
        client = self._clients.get(port)
        if client is None:
            client = self._clients[port] = Redis(port=port, password=self._password, decode_responses=True)
        return client

    async def start(self, **settings: object) -> int:
        """Start a server with further settings (`_` for `-`); returns its port."""
        port = quiet_port()
        await self._spawn(port, {**SETTINGS, **{name.replace("_", "-"): value for name, value in settings.items()}})
        return port

    async def start_sentinel(self, service: str, primary: int) -> int:
        """Start a Sentinel that alone decides when the primary has failed."""
        port = quiet_port()
        lines = [f"monitor {service} 127.0.0.1 {primary} 1", f"down-after-milliseconds {service} 500"]
        lines.append(f"failover-timeout {service} 3000")
        await self._spawn(port, {"bind": "127.0.0.1"}, ["--sentinel"], [f"sentinel {line}" for line in lines])
        return port

    async def start_cluster(self, primaries: int) -> list[int]:
        """Start a Redis Cluster whose primaries share all slots and have one replica each; returns the ports, replicas last."""
        ports = [await self._start_node() for _ in range(2 * primaries)]
        first, ids = self.client(ports[0]), {}
        for at, port in enumerate(ports):
            client = self.client(port)
            await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", at + 1)
            ids[port] = await client.execute_command("CLUSTER", "MYID")
            if at < primaries:
                slots = (SLOTS * at // primaries, SLOTS * (at + 1) // primaries - 1)
                await client.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
            if port != ports[0]:
                bus = int((await client.config_get("cluster-port"))["cluster-port"])
                await first.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for port in ports:
            await self.until(partial(self._knows, port, len(ports)))
        for replica, primary in zip(ports[primaries:], ports, strict=False):
            await self.client(replica).execute_command("CLUSTER", "REPLICATE", ids[primary])
        for port in ports[:primaries]:
            await self.until(partial(self.has_replicas, port, 1))
        for port in ports:
            await self.until(partial(self._is_whole, port))
        return ports

    async def _start_node(self) -> int:
        bus = quiet_port()
        settings = {"cluster_enabled": "yes", "cluster_port": bus, "cluster_node_timeout": 1000}
        return await self.start(**settings, cluster_replica_validity_factor=0)

    async def restart(self, port: int, *arguments: str) -> None:
        """Start a killed server again over its data."""
        await self._run(port, list(arguments))

    async def kill(self, port: int) -> None:
        """SIGKILL."""
        process = self._processes.pop(port)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def signal(self, port: int, number: int) -> None:
        """Send a signal to a server."""
        self._processes[port].send_signal(number)

    async def has_replicas(self, port: int, count: int) -> bool:
        """Whether the server is a primary with so many replicas that have caught up and say so."""
        found = await self.client(port).info("replication")
        heard = [found.get(f"slave{at}", {}).get("offset", 0) > 0 for at in range(found.get("connected_slaves", 0))]
        return bool(found["role"] == "master" and sum(heard) >= count)

    async def until(self, condition: Callable[[], Awaitable[Any]], timeout_s: float = 30.0) -> None:
        """Wait until the condition holds; a server that does not answer does not hold it."""
        async with asyncio.timeout(timeout_s):
            while True:
                with suppress(RedisError, OSError):
                    if await condition():
                        return
                await asyncio.sleep(0.02)  # polls another process: there is no event to await

    async def _knows(self, port: int, nodes: int) -> bool:
        told = str(await self.client(port).execute_command("CLUSTER", "NODES")).strip()
        return len(told.splitlines()) == nodes and "handshake" not in told

    async def _is_whole(self, port: int) -> bool:
        told = await self.client(port).execute_command("CLUSTER", "INFO")
        return "cluster_state:ok" in str(told)

    async def _spawn(
        self, port: int, settings: dict[str, object], arguments: list[str] | None = None, lines: list[str] | None = None
    ) -> None:
        home = self._directory / str(port)
        home.mkdir(parents=True)
        written = [f"port {port}", f"dir {home}", *(f"{name} {value}" for name, value in settings.items()), *(lines or [])]
        (home / "server.conf").write_text("\n".join(written) + "\n")
        await self._run(port, arguments or [])

    async def _run(self, port: int, arguments: list[str]) -> None:
        program = await find_server_program()
        home = self._directory / str(port)
        with (home / "server.log").open("ab") as output:
            self._processes[port] = await asyncio.create_subprocess_exec(
                program.path, home / "server.conf", *arguments, stdout=output, stderr=output
            )
        await self.until(self.client(port).ping)

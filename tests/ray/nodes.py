"""Three Ray nodes, each on a machine of its own, with the product on them as an operator would have it.

    outside:    the store (Valkey with a password), the load
    machine 1:  Ray's head (with its state in the same Valkey, if wanted), `trunkline up`, gateway-1
    machine 2:  a Ray worker, gateway-2
    machine 3:  a Ray worker, gateway-3

Ray and `trunkline up` are started again whenever they end, as systemd does with Restart=always.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from google.protobuf.json_format import MessageToDict

from actors.address import Placement, address
from cluster.store import connect
from cluster.store.base import Store
from cluster.supervisor.board import TABLE
from cluster.wire import ShardTable, table_decoder
from gateways.sdk import AdminClient
from gateways.sdk.errors import CallFailed
from loadtest.chaos.machines import Machine, Machines, Service
from loadtest.product import Access
from tests.fakes.valkeys import Valkeys
from tests.patient import centre

CLUSTER = "nodes"
SHARDS = 16
GATEWAY_PORT = 7350
RAY_PORT = 6379
UP_WITHIN_S = 240.0
POLL_S = 0.1
#: What docs/how-to/deploy-with-ray.md says to set on every machine. With Ray's own settings a connection that hung for 30 s
#: may hang for 30 s more, and Ray gives the machine up although it is back.
PATIENCE = {
    "RAY_health_check_failure_threshold": "20",
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "5000",
}
#: Likewise, where the head keeps its state: so long machines go on without it.
HEADLESS = {"RAY_gcs_rpc_server_reconnect_timeout_s": "600"}
RAY = (str(Path(sys.executable).with_name("ray")),)
TRUNKLINE = (sys.executable, "-m", "cluster.cli.main")


class Nodes:
    """The product on three nodes; use it as `async with`."""

    def __init__(self, directory: Path, *, head_state: bool = False) -> None:
        """With `head_state` Ray's head keeps its state in the store's server."""
        self._directory = directory
        self._head_state = head_state
        self._password = secrets.token_hex(16)
        self._stack = AsyncExitStack()
        ray = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **PATIENCE}
        self.machines = Machines(3, ray | (HEADLESS if head_state else {}))
        self.rays: list[Service] = []
        self.store_url = ""
        self.run_dir = Path()
        self.tokens: dict[str, str] = {}
        self.targets: list[str] = []
        self._redis = ""

    async def __aenter__(self) -> Self:
        try:
            await self._bring_up()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _bring_up(self) -> None:
        await self._stack.enter_async_context(self.machines)
        self._stack.callback(shutil.rmtree, self.machines.directory, ignore_errors=True)
        servers = await self._stack.enter_async_context(Valkeys(self._directory / "valkey", self._password))
        port = await servers.start(bind=f"127.0.0.1 {self.machines.outside}", requirepass=self._password)
        self._redis = f"{self.machines.outside}:{port}"
        self.store_url = f"redis://:{self._password}@{self._redis}/0"
        self.targets = [f"{machine.address}:{GATEWAY_PORT}" for machine in self.machines]
        head, *workers = self.machines
        self.start_ray(head)
        await self.until(partial(self._runs_ray, head), UP_WITHIN_S)
        for worker in workers:
            self.start_ray(worker)
        for worker in workers:
            await self.until(partial(self._runs_ray, worker), UP_WITHIN_S)
        await self._up()

    def start_ray(self, machine: Machine) -> None:
        """Run a node of Ray on a machine, again whenever it ends."""
        head = self.machines[0]
        where: tuple[str, ...] = ("--head", f"--port={RAY_PORT}", "--include-dashboard=false")
        environment: dict[str, str] = {}
        if machine is not head:
            where = (f"--address={head.address}:{RAY_PORT}",)
        elif self._head_state:
            where += (f"--redis-password={self._password}",)
            environment = {"RAY_REDIS_ADDRESS": self._redis, "RAY_external_storage_namespace": "ray"}
        command = (
            *RAY, "start", *where, f"--node-ip-address={machine.address}", "--num-cpus=2", "--object-store-memory=100000000",
            "--disable-usage-stats", "--block",
        )  # fmt: skip
        self.rays.append(machine.keep(*command, log="ray.log", environment=environment))

    async def _up(self) -> None:
        head = self.machines[0]
        self.run_dir = head.directory / "run"
        (head.directory / "centre.yaml").write_text(centre())
        head.keep(*self.up_command(self.run_dir), log="up.log")
        await self.until(self._is_up, UP_WITHIN_S)
        self.tokens = {role: tokens[0] for role, tokens in json.loads((self.run_dir / "tokens.json").read_text()).items()}

    def up_command(self, run_dir: Path, *more: dict[str, Any]) -> list[str]:
        """How `trunkline up` is called on the head, with more gateways if wanted."""
        head = self.machines[0]
        settings = {
            "cluster": CLUSTER,
            "shards": SHARDS,
            "ray": {"address": f"{head.address}:{RAY_PORT}"},
            "hosts": {"count": 2, "spares": 1},
            "store": {"url": self.store_url},
            "gateways": [
                {"name": f"gateway-{at}", "listen": target, "standby": False}
                | ({"node": machine.address} if machine is not head else {})
                for at, (machine, target) in enumerate(zip(self.machines, self.targets, strict=True), 1)
            ]
            + list(more),
            "programs": [],
            "centre": str(head.directory / "centre.yaml"),
            "run_dir": str(run_dir),
        }
        flags = [part for name, value in settings.items() for part in ("--set", f"{name}={json.dumps(value)}")]
        return [*TRUNKLINE, "up", *flags]

    # -- what is so -------------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> float:
        """Wait until something holds; returns after how long (s)."""
        started = time.monotonic()
        async with asyncio.timeout(within_s):
            while not await condition():
                await asyncio.sleep(POLL_S)  # polls other machines: there is no event to await
        return time.monotonic() - started

    async def _runs_ray(self, machine: Machine) -> bool:
        log = machine.directory / "ray.log"
        return log.exists() and "Ray runtime started" in log.read_text()

    async def _is_up(self) -> bool:
        return (self.run_dir / "run.json").exists() and self.times_up() > 0

    def times_up(self) -> int:
        """How often `trunkline up` has said that everything is up."""
        return (self.machines[0].directory / "up.log").read_text().count("is up after")

    def front(self) -> list[int]:
        """The process of `trunkline up`."""
        return [pid for pid in self.machines[0].pids("python") if b"cluster.cli.main" in _command_line(pid)]

    def access(self, *first: int) -> Access:
        """Its gateways, those of these machines (by index) first."""
        order = [*first, *(at for at in range(3) if at not in first)]
        targets = tuple(self.targets[at] for at in order)
        return Access(targets, self.tokens["gateway"], self.tokens["desk"], self.tokens["admin"], self.run_dir, "ray")

    async def status(self, at: int = 0) -> dict[str, Any]:
        """The cluster's summary as the gateway of a machine tells it; empty if it tells nothing."""
        try:
            async with AdminClient(self.targets[at], self.tokens["admin"]) as admin, asyncio.timeout(5.0):
                return dict(MessageToDict((await admin.status()).cluster))
        except (CallFailed, TimeoutError):
            return {}

    async def hosts_on(self, machine: Machine) -> dict[str, int]:
        """Hosts that run on a machine, and how many shards each has."""
        hosts = (await self.status()).get("hosts", {})
        return {name: int(host["shards"]) for name, host in hosts.items() if host.get("node") == machine.address}

    def store(self) -> Store:
        """A client of the store."""
        return connect(self.store_url, CLUSTER)

    async def shard_table(self) -> ShardTable:
        """Who runs which shard, as it is stored."""
        store = self.store()
        _, content = await store.read_document(TABLE)
        await store.close()
        return table_decoder.decode(content)

    async def trunkline(self, *arguments: str) -> dict[str, Any]:
        """What a command says that is run on the head."""
        output = await self.machines[0].run(*TRUNKLINE, *arguments, "--json", "--run-dir", str(self.run_dir))
        document: dict[str, Any] = json.loads(output)
        return document


def _command_line(pid: int) -> bytes:
    """A process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def shard_of(conversation: str) -> str:
    """The shard of a conversation's session."""
    return str(Placement(SHARDS).shard_of(address("session", conversation)))

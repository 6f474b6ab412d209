"""A product of its own for tests, brought up by `trunkline up`'s own code in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from cluster.boot.up import Running, up
from cluster.config.layout_file import Layout
from gateways.sdk.clients import AdminClient
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Product:
    """A running product."""

    running: Running
    target: str
    tokens: dict[str, str]

    async def status(self) -> dict[str, Any]:
        """The cluster's own summary, at most a second old."""
        async with AdminClient(self.target, self.tokens["admin"]) as admin:
            answer = await admin.status()
        return MessageToDict(answer.cluster)

    async def pid_of(self, part: str) -> int:
        """The process of a part: `host` (one with shards), `gateway`, `supervisor` or `store`."""
        if part == "store":
            assert self.running.store is not None
            assert self.running.store.pid is not None
            return self.running.store.pid
        status = await self.status()
        if part == "gateway":
            return int(status["pid"])
        if part == "supervisor":
            return int(status["supervisor_pid"])
        hosts = status["hosts"].values()
        return int(max(hosts, key=lambda host: host["shards"])["pid"])


@asynccontextmanager
async def product(run_dir: Path, runtime: str = "ray", **settings: str) -> AsyncIterator[Product]:
    """Bring a product up with the benchmark's centre, and down again."""
    target = f"127.0.0.1:{free_port()}"
    overrides = {
        "runtime": runtime,
        "run_dir": json.dumps(str(run_dir)),
        "programs": "[]",
        "centre": json.dumps(str(ROOT / "loadtest" / "bench" / "centre.yaml")),
        "gateways": json.dumps([{"name": "gateway-1", "listen": target}]),
        "metrics": json.dumps({"listen": f"127.0.0.1:{free_port()}"}),
        **settings,
    }
    layout = Layout.load(ROOT / "ray_config.yaml", overrides=overrides, env={})
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()

    async def tell(running: Running) -> None:
        ready.set_result(running)

    stop = asyncio.Event()
    front = asyncio.create_task(up(layout, lambda _: None, tell, stop))
    front.add_done_callback(lambda task: None if ready.done() else _fail(ready, task))
    running = await ready
    tokens = {role: running.secrets.token(role) for role in ("gateway", "desk", "admin")}
    try:
        yield Product(running, target, tokens)
    finally:
        stop.set()
        await front


def _fail(ready: asyncio.Future[Running], front: asyncio.Task[None]) -> None:
    error = front.exception()
    ready.set_exception(error if error is not None else RuntimeError("the product ended before it was up"))

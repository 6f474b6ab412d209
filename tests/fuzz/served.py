"""The whole product in a thread of its own, with everything that it logs as an error and everything that it holds.

Keeps: one attempt either ends within its time or is reported as a hang, with the product still there to be looked at.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections import Counter
from collections.abc import Coroutine, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import grpc
import structlog

from gateways.webchat.frames import SUBPROTOCOL
from tests.product import ADMIN_TOKEN, DESK_TOKEN, GATEWAY_TOKEN, Product
from trunkline.gateway.v1 import gateway_pb2

T = TypeVar("T")

#: The longest that one attempt may take on a busy machine; beyond it, something hangs.
PATIENCE_S = 30.0
TOKENS = {"gateway": GATEWAY_TOKEN, "desk": DESK_TOKEN, "admin": ADMIN_TOKEN}
#: What only a defect of the product ends a call with.
DEFECTS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS)
SECRET = "f" * 32
#: Tasks that are made when first needed and stay: one a pair of processes; and those that count the others.
LASTING = ("Pump._run", "Served.held", "Served.left_over")


class _Errors(logging.Handler):
    """What libraries and asyncio log as an error."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(f"{record.name}: {self.format(record)}")


class Served:
    """The running product; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.product = Product(folder)
        self.errors: list[str] = []
        self._handler = _Errors(self.errors)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="product", daemon=True)

    def __enter__(self) -> Served:
        structlog.configure(processors=[self._record])
        logging.getLogger().addHandler(self._handler)
        self._thread.start()
        self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            logging.getLogger().removeHandler(self._handler)
            structlog.reset_defaults()

    def run(self, attempt: Coroutine[Any, Any, T]) -> T:
        """Run it where the product runs.

        Raises:
            TimeoutError: it hangs.
        """
        future = asyncio.run_coroutine_threadsafe(attempt, self._loop)
        try:
            return future.result(PATIENCE_S)
        except TimeoutError:
            future.cancel()
            raise

    def attempt(self, attempt: Coroutine[Any, Any, None]) -> None:
        """Run one attempt; afterwards no error was logged, and a customer who behaves is served."""
        self.errors.clear()
        self.run(attempt)
        self.run(self._still_serves())
        assert not self.errors, "\n".join(self.errors)

    async def held(self) -> dict[str, int]:
        """What must be back where it was after any storm."""
        assert self.product.webchat is not None and self.product.desk is not None
        edge = self.product._runtime.cluster.edges["gateway-1"]
        return {
            "links": len(edge._links),
            "webchat pages": len(self.product.webchat._pages),
            "desk pages": len(self.product.desk._pages),
            **{
                f"task {name}": count
                for name, count in Counter(map(_name_of, asyncio.all_tasks())).items()
                if name not in LASTING
            },
            "acknowledgements of unknown sources": sum(not source.isdecimal() for source, _ in edge.dispatch._acks),
        }

    async def left_over(self, baseline: dict[str, int]) -> dict[str, int]:
        """What is held beyond the baseline, once there is no such thing or it has had its time to go."""
        left: dict[str, int] = {}
        for _ in range(200):
            now = await self.held()
            left = {name: count for name, count in now.items() if count > baseline.get(name, 0)}
            if not left:
                break
            gc.collect()
            await asyncio.sleep(0.1)
        return left

    def channel(self) -> Any:
        """A channel of its own to the gateway."""
        return grpc.aio.insecure_channel(self.product.target, options=[("grpc.use_local_subchannel_pool", 1)])

    def _record(self, _: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        if method in ("error", "critical", "exception"):
            self.errors.append(repr(dict(event)))
        raise structlog.DropEvent

    async def _open(self) -> None:
        await self.product.__aenter__()
        self.http = aiohttp.ClientSession()
        self._calls = self.channel()
        self.page = await self.http.ws_connect(f"{self.product.webchat_url}/ws", protocols=(SUBPROTOCOL,))
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(), name="fuzz-page")
        await self.page.send_json({"type": "start", "secret": SECRET, "visitor": "v" * 32})
        await self._until_ready()

    async def _close(self) -> None:
        await self.page.close()
        await self._reader
        await self.http.close()
        await self._calls.close()
        await self.product.__aexit__()

    async def _still_serves(self) -> None:
        read = self._calls.unary_unary(
            "/trunkline.gateway.v1.GatewayService/ReadEntryPoints",
            request_serializer=gateway_pb2.ReadEntryPointsRequest.SerializeToString,
            response_deserializer=gateway_pb2.ReadEntryPointsResponse.FromString,
        )
        answer = await read(
            gateway_pb2.ReadEntryPointsRequest(channel="webchat"), metadata=(("authorization", f"Bearer {GATEWAY_TOKEN}"),)
        )
        assert answer.entry_points, "the gateway must go on answering others"
        await self.page.send_json({"type": "resume", "secret": SECRET, "seen": 0})
        await self._until_ready()

    async def _read(self) -> None:
        """Always read, or the server would take the page for dead."""
        async for message in self.page:
            await self._frames.put(json.loads(message.data))

    async def _until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (frame := await self._frames.get())["type"] != "ready":
                assert frame["type"] not in ("gone", "refused"), f"the customer who behaves must keep the conversation: {frame}"


def _name_of(task: asyncio.Task[Any]) -> str:
    """What a task runs, without what tells two of a kind apart."""
    return getattr(task.get_coro(), "__qualname__", "?")

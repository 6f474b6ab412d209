"""The product's gateway with a stopwatch on it: from receiving a customer's arrival to sending its offer to a desk.

The layout of the benchmark's own product names it in the place of `gateways.server.factory:open_gateway`. What it adds
to each frame is a look at its type; so the figure leaves out the generator, which shares the machine.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Names the file that takes the figures, one a line, in milliseconds.
FILE_VARIABLE = "TRUNKLINE_BENCH_OFFERS"
WRITE_EVERY_S = 0.2


class Stopwatch:
    """Times of offers, by interaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._received_at: dict[str, float] = {}
        self._taken_ms: list[float] = []
        self._writing = asyncio.create_task(self._write(), name="stopwatch")

    def received(self, frames: Sequence[Any]) -> None:
        """Frames came from an adapter."""
        for frame in frames:
            if type(frame.message).__name__ == "Arrive":
                self._received_at[f"{frame.message.conversation}/1"] = time.perf_counter()

    def sent(self, commands: Sequence[Any]) -> None:
        """Commands were written to an adapter or desk."""
        for command in commands:
            if type(command.message).__name__ == "DeskOffer":
                received_at = self._received_at.pop(command.message.reservation.interaction, None)
                if received_at is not None:
                    self._taken_ms.append((time.perf_counter() - received_at) * 1000)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            taken, self._taken_ms = self._taken_ms, []
            if taken:
                with self._path.open("a", encoding="utf-8") as file:
                    file.writelines(f"{one_ms:.3f}\n" for one_ms in taken)


class TimedStream:
    """A link's stream; all but `send_commands` is its own."""

    def __init__(self, stream: Any, watch: Stopwatch) -> None:
        self._stream = stream
        self._watch = watch
        self.send_settled = stream.send_settled
        self.close = stream.close

    def send_commands(self, commands: Sequence[Any]) -> None:
        """Send them on, then stop the clock."""
        self._stream.send_commands(commands)
        self._watch.sent(commands)


async def open_timed_gateway(name: str, settings: dict[str, Any], edge: Any, operations: Any) -> Any:
    """As `open_gateway`, with every link of the edge timed."""
    watch = Stopwatch(Path(os.environ[FILE_VARIABLE]))
    open_link = edge.open_link

    def open_timed(link: str, incarnation: str, resume_after: int, window: int, stream: Any) -> Any:
        opened = open_link(link, incarnation, resume_after, window, TimedStream(stream, watch))
        receive = opened.receive

        def receive_timed(frames: Sequence[Any]) -> None:
            watch.received(frames)
            receive(frames)

        opened.receive = receive_timed
        return opened

    edge.open_link = open_timed
    # By import path, as the product opens it: this is no part of the gateway.
    open_gateway = importlib.import_module("gateways.server.factory").open_gateway
    return await open_gateway(name, settings, edge, operations)


def read_offers(path: Path) -> list[float]:
    """Every figure so far."""
    return [float(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def forget_offers(path: Path) -> None:
    """Begin a new file."""
    path.unlink(missing_ok=True)

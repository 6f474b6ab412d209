"""The product's gateway with a stopwatch on it: how long after it received the cause it sends an offer to a desk.

The cause is a customer's arrival (`offer`), or an agent's end of the conversation before (`freed`).

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

#: Names the file that takes the figures, one a line: what was timed, and milliseconds.
FILE_VARIABLE = "TRUNKLINE_BENCH_TIMES"
WRITE_EVERY_S = 0.2


class Stopwatch:
    """Times of offers: of arrivals by interaction, of freed agents by their name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrived_at: dict[str, float] = {}
        self._freed_at: dict[str, float] = {}
        self._taken: list[str] = []
        self._writing = asyncio.create_task(self._write(), name="stopwatch")

    def received(self, frames: Sequence[Any]) -> None:
        """Frames came from an adapter or desk."""
        for frame in frames:
            kind = type(frame.message).__name__
            if kind == "Arrive":
                self._arrived_at[f"{frame.message.conversation}/1"] = time.perf_counter()
            elif kind == "AgentEnds":
                self._freed_at[frame.message.agent] = time.perf_counter()

    def sent(self, commands: Sequence[Any]) -> None:
        """Commands were written to an adapter or desk."""
        for command in commands:
            if type(command.message).__name__ == "DeskOffer":
                self._note("offer", self._arrived_at.pop(command.message.reservation.interaction, None))
                self._note("freed", self._freed_at.pop(command.message.agent, None))

    def _note(self, what: str, since: float | None) -> None:
        if since is not None:
            self._taken.append(f"{what} {(time.perf_counter() - since) * 1000:.3f}\n")

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            taken, self._taken = self._taken, []
            if taken:
                with self._path.open("a", encoding="utf-8") as file:
                    file.writelines(taken)


class TimedStream:
    """A link's stream; all but `send_commands` is its own."""

    def __init__(self, stream: Any, watch: Stopwatch) -> None:
        self._stream = stream
        self._watch = watch
        self.send_settled = stream.send_settled
        self.send_ahead = stream.send_ahead
        self.close = stream.close

    def send_commands(self, commands: Sequence[Any]) -> None:
        """Send them on, then stop the clock."""
        self._stream.send_commands(commands)
        self._watch.sent(commands)


async def open_timed_gateway(name: str, settings: dict[str, Any], edge: Any, operations: Any) -> Any:
    """As `open_gateway`, with every link of the edge timed."""
    watch = Stopwatch(Path(os.environ[FILE_VARIABLE]))
    open_link = edge.open_link

    def open_timed(link: str, incarnation: str, resume_after: int, window: int, stream: Any, sent: int = 0) -> Any:
        opened = open_link(link, incarnation, resume_after, window, TimedStream(stream, watch), sent)
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


def read_times(path: Path, what: str) -> list[float]:
    """Every time of this kind so far, in milliseconds."""
    if not path.exists():
        return []
    lines = (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines())
    return [float(taken_ms) for kind, _, taken_ms in lines if kind == what]


def forget_times(path: Path) -> None:
    """Begin a new file."""
    path.unlink(missing_ok=True)

"""The lean generator: parts driven by asyncio, with nothing between the wire and the gateway's stream.

`python -m loadtest.load.lean PLAN INDEX` plays one of the plan's `workers` shares.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import uvloop

from loadtest.load.calls import TIMEOUT_S, Call
from loadtest.load.clock import now_ms
from loadtest.load.part import ROLES, Line, Part
from loadtest.load.plan import Plan, read_plan
from loadtest.load.station import Station

#: What `read()` returns when the stream is over; grpc's type stubs lack its name.
END_OF_STREAM: Any = vars(grpc.aio)["EOF"]
CALLS_AT_ONCE: Final = 8
#: Longest and shortest sleep of the loop that does what is due.
LONGEST_MS, SHORTEST_MS = 20.0, 1.0
AGAIN_S: Final = 0.2
CHANNEL: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """A token as metadata."""
    return (("authorization", f"Bearer {token}"),)


class LeanLink:
    """One line, connected again whenever it breaks."""

    def __init__(self, part: Part, line: Line) -> None:
        self._part = part
        self._line = line
        self._wanted = asyncio.Event()
        line.wire.wake = self._wanted.set

    async def run(self) -> None:
        """Serve the line until cancelled."""
        plan, attempt = self._part.plan, 0
        while True:
            async with grpc.aio.insecure_channel(plan.targets[attempt % len(plan.targets)], options=CHANNEL) as channel:
                with suppress(grpc.RpcError, asyncio.InvalidStateError):
                    await self._stream(self._line.stub(channel).Connect(metadata=bearer(plan.tokens[self._line.role])), attempt)
            attempt += 1
            await asyncio.sleep(AGAIN_S)

    async def _stream(self, call: Any, attempt: int) -> None:
        wire = self._line.wire
        await call.write(wire.hello())
        welcome = await call.read()
        if welcome is END_OF_STREAM:
            self._part.recorder.say(f"{wire.name} was not welcomed: {await call.details()}")
            return
        wire.welcomed(welcome, now_ms())
        if attempt:
            self._part.returned(self._line, now_ms())
        writer = asyncio.create_task(self._write(call))
        try:
            while (frame := await call.read()) is not END_OF_STREAM:
                wire.take(frame, now_ms())
            self._part.recorder.say(f"{wire.name} was ended: {await call.details()}")
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, call: Any) -> None:
        wire = self._line.wire
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while (frame := wire.next_frame()) is not None:
                await call.write(frame)


class Caller:
    """Makes the unary calls that the part wants."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel = grpc.aio.insecure_channel(part.plan.targets[0], options=CHANNEL)

    def make(self) -> None:
        """Begin as many as may be under way."""
        while self._part.calls and len(self._tasks) < CALLS_AT_ONCE:
            task = asyncio.create_task(self._call(self._part.calls.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close(None)

    async def _call(self, call: Call) -> None:
        method = getattr(call.stub(self._channel), call.method)
        try:
            answer = await method(call.request, metadata=bearer(self._part.plan.tokens[call.role]), timeout=TIMEOUT_S)
            call.done(answer, "", now_ms())
        except grpc.RpcError as error:
            call.done(None, f"{error.code().name} {error.details()}", now_ms())


async def drive(plan: Plan, index: int, directory: Path) -> None:
    """Play one share of everything until the conductor says stop."""
    part = Part(plan, ROLES, index, plan.scenario.workers, directory)
    station, caller = Station(part, directory), Caller(part)
    links = [asyncio.create_task(LeanLink(part, line).run()) for line in part.lines]
    try:
        while not station.stopped:
            now = now_ms()
            due = part.tick(now)
            station.look(now)
            caller.make()
            for link in links:
                if link.done():
                    link.result()
            await asyncio.sleep(min(LONGEST_MS, max(SHORTEST_MS, due - now_ms())) / 1000)
    finally:
        await caller.close()
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        station.close()


def main() -> None:
    """Play the share that the command line names."""
    file = Path(sys.argv[1])
    uvloop.run(drive(read_plan(file), int(sys.argv[2]), file.parent))


if __name__ == "__main__":
    main()

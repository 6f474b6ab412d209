"""Faults that act on processes from outside: a cut between two of them, and a step of one's clock."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadtest.chaos.partition import TABLE, CutFailed, clear_left_behind, cut, why_not
from loadtest.chaos.processes import family_of
from loadtest.chaos.sockets import sockets_of
from loadtest.chaos.stepped_clock import DIRECTORY, step

pytestmark = pytest.mark.integration
needs_cuts = pytest.mark.skipif(bool(why_not()), reason=why_not() or "cuts can be made")

#: Longer than a round trip on this machine takes, however busy it is; shorter than the first packet is sent again.
SILENT_S = 0.5
AGAIN_S = 30.0
ECHO = """
import asyncio
async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
CLOCK = """
import sys, time
import loadtest.chaos.stepped_clock
from cluster.clock import SystemClock
for _ in sys.stdin:
    print(SystemClock().now_ms() - time.time_ns() // 1_000_000, flush=True)
"""


@asynccontextmanager
async def program(text: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that runs this."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def echoes() -> AsyncIterator[tuple[int, int]]:
    """A process that sends back what it is sent: its pid and port."""
    async with program(ECHO) as process:
        assert process.stdout is not None
        yield process.pid, int(await process.stdout.readline())


async def answer(reader: asyncio.StreamReader, within_s: float) -> bytes:
    """What came, nothing if nothing did in time."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(100)
    except TimeoutError:
        return b""


async def test_a_process_is_known_by_its_sockets() -> None:
    """Ports that it listens on, and connections from either side."""
    async with echoes() as (pid, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert b"x" == await answer(reader, AGAIN_S)
        own = writer.get_extra_info("sockname")
        assert {port} == sockets_of(pid).listens
        assert {(("127.0.0.1", port), own)} == sockets_of(pid).connections
        assert (own, ("127.0.0.1", port)) in sockets_of(os.getpid()).connections
        assert pid in family_of(os.getpid())
        writer.close()


@needs_cuts
async def test_a_cut_parts_two_processes_and_nobody_else() -> None:
    """What is sent meanwhile arrives afterwards, no connection can be made meanwhile, and a third process is reached."""
    async with echoes() as (pid, port), echoes() as (_, other_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"before")
        assert b"before" == await answer(reader, AGAIN_S)
        async with cut(os.getpid(), pid, AGAIN_S):
            writer.write(b"meanwhile")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), SILENT_S)
            assert b"" == await answer(reader, SILENT_S)
            third, to_third = await asyncio.open_connection("127.0.0.1", other_port)
            to_third.write(b"third")
            assert b"third" == await answer(third, AGAIN_S)
            to_third.close()
        assert b"meanwhile" == await answer(reader, AGAIN_S)
        again, to_again = await asyncio.open_connection("127.0.0.1", port)
        to_again.write(b"again")
        assert b"again" == await answer(again, AGAIN_S)
        to_again.close()
        writer.close()


@needs_cuts
async def test_a_cut_of_one_way_lets_the_other_through() -> None:
    """The first hears nothing from the second, whose connections to it cannot be made; what the first says arrives."""
    async with echoes() as (pid, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        async with cut(pid, os.getpid(), AGAIN_S, one_way=True):
            writer.write(b"heard")
            async with asyncio.timeout(AGAIN_S):
                while _heard(pid) == 0:
                    await asyncio.sleep(0.01)  # polls the kernel: there is no event to await
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), SILENT_S)
        writer.close()


def _heard(pid: int) -> int:
    """How many bytes a process has read, from anywhere, since it waits for what it is sent."""
    told = Path(f"/proc/{pid}/net/tcp").read_text()
    connections = sockets_of(pid).connections
    ports = {f":{own[1]:04X} " for own, _ in connections}
    # What it has answered and nobody has taken stands in its connection's sending queue.
    rows = [line.split() for line in told.splitlines() if any(port in line[:22] for port in ports)]
    return sum(int(row[4].partition(":")[0], 16) for row in rows)


@needs_cuts
async def test_a_cut_from_a_process_that_is_gone_leaves_nothing() -> None:
    """It says so, and no rule and no control group stays."""
    async with echoes() as (pid, _):
        pass
    with pytest.raises(CutFailed, match="gone"):
        async with cut(os.getpid(), pid, 1.0):
            pass
    await clear_left_behind()
    assert f"{TABLE}{os.getpid()}" not in Path("/proc/self/cgroup").read_text()


async def test_a_clock_is_stepped_from_outside(tmp_path: Path) -> None:
    """Only the process whose file is written to, at once, forward and back."""
    async with program(CLOCK, **{DIRECTORY: str(tmp_path)}) as stepped, program(CLOCK, **{DIRECTORY: str(tmp_path)}) as other:
        for ahead_ms in (0, 90_000, -120_000):
            if ahead_ms:
                step(tmp_path, stepped.pid, ahead_ms)
            assert ahead_ms == pytest.approx(await _off_ms(stepped), abs=1)
            assert 0 == pytest.approx(await _off_ms(other), abs=1)


async def test_without_the_runs_directory_a_clock_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that names the plug-in by mistake is none the worse."""
    monkeypatch.delenv(DIRECTORY, raising=False)
    async with program(CLOCK) as process:
        assert 0 == pytest.approx(await _off_ms(process), abs=1)


async def _off_ms(process: asyncio.subprocess.Process) -> int:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"\n")
    return int(await process.stdout.readline())

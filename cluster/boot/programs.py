"""Runs channel adapters and pages as processes of their own: logged to files, restarted when they die, ended by pid."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cluster.errors import StartupFailed

log = structlog.get_logger("programs")

FIRST_RESTART_S = 0.2
LAST_RESTART_S = 5.0
#: A program that ran this long did start well; its next restart is quick again.
SETTLED_AFTER_S = 10.0
STOP_TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One program: `python -m module arguments…`. `port` is where it listens once it is ready (0: nowhere)."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class Program:
    """One supervised program."""

    def __init__(self, spec: ProgramSpec, log_directory: Path) -> None:
        self.spec = spec
        self.log_path = log_directory / f"{spec.name}.log"
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process now running, if any."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, ready_timeout_s: float = 30.0) -> None:
        """Start and wait until it listens.

        Raises:
            StartupFailed: it ended or did not listen in time; the detail ends with its last words.
        """
        await self._spawn()
        process = self._process
        deadline = asyncio.get_running_loop().time() + ready_timeout_s
        while self.spec.port and not await _listens(self.spec.host, self.spec.port):
            if process is not None and process.returncode is not None:
                raise StartupFailed(f"{self.spec.name} ended with status {process.returncode}:\n{self.last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                await self.stop()
                raise StartupFailed(
                    f"{self.spec.name} does not listen on {self.spec.host}:{self.spec.port} after {ready_timeout_s:g} s; "
                    f"see {self.log_path}"
                )
            await asyncio.sleep(0.05)
        self._watcher = asyncio.create_task(self._watch(), name=f"program:{self.spec.name}")

    async def stop(self) -> None:
        """Ask it to end, and make it if it does not."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            log.warning("program_killed", program=self.spec.name, pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        return ""

    async def _spawn(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as output:
            # A session of its own, so that the terminal's Ctrl-C reaches only the front process, which ends the rest
            # in the right order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.spec.module,
                *self.spec.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self.spec.environment},
            )

    async def _watch(self) -> None:
        delay_s = FIRST_RESTART_S
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            if self._process is not None:
                status = await self._process.wait()
                log.warning("program_ended", program=self.spec.name, status=status, log=str(self.log_path))
            if loop.time() - started > SETTLED_AFTER_S:
                delay_s = FIRST_RESTART_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LAST_RESTART_S)
            self.restarts += 1
            await self._spawn()


async def start_all(specs: Sequence[ProgramSpec], log_directory: Path, started: Callable[[Program], None]) -> None:
    """Start programs at once; `started` hears of each as it is created, so that all can be stopped on failure."""
    programs = [Program(spec, log_directory) for spec in specs]
    for program in programs:
        started(program)
    await asyncio.gather(*(program.start() for program in programs))


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True

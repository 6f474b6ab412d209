"""The embedded store server: found, started, watched and stopped by us, with its data in a directory of its own.

Only one server ever uses a data directory: it holds an open file lock that its process inherits, so the lock lives
exactly as long as the server does, whatever becomes of the launcher. A server that dies is started again and replays
its append-only file, so what was acknowledged survives a kill at any moment (with `Fsync.ALWAYS`, the default).

    start()  lock -> config file -> spawn -> PING until it answers -> URL
    watch    process ends -> log -> wait -> spawn on the same socket -> …
    stop()   SIGTERM, a time to write, SIGKILL
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from cluster.store.base import StoreError, StoreUnavailable
from cluster.store.redis import RedisOptions, RedisStore
from cluster.store.server_program import ServerProgram, find_server_program
from cluster.telemetry.logs import get_logger

log = get_logger("store-server")

#: A Unix socket's path holds 108 bytes with its end mark on Linux, 104 on BSD and macOS.
_LONGEST_SOCKET_PATH = 103
_POLL_S = 0.02
LOOPBACK = "127.0.0.1"
#: A server that lived shorter than this before it died is not started again at once.
_HEALTHY_LIFE_S = 1.0


class Fsync(StrEnum):
    """When a commit is on disk, and so what a crash can take back after it was acknowledged."""

    #: Before the commit is answered. A crash of server or machine loses nothing.
    ALWAYS = "always"
    #: Once a second. A crash of the machine loses up to two seconds; one of the server's process alone, nothing.
    EVERYSEC = "everysec"
    #: When the system likes. A crash of the machine loses up to about 30 seconds; one of the process alone, nothing.
    NO = "no"


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """How to run the embedded server.

    `directory` is the run directory; data, log and socket go into `store/` in it. `port` adds a loopback port for tools
    (0: the Unix socket only), which the URL names `over_tcp`. `ready_timeout_s` must allow for reading all data after a crash.
    """

    directory: Path
    fsync: Fsync = Fsync.ALWAYS
    port: int = 0
    over_tcp: bool = False
    max_memory_mb: int = 0
    #: Further lines of the server's configuration, by name.
    settings: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0
    longest_restart_delay_s: float = 5.0


class StoreServerFailed(RuntimeError):
    """The embedded server cannot be started; the text says why and what to do."""


class EmbeddedServer:
    """One embedded server. Start and stop it in the same event loop.

    `url` is where clients connect, from `start()` on and over all restarts; `restarts` counts the unplanned ones.
    """

    def __init__(self, options: EmbeddedOptions) -> None:
        self.options = options
        self.directory = options.directory.resolve() / "store"
        self.url = ""
        self.restarts = 0
        self._program: ServerProgram | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._lock: int | None = None
        self._socket_directory: Path | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> str:
        """Start the server and wait until it answers.

        Returns:
            Its URL, for `RedisStore`.

        Raises:
            NoServerProgram: there is no program to run.
            StoreServerFailed: the directory or port is in use, or the server ended or did not become ready.
        """
        if self._process is not None:
            raise StoreServerFailed("this embedded server was started already")
        self._program = await find_server_program()
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock_directory(self.directory)
        try:
            if self.options.port:
                _check_port(self.options.port)
            socket_path = self._choose_socket()
            self.url = (
                f"redis://{LOOPBACK}:{self.options.port}" if self.options.over_tcp else f"unix://{quote(str(socket_path))}"
            )
            (self.directory / "server.conf").write_text(self._configuration(socket_path))
            await self._spawn()
        except BaseException:
            await self._clear()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="store-server-watch")
        return self.url

    async def stop(self) -> None:
        """Let the server write what it has and end; kill it if it does not in time. Harmless when not running."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._clear()

    async def _clear(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(self.options.stop_timeout_s):
                    await process.wait()
            except TimeoutError:
                log.warning("store server did not end in time, killing it", pid=process.pid)
                process.kill()
                await process.wait()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._socket_directory is not None:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
            self._socket_directory = None

    async def _spawn(self) -> None:
        assert self._program is not None and self._lock is not None
        with (self.directory / "server.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                self._program.path,
                self.directory / "server.conf",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.directory,
                pass_fds=(self._lock,),
                # Ctrl-C in the terminal must not reach it before the hosts have drained.
                start_new_session=True,
            )
        os.pwrite(self._lock, f"{self._process.pid:<20}".encode(), 0)
        log.info("store server started", program=self._program.name, version=self._program.version, pid=self._process.pid)
        await self._wait_ready(self._process)

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + self.options.ready_timeout_s
        client = RedisStore(self.url, RedisOptions(timeout_s=1.0, connect_timeout_s=1.0))
        try:
            while True:
                if process.returncode is not None:
                    raise StoreServerFailed(
                        f"the store server ended with status {process.returncode} at its start: {self._last_words()}"
                    )
                try:
                    await client.ping()
                except StoreUnavailable as error:
                    if time.monotonic() > deadline:
                        waited_s = self.options.ready_timeout_s
                        raise StoreServerFailed(f"the store server is not ready after {waited_s:g} s: {error}") from error
                    await asyncio.sleep(_POLL_S)
                else:
                    return
        finally:
            await client.close()

    async def _watch(self) -> None:
        delay_s = 0.0
        while True:
            process = self._process
            if process is not None:
                started_at = time.monotonic()
                status = await process.wait()
                log.error("store server died, starting it again", status=status, restarts=self.restarts)
                if time.monotonic() - started_at > _HEALTHY_LIFE_S:
                    delay_s = 0.0
            await asyncio.sleep(delay_s)
            delay_s = min(max(delay_s * 2, 0.1), self.options.longest_restart_delay_s)
            self.restarts += 1
            try:
                await self._spawn()
            except (StoreServerFailed, StoreError, OSError) as error:
                log.error("store server could not be started again", error=str(error), retry_in_s=delay_s)

    def _choose_socket(self) -> Path:
        path = self.directory / "valkey.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            self._socket_directory = Path(tempfile.mkdtemp(prefix="trunkline-"))
            path = self._socket_directory / "valkey.sock"
        return path

    def _configuration(self, socket_path: Path) -> str:
        options = self.options
        lines = {
            "dir": self.directory,
            "bind": LOOPBACK,
            "protected-mode": "yes",
            "port": options.port,
            "unixsocket": socket_path,
            "unixsocketperm": "700",
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": options.fsync,
            "aof-use-rdb-preamble": "yes",
            # A kill may leave half a command at the end, which nobody was told is stored.
            "aof-load-truncated": "yes",
            "save": "",
            # Evicting would lose accepted facts; refusing writes only delays new ones.
            "maxmemory-policy": "noeviction",
            "maxmemory": f"{options.max_memory_mb}mb",
            **options.settings,
        }
        return "".join(f"{name} {_quoted(str(value))}\n" for name, value in lines.items())

    def _last_words(self) -> str:
        """The end of the server's log, which says why it ended."""
        try:
            lines = (self.directory / "server.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it wrote no log"
        return " / ".join(line.strip() for line in lines[-3:])


def _lock_directory(directory: Path) -> int:
    """Take the directory's lock; the descriptor is inherited by the server.

    Raises:
        StoreServerFailed: a living server, or its launcher, holds it.
    """
    descriptor = os.open(directory / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreServerFailed(f"{directory} cannot be locked: {error}") from error
        raise StoreServerFailed(
            f"{directory} is in use by a running store server (process {pid}): stop the cluster that runs it "
            f"(`trunkline down`), or end that process, or choose another run directory"
        ) from None
    return descriptor


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server itself will: a connection that lingers from the last run is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StoreServerFailed(
                f"port {port} of {LOOPBACK} cannot be used for the store server ({error.strerror}): "
                "stop what uses it, or configure another port, or 0 for the Unix socket only"
            ) from None


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

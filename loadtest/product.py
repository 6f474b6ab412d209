"""The product to load: the one that runs here, or one of our own, started and ended as anybody would.

Kept: a product that the demo started is ended by the demo, however it ends, and leaves nothing behind but, after a
failure, its directory with the logs.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loadtest.failures import ProductUnusable

#: The command line of the product, by the interpreter that runs the demo.
TRUNKLINE: Final = (sys.executable, "-m", "cluster.cli.main")
RUN_FILE: Final = "run.json"
#: Ray starts in 4 to 13 s, literal actors take longer.
UP_WITHIN_S: Final = 180.0
DOWN_WITHIN_S: Final = 60.0
#: A Unix socket's path has at most 107 bytes, and Ray adds about 75 to its directory's.
LONGEST_RAY_DIRECTORY: Final = 30
LITERAL_KINDS: Final = "[session, queue, agent, router, centre]"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a product's gateways, and where it runs from."""

    targets: tuple[str, ...]
    gateway_token: str = field(repr=False)
    desk_token: str = field(repr=False)
    admin_token: str = field(repr=False)
    run_dir: Path
    runtime: str
    log_files: tuple[Path, ...] = ()
    #: The front process.
    pid: int = 0
    store_url: str = ""
    #: The embedded store's files; the current directory for a store of the user's own.
    data_dir: Path = field(default_factory=Path)
    #: Where its Ray is; empty if it runs without.
    ray_address: str = ""


def find_running(run_dir: Path) -> Access | None:
    """The product that runs from this directory; None if none does.

    Raises:
        ProductUnusable: one does, and the demo cannot play there.
    """
    try:
        run: dict[str, Any] = json.loads((run_dir / RUN_FILE).read_text(encoding="utf-8"))
        if not is_running(int(run["pid"])):
            return None
        encrypted = set(run.get("tls_gateways", ()))
        targets = [listens[0] for name, listens in run["gateways"].items() if name not in encrypted]
        tokens = json.loads(Path(run["tokens_file"]).read_text(encoding="utf-8"))
        access = Access(
            tuple(map(_dialled, targets)),
            tokens["gateway"][0],
            tokens["desk"][0],
            tokens["admin"][0],
            run_dir,
            run["runtime"],
            pid=int(run["pid"]),
            store_url=run.get("store_url", ""),
            data_dir=Path(run.get("data_dir", "")),
            ray_address=run.get("ray_address", ""),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise ProductUnusable(f"what runs from {run_dir} cannot be read: {type(problem).__name__} {problem}") from problem
    if not targets:
        raise ProductUnusable(f"every gateway that runs from {run_dir} speaks TLS; add one without that listens on 127.0.0.1")
    return access


class OwnProduct:
    """A product in a directory of its own, without adapters. Use as an async context manager; gives its `Access`."""

    def __init__(
        self,
        runtime: str,
        *,
        literal: bool = False,
        centre: str | None = None,
        settings: dict[str, str] | None = None,
        gateway_factory: str = "gateways.server.factory:open_gateway",
        environment: dict[str, str] | None = None,
    ) -> None:
        self._runtime = runtime
        self._literal = literal
        self._centre = centre
        self._more = settings or {}
        self._gateway_factory = gateway_factory
        #: What its processes have in their environment besides ours.
        self.added_environment = dict(environment or {})
        self._process: asyncio.subprocess.Process | None = None
        #: The settings of its first start; their ports are where everybody comes back to.
        self._chosen: dict[str, str] = {}
        self.run_dir = Path(tempfile.mkdtemp(prefix="tl-demo-"))
        #: After a failure the directory is kept, for its logs.
        self.keep = False

    async def __aenter__(self) -> Access:
        try:
            return await self._start()
        except BaseException:
            self.keep = True
            await self._stop()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def start_again(self) -> Access:
        """Start it from the same directory and with the same settings, after every process of it was killed."""
        if self._process is not None:
            await self._process.wait()
        return await self._start()

    async def _start(self) -> Access:
        log_path = self.run_dir / "logs" / "up.log"
        log_path.parent.mkdir(exist_ok=True)
        settings = self._chosen = self._chosen or self._settings()
        arguments = [item for setting in settings.items() for item in ("--set", "=".join(setting))]
        with log_path.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches only the demo, which ends the product in good order.
            self._process = await asyncio.create_subprocess_exec(
                *TRUNKLINE,
                "up",
                "--json",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=self.environment(),
            )
        said = await self._first_document(self._process)
        access = find_running(self.run_dir)
        if access is None:
            reason = said.get("error", {}).get("detail") or _last_words(log_path)
            raise ProductUnusable(f"the demo's own product did not start: {reason}; see {log_path}")
        return access

    async def _first_document(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        """What `up --json` says once everything is up, or why it is not."""
        assert process.stdout is not None
        text = ""
        try:
            async with asyncio.timeout(UP_WITHIN_S):
                while part := await process.stdout.readline():
                    text += part.decode(errors="replace")
                    with suppress(ValueError):
                        document: dict[str, Any] = json.loads(text)
                        return document
        except TimeoutError:
            return {"error": {"detail": f"not everything was up after {UP_WITHIN_S:g} s"}}
        return {}

    def _settings(self) -> dict[str, str]:
        centre = "sample"
        if self._centre is not None:
            file = self.run_dir / "centre.yaml"
            file.write_text(self._centre, encoding="utf-8")
            centre = str(file)
        return {
            "cluster": "demo",
            "runtime": self._runtime,
            "ray": "{address: local}",
            "pinned_kinds": LITERAL_KINDS if self._literal else "[]",
            "store": "{url: embedded}",
            "gateways": f'[{{name: gateway-1, listen: "127.0.0.1:{free_port()}", factory: "{self._gateway_factory}"}}]',
            "programs": "[]",
            "metrics": f'{{listen: "127.0.0.1:{free_port()}"}}',
            "centre": centre,
            "run_dir": str(self.run_dir),
            **self._more,
        }

    def environment(self) -> dict[str, str]:
        """What processes that attach to the product's Ray must have in their environment."""
        # A Ray that `up` starts asks for its token, and whoever attaches by address must be told to show it.
        environment = {"RAY_AUTH_MODE": "token", **os.environ, **self.added_environment}
        if len(str(self.run_dir)) <= LONGEST_RAY_DIRECTORY:
            # Ray's logs beside the others, and gone with them.
            environment["RAY_TMPDIR"] = str(self.run_dir)
        return environment

    def log_files(self) -> list[str]:
        """Every log of the product so far."""
        found = [*self.run_dir.glob("logs/*.log"), *self.run_dir.glob("ray/session_2*/logs/*.err")]
        return [str(path) for path in [*found, *self.run_dir.glob("ray/session_2*/logs/*.out")] if path.is_file()]

    async def _stop(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(DOWN_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                self.keep = True
                process.kill()
                await process.wait()
        if not self.keep:
            shutil.rmtree(self.run_dir, ignore_errors=True)


async def verify(access: Access, evidence: dict[str, object]) -> dict[str, Any]:
    """What `trunkline verify --json` says about a product's store, held against what was seen outside.

    Raises:
        ProductUnusable: it could not be judged.
    """
    with tempfile.TemporaryDirectory(prefix="tl-evidence-") as directory:
        file = Path(directory) / "evidence.json"
        file.write_text(json.dumps(evidence, ensure_ascii=False), encoding="utf-8")
        return await verify_file(access, file)


async def verify_file(access: Access, evidence: Path) -> dict[str, Any]:
    """The same with evidence that stands in a file.

    Raises:
        ProductUnusable: it could not be judged.
    """
    command = (*TRUNKLINE, "verify", "--json", "--run-dir", str(access.run_dir), "--evidence", str(evidence))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    try:
        report: dict[str, Any] = json.loads(output)
        report["violations"]  # an error document has none
    except (ValueError, KeyError):
        said = (output or errors).decode(errors="replace").strip()
        raise ProductUnusable(f"`trunkline verify` could not judge the run: {said[-1000:]}") from None
    return report


def is_running(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _dialled(listen: str) -> str:
    """Where to dial what listens on every address."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("0.0.0.0", "[::]", "") else listen  # noqa: S104  # not bound here


def free_port() -> int:
    """A port that is free now; the product says so if somebody else was faster."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_words(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

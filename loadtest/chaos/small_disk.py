"""A file system of its own for the store's data, small enough to be filled.

Kept: it is unmounted when the product is gone, however the run ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from loadtest.chaos.faults import is_root

SIZE_MB: Final = 512


@asynccontextmanager
async def small_disk(directory: Path) -> AsyncIterator[Path | None]:
    """Mount memory as a file system at a directory; None where that is not allowed."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    options = f"size={SIZE_MB}m,mode=700"
    if not is_root() or not await _done("mount", "-t", "tmpfs", "-o", options, "trunkline-chaos", str(directory)):
        yield None
        return
    try:
        yield directory
    finally:
        await _done("umount", str(directory)) or await _done("umount", "--lazy", str(directory))


async def _done(*command: str) -> bool:
    """Run a program; whether it could be run and succeeded."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return False
    return await process.wait() == 0

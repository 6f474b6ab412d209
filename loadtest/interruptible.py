"""Lets Ctrl-C and SIGTERM end a command's work in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def interruptible(work: Awaitable[T]) -> T:
    """Do the work; both signals cancel it, so that whatever it started, stopped or broke is set right."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task

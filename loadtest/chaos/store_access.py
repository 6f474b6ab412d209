"""Speaks to the product's embedded store as an operator would: a few commands, no client library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

ANSWER_WITHIN_S = 5.0


async def command(url: str, *words: str) -> str:
    """Send one command; returns the first line of the answer.

    Args:
        url: `unix://PATH` or `redis://HOST:PORT`, as the run file has it.

    Raises:
        OSError: nobody listens.
        TimeoutError: no answer came.
    """
    async with _asked(url, words) as reader:
        return (await reader.readline()).decode().strip()


async def memory_bytes(url: str) -> int:
    """What the store's data takes of memory, as it says itself (`used_memory`).

    Args:
        url: As for `command`.

    Raises:
        OSError: nobody listens.
        TimeoutError: no answer came.
    """
    async with _asked(url, ("INFO", "memory")) as reader:
        length = int((await reader.readline()).removeprefix(b"$"))
        lines = (await reader.readexactly(length)).decode().splitlines()
    return int(dict(line.split(":", 1) for line in lines if ":" in line)["used_memory"])


@asynccontextmanager
async def _asked(url: str, words: Sequence[str]) -> AsyncIterator[asyncio.StreamReader]:
    """Where the answer to this command is read."""
    place = urlsplit(url)
    if place.scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(unquote(place.path))
    else:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
            await writer.drain()
            yield reader
    finally:
        writer.close()

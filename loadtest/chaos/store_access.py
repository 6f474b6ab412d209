"""Speaks to the product's embedded store as an operator would: single commands, no client library."""

from __future__ import annotations

import asyncio
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
            return (await reader.readline()).decode().strip()
    finally:
        writer.close()

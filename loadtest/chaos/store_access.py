"""Speaks to the product's embedded store as an operator would: two commands over its Unix socket, no client library."""

from __future__ import annotations

import asyncio
from pathlib import Path

ANSWER_WITHIN_S = 5.0


async def command(socket_path: Path, *words: str) -> str:
    """Send one command; returns the first line of the answer.

    Raises:
        OSError: nobody listens.
        TimeoutError: no answer came.
    """
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
            await writer.drain()
            return (await reader.readline()).decode().strip()
    finally:
        writer.close()

"""What a store's server promises: whether it answers, and what a crash of it can lose.

Invariants kept: reads only, and waits no longer than its time-out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from cluster.store.base import StoreUnavailable
from cluster.store.url import open_client, parse_url


@dataclass(frozen=True, slots=True)
class Durability:
    """A server's settings; None for each that it does not let us read."""

    round_trip_s: float
    appendonly: str | None = None
    appendfsync: str | None = None
    eviction: str | None = None


async def read_durability(url: str, timeout_s: float = 3.0) -> Durability:
    """Ask the server behind a URL.

    Raises:
        StoreUrlInvalid: the URL names no store.
        StoreUnavailable: nothing answers there.
    """
    parsed = parse_url(url)
    client: Any = open_client(parsed, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(client)
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"{parsed} does not answer: {type(error).__name__}") from error
    finally:
        await client.aclose()


async def _ask(client: Any) -> Durability:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await client.ping()
    round_trip_s = loop.time() - started
    try:
        append, memory = await client.config_get("append*"), await client.config_get("maxmemory-policy")
    except RedisError:
        return Durability(round_trip_s)
    # The client may answer with text or with bytes, as its server's protocol version has it.
    settings = {_text(name): _text(value) for name, value in {**append, **memory}.items()}
    return Durability(round_trip_s, settings.get("appendonly"), settings.get("appendfsync"), settings.get("maxmemory-policy"))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

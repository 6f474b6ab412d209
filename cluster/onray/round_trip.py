"""Measures a bare Ray call on a running Ray: the yardstick of the benchmarks. `python -m cluster.onray.round_trip`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import Any

import ray

CALLS = 2_000
WARM_UP = 200


class Echo:
    """An async actor that answers what it was sent."""

    async def call(self, payload: bytes) -> bytes:
        return payload


async def measure(address: str, calls: int = CALLS) -> list[float]:
    """Milliseconds of each of many calls made one after the other, with 200 bytes each way.

    Args:
        address: `auto`, or the Ray cluster's address.
    """
    await asyncio.to_thread(ray.init, address=address, log_to_driver=False, logging_level=logging.ERROR)
    echo: Any = ray.remote(Echo).options(num_cpus=0).remote()
    payload = b"x" * 200
    taken: list[float] = []
    for number in range(WARM_UP + calls):
        started = time.perf_counter()
        await echo.call.remote(payload)
        if number >= WARM_UP:
            taken.append((time.perf_counter() - started) * 1000)
    ray.kill(echo)
    await asyncio.to_thread(ray.shutdown)
    return taken


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1] if len(sys.argv) > 1 else "auto"))))  # noqa: T201  # its output

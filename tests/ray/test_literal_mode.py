"""Literal mode: every session, queue, agent, the router and the centre is a Ray actor of its own, with the same outcome."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]


async def test_a_run_whose_every_actor_is_a_ray_actor() -> None:
    """Three customers and two agents on a dozen processes: all end, and nothing is violated."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.demo", "--json", "--literal", "--customers", "3", "--agents", "2",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    output, errors = await process.communicate()
    document = json.loads(output)
    assert 0 == process.returncode, errors.decode()
    assert (3, 3, "ray", True) == (document["customers"], document["ended"], document["runtime"], document["literal"])
    assert ([], []) == (document["problems"], document["violations"])
    # Three sessions, two agents, four queues, router and centre: each a shard with a journal of its own.
    assert 11 == document["verified"]["shards"], "nobody shares a process"

"""The archiver on Ray: journals level off in the store while traffic flows, and its death loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from cluster.archive import ArchiveDirectory, ArchivedStore
from cluster.invariants.verify import verify_store
from cluster.store import connect
from tests.booted import product
from tests.traffic import Traffic

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]

KEEP = SEGMENT = 5
EAGER = {"keep_entries": KEEP, "segment_entries": SEGMENT, "settle_s": 0.5, "every_s": 0.2}


def segments(directory: Path) -> int:
    return len(list(directory.glob("shard-*/*.seg")))


async def until_segments(directory: Path, count: int) -> None:
    async with asyncio.timeout(60.0):
        while segments(directory) < count:
            await asyncio.sleep(0.1)  # another process writes them


async def until_archived_by(directory: Path, other_than: int) -> int:
    """The process id of the archiver, once it is another one than this."""
    async with asyncio.timeout(60.0):
        while not (text := _text(directory / "lock")) or int(text) == other_than:
            await asyncio.sleep(0.1)  # Ray starts it again when it likes
    return int(text)


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


async def test_an_archiver_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """Load, archive, kill -9 the archiver, load, archive: every commit is judged, exactly, and the store kept few of them."""
    directory = tmp_path / "archive"
    async with product(tmp_path, archive=json.dumps(EAGER)) as running:
        traffic = Traffic(running.target, running.tokens, agents=10, name="archive")
        try:
            await traffic.start(conversations=20)
            await until_segments(directory, 20)
            pid = await until_archived_by(directory, 0)
            os.kill(pid, signal.SIGKILL)
            await traffic.until_flowing(time.monotonic(), messages=100)
            assert await until_archived_by(directory, pid) != pid, "Ray starts it again"
            await until_segments(directory, segments(directory) + 20)
            await traffic.stop()
            lost = await traffic.lost()
        finally:
            await traffic.close()
        spec = running.running.spec
        store = connect(spec.store_url, spec.name)
        whole = ArchivedStore(store, ArchiveDirectory(directory, spec.name))
        shards = await store.shards()
        before = sum([(await store.describe(shard)).last_commit for shard in shards])
        report = await verify_store(whole)
        last = sum([(await store.describe(shard)).last_commit for shard in shards])
        kept = sum(end - begin + 1 for begin, end in await store.journal_spans(shards) if begin)
        await store.close()
    assert lost == set()
    assert report.violations == [] and report.notes == []
    assert report.checked["I10"] == report.checked["I1"] == "exact"
    assert before <= report.counts["commits"] <= last, "all of it was judged; what ended meanwhile may be"
    assert kept < before, "most of it from the archive"

"""What a centre lived through can be played again: its journals become arrivals, which come as they came."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from actors.address import ShardId
from cluster.store.base import Commit
from cluster.store.memory import MemoryStore
from cluster.whatif.day import midnight
from cluster.whatif.options import Options, planned
from cluster.whatif.recorded import as_csv, lived
from tests.unit.whatif.small import CENTRE, MONDAY, centre, coming, conduct, played


async def kept(commits: list[Commit]) -> MemoryStore:
    """A store that holds these commits."""
    store = MemoryStore()
    await store.claim(ShardId("0"), 1)
    await store.commit(commits)
    return store


def test_a_lived_day_comes_again(tmp_path: Path) -> None:
    """When, where, with which priority, how long they were served and after how long they gave up."""
    commits: list[Commit] = []
    arrivals = coming(0, 1.5, 30, 40, doors=(0, 1, 2, 0), services_s=200.0, patiences_s=90.0)
    played(centre(agents=1), conduct(), arrivals, commits=commits.append)
    rows = asyncio.run(lived(asyncio.run(kept(commits))))
    opened_at = midnight(MONDAY, "Europe/London") + 9 * 3_600_000
    told = [(one.came_at - opened_at, one.channel, one.queue, one.priority, one.cells()[4:]) for one in rows]
    assert told == [
        (0, "chat", "general", 0, ("200", "")),
        (1_500, "chat", "general", 9, ("", "90")),
        (30_000, "phone", "calls", 5, ("", "90")),
        (40_000, "chat", "general", 0, ("", "90")),
    ]
    (tmp_path / "lived.csv").write_text(as_csv(rows))
    (tmp_path / "centre.yaml").write_text(CENTRE.format(agents=1, chats=1, wrap_up_s=0, auto_accept="false"))
    source = planned(Options(tmp_path / "centre.yaml", str(tmp_path / "lived.csv"))).source
    again = source.draw(0, np.random.default_rng(1))
    assert (again.at_s - 9 * 3600).tolist() == [0, 1.5, 30, 40]
    assert [str(source.doors[door]) for door in again.doors] == [
        "chat/default",
        "chat/default",
        "phone/default",
        "chat/default",
    ]
    assert again.priorities.tolist() == [0, 9, 5, 0], "the urgent door's priority, through the queue's first door"


def test_what_began_before_the_journal_is_left_out() -> None:
    """Of an interaction whose arrival was deleted nobody knows when it came."""
    commits: list[Commit] = []
    played(centre(agents=1), conduct(), coming(0, 100), commits=commits.append)
    store = asyncio.run(kept(commits))
    first = next(commit for commit in commits if b"c0/1" in commit.journal)
    assert asyncio.run(store.trim(first.shard, first.number, first.journal))
    assert [one.queue for one in asyncio.run(lived(store))] == ["general"]

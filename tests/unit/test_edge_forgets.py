"""An edge and a shard forget links that left long ago, and nothing that is still under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from actors.actor import Refusal
from actors.address import Address, ShardId
from actors.messages.gateway import Command, Frame, FrameSettled
from actors.messages.session import CustomerLeft
from cluster.catalogue import load_catalogue
from cluster.codec import encode
from cluster.edge import edge as edges
from cluster.local import LocalCluster
from cluster.shard.inbox import MARK_LIFETIME_MS, Marks
from cluster.store.memory import MemoryStore
from cluster.wire import Mark


class Quiet:
    """A stream whose adapter only notes what was settled."""

    def __init__(self) -> None:
        self.acknowledged = 0

    def send_commands(self, commands: Sequence[Command]) -> None:
        """Nothing is sent in these tests."""

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        self.acknowledged = acknowledged

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        raise AssertionError(f"nothing here may be refused: {refused}")

    def close(self, code: str, detail: str) -> None:
        """Nobody listens."""


async def test_links_that_left_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and incarnations that never come back leave nothing in a gateway; one that does goes on where it was."""
    async with LocalCluster(MemoryStore(), load_catalogue()) as cluster:
        edge = cluster.start_edge("gateway-1")
        shard = cluster.placement.shard_of(Address("session/webchat:1"))
        for name, incarnation in (("a", "1"), ("a", "2"), ("b", "1")):
            link = edge.open_link(name, incarnation, 0, 10, Quiet())
            link.receive([Frame(1, Address("session/webchat:1"), CustomerLeft())])
            while link.acknowledged < 1:
                await asyncio.sleep(0.001)
            link.acknowledge(shard, 7)
            link.close("gone")
        kept = edge.open_link("c", "1", 0, 10, Quiet())
        assert set(edge.dispatch.floors) == {"l:a:2", "l:b:1"}, "an incarnation that was replaced says nothing more"
        edge._forget_left()
        assert set(edge._actors) == {"a", "b", "c"}, "not before its time"
        monkeypatch.setattr(edges, "FORGET_AFTER_S", -1.0)
        edge._forget_left()
        assert set(edge._actors) == {"c"} and edge.holds(kept)
        assert edge.dispatch.floors == {} and edge.dispatch._acks == {}
        again = edge.open_link("b", "1", 1, 10, Quiet())
        again.receive([Frame(2, Address("session/webchat:1"), CustomerLeft())])
        while again.acknowledged < 2:
            await asyncio.sleep(0.001)


def test_marks_of_links_that_are_long_gone_leave_the_store() -> None:
    """A running shard forgets links after the same time as one that is taken over; shards it never forgets."""
    marks = Marks({"l:old:1": encode(Mark(3, 0)), "l:young:1": encode(Mark(4, 5_000)), "s:3": encode(Mark(5, 0))}, 0)
    marks.advance("l:old:1", 4, 1_000, Refusal("NOT_FOUND", "no"))
    marks.expire(MARK_LIFETIME_MS + 2_000)
    assert marks.take_touched() == {"l:old:1": None}
    assert marks.repeated("l:young:1", 4) and marks.repeated("s:3", 5) and not marks.repeated("l:old:1", 1)
    assert ShardId("3") == "3"

"""Where a host sends what is for an adapter's link, when gateways disagree about who holds it."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.address import Address, ShardId
from actors.catalogue import EVENT_TYPES, MESSAGE_TYPES, RECORD_TYPES
from actors.messages.queue import ReadQueue
from cluster.codec import Codec, encode
from cluster.errors import PeerGone
from cluster.host.outlets import Outlets
from cluster.shard.outbox import Outbox
from cluster.wire import LinkNews, Push, PushReceipt

LINK = "webchat-1"
SHARD = ShardId("1")
push_of = msgspec.msgpack.Decoder(Push).decode


class Gateways:
    """A transport that knows gateways only; `dead` ones cannot be reached."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.tried: list[str] = []
        self.pushed: list[tuple[str, int]] = []
        self.changed = asyncio.Event()

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        """Take a push, or be gone."""
        assert method == "push"
        self.tried.append(peer)
        self.changed.set()
        if peer in self.dead:
            raise PeerGone(f"{peer} is dead")
        self.pushed += [(peer, command.generation) for command in push_of(payload).commands]
        return encode(PushReceipt())


@pytest.fixture
def gateways() -> Gateways:
    return Gateways()


def outlets_with_a_command(gateways: Gateways) -> Outlets:
    """A host with one shard that has one command for the link."""
    outbox = Outbox(1, {})
    outbox.stage(f"l:{LINK}", Address(f"gateway/{LINK}"), ReadQueue())
    outbox.take_staged()
    outbox.release(1, now=0)
    shard: Any = SimpleNamespace(id=SHARD, outbox=outbox, stream="s:1")
    codec = Codec(MESSAGE_TYPES, RECORD_TYPES, EVENT_TYPES)
    return Outlets("host-1", {SHARD: shard}, gateways, codec, partial(lambda: None))


async def until(gateways: Gateways, done: Any) -> None:
    """Wait for something that a call brings about."""
    async with asyncio.timeout(5):
        while not done():
            gateways.changed.clear()
            await gateways.changed.wait()


async def test_a_dead_gateway_whose_clock_was_ahead_does_not_keep_its_links(gateways: Gateways) -> None:
    """A stream's generation is from its gateway's clock. The next gateway's is older by its own, and holds the link all
    the same: what is for the link must go there, not to the dead one until the clocks have met."""
    outlets = outlets_with_a_command(gateways)
    gateways.dead = {"gateway-1"}
    outlets.links(LinkNews("gateway-1", {LINK: 60_000}, "first", 1))
    await until(gateways, lambda: gateways.tried)
    outlets.links(LinkNews("gateway-2", {LINK: 500}, "second", 1))
    await until(gateways, lambda: gateways.pushed)
    assert [("gateway-2", 500)] == gateways.pushed
    await outlets.stop()


async def test_a_gateway_that_was_unreachable_for_a_while_keeps_what_only_it_holds(gateways: Gateways) -> None:
    """It told its news once and will not tell them again: nothing of them may be forgotten."""
    outlets = outlets_with_a_command(gateways)
    gateways.dead = {"gateway-1"}
    outlets.links(LinkNews("gateway-1", {LINK: 500}, "first", 1))
    await until(gateways, lambda: len(gateways.tried) > 1)
    gateways.dead = set()
    await until(gateways, lambda: gateways.pushed)
    assert [("gateway-1", 500)] == gateways.pushed
    await outlets.stop()

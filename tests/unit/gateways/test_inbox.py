"""Commands on their way: order, repetition and acknowledgement."""

from __future__ import annotations

import asyncio

import pytest

from gateways.sdk.errors import LinkFailed
from gateways.sdk.inbox import Inbox
from trunkline.gateway.v1 import gateway_pb2


def command(number: int, source: str = "7") -> gateway_pb2.Command:
    """A command with nothing in it."""
    return gateway_pb2.Command(source=source, number=number)


def acks(inbox: Inbox) -> dict[str, int]:
    """What would be acknowledged now."""
    return {ack.source: ack.number for ack in inbox.take_acks()}


async def test_a_command_is_acknowledged_when_the_next_is_asked_for() -> None:
    """An adapter that dies while it handles a command must be sent it again."""
    inbox = Inbox(lambda: None)
    inbox.put([command(1), command(2)])
    assert ((await anext(inbox)).number, acks(inbox)) == (1, {})
    assert ((await anext(inbox)).number, acks(inbox)) == (2, {"7": 1})


async def test_repeated_commands_are_dropped() -> None:
    """A command that waits here or was handled must not be handled twice."""
    inbox = Inbox(lambda: None)
    inbox.put([command(1), command(2)])
    await anext(inbox)
    inbox.put([command(1), command(2), command(3)])
    assert [(await anext(inbox)).number for _ in range(2)] == [2, 3]
    assert len(inbox) == 0


async def test_a_repeated_command_that_was_handled_is_acknowledged_again() -> None:
    """The first acknowledgement may have been lost with a stream, and the gateway would repeat it for ever."""
    inbox = Inbox(lambda: None)
    inbox.put([command(1)])
    await anext(inbox)
    inbox.handled()
    acks(inbox)
    inbox.put([command(1)])
    assert acks(inbox) == {"7": 1}


async def test_sources_number_on_their_own() -> None:
    """Shards number independently, so a low number of another source is new."""
    inbox = Inbox(lambda: None)
    inbox.put([command(9, "7"), command(1, "8")])
    assert [(await anext(inbox)).source for _ in range(2)] == ["7", "8"]


async def test_passing_commands_are_neither_deduplicated_nor_acknowledged() -> None:
    """Number 0 means "now or never"."""
    inbox = Inbox(lambda: None)
    inbox.put([command(0), command(0), command(1)])
    for _ in range(3):
        await anext(inbox)
    assert acks(inbox) == {}


async def test_acknowledgements_are_cumulative() -> None:
    """Only the highest number of each source is sent."""
    inbox = Inbox(lambda: None)
    inbox.put([command(number) for number in range(1, 6)])
    for _ in range(5):
        await anext(inbox)
    assert acks(inbox) == {"7": 4}


async def test_a_waiting_loop_is_woken() -> None:
    """A command that comes later reaches a loop that waits."""
    inbox = Inbox(lambda: None)
    waiting = asyncio.ensure_future(anext(inbox))
    await asyncio.sleep(0)
    inbox.put([command(1)])
    assert (await waiting).number == 1


async def test_iteration_in_two_places_is_refused() -> None:
    """Two loops would acknowledge each other's unhandled commands."""
    inbox = Inbox(lambda: None)
    waiting = asyncio.ensure_future(anext(inbox))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="only one"):
        await anext(inbox)
    waiting.cancel()


async def test_the_end_comes_after_what_is_here() -> None:
    """Commands that arrived before the end are still given out."""
    inbox = Inbox(lambda: None)
    inbox.put([command(1)])
    inbox.finish(None)
    assert [item.number async for item in inbox] == [1]


async def test_a_failed_link_ends_the_loop_with_its_reason() -> None:
    """An adapter whose loop only ended would not know why."""
    inbox = Inbox(lambda: None)
    waiting = asyncio.ensure_future(anext(inbox))
    await asyncio.sleep(0)
    inbox.finish(LinkFailed("UNAUTHENTICATED", "no"))
    with pytest.raises(LinkFailed, match="UNAUTHENTICATED"):
        await waiting

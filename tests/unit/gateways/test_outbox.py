"""Events on their way: numbering, windows, settlement and what a new stream sends again."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.sdk.errors import LinkClosed, Refused
from gateways.sdk.outbox import Outbox
from trunkline.gateway.v1 import gateway_pb2
from trunkline.link.v1 import link_pb2


def event(text: str = "") -> gateway_pb2.Event:
    """An event of some size."""
    return gateway_pb2.Event(id=text)


def taken(outbox: Outbox, most: int = 1_000, size: int = 1 << 20) -> list[int]:
    """The numbers of the next frame."""
    return [item.seq for item in outbox.take(most, size)]


def filled(count: int, window: int = 100) -> tuple[Outbox, list[asyncio.Future[None]]]:
    """An outbox with events that nobody has sent yet, allowed to send all."""
    outbox = Outbox(window)
    return outbox, [outbox.add(event()) for _ in range(count)]


async def test_numbers_start_at_one_and_have_no_gaps() -> None:
    """A gateway ends the stream of an adapter that skips a number."""
    outbox, _ = filled(3)
    assert taken(outbox) == [1, 2, 3]


async def test_settling_is_cumulative() -> None:
    """One acknowledgement settles all events up to it."""
    outbox, outcomes = filled(3)
    taken(outbox)
    outbox.settle(2, ())
    assert [outcome.done() for outcome in outcomes] == [True, True, False]
    assert (len(outbox), outbox.acknowledged) == (1, 2)


async def test_a_rejection_reaches_who_sent_the_event() -> None:
    """The refused event alone fails, with everything that the gateway said."""
    outbox, outcomes = filled(2)
    taken(outbox)
    rejection = link_pb2.Rejection(
        seq=1, code=link_pb2.CODE_NOT_FOUND, detail="no such door", retry_after_ms=1_500, field="entry_point"
    )
    outbox.settle(2, [rejection])
    with pytest.raises(Refused) as refused:
        await outcomes[0]
    await outcomes[1]
    error = refused.value
    assert (error.code, error.detail, error.retry_after_s, error.field) == ("NOT_FOUND", "no such door", 1.5, "entry_point")


async def test_a_refusal_ahead_is_told_at_once_and_the_number_alone_is_sent_again() -> None:
    """Its sender knows before events in front of it are settled; it keeps its place, and no gateway can let it in later."""
    outbox = Outbox(3)
    outcomes = [outbox.add(event(f"e{number}")) for number in (1, 2, 3)]
    taken(outbox)
    full = link_pb2.Rejection(seq=2, code=link_pb2.CODE_RESOURCE_EXHAUSTED, retry_after_ms=1_500)
    outbox.refuse_ahead([full, link_pb2.Rejection(seq=9, code=link_pb2.CODE_RESOURCE_EXHAUSTED)])
    assert [outcome.done() for outcome in outcomes] == [False, True, False]
    with pytest.raises(Refused, match="RESOURCE_EXHAUSTED"):
        await outcomes[1]
    assert (len(outbox), outbox.has_room()) == (3, False), "it is unsettled, and the gateway counts it"
    outbox.rewind(0, 3)
    assert outbox.take(10, 1 << 20) == [
        gateway_pb2.Event(seq=1, id="e1"), gateway_pb2.Event(seq=2), gateway_pb2.Event(seq=3, id="e3"),
    ]  # fmt: skip
    outbox.settle(3, ())
    await outcomes[0]
    await outcomes[2]
    assert isinstance(outcomes[1].exception(), Refused), "what is told in its turn changes nothing"


async def test_a_rejection_of_a_later_protocol_is_still_a_rejection() -> None:
    """A code that this SDK does not know must not be taken for a yes."""
    outbox, outcomes = filled(1)
    taken(outbox)
    outbox.settle(1, [link_pb2.Rejection(seq=1, code=99)])  # type: ignore[arg-type]  # as a newer gateway would
    with pytest.raises(Refused, match="UNKNOWN"):
        await outcomes[0]


async def test_a_new_stream_sends_everything_unsettled_again_in_order() -> None:
    """What was in flight comes before what was never sent, and what is settled does not come again."""
    outbox, outcomes = filled(5)
    assert taken(outbox, most=3) == [1, 2, 3]
    outbox.rewind(acknowledged=1, allowed=100)
    assert outcomes[0].done()
    assert taken(outbox) == [2, 3, 4, 5]


async def test_a_rejection_that_was_lost_with_the_stream_is_told_with_the_welcome() -> None:
    """A lost "no" must not become a "yes" on the next stream."""
    outbox, outcomes = filled(2)
    taken(outbox)
    outbox.rewind(2, 100, [link_pb2.Rejection(seq=2, code=link_pb2.CODE_NOT_FOUND)])
    await outcomes[0]
    with pytest.raises(Refused):
        await outcomes[1]


async def test_sent_remembers_what_may_have_reached_a_gateway() -> None:
    """`Hello.sent` tells the gateway whose deadlines it must not judge again."""
    outbox, _ = filled(3)
    taken(outbox, most=2)
    outbox.rewind(0, 100)
    assert outbox.sent == 2


async def test_the_gateways_window_is_obeyed_when_it_shrinks() -> None:
    """Nothing is sent until fewer events are in flight than the gateway allows now."""
    outbox, _ = filled(6)
    assert taken(outbox, most=4) == [1, 2, 3, 4]
    outbox.allow(2)
    assert (taken(outbox), outbox.ready()) == ([], False)
    outbox.settle(3, ())
    assert taken(outbox) == [5]


async def test_frames_are_packed_up_to_a_size() -> None:
    """A frame stays below the gateway's limit; a single large event goes alone."""
    outbox = Outbox(10)
    for size in (10, 10, 500, 10):
        outbox.add(event("x" * size))
    assert [taken(outbox, size=100) for _ in range(3)] == [[1, 2], [3], [4]]


async def test_waiting_for_room_is_first_come_first_served() -> None:
    """No sender starves behind one that came later."""
    outbox, _ = filled(2, window=2)
    taken(outbox)
    order: list[int] = []

    async def send(name: int) -> None:
        await outbox.room()
        outbox.add(event())
        order.append(name)

    senders = [asyncio.create_task(send(name)) for name in range(3)]
    await asyncio.sleep(0)
    assert not outbox.has_room()
    outbox.settle(1, ())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (order, len(outbox)) == ([0], 2)
    taken(outbox)
    outbox.settle(3, ())
    await asyncio.gather(*senders)
    assert order == [0, 1, 2]


async def test_room_given_to_a_sender_that_gave_up_goes_to_the_next() -> None:
    """A cancelled sender must not keep its place for ever."""
    outbox, _ = filled(1, window=1)
    taken(outbox)
    first, second = asyncio.create_task(outbox.room()), asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    outbox.settle(1, ())
    first.cancel()
    await second
    assert outbox.has_room()


async def test_the_end_of_the_link_ends_every_wait() -> None:
    """Nobody hangs on a link that is over."""
    outbox, outcomes = filled(1, window=1)
    room, empty = asyncio.create_task(outbox.room()), asyncio.create_task(outbox.empty())
    await asyncio.sleep(0)
    outbox.fail(LinkClosed("over"))
    ends = await asyncio.gather(outcomes[0], room, empty, return_exceptions=True)
    assert [type(end) for end in ends] == [LinkClosed] * 3


@settings(max_examples=200)
@given(st.data())
async def test_every_event_is_settled_once_and_in_order(data: st.DataObject) -> None:
    """Over any mixture of sending, settling and breaks, the gateway sees each number first in order, without gaps."""
    outbox = Outbox(8)
    outcomes: list[asyncio.Future[None]] = []
    received = acknowledged = 0
    for _ in range(data.draw(st.integers(1, 40))):
        step = data.draw(st.sampled_from(["add", "take", "settle", "break"]))
        if step == "add" and outbox.has_room():
            outcomes.append(outbox.add(event()))
        elif step == "take":
            for seq in taken(outbox, most=data.draw(st.integers(1, 4))):
                assert seq <= received + 1
                received = max(received, seq)
        elif step == "settle":
            acknowledged = data.draw(st.integers(acknowledged, received))
            outbox.settle(acknowledged, ())
        elif step == "break":
            acknowledged = data.draw(st.integers(acknowledged, received))
            outbox.rewind(acknowledged, 8)
    done = [outcome.done() for outcome in outcomes]
    assert sum(done) <= received
    assert done == sorted(done, reverse=True)
    assert outbox.acknowledged == sum(done)

"""A channel adapter's link from end to end: commits, refusals, commands, and everything that can break between."""

from __future__ import annotations

import asyncio

import pytest

from actors.actor import Refusal
from actors.messages.gateway import Frame, FrameSettled
from actors.messages.link import ShowTyping
from actors.messages.session import CustomerMessage
from gateways.sdk import GatewayClient, GatewayLink, LinkClosed, LinkFailed, LinkTakenOver, Refused
from gateways.server.options import Role, StreamLimits
from tests.fakes.edge import FakeEdge, FakeQueue
from tests.fakes.proxy import Proxy
from tests.fakes.serving import LIMITS, TOKENS, opened, said, serving


def texts(frames: list[Frame]) -> list[str]:
    """What customers said, in the order the edge heard it."""
    return [frame.message.content.text for frame in frames if isinstance(frame.message, CustomerMessage)]


async def test_an_event_is_routed_and_settled() -> None:
    """`send` returns once the cluster has the event."""
    async with serving() as gateway, gateway.adapter() as link:
        await link.send(opened())
        await link.send(said("hello"))
        frames = gateway.link().frames
        assert [(frame.seq, frame.to) for frame in frames] == [(1, "session/webchat:1"), (2, "session/webchat:1")]
        assert texts(frames) == ["hello"]


async def test_a_refusal_of_an_actor_reaches_the_sender() -> None:
    """Code, text and the time to wait come through; the link goes on."""
    edge = FakeEdge()
    edge.judge = lambda frame: Refusal("RESOURCE_EXHAUSTED", "full", 1_500) if frame.seq == 1 else None
    async with serving(edge) as gateway, gateway.adapter() as link:
        with pytest.raises(Refused) as refused:
            await link.send(said("too much"))
        assert (refused.value.code, refused.value.detail, refused.value.retry_after_s) == ("RESOURCE_EXHAUSTED", "full", 1.5)
        await link.send(said("later"))


async def test_a_refusal_ahead_reaches_the_sender_before_what_is_in_front_and_survives_a_break() -> None:
    """Nobody waits for others' commits to hear "no"; the gateway that the link comes back to is given nothing to let in."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway, Proxy(gateway.port) as proxy, gateway.adapter(target=proxy.target) as link:
        slow, refused, after = [await link.post(event) for event in (said("one"), opened("webchat:2"), said("two"))]
        await edge.until(lambda: gateway.link().received == 3)
        stream = gateway.link().stream
        assert stream is not None
        stream.send_ahead([FrameSettled(2, Refusal("RESOURCE_EXHAUSTED", "full", 1_500))])
        with pytest.raises(Refused) as no:
            await refused
        assert (no.value.code, no.value.retry_after_s, slow.done()) == ("RESOURCE_EXHAUSTED", 1.5, False)
        # As another gateway, which knows nothing of the link.
        del edge.links["webchat-1"]
        proxy.cut()
        await edge.until(lambda: "webchat-1" in edge.links and gateway.link().received == 3)
        gateway.link().settle()
        await slow
        await after
        assert [frame.seq for frame in gateway.link().frames] == [1, 3]


async def test_a_malformed_event_is_refused_in_its_turn_with_its_field() -> None:
    """One bad event in a batch neither stops the others nor the stream."""
    async with serving() as gateway, gateway.adapter() as link:
        good, bad, also_good = [await link.post(event) for event in (said("one"), said(""), said("two"))]
        await good
        await also_good
        with pytest.raises(Refused) as refused:
            await bad
        assert (refused.value.code, refused.value.field) == ("INVALID_ARGUMENT", "id")
        assert texts(gateway.link().frames) == ["one", "two"]
        assert link.connections == 1


async def test_an_expired_event_is_refused_before_it_is_routed() -> None:
    """Nobody acts on what is worthless by now."""
    async with serving() as gateway, gateway.adapter() as link:
        late = said("late")
        late.deadline_at = 1
        with pytest.raises(Refused, match="DEADLINE_EXCEEDED"):
            await link.send(late)
        assert gateway.link().frames == []


async def test_an_event_that_may_be_committed_is_not_called_expired() -> None:
    """After a break, the gateway cannot know whether the event was applied, so it must not say that it was not."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway, Proxy(gateway.port) as proxy, gateway.adapter(target=proxy.target) as link:
        event = said("in time")
        event.deadline_at = 2**62
        outcome = await link.post(event)
        await edge.until(lambda: gateway.link().received == 1)
        link._outbox._in_flight[0].event.deadline_at = 1  # as if the break had taken that long
        proxy.cut()
        await edge.until(lambda: link.connections == 2)
        edge.settles = True
        gateway.link().settle()
        await outcome


async def test_nothing_is_lost_or_doubled_when_the_connection_breaks_again_and_again() -> None:
    """Every event is committed once and in order, whatever happens to the connection."""
    async with serving() as gateway, Proxy(gateway.port) as proxy, gateway.adapter(target=proxy.target, window=64) as link:

        async def breaking() -> None:
            for _ in range(5):
                await asyncio.sleep(0.03)
                proxy.cut()

        breaker = asyncio.create_task(breaking())
        outcomes = []
        number = 0
        while not breaker.done() or number < 500:
            outcomes.append(await link.post(said(str(number))))
            number += 1
        await asyncio.gather(*outcomes)
        assert texts(gateway.link().frames) == [str(n) for n in range(number)]
        assert link.connections > 1


async def test_a_refusal_survives_a_break() -> None:
    """A "no" that was lost with the connection comes again and never turns into a "yes"."""
    edge = FakeEdge()
    edge.settles = False
    edge.judge = lambda frame: Refusal("NOT_FOUND", "gone")
    async with serving(edge) as gateway, Proxy(gateway.port) as proxy, gateway.adapter(target=proxy.target) as link:
        outcome = await link.post(said("hello"))
        await edge.until(lambda: gateway.link().received == 1)
        proxy.freeze()
        gateway.link().settle()
        proxy.cut()
        proxy.thaw()
        with pytest.raises(Refused, match="NOT_FOUND: gone"):
            await outcome


async def test_commands_arrive_in_order_and_are_acknowledged_when_handled() -> None:
    """The cluster forgets a command only after the adapter asked for the next one."""
    async with serving() as gateway, gateway.adapter() as link:
        there = gateway.link()
        for number in range(3):
            there.command(ShowTyping("webchat:1", True, str(number)))
        commands = link.commands()
        names = [(await anext(commands)).show_typing.name for _ in range(3)]
        assert names == ["0", "1", "2"]
        await gateway.edge.until(lambda: there.acks[-1:] == [("7", 2)])
        assert [command.number for command in there.commands] == [3]


async def test_a_command_is_handled_once_over_a_break() -> None:
    """What the adapter has is not given to it again when the cluster sends it again."""
    async with serving() as gateway, Proxy(gateway.port) as proxy, gateway.adapter(target=proxy.target) as link:
        there = gateway.link()
        there.command(ShowTyping("c", True, "1"))
        commands = link.commands()
        first = await anext(commands)
        there.command(ShowTyping("c", True, "2"))
        proxy.cut()
        await gateway.edge.until(lambda: link.connections == 2)
        there.command(ShowTyping("c", True, "3"))
        names = [first.show_typing.name, *[(await anext(commands)).show_typing.name for _ in range(2)]]
        assert names == ["1", "2", "3"]


async def test_no_more_commands_than_asked_for_are_sent_before_they_are_handled() -> None:
    """A slow adapter is not drowned."""
    async with serving() as gateway, gateway.adapter(command_window=2) as link:
        there = gateway.link()
        for _ in range(10):
            there.command(ShowTyping("c", True))
        commands = link.commands()
        await anext(commands)
        assert len(link._inbox) == 1  # what was sent and is not handled
        for _ in range(9):
            await anext(commands)


async def test_an_adapter_that_handles_no_commands_loses_the_stream_with_a_reason() -> None:
    """Memory for one link is bounded; the commands stay with their shards."""
    limits = StreamLimits(command_window=1, commands_held=5)
    async with serving(limits=limits) as gateway, gateway.adapter() as link:
        there = gateway.link()
        for _ in range(8):
            there.command(ShowTyping("c", True))
        await gateway.edge.until(lambda: link.connections > 1 or bool(there.closed_for))
        assert "acknowledge commands as they are handled" in there.closed_for[0]


async def test_posting_waits_while_the_window_is_full() -> None:
    """An adapter cannot run away from a slow cluster."""
    edge = FakeEdge()
    edge.settles = False
    async with serving(edge) as gateway, gateway.adapter(window=3) as link:
        for number in range(3):
            await link.post(said(str(number)))
        fourth = asyncio.create_task(link.post(said("3")))
        await edge.until(lambda: gateway.link().received == 3)
        assert not fourth.done()
        gateway.link().settle()
        await fourth
        edge.settles = True
        await edge.until(lambda: gateway.link().received == 4)
        gateway.link().settle()


async def test_a_small_window_of_the_gateway_is_obeyed() -> None:
    """The adapter may want more; the gateway decides."""
    async with serving(limits=StreamLimits(window=2)) as gateway, gateway.adapter(window=100) as link:
        await asyncio.gather(*[await link.post(said(str(number))) for number in range(50)])
        assert (link.connections, gateway.link().window) == (1, 2)


async def test_the_newest_stream_of_a_link_wins() -> None:
    """Two processes of one name would otherwise take the link from each other for ever."""
    async with serving() as gateway, gateway.adapter() as old, gateway.adapter() as new:
        with pytest.raises(LinkTakenOver, match="took over"):
            await anext(old.commands())
        await new.send(said("mine"))
        with pytest.raises(LinkTakenOver):
            await old.send(said("not mine"))


async def test_the_reason_of_an_end_is_not_lost_while_writing() -> None:
    """grpc.aio covers the gateway's status by an error of its own when a write fails; the link must not fall for it."""
    async with serving() as gateway:
        for number in range(10):
            name = f"busy-{number}"
            async with gateway.adapter(name=name, close_timeout_s=0.1) as link:

                async def write(link: GatewayLink = link) -> None:
                    for text in range(100_000):
                        await link.post(said(str(text) * 40))
                        if text % 20 == 0:
                            await asyncio.sleep(0)

                writing = asyncio.create_task(write())
                await gateway.edge.until(lambda name=name: gateway.link(name).received > 100)  # type: ignore[misc]
                stream = gateway.link(name).stream
                assert stream is not None
                stream.close("ABORTED", "a newer stream took over")
                with pytest.raises(LinkTakenOver):
                    await writing


async def test_a_restarted_adapter_numbers_from_one_again() -> None:
    """A new life of the adapter is told apart by its incarnation."""
    async with serving() as gateway:
        for text in ("first life", "second life"):
            async with gateway.adapter() as link:
                await link.send(said(text))
        assert [frame.seq for frame in gateway.link().frames] == [1, 1]


async def test_draining_moves_adapters_to_another_gateway_without_loss() -> None:
    """What is in flight is settled first, and nothing is sent twice."""
    edge = FakeEdge()
    async with serving(edge) as first, serving(edge) as second:
        async with first.adapter(target=[first.target, second.target]) as link:
            outcomes = [await link.post(said(str(number))) for number in range(100)]
            draining = asyncio.create_task(first.server.drain())
            outcomes += [await link.post(said(str(number))) for number in range(100, 200)]
            await asyncio.gather(draining, *outcomes)
            await edge.until(lambda: (first.server.links, second.server.links) == (0, 1))
        assert texts(edge.links["webchat-1"].frames) == [str(number) for number in range(200)]


async def test_an_adapter_that_stays_is_closed_after_the_time_of_grace() -> None:
    """A gateway that must stop does stop."""
    edge = FakeEdge()
    edge.settles = False
    limits = StreamLimits(grace_s=0.2)
    async with serving(edge, limits=limits) as gateway, gateway.adapter(close_timeout_s=0.1) as link:
        await link.post(said("never settled"))
        await gateway.server.drain()
        assert gateway.server.links == 0


async def test_a_gateway_that_dies_is_replaced_by_the_next() -> None:
    """Several targets mean that one gateway is no single point of failure."""
    edge = FakeEdge()
    async with serving(edge) as first, serving(edge) as second:
        async with first.adapter(target=(first.target, second.target)) as link:
            await link.send(said("one"))
            await first.server.stop()
            await link.send(said("two"))
            assert second.server.links == 1
        assert texts(edge.links["webchat-1"].frames) == ["one", "two"]


async def test_a_silent_gateway_is_left() -> None:
    """A network that carries nothing any more, without closing, must not hold the adapter."""
    async with (
        serving() as gateway,
        Proxy(gateway.port) as proxy,
        gateway.adapter(target=[proxy.target, gateway.target], silence_timeout_s=0.3) as link,
    ):
        await link.send(said("one"))
        proxy.freeze()
        await link.send(said("two"))
        assert link.connections == 2


async def test_an_idle_link_stays_up() -> None:
    """Pings are answered, so silence is not mistaken for death."""
    async with serving() as gateway, gateway.adapter(silence_timeout_s=0.2) as link:
        async with asyncio.timeout(10.0):
            while link._stream is None or link._stream._ping < 3:
                await asyncio.sleep(0.01)
        assert (link.connections, link.connected) == (1, True)


async def test_no_gateway_in_time_is_an_error_that_names_where_was_looked() -> None:
    """An adapter with a wrong address says so instead of waiting for ever."""
    async with serving() as gateway, Proxy(gateway.port) as proxy:
        proxy.refusing = True
        with pytest.raises(LinkFailed, match=f"no gateway at {proxy.target} took the link in time"):
            await gateway.adapter(target=proxy.target, connect_timeout_s=0.3).open()


async def test_closing_waits_for_what_was_sent() -> None:
    """An adapter that leaves in good order leaves nothing behind."""
    async with serving() as gateway:
        async with gateway.adapter() as link:
            for number in range(100):
                await link.post(said(str(number)))
        assert len(gateway.link().frames) == 100
        assert gateway.link().closed_for == ["the adapter closes"]
        with pytest.raises(LinkClosed):
            await link.post(said("too late"))
        assert [command async for command in link.commands()] == []


async def test_the_last_command_handled_is_acknowledged_on_closing() -> None:
    """Otherwise it would come again in the adapter's next life."""
    async with serving() as gateway:
        async with gateway.adapter() as link:
            gateway.link().command(ShowTyping("c", True))
            await anext(link.commands())
        assert gateway.link().commands == []


async def test_an_event_too_large_is_refused_without_being_sent() -> None:
    """It could never be taken, and would break every stream it is sent on."""
    async with serving() as gateway, gateway.adapter() as link:
        with pytest.raises(Refused, match="send files by URL"):
            await link.send(said("x" * (LIMITS.event_bytes + 1)))
        await link.send(said("small"))


async def test_many_large_events_are_split_over_frames() -> None:
    """The SDK keeps every frame below the gateway's limit."""
    text = "x" * 200_000
    async with serving() as gateway, gateway.adapter() as link:
        await asyncio.gather(*[await link.post(said(text)) for _ in range(60)])
        assert (len(gateway.link().frames), link.connections) == (60, 1)


async def test_entry_points_can_be_read() -> None:
    """A page that lets customers choose shows what the configuration has, and whether it is open."""
    async with serving() as gateway, GatewayClient(gateway.target, TOKENS[Role.GATEWAY]) as client:
        assert gateway.edge.centre is not None
        gateway.edge.centre.queues["cards"] = FakeQueue({"en": "Cards"}, 20)
        (door,) = await client.read_entry_points("webchat")
        assert (door.name, door.queue, door.queue_names["en"], door.open) == ("main", "cards", "Cards", True)
        assert await client.read_entry_points("phone") == []

"""Adapters, desks and operators on a whole cluster in one process: the gateway over the real edge, hosts and actors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cluster.config.switch import with_emergency
from gateways.sdk import CallFailed, DeskClient, DeskLink, GatewayLink, Refused
from gateways.server.options import Role
from tests.fakes.serving import TOKENS, opened, said
from tests.fakes.world import CENTRE, World, until, world
from trunkline.admin.v1 import admin_pb2
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2


class Chat:
    """A customer and an agent who talk: what each of them was shown."""

    def __init__(self, customer: GatewayLink, desk: DeskLink) -> None:
        self.customer = customer
        self.desk = desk
        self.shown: list[str] = []
        self.notices: list[int] = []
        self.desk_shown: list[str] = []
        self.interaction = ""
        self._tasks = [asyncio.create_task(self._watch_customer()), asyncio.create_task(self._watch_desk())]

    async def begin(self) -> None:
        """Sign Alice in, open a conversation, and have her take it."""
        await self.desk.sign_in("alice", "correct horse")
        await self.act(set_presence=desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE))
        await self.customer.send(opened())
        await until(lambda: self.interaction)

    async def act(self, id_: str = "", **body: object) -> None:
        """Alice does something."""
        await self.desk.send(desk_pb2.Event(id=id_, agent="alice", **body))  # type: ignore[arg-type]  # by name

    async def answer(self, text: str) -> None:
        """Alice writes."""
        content = content_pb2.Content(text=text)
        await self.act(text, send_message=desk_pb2.SendMessage(interaction=self.interaction, content=content))

    async def _watch_customer(self) -> None:
        async for command in self.customer.commands():
            self.shown += [entry.content.text for entry in command.show_entries.entries]
            if command.HasField("show_notice"):
                self.notices.append(command.show_notice.kind)

    async def _watch_desk(self) -> None:
        async for command in self.desk.commands():
            if command.HasField("offer"):
                reservation = command.offer.reservation.reservation
                await self.act(accept_offer=desk_pb2.AcceptOffer(reservation=reservation))
            elif command.HasField("conversation"):
                self.interaction = command.conversation.interaction
                self.desk_shown += [entry.content.text for entry in command.conversation.entries]
            self.desk_shown += [entry.content.text for entry in command.entries.entries]

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def chat(there: World) -> AsyncIterator[Chat]:
    """A conversation that has begun."""
    async with there.adapter() as customer, there.desk() as desk:
        talk = Chat(customer, desk)
        try:
            await talk.begin()
            yield talk
        finally:
            await talk.close()


async def test_a_customer_and_an_agent_talk() -> None:
    """A need comes in at one door, an agent takes it, both hear each other in order, and it ends."""
    async with world() as there, chat(there) as talk:
        await talk.customer.send(said("my card is gone"))
        await until(lambda: "my card is gone" in talk.desk_shown)
        await talk.answer("I will block it")
        await until(lambda: "I will block it" in talk.shown)
        await talk.act(end_conversation=desk_pb2.EndConversation(interaction=talk.interaction))
        await until(lambda: talk.notices and talk.notices[-1] == 4)
        assert talk.notices[0] == 1, "the customer is told of waiting first"


async def test_a_host_dies_in_mid_conversation() -> None:
    """Every acknowledged word arrives once, whichever host it was on."""
    async with world() as there, chat(there) as talk:
        words = [f"word {number}" for number in range(40)]
        for number, word in enumerate(words):
            await talk.customer.post(said(word))
            if number == 20:
                for host in [name for name in there.cluster.hosts if there.cluster.hosts[name].shards]:
                    await there.cluster.kill_host(host)
        await until(lambda: [text for text in talk.desk_shown if text.startswith("word")] == words)


async def test_a_gateway_dies_in_mid_conversation() -> None:
    """Adapter and desk go on over the other gateway, and neither loses nor repeats a word."""
    async with world(gateways=2) as there, chat(there) as talk:
        words = [f"word {number}" for number in range(40)]
        for number, word in enumerate(words):
            await talk.customer.post(said(word))
            if number == 20:
                await there.gateways[0].stop()
                await there.cluster.kill_edge("gateway-1")
        await until(lambda: {text for text in talk.desk_shown if text.startswith("word")} == set(words))
        assert talk.customer.connections > 1
        await talk.answer("still here")
        await until(lambda: "still here" in talk.shown)


async def test_a_refusal_of_an_actor_names_its_reason() -> None:
    """A message to a conversation that does not exist is refused, not lost."""
    async with world() as there, there.adapter() as customer:
        with pytest.raises(Refused) as refused:
            await customer.send(said("hello?", "webchat:nowhere"))
        assert refused.value.code in {"NOT_FOUND", "FAILED_PRECONDITION"}
        await customer.send(opened("webchat:here"))


async def test_a_door_that_is_not_configured_is_refused() -> None:
    """The adapter's operator reads which door is missing."""
    event = opened()
    event.conversation_opened.entry_point = "back"
    async with world() as there, there.adapter() as customer:
        with pytest.raises(Refused, match="no entry point 'back' for channel 'webchat'"):
            await customer.send(event)


async def test_operators_see_and_change_the_cluster() -> None:
    """Status, actors, configuration with its versions, and a drained host."""
    async with world() as there, there.admin() as admin, there.adapter() as customer:
        await customer.send(opened())
        assert [actor.address for actor in (await admin.list_actors("queue")).actors] == ["queue/cards"]
        assert (await admin.show_actor("queue/cards")).actor.shard
        assert (await admin.get_config()).yaml == CENTRE
        assert await admin.apply_config(CENTRE + "# again\n", "test", expected_version=1) == 2
        with pytest.raises(CallFailed, match="ABORTED"):
            await admin.apply_config(CENTRE, "test", expected_version=1)
        with pytest.raises(CallFailed) as failed:
            await admin.apply_config(CENTRE.replace("queue: cards", "queue: loans"), "test")
        assert any("loans" in text for _, text in failed.value.violations)
        assert [revision.version for revision in await admin.config_history()] == [2, 1]
        with pytest.raises(CallFailed, match="no host 'attic'"):
            await admin.drain("attic")
        status = await admin.status()
        assert [link.link for link in status.links] == ["webchat-1"]


COMPLAINTS = """
  complaints:
    name: Complaints
    overflow:
      - {nobody: signed_in, refuse: true, text: {en: Nobody is here., zh: 现在没有人。}}
routing_profiles:
"""
RULES = """
arrival_rules:
  - {when: 'intent == "complaint"', queue: complaints}
emergency: {text: Fire.}
"""


async def test_doors_and_queues_turn_customers_away_with_a_text() -> None:
    """What an adapter knows of an arrival leads it to a queue, whose rule refuses it; the emergency switch ends newcomers."""
    complaining, asking = opened("webchat:1"), opened("webchat:2")
    complaining.conversation_opened.attributes["intent"] = "complaint"
    complaining.conversation_opened.customer.language = "zh"
    centre = CENTRE.replace("routing_profiles:\n", COMPLAINTS.lstrip("\n")) + RULES
    shown: dict[str, list[str]] = {}
    over: dict[str, int] = {}

    async def watch(customer: GatewayLink) -> None:
        async for command in customer.commands():
            shown.setdefault(command.conversation, []).extend(entry.content.text for entry in command.show_entries.entries)
            if command.HasField("show_notice"):
                over[command.conversation] = command.show_notice.kind

    async with world() as there, there.admin() as admin, there.adapter() as customer, asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch(customer))
        await admin.apply_config(centre, "test")
        await until(lambda: all(edge.centre is not None and edge.centre.rules for edge in there.cluster.edges.values()))
        await customer.send(complaining)
        await until(lambda: over.get("webchat:1") == messaging_pb2.NOTICE_KIND_ENDED)
        await customer.send(asking)
        await until(lambda: over.get("webchat:2") == messaging_pb2.NOTICE_KIND_QUEUED)
        await admin.apply_config(with_emergency(centre, active=True), "test")
        await until(lambda: all(edge.centre is not None and edge.centre.emergency for edge in there.cluster.edges.values()))
        await customer.send(opened("webchat:3"))
        await until(lambda: over.get("webchat:3") == messaging_pb2.NOTICE_KIND_CLOSED)
        watching.cancel()
    assert {name: texts for name, texts in shown.items() if texts} == {"webchat:1": ["现在没有人。"], "webchat:3": ["Fire."]}


async def test_desks_read_queues_and_the_directory() -> None:
    """Counters come from the queue's actor, names from the configuration."""
    async with world() as there, there.adapter() as customer, DeskClient(there.targets, TOKENS[Role.DESK]) as desk:
        await customer.send(opened())
        (cards,) = await desk.read_queues(["cards", "attic"])
        assert (cards.queue, cards.waiting, cards.entered) == ("cards", 1, 1)
        directory = await desk.read_directory()
        assert [queue.id for queue in directory.queues] == ["cards"]
        assert [(agent.id, agent.name) for agent in directory.agents] == [("alice", "Alice")]


async def test_the_same_arrival_from_a_restarted_adapter_is_one_interaction() -> None:
    """An adapter that forgot what it sent may say it all again."""
    async with world() as there:
        for _ in range(2):
            async with there.adapter() as customer:
                await customer.send(opened())
                await customer.send(said("hello"))
        async with there.adapter() as customer:
            back = gateway_pb2.Event(conversation="webchat:1")
            back.customer_returned.seen = 0
            await customer.send(back)
            async for command in customer.commands():
                if command.show_entries.entries:
                    assert [entry.content.text for entry in command.show_entries.entries] == ["hello"]
                    break
        async with DeskClient(there.targets, TOKENS[Role.DESK]) as desk:
            (cards,) = await desk.read_queues(["cards"])
            assert cards.entered == 1


async def test_supervisors_move_customers_and_agents_give_them_back() -> None:
    """Two wait; one is put first and pushed to Alice, who talks to them, gives them back, and serves them again."""
    async with world() as there, there.admin() as admin, there.adapter() as customer:
        for number in (1, 2):
            await customer.send(opened(f"webchat:{number}"))
        first = await admin.list_interactions()
        assert [(one.interaction, one.leg) for one in first.interactions] == [("webchat:1/1", 1), ("webchat:2/1", 1)]
        await admin.set_priority("webchat:2/1", 9)
        push = admin_pb2.MoveInteractionRequest(
            id="p1", author="eve", interaction="webchat:2/1", agent="alice", expected_leg=1,
            expected_standing=admin_pb2.STANDING_WAITING,
        )  # fmt: skip
        moved = await admin.move_interaction(push)
        assert (moved.leg, moved.priority, (await admin.move_interaction(push)).leg) == (2, 9, 2), "the same push once"
        push.id = "p2"
        with pytest.raises(CallFailed, match="ABORTED: the interaction has moved on to leg 2"):
            await admin.move_interaction(push)
        async with asyncio.timeout(20):
            while (await admin.list_interactions("cards", limit=1)).interactions[0].interaction != "webchat:2/1":
                await asyncio.sleep(0.01)
        async with there.desk() as desk:
            talk = Chat(customer, desk)
            try:
                await desk.sign_in("alice", "correct horse")
                await talk.act(set_presence=desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE))
                async with asyncio.timeout(20):
                    while (await admin.show_interaction("webchat:2/1")).agent != "alice":
                        await asyncio.sleep(0.01)
                back = desk_pb2.ReturnToQueue(interaction="webchat:2/1", at_end=True)
                await talk.act("b1", return_to_queue=back)
                shown = await admin.show_interaction("webchat:2/1")
                assert (shown.standing, shown.leg, shown.priority) == (admin_pb2.STANDING_WAITING, 3, 9)
            finally:
                await talk.close()

"""A desk's link from end to end: sign-in, speaking for agents, and coming back after a break."""

from __future__ import annotations

import pytest

from actors.actor import Refusal
from actors.address import Address
from actors.messages.agent import AcceptOffer, ExplainReservation, ReservationExplained, SignIn, SignOut
from actors.messages.gateway import Frame
from actors.messages.link import DeskSignedOut
from actors.messages.queue import QueueCounters, ReadQueue
from actors.values import Requirement, SkillLevel, Why
from cluster.errors import Refused as ClusterRefused
from gateways.sdk import CallFailed, DeskClient, Refused
from gateways.server.options import Role
from tests.fakes.edge import FakeAgent, FakeChoice, FakeEdge, FakeQueue
from tests.fakes.proxy import Proxy
from tests.fakes.serving import PASSWORD, PASSWORD_HASH, TOKENS, Serving, serving
from trunkline.desk.v1 import desk_pb2 as pb

ACCEPT = pb.Event(agent="alice", accept_offer=pb.AcceptOffer(reservation="r1"))


def messages(gateway: Serving) -> list[tuple[str, object]]:
    """What the edge was told over the desk's link."""
    return [(frame.to, frame.message) for frame in gateway.link("desk-1").frames]


async def test_an_agent_signs_in_with_a_password_and_then_acts() -> None:
    """The cluster hears where the desk is, and then what the agent does."""
    async with serving() as gateway, gateway.desk() as desk:
        signed = await desk.sign_in("alice", PASSWORD)
        await desk.send(ACCEPT)
        assert (signed.agent, signed.name) == ("alice", "Alice")
        assert messages(gateway) == [("agent/alice", SignIn("desk-1")), ("agent/alice", AcceptOffer("r1"))]


async def test_a_wrong_password_is_told_and_nothing_is_routed() -> None:
    """The cluster never hears of a failed sign-in."""
    async with serving() as gateway, gateway.desk() as desk:
        with pytest.raises(CallFailed) as failed:
            await desk.sign_in("alice", "wrong")
        assert (failed.value.code, failed.value.reason) == ("UNAUTHENTICATED", "SIGN_IN_FAILED")
        assert messages(gateway) == []


async def test_nobody_acts_for_an_agent_who_is_not_signed_in_here() -> None:
    """A desk's token alone does not make every agent's words its own."""
    async with serving() as gateway, gateway.desk() as desk:
        with pytest.raises(Refused) as refused:
            await desk.send(ACCEPT)
        assert (refused.value.code, refused.value.field) == ("PERMISSION_DENIED", "agent")
        assert messages(gateway) == []


async def test_an_agent_who_signed_out_acts_no_more() -> None:
    """The next event needs a new sign-in."""
    async with serving() as gateway, gateway.desk() as desk:
        await desk.sign_in("alice", PASSWORD)
        await desk.sign_out("alice")
        with pytest.raises(Refused, match="not signed in"):
            await desk.send(ACCEPT)
        assert messages(gateway)[-1] == ("agent/alice", SignOut())


async def test_a_token_is_good_for_its_own_agent_only() -> None:
    """One agent cannot sign in as another."""
    edge = FakeEdge()
    async with serving(edge) as gateway, gateway.desk() as desk:
        assert edge.centre is not None
        edge.centre.agents["bob"] = FakeAgent("Bob", PASSWORD_HASH)
        token = (await desk.sign_in("bob", PASSWORD)).token
        with pytest.raises(Refused) as refused:
            await desk.return_to_desk("alice", token)
        assert (refused.value.code, refused.value.field) == ("PERMISSION_DENIED", "sign_in.token")
        with pytest.raises(Refused, match="UNAUTHENTICATED"):
            await desk.return_to_desk("alice", "forged")


async def test_agents_work_on_after_a_break_without_noticing() -> None:
    """Events that were under way go through, and the agents are signed in again by the link itself."""
    edge = FakeEdge()
    async with serving(edge) as gateway, Proxy(gateway.port) as proxy, gateway.desk(target=proxy.target) as desk:
        await desk.sign_in("alice", PASSWORD)
        edge.settles = False
        outcome = await desk.post(ACCEPT)
        proxy.cut()
        edge.settles = True
        await outcome
        await edge.until(lambda: messages(gateway).count(("agent/alice", SignIn("desk-1"))) == 2)
        assert messages(gateway)[1] == ("agent/alice", AcceptOffer("r1"))


async def test_an_agent_whose_token_went_bad_must_sign_in_again_after_a_break() -> None:
    """A changed password ends the agent's sessions at the latest with the connection."""
    edge = FakeEdge()
    async with serving(edge) as gateway, Proxy(gateway.port) as proxy, gateway.desk(target=proxy.target) as desk:
        await desk.sign_in("alice", PASSWORD)
        assert edge.centre is not None
        edge.centre.agents["alice"] = FakeAgent("Alice", PASSWORD_HASH + "x")
        proxy.cut()
        await edge.until(lambda: desk.connections == 2 and not desk._tokens)  # it forgot her
        with pytest.raises(Refused, match="not signed in"):
            await desk.send(ACCEPT)


async def test_a_page_comes_back_with_its_token() -> None:
    """A reloaded page needs no password, even at another desk server."""
    async with serving() as gateway, gateway.desk() as desk, gateway.desk(name="desk-2") as other:
        token = (await desk.sign_in("alice", PASSWORD)).token
        await other.return_to_desk("alice", token)
        await other.send(ACCEPT)
        assert [frame.message for frame in gateway.link("desk-2").frames] == [SignIn("desk-2"), AcceptOffer("r1")]


async def test_a_refused_sign_in_does_not_let_the_agent_act() -> None:
    """What the agent's actor refused did not happen."""
    edge = FakeEdge()

    def judge(frame: Frame) -> Refusal | None:
        return Refusal("FAILED_PRECONDITION", "retired") if isinstance(frame.message, SignIn) else None

    edge.judge = judge
    async with serving(edge) as gateway, gateway.desk() as desk:
        with pytest.raises(Refused, match="retired"):
            await desk.sign_in("alice", PASSWORD)
        assert desk._grants() == []  # nothing to come back with


async def test_commands_reach_the_desk() -> None:
    """A desk hears of its agents over the same machinery as a channel adapter of its customers."""
    async with serving() as gateway, gateway.desk() as desk:
        gateway.link("desk-1").command(DeskSignedOut("alice", "elsewhere"))
        command = await anext(desk.commands())
        assert (command.agent, command.signed_out.reason) == ("alice", "elsewhere")


async def test_queue_counters_can_be_read() -> None:
    """In the order asked for, without those that do not exist."""
    edge = FakeEdge()
    edge.answers[ReadQueue] = QueueCounters("cards", 3, 1, 99, 10, 5, 1, 4)
    async with serving(edge) as gateway, DeskClient(gateway.target, TOKENS[Role.DESK]) as client:
        assert edge.centre is not None
        edge.centre.queues["cards"] = FakeQueue({}, 20)
        assert await client.read_queues(["cards", "attic"]) == await client.read_queues()
        edge.asked.clear()
        (counters,) = await client.read_queues(["cards"])
        assert (counters.queue, counters.waiting, counters.oldest_at, counters.granted_in_target) == ("cards", 3, 99, 4)
        assert edge.asked == [("queue/cards", ReadQueue())]
        edge.answers[ReadQueue] = ClusterRefused(Refusal("NOT_FOUND", "no such queue"))
        assert await client.read_queues(["cards"]) == []


async def test_a_cluster_that_does_not_answer_is_told() -> None:
    """The desk learns that the counters are missing, not that the queues are empty."""
    edge = FakeEdge()
    async with serving(edge) as gateway, DeskClient(gateway.target, TOKENS[Role.DESK]) as client:
        assert edge.centre is not None
        edge.centre.queues["cards"] = FakeQueue({}, 20)
        with pytest.raises(CallFailed, match="UNAVAILABLE"):
            await client.read_queues(["cards"])
        with pytest.raises(CallFailed, match="at most 200"):
            await client.read_queues(["q"] * 201)


async def test_the_directory_tells_what_an_agent_can_choose() -> None:
    """Queues and colleagues to transfer to, dispositions, reasons; and nothing if the asker has it already."""
    edge = FakeEdge()
    async with serving(edge) as gateway, DeskClient(gateway.target, TOKENS[Role.DESK]) as client:
        assert edge.centre is not None
        edge.centre.queues["cards"] = FakeQueue({"en": "Cards", "zh": "银行卡"}, 20)
        edge.centre.dispositions.append(FakeChoice("solved", {"en": "Solved"}))
        edge.centre.presence_reasons.append(FakeChoice("lunch", {"en": "Lunch"}))
        edge.centre.skills["cards"] = {"en": "Cards"}
        directory = await client.read_directory()
        assert directory.version == 1
        assert [(queue.id, queue.names["zh"], queue.service_level_ms) for queue in directory.queues] == [
            ("cards", "银行卡", 20_000)
        ]
        assert [(agent.id, agent.name) for agent in directory.agents] == [("alice", "Alice")]
        choices = (*directory.dispositions, *directory.presence_reasons, *directory.skills)
        assert [choice.id for choice in choices] == ["solved", "lunch", "cards"]
        assert await client.read_directory(known_version=1) == pb.ReadDirectoryResponse(version=1)


async def test_an_agent_learns_why_they_were_asked() -> None:
    """Figures and words of the decision, for the agent whose token it is; a forged token learns nothing."""
    edge = FakeEdge()
    asked = Requirement((SkillLevel("cards", 3),), agent="agent/alice")
    why = Why(9_000, asked, "", 2, 2, 3, 0, (0.0, 4_000.0), Address("agent/bob"), 1, (1.0, 6_000.0))
    edge.answers[ExplainReservation] = ReservationExplained("c/1#1.1", "c/1", Address("queue/cards"), why)
    async with serving(edge) as gateway, DeskClient(gateway.target, TOKENS[Role.DESK]) as client:
        token = (await client.sign_in("alice", PASSWORD)).token
        told = await client.explain_offer(token, "c/1#1.1")
        assert edge.asked == [("agent/alice", ExplainReservation("c/1#1.1"))], "only of her own"
        assert (told.interaction, told.queue, told.choice, told.decided_at) == ("c/1", "cards", "longest_idle", 9_000)
        assert (told.waiting, told.candidates, told.ring, told.rings, told.runner_up_ring) == (2, 3, 1, 2, 2)
        assert (dict(told.needs.skills), told.needs.agent, told.runner_up) == ({"cards": 3}, "alice", "bob")
        assert [(one.measure, one.amount) for one in (*told.findings, *told.runner_up_findings)] == [
            ("idle", 5_000), ("serving", 3_000),
        ]  # fmt: skip
        assert told.words == (
            "longest idle of 3 free (idle for 5.0 s); in ring 1 of 2; bob came next, in ring 2, asked only when nobody "
            "nearer is free"
        )
        for wrong in (token[:-2], ""):
            with pytest.raises(CallFailed, match="UNAUTHENTICATED"):
                await client.explain_offer(wrong, "c/1#1.1")
        with pytest.raises(CallFailed, match="which offer"):
            await client.explain_offer(token, "")
        edge.answers[ExplainReservation] = ReservationExplained("c/1#1.1", "c/1", Address("queue/cards"))
        assert (await client.explain_offer(token, "c/1#1.1")).decided_at == 0, "a decision of an earlier release"
        edge.answers[ExplainReservation] = ClusterRefused(Refusal("NOT_FOUND", "over"))
        with pytest.raises(CallFailed, match="NOT_FOUND"):
            await client.explain_offer(token, "c/1#1.1")

"""The operators' service from end to end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf import json_format

from actors.actor import Refusal
from actors.address import Address
from actors.messages.centre import (
    ApplyCentre,
    CentreHistory,
    CentrePlan,
    CentreRevision,
    CentreVersion,
    ReadCentre,
    ReadCentreHistory,
)
from actors.messages.queue import Places, PlaceView, ReadPlaces
from actors.messages.session import InteractionView, Prioritise, ReadInteraction, Redirect
from actors.values import EndReason, InteractionState, WaitingState
from cluster.errors import Refused
from gateways.sdk import AdminClient, CallFailed
from gateways.server.options import Role
from tests.fakes.edge import FakeEdge, FakeQueue
from tests.fakes.serving import TOKENS, Serving, said, serving
from trunkline.admin.v1 import admin_pb2 as pb


def admin(gateway: Serving) -> AdminClient:
    """An operator at this gateway."""
    return AdminClient(gateway.target, TOKENS[Role.ADMIN])


async def test_a_large_configuration_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling hashes every password, which takes seconds for a large centre; customers are served meanwhile."""
    is_compiling, may_end = threading.Event(), threading.Event()

    def compile_slowly(source: str) -> CentrePlan:
        is_compiling.set()
        assert may_end.wait(20.0), "the gateway must answer others while it compiles"
        return CentrePlan({}, {}, "{}")

    async with serving() as gateway, admin(gateway) as client:
        monkeypatch.setattr(gateway.operations, "compile_centre", compile_slowly)
        applying = asyncio.create_task(client.apply_config("queues: {}", "ops", dry_run=True))
        await asyncio.to_thread(is_compiling.wait, 20.0)
        await client.status()
        may_end.set()
        assert await applying == 1


async def test_status_tells_what_runs() -> None:
    """The gateway, its links and what the cluster says of itself."""
    async with serving(name="gateway-3") as gateway, gateway.adapter(capabilities=["show_entries"], software="x/1") as link:
        await link.send(said("hello"))
        async with admin(gateway) as client:
            status = await client.status()
        assert (status.gateway, status.draining, status.centre_version) == ("gateway-3", False, 1)
        assert json_format.MessageToDict(status.cluster)["hosts"] == {"host-1": 8}
        (there,) = status.links
        assert (there.link, there.service, there.software, list(there.capabilities)) == (
            "webchat-1",
            "gateway",
            "x/1",
            ["show_entries"],
        )
        assert (there.received, there.acknowledged, there.incarnation) == (1, 1, link.incarnation)
        assert there.peer.startswith("ipv4:127.0.0.1:")


async def test_actors_are_listed_in_pages_and_shown() -> None:
    """An operator can look at any actor's state."""
    async with serving() as gateway, admin(gateway) as client:
        gateway.operations.actors = {f"agent/a{n}": {"presence": {"state": "away", "n": n}} for n in range(3)}
        first = await client.list_actors("agent", "a", page_size=2)
        rest = await client.list_actors("agent", "a", page_size=2, page_token=first.next_page_token)
        names = [[actor.address for actor in page.actors] for page in (first, rest)]
        assert (names, rest.next_page_token) == ([["agent/a0", "agent/a1"], ["agent/a2"]], "")
        shown = await client.show_actor("agent/a1")
        assert (shown.actor.address, json_format.MessageToDict(shown.records)["presence"]["n"]) == ("agent/a1", 1)


@pytest.mark.parametrize(
    ("address", "code"), [("agent/nobody", "NOT_FOUND"), ("alice", "INVALID_ARGUMENT"), ("", "INVALID_ARGUMENT")]
)
async def test_an_actor_that_is_not_there_is_told(address: str, code: str) -> None:
    """The text says how to find out what is there, or how an address looks."""
    async with serving() as gateway, admin(gateway) as client:
        with pytest.raises(CallFailed) as failed:
            await client.show_actor(address)
        assert failed.value.code == code


async def test_a_configuration_is_applied() -> None:
    """The centre's actor gets the plan and the author's own text, and answers with the version."""
    edge = FakeEdge()
    edge.answers[ApplyCentre] = CentreVersion(7)
    async with serving(edge) as gateway, admin(gateway) as client:
        assert await client.apply_config("queues: {}", "ops", "first", expected_version=6) == 7
        plan = CentrePlan({}, {}, "{}")
        assert edge.asked == [("centre/main", ApplyCentre(6, "ops", "queues: {}", plan, "first"))]
        await client.apply_config("queues: {}", "ops")
        assert edge.asked[1] == ("centre/main", ApplyCentre(-1, "ops", "queues: {}", plan, ""))


async def test_a_wrong_configuration_is_told_line_by_line_and_not_applied() -> None:
    """Every problem comes back, for people and for programs."""
    async with serving() as gateway, admin(gateway) as client:
        with pytest.raises(CallFailed) as failed:
            await client.apply_config("wrong", "ops")
        assert (failed.value.code, failed.value.reason) == ("INVALID_ARGUMENT", "CONFIG_INVALID")
        problems = ["centre.yaml:1:1: wrong: is wrong; write right", "centre.yaml:2:1: also wrong"]
        assert [text for _, text in failed.value.violations] == problems
        assert gateway.edge.asked == []


async def test_a_dry_run_applies_nothing() -> None:
    """`trunkline config check` against a running cluster."""
    async with serving() as gateway, admin(gateway) as client:
        assert await client.apply_config("queues: {}", "ops", dry_run=True) == 1
        assert gateway.edge.asked == []


async def test_an_author_is_asked_for() -> None:
    """History without names is of no use."""
    async with serving() as gateway, admin(gateway) as client:
        with pytest.raises(CallFailed, match="author is required"):
            await client.apply_config("queues: {}", "")


async def test_a_configuration_that_moved_on_is_not_overwritten() -> None:
    """The second of two operators learns of the first."""
    edge = FakeEdge()
    edge.answers[ApplyCentre] = Refused(Refusal("ABORTED", "version 8 is current"))
    async with serving(edge) as gateway, admin(gateway) as client:
        with pytest.raises(CallFailed, match="ABORTED: version 8 is current"):
            await client.apply_config("queues: {}", "ops", expected_version=7)


async def test_the_configuration_and_its_history_can_be_read() -> None:
    """What is in force, and who made it so."""
    edge = FakeEdge()
    edge.answers[ReadCentre] = CentreVersion(2, "{}", "queues: {}")
    revisions = tuple(CentreRevision(number, number * 10, "ops", "why", "queues: {}") for number in (2, 1))
    edge.answers[ReadCentreHistory] = CentreHistory(revisions)
    async with serving(edge) as gateway, admin(gateway) as client:
        current = await client.get_config()
        assert (current.version, current.yaml) == (2, "queues: {}")
        assert [item.version for item in await client.config_history()] == [2, 1]
        (newest,) = await client.config_history(limit=1)
        assert (newest.version, newest.applied_at, newest.author, newest.comment) == (2, 20, "ops", "why")


async def test_a_cluster_that_does_not_answer_is_told() -> None:
    """The operator learns that the outcome is not known."""
    async with serving() as gateway, admin(gateway) as client:
        with pytest.raises(CallFailed, match="UNAVAILABLE"):
            await client.get_config()


async def test_a_host_is_drained_by_name() -> None:
    """Draining a host is the cluster's business."""
    async with serving() as gateway, admin(gateway) as client:
        await client.drain("host-1")
        assert gateway.operations.drained == ["host-1"]


async def test_a_gateway_is_drained_when_its_adapters_have_left() -> None:
    """The answer comes when it can be stopped, and operators can still ask it."""
    edge = FakeEdge()
    async with (
        serving(edge) as first,
        serving(edge) as second,
        first.adapter(target=[first.target, second.target]) as link,
        admin(first) as client,
    ):
        await asyncio.gather(client.drain(), link.send(said("meanwhile")))
        status = await client.status()
        assert (status.draining, len(status.links)) == (True, 0)
        await edge.until(lambda: second.server.links == 1)


async def test_another_gateway_is_asked_when_the_first_is_gone() -> None:
    """Operators reach the cluster as long as one gateway lives."""
    async with serving() as gateway, serving() as gone:
        await gone.server.stop()
        async with AdminClient([gone.target, gateway.target], TOKENS[Role.ADMIN]) as client:
            assert (await client.status()).gateway == "gateway-1"


async def test_parts_are_started_anew_and_hosts_added() -> None:
    """A gateway is emptied first; a count that makes no sense is refused by name."""
    async with serving(name="gateway-3") as gateway, admin(gateway) as client:
        await client.restart("host-1")
        await client.restart("supervisor")
        assert await client.add_hosts(2) == ["host-1", "host-2"]
        with pytest.raises(CallFailed, match="INVALID_ARGUMENT") as failed:
            await client.add_hosts(0)
        assert failed.value.violations[0][0] == "count"
        await client.restart()
        assert gateway.operations.restarted == ["host-1", "", "gateway-3"]
        assert (await client.status()).draining


WAITING = InteractionView("webchat:c7/1", "webchat", InteractionState.QUEUED, 2, "cards", 3, 1_000)


@contextlib.asynccontextmanager
async def supervising() -> AsyncIterator[tuple[FakeEdge, AdminClient]]:
    """A supervisor of a centre with two queues and an agent for one of them; sessions answer that somebody waits."""
    edge = FakeEdge()
    edge.answers |= dict.fromkeys((ReadInteraction, Redirect, Prioritise), WAITING)
    async with serving(edge) as gateway, admin(gateway) as client:
        assert edge.centre is not None
        edge.centre.queues = {name: FakeQueue({"en": name}, 20.0) for name in ("cards", "loans")}
        yield edge, client


async def test_who_waits_is_listed_queue_by_queue() -> None:
    """Each queue is asked, and what it says is told as it is."""
    ringing = PlaceView("webchat:c7/1", 2, "webchat", 3, 1_000, WaitingState.RESERVED, (Address("agent/alice"),))
    async with supervising() as (edge, client):
        edge.answers[ReadPlaces] = Places("cards", 5, (ringing,))
        every = await client.list_interactions()
        assert [(to, message) for to, message in edge.asked] == [
            ("queue/cards", ReadPlaces(100)),
            ("queue/loans", ReadPlaces(100)),
        ]
        assert every.total == 10
        (one,) = (await client.list_interactions("cards", limit=9_999)).interactions
        assert edge.asked[-1] == ("queue/cards", ReadPlaces(1_000))
        assert (one.interaction, one.queue, one.leg, one.priority, list(one.ringing_at)) == (
            "webchat:c7/1", "cards", 2, 3, ["alice"],
        )  # fmt: skip
        with pytest.raises(CallFailed, match="NOT_FOUND: there is no queue 'attic'; there are: cards, loans"):
            await client.list_interactions("attic")


async def test_an_interaction_is_moved() -> None:
    """The session is told all of it, and its answer comes back."""
    async with supervising() as (edge, client):
        request = pb.MoveInteractionRequest(
            id="m1", author="eve", interaction="webchat:c7/1", agent="alice", fallback_ms=0, expected_leg=2,
            expected_standing=pb.STANDING_WAITING,
        )  # fmt: skip
        moved = await client.move_interaction(request)
        session = Address("session/webchat:c7")
        assert edge.asked == [
            (session, ReadInteraction("webchat:c7/1")),
            (session, Redirect("m1", "eve", "", "alice", 0, True, 2, InteractionState.QUEUED, "webchat:c7/1")),
        ]
        assert (moved.standing, moved.leg, moved.queue) == (pb.STANDING_WAITING, 2, "cards")
        to_queue = pb.MoveInteractionRequest(id="m2", author="eve", interaction="webchat:c7/1", queue="loans", at_end=True)
        await client.move_interaction(to_queue)
        assert edge.asked[-1] == (session, Redirect("m2", "eve", "loans", keep_place=False, interaction="webchat:c7/1"))
        await client.set_priority("webchat:c7/1", 9, expected_leg=2)
        asked: list[object] = [message for _, message in edge.asked]
        assert asked[-1] == Prioritise(9, 2, "webchat:c7/1")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": ""}, "INVALID_ARGUMENT: id is required"),
        ({"author": ""}, "INVALID_ARGUMENT: author is required"),
        ({"interaction": "c7"}, "INVALID_ARGUMENT: interaction is"),
        ({"queue": "attic"}, "NOT_FOUND: there is no queue"),
        ({"agent": "nobody"}, "NOT_FOUND: there is no agent"),
        ({"agent": "alice", "queue": "loans"}, "FAILED_PRECONDITION: alice does not serve loans"),
        ({"fallback_ms": -1}, "INVALID_ARGUMENT: fallback_ms is negative"),
    ],
)
async def test_a_move_to_nowhere_is_refused(change: dict[str, Any], expected: str) -> None:
    """Nobody is sent where nobody would serve them; the text says what to name instead."""
    async with supervising() as (edge, client):
        right: dict[str, Any] = {"id": "m1", "author": "eve", "interaction": "webchat:c7/1", "queue": "cards"}
        with pytest.raises(CallFailed, match=expected):
            await client.move_interaction(pb.MoveInteractionRequest(**{**right, **change}))
        assert not any(isinstance(message, Redirect) for _, message in edge.asked)


async def test_an_interaction_that_moved_on_is_told() -> None:
    """The supervisor who looked at an earlier leg learns of it."""
    async with supervising() as (edge, client):
        edge.answers[Prioritise] = Refused(Refusal("ABORTED", "the interaction has moved on to leg 3"))
        with pytest.raises(CallFailed, match="ABORTED: the interaction has moved on to leg 3"):
            await client.set_priority("webchat:c7/1", 9, expected_leg=2)
        ended = InteractionView("webchat:c7/1", "webchat", InteractionState.ENDED, 3, "cards", 3, 1_000, "", EndReason.AGENT)
        edge.answers[ReadInteraction] = ended
        shown = await client.show_interaction("webchat:c7/1")
        assert (shown.standing, shown.reason) == (pb.STANDING_ENDED, "agent")

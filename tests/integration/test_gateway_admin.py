"""The operators' service from end to end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from google.protobuf import json_format

from actors.actor import Refusal
from actors.messages.centre import (
    ApplyCentre,
    CentreHistory,
    CentrePlan,
    CentreRevision,
    CentreVersion,
    ReadCentre,
    ReadCentreHistory,
)
from cluster.errors import Refused
from gateways.sdk import AdminClient, CallFailed
from gateways.server.options import Role
from tests.fakes.edge import FakeEdge
from tests.fakes.serving import TOKENS, Serving, said, serving


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

"""The metrics page of a whole cluster: one look tells everybody's figures, and never hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from actors.messages.agent import AcceptOffer, SetPresence, SignIn
from actors.messages.link import DeskConversation, DeskOffer
from actors.messages.session import AgentEnds, AgentMessage, Arrive, CustomerMessage
from actors.values import Content, Customer, PresenceState
from cluster.cli.board import Page
from cluster.edge.scrape import Scrape
from cluster.telemetry import metrics
from cluster.telemetry.exposition import exposed
from cluster.transport import LocalTransport, PeerMethod
from gateways.sdk import Refused
from gateways.server.metrics import MetricsServer
from tests.fakes.serving import opened, said
from tests.fakes.world import World, until, world
from tests.unit.cli.world import ALICE, INTERACTION, SECRET, SESSION, Adapter

pytestmark = pytest.mark.integration

GATEWAY = "gateway-1"


@asynccontextmanager
async def page_of(there: World) -> AsyncIterator[str]:
    """Serve the first gateway's metrics on a free port; gives the page's URL."""
    server = MetricsServer(there.cluster.edges[GATEWAY], "127.0.0.1:0")
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()


async def read(url: str, accept: str = "") -> tuple[str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers["Content-Type"]


async def look(url: str) -> Page:
    return Page.parse((await read(url))[0], 0.0)


async def serve_one_customer(there: World) -> str:
    """Alice takes one customer, who writes; gives the reservation."""
    edge = there.cluster.edges[GATEWAY]
    desk, customers = Adapter(edge, "desk-1"), Adapter(edge, "webchat-1")
    await desk.tell(ALICE, SignIn("desk-1"))
    await desk.tell(ALICE, SetPresence(PresenceState.AVAILABLE))
    conversation = SESSION.partition("/")[2]
    await customers.tell(SESSION, Arrive(conversation, "webchat", "webchat-1", Customer("c1", SECRET), "cards"))
    offer = await desk.expect(DeskOffer)
    assert isinstance(offer, DeskOffer)
    await desk.tell(ALICE, AcceptOffer(offer.reservation.reservation))
    await desk.expect(DeskConversation)
    await customers.tell(SESSION, CustomerMessage("m1", Content(SECRET)))
    await desk.tell(SESSION, AgentMessage("alice", INTERACTION, "m2", Content(SECRET)))
    return offer.reservation.reservation


async def test_one_page_tells_the_whole_cluster() -> None:
    """A served customer is seen by the figures of queue, host, gateway and supervisor, and by none of their words."""
    async with world(gateways=2) as there, page_of(there) as url:
        reservation = await serve_one_customer(there)
        text, _ = await read(url)
        page = Page.parse(text, 0.0)
        assert {(labels["kind"], labels["name"]) for labels, value in page.of(metrics.UP.name) if value} == {
            ("gateway", "gateway-1"), ("gateway", "gateway-2"), ("supervisor", "supervisor"), ("queue", "cards"),
            *(("host", host) for host in there.cluster.hosts),
        }  # fmt: skip
        assert page.by(metrics.INTERACTIONS, "state") == {"queued": 0, "connected": 1, "wrapping": 0}
        assert page.by(metrics.AGENTS, "presence") == {"available": 1}
        assert page.total(metrics.QUEUE_GRANTED, queue="cards") == 1
        assert page.total(metrics.OFFERS, queue="cards", outcome="accepted") == 1
        assert page.total(metrics.INTERACTION_MOVES, state="arrived", channel="webchat") == 1
        assert page.by(metrics.MESSAGES, "author")["agent"] == 1
        assert page.total(metrics.SHARDS) == page.total(metrics.HOST_SHARDS) == there.cluster.placement.shards
        assert page.total(metrics.COMMITS) > 0 < page.total(metrics.TURNS)
        assert (
            page.values["trunkline_wait_seconds_count", (("host", "host-1"), ("outcome", "granted"), ("queue", "cards"))] == 1
        )
        for private in (SECRET, INTERACTION, "c1", "alice", reservation):
            assert private not in text, "no words, no ids without end, no people (I15)"


async def test_the_format_is_the_scrapers_choice() -> None:
    """Prometheus gets OpenMetrics when it asks for it, the text format otherwise."""
    async with world() as there, page_of(there) as url:
        assert (await read(url))[1].startswith("text/plain")
        text, content_type = await read(url, "application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("application/openmetrics-text") and text.endswith("# EOF\n")


async def test_streams_are_counted() -> None:
    """What adapters say over real streams is counted at the gateway: frames, events, links, acknowledgements."""
    async with world() as there, page_of(there) as url:
        async with there.adapter() as customer:
            await customer.send(opened("webchat:here"))
            with pytest.raises(Refused) as refused:
                await customer.send(said("hello?", "webchat:nowhere"))
            page = await look(url)
            mine = {"gateway": GATEWAY, "service": "gateway"}
            assert page.total(metrics.LINKS, **mine) == 1
            assert page.total(metrics.EVENTS_IN, **mine) == 2 <= page.total(metrics.FRAMES_IN, **mine)
            assert page.total(metrics.FRAMES_OUT, **mine) > 0
            assert page.values["trunkline_ack_seconds_count", tuple(mine.items())] == 2
            assert page.total(metrics.EVENTS_REFUSED, code=refused.value.code, **mine) == 1
            assert page.total(metrics.REFUSALS, code=refused.value.code) == 1
        await until(lambda: not there.gateways[0].links)
        assert (await look(url)).total(metrics.LINKS) == 0


class Stopped:
    """A process that was stopped in the middle of everything: it takes calls and never answers."""

    @property
    def methods(self) -> dict[str, PeerMethod]:
        return dict.fromkeys(("metrics", "deliver", "report", "links", "table"), self.never)

    async def never(self, _: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""


async def test_a_silent_host_does_not_hold_the_page_up() -> None:
    """Who does not answer is told as down, with the queues that live there; sums that lack a part are left out."""
    async with world() as there:
        edge, transport = there.cluster.edges[GATEWAY], there.cluster.transport
        assert isinstance(transport, LocalTransport)
        scrape = Scrape(edge, transport, timeout_s=0.1)
        whole = Page.parse(exposed(await scrape.read())[0].decode(), 0)
        assert whole.total(metrics.UP, name="host-1") == 1
        transport.add("host-1", Stopped())
        page = Page.parse(exposed(await scrape.read())[0].decode(), 0)
        assert (page.total(metrics.UP, name="host-1"), page.total(metrics.UP, kind="queue", name="cards")) == (0, 0)
        assert page.total(metrics.UP, kind="supervisor") == 1
        assert list(page.of(metrics.TURNS.name, host="host-1")) == []
        assert list(page.of(metrics.INTERACTIONS.name)) == []


async def test_looks_at_the_same_time_cost_one() -> None:
    """However many ask at once, the cluster is asked once."""
    async with world() as there:
        edge, transport = there.cluster.edges[GATEWAY], there.cluster.transport
        scrape = Scrape(edge, transport)
        told = await asyncio.gather(*(scrape.read() for _ in range(20)))
        assert all(one is told[0] for one in told)
        assert await scrape.read() is not told[0], "the next look is a new one"


async def test_takeovers_keep_the_figures_right() -> None:
    """After a host died, another one knows every agent and conversation, and the supervisor tells of the loss."""
    async with world() as there, page_of(there) as url:
        await serve_one_customer(there)
        await there.cluster.kill_host("host-1")

        async def taken_over() -> Page | None:
            page = await look(url)
            counted = page.by(metrics.INTERACTIONS, "state") == {"queued": 0, "connected": 1, "wrapping": 0}
            return page if counted and page.by(metrics.AGENTS, "presence") == {"available": 1} else None

        async with asyncio.timeout(20):
            while (page := await taken_over()) is None:
                await asyncio.sleep(0.02)
        assert page.total(metrics.HOSTS_LOST, how="died") == 1
        assert page.total(metrics.SHARD_MOVES, how="moved") >= 1


async def test_a_taken_port_stops_no_gateway() -> None:
    """Customers come first: without a port for metrics the gateway serves all the same."""
    async with world() as there, page_of(there) as url:
        second = MetricsServer(there.cluster.edges[GATEWAY], url.removeprefix("http://").partition("/")[0])
        await second.start()
        assert second.url == ""
        await second.stop()
        assert (await read(url))[0]


async def test_what_an_agent_finishes_is_gone() -> None:
    """After end and wrap-up nothing is counted as alive."""
    async with world() as there, page_of(there) as url:
        await serve_one_customer(there)
        second_desk = Adapter(there.cluster.edges[GATEWAY], "desk-2")
        await second_desk.tell(SESSION, AgentEnds("alice", INTERACTION))
        async with asyncio.timeout(20):
            while (page := await look(url)).total(metrics.INTERACTIONS, state="connected"):
                await asyncio.sleep(0.01)
        assert page.by(metrics.INTERACTIONS, "state") == {"queued": 0, "connected": 0, "wrapping": 0}
        assert page.total(metrics.INTERACTIONS_ENDED, reason="agent") == 1

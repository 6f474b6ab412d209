"""The pages' WebSockets against the whole product: what the contract promises, and what happens to those who break it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateways.desk.frames import SUBPROTOCOL as DESK
from gateways.sdk import AdminClient
from gateways.webchat.frames import SUBPROTOCOL as WEBCHAT
from tests.product import ADMIN_TOKEN, PASSWORD, Product

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENCE_S = 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """One product for all tests here: each uses customers and agents of its own."""
    async with Product(tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def alone(tmp_path: Path) -> AsyncIterator[Product]:
    """One for a test that wants nobody else's customers to wait."""
    async with Product(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of its own for each test."""
    async with aiohttp.ClientSession() as session:
        yield session


class Socket:
    """A page's side of a socket, frame by frame."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, type_: str, **fields: object) -> None:
        """Send a frame."""
        await self._socket.send_str(json.dumps({"type": type_, **fields}))

    async def send_raw(self, content: str | bytes) -> None:
        """Send anything."""
        await (self._socket.send_bytes(content) if isinstance(content, bytes) else self._socket.send_str(content))

    async def next(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types; others are passed over."""
        while True:
            frame: dict[str, Any] = json.loads(await self._socket.receive_str(timeout=PATIENCE_S))
            if frame["type"] in types:
                return frame

    async def closed(self) -> int | None:
        """The code with which the server closed."""
        while True:
            message = await self._socket.receive(timeout=PATIENCE_S)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self._socket.close_code


async def connect(http: aiohttp.ClientSession, url: str, subprotocol: str) -> Socket:
    socket = await http.ws_connect(f"{url}/ws", protocols=(subprotocol,))
    return Socket(socket)


async def visit(http: aiohttp.ClientSession, product: Product, secret: str, **fields: str) -> Socket:
    """A page that started a conversation with this secret."""
    page = await connect(http, product.webchat_url, WEBCHAT)
    await page.send("start", secret=secret, visitor="v" * 32, **fields)
    await page.next("ready")
    return page


async def sign_in(http: aiohttp.ClientSession, product: Product, agent: str) -> Socket:
    """A desk page that signed this agent in."""
    page = await connect(http, product.desk_url, DESK)
    await page.send("sign_in", ref="1", agent=agent, password=PASSWORD)
    await page.next("signed_in")
    return page


async def serve(page: Socket, name: str) -> str:
    """Become available and take the offer of this customer; returns the interaction."""
    await page.send("presence", ref="2", presence="available")
    while (reservation := (await page.next("offer"))["reservation"])["customer"]["name"] != name:
        continue
    await page.send("accept", ref="3", reservation=reservation["reservation"])
    return str((await page.next("conversation"))["interaction"])


async def test_bad_frames_are_answered(http: aiohttp.ClientSession, product: Product) -> None:
    """Whatever does not validate is answered with what was wrong, and the conversation goes on."""
    page = await connect(http, product.webchat_url, WEBCHAT)
    for content in (
        "",
        "{",
        "[]",
        '{"type":"shout"}',
        b"\x00\xff",
        '{"type":"say","id":"12345678","text":1}',
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ):
        await page.send_raw(content)
        assert (await page.next("problem"))["code"] == "INVALID_ARGUMENT", f"{content!r} must be explained"
    await page.send("say", id="12345678", text="too early")
    assert (await page.next("problem"))["detail"] == "send `start` or `resume` first"
    await page.send("start", secret="b" * 32, visitor="v" * 32)
    assert (await page.next("ready"))["resumed"] is False, "after all that the page can still begin"


async def test_other_versions_are_told(http: aiohttp.ClientSession, product: Product) -> None:
    """A page of another version of the protocol is refused before anything is said, and told which one to use."""
    for url, right in ((product.webchat_url, WEBCHAT), (product.desk_url, DESK)):
        for wrong in ({}, {"Sec-WebSocket-Protocol": "trunkline.webchat.v9"}):
            upgrade = {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
            }
            async with http.get(f"{url}/ws", headers={**upgrade, **wrong}) as answer:
                assert answer.status == 400
                assert f"subprotocol {right}" in await answer.text(), "the answer must say what to speak"


async def test_a_frame_that_is_too_large_ends_only_that_page(http: aiohttp.ClientSession, product: Product) -> None:
    """A frame beyond 64 KiB closes the page with "message too big"; another page does not notice."""
    other = await visit(http, product, "c" * 32)
    page = await connect(http, product.webchat_url, WEBCHAT)
    await page.send_raw("x" * 100_000)
    assert await page.closed() == 1009
    await other.send("ping")
    await other.next("pong")


async def test_sending_again_is_harmless(http: aiohttp.ClientSession, product: Product) -> None:
    """A start, and a message with the same id, may come any number of times, also over another socket."""
    first = await visit(http, product, "d" * 32, name="Nora")
    second = await visit(http, product, "d" * 32, name="Nora")
    for page in (first, second, second):
        await page.send("say", id="the-same-id", text="hello")
        assert (await page.next("accepted"))["id"] == "the-same-id"
    third = await connect(http, product.webchat_url, WEBCHAT)
    await third.send("resume", secret="d" * 32, seen=0)
    frame = await third.next("entries")
    assert [(entry["number"], entry["text"]) for entry in frame["entries"]] == [(1, "hello")], "it was said once"


async def test_resume_shows_what_was_missed(http: aiohttp.ClientSession, product: Product) -> None:
    """A page that comes back is shown everything after what it has, and where the conversation stands."""
    page = await visit(http, product, "e" * 32)
    for number in range(1, 4):
        await page.send("say", id=f"message-{number}", text=str(number))
        await page.next("accepted")
    back = await connect(http, product.webchat_url, WEBCHAT)
    await back.send("resume", secret="e" * 32, seen=1)
    assert [entry["number"] for entry in (await back.next("entries"))["entries"]] == [2, 3]
    assert (await back.next("notice"))["kind"] == "queued"


async def test_nobody_reads_anothers_conversation(http: aiohttp.ClientSession, product: Product) -> None:
    """A secret that opened nothing gets nothing, and the id that agents see is no secret."""
    page = await visit(http, product, "f" * 32)
    await page.send("say", id="12345678", text="private")
    await page.next("accepted")
    stranger = await connect(http, product.webchat_url, WEBCHAT)
    await stranger.send("resume", secret="g" * 32, seen=0)
    assert (await stranger.next("gone", "entries", "ready"))["type"] == "gone"
    await stranger.send("say", id="12345678", text="may I?")
    assert (await stranger.next("problem"))["code"] == "FAILED_PRECONDITION"


async def test_unknown_topic_is_refused(http: aiohttp.ClientSession, product: Product) -> None:
    """A topic that the configuration does not know is refused in words, and the page can start with another."""
    page = await connect(http, product.webchat_url, WEBCHAT)
    await page.send("start", secret="h" * 32, visitor="v" * 32, topic="no-such-door")
    refused = await page.next("refused")
    assert (refused["id"], refused["code"], refused["retry_after_ms"]) == ("start", "NOT_FOUND", 0)
    assert "no-such-door" in refused["detail"]
    await page.send("start", secret="h" * 32, visitor="v" * 32, topic="cards")
    await page.next("ready")


async def test_messages_after_the_end_are_refused(http: aiohttp.ClientSession, product: Product) -> None:
    """An ended conversation takes no message, and says so."""
    page = await visit(http, product, "i" * 32)
    await page.send("leave")
    assert (await page.next("notice"))["kind"] in {"queued", "ended"}
    await page.send("say", id="12345678", text="one more thing")
    refused = await page.next("refused")
    assert (refused["id"], refused["code"]) == ("12345678", "FAILED_PRECONDITION")


async def test_uploads(http: aiohttp.ClientSession, product: Product) -> None:
    """Only the page in a conversation may upload to it, within the limit, and only what is allowed; others are told why."""
    secret = "j" * 32
    url = f"{product.webchat_url}/attachments"
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)

    async def upload(content: bytes, media_type: str = "image/png", bearer: str = secret) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": media_type, "X-File-Name": "%E5%8F%91%E7%A5%A8.png"}
        async with http.post(url, data=content, headers=headers) as answer:
            return answer.status, await answer.json()

    assert (await upload(png))[0] == 401, "before the conversation there is nowhere to attach to"
    page = await visit(http, product, secret)
    assert (await upload(png, bearer="k" * 32))[0] == 401, "another's secret opens nothing"
    assert await upload(png + bytes(1_100_000)) == (413, {"detail": "the file is larger than 1 MB; attach a smaller one"})
    assert (await upload(b"<b>", "text/html"))[0] == 415
    status, kept = await upload(png)
    assert (status, kept["name"], kept["size_bytes"]) == (201, "发票.png", len(png))
    async with http.get(kept["url"]) as answer:
        assert (answer.status, await answer.read()) == (200, png), "what was kept comes back unchanged"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    async with http.get(f"{url}/{'a' * 24}") as answer:
        assert answer.status == 404
    await page.send("say", id="12345678", attachments=[kept["id"]])
    await page.next("accepted")
    assert (await page.next("entries"))["entries"][0]["attachments"] == [kept], "the message carries the file"
    stranger = await visit(http, product, "l" * 32)
    await stranger.send("say", id="12345678", attachments=[kept["id"]])
    assert (await stranger.next("refused"))["code"] == "NOT_FOUND", "a file belongs to the conversation it was attached in"


async def test_the_desk_needs_a_sign_in(http: aiohttp.ClientSession, product: Product) -> None:
    """Nothing is done for a page before it signed in; a wrong password and an invented token are told apart from it."""
    page = await connect(http, product.desk_url, DESK)
    await page.send("presence", ref="1", presence="available")
    assert (await page.next("problem"))["code"] == "UNAUTHENTICATED"
    await page.send("sign_in", ref="2", agent="alice", password="wrong")
    assert (await page.next("refused"))["code"] == "UNAUTHENTICATED"
    await page.send("resume", ref="3", agent="alice", token="invented")
    assert (await page.next("signed_out"))["reason"] == "expired"
    token = {"Authorization": "Bearer invented", "Content-Type": "image/png"}
    async with http.post(f"{product.desk_url}/attachments", data=b"x", headers=token) as answer:
        assert answer.status == 401


async def test_a_token_is_good_for_its_agent_only(http: aiohttp.ClientSession, product: Product) -> None:
    """An agent's token does not let the page resume as somebody else."""
    page = await connect(http, product.desk_url, DESK)
    await page.send("sign_in", ref="1", agent="farid", password=PASSWORD)
    token = (await page.next("signed_in"))["token"]
    thief = await connect(http, product.desk_url, DESK)
    await thief.send("resume", ref="1", agent="grace", token=token)
    assert (await thief.next("signed_out", "signed_in"))["type"] == "signed_out"


async def test_agents_act_only_in_their_own_conversations(http: aiohttp.ClientSession, product: Product) -> None:
    """An agent cannot write to, end or transfer a conversation that another one serves."""
    customer = await visit(http, product, "n" * 32, topic="payments", name="Omar")
    daniel = await sign_in(http, product, "daniel")
    interaction = await serve(daniel, "Omar")
    emma = await sign_in(http, product, "emma")
    await emma.send("say", ref="says", interaction=interaction, text="let me")
    await emma.send("end", ref="ends", interaction=interaction)
    await emma.send("transfer", ref="moves", interaction=interaction, queue="cards")
    for ref in ("says", "ends", "moves"):
        refused = await emma.next("refused")
        assert (refused["ref"], refused["code"]) == (ref, "PERMISSION_DENIED"), "only the serving agent may"
    await daniel.send("say", ref="mine", interaction=interaction, text="hello")
    await daniel.next("accepted")
    assert (await customer.next("entries"))["entries"][0]["text"] == "hello"


async def test_an_agent_asks_why_they_got_a_conversation(http: aiohttp.ClientSession, product: Product) -> None:
    """The page is told the figures of the decision; nobody is told of another agent's offers."""
    grace = await sign_in(http, product, "grace")
    await grace.send("presence", ref="2", presence="available")
    await grace.next("accepted")
    await visit(http, product, "w" * 32, topic="payments", name="Wim")
    while (offer := (await grace.next("offer"))["reservation"])["customer"]["name"] != "Wim":
        continue
    await grace.send("explain", ref="why", reservation=offer["reservation"])
    told = await grace.next("explained")
    assert (told["ref"], told["reservation"], told["ring"], told["rings"]) == ("why", offer["reservation"], 1, 1)
    assert (told["choice"], 0 < told["decided_at"] <= offer["started_at"]) == ("longest_idle", True)
    assert told["needs"]["skills"] == {"english": 3, "payments": 3}, "the door's and the queue's"
    emma = await sign_in(http, product, "emma")
    await emma.send("explain", ref="hers", reservation=offer["reservation"])
    refused = await emma.next("refused")
    assert (refused["ref"], refused["code"]) == ("hers", "NOT_FOUND"), "it is not hers"
    await grace.send("accept", ref="3", reservation=offer["reservation"])
    await grace.next("conversation")
    await grace.send("explain", ref="again", reservation=offer["reservation"])
    assert (await grace.next("explained"))["decided_at"] == told["decided_at"], "also while it is served"


async def test_only_who_serves_gives_back(http: aiohttp.ClientSession, product: Product) -> None:
    """The customer waits again, in the place that the frame says; another agent cannot send them away."""
    farid = await sign_in(http, product, "farid")
    await visit(http, product, "x" * 32, topic="cards", name="Xia")
    interaction = await serve(farid, "Xia")
    emma = await sign_in(http, product, "emma")
    await emma.send("give_back", ref="hers", interaction=interaction)
    assert (await emma.next("refused"))["code"] == "PERMISSION_DENIED"
    await farid.send("give_back", ref="back", interaction=interaction, keep_place=False)
    assert (await farid.next("accepted", "refused"))["type"] == "accepted"
    assert (await farid.next("offer_ended"))["outcome"] in {"wrapping", "completed"}
    async with AdminClient(product.target, ADMIN_TOKEN) as admin:
        shown = await admin.show_interaction(interaction)
    assert (shown.leg, shown.queue) == (2, "cards"), "in the queue they came from"


async def test_a_colleague_is_asked(http: aiohttp.ClientSession, alone: Product) -> None:
    """Wang asks Zhang; they write where the customer does not see it; Zhang joins in, and has the customer in the end."""
    customer = await visit(http, alone, "k" * 32, name="Xia", topic="chinese")
    wang, zhang = await sign_in(http, alone, "wang-fang"), await sign_in(http, alone, "zhang-min")
    interaction = await serve(wang, "Xia")
    await zhang.send("presence", ref="2", presence="available")
    await wang.send("ask_colleague", ref="k1", interaction=interaction, queue="chinese", to_agent="zhang-min")
    assert (await wang.next("consult"))["consult"]["stage"] == "asking"
    while (offer := (await zhang.next("offer"))["reservation"])["asks"] != "王芳":
        continue
    await zhang.send("accept", ref="3", reservation=offer["reservation"])
    while (shown := await zhang.next("conversation"))["interaction"] != offer["interaction"]:
        continue
    consult = shown["consult"]["consult"]
    known_as = shown["interaction"]
    assert consult == known_as, "Zhang knows the conversation by the consult"
    await zhang.send("say", ref="zhang-aside-1", interaction=known_as, text="what is it about?", aside=True)
    assert (await wang.next("asides"))["asides"][0]["text"] == "what is it about?"
    await zhang.send("say", ref="zhang-says-0", interaction=known_as, text="hello")
    assert (await zhang.next("refused"))["code"] == "PERMISSION_DENIED"
    await wang.send("conference", ref="k2", interaction=interaction, consult=consult)
    while (notice := await customer.next("notice"))["kind"] != "joined":
        continue
    assert notice["agent_name"] == "张敏"
    await zhang.send("say", ref="zhang-says-1", interaction=known_as, text="hello, zhang here")
    assert [entry["text"] for entry in (await customer.next("entries"))["entries"]] == ["hello, zhang here"]
    await wang.send("hand_over", ref="k3", interaction=interaction, consult=consult)
    kinds = [((said := await customer.next("notice"))["kind"], said["agent_name"]) for _ in range(2)]
    assert kinds == [("left", "王芳"), ("connected", "张敏")]
    again = await connect(http, alone.webchat_url, WEBCHAT)
    await again.send("resume", secret="k" * 32, seen=0)
    entries = (await again.next("entries"))["entries"]
    assert [entry["text"] for entry in entries] == ["hello, zhang here"], "and never what was said between agents"
    await zhang.send("end", ref="9", interaction=known_as)
    while (notice := await customer.next("notice"))["kind"] != "ended":
        continue


async def test_other_sites_cannot_open_the_desk(http: aiohttp.ClientSession, product: Product) -> None:
    """A page of another site may not open the desk's socket in an agent's browser; the desk's own page may."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{product.desk_url}/ws", protocols=(DESK,), origin="https://evil.example")
    assert refused.value.status == 403
    async with http.ws_connect(f"{product.desk_url}/ws", protocols=(DESK,), origin=product.desk_url) as socket:
        assert json.loads(await socket.receive_str())["type"] == "welcome"


async def test_pages_are_served_safely(http: aiohttp.ClientSession, product: Product) -> None:
    """Both pages come with a content security policy, hashed files may be kept, and nothing outside is served."""
    async with http.get(product.desk_url) as answer:
        page = await answer.text()
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], "nobody may frame the desk"
    script = next(part for part in page.split('"') if part.endswith(".js")).removeprefix("./")
    async with http.get(f"{product.desk_url}/{script}") as answer:
        assert (answer.status, "immutable" in answer.headers["Cache-Control"]) == (200, True)
    async with http.get(f"{product.webchat_url}/widget.js") as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*"), "other sites embed the widget"
    for path in ("/..%2f..%2fpyproject.toml", "/sources.sha256", "/server.py", "/static/index.html"):
        async with http.get(product.desk_url + path) as answer:
            assert answer.status == 404, f"{path} is not for browsers"
    for url in (product.desk_url, product.webchat_url):
        async with http.get(f"{url}/healthz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ok")


async def test_many_pages_share_one_link(http: aiohttp.ClientSession, product: Product) -> None:
    """Many customers at once are each told of their own conversation only."""
    pages = await asyncio.gather(*(visit(http, product, f"{number:032}") for number in range(50)))
    await asyncio.gather(*(page.send("say", id="12345678", text=f"I am {n}") for n, page in enumerate(pages)))
    shown = await asyncio.gather(*(page.next("entries") for page in pages))
    assert [frame["entries"][0]["text"] for frame in shown] == [f"I am {n}" for n in range(50)]

"""Every door of the running product: nothing that comes in may crash it, hang it, leak in it or be half accepted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp
import grpc
import msgpack
import pytest
from hypothesis import strategies as st

from gateways.desk.frames import SUBPROTOCOL as DESK
from gateways.sdk.ending import Ending
from gateways.web import attachment_routes
from gateways.webchat.frames import SUBPROTOCOL as WEBCHAT
from tests.fuzz.mutation import mutated_bytes, texts
from tests.fuzz.served import DEFECTS, PATIENCE_S, SECRET, TOKENS, Served
from tests.fuzz.storm import storm
from tests.fuzz.test_decoders import CRAFTED, DESK_FRAMES, SAMPLE, WEBCHAT_FRAMES, json_inputs
from tests.fuzz.wire_messages import encoded, messages
from trunkline.admin.v1 import admin_pb2
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2

pytestmark = pytest.mark.integration

#: Stands in inputs for a conversation that nobody had before, so that one attempt does not live in another's.
PLACE = "webchat:" + "0" * 32
METHODS: list[tuple[str, str, Any, Any]] = [
    (f"/{service.full_name}/{method.name}", role, module, method)
    for role, module, service in (
        ("gateway", gateway_pb2, gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"]),
        ("desk", desk_pb2, desk_pb2.DESCRIPTOR.services_by_name["DeskService"]),
        ("admin", admin_pb2, admin_pb2.DESCRIPTOR.services_by_name["AdminService"]),
    )
    for method in service.methods
    if not method.client_streaming
]
#: How the names begin of hosts that nobody has.
NOBODY = ("host-99", "x")
LIKELY = {
    "channel": st.just("webchat"),
    "entry_point": st.sampled_from(["default", "cards"]),
    "agent": st.sampled_from(["alice", "bob"]),
    "address": st.sampled_from(
        ["agent/alice", "queue/cards", "centre/main", "x" * 100_000, "agent/" + "é" * 20_000, "session/\n"]
    ),
    "yaml": st.sampled_from(
        [SAMPLE, *(text.decode("utf-8", "replace") for text in CRAFTED), "agents: {" + "a b: 1,\n" * 3_000 + "}"]
    ),
    "author": st.just("fuzz"),
    "dry_run": st.just(True),
    "host": st.sampled_from(["host-99", "x" * 100_000]),
    "part": st.sampled_from(["host-99", "x" * 100_000]),
    "kind": st.sampled_from(["agent", ""]),
    "password": st.sampled_from(["trunkline", "", "\x00", "p" * 100_000]),
    "conversation": st.sampled_from([PLACE, PLACE, PLACE, "a/b", "\n", "x" * 300]),
    "id": st.sampled_from(["m-1", "m-2", "m-3", "m-4"]),
    "interaction": st.sampled_from([PLACE + "/1", "webchat:a/٣", "/1"]),
    "queue": st.sampled_from(["cards", "nothing"]),
    "reservation": st.just("r"),
    "visibility": st.just(0),
    "post": st.just(""),
    "reply_to": st.just(""),
    "deadline_at": st.just(0),
    "text": st.sampled_from(["hello", "\x00", "😀" * 5_000, "x" * 70_000]),
    "presence": st.sampled_from([2, 3]),
    "media_type": st.just("image/png"),
    "url": st.just("http://127.0.0.1/a"),
    "source": st.sampled_from(["0", "1", "9", "\n", "agent/x"]),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One product for all storms of this module: what one leaves behind, the next one meets."""
    with Served(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_leaks(served: Served) -> Iterator[None]:
    """After a storm, links, pages, tasks and tables are back where they were."""
    before = served.run(served.held())
    yield
    assert served.run(served.left_over(before)) == {}, f"before: {before}"


def _kind(module: Any, method: Any) -> Any:
    return getattr(module, method.input_type.name)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method[0].rpartition("/")[2])
def test_calls(served: Served, method: tuple[str, str, Any, Any]) -> None:
    """A call with any request is answered or refused by a status that says whose fault it is."""
    path, role, module, descriptor = method
    kind = _kind(module, descriptor)

    async def call(content: bytes) -> None:
        if _would_stop_the_gateway(path, content):
            return
        async with served.channel() as channel:
            metadata = (("authorization", f"Bearer {TOKENS[role]}"),)
            try:
                await channel.unary_unary(path)(content, metadata=metadata, timeout=PATIENCE_S / 2)
            except grpc.aio.AioRpcError as error:
                assert error.code() not in (*DEFECTS, grpc.StatusCode.DEADLINE_EXCEEDED), f"{path}: {error}"
                # A client drops an answer whose status is larger than its limit for headers, and never learns why.
                assert "metadata size exceeds" not in (error.details() or ""), error.details()

    storm(descriptor.name, encoded(messages(kind, LIKELY)), lambda content: served.attempt(call(content)), examples=15)


def _would_stop_the_gateway(path: str, content: bytes) -> bool:
    """Ending, adding or changing what serves the test is no accident but what was asked for."""
    try:
        if path.endswith("/Drain"):
            return not admin_pb2.DrainRequest.FromString(content).host.startswith(NOBODY)
        if path.endswith("/Restart"):
            return not admin_pb2.RestartRequest.FromString(content).part.startswith(NOBODY)
        if path.endswith("/AddHosts"):
            return 0 < admin_pb2.AddHostsRequest.FromString(content).count < 1_000
        return path.endswith("/ApplyConfig") and not admin_pb2.ApplyConfigRequest.FromString(content).dry_run
    except Exception:
        return False


@st.composite
def conversations(draw: st.DrawFn, role: str) -> bytes:
    """The frames of one stream: mostly Hello and then numbered events, sometimes out of order or damaged."""
    module: Any = gateway_pb2 if role == "gateway" else desk_pb2
    frame_kind: Any = gateway_pb2.AdapterFrame if role == "gateway" else desk_pb2.DeskFrame
    wild = messages(frame_kind, LIKELY)
    content: list[bytes] = []
    seq = 0
    if draw(st.integers(0, 9)):
        first = frame_kind()
        first.hello.protocol_version, first.hello.link, first.hello.incarnation = 1, f"fuzz-{role}", "i" * 32
        first.hello.resume_after = draw(st.sampled_from([0, 0, 0, 0, 7, 2**32, 2**63, 2**64 - 2]))
        first.hello.window = draw(st.sampled_from([0, 0, 0, 1, 4, 2**32 - 1]))
        seq = first.hello.resume_after
        content.append(first.SerializeToString())
    if role == "gateway" and draw(st.booleans()):
        seq += 1
        opening = frame_kind()
        event = opening.events.add(seq=seq % 2**64, conversation=PLACE)
        event.conversation_opened.channel, event.conversation_opened.customer.id = "webchat", "c"
        content.append(opening.SerializeToString())
    for _ in range(draw(st.integers(1, 4))):
        frame = draw(wild)
        if draw(st.integers(0, 9)):
            for name in ("hello", "goodbye"):
                frame.ClearField(name)
            for event in frame.events:
                seq += 1
                event.seq = seq % 2**64
        elif draw(st.booleans()):
            frame.events.extend([module.Event(seq=seq + 1 + n) for n in range(draw(st.sampled_from([1, 2_001, 5_000])))])
        raw = bytes(frame.SerializeToString())
        content.append(draw(mutated_bytes(st.just(raw))) if draw(st.integers(0, 9)) == 0 else raw)
    return bytes(msgpack.packb(content))


async def _talk(served: Served, role: str, sent: list[bytes]) -> tuple[str, list[Any]]:
    """Send frames over a stream of their own; the status that it ended with, and the frames that came back."""
    path = f"/trunkline.{role}.v1.{'Gateway' if role == 'gateway' else 'Desk'}Service/Connect"
    frame_kind: Any = gateway_pb2.GatewayFrame if role == "gateway" else desk_pb2.DeskGatewayFrame
    received: list[Any] = []
    async with served.channel() as channel:
        stream = channel.stream_stream(path, response_deserializer=frame_kind.FromString)
        call = stream(metadata=(("authorization", f"Bearer {TOKENS[role]}"),), timeout=PATIENCE_S / 2)
        # The library's own answer is INTERNAL whenever a write met the end of the call.
        ending = Ending(call)
        try:
            for frame in sent:
                await call.write(frame)
            await call.done_writing()
            while (frame := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]  # missing in the stubs
                received.append(frame)
        except (grpc.RpcError, asyncio.InvalidStateError):
            pass
        return (await ending.status()).code, received


def _outcomes(sent: list[bytes], received: list[Any]) -> tuple[set[str], set[str]]:
    """Ids of the messages to `PLACE` that were accepted, and of those that were refused or never settled."""
    acknowledged = max((frame.settled.acknowledged for frame in received), default=0)
    refused = {item.seq for frame in received for item in frame.settled.rejections}
    accepted_ids: set[str] = set()
    refused_ids: set[str] = set()
    for content in sent:
        for event in gateway_pb2.AdapterFrame.FromString(content).events:
            if event.HasField("message_received") and event.conversation == PLACE:
                into = accepted_ids if event.seq <= acknowledged and event.seq not in refused else refused_ids
                if event.seq <= acknowledged:
                    into.add(event.id)
    return accepted_ids, refused_ids


@pytest.mark.parametrize("role", ["gateway", "desk"])
def test_streams(served: Served, role: str) -> None:
    """Any frames on a stream are settled or end it with a reason; what was accepted is there, what was refused is not."""

    async def talk(content: bytes) -> None:
        own = f"webchat:{uuid.uuid4().hex}"
        incarnation = uuid.uuid4().hex
        frames: list[bytes] = msgpack.unpackb(content, use_list=True)
        fresh = [frame.replace(PLACE.encode(), own.encode()).replace(b"i" * 32, incarnation.encode()) for frame in frames]
        status, received = await _talk(served, role, fresh)
        assert status not in (*(code.name for code in DEFECTS), "DEADLINE_EXCEEDED"), status
        if role == "gateway" and status == "OK":
            await _is_whole(frames, received, own)

    async def _is_whole(frames: list[bytes], received: list[Any], own: str) -> None:
        accepted, refused = _outcomes(frames, received)
        if not accepted and not refused:
            return
        ask = [gateway_pb2.AdapterFrame(), gateway_pb2.AdapterFrame()]
        ask[0].hello.protocol_version, ask[0].hello.link, ask[0].hello.incarnation = 1, "fuzz-asks", uuid.uuid4().hex
        ask[1].events.add(seq=1, conversation=own).customer_returned.seen = 0
        _, answers = await _talk(served, "gateway", [frame.SerializeToString() for frame in ask])
        shown = {
            entry.id
            for frame in answers
            for command in frame.commands
            if command.conversation == own
            for entry in command.show_entries.entries
        }
        if not any(item.seq == 1 for frame in answers for item in frame.settled.rejections):
            assert shown & (refused - accepted) == set(), "a refused message must have no effect"

    storm(f"stream-{role}", conversations(role), lambda content: served.attempt(talk(content)), examples=60)


def page_talk(samples: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """What one page sends: valid frames and nearly valid ones, as text or binary."""
    valid = st.sampled_from([json.dumps(sample).encode() for sample in samples])
    big = [json.dumps({"type": "saw", "delivered": n, "read": n}).encode() for n in (2**32, 2**53 - 1)]
    resumes = [json.dumps({"type": "resume", "secret": SECRET, "seen": n}).encode() for n in (2**32 - 1, 2**32, 2**53 - 1)]
    one = valid | json_inputs(samples) | st.sampled_from([*big, *resumes, b"x" * 70_000, b"\xff\xfe"])
    return st.lists(st.tuples(one, st.booleans()), min_size=1, max_size=5).map(lambda sent: bytes(msgpack.packb(sent)))


@pytest.mark.parametrize("protocol", [WEBCHAT, DESK])
def test_pages(served: Served, protocol: str) -> None:
    """A page may send anything: it is answered, or its own connection ends with a code that says why."""
    samples = WEBCHAT_FRAMES if protocol == WEBCHAT else DESK_FRAMES

    async def talk(content: bytes) -> None:
        url = served.product.webchat_url if protocol == WEBCHAT else served.product.desk_url
        async with served.http.ws_connect(f"{url}/ws", protocols=(protocol,)) as socket:
            for frame, as_text in [(json.dumps(samples[0]).encode(), True), *msgpack.unpackb(content)]:
                if socket.closed:
                    break
                text = frame.decode("utf-8", "replace")
                await (socket.send_str(text) if as_text else socket.send_bytes(frame))
            if not socket.closed:
                await socket.send_str('{"type":"ping"}')
            while (message := await socket.receive(timeout=PATIENCE_S / 2)).type is aiohttp.WSMsgType.TEXT:
                if json.loads(message.data)["type"] == "pong":
                    return
            assert socket.close_code in (1000, 1007, 1009), f"closed with {socket.close_code}"

    storm(f"page-{protocol}", page_talk(samples), lambda content: served.attempt(talk(content)), examples=30)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
UPLOAD = (
    b"POST /attachments HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\nContent-Type: image/png\r\n"
    b"X-File-Name: %E5%8F%91.png\r\nContent-Length: 72\r\n\r\n" + PNG
)
CHUNKED = UPLOAD.replace(
    b"Content-Length: 72\r\n\r\n" + PNG, b"Transfer-Encoding: chunked\r\n\r\n48\r\n" + PNG + b"\r\n0\r\n\r\n"
)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: trunkline.webchat.v1\r\n\r\n"
)
REQUESTS = [
    UPLOAD,
    CHUNKED,
    CHUNKED.replace(b"48\r\n", b"zz\r\n"),
    UPLOAD.replace(b"%E5%8F%91", b"\xff\xfe\x80"),
    UPLOAD.replace(b"%E5%8F%91", b"..%2F..%00%0d%0aX-Injected: 1"),
    UPLOAD.replace(SECRET.encode(), b"\xff\xfe"),
    UPLOAD.replace(b"72", b"7200"),
    UPLOAD.replace(b"Content-Length: 72", b"Content-Encoding: gzip\r\nContent-Length: 72"),
    UPLOAD.replace(b"Content-Length: 72", b"Content-Length: 99999999999999999999"),
    UPLOAD.replace(b"image/png", b"text/plain; charset=\xff"),
    UPGRADE,
    UPGRADE.replace(b"Origin: http://h", b"Origin: http://["),
    UPGRADE.replace(b"trunkline.webchat.v1", b"\xff\xfe"),
    b"GET /attachments/" + b"a" * 24 + b" HTTP/1.1\r\nHost: h\r\nRange: bytes=9-1\r\n\r\n",
    b"GET /attachments/..%2f..%2fkey HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET //[ HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HEAD /?%ff HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"OPTIONS /attachments HTTP/1.1\r\nHost: h\r\n\r\n",
]


@pytest.mark.parametrize("page", ["webchat", "desk"])
def test_http(served: Served, page: str) -> None:
    """Any bytes on an HTTP port are answered with a status below 500, or with the end of their own connection."""

    async def send(content: bytes) -> None:
        url = served.product.webchat_url if page == "webchat" else served.product.desk_url
        host, _, port = url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(content)
            answer = b""
            # An answer comes at once, or the server waits for more, of which there is none.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    answer = await reader.read(65_536)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S / 2):
                answer += await reader.read()
            for line in answer.split(b"\r\n"):
                if line.startswith(b"HTTP/1."):
                    assert not line.split(b" ")[1].startswith(b"5"), answer[:300]
                assert not line.lower().startswith(b"x-injected"), "a name must not become a header"
        except ConnectionError:
            return
        finally:
            writer.close()

    inputs = mutated_bytes(st.sampled_from(REQUESTS)) | texts.map(
        lambda text: UPLOAD.replace(b"%E5", text.encode("utf-8", "replace"))
    )
    for request in REQUESTS:
        served.attempt(send(request))
    storm(f"http-{page}", inputs, lambda content: served.attempt(send(content)), examples=60)


def test_an_upload_that_stands_still_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends half a file and then nothing is told so, and holds nothing any more."""
    monkeypatch.setattr(attachment_routes, "IDLE_S", 0.05)

    async def dawdle() -> None:
        host, _, port = served.product.webchat_url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPLOAD[:-10])
        assert b" 408 " in await reader.readline()
        writer.close()

    served.attempt(dawdle())
    folder = served.folder / "webchat" / "attachments" / "uploads"
    assert list(folder.iterdir()) == [], "what came of the file must be gone"

"""Every decoder of stored, sent or written things, alone: what it cannot read it refuses with its one declared error."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
import yaml
from hypothesis import strategies as st

from actors.actor import Message
from actors.address import Address, ShardId
from actors.catalogue import EVENT_TYPES, RECORD_TYPES
from actors.values import Content
from cluster import wire
from cluster.catalogue import load_catalogue
from cluster.codec import encode, raw
from cluster.config.compile import compile_centre
from cluster.config.document import decode_text
from cluster.config.layout_file import Layout
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems
from cluster.config.sample import sample_text
from cluster.errors import ConfigInvalid
from cluster.journal import FORMAT, Change, JournalEntry, decode_entry, encode_entry
from cluster.store.base import ActorWrite, Commit
from cluster.store.packing import ShardKeys, commit_arguments, commit_keys
from cluster.store.url import StoreUrlInvalid, parse_url
from gateways.desk import frames as desk_frames
from gateways.translate.channel_events import route_channel_event
from gateways.translate.desk_events import route_desk_event
from gateways.translate.routing import Origin, Unroutable
from gateways.web.attachments import MAX_NAME_LENGTH, safe_name
from gateways.web.framing import BadFrame, FrameReader
from gateways.web.listening import Address as ListenAddress
from gateways.webchat import frames as webchat_frames
from tests.contract.samples import filled
from tests.contract.test_golden import kept_messages
from tests.fuzz.mutation import mutated_bytes, mutated_tree, nested, texts
from tests.fuzz.storm import storm
from tests.fuzz.wire_messages import encoded, messages
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2

CODEC = load_catalogue().codec
MESSAGES = [encode(filled(kind)) for kind in kept_messages()]
RECORDS = [encode(filled(kind)) for kind in RECORD_TYPES]
EVENTS = [encode(filled(kind)) for kind in EVENT_TYPES]
DEEP = [b"\x91" * 5_000 + b"\x00", b"\x81\xa1a" * 5_000 + b"\x00"]


def struct_bytes(samples: list[bytes]) -> st.SearchStrategy[bytes]:
    """Encoded structs with fields changed, or bytes changed, or nested without end."""
    plain = [msgpack.unpackb(sample, strict_map_key=False) for sample in samples]
    trees = mutated_tree(st.sampled_from(plain)).map(_packed)
    return trees | mutated_bytes(st.sampled_from(samples)) | st.sampled_from(DEEP)


def _packed(tree: Any) -> bytes:
    return bytes(msgpack.packb(tree, unicode_errors="surrogatepass"))


def entry_bytes() -> bytes:
    """A journal entry with everything in it."""
    change = Change(Address("queue/cards"), 3, {"cfg": raw(["Setting", 1])}, ["w/a/1"], True)
    events = [(Address("queue/cards"), msgspec.Raw(EVENTS[0]))]
    return encode_entry(JournalEntry(FORMAT, "7", 2, 41, 1_800_000_000_000, events, [change], {"l:desk-1": 9}, {"s:3": 12}))


def wire_samples() -> list[bytes]:
    """One of each thing that processes say to each other."""
    parcel = wire.Parcel("s:1", 4, Address("agent/alice"), msgspec.Raw(MESSAGES[0]))
    table = wire.ShardTable(1, {}, {"host-1": "a"}, ["gateway-1"], ["host-1"], 2)
    return [
        encode(wire.Delivery(1, "edge", {}, {"l:a:b": 3}, [])),
        encode([1, "edge", {"0": [parcel]}, {"l:a:b": 3}, [["0", "webchat-1", 9]]]),
        encode(wire.Push(1, "host-1", [wire.Outbound("webchat-1", 1, "0", 7, msgspec.Raw(MESSAGES[1]))])),
        encode(wire.LinkNews("gateway-1", {"webchat-1": 5}, "a", 1)),
        encode([wire.OutboxItem("s:2", 5, Address("agent/alice"), msgspec.Raw(MESSAGES[0]))]),
        encode(wire.Mark(5, 6)),
        encode(table),
        encode([{"0": [0, [["s:1", 2, ["NOT_FOUND", "gone", 0]]]]}, []]),
        encode(wire.PushReceipt([("webchat-1", 4)])),
        encode(wire.SupervisorReport(1, [])),
    ]


#: What each decoder may raise, and nothing else.
DECODERS: dict[str, tuple[Callable[[bytes], object], st.SearchStrategy[bytes], tuple[type[Exception], ...]]] = {
    "message": (CODEC.message, struct_bytes(MESSAGES), (msgspec.DecodeError,)),
    "record": (CODEC.record, struct_bytes(RECORDS), (msgspec.DecodeError,)),
    "event": (CODEC.event, struct_bytes(EVENTS), (msgspec.DecodeError,)),
    "journal": (decode_entry, struct_bytes([entry_bytes()]), (msgspec.DecodeError, ValueError)),
}
WIRE_DECODERS = (
    wire.delivery_decoder,
    wire.push_decoder,
    wire.link_news_decoder,
    wire.outbox_decoder,
    wire.mark_decoder,
    wire.table_decoder,
    wire.receipt_decoder,
    wire.push_receipt_decoder,
    wire.supervisor_report_decoder,
)


@pytest.mark.parametrize("name", DECODERS)
def test_stored_things(name: str) -> None:
    """A stored message, record, event or journal entry decodes, encodes again and decodes to the same, or is refused."""
    decode, inputs, allowed = DECODERS[name]

    def attempt(content: bytes) -> None:
        with contextlib.suppress(*allowed):
            value = decode(content)
            assert encode(decode(encode(value))) == encode(value), "what was read must be what would be written"

    storm(f"stored-{name}", inputs, attempt, examples=60)


def test_wire_batches() -> None:
    """A batch between processes decodes, or is refused with a decode error."""

    def attempt(content: bytes) -> None:
        for decoder in WIRE_DECODERS:
            with contextlib.suppress(msgspec.DecodeError):
                decoder.decode(content)

    storm("wire-batch", struct_bytes(wire_samples()), attempt, examples=80)


def test_shard_keys_never_meet() -> None:
    """However a shard or actor is named, its keys keep their hash tag and differ from every other shard's."""

    def attempt(content: bytes) -> None:
        name = content.decode("utf-8", "replace")
        one, other = ShardKeys("c", ShardId(name)), ShardKeys("c", ShardId(name + "}"))
        assert one.prefix != other.prefix and not one.prefix.startswith(other.prefix)
        assert one.prefix.index("}") == len(one.prefix) - 2, "the tag must end where the prefix does"
        write = ActorWrite({name: content}, [name], True)
        commit = Commit(
            ShardId(name),
            1,
            2,
            3,
            content,
            {Address(f"session/{name}"): write},
            {name: 2**63},
            b"outbox",
            [2**64 - 1],
            {name: content},
            [content],
        )
        packed = msgpack.unpackb(commit_arguments(commit)[-1], strict_map_key=False, raw=True)
        assert len(packed) == 7 and len(commit_keys(one, commit)) == len(one.fixed) + 1

    storm("shard-keys", texts.map(lambda text: text.encode("utf-8", "replace")), attempt, examples=60)


URLS = [
    "redis://user:pass@host:6379/0",
    "redis+sentinel://a:26379,b:26379/mymaster/1",
    "unix:///run/valkey.sock?db=0",
    "rediss+cluster://[::1]:6379,host?ssl_ca_certs=a",
    "redis://h/٣",
    "redis://[::1/0",
    "redis://h:99999",
]


def test_addresses_and_urls() -> None:
    """A store's URL or an address to listen on is read or refused with its own error, never repeated with a password."""
    inputs = mutated_bytes(st.sampled_from([url.encode() for url in [*URLS, "127.0.0.1:7350", "[::1]:0"]]))

    def attempt(content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        with contextlib.suppress(StoreUrlInvalid):
            str(parse_url(text))
        with contextlib.suppress(ValueError):
            ListenAddress.parse(text)

    storm("urls", inputs, attempt, examples=200)


SAMPLE = sample_text()
SAMPLE_TREE = yaml.safe_load(SAMPLE)
BOMB = "a: &a [x, x]\n" + "".join(
    f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *{'a' if not n else f'b{n - 1}'}]\n" for n in range(40)
)
CRAFTED = [
    BOMB.encode(),
    b"[" * 100_000,
    b"{a: " * 50_000,
    b"- " * 50_000,
    b"a: !!python/object/apply:os.system [ls]\n",
    b"\xff\xfe",
    b"&a [*a]",
    b"? {a: b}\n: c\n",
    b"a: " + b"9" * 5_000,
    b"version: 1\nname: \xed\xa0\x80\n",
]


def yaml_inputs(tree: Any, text: str) -> st.SearchStrategy[bytes]:
    """A valid file with values replaced, or text damaged, or one of the known attacks."""
    values = st.none() | st.booleans() | st.integers() | st.floats() | texts
    trees = mutated_tree(st.just(tree), values).map(
        lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace")
    )
    return trees | mutated_bytes(st.just(text.encode())) | st.sampled_from(CRAFTED)


def test_centre_files() -> None:
    """A configuration compiles or is refused with places and advice; nothing else happens, however it was damaged."""

    def attempt(content: bytes) -> None:
        with contextlib.suppress(ConfigProblems):
            plan = compile_centre(load_centre(decode_text(content, "centre.yaml")).centre, hasher=lambda password: "hash")
            encode(plan)

    storm("centre", yaml_inputs(SAMPLE_TREE, SAMPLE), attempt, examples=40)


LAYOUT = (Path(__file__).parents[2] / "ray_config.yaml").read_text()


def test_layout_files(tmp_path: Path) -> None:
    """A layout is read or refused with places and advice; its flags and paths can then be made."""
    file = tmp_path / "ray_config.yaml"

    def attempt(content: bytes) -> None:
        file.write_bytes(content)
        with contextlib.suppress(ConfigProblems):
            layout = Layout.load(file, env={})
            assert layout.run_path.is_absolute() and layout.data_path.is_absolute()
            for program in layout.settings.programs:
                program.flags()

    storm("layout", yaml_inputs(yaml.safe_load(LAYOUT), LAYOUT), attempt, examples=60)


SETTINGS = [
    "hosts.count",
    "gateways.0.listen",
    "programs[0].args.title",
    "store.url",
    "cluster",
    "pinned_kinds",
    "gateways.99.name",
]


def test_layout_overrides(tmp_path: Path) -> None:
    """`--set` and environment variables of any name and value change the layout or are refused by their name."""
    file = tmp_path / "ray_config.yaml"
    file.write_text(LAYOUT)
    places = mutated_bytes(st.sampled_from([setting.encode() for setting in SETTINGS]))
    values = texts | st.sampled_from(["4", "[a, b]", "{a: {b: 1}}", "&a [*a]", "1e999", ".nan", "[" * 3_000])
    inputs = st.tuples(places, values).map(lambda pair: pair[0].replace(b"=", b"") + b"=" + pair[1].encode("utf-8", "replace"))

    def attempt(content: bytes) -> None:
        name, _, value = content.decode("utf-8", "replace").partition("=")
        with contextlib.suppress(ConfigProblems):
            Layout.load(file, overrides={name: value}, env={})
        with contextlib.suppress(ConfigProblems):
            Layout.load(file, env={"TRUNKLINE_" + name.upper().replace(".", "__"): value})

    storm("layout-override", inputs, attempt, examples=60)


WEBCHAT_FRAMES: list[dict[str, Any]] = [
    {
        "type": "start",
        "secret": "s" * 32,
        "visitor": "v" * 32,
        "topic": "cards",
        "name": "Nora",
        "language": "en",
        "page": "/a",
    },
    {"type": "resume", "secret": "s" * 32, "seen": 1},
    {"type": "say", "id": "12345678", "text": "hello", "attachments": ["a" * 24]},
    {"type": "typing", "typing": True},
    {"type": "saw", "delivered": 2, "read": 1},
    {"type": "leave"},
    {"type": "ping"},
]
DESK_FRAMES: list[dict[str, Any]] = [
    {"type": "sign_in", "ref": "1", "agent": "alice", "password": "trunkline"},
    {"type": "resume", "ref": "2", "agent": "alice", "token": "a.1.b"},
    {"type": "presence", "ref": "3", "presence": "available", "reason": ""},
    {"type": "accept", "ref": "4", "reservation": "r"},
    {"type": "reject", "ref": "5", "reservation": "r", "reason": "x"},
    {"type": "say", "ref": "6", "interaction": "webchat:a/1", "text": "hi", "attachments": []},
    {"type": "typing", "interaction": "webchat:a/1", "typing": True},
    {"type": "saw", "interaction": "webchat:a/1", "delivered": 2, "read": 1},
    {"type": "transfer", "ref": "7", "interaction": "webchat:a/1", "queue": "cards", "to_agent": ""},
    {"type": "end", "ref": "8", "interaction": "webchat:a/1"},
    {"type": "wrap_up", "ref": "9", "reservation": "r", "disposition": "resolved", "note": "n"},
    {"type": "show", "interaction": "webchat:a/1"},
    {"type": "ping"},
    {"type": "sign_out", "ref": "10"},
]


def json_inputs(samples: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Frames with fields changed, or bytes changed, or nested without end; surrogates as JSON can write them."""
    values = st.none() | st.booleans() | st.sampled_from([2**53 - 1, 2**64, -1, 1e308]) | st.floats() | texts
    trees = mutated_tree(st.sampled_from(samples), values).map(lambda tree: json.dumps(tree).encode())
    odd = [
        b'{"type":"ping","a":"\\ud800"}',
        b"[" * 5_000,
        json.dumps(nested(500, "dict")).encode(),
        b'{"type":"say","id":"\\ud83d"}',
    ]
    return trees | mutated_bytes(trees) | st.sampled_from(odd)


@pytest.mark.parametrize("protocol", ["webchat", "desk"])
def test_page_frames(protocol: str) -> None:
    """A page's frame is read, or answered with what was wrong with it; what is read can be written to the wire."""
    kinds: Any = webchat_frames.PageFrames if protocol == "webchat" else desk_frames.PageFrames
    reader: FrameReader[Any] = FrameReader(kinds)

    def attempt(content: bytes) -> None:
        with contextlib.suppress(BadFrame):
            frame = reader.read(content)
            for name in ("delivered", "read", "seen"):
                assert 0 <= getattr(frame, name, 0) < 2**32, "marks travel as 32 bits; a greater one must be refused here"
            for name in ("ref", "id", "secret", "visitor"):
                assert "\n" not in getattr(frame, name, ""), "an id that ends in a line break is none"

    storm(f"frame-{protocol}", json_inputs(WEBCHAT_FRAMES if protocol == "webchat" else DESK_FRAMES), attempt, examples=150)


LIKELY = {
    "conversation": st.just("webchat:a"),
    "channel": st.just("webchat"),
    "agent": st.just("alice"),
    "id": st.just("m-1"),
    "interaction": st.sampled_from(["webchat:a/1", "webchat:a/٣", "/1", "a/"]),
    "reservation": st.just("r"),
    "queue": st.just("cards"),
    "visibility": st.just(0),
    "post": st.just(""),
    "reply_to": st.just(""),
}


@pytest.mark.parametrize("kind", ["channel", "desk"])
def test_events_translate(kind: str) -> None:
    """An event of a link becomes a message that can be stored and read back, or is refused by name."""
    parse: Any = gateway_pb2.Event if kind == "channel" else desk_pb2.Event
    route: Any = route_channel_event if kind == "channel" else route_desk_event

    def attempt(content: bytes) -> None:
        try:
            event = parse.FromString(content)
        except Exception as error:
            assert type(error).__name__ == "DecodeError", error
            return
        try:
            to, message = route(event, Origin("link-1", None, 1_800_000_000_000))
        except Unroutable as no:
            assert len(no.detail) < 1_000, "a refusal must not repeat all that the peer sent"
            return
        assert isinstance(message, Message) and to.isprintable()
        assert CODEC.message(encode(message)) == message

    storm(f"event-{kind}", encoded(messages(parse, LIKELY)), attempt, examples=150)


def test_file_names() -> None:
    """Whatever a file is called, its kept name is one path part that any file system, header and JSON can hold."""

    def attempt(content: bytes) -> None:
        for errors in ("replace", "surrogateescape"):
            name = safe_name(content.decode("utf-8", errors))
            assert 0 < len(name) <= MAX_NAME_LENGTH and not set(name) & set('/\\:*?"<>|\r\n\0') and name not in (".", "..")
            msgspec.json.encode(Content(name))

    inputs = (
        mutated_bytes(st.sampled_from([b"a.png", b"\xff\xfe.pdf", "发票.png".encode(), b"x" * 300 + b".jpeg"])) | st.binary()
    )
    storm("file-name", inputs, attempt, examples=150)


def test_refused_configuration_is_one_error() -> None:
    """The gateway's operators get `ConfigInvalid`, a value with text, for anything that is no configuration."""
    from cluster.operations import Operations

    operations = Operations.__new__(Operations)
    for content in CRAFTED:
        with pytest.raises((ConfigInvalid, ConfigProblems)):
            operations.compile_centre(decode_text(content, "centre.yaml"))

"""Direct connections carry many calls at once, tell every end of a connection, and serve only who knows the token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from cluster.errors import PeerGone
from cluster.onray.direct import FRAME_LIMIT, Listener, PeerAddress, PeerFailed, connect, wait_for_end

HERE = "127.0.0.1"


class Served:
    """A peer whose `wait` answers when it may, and whose `fail` is a defect."""

    def __init__(self) -> None:
        self.listener = Listener(self.answer)
        self.may_answer = asyncio.Event()
        self.waiting = asyncio.Event()

    async def answer(self, method: str, payload: bytes) -> bytes:
        if method == "wait":
            self.waiting.set()
            await self.may_answer.wait()
        if method == "fail":
            raise KeyError("secret")
        return method.encode() + b":" + payload


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    peer = Served()
    yield peer
    peer.listener.close()


async def test_answers_find_their_calls(served: Served) -> None:
    """Calls overtake each other, and large frames come whole."""
    connection = await connect("peer", await served.listener.address(HERE))
    slow = asyncio.create_task(connection.call("wait", b"1"))
    large = b"x" * 3_000_000
    assert await connection.call("echo", large) == b"echo:" + large
    many = await asyncio.gather(*(connection.call("echo", str(n).encode()) for n in range(200)))
    assert many == [f"echo:{n}".encode() for n in range(200)]
    assert not slow.done(), "it waits beside the others"
    served.may_answer.set()
    assert await slow == b"wait:1"


async def test_an_error_is_told_without_its_text(served: Served) -> None:
    """A method that fails ends its own call and no other; what it said stays where it was."""
    connection = await connect("peer", await served.listener.address(HERE))
    with pytest.raises(PeerFailed, match="KeyError") as failed:
        await connection.call("fail", b"")
    assert "secret" not in str(failed.value)
    assert await connection.call("echo", b"") == b"echo:"


async def test_the_end_of_a_connection_ends_its_calls(served: Served) -> None:
    """Whoever waits hears that the outcome is unknown, and so does who comes later; a lifeline ends too."""
    address = await served.listener.address(HERE)
    connection = await connect("peer", address)
    lifeline = asyncio.create_task(wait_for_end(address))
    waiting = asyncio.create_task(connection.call("wait", b""))
    await served.waiting.wait()
    while len(served.listener.callers) < 2:
        await asyncio.sleep(0)
    assert not lifeline.done(), "it is held without a token"
    served.listener.close()
    with pytest.raises(PeerGone):
        await waiting
    with pytest.raises(PeerGone):
        await connection.call("echo", b"")
    await lifeline
    with pytest.raises(PeerGone, match="cannot be reached"):
        await connect("peer", address)


@pytest.mark.parametrize("first", [b"wrong", b"", b"\xff" * 40])
async def test_strangers_are_not_served(served: Served, first: bytes) -> None:
    """Without the token nothing is answered and the connection is closed."""
    address = await served.listener.address(HERE)
    stranger = await connect("peer", PeerAddress(address.host, address.port, first.decode("latin-1")))
    with pytest.raises(PeerGone):
        await stranger.call("echo", b"")
    assert await (await connect("peer", replace(address))).call("echo", b"") == b"echo:", "others are served still"


@pytest.mark.parametrize("sent", [(FRAME_LIMIT + 1).to_bytes(4, "big") + b"x", b"\x00\x00\x00\x01\xc1"])
async def test_what_is_no_frame_ends_the_connection(served: Served, sent: bytes) -> None:
    """A length that nothing has, and bytes that are no request."""
    address = await served.listener.address(HERE)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    token = address.token.encode()
    writer.write(len(token).to_bytes(4, "big") + token + sent)
    assert await reader.read() == b""
    writer.close()

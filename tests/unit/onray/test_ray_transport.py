"""Calls over direct connections: a slow method ends its own call only, a silent peer ends the connection."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import PeerGone
from cluster.onray.direct import Listener, PeerAddress
from cluster.onray.transport import RayTransport

PEER = "host-1"


class AtHand(RayTransport):
    """A transport that knows where its one peer is, without Ray."""

    def __init__(self, listener: Listener) -> None:
        super().__init__("test")
        self._listener = listener
        self.asked = 0

    async def address_of(self, peer: str) -> PeerAddress:
        self.asked += 1
        return await self._listener.address("127.0.0.1")


async def test_a_slow_method_cuts_nobody_else_off() -> None:
    """Who gives up on one method leaves the connection to those whose calls are answered; silence ends it for all."""
    may_answer = asyncio.Event()

    async def answer(method: str, payload: bytes) -> bytes:
        if method == "wait":
            await may_answer.wait()
        return payload

    listener = Listener(answer)
    transport = AtHand(listener)
    patient = asyncio.create_task(transport.call(PEER, "wait", b"patient"))
    impatient = asyncio.create_task(transport.call(PEER, "wait", b"", timeout_s=0.2))
    while not impatient.done():
        assert await transport.call(PEER, "echo", b"1") == b"1"
    with pytest.raises(PeerGone, match="did not answer wait"):
        await impatient
    assert not patient.done() and transport.asked == 1, "the connection is the same still"

    with pytest.raises(PeerGone):
        await transport.call(PEER, "wait", b"", timeout_s=0.05)
    with pytest.raises(PeerGone, match="ended"):
        await patient
    assert await transport.call(PEER, "echo", b"2") == b"2", "the next call finds the peer again"
    assert transport.asked == 2
    may_answer.set()
    listener.close()

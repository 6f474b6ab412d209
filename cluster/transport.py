"""How processes of one cluster call each other: one method name, bytes in, bytes out.

Ray, one process and the simulator each supply a `Transport`; hosts, edges and the supervisor know only this. A call
that fails has an unknown outcome, never a failure: callers repeat it, and receivers recognise what they took before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from cluster.errors import PeerGone

SUPERVISOR = "supervisor"
ARCHIVER = "archiver"

PeerMethod = Callable[[bytes], Awaitable[bytes]]


class Peer(Protocol):
    """What can be called over a transport: its `methods` by name."""

    @property
    def methods(self) -> dict[str, PeerMethod]: ...


class Transport(Protocol):
    """Calls peers by name."""

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        """Call and wait for the answer.

        Raises:
            PeerGone: the peer is dead, unreachable or did not answer in time; the outcome is unknown.
        """
        ...


class LocalTransport:
    """All peers in this process; a peer that was removed is gone."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def add(self, name: str, peer: Peer) -> None:
        self._peers[name] = peer

    def remove(self, name: str) -> None:
        self._peers.pop(name, None)

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        target = self._peers.get(peer)
        if target is None:
            raise PeerGone(f"{peer} is not running")
        try:
            async with asyncio.timeout(timeout_s):
                return await target.methods[method](payload)
        except TimeoutError:
            raise PeerGone(f"{peer} did not answer {method} within {timeout_s:g} s") from None

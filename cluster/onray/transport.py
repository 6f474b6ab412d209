"""Calls between Ray actors: Ray finds a peer and tells its address, a direct connection carries the calls."""

from __future__ import annotations

import asyncio
from typing import Any

import ray
import structlog
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from cluster.errors import PeerGone
from cluster.onray.direct import Connection, PeerAddress, PeerFailed, connect

log = structlog.get_logger("transport")

NAMESPACE = "trunkline"


def actor_name(cluster: str, peer: str) -> str:
    """The Ray name of a peer; one Ray cluster can hold several Trunkline clusters."""
    return f"{cluster}:{peer}"


class RayTransport:
    """Finds peers by name and keeps their handles and connections; a restarted actor keeps its handle."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._handles: dict[str, Any] = {}
        self._connections: dict[str, Connection] = {}
        self._connecting: dict[str, asyncio.Task[Connection]] = {}

    def handle(self, peer: str) -> Any:
        """The actor's handle.

        May wait long for Ray's head, if it is asked for a name that was not asked for before: in a loop, await `find`.

        Raises:
            PeerGone: no actor has this name, or the head does not say.
        """
        handle = self._handles.get(peer)
        if handle is None:
            try:
                handle = ray.get_actor(actor_name(self._cluster, peer), namespace=NAMESPACE)
            except ValueError:
                raise PeerGone(f"no Ray actor is called {actor_name(self._cluster, peer)!r}") from None
            except RayError as problem:
                raise PeerGone(f"Ray's head does not say where {peer} is: {type(problem).__name__}") from problem
            self._handles[peer] = handle
        return handle

    async def find(self, peer: str) -> Any:
        """The same without keeping everything else waiting while the head is away."""
        return self._handles.get(peer) or await asyncio.to_thread(self.handle, peer)

    def forget(self, peer: str) -> None:
        """Look the name up anew next time."""
        self._handles.pop(peer, None)
        connection = self._connections.get(peer)
        if connection is not None:
            self._hang_up(peer, connection)

    async def address_of(self, peer: str) -> PeerAddress:
        """Ask Ray's actor where it listens; one that Ray has started again builds itself on being asked.

        Raises:
            PeerGone: it is dead, or could not build itself.
        """
        try:
            handle = await self.find(peer)
            address: PeerAddress = await handle.address.remote()
            return address
        except ActorUnavailableError as problem:
            # It cannot be reached just now. Its handle stays: looking it up anew would take the head, which may be away too.
            raise PeerGone(f"{peer}: {type(problem).__name__}") from problem
        except RayActorError as problem:
            self.forget(peer)
            raise PeerGone(f"{peer}: {type(problem).__name__}") from problem
        except RayTaskError as problem:
            log.error("peer_failed", peer=peer, method="address", error_type=type(problem.cause).__name__)
            raise PeerGone(f"{peer} could not be built: {type(problem.cause).__name__}") from problem
        except RayError as problem:
            raise PeerGone(f"{peer}: {type(problem).__name__}") from problem

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        """See `cluster.transport.Transport.call`."""
        connection, replies = self._connections.get(peer), 0
        try:
            async with asyncio.timeout(timeout_s):
                if connection is None or connection.is_closed:
                    connection = await self._connect(peer)
                replies = connection.replies
                return await connection.call(method, payload)
        except TimeoutError:
            # A machine that vanished leaves its connections open; the next call makes a new one. A peer that answered
            # others meanwhile is there, and their calls shall not be cut off for this one.
            if connection is not None and connection.replies == replies:
                self._hang_up(peer, connection)
            raise PeerGone(f"{peer} did not answer {method} within {timeout_s:g} s") from None
        except PeerFailed as problem:
            log.error("peer_failed", peer=peer, method=method, detail=problem.detail)
            raise

    async def _connect(self, peer: str) -> Connection:
        """One attempt at a time; whoever comes meanwhile waits for it too."""
        connecting = self._connecting.get(peer)
        if connecting is None:
            connecting = self._connecting[peer] = asyncio.create_task(self._open(peer), name=f"connect:{peer}")
            connecting.add_done_callback(lambda _: self._connecting.pop(peer, None))
        return await asyncio.shield(connecting)

    async def _open(self, peer: str) -> Connection:
        connection = self._connections[peer] = await connect(peer, await self.address_of(peer))
        return connection

    def _hang_up(self, peer: str, connection: Connection) -> None:
        connection.close()
        if self._connections.get(peer) is connection:
            del self._connections[peer]

"""Calls between Ray actors: every peer is a named actor with one method, `call(method, payload)`."""

from __future__ import annotations

import asyncio
from typing import Any

import ray
import structlog
from ray.exceptions import RayActorError, RayError, RayTaskError

from cluster.errors import PeerGone

log = structlog.get_logger("transport")

NAMESPACE = "trunkline"


def actor_name(cluster: str, peer: str) -> str:
    """The Ray name of a peer; one Ray cluster can hold several Trunkline clusters."""
    return f"{cluster}:{peer}"


class RayTransport:
    """Finds peers by name and keeps their handles; a restarted actor keeps its handle."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._handles: dict[str, Any] = {}

    def handle(self, peer: str) -> Any:
        """The actor's handle.

        Raises:
            PeerGone: no actor has this name.
        """
        handle = self._handles.get(peer)
        if handle is None:
            try:
                handle = ray.get_actor(actor_name(self._cluster, peer), namespace=NAMESPACE)
            except ValueError:
                raise PeerGone(f"no Ray actor is called {actor_name(self._cluster, peer)!r}") from None
            self._handles[peer] = handle
        return handle

    def forget(self, peer: str) -> None:
        """Look the name up anew next time."""
        self._handles.pop(peer, None)

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        """See `cluster.transport.Transport.call`."""
        try:
            async with asyncio.timeout(timeout_s):
                answer: bytes = await self.handle(peer).call.remote(method, payload)
                return answer
        except TimeoutError:
            raise PeerGone(f"{peer} did not answer {method} within {timeout_s:g} s") from None
        except RayActorError as problem:
            self.forget(peer)
            raise PeerGone(f"{peer}: {type(problem).__name__}") from problem
        except RayTaskError as problem:
            log.error("peer_failed", peer=peer, method=method, error_type=type(problem.cause).__name__)
            raise PeerGone(f"{peer} failed at {method}: {type(problem.cause).__name__}") from problem
        except RayError as problem:
            raise PeerGone(f"{peer}: {type(problem).__name__}") from problem

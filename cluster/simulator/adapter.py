"""A channel adapter or desk process: one link to the cluster, and the windows of people that are connected to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from actors.actor import Message
from cluster.invariants.evidence import Evidence
from cluster.simulator.link import SimLink
from cluster.simulator.loop import Process
from cluster.simulator.transport import WORLD, Network


class Seat(Protocol):
    """A window that is connected."""

    def show(self, message: Message) -> None: ...

    def detach(self) -> None: ...


class SimAdapter:
    """One life of one adapter. `seen` is told of every command that is handled, shown to somebody or not."""

    def __init__(
        self,
        network: Network,
        process: Process,
        incarnation: str,
        window: int,
        edges: Sequence[str],
        evidence: Evidence,
        seen: Callable[[str, Message], None],
    ) -> None:
        self.name = process.name
        self.process = process
        self.seats: dict[str, Seat] = {}
        self.link = SimLink(network, process, process.name, incarnation, window, edges, self._handle, evidence)
        self._network = network
        self._seen = seen

    @property
    def is_alive(self) -> bool:
        return not self.process.is_dead

    def _handle(self, message: Message) -> None:
        self._seen(self.name, message)
        key = getattr(message, "agent", None) or getattr(message, "conversation", "")
        self._network.loop.call_soon(self._show, key, message, context=WORLD)

    def _show(self, key: str, message: Message) -> None:
        seat = self.seats.get(key)
        if seat is not None and self.is_alive:
            seat.show(message)

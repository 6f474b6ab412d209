"""A simulated gRPC stream between an adapter's link and an edge: in order both ways, until it breaks.

    link (adapter's process)        wire                     edge's process
      | open ----------------------> |  open_link ------------> |
      | <------ settled, commands    | <----------- LinkStream  |
      | frames, acks --------------> |  receive, acknowledge -> |
                                     x  broken: each end learns of it in its own time

Keeps: what was under way when the wire broke arrives nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol

from actors.actor import Message, Refusal
from actors.messages.gateway import Command, Frame, FrameSettled
from cluster.edge.edge import Edge
from cluster.edge.link import Link
from cluster.errors import ProtocolViolation
from cluster.simulator.loop import Process
from cluster.simulator.transport import WORLD, Network


class NumberAlone(Message, frozen=True):
    """In a frame that is sent again: the event was refused ahead of its turn, and the stream's end knows no body of it."""


class NearEnd(Protocol):
    """The adapter's end."""

    name: str
    incarnation: str
    process: Process
    window: int

    def welcomed(self, wire: Wire, acknowledged: int) -> None: ...

    def settled(self, wire: Wire, acknowledged: int, refused: Sequence[FrameSettled]) -> None: ...

    def refused_ahead(self, wire: Wire, refused: Sequence[FrameSettled]) -> None: ...

    def commanded(self, wire: Wire, commands: Sequence[Command]) -> None: ...

    def lost(self, wire: Wire, code: str) -> None: ...


class Wire:
    """One stream; at the edge's end it is the `cluster.edge.edge.LinkStream`."""

    def __init__(self, network: Network, near: NearEnd, edge_name: str, resume_after: int, sent: int = 0) -> None:
        self.near = near
        self.edge_name = edge_name
        self.is_broken = False
        self.link: Link | None = None
        self._network = network
        self._up_at = self._down_at = 0.0
        found = network.peers.get(edge_name)
        self.far = None if found is None else found[0]
        self.edge = found[1] if found is not None and isinstance(found[1], Edge) else None
        if self.far is None or network.is_cut(near.process.name, edge_name):
            network.loop.call_later(network.delay(), self.snap, context=WORLD)
        else:
            self._up(self._accept, resume_after, sent)

    # -- from the adapter -----------------------------------------------------------------------------------------

    def send(self, frames: Sequence[Frame]) -> None:
        self._up(self._receive, tuple(frames))

    def acknowledge(self, source: str, number: int) -> None:
        self._up(self._acknowledge, source, number)

    def hang_up(self) -> None:
        """The adapter leaves."""
        self.snap(near_after_s=None)

    # -- at the edge's end, in its process ------------------------------------------------------------------------

    def _accept(self, resume_after: int, sent: int) -> None:
        if self.edge is not None:
            near = self.near
            self.link = self.edge.open_link(near.name, near.incarnation, resume_after, near.window, self, sent)
            self._down(self.near.welcomed, self.link.acknowledged)

    def _receive(self, frames: Sequence[Frame]) -> None:
        if self.link is not None and self.edge is not None and self.edge.holds(self.link):
            try:
                for number, together in groupby(frames, lambda frame: type(frame.message) is NumberAlone):
                    for frame in together if number else ():
                        self.link.refuse(frame.seq, Refusal("INVALID_ARGUMENT", "the event has no body"))
                    if not number:
                        self.link.receive(tuple(together))
            except ProtocolViolation as problem:
                self._network.loop.failures.append(f"{self.edge_name} closed {self.near.name}: {problem}")
                self.snap()

    def _acknowledge(self, source: str, number: int) -> None:
        if self.link is not None and self.edge is not None and self.edge.holds(self.link):
            self.link.acknowledge(source, number)

    def _closed_at_edge(self) -> None:
        if self.link is not None:
            self.link.close("the stream broke")

    def send_commands(self, commands: Sequence[Command]) -> None:
        self._down(self.near.commanded, commands)

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        self._down(self.near.settled, acknowledged, refused)

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        self._down(self.near.refused_ahead, refused)

    def close(self, code: str, detail: str) -> None:
        """The edge ends the stream; what it sent before still arrives."""
        self._down(self._closed_by_edge, code)

    # -- both ways ------------------------------------------------------------------------------------------------

    def snap(self, near_after_s: float | None = 0.001, far_after_s: float | None = 0.001) -> None:
        """Break the wire. Each end learns of it after its time, or never (None)."""
        if self.is_broken:
            return
        self.is_broken = True
        loop = self._network.loop
        if near_after_s is not None:
            loop.call_later(near_after_s, self.near.lost, self, "UNAVAILABLE", context=self.near.process.context)
        if far_after_s is not None and self.far is not None:
            loop.call_later(far_after_s, self._closed_at_edge, context=self.far.context)

    def _closed_by_edge(self, _: Wire, code: str) -> None:
        self.is_broken = True
        self.near.lost(self, code)

    def _up(self, arrive: Callable[..., None], *what: Any) -> None:
        assert self.far is not None
        network = self._network
        self._up_at = max(self._up_at, network.loop.time() + network.delay())
        network.loop.call_at(self._up_at, self._at_edge, arrive, what, context=self.far.context)

    def _at_edge(self, arrive: Callable[..., None], what: tuple[Any, ...]) -> None:
        if not self.is_broken:
            arrive(*what)

    def _down(self, arrive: Callable[..., None], *what: Any) -> None:
        network = self._network
        self._down_at = max(self._down_at, network.loop.time() + network.delay())
        network.loop.call_at(self._down_at, self._at_adapter, arrive, what, context=self.near.process.context)

    def _at_adapter(self, arrive: Callable[..., None], what: tuple[Any, ...]) -> None:
        if not self.is_broken:
            arrive(self, *what)

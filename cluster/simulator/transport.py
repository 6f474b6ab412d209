"""The simulated network between processes: calls that are late, lost, repeated, overtaken or answered into the void.

Keeps: what a caller hears of a call that failed is `PeerGone`, at once or when its patience ends, and never whether it
was applied. A peer's code runs in the peer's process: what a dead one had begun stays undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from cluster.errors import PeerGone
from cluster.simulator.loop import PROCESS, Process, VirtualLoop, described
from cluster.store.base import StoreUnavailable
from cluster.transport import Peer

#: How long until a caller hears that nobody listens, or that the other end died.
REFUSED_AFTER_S = 0.004


@dataclass(slots=True)
class Weather:
    """How the network is. Shares are of calls, between 0 and 1."""

    delay_s: float = 0.0008
    #: This share of messages takes up to `slow_s` instead, and is overtaken by others.
    slow: float = 0.0
    slow_s: float = 0.3
    lose_request: float = 0.0
    lose_reply: float = 0.0
    #: This share of calls arrives twice.
    repeat: float = 0.0
    #: This share of lost calls fails at once (a reset connection), not when the caller's patience ends.
    reset: float = 0.5


@dataclass(slots=True, eq=False)
class Call:
    """One call under way."""

    target: Process
    future: asyncio.Future[bytes]
    patience: Any


class Network:
    """Who is where, and what becomes of what they say to each other."""

    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.weather = Weather()
        self.peers: dict[str, tuple[Process, Peer]] = {}
        #: (from, to) by name: nothing gets through.
        self.cut: set[tuple[str, str]] = set()
        self._calls: dict[Call, None] = {}
        #: Told (source, target, method, payload) of each call, and of each answer with its method as `method>`.
        self.listener: Callable[[str, str, str, bytes], None] | None = None

    def delay(self) -> float:
        """How long one message takes (s)."""
        weather, random = self.weather, self.random
        if weather.slow and random.random() < weather.slow:
            return random.random() * weather.slow_s
        return weather.delay_s * (0.5 + random.random())

    def add(self, name: str, process: Process, peer: Peer) -> None:
        """A process can be called by this name from here on; it replaces an earlier one."""
        self.peers[name] = (process, peer)

    def died(self, process: Process) -> None:
        """A process is gone: whoever called it hears so."""
        for name in [name for name, (known, _) in self.peers.items() if known is process]:
            del self.peers[name]
        for call in [call for call in self._calls if call.target is process]:
            self._fail(call, "the process died", self.delay())

    def is_cut(self, source: str, target: str) -> bool:
        return bool(self.cut) and (source, target) in self.cut

    async def call(self, source: Process, peer: str, method: str, payload: bytes, timeout_s: float) -> bytes:
        """One call from one process to another; raises `PeerGone`."""
        loop, random, weather = self.loop, self.random, self.weather
        if self.listener is not None:
            self.listener(source.name, peer, method, payload)
        found = self.peers.get(peer)
        if found is None:
            await asyncio.sleep(REFUSED_AFTER_S)
            raise PeerGone(f"{peer} is not running")
        target, _ = found
        future: asyncio.Future[bytes] = loop.create_future()
        call = Call(target, future, None)
        self._calls[call] = None
        call.patience = loop.call_later(timeout_s, self._give_up, call, peer, method, timeout_s)
        if self.is_cut(source.name, peer) or (weather.lose_request and random.random() < weather.lose_request):
            self._lose(call)
        else:
            copies = 2 if weather.repeat and random.random() < weather.repeat else 1
            for _ in range(copies):
                at = loop.time() + self.delay()
                loop.call_at(at, self._arrive, call, source.name, peer, method, payload, context=target.context)
        try:
            return await future
        finally:
            self._calls.pop(call, None)
            call.patience.cancel()

    def _arrive(self, call: Call, source: str, peer: str, method: str, payload: bytes) -> None:
        """In the target's process: begin what was asked for."""
        found = self.peers.get(peer)
        if found is not None and found[0] is call.target:
            self.loop.create_task(self._serve(call, source, peer, found[1], method, payload))

    async def _serve(self, call: Call, source: str, peer: str, target: Peer, method: str, payload: bytes) -> None:
        weather, random = self.weather, self.random
        try:
            answer = await target.methods[method](payload)
        except (PeerGone, StoreUnavailable) as problem:
            self._fail(call, f"{peer} failed at {method}: {type(problem).__name__}", self.delay())
            return
        except Exception as problem:  # noqa: BLE001  # a defect of the peer, which its caller sees as a failed call
            self.loop.failures.append(f"{peer}.{method}: {described(problem)}")
            self._fail(call, f"{peer} failed at {method}: {type(problem).__name__}", self.delay())
            return
        if self.listener is not None:
            self.listener(peer, source, f"{method}>", answer)
        if self.is_cut(peer, source) or (weather.lose_reply and random.random() < weather.lose_reply):
            self._lose(call)
        else:
            self.loop.call_later(self.delay(), self._answer, call, answer, context=WORLD)

    def _answer(self, call: Call, answer: bytes) -> None:
        if not call.future.done():
            call.future.set_result(answer)

    def _lose(self, call: Call) -> None:
        if self.random.random() < self.weather.reset:
            self._fail(call, "the connection was reset", self.delay())

    def _give_up(self, call: Call, peer: str, method: str, timeout_s: float) -> None:
        if not call.future.done():
            call.future.set_exception(PeerGone(f"{peer} did not answer {method} within {timeout_s:g} s"))

    def _fail(self, call: Call, detail: str, after_s: float) -> None:
        self.loop.call_later(after_s, self._failed, call, detail, context=WORLD)

    def _failed(self, call: Call, detail: str) -> None:
        if not call.future.done():
            call.future.set_exception(PeerGone(detail))


#: Where what belongs to no process runs: wires, the sky, the observer.
WORLD = Process("world").context
WORLD.run(PROCESS.set, None)


class SimTransport:
    """One process's way to the others. See `cluster.transport.Transport`."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def call(self, peer: str, method: str, payload: bytes, timeout_s: float = 10.0) -> bytes:
        return await self._network.call(self._process, peer, method, payload, timeout_s)

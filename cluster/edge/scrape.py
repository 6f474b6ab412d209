"""Collects every figure of a cluster in one go: hosts, supervisor, gateways, archiver, and each queue's counters.

    /metrics ---> Scrape ---> metrics of every host, the supervisor, the other gateways   (calls, all at once)
                          --> ReadQueue of every queue that the configuration names        (asks, all at once)

Keeps: it ends within `TIMEOUT_S` and a little, whoever is silent; who did not answer is told as `trunkline_up` 0; a
figure that needs everybody's answer is left out unless everybody answered, because half of a sum is a wrong number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from actors.address import Address, name_of
from actors.messages.queue import QueueCounters, ReadQueue
from cluster.errors import PeerGone, TrunklineError
from cluster.telemetry import metrics
from cluster.telemetry.exposition import Told
from cluster.telemetry.meter import Sample, Samples, sample, samples_decoder
from cluster.telemetry.metrics import Of
from cluster.transport import SUPERVISOR, Transport

if TYPE_CHECKING:
    from cluster.edge.edge import Edge

#: Prometheus gives a scrape ten seconds by default; a process that needs more than this is not well.
TIMEOUT_S: Final = 2.0
#: More than any scrape waits.
LONGER_S: Final = 60.0
QUEUE_PREFIX: Final = "queue/"


class Scrape:
    """One gateway's scrapes; those that come while one is under way share its answer."""

    def __init__(self, edge: Edge, transport: Transport, timeout_s: float = TIMEOUT_S) -> None:
        self._edge = edge
        self._transport = transport
        self._timeout_s = timeout_s
        self._under_way: asyncio.Task[list[Told]] | None = None

    async def read(self) -> list[Told]:
        """What everybody tells now."""
        task = self._under_way
        if task is None or task.done():
            task = self._under_way = asyncio.create_task(self._read(), name="scrape")
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """End a scrape that is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _read(self) -> list[Told]:
        started_s = time.perf_counter()
        edge = self._edge
        table = edge.shard_table
        peers = [(Of.SUPERVISOR.value, SUPERVISOR)]
        peers += [(Of.HOST.value, name) for name in dict.fromkeys([*sorted(table.hosts), *sorted(table.members)])]
        peers += [(Of.GATEWAY.value, name) for name in sorted(table.gateways) if name != edge.name]
        peers += [(name, name) for name in edge.also_scraped]
        queues = [Address(f"{QUEUE_PREFIX}{name}") for name in (edge.centre.queues if edge.centre is not None else ())]
        answers, counted = await asyncio.gather(
            asyncio.gather(*(self._ask_peer(name) for _, name in peers)),
            asyncio.gather(*(self._ask_queue(queue) for queue in queues)),
        )
        own = Told(Of.GATEWAY.value, edge.name, edge.samples())
        told = [own, *(Told(*peer, answer) for peer, answer in zip(peers, answers, strict=True) if answer is not None)]
        up = [sample(metrics.UP, 1, own.kind, own.name)]
        up += [sample(metrics.UP, answer is not None, *peer) for peer, answer in zip(peers, answers, strict=True)]
        up += [
            sample(metrics.UP, known is not None, "queue", name_of(queue)) for queue, known in zip(queues, counted, strict=True)
        ]
        now_ms = edge.now_ms()
        whole = [item for known in counted if known is not None for item in queue_samples(known, now_ms)]
        if edge.centre is not None and None not in answers and None not in counted:
            whole += interaction_samples((known for known in counted if known is not None), told)
        whole.append(sample(metrics.SCRAPE_SECONDS, time.perf_counter() - started_s))
        return [Told(Of.CLUSTER.value, "", [*up, *whole]), *told]

    async def _ask_peer(self, name: str) -> Samples | None:
        try:
            # Given up from outside: a transport that waited in vain hangs up, and with the connection would end
            # deliveries of a host that is only slow.
            async with asyncio.timeout(self._timeout_s):
                return samples_decoder.decode(await self._transport.call(name, "metrics", b"", timeout_s=LONGER_S))
        except (PeerGone, TimeoutError, msgspec.DecodeError):
            return None

    async def _ask_queue(self, queue: Address) -> QueueCounters | None:
        try:
            answer = await self._edge.ask(queue, ReadQueue(), timeout_s=self._timeout_s)
        except TrunklineError:
            return None
        return answer if isinstance(answer, QueueCounters) else None


def queue_samples(known: QueueCounters, now_ms: int) -> list[Sample]:
    """One queue's figures."""
    queue = known.queue
    longest_ms = max(0, now_ms - known.oldest_at) if known.oldest_at else 0
    expected = known.expected
    bounds = (
        {"low": expected.low_ms, "expected": expected.expected_ms, "high": expected.high_ms} if expected is not None else {}
    )
    return [
        *(sample(metrics.QUEUE_EXPECTED_WAIT, bound_ms / 1000, queue, bound) for bound, bound_ms in bounds.items()),
        sample(metrics.QUEUE_WAITING, known.waiting, queue),
        sample(metrics.QUEUE_OFFERED, known.offered, queue),
        sample(metrics.QUEUE_LONGEST_WAIT, longest_ms / 1000, queue),
        sample(metrics.QUEUE_ENTERED, known.entered, queue),
        sample(metrics.QUEUE_GRANTED, known.granted, queue),
        sample(metrics.QUEUE_IN_TARGET, known.granted_in_target, queue),
        sample(metrics.QUEUE_WITHDRAWN, known.withdrawn, queue),
    ]


def interaction_samples(queues: Iterable[QueueCounters], told: Iterable[Told]) -> list[Sample]:
    """Interactions by state: in queues as the queues say, with agents as the hosts that run the agents say."""
    states = {"queued": float(sum(known.waiting + known.offered for known in queues)), "connected": 0.0, "wrapping": 0.0}
    names = {"accepted": "connected", "wrapping": "wrapping"}
    for teller in told:
        for item in teller.samples:
            if item.name == metrics.RESERVATIONS.name and item.labels[1] in names:
                states[names[item.labels[1]]] += item.value
    return [sample(metrics.INTERACTIONS, count, state) for state, count in states.items()]

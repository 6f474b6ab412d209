"""Carries frames from an edge to the hosts of their shards, in order for each shard, until they are settled.

Frames of one shard form a lane. A lane has one batch under way at most: marks take a later number for the whole, so
nothing may overtake. When the shard table moves a lane's shard, everything unsettled goes to the new host, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

from actors.actor import Refusal
from actors.address import Address, Placement, ShardId
from cluster.admission import Admission, AdmissionOptions
from cluster.codec import encode
from cluster.errors import PeerGone
from cluster.host.routes import Routes
from cluster.pump import Pump
from cluster.transport import Transport
from cluster.wire import (
    WIRE_FORMAT,
    CommandAck,
    Delivery,
    Parcel,
    ShardReceipt,
    ShardStatus,
    ShardTable,
    receipt_decoder,
)

LANE_LIMIT = 2_000
#: Frames in a call to an overloaded host: short calls show soon what the rate of arrivals does. Not while it works off a
#: burst, which large batches do best.
OVERLOADED_LIMIT = 512
ACK_DELAY_S = 0.1

Settled = Callable[[str, list[tuple[int, Refusal | None]]], None]


class Lane:
    """Unsettled frames of one shard, oldest first; the first `sent` of them are under way to `host`."""

    __slots__ = ("came_at_s", "host", "parcels", "sent")

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque()
        #: When each of them came, in the loop's time.
        self.came_at_s: deque[float] = deque()
        self.sent = 0
        self.host: str | None = None


class Dispatch:
    """All lanes of one edge. `settled(stream, [(seq, refusal or None)])` is told what became of frames."""

    def __init__(
        self,
        edge: str,
        transport: Transport,
        placement: Placement,
        settled: Settled,
        admission: AdmissionOptions | None = None,
    ) -> None:
        self._edge = edge
        self._transport = transport
        self._placement = placement
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self.admission = Admission(admission or AdmissionOptions(), self._loop.time)
        self.routes = Routes(transport, self._table_changed)
        self._lanes: dict[ShardId, Lane] = {}
        self._ready: dict[str, dict[ShardId, None]] = {}
        #: The last of each shard's commands that each link acknowledged. Kept after it was told: the host that was told
        #: may have lost the shard already, and the adapter says it only once, so the next host is told again.
        self._acks: dict[tuple[ShardId, str], int] = {}
        self._acks_ready: dict[str, dict[tuple[ShardId, str], None]] = {}
        self._ack_timer: asyncio.TimerHandle | None = None
        self._pumps: dict[str, Pump] = {}
        #: Link stream -> frame up to which the adapter knows every outcome.
        self.floors: dict[str, int] = {}
        self.calls = 0

    @property
    def pending(self) -> int:
        """Frames that are not settled yet."""
        return sum(len(lane.parcels) for lane in self._lanes.values())

    def refusal_ms(self, to: Address, waited_s: float) -> int:
        """Whether an arrival for this actor is let in: 0, or when (ms) to come again. See `Admission.refusal_ms`."""
        host = self.routes.host_of(self._placement.shard_of(to))
        return 0 if host is None else self.admission.refusal_ms(host, waited_s)

    def send(self, parcel: Parcel) -> None:
        """Queue one frame for its shard."""
        shard = self._placement.shard_of(parcel.to)
        lane = self._lanes.get(shard)
        if lane is None:
            lane = self._lanes[shard] = Lane()
        lane.parcels.append(parcel)
        lane.came_at_s.append(self._loop.time())
        if not lane.sent:
            self._route(shard)

    def acknowledge(self, shard: ShardId, link: str, number: int) -> None:
        """Let a shard forget its commands for the link up to `number`."""
        if not self._placement.is_shard(shard):
            # An adapter may name any source; what can be no shard would be kept here for ever and told to nobody.
            return
        self._acks[shard, link] = max(number, self._acks.get((shard, link), 0))
        self._route_ack(shard, link)

    def forget(self, link: str) -> None:
        """Tell no further host what a link acknowledged that left long ago: its shards forgot those commands by now."""
        for key in [key for key in self._acks if key[1] == link]:
            del self._acks[key]

    def update_table(self, payload: bytes) -> None:
        self.routes.update(payload)

    async def stop(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
        await self.routes.stop()
        for pump in self._pumps.values():
            await pump.stop()

    def _route(self, shard: ShardId) -> None:
        host = self.routes.host_of(shard)
        if host is None:
            self.routes.locate(shard)
            return
        self._ready.setdefault(host, {})[shard] = None
        self._pump(host).wake()

    def _route_ack(self, shard: ShardId, link: str) -> None:
        host = self.routes.host_of(shard)
        if host is not None:
            self._acks_ready.setdefault(host, {})[shard, link] = None
            if self._ack_timer is None:
                self._ack_timer = asyncio.get_running_loop().call_later(ACK_DELAY_S, self._carry_acks)

    def _carry_acks(self) -> None:
        """Nobody waits for an acknowledgement, so it goes with the next frames, or a little later by itself."""
        self._ack_timer = None
        for host in self._acks_ready:
            self._pump(host).wake()

    def _pump(self, host: str) -> Pump:
        pump = self._pumps.get(host)
        if pump is None:
            pump = self._pumps[host] = Pump(f"{self._edge}->{host}", partial(self._carry, host))
        return pump

    async def _carry(self, host: str) -> bool:
        parcels = self._take_parcels(host)
        acks = self._take_acks(host)
        if not parcels and not acks:
            return False
        streams = {parcel.stream for taken in parcels.values() for parcel in taken}
        floors = {stream: floor for stream, floor in self.floors.items() if stream in streams}
        self.calls += 1
        try:
            delivery = Delivery(WIRE_FORMAT, self._edge, parcels, floors, acks)
            receipt = receipt_decoder.decode(await self._transport.call(host, "deliver", encode(delivery)))
        except PeerGone:
            for shard in parcels:
                self._again(shard, host)
            for ack in acks:
                self._route_ack(ack.shard, ack.link)
            raise
        for ack in acks:
            if ack.shard in receipt.strangers:
                self._route_ack(ack.shard, ack.link)
        if parcels:
            # The wait for the call before counts too: it shows a gateway that is itself behind.
            delay_ms = max((self._loop.time() - self._oldest_at_s(parcels)) * 1000, receipt.behind_ms)
            self.admission.observe(host, delay_ms)
        settled = [self._conclude(shard, host, sent, receipt.shards.get(shard)) for shard, sent in parcels.items()]
        if receipt.strangers or not all(settled):
            raise PeerGone(f"{host} could not take every shard's frames now")
        return bool(self._ready.get(host))

    def _take_parcels(self, host: str) -> dict[ShardId, list[Parcel]]:
        """What is ready for the host's shards; from here on it is under way."""
        parcels: dict[ShardId, list[Parcel]] = {}
        room = OVERLOADED_LIMIT if self.admission.is_limited(host) else None
        ready = self._ready.pop(host, {})
        for shard in list(ready):
            if room == 0:
                self._ready[host] = ready  # The rest leaves first next time.
                break
            del ready[shard]
            lane = self._lanes.get(shard)
            if lane is None or lane.sent or self.routes.host_of(shard) != host:
                continue
            taken = parcels[shard] = list(islice(lane.parcels, LANE_LIMIT if room is None else room))
            if room is not None:
                room -= len(taken)
            lane.sent = len(taken)
            lane.host = host
        return parcels

    def _oldest_at_s(self, shards: Iterable[ShardId]) -> float:
        """When the oldest unsettled frame of these shards came."""
        lanes = (self._lanes.get(shard) for shard in shards)
        return min((lane.came_at_s[0] for lane in lanes if lane is not None and lane.came_at_s), default=self._loop.time())

    def _take_acks(self, host: str) -> list[CommandAck]:
        """Acknowledgements that the host's shards have not been told of."""
        return [
            CommandAck(shard, link, self._acks[shard, link])
            for shard, link in self._acks_ready.pop(host, ())
            if (shard, link) in self._acks and self.routes.host_of(shard) == host
        ]

    def _conclude(self, shard: ShardId, host: str, sent: list[Parcel], receipt: ShardReceipt | None) -> bool:
        """Act on what became of one shard's parcels; whether they are settled."""
        if receipt is not None and receipt.status is ShardStatus.SETTLED:
            self._settle(shard, host, sent, receipt)
            return True
        self._again(shard, host)
        return False

    def _settle(self, shard: ShardId, host: str, sent: list[Parcel], receipt: ShardReceipt) -> None:
        refusals = {(stream, seq): refusal for stream, seq, refusal in receipt.refusals}
        self._report(sent, refusals)
        lane = self._lanes.get(shard)
        if lane is None:
            return
        # The lane may have been sent to another host meanwhile; what this receipt settles is done either way.
        last = {parcel.stream: parcel.seq for parcel in sent}
        while lane.parcels and lane.parcels[0].seq <= last.get(lane.parcels[0].stream, -1):
            lane.parcels.popleft()
            lane.came_at_s.popleft()
        if lane.host == host:
            lane.sent = 0
            lane.host = None
        if lane.parcels:
            if not lane.sent:
                self._route(shard)
        else:
            del self._lanes[shard]

    def _report(self, parcels: list[Parcel], refusals: dict[tuple[str, int], Refusal]) -> None:
        by_stream: dict[str, list[tuple[int, Refusal | None]]] = {}
        for parcel in parcels:
            refusal = refusals.get((parcel.stream, parcel.seq)) if refusals else None
            by_stream.setdefault(parcel.stream, []).append((parcel.seq, refusal))
        for stream, settled in by_stream.items():
            self._settled(stream, settled)

    def _again(self, shard: ShardId, host: str) -> None:
        lane = self._lanes.get(shard)
        if lane is not None and lane.host == host:
            lane.sent = 0
            lane.host = None
            if lane.parcels:
                self._route(shard)
            else:
                del self._lanes[shard]

    def _table_changed(self, previous: ShardTable) -> None:
        table = self.routes.table
        unsaid: set[tuple[ShardId, str]] = set()
        for host in [host for host in self._pumps if host not in table.hosts]:
            self._ready.pop(host, None)
            # A silent host can be out of the table while its shards wait for it to come back.
            unsaid.update(self._acks_ready.pop(host, ()))
            self._pumps.pop(host).retire()
            self.admission.forget(host)
        for shard, lane in self._lanes.items():
            if previous.shards.get(shard) != table.shards.get(shard):
                lane.sent = 0
                lane.host = None
            if not lane.sent:
                self._route(shard)
        for shard, link in list(self._acks):
            if shard not in table.shards:
                del self._acks[shard, link]
            elif (shard, link) in unsaid or previous.shards.get(shard) != table.shards[shard]:
                self._route_ack(shard, link)
        for pump in self._pumps.values():
            pump.hurry()

"""Everything that leaves a host: messages to other shards, commands to gateways; each kept until acknowledged.

released lane -> same host: handed over in memory
              -> other host: pump -> deliver -> acknowledged by the receipt (after its commit)
              -> gateway:    pump -> push    -> acknowledged by the adapter, much later, through an edge
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from actors.address import ShardId
from cluster.codec import Codec, encode, raw
from cluster.errors import PeerGone
from cluster.host.routes import Routes
from cluster.pump import Pump
from cluster.shard.inbox import Input, InputGroup
from cluster.shard.shard import Ephemeral, Released, Shard
from cluster.transport import Transport
from cluster.wire import (
    WIRE_FORMAT,
    Delivery,
    LinkNews,
    Outbound,
    Parcel,
    Push,
    ShardReceipt,
    ShardStatus,
    ShardTable,
    asking_edge,
    push_receipt_decoder,
    receipt_decoder,
)

#: Most messages of one lane that one call carries.
LANE_LIMIT = 2_000
#: Most ephemeral messages kept for one peer; older ones are dropped, which is what ephemeral means.
EPHEMERAL_LIMIT = 5_000

Lane = tuple[ShardId, str]


class Outlets:
    """Routes what this host's shards release. `shards` is the host's own dictionary, read at use."""

    def __init__(
        self, host: str, shards: Mapping[ShardId, Shard], transport: Transport, codec: Codec, wake: partial[None]
    ) -> None:
        self._host = host
        self._shards = shards
        self._transport = transport
        self._codec = codec
        self._wake_host = wake
        self.routes = Routes(transport, self._table_changed)
        self._links: dict[str, tuple[str, int]] = {}
        #: The life of the store that this host's shards were read from.
        self.life = ""
        self._claims: dict[str, dict[str, int]] = {}
        #: Gateways that could not be reached when they were last called.
        self._silent: set[str] = set()
        #: Gateway -> its present incarnation, and the number of its last news.
        self._heard: dict[str, tuple[str, int]] = {}
        #: Incarnations of gateways that another one followed.
        self._replaced: set[tuple[str, str]] = set()
        self._pumps: dict[str, Pump] = {}
        self._ready: dict[str, dict[Lane, None]] = {}
        self._parcels: dict[str, list[tuple[ShardId, Parcel]]] = {}
        self._commands: dict[str, list[Outbound]] = {}
        self.calls = 0

    # -- what is to leave -------------------------------------------------------------------------------------------

    def release(self, shard: Shard, released: Released) -> None:
        """Send on what a commit let go."""
        for destination in released.destinations:
            self._route(shard.id, destination)
        for ephemeral in released.ephemeral:
            self._send_ephemeral(shard, ephemeral)

    def resend_all(self, shard: Shard) -> None:
        """A shard was taken over: whatever its last host may have sent is sent again."""
        for destination in list(shard.outbox.destinations()):
            self._route(shard.id, destination)

    def links(self, news: LinkNews) -> None:
        """A gateway says which links it holds; for each newer stream, unacknowledged commands start over."""
        if not self._is_fresh(news):
            return
        self._silent.discard(news.gateway)
        before = self._claims.get(news.gateway, {})
        self._claims[news.gateway] = dict(news.links)
        for link in before | news.links:
            self._choose(link)
        if news.gateway in self._pumps:
            self._pumps[news.gateway].hurry()

    def _is_fresh(self, news: LinkNews) -> bool:
        """Whether nothing later was heard: a gateway tells its news once, so an older one must not undo a newer one."""
        incarnation, number = self._heard.get(news.gateway, ("", 0))
        if (news.gateway, news.incarnation) in self._replaced or (incarnation == news.incarnation and news.number <= number):
            return False
        if incarnation not in ("", news.incarnation):
            self._replaced.add((news.gateway, incarnation))
        self._heard[news.gateway] = (news.incarnation, news.number)
        return True

    def _choose(self, link: str) -> None:
        """Use the newest stream that any gateway claims to hold; start over on it if it is another than before.

        Generations are from the gateways' clocks. One whose clock was ahead and that died would go on having the newest
        stream for as long as its clock was ahead, so a claim of one that can be reached comes first.
        """
        claims = [
            (gateway not in self._silent, links[link], gateway) for gateway, links in self._claims.items() if link in links
        ]
        if not claims:
            self._links.pop(link, None)
            return
        _, generation, gateway = max(claims)
        if self._links.get(link) == (gateway, generation):
            return
        self._links[link] = (gateway, generation)
        destination = f"l:{link}"
        for shard in self._shards.values():
            if shard.outbox.rewind(destination):
                self._route(shard.id, destination)

    def _route(self, source: ShardId, destination: str) -> None:
        if source not in self._shards:
            return  # Lost while a call of it was under way; its next host sends what is left.
        kind, _, name = destination.partition(":")
        if kind == "l":
            held = self._links.get(name)
            if held is not None:
                self._make_ready(held[0], (source, destination))
            return
        target = ShardId(name)
        host = self.routes.host_of(target)
        if host is None:
            self.routes.locate(target)
        elif host == self._host and target in self._shards:
            self._hand_over(self._shards[source], self._shards[target], destination)
        else:
            self._make_ready(host, (source, destination))

    def _make_ready(self, peer: str, lane: Lane) -> None:
        self._ready.setdefault(peer, {})[lane] = None
        self._pump(peer, to_gateway=lane[1].startswith("l:")).wake()

    def _pump(self, peer: str, *, to_gateway: bool) -> Pump:
        pump = self._pumps.get(peer)
        if pump is None:
            carry = self._carry_to_gateway if to_gateway else self._carry_to_host
            pump = self._pumps[peer] = Pump(f"{self._host}->{peer}", partial(carry, peer))
        return pump

    def _send_ephemeral(self, shard: Shard, sent: Ephemeral) -> None:
        kind, _, name = sent.destination.partition(":")
        if kind == "l":
            # An edge that asks waits for its answer now, perhaps before this host has heard of its links.
            held = (asking_edge(name), 0) if sent.reply_to else self._links.get(name)
            if held is not None:
                gateway, generation = held
                commands = self._commands.setdefault(gateway, [])
                commands.append(Outbound(name, generation, shard.id, 0, raw(sent.message), sent.reply_to))
                del commands[:-EPHEMERAL_LIMIT]
                self._pump(gateway, to_gateway=True).wake()
            return
        host = self.routes.host_of(ShardId(name))
        if host is not None:
            parcels = self._parcels.setdefault(host, [])
            parcels.append((ShardId(name), Parcel(shard.stream, 0, sent.to, raw(sent.message))))
            del parcels[:-EPHEMERAL_LIMIT]
            self._pump(host, to_gateway=False).wake()

    # -- within the host --------------------------------------------------------------------------------------------

    def _hand_over(self, source: Shard, target: Shard, destination: str) -> None:
        items = source.outbox.unsent(destination, LANE_LIMIT, alone=True)
        if not items:
            return
        stream = source.stream
        inputs = [Input(stream, item.number, item.to, self._codec.message(item.body)) for item in items]
        last = items[-1].number

        def settle(receipt: ShardReceipt) -> None:
            if self._shards.get(source.id) is not source:
                return
            if receipt.status is ShardStatus.SETTLED:
                source.outbox.acknowledge(destination, last)
                if source.outbox.has_unsent(destination):
                    self._route(source.id, destination)
            elif source.outbox.rewind(destination):
                self._route(source.id, destination)

        target.accept(InputGroup(inputs, settle))
        self._wake_host()

    # -- to other processes -----------------------------------------------------------------------------------------

    async def _carry_to_host(self, host: str) -> bool:
        lanes = self._ready.pop(host, {})
        parcels: dict[ShardId, list[Parcel]] = {}
        taken: list[tuple[Shard, str, ShardId, int]] = []
        for source_id, destination in lanes:
            source = self._shards.get(source_id)
            target = ShardId(destination[2:])
            if source is None or self.routes.host_of(target) != host:
                continue  # Whoever moved the shard has routed the lane anew.
            items = source.outbox.unsent(destination, LANE_LIMIT, alone=True)
            if items:
                stream = source.stream
                parcels.setdefault(target, []).extend(Parcel(stream, item.number, item.to, item.body) for item in items)
                taken.append((source, destination, target, items[-1].number))
        for target, parcel in self._parcels.pop(host, ()):
            parcels.setdefault(target, []).append(parcel)
        if not parcels:
            return False
        self.calls += 1
        try:
            delivery = Delivery(WIRE_FORMAT, self._host, parcels, life=self.life)
            answer = await self._transport.call(host, "deliver", encode(delivery))
        except PeerGone:
            self._send_again((source, destination) for source, destination, _, _ in taken)
            raise
        receipts = receipt_decoder.decode(answer).shards
        failed: list[tuple[Shard, str]] = []
        for source, destination, target, last in taken:
            receipt = receipts.get(target)
            if receipt is not None and receipt.status is ShardStatus.SETTLED:
                source.outbox.acknowledge(destination, last)
                if source.outbox.has_unsent(destination):
                    self._route(source.id, destination)
            else:
                failed.append((source, destination))
        if failed:
            self._send_again(failed)
            raise PeerGone(f"{host} does not run {len(failed)} of the shards asked for")
        return bool(self._ready.get(host) or self._parcels.get(host))

    async def _carry_to_gateway(self, gateway: str) -> bool:
        lanes = self._ready.pop(gateway, {})
        commands = self._commands.pop(gateway, [])
        taken: list[tuple[Shard, str]] = []
        for source_id, destination in lanes:
            source = self._shards.get(source_id)
            held = self._links.get(destination[2:])
            if source is None or held is None or held[0] != gateway:
                continue
            link, generation = destination[2:], held[1]
            items = source.outbox.unsent(destination, LANE_LIMIT)
            commands.extend(Outbound(link, generation, source.id, item.number, item.body) for item in items)
            taken.append((source, destination))
            if source.outbox.has_unsent(destination):
                self._make_ready(gateway, (source_id, destination))
        if not commands:
            return False
        self.calls += 1
        try:
            answer = await self._transport.call(gateway, "push", encode(Push(WIRE_FORMAT, self._host, commands)))
        except PeerGone:
            self._fall_silent(gateway)
            self._send_again(taken)
            raise
        self._silent.discard(gateway)
        for link, generation in push_receipt_decoder.decode(answer).unknown:
            self._lose_link(link, gateway, generation)
        return bool(self._ready.get(gateway) or self._commands.get(gateway))

    def _fall_silent(self, gateway: str) -> None:
        """The gateway cannot be reached: use what others claim to hold, if they do; its own claims may still be true."""
        if gateway not in self._silent:
            self._silent.add(gateway)
            for link in self._claims.get(gateway, ()):
                self._choose(link)

    def _lose_link(self, link: str, gateway: str, generation: int) -> None:
        """The gateway does not hold the link under the generation that was used: wait for news of a newer one."""
        if self._claims.get(gateway, {}).get(link) == generation:
            del self._claims[gateway][link]
            self._choose(link)

    def _send_again(self, taken: Iterable[tuple[Shard, str]]) -> None:
        for source, destination in taken:
            if self._shards.get(source.id) is source and source.outbox.rewind(destination):
                self._route(source.id, destination)

    # -- upkeep -----------------------------------------------------------------------------------------------------

    def _table_changed(self, previous: ShardTable) -> None:
        table = self.routes.table
        for peer in [host for host in previous.hosts if host in self._pumps and host not in table.hosts]:
            self._ready.pop(peer, None)
            self._pumps.pop(peer).retire()
        for shard in self._shards.values():
            for destination in list(shard.outbox.destinations()):
                if destination.startswith("s:"):
                    target = ShardId(destination[2:])
                    # What went to the old host has an unknown fate; the whole lane goes to the new one, in order.
                    if previous.shards.get(target) != table.shards.get(target):
                        shard.outbox.rewind(destination)
                    self._route(shard.id, destination)
        for pump in self._pumps.values():
            pump.hurry()

    async def stop(self) -> None:
        await self.routes.stop()
        for pump in self._pumps.values():
            await pump.stop()

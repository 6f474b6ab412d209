"""What processes of one cluster say to each other: batches, so that one Ray call carries many messages.

    edge or host                          host
      | deliver(Delivery) ----------------> |  inputs for its shards, acknowledgements of commands
      | <------------------------- Receipt  |  after the commit: settled or why not, by shard
    host                                  edge
      | push(Push) -----------------------> |  commands for links, answers to asks
      | <--------------------- PushReceipt  |  links that are not there
    edge                                  host
      | links(LinkNews) ------------------> |  which links this gateway holds, by generation

Streams: a sender is `s:<shard>` or `l:<link>:<incarnation>`; its numbers only grow. A destination is `s:<shard>` or
`l:<link>`.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from actors.actor import Refusal
from actors.address import Address, ShardId
from cluster.decoding import Decoder

WIRE_FORMAT = 1
EPOCH_SHIFT = 32


def shard_stream(shard: str) -> str:
    return f"s:{shard}"


def link_stream(link: str, incarnation: str) -> str:
    return f"l:{link}:{incarnation}"


ASKING_LINK = "edge-"


def asking_edge(link: str) -> str:
    """The edge whose own link for asking this is."""
    return link.removeprefix(ASKING_LINK)


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """One message for one actor; `seq` 0 is ephemeral and not deduplicated."""

    stream: str
    seq: int
    to: Address
    body: msgspec.Raw


class CommandAck(msgspec.Struct, frozen=True, array_like=True):
    """The adapter on `link` handled everything of `shard` up to `number`."""

    shard: ShardId
    link: str
    number: int


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """A batch for one host. `floors` tells, by link stream, up to which frame the adapter knows the outcome.

    `life` is the life of the store that a sending host's shards were read from; empty from an edge.
    """

    format: int
    sender: str
    parcels: dict[ShardId, list[Parcel]]
    floors: dict[str, int] = {}
    acks: list[CommandAck] = []
    life: str = ""


class ShardStatus(IntEnum):
    """What became of a shard's part of a delivery."""

    SETTLED = 0
    NOT_MINE = 1
    OVERLOADED = 2


class ShardReceipt(msgspec.Struct, frozen=True, array_like=True):
    """`refusals` holds (stream, seq, refusal) of parcels that were refused without effect."""

    status: ShardStatus
    refusals: list[tuple[str, int, Refusal]] = []


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """`strangers` are shards whose commands were acknowledged to a host that does not run them.

    `behind_ms` is how long the oldest message has waited that a shard of this host has for another shard.
    """

    shards: dict[ShardId, ShardReceipt]
    strangers: list[ShardId] = []
    behind_ms: int = 0


class Outbound(msgspec.Struct, frozen=True, array_like=True):
    """One command for a link. `number` 0 is ephemeral; `reply_to` names the ask it answers."""

    link: str
    generation: int
    source: str
    number: int
    body: msgspec.Raw
    reply_to: int = 0


class Push(msgspec.Struct, frozen=True, array_like=True):
    format: int
    host: str
    commands: list[Outbound]


class PushReceipt(msgspec.Struct, frozen=True, array_like=True):
    """Links that this gateway does not hold (any more) under the generation that was used, which is told too."""

    unknown: list[tuple[str, int]] = []


class LinkNews(msgspec.Struct, frozen=True, array_like=True):
    """Link -> generation for every link that the gateway holds now; a greater generation is a newer stream.

    `number` counts what one incarnation of the gateway told, because calls overtake each other.
    """

    gateway: str
    links: dict[str, int]
    incarnation: str = ""
    number: int = 0


class OutboxItem(msgspec.Struct, frozen=True, array_like=True):
    """One stored outgoing message: destination, its number there, the actor (or link) and the body."""

    destination: str
    number: int
    to: Address
    body: msgspec.Raw


class Mark(msgspec.Struct, array_like=True):
    """High-water mark of one sender: the last number taken, when, and refused numbers the sender may repeat.

    `turned_away` holds those that were refused for want of room, with the time to come again (ms).
    """

    seq: int
    at: int
    refused: dict[int, Refusal] = {}
    turned_away: dict[int, int] = {}


class Placed(msgspec.Struct, frozen=True, array_like=True):
    """A shard's host and the epoch it runs under."""

    host: str
    epoch: int


class ShardTable(msgspec.Struct, frozen=True, array_like=True):
    """Who owns which shard, as the supervisor last decided. `hosts` maps each to the incarnation now alive.

    `members` are all hosts that belong to the cluster, silent ones too, so that the next supervisor looks for them.
    `term` counts supervisors: one that finds a greater term than its own was replaced.
    """

    version: int
    shards: dict[ShardId, Placed]
    hosts: dict[str, str]
    gateways: list[str]
    members: list[str] = []
    term: int = 0
    #: The run of the cluster, from `trunkline up` to `trunkline down`; hosts that were drained stay away within one.
    run: str = ""


class HostReport(msgspec.Struct, frozen=True, array_like=True):
    """What a host says of itself: which shards it runs, and how busy it is."""

    host: str
    incarnation: str
    shards: dict[ShardId, int]
    actors: int
    pending: int
    turns: int
    commits: int
    idle: bool
    table_version: int
    #: Calls that this host made to other processes, for the figure of Ray calls per event.
    calls: int = 0
    pid: int = 0
    #: The machine that it runs on, as Ray knows it; empty without Ray.
    node: str = ""
    #: Shards that it was given and still reads from the store, with their epochs.
    claiming: dict[ShardId, int] = {}

    def holds(self, shard: ShardId, epoch: int) -> bool:
        """Whether it runs a shard under this epoch, or is about to."""
        return self.shards.get(shard) == epoch or self.claiming.get(shard) == epoch


class SupervisorReport(msgspec.Struct, frozen=True, array_like=True):
    """What the supervisor says of the cluster: every living host's last report."""

    pid: int
    hosts: list[HostReport]


outbox_decoder: Decoder[list[OutboxItem]] = Decoder(list[OutboxItem])
mark_decoder: Decoder[Mark] = Decoder(Mark)
delivery_decoder: Decoder[Delivery] = Decoder(Delivery)
receipt_decoder: Decoder[Receipt] = Decoder(Receipt)
push_decoder: Decoder[Push] = Decoder(Push)
push_receipt_decoder: Decoder[PushReceipt] = Decoder(PushReceipt)
link_news_decoder: Decoder[LinkNews] = Decoder(LinkNews)
table_decoder: Decoder[ShardTable] = Decoder(ShardTable)
report_decoder: Decoder[HostReport] = Decoder(HostReport)
supervisor_report_decoder: Decoder[SupervisorReport] = Decoder(SupervisorReport)

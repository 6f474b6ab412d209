"""Addresses name actors, and a stable hash places them on shards.

An address is `kind/name` or `kind/name@key`. Actors with the same placement key live on the same shard, so a routing
domain's router, queues and agents talk without a network hop. Without `@key`, domain actors belong to the domain
`main`, and every other actor is placed by its own address, which spreads sessions over all shards.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NewType

Address = NewType("Address", str)
ShardId = NewType("ShardId", str)

DEFAULT_DOMAIN = "main"
DOMAIN_KINDS = frozenset({"agent", "queue", "router", "centre"})
GATEWAY_KIND = "gateway"


def address(kind: str, name: str) -> Address:
    """Join a kind and a name; the name may hold any character but is never empty.

    Raises:
        ValueError: the kind or the name is empty, or the kind holds a slash.
    """
    if not kind or "/" in kind or not name:
        raise ValueError(f"an address is kind/name with neither part empty, not {kind!r}/{name!r}")
    return Address(f"{kind}/{name}")


def kind_of(target: str) -> str:
    """The part before the first slash: which actor class answers at this address."""
    return target.partition("/")[0]


def name_of(target: str) -> str:
    """The part after the first slash."""
    return target.partition("/")[2]


def placement_key(target: str) -> str:
    """What decides the shard: the text after the last `@`, else the domain, else the whole address."""
    kind, _, name = target.partition("/")
    if kind not in DOMAIN_KINDS:
        return target
    _, at, key = name.rpartition("@")
    return f"domain/{key}" if at else f"domain/{DEFAULT_DOMAIN}"


class Placement:
    """Maps an address to its shard: hashed shards `0` to `shards-1`, or a shard of its own for a pinned kind.

    Pinning is how an actor gets a Ray actor of its own: its shard holds only it. Literal mode pins every kind.
    The shard count is fixed for the life of a cluster, because the hash decides where stored state is found.
    """

    def __init__(self, shards: int, pinned_kinds: Iterable[str] = ()) -> None:
        if shards < 1:
            raise ValueError(f"a cluster needs at least one shard, not {shards}")
        self.shards = shards
        self.pinned_kinds = frozenset(pinned_kinds)
        self._known: dict[str, ShardId] = {}

    def shard_of(self, target: str) -> ShardId:
        """The shard that owns this address."""
        if kind_of(target) in self.pinned_kinds:
            return ShardId(target)
        key = placement_key(target)
        shard = self._known.get(key)
        if shard is None:
            # CRC-32 is stable over processes and versions, unlike hash(); its spread over shards is even enough.
            shard = ShardId(str(zlib.crc32(key.encode()) % self.shards))
            if len(self._known) < 100_000:
                self._known[key] = shard
        return shard

    def is_shard(self, name: str) -> bool:
        """Whether a shard could have this name, which a peer may have made up."""
        if name.isascii() and name.isdecimal() and len(name) < 10:
            return int(name) < self.shards and name == str(int(name))
        return kind_of(name) in self.pinned_kinds

    def hashed_shards(self) -> list[ShardId]:
        """Every shard that exists from the start, in order."""
        return [ShardId(str(number)) for number in range(self.shards)]


def is_pinned(shard: str) -> bool:
    """Whether the shard holds a single pinned actor, whose address it then is."""
    return "/" in shard

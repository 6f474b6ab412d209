"""Where accepted facts are kept: one fenced commit per shard and batch."""

from __future__ import annotations

from cluster.store.base import Store
from cluster.store.memory import MemoryStore
from cluster.store.redis import RedisOptions, RedisStore

__all__ = ["Store", "connect"]


def connect(url: str, cluster: str = "trunkline") -> Store:
    """Open the store at a URL (`cluster.store.url` has the forms; `memory:` keeps everything in this process).

    Raises:
        StoreUrlInvalid: the URL names no store.
    """
    if url == "memory:":
        return MemoryStore()
    return RedisStore(url, RedisOptions(cluster=cluster))

"""Which life of a server a client speaks to: another one follows each restart or failover (`Store.life`).

Keeps: a client that follows one life sends nothing to another. Each new connection is asked who answers before it is
used, since a client reconnects without telling; so it costs nothing while connections last.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError as ServerGone
from redis.exceptions import ReadOnlyError

from cluster.store.url import Client

#: Between the run ids of a Redis Cluster's primaries.
SEPARATOR = ","


class LifeGuard:
    """Lets a client's connections through to the followed life only; to any, until one is followed."""

    def __init__(self) -> None:
        self._followed: frozenset[str] = frozenset()

    def follow(self, life: str) -> None:
        """Allow this life's servers and no others."""
        self._followed = frozenset(life.split(SEPARATOR))

    def guard(self, client: Client) -> None:
        """Ask at every connection that this client makes from here on."""
        if isinstance(client, RedisCluster):
            client.connection_kwargs["redis_connect_func"] = self._greet
            for node in client.startup_nodes:
                node.connection_kwargs["redis_connect_func"] = self._greet
        else:
            client.connection_pool.connection_kwargs["redis_connect_func"] = self._greet

    async def _greet(self, connection: Any) -> None:
        await connection.on_connect()
        if self._followed:
            await connection.send_command("INFO", "server")
            if _run_id(await connection.read_response()) not in self._followed:
                raise ServerGone("the server restarted, or another one took over")


async def read_life(observer: Client) -> str:
    """Ask the servers who they are, with a client that nothing guards.

    Raises:
        ReadOnlyError: what answers is a replica.
    """
    if not isinstance(observer, RedisCluster):
        told = await observer.info("server", "replication")
        if told["role"] != "master":
            # A primary that failed came back as a replica before its Sentinels named the next: following its life would
            # shut the true primary out. The next question asks them anew.
            await observer.connection_pool.disconnect()
            raise ReadOnlyError("You can't write against a read only replica.")
        return str(told["run_id"])
    # The client's map of the cluster may be from before a failover.
    await observer.aclose()
    await observer.initialize()
    answers = [await node.execute_command("INFO", "server") for node in observer.get_primaries()]
    return SEPARATOR.join(sorted(str(answer["run_id"]) for answer in answers))


def _run_id(info: bytes | str) -> str:
    text = info.decode() if isinstance(info, bytes) else info
    return next((line.partition(":")[2] for line in text.splitlines() if line.startswith("run_id:")), "")

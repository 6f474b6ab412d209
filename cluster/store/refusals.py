"""What a Redis error means to a caller: worth repeating, or a defect; and what an operator can do about it.

Every failure of the connection, and every refusal that ends without anybody changing Trunkline, is `StoreUnavailable`.
Anything else (a script's defect, a key of the wrong type) is `StoreError`.
"""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
)
from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import TimeoutError as ClientTimeoutError

from cluster.store.base import StoreError, StoreUnavailable
from cluster.store.url import StoreUrl

#: The first that fits decides, so subclasses stand before their bases.
_BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (
    (BusyLoadingError, "is still loading its data after a start; it will answer once that is done"),
    (AuthenticationError, "refused the login: check the user and password in the store's URL"),
    (AuthorizationError, "refused the login: check the user and password in the store's URL"),
    (NoPermissionError, "does not let this user run the command: grant it all commands on the cluster's keys"),
    (ReadOnlyError, "is a read-only replica: point the store's URL at the primary, or use a Sentinel or cluster URL"),
    (OutOfMemoryError, "is out of memory: raise maxmemory, or free some; until then nothing new is accepted"),
    (MasterDownError, "is a replica that lost its primary: wait for the failover, or start the primary"),
    (ClientTimeoutError, "did not answer in time"),
    (TimeoutError, "did not answer in time"),
    (ClientConnectionError, "cannot be reached"),
    (ClusterError, "is a cluster that cannot serve every key now"),
    (RedisClusterException, "is a cluster that cannot be reached, or no cluster at all"),
    (OSError, "cannot be reached"),
)

#: Replies that the client has no class for, by their first word.
_BY_WORD = {
    "MISCONF": "cannot write to its disk: look at its log and its free space; until then nothing new is accepted",
    "NOREPLICAS": "has fewer replicas than it was told to need: start them, or lower min-replicas-to-write",
    "BUSY": "is busy with a script that runs too long: look at its log",
    "CLUSTERDOWN": "is a cluster that is down: look at its nodes",
    "TRYAGAIN": "is moving the keys to another node",
    "UNBLOCKED": "changed its role while it was answering",
}


def store_failure(url: StoreUrl, error: BaseException) -> StoreUnavailable | StoreError:
    """The error to raise in the place of what the client raised."""
    text = str(error)
    advice = _BY_WORD.get(text.partition(" ")[0])
    if advice is None:
        # What went wrong while connecting comes wrapped in a plain ConnectionError; the cause says more.
        causes = (error.__cause__, error) if isinstance(error, ClientConnectionError) else (error,)
        advice = next((advice for cause in causes for kind, advice in _BY_TYPE if isinstance(cause, kind)), None)
    if advice is None:
        return StoreError(f"the store at {url} refused a command that it should take: {text[:500]}")
    return StoreUnavailable(f"the store at {url} {advice}" + (f" ({text[:200]})" if text else ""))

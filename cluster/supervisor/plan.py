"""Where shards should run: a pure function from where they are and who is alive, moving as few as it can."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from actors.address import ShardId, is_pinned
from cluster.wire import HostReport, Placed

PINNED_HOST_PREFIX = "pin:"


def pinned_host(shard: ShardId) -> str:
    """The name of the host that runs one pinned actor's shard."""
    return PINNED_HOST_PREFIX + shard


def plan(
    shards: Iterable[ShardId],
    placed: Mapping[ShardId, str],
    alive: Collection[str],
    draining: Collection[str] = (),
    spares: int = 1,
) -> dict[ShardId, str]:
    """A host for every hashed shard, as far as there are hosts.

    Shards stay where they are while their host is alive and not draining. Orphans go to empty hosts first (the warm
    spare takes a dead host's shards over), then to the least loaded. Beyond `spares` empty hosts, shards move from
    the most loaded to the empty ones, so that a host that joins gets its share.

    Args:
        placed: where shards are now.
        alive: hosts that answer, in order of preference.
        spares: how many empty hosts to keep.
    """
    usable = [host for host in alive if host not in draining and not host.startswith(PINNED_HOST_PREFIX)]
    if not usable:
        return {}
    hashed = [shard for shard in shards if not is_pinned(shard)]
    held: dict[str, list[ShardId]] = {host: [] for host in usable}
    orphans: dict[str | None, list[ShardId]] = {}
    for shard in hashed:
        host = placed.get(shard)
        if host in held:
            held[host].append(shard)
        else:
            orphans.setdefault(host, []).append(shard)
    for former, group in orphans.items():
        _adopt(held, group, keep_together=former is not None, spares=spares)
    _share(held, spares)
    return {shard: host for host, group in held.items() for shard in group}


def misplaced(placed: Mapping[ShardId, Placed], alive: Mapping[str, HostReport]) -> list[ShardId]:
    """Shards whose host is gone, or neither runs them nor reads them under the epoch they were given.

    A pinned actor's host that is gone is waited for: its shard can be nowhere else.
    """
    wrong: list[ShardId] = []
    for shard, entry in placed.items():
        report = alive.get(entry.host)
        if report is None:
            if not entry.host.startswith(PINNED_HOST_PREFIX):
                wrong.append(shard)
        elif not report.holds(shard, entry.epoch):
            wrong.append(shard)
    return wrong


def _adopt(held: dict[str, list[ShardId]], group: list[ShardId], *, keep_together: bool, spares: int) -> None:
    empty = [host for host, shards in held.items() if not shards]
    if keep_together and empty:
        held[empty[0]].extend(group)
        return
    active = [host for host, shards in held.items() if shards] if keep_together else []
    if not active:
        active = list(held)[: max(1, len(held) - spares)]
    for shard in group:
        least = min(active, key=lambda host: len(held[host]))
        held[least].append(shard)


def _share(held: dict[str, list[ShardId]], spares: int) -> None:
    empty = [host for host, shards in held.items() if not shards]
    for host in empty[: max(0, len(empty) - spares)]:
        active = sum(1 for shards in held.values() if shards) + 1
        fair = sum(len(shards) for shards in held.values()) // active
        while len(held[host]) < fair:
            most = max(held, key=lambda name: len(held[name]))
            if len(held[most]) <= fair:
                break
            held[host].append(held[most].pop())

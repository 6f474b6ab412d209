"""`trunkline actors`: which actors have state, and what it is, read from the store without disturbing anyone.

Invariants kept: what people wrote, and who they are, is hidden unless `--text` asks for it (I15).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.output import Json, note, print_json, say, table
from cluster.cli.where import Cluster, RunDir, Store, StoreAccess, find_store
from cluster.errors import TrunklineError

if TYPE_CHECKING:
    from cluster.store import Store as OpenStore

app = typer.Typer(no_args_is_help=True, help="List and show the actors that have state.")

Text = Annotated[bool, typer.Option("--text", help="Also show what people wrote and who they are.")]


class NoSuchActor(TrunklineError):
    """No actor of this address has state."""

    code = "NOT_FOUND"


@app.command("ls")
def list_actors(
    prefix: Annotated[str, typer.Argument(help="A kind (`queue`) or the beginning of an address (`agent/al`).")] = "",
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 1000,
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """List the addresses of actors that have state, with their shards."""
    access = find_store(store, cluster, run_dir)
    from cluster.cli.store_access import with_store

    found = sorted(row for row in with_store(access, _live) if _matches(row[0], prefix))
    kinds = Counter(address.partition("/")[0] for address, _ in found)
    if as_json:
        actors = [{"address": address, "shard": shard} for address, shard in found[:limit]]
        print_json({"actors": actors, "total": len(found), "by_kind": dict(sorted(kinds.items()))})
        return
    table("", ["address", "shard"], found[:limit])
    if len(found) > limit:
        note(f"… and {len(found) - limit} more; raise --limit or give a longer prefix")
    note(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no actor has state")


@app.command("show")
def show_actor(
    address: Annotated[str, typer.Argument(help="Its address, such as queue/cards.")],
    text: Text = False,
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show one actor's records as they are committed."""
    access = find_store(store, cluster, run_dir)
    from cluster.cli.records import described
    from cluster.cli.store_access import with_store

    async def read(opened: OpenStore) -> tuple[str, dict[str, bytes], dict[str, int]]:
        return await _records(opened, address)

    shard, records, timers = with_store(access, read)
    shown = described(records, _plugins(access), text)
    if as_json:
        print_json({"address": address, "shard": shard, "version": shown.version, "records": shown.records, "timers": timers})
        return
    say(f"{address}  shard {shard}  version {shown.version}", style="bold")
    for key, record in shown.records.items():
        say(f"{key}:", style="cyan")
        _print_value(record, 1)
    for name, due_at in timers.items():
        say(f"timer {name} due at {due_at}", style="dim")


def _plugins(access: StoreAccess) -> tuple[str, ...]:
    return tuple(access.run.plugins) if access.run is not None else ()


def _matches(address: str, prefix: str) -> bool:
    return address.startswith(prefix if "/" in prefix or not prefix else f"{prefix}/")


async def _live(store: OpenStore) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for shard in await store.shards():
        found += [(address, shard) for address in (await store.describe(shard)).live]
    return found


async def _records(store: OpenStore, address: str) -> tuple[str, dict[str, bytes], dict[str, int]]:
    from actors.address import Address
    from cluster.shard.timers import split_timer_key

    for shard in await store.shards():
        image = await store.describe(shard)
        if address in image.live:
            (records,) = await store.load(shard, [Address(address)])
            keys = {key: split_timer_key(key) for key in image.timers}
            timers = {name: image.timers[key] for key, (owner, name) in keys.items() if owner == address}
            return shard, records, timers
    kind = address.partition("/")[0]
    raise NoSuchActor(f"no actor {address!r} has state; `trunkline actors ls {kind}` lists those that have")


def _print_value(value: Any, depth: int) -> None:
    indent = "  " * depth
    for name, item in value.items():
        if isinstance(item, dict) and item:
            say(f"{indent}{name}:")
            _print_value(item, depth + 1)
        else:
            say(f"{indent}{name}: {item}")

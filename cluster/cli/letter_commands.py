"""`trunkline dead-letters`: messages that failed three times and were set aside, read from the store.

Invariants kept: what people wrote, and an error's own words, which may repeat it, are hidden unless `--text` asks (I15).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.output import Json, note, print_json, say, table
from cluster.cli.where import Cluster, RunDir, Store, StoreAccess, find_store
from cluster.errors import TrunklineError

if TYPE_CHECKING:
    from cluster.shard.shard import DeadLetter
    from cluster.store import Store as OpenStore

app = typer.Typer(no_args_is_help=True, help="List and show messages that failed three times and were set aside.")

Text = Annotated[bool, typer.Option("--text", help="Also show what people wrote, and the error's own words.")]


class NoSuchLetter(TrunklineError):
    """No dead letter has this id."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Found:
    """One letter. `id` is made from its content, so it stays the same while letters come and go."""

    id: str
    shard: str
    letter: DeadLetter


@app.command("ls")
def list_letters(
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """List the newest thousand of each shard, oldest first."""
    access = find_store(store, cluster, run_dir)
    rows = [_row(found, access, text=False) for found in _letters(access)]
    if as_json:
        print_json({"letters": rows, "total": len(rows)})
        return
    columns = ("id", "at", "shard", "to", "message", "error")
    table("", columns, [[row[column] for column in columns] for row in rows])
    note(f"{len(rows)} dead letters" if rows else "no message was set aside")


@app.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(help="Its id, as `ls` shows it.")],
    text: Text = False,
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show one letter: what was to be told to whom, by whom, and why it could not be."""
    access = find_store(store, cluster, run_dir)
    found = next((found for found in _letters(access) if found.id == letter), None)
    if found is None:
        raise NoSuchLetter(f"there is no dead letter {letter!r}; `trunkline dead-letters ls` lists them")
    row = _row(found, access, text)
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if isinstance(value, dict):
            say(f"{name}:", style="cyan")
            for field, item in value.items():
                say(f"  {field}: {item}")
        else:
            say(f"{name}: {value}")


def _letters(access: StoreAccess) -> list[Found]:
    from cluster.cli.store_access import with_store

    return sorted(with_store(access, _read), key=lambda found: (found.letter.at, found.id))


async def _read(store: OpenStore) -> list[Found]:
    import msgspec

    from cluster.shard.shard import DeadLetter

    return [
        Found(hashlib.sha256(content).hexdigest()[:12], shard, msgspec.msgpack.decode(content, type=DeadLetter))
        for shard in await store.shards()
        for content in await store.dead_letters(shard)
    ]


def _row(found: Found, access: StoreAccess, text: bool) -> dict[str, object]:
    from cluster.cli.records import described_message

    letter = found.letter
    message = described_message(letter.body, tuple(access.run.plugins) if access.run is not None else (), text)
    return {
        "id": found.id,
        "at": letter.at,
        "shard": found.shard,
        "to": letter.to,
        "stream": letter.stream,
        "seq": letter.seq,
        "message": message["type"],
        "error": letter.error if text else letter.error.partition(":")[0],
        "fields": {name: value for name, value in message.items() if name != "type"},
    }

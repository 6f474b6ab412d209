"""`trunkline verify`: judges everything that is stored by the numbered invariants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.output import Json, finish, print_json, say
from cluster.cli.where import Archive, Cluster, RunDir, Store, StoreAccess, find_history

if TYPE_CHECKING:
    from cluster.cli.replaying import Replayed


def verify(
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    archive: Archive = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="What was seen outside, as JSON, to be held against what is stored.")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Also make the router's decisions again from the journal, and compare them.")
    ] = False,
    shards: Annotated[
        int | None, typer.Option("--shards", min=1, help="With --replay: the cluster's shards; this run's or layout's if none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that nothing was lost, offered twice or passed over; exit status 1 if anything was."""
    access = find_history(store, cluster, run_dir, archive)
    import msgspec

    from cluster.cli.store_access import with_store
    from cluster.invariants.evidence_file import read_evidence
    from cluster.invariants.verify import verify_store

    seen = read_evidence(evidence) if evidence is not None else None
    report = with_store(access, lambda opened: verify_store(opened, seen))
    replayed = _replayed(access, shards) if replay else None
    ok = report.ok and (replayed is None or replayed.same)
    if as_json:
        again = {} if replayed is None else {"replay": msgspec.to_builtins(replayed)}
        print_json({"ok": ok, **msgspec.to_builtins(report), **again})
    else:
        say(str(report), style="green" if report.ok else "red")
        if replayed is not None:
            say(str(replayed), style="green" if replayed.same else "red")
    if not ok:
        finish(1)


def _replayed(access: StoreAccess, given: int | None) -> Replayed:
    """Decide again what the router's shard decided, with the cluster's own placement and actors."""
    from actors.address import Placement
    from cluster.catalogue import load_catalogue
    from cluster.cli.replaying import replay_decisions
    from cluster.cli.store_access import with_store

    if access.run is not None:
        shards, pinned, plugins = access.run.shards, access.run.pinned_kinds, access.run.plugins
    else:
        from cluster.config.layout_file import Layout

        settings = Layout.load().settings
        shards, pinned, plugins = settings.shards, settings.pinned_kinds, settings.plugins
    placement, catalogue = Placement(given or shards, pinned), load_catalogue(plugins)
    return with_store(access, lambda opened: replay_decisions(opened, placement, catalogue))

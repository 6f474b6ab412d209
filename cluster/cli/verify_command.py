"""`trunkline verify`: judges everything that is stored by the numbered invariants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.output import Json, finish, print_json, say
from cluster.cli.where import Archive, Cluster, RunDir, Store, find_history


def verify(
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    archive: Archive = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="What was seen outside, as JSON, to be held against what is stored.")
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
    if as_json:
        print_json({"ok": report.ok, **msgspec.to_builtins(report)})
    else:
        say(str(report), style="green" if report.ok else "red")
    if not report.ok:
        finish(1)

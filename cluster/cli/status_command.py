"""`trunkline status`: what runs, as its gateway and its `run.json` tell it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.cli.output import Json, ago, pairs, print_json, say, table
from cluster.cli.where import CaFile, ClientCert, Gateway, RunDir, TokenFile, find_gateway, find_run

if TYPE_CHECKING:
    from cluster.boot.run_file import RunFile
    from trunkline.admin.v1 import admin_pb2


def status(
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show what runs: hosts and shards, links, the configuration in force, and where the pages are."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from google.protobuf.json_format import MessageToDict

    from cluster.cli.admin import AdminClient

    with AdminClient(access) as client:
        answer = client.status()
    cluster: dict[str, object] = _counted(MessageToDict(answer.cluster))
    run = None if gateway is not None else _run(run_dir)
    if as_json:
        print_json(_document(answer, cluster, run))
        return
    _show(answer, cluster, run, access.target)


def _run(run_dir: Path | None) -> RunFile | None:
    return find_run(run_dir)


def _document(answer: admin_pb2.StatusResponse, cluster: dict[str, object], run: RunFile | None) -> dict[str, object]:
    names = ("link", "service", "peer", "incarnation", "software", "opened_at", "received", "acknowledged")
    counts = ("commands_in_flight", "commands_held")
    links = [
        {name: getattr(link, name) for name in (*names, *counts)} | {"capabilities": list(link.capabilities)}
        for link in answer.links
    ]
    document: dict[str, object] = {
        "version": answer.version,
        "gateway": answer.gateway,
        "started_at": answer.started_at,
        "draining": answer.draining,
        "centre_version": answer.centre_version,
        "links": links,
        "cluster": cluster,
    }
    if run is not None:
        document["run"] = {
            "pid": run.pid,
            "cluster": run.cluster,
            "runtime": run.runtime,
            "started_at": run.started_at,
            "gateways": run.gateways,
            "programs": {program.name: program.url for program in run.programs},
            "metrics": run.metrics_url,
        }
    return document


def _show(answer: admin_pb2.StatusResponse, cluster: dict[str, object], run: RunFile | None, target: str) -> None:
    now_ms = int(time.time() * 1000)
    draining = ", draining" if answer.draining else ""
    known = f"configuration {answer.centre_version}" if answer.centre_version else "no configuration yet"
    say(
        f"{answer.gateway} at {target}, release {answer.version}, up {ago(answer.started_at, now_ms)}{draining}, {known}",
        "bold",
    )
    if run is not None:
        pages = {program.name: program.url for program in run.programs if program.url}
        metrics = {"metrics": run.metrics_url} if run.metrics_url else {}
        pairs({"runtime": f"{run.runtime}, started by process {run.pid}", **pages, **metrics})
    say()
    hosts = cluster.pop("hosts", None)
    if isinstance(hosts, dict):
        _show_hosts(hosts)
        say()
    rows = [
        (
            link.link,
            link.service,
            ago(link.opened_at, now_ms),
            link.received,
            link.received - link.acknowledged,
            link.commands_in_flight + link.commands_held,
        )
        for link in answer.links
    ]
    table("links", ["link", "service", "open for", "events ", "unsettled ", "commands "], rows)
    rest = {name.replace("_", " "): value for name, value in cluster.items() if not isinstance(value, list | dict)}
    if rest:
        say()
        pairs(rest)


def _show_hosts(hosts: dict[str, object]) -> None:
    """One line a host: a count of shards, or all that a host says of itself."""
    told = {name: entry if isinstance(entry, dict) else {"shards": entry} for name, entry in sorted(hosts.items())}
    columns = sorted({column for entry in told.values() for column in entry}, key=lambda name: (name != "shards", name))
    rows = [(name, *(entry.get(column, "") for column in columns)) for name, entry in told.items()]
    table("hosts", ["host", *(f"{column} " for column in columns)], rows)


def _counted(value: Any) -> Any:
    """A protobuf number is a float even where it counts."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _counted(item) for name, item in value.items()}
        case list():
            return [_counted(item) for item in value]
        case _:
            return value

"""`trunkline drain`, `upgrade` and `hosts`: take processes out, put more in, and start all anew, one after the other.

operator            gateway            supervisor         host
  | restart host-1 --> |                   |                |
  |                    | restart host-1 -> | shards away -> |  then its process ends and is started anew
  | <----------------- | <---------------- | <------------- |  it is back
  | restart gateway -> | GoAway to adapters, until they left
  | <----------------- | then its process ends and is started anew; `upgrade` waits until it answers

Invariants kept: never are two parts down at once; nothing is ended before it is empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.output import Json, note, print_json, say
from cluster.cli.where import (
    CaFile,
    ClientCert,
    Gateway,
    GatewayAccess,
    RunDir,
    TokenFile,
    find_gateway,
    find_gateways,
)
from cluster.errors import Outcome, TrunklineError

if TYPE_CHECKING:
    from cluster.cli.admin import AdminClient

app = typer.Typer(no_args_is_help=True, help="Add hosts to a running cluster.")

#: Moving shards takes moments, starting a process on a busy machine most of a minute.
TIMEOUT_S = 120.0
POLL_S = 0.2
SUPERVISOR = "supervisor"
#: How a call ends whose gateway ends meanwhile.
CUT_OFF = frozenset({"UNAVAILABLE", "CANCELLED"})


class NotBack(TrunklineError):
    """A part was started anew and does not answer."""

    code = "DEADLINE_EXCEEDED"
    outcome = Outcome.UNKNOWN


class NothingNamed(TrunklineError):
    """Neither a host nor a gateway was named."""

    code = "INVALID_ARGUMENT"


def drain(
    host: Annotated[str | None, typer.Argument(help="The host to move every shard off and to end for good.")] = None,
    gateway: Gateway = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start it again once it is empty.")] = False,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Empty a host and end it, or without HOST the gateway that --gateway names, so that nobody notices."""
    if host is None and gateway is None:
        raise NothingNamed("name a host, or a gateway with --gateway; `trunkline status` lists them")
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    started = time.monotonic()
    with _client(access) as client:
        name = host or client.status().gateway
        if not restart:
            client.drain(host or "")
        elif host is not None:
            client.restart(host)
        else:
            _restart_gateway(access)
    took_s = round(time.monotonic() - started, 3)
    if as_json:
        print_json({"part": name, "restarted": restart, "took_s": took_s})
        return
    say(f"{name} {_what(host, restart)} after {took_s:.1f} s", style="green")


def _what(host: str | None, restart: bool) -> str:
    if restart:
        return "was emptied and is back"
    return "has gone" if host is not None else "is empty and takes nobody; stop it, or `drain --restart` opens it again,"


@app.command("add")
def add_hosts(
    count: Annotated[int, typer.Argument(help="How many.", min=1, max=64)] = 1,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Start more hosts, which get their share of the shards. They stay until they are drained."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    started = time.monotonic()
    with _client(access) as client:
        names = client.add_hosts(count)
    took_s = round(time.monotonic() - started, 3)
    if as_json:
        print_json({"hosts": names, "took_s": took_s})
        return
    say(f"{', '.join(names)} joined after {took_s:.1f} s", style="green")


def upgrade(
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Start every process of the cluster anew, one after the other, with the release that is installed now."""
    accesses = find_gateways(gateway, token_file, ca_file, client_cert, run_dir)
    first = next(iter(accesses.values()))
    steps: list[dict[str, object]] = []

    def step(part: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        work()
        took_s = round(time.monotonic() - started, 3)
        steps.append({"part": part, "took_s": took_s})
        if not as_json:
            note(f"{part} is back after {took_s:.1f} s")

    with _client(first) as client:
        for host in _hosts(client):
            step(host, partial(client.restart, host))
        step(SUPERVISOR, partial(_restart_supervisor, client))
        for service in _cluster(client).get("services", ()):
            step(service, partial(client.restart, service))
    for name, access in accesses.items():
        step(name, partial(_restart_gateway, access))
    with _client(first) as client:
        release = client.status().version
    if as_json:
        print_json({"release": release, "steps": steps})
        return
    say(f"{len(steps)} processes run release {release} now", style="green")


def _client(access: GatewayAccess) -> AdminClient:
    # Imported late: gRPC takes longer than the rest of a command that only shows its help.
    from cluster.cli.admin import AdminClient

    return AdminClient(access, TIMEOUT_S)


def _cluster(client: AdminClient) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(client.status().cluster)


def _hosts(client: AdminClient) -> list[str]:
    """Those with the fewest shards first: the spare is then new already when the first shards move to it."""
    hosts = _cluster(client)["hosts"]
    return sorted(hosts, key=lambda name: (hosts[name]["shards"], name))


def _restart_supervisor(client: AdminClient) -> None:
    before = _cluster(client)
    client.restart(SUPERVISOR)
    _await(SUPERVISOR, lambda: _cluster(client)["term"] > before["term"])


def _restart_gateway(access: GatewayAccess) -> None:
    """Return once the next process of the gateway listens, and knows what the one before knew."""
    from google.protobuf.json_format import MessageToDict

    from cluster.cli.admin import CallFailed

    with _client(access) as client:
        before = client.status()

    def is_back() -> bool:
        try:
            with _client(access) as client:
                status = client.status()
                if status.started_at == before.started_at:
                    client.restart()
                    return False
        except CallFailed as failed:
            # The process that answers is the one that ends; or the supervisor, who ends it, was away: asked again.
            if failed.code in CUT_OFF:
                return False
            raise
        is_next = status.started_at > before.started_at
        known = MessageToDict(status.cluster)["table_version"]
        return is_next and status.centre_version >= before.centre_version and known > 0

    _await(access.target, is_back)


def _await(part: str, is_back: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_back():
        if time.monotonic() > deadline:
            raise NotBack(f"{part} does not answer {TIMEOUT_S:g} s after it was started anew: look at `trunkline status`")
        time.sleep(POLL_S)  # another machine's process may be meant: there is nothing to wait on

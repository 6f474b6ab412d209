"""Finds what a command talks to: the run directory, the gateway with its token, the store.

The order is always the same: a flag, an environment variable, the run that `run.json` describes.
Invariants kept: when nothing is found the error says how to start it or how to name it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from cluster.boot.run_file import RunFile, read_run_file
from cluster.boot.secrets import read_tokens
from cluster.errors import ConfigInvalid, TrunklineError

#: The value of `--store` that means the files of an embedded store.
EMBEDDED = "embedded"
#: The archive's directory beside an embedded store's files, unless the layout has it elsewhere.
ARCHIVE = "archive"

#: What listens on every address of a machine.
EVERY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104  # compared with, not bound to

RunDir = Annotated[
    Path | None,
    # No variable of its own: TRUNKLINE_RUN_DIR is the layout's setting, and counts from the layout's directory.
    typer.Option("--run-dir", help="The run's directory; the layout's `run_dir` when left out."),
]
Gateway = Annotated[
    str | None,
    typer.Option(
        "--gateway",
        envvar="TRUNKLINE_GATEWAY",
        help="A gateway: host:port, or its name in this run; the first of this run when left out.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="TRUNKLINE_TOKEN_FILE",
        help="A file with an admin token, or a run's tokens.json; this run's when left out.",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", envvar="TRUNKLINE_CA_FILE", help="PEM certificates to trust; speaks TLS to the gateway."),
]
ClientCert = Annotated[
    Path | None,
    typer.Option(
        "--client-cert",
        envvar="TRUNKLINE_CLIENT_CERT",
        help="PEM file with a certificate and its key, for a gateway that asks for one (mutual TLS).",
    ),
]
Store = Annotated[
    str | None, typer.Option("--store", envvar="TRUNKLINE_STORE_URL", help="URL of a store; this run's when left out.")
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", envvar="TRUNKLINE_CLUSTER", help="The cluster's name in the store; this run's when left out."),
]

Archive = Annotated[
    Path | None,
    typer.Option("--archive", help="Directory with the journals that the store has no more; this run's when left out."),
]


class NothingRuns(TrunklineError):
    """There is no run here, and no flag names one elsewhere."""

    code = "FAILED_PRECONDITION"


class TokenMissing(TrunklineError):
    """No admin token was found."""

    code = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """How to reach the admin service of a gateway."""

    target: str
    token: str
    tls: bool = False
    ca: bytes | None = None
    #: Certificate chain and private key of the caller.
    identity: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """How to open a store.

    `run` is set when a run of this machine has it, `data_path` when it is the files of an embedded one that ended,
    `archive` when journals are read that may be older than what the store has.
    """

    url: str
    cluster: str
    run: RunFile | None = None
    data_path: Path | None = None
    archive: Path | None = None


def find_run_path(run_dir: Path | None) -> Path:
    """The run directory that is meant."""
    if run_dir is not None:
        return run_dir
    # Imported here because checking the layout takes longer than all the rest of a command that names its directory.
    from cluster.config.layout_file import Layout

    return Layout.load().run_path


def find_run(run_dir: Path | None) -> RunFile | None:
    """What runs here now."""
    return read_run_file(find_run_path(run_dir))


def require_run(run_dir: Path | None, alternative: str) -> RunFile:
    """What runs here now.

    Raises:
        NothingRuns: nothing does; `alternative` says how to name something elsewhere.
    """
    path = find_run_path(run_dir)
    run = read_run_file(path)
    if run is None:
        raise NothingRuns(f"nothing runs in {path}: start it with `trunkline up`, or {alternative}")
    return run


def find_gateway(
    gateway: str | None, token_file: Path | None, ca_file: Path | None, client_cert: Path | None, run_dir: Path | None
) -> GatewayAccess:
    """The gateway and token to use: the one that is named, by its address or as this run calls it, or this run's first.

    Raises:
        NothingRuns: no gateway is named and none runs here, or none of that name.
        TokenMissing: no token was found.
    """
    return next(iter(find_gateways(gateway, token_file, ca_file, client_cert, run_dir).values()))


def find_gateways(
    gateway: str | None, token_file: Path | None, ca_file: Path | None, client_cert: Path | None, run_dir: Path | None
) -> dict[str, GatewayAccess]:
    """The named gateway, or every one of this run, by what this run or else the caller calls it.

    Raises:
        NothingRuns: as for `find_gateway`.
        TokenMissing: no token was found.
    """
    ca = _read(ca_file) if ca_file is not None else None
    identity = _read(client_cert) if client_cert is not None else None
    tls = ca is not None or identity is not None
    token = _given_token(token_file)
    if gateway is not None and ":" in gateway:
        # The run of this machine, if there is one, may hold the token: then the gateway is one of its own.
        run = find_run(run_dir) if token is None else None
        return {gateway: GatewayAccess(gateway, token or _token_of(run), tls, ca, identity)}
    run = require_run(run_dir, "name a gateway with --gateway host:port")
    if gateway is not None and gateway not in run.gateways:
        known = ", ".join(run.gateways)
        raise NothingRuns(f"this run has no gateway {gateway!r}, only {known}; one elsewhere is named host:port")
    return {
        name: GatewayAccess(_dialled(listen[0]), token or _token_of(run), tls or name in run.tls_gateways, ca, identity)
        for name, listen in run.gateways.items()
        if gateway in (None, name)
    }


def find_history(store: str | None, cluster: str | None, run_dir: Path | None, archive: Path | None) -> StoreAccess:
    """The store to read, and the archive of its journals.

    Raises:
        NothingRuns: no store is named and none runs here.
        ConfigInvalid: the archive that is named is no directory.
    """
    access = find_store(store, cluster, run_dir)
    if archive is not None:
        if not archive.is_dir():
            raise ConfigInvalid(f"--archive {archive}: there is no such directory")
    elif access.run is not None:
        archive = Path(access.run.archive_dir) if access.run.archive_dir else None
    elif access.data_path is not None:
        from cluster.config.layout_file import Layout

        archive = access.data_path / ARCHIVE if run_dir is not None else Layout.load().archive_path
    return replace(access, archive=archive)


def find_store(store: str | None, cluster: str | None, run_dir: Path | None) -> StoreAccess:
    """The store to read.

    Raises:
        NothingRuns: no store is named and none runs here.
    """
    if store == EMBEDDED:
        from cluster.config.layout_file import Layout

        layout = Layout.load()
        return StoreAccess(store, cluster or layout.settings.cluster, data_path=run_dir or layout.data_path)
    if store is not None:
        return StoreAccess(store, cluster or "trunkline")
    run = require_run(run_dir, "name a store with --store URL (`embedded` opens the files of one that ended)")
    if run.store_url == "memory:":
        raise NothingRuns("this run keeps everything in memory, where no other process can look")
    return StoreAccess(run.store_url, cluster or run.cluster, run)


def _dialled(listen: str) -> str:
    """Where to dial what listens on every address."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in EVERY_ADDRESS else listen


def _given_token(token_file: Path | None) -> str | None:
    if token_file is None:
        return os.environ.get("TRUNKLINE_TOKEN") or None
    return _admin_token(token_file)


def _token_of(run: RunFile | None) -> str:
    if run is None:
        raise TokenMissing("no admin token: name a file with --token-file, or put the token into TRUNKLINE_TOKEN")
    return _admin_token(Path(run.tokens_file))


def _admin_token(file: Path) -> str:
    """The token in a file that holds nothing else, or the first admin token of a `tokens.json`."""
    content = _read(file).decode("utf-8", "replace").strip()
    if not content.startswith("{"):
        return content
    admin = read_tokens(file).get("admin")
    if not admin:
        raise TokenMissing(f"{file} holds no admin token: add one under `admin`, or name another file with --token-file")
    return admin[0]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TokenMissing(f"{path}: {error.strerror}") from error


def login() -> str:
    """Who runs the command, as far as the machine knows."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

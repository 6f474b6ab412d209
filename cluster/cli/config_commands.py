"""`trunkline config`: check a configuration, apply it, show it and its history, and hash passwords for it."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.output import Json, ago, note, pairs, print_json, print_problems, say, table
from cluster.cli.where import CaFile, ClientCert, Gateway, RunDir, TokenFile, find_gateway, login
from cluster.errors import TrunklineError

if TYPE_CHECKING:
    from cluster.config.load import LoadedCentre

app = typer.Typer(no_args_is_help=True, help="Check, apply and show the contact centre's configuration.")


class Switch(StrEnum):
    """The emergency switch."""

    ON = "on"
    OFF = "off"


File = Annotated[Path | None, typer.Argument(help="The YAML file; the layout's `centre` when left out.", show_default=False)]


@app.command()
def check(file: File = None, as_json: Json = False) -> None:
    """Check a configuration, or a layout file, without applying it."""
    from cluster.config.layout_file import Layout, is_layout_file

    if file is not None and is_layout_file(file):
        layout = Layout.load(file)
        _tell_layout(layout, as_json)
        return
    loaded = _load(file)
    counts = _counts(loaded)
    if as_json:
        print_json({"ok": True, "problems": [problem.as_json() for problem in loaded.warnings], **counts})
        return
    print_problems(loaded.warnings)
    told = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items())
    say(f"fine: {told}", style="green")


@app.command()
def apply(
    file: File = None,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why; kept in the history.")] = "",
    author: Annotated[str | None, typer.Option(help="Who; your login name when left out.")] = None,
    expected_version: Annotated[
        int | None, typer.Option(help="Refuse unless this is the current version.", min=0, show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only let the gateway check it.")] = False,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Make a configuration the current one; agents, queues and doors change at once."""
    loaded = _load(file)
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from cluster.cli.admin import AdminClient

    with AdminClient(access) as client:
        answer = client.apply_config(loaded.source, author or login(), comment, expected_version, dry_run)
    if as_json:
        warnings = [problem.as_json() for problem in loaded.warnings]
        print_json({"version": answer.version, "dry_run": dry_run, "problems": warnings})
        return
    print_problems(loaded.warnings)
    if dry_run:
        say(f"the gateway would take it; version {answer.version} stays current", style="green")
    else:
        say(f"version {answer.version} is current", style="green")


@app.command()
def emergency(
    switch: Annotated[Switch, typer.Argument(help="Throw the switch, or put it back.")],
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why; kept in the history.")] = "",
    author: Annotated[str | None, typer.Option(help="Who; your login name when left out.")] = None,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Send newcomers where `emergency` of the current configuration says, at once; or let them in again."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from cluster.cli.admin import AdminClient
    from cluster.config.switch import with_emergency

    is_on = switch is Switch.ON
    with AdminClient(access) as client:
        current = client.get_config()
        version = int(current.version)
        if version == 0:
            raise NoSuchVersion("nothing was applied yet: use `trunkline config apply FILE`")
        changed = with_emergency(current.yaml, is_on)
        if changed != current.yaml:
            why = comment or f"emergency {switch.value}"
            version = int(client.apply_config(changed, author or login(), why, version, False).version)
    if as_json:
        print_json({"version": version, "emergency": is_on, "changed": changed != current.yaml})
    elif changed == current.yaml:
        say(f"it is {switch.value} already; version {version} is current")
    else:
        say(f"emergency {switch.value}: version {version} is current", style="green")


@app.command()
def show(
    version: Annotated[int | None, typer.Option(help="An earlier version; the current one when left out.", min=1)] = None,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show the YAML of the current configuration, as its author wrote it."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from cluster.cli.admin import AdminClient

    with AdminClient(access) as client:
        if version is None:
            current = client.get_config()
            number, yaml = int(current.version), current.yaml
        else:
            kept = {int(revision.version): revision.yaml for revision in client.config_history(0).revisions}
            if version not in kept:
                raise NoSuchVersion(f"version {version} is not kept; `trunkline config history` lists those that are")
            number, yaml = version, kept[version]
    if number == 0:
        raise NoSuchVersion("nothing was applied yet: use `trunkline config apply FILE`")
    if as_json:
        print_json({"version": number, "yaml": yaml})
    else:
        sys.stdout.write(yaml if yaml.endswith("\n") else yaml + "\n")


@app.command()
def history(
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 20,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """List the versions of the configuration, newest first."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from cluster.cli.admin import AdminClient

    with AdminClient(access) as client:
        revisions = list(client.config_history(limit).revisions)
    if as_json:
        names = ("version", "applied_at", "author", "comment", "yaml")
        print_json({"revisions": [{name: getattr(revision, name) for name in names} for revision in revisions]})
        return
    now_ms = int(time.time() * 1000)
    rows = [(one.version, f"{ago(one.applied_at, now_ms)} ago", one.author, one.comment) for one in revisions]
    table("", ["version ", "applied", "author", "comment"], rows)


@app.command("hash-password")
def hash_password_command(
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input instead of asking.")] = False,
    as_json: Json = False,
) -> None:
    """Make the `password_hash` of an agent; the password is not shown and not kept."""
    if stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    if not password:
        raise PasswordEmpty("the password is empty: type one, or pipe it in with --stdin")
    from cluster.config.passwords import hash_password

    hashed = hash_password(password)
    if as_json:
        print_json({"password_hash": hashed})
    else:
        note("Put this line under the agent:")
        say(f"password_hash: '{hashed}'")


class NoSuchVersion(TrunklineError):
    """The history does not hold this version."""

    code = "NOT_FOUND"


class PasswordEmpty(TrunklineError):
    """There is nothing to hash."""

    code = "INVALID_ARGUMENT"


def _load(file: Path | None) -> LoadedCentre:
    from cluster.config.load import load_centre_file
    from cluster.config.sample import sample_centre

    if file is not None:
        return load_centre_file(file)
    from cluster.config.layout_file import Layout

    path = Layout.load().centre_path
    return sample_centre() if path is None else load_centre_file(path)


def _counts(loaded: LoadedCentre) -> dict[str, int]:
    from cluster.config.compile import people

    centre = loaded.centre
    return {
        "queues": len(centre.queues),
        "agents": sum(1 for _ in people(centre)),
        "routing_profiles": len(centre.routing_profiles),
        "skills": len(centre.skills),
        "entry_points": sum(len(channel.entry_points) for channel in centre.channels.values()),
    }


def _tell_layout(layout: object, as_json: bool) -> None:
    from cluster.config.layout_file import Layout

    assert isinstance(layout, Layout)
    settings = layout.settings
    listeners = {owner: address for owner, _, address in settings.listeners()}
    if as_json:
        print_json({"ok": True, "warnings": layout.warnings, "layout": settings.model_dump()})
        return
    for warning in layout.warnings:
        note(f"warning: {warning}", style="yellow")
    say("fine: a layout file", style="green")
    pairs({"cluster": settings.cluster, "runtime": settings.runtime, **listeners})

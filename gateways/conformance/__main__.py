"""The command line of the conformance kit."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from gateways.conformance.adapter_checks import check_adapter
from gateways.conformance.report import Failed, Report
from gateways.conformance.server_checks import ServerOptions, check_server
from gateways.conformance.subject import SubjectOptions


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m gateways.conformance", description=__doc__)
    made.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    made.add_argument("--only", action="append", default=[], metavar="NAME", help="make this check only; may be repeated")
    made.add_argument("--patience", type=float, default=10.0, metavar="SECONDS", help="how long to wait for anything")
    adapter = made.add_argument_group("checking an adapter")
    adapter.add_argument("--listen", metavar="HOST:PORT", help="play a gateway here; port 0 takes a free one")
    adapter.add_argument("--adapter", default="", metavar="COMMAND", help="starts it; {target} and {token} are filled in")
    adapter.add_argument(
        "--stimulus",
        default="",
        metavar="COMMAND",
        help="makes the channel say something once; without it, the adapter must echo each entry that it is shown",
    )
    server = made.add_argument_group("checking a gateway")
    server.add_argument("--target", metavar="HOST:PORT", help="the gateway to check")
    server.add_argument("--token-file", type=Path, metavar="FILE", help="holds a token of role gateway")
    server.add_argument("--channel", default="webchat", help="a channel that its configuration knows")
    server.add_argument("--entry-point", default="", help="one of the channel's entry points")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the checks; 0 if all is well, 1 if something failed, 2 if nothing could be checked."""
    arguments_given = parser().parse_args(arguments)
    if (arguments_given.listen is None) == (arguments_given.target is None):
        parser().error("give either --listen to check an adapter or --target to check a gateway")
    told = (lambda line: None) if arguments_given.json else _say
    report = Report(arguments_given.target or arguments_given.adapter or "adapter", told)
    try:
        asyncio.run(_run(arguments_given, report))
    except (RuntimeError, OSError, Failed) as error:
        print(f"nothing could be checked: {error}", file=sys.stderr)  # noqa: T201  # a command line speaks
        return 2
    _say(report.as_json() if arguments_given.json else report.summary())
    return 0 if report.passed else 1


async def _run(given: argparse.Namespace, report: Report) -> None:
    if given.listen is not None:
        options = SubjectOptions(given.adapter, given.stimulus, patience_s=given.patience)
        await check_adapter(given.listen, options, report, _announce, given.only)
        return
    token = given.token_file.read_text().strip() if given.token_file is not None else ""
    await check_server(ServerOptions(given.target, token, given.channel, given.entry_point, given.patience), report, given.only)


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # a command line speaks


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # a command line speaks


if __name__ == "__main__":
    sys.exit(main())

"""The root command: turns errors into messages and exit statuses, and finds commands that plug in.

Exit statuses: 0 done; 1 failed, or found what was looked for (violations, failed checks); 2 used wrongly.
Invariants kept: plug-ins are looked up only when a command is not ours or help is shown, because reading every
installed package's metadata takes longer than most commands.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from cluster.cli.output import print_json, report_error
from cluster.errors import StartupFailed, TrunklineError

#: Packages add commands under this group; each entry names a `typer.Typer` or a function.
ENTRY_POINTS = "trunkline.commands"
#: Our own commands that live beside what they drive: name -> where the function or app is.
LAZY = {"simulate": "cluster.simulator.command:app"}


class UsageWrong(TrunklineError):
    """The command line itself is wrong."""

    code = "INVALID_ARGUMENT"


class RootGroup(TyperGroup):
    """The group of all commands."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit with its status."""
        given = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in given
        try:
            # As JSON even a wrong command line must be told in one document, so typer may not print by itself.
            alone = standalone_mode and not as_json
            status = super().main(given, prog_name, complete_var, alone, windows_expand_args, **extra)
        except TrunklineError as error:
            report_error(error, as_json)
            sys.exit(1)
        except (typer.TyperException, typer.Abort) as error:
            if not standalone_mode:
                raise
            detail = error.format_message() if isinstance(error, typer.TyperException) else "stopped"
            report_error(UsageWrong(detail), as_json)
            sys.exit(getattr(error, "exit_code", 1))
        except Exception as error:
            if as_json:
                detail = f"{type(error).__name__}: {error}"
                print_json({"error": {"code": "INTERNAL", "detail": detail, "retryable": False, "outcome": "unknown"}})
            raise
        if standalone_mode:
            sys.exit(status if isinstance(status, int) else 0)
        return status

    def list_commands(self, ctx: Any) -> list[str]:
        """Ours in the order they are declared, then those that plug in."""
        own = super().list_commands(ctx)
        lazy = [name for name, path in LAZY.items() if _is_there(path)]
        return own + [name for name in [*lazy, *sorted(_plugged_in())] if name not in own]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command, imported when it is not among those already known."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        if cmd_name in LAZY and _is_there(LAZY[cmd_name]):
            module, _, attribute = LAZY[cmd_name].partition(":")
            return _as_command(cmd_name, getattr(importlib.import_module(module), attribute))
        entry = _plugged_in().get(cmd_name)
        if entry is None:
            return None
        try:
            return _as_command(cmd_name, entry.load())
        except (ImportError, AttributeError) as error:
            raise StartupFailed(
                f"the command {cmd_name!r} comes from {entry.value!r}, which cannot be imported: {error}; "
                "reinstall the package that provides it"
            ) from error


def _is_there(path: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(path.partition(":")[0]) is not None
    except ModuleNotFoundError:
        return False


def _plugged_in() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _as_command(name: str, target: Any) -> Any:
    """A typer app, or a plain function, as a command of this name."""
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name)(target)
        target = app
    command = typer.main.get_command(target)
    command.name = name
    return command

"""The command as a whole: one JSON document always, honest exit statuses, plug-ins, and a quick start."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cluster.cli import group
from cluster.cli.main import app
from cluster.cli.reference import every_command
from cluster.errors import Overloaded

#: Every command by its words.
COMMANDS = {" ".join(path): command for path, command in every_command()}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_documented_commands_are_there() -> None:
    """Nothing of the promised set is missing."""
    expected = {
        "up", "down", "status", "doctor", "config check", "config apply", "config show", "config history",
        "config hash-password", "actors ls", "actors show", "trace", "verify", "simulate erlang-c", "simulate erlang-a",
        "simulate n-model",
    }  # fmt: skip
    assert expected <= set(COMMANDS), "the whole set"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json_and_help(name: str) -> None:
    """Every command takes --json, and says in a sentence what it does and what each option means."""
    command = COMMANDS[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options, f"{name} must take --json"
    assert command.help and command.help.strip().endswith("."), f"{name} must say what it does"
    undocumented = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert [] == undocumented, f"{name} must explain its options"


def test_wrong_usage_is_json_too() -> None:
    """With --json even a command that does not exist or lacks an argument is told in one document, with status 2."""
    for arguments in (["nonsense"], ["trace"], ["verify", "--stroe", "x"], ["config", "history", "--limit", "many"]):
        result = invoke(*arguments, "--json")
        told = json.loads(result.stdout)["error"]
        assert (2, "INVALID_ARGUMENT") == (result.exit_code, told["code"]), f"{arguments}: {told}"


def test_wrong_usage_for_people() -> None:
    """Without --json a typo gets a suggestion on standard error."""
    result = invoke("statsu")
    assert result.exit_code == 2 and "Did you mean 'status'" in result.stderr and not result.stdout, result.output


def test_a_defect_is_json_and_still_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected is INTERNAL in the document and is not swallowed."""
    monkeypatch.setattr("cluster.cli.config_commands._load", lambda file: 1 / 0)
    result = invoke("config", "check", "--json")
    assert "INTERNAL" == json.loads(result.stdout)["error"]["code"], "told"
    assert isinstance(result.exception, ZeroDivisionError), "and raised"


def plug_in(monkeypatch: pytest.MonkeyPatch, **targets: Any) -> None:
    """Pretend that installed packages add these commands."""

    class Entry:
        def __init__(self, name: str, target: Any) -> None:
            self.name, self.value, self._target = name, f"package:{name}", target

        def load(self) -> Any:
            if isinstance(self._target, Exception):
                raise self._target
            return self._target

    entries = {name: Entry(name, target) for name, target in targets.items()}
    monkeypatch.setattr(group, "_plugged_in", lambda: entries)


def test_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function or a typer app of another package becomes a command, with our errors and exit statuses."""

    def demo(customers: int = 5, as_json: bool = typer.Option(False, "--json")) -> None:
        """Play customers."""
        if customers > 100:
            raise Overloaded("too many customers: give fewer", retry_after_ms=500)
        typer.echo(json.dumps({"customers": customers}))

    several = typer.Typer(help="Several things.")
    several.command("one")(lambda: typer.echo("one"))
    several.command("two")(lambda: typer.echo("two"))
    plug_in(monkeypatch, demo=demo, several=several)
    assert {"customers": 7} == json.loads(invoke("demo", "--customers", "7", "--json").stdout), "a function"
    assert "two\n" == invoke("several", "two").stdout, "an app"
    result = invoke("demo", "--customers", "101", "--json")
    error = json.loads(result.stdout)["error"]
    assert (1, "RESOURCE_EXHAUSTED", 500) == (result.exit_code, error["code"], error["retry_after_ms"]), "our errors"
    listed = invoke("--help").stdout
    assert "Play customers." in listed and "Several things." in listed, "help lists them"


def test_a_plug_in_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is explained when it is called, and nothing else suffers."""
    plug_in(monkeypatch, demo=ImportError("no module named locust"))
    result = invoke("demo", "--json")
    assert "reinstall the package that provides it" in json.loads(result.stdout)["error"]["detail"], "what to do"
    assert invoke("config", "check").exit_code == 0, "other commands work"


def test_our_own_plug_ins_can_be_imported() -> None:
    """Whatever this package declares under the entry-point group is there."""
    for entry in entry_points(group=group.ENTRY_POINTS):
        assert callable(entry.load()), f"{entry.name} -> {entry.value}"


def test_start_is_quick() -> None:
    """Showing help imports none of the heavy libraries."""
    code = (
        "import sys, cluster.cli.main as m\n"
        "heavy = {'ray', 'grpc', 'redis', 'numpy', 'scipy', 'aiohttp', 'argon2', 'yaml', 'locust'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60, check=True)
    assert "[]" == ended.stdout.strip(), "they are imported by the commands that need them"

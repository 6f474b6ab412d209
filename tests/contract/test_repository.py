"""The repository keeps its own rules: sizes, purity, names, and nothing of any one machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("actors", "cluster", "gateways", "loadtest", "serve")
LONGEST_MODULE_LINES = 500
LONGEST_FUNCTION_LINES = 45
LONGEST_README_LINES = 150
BINARY = {".png", ".jpg", ".gif", ".ico", ".webp", ".woff2", ".binpb", ".wav", ".gz"}

#: The checkout, and the folder of its neighbours unless that is one that every machine has (`/tmp`).
PLACES = [ROOT, *([ROOT.parent] if len(ROOT.parent.parts) > 2 else [])]
OF_ONE_MACHINE = re.compile(
    "|".join([*(re.escape(f"{place}/") for place in PLACES), "/root" + r"/\.", "/home/" + r"(?!user\b)\w+/"])
)
#: Put together, so that this file is not its own finding.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"), ("deb", "debian", "org")]
    )
)


@cache
def tracked() -> list[Path]:
    """Every file that git tracks, or would if it were committed now."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"the list of files comes from git, which does not answer here: {error}")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def modules(*rooms: str) -> list[Path]:
    """The hand-written Python modules of some rooms."""
    found = [path for path in tracked() if path.suffix == ".py" and "_pb2" not in path.name]
    return [path for path in found if path.relative_to(ROOT).parts[0] in rooms]


def name_of(path: Path, node: ast.stmt | ast.expr | None = None) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{node.lineno}" if node is not None else "")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_are_short() -> None:
    """No module, test or script has more than 500 lines."""
    written = [path for path in tracked() if path.suffix in {".py", ".ts", ".tsx", ".lua"} and "_pb2" not in path.name]
    counts = {name_of(path): len(path.read_text().splitlines()) for path in written}
    long = {name: count for name, count in counts.items() if count > LONGEST_MODULE_LINES}
    assert long == {}, "split these by noun"


def test_functions_are_short() -> None:
    """Functions of the product can be read at a glance."""
    long = [
        name_of(path, each) for path in modules(*ROOMS) for each in functions(path) if code_lines(each) > LONGEST_FUNCTION_LINES
    ]
    assert long == [], "split these"


def test_every_module_says_what_it_is() -> None:
    """Each module opens with a docstring that says what it is and what it keeps."""
    speaking = [path for path in modules(*ROOMS, "tests", "protos") if path.read_text() or path.name != "__init__.py"]
    silent = [name_of(path) for path in speaking if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == [], "begin these with a sentence"


def test_names_say_something() -> None:
    """Nothing is called by a word that fits everything."""
    vague = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "stuff"}
    named = [name_of(path) for path in modules(*ROOMS, "tests") if vague & {part.removesuffix(".py") for part in path.parts}]
    assert named == [], "name these for what is in them"


def test_the_readme_is_short() -> None:
    """The README fits on a few screens; the rest is in docs/."""
    readme = ROOT / "README.md"
    assert len(readme.read_text().splitlines()) <= LONGEST_README_LINES


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(OF_ONE_MACHINE, "a path of one machine"), (REGISTRIES, "a package registry's host")],
    ids=["machine", "registry"],
)
def test_nothing_of_any_one_machine(pattern: re.Pattern[str], what: str) -> None:
    """The project works anywhere, so no file names a directory of one machine or one registry."""
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in tracked()
        if path.suffix not in BINARY
        for match in [pattern.search(path.read_text(errors="replace"))]
        if match
    ]
    assert found == [], f"these name {what}"


def test_node_packages_are_locked_without_a_host() -> None:
    """Node's lock files pin every package by its hash and leave the registry to the machine."""
    for path in tracked():
        if path.name == "package-lock.json":
            packages = json.loads(path.read_text())["packages"]
            assert [name for name, entry in packages.items() if "resolved" in entry] == [], f"{name_of(path)}: drop `resolved`"
            unlocked = [name for name, entry in packages.items() if name and not entry.get("link") and "integrity" not in entry]
            assert unlocked == [], f"{name_of(path)}: these have no hash"


def test_python_packages_are_locked_by_hash() -> None:
    """Both lock files pin every package exactly, with hashes, agree with each other and name no index."""
    pins = {}
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        entries = re.findall(
            r"^([A-Za-z0-9._-]+)==(\S+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.MULTILINE
        )
        lines = [line for line in text.splitlines() if line and line[0] not in " #"]
        assert len(entries) == len(lines), f"{name}: every package is pinned with hashes"
        assert not [line for line in lines if line.startswith("-")], f"{name} names no index"
        pins[name] = {(package, version) for package, version, _ in entries}
    assert pins["requirements.lock"] <= pins["requirements-dev.lock"], "the tests run with the versions that users get"


def test_actors_are_pure() -> None:
    """Actor code calls nothing that reads or changes the world, and nothing that differs between two runs."""
    impure = {"open", "print", "input", "eval", "exec", "compile", "__import__", "hash", "id", "globals", "breakpoint"}
    found = [
        f"{name_of(path, node)}: {node.func.id}()"
        for path in modules("actors")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in impure
    ]
    assert found == [], "an actor's turn depends on its records, its message and `turn.now` alone"


LOG_METHODS = {"debug", "info", "warning", "warn", "error", "exception", "critical"}


def _is_log_call(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS):
        return False
    owner = node.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name.strip("_") in {"log", "logger", "logging"}


def test_log_events_are_constants() -> None:
    """Nothing can be woven into a log line's text, so no customer text can (I15); values go in fields, which are masked."""
    found = [
        name_of(path, node)
        for path in modules(*ROOMS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _is_log_call(node)
        if not (len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str))
    ]
    assert found == [], "log a constant text, with values as fields"


def test_tests_say_what_must_hold() -> None:
    """Each test has a docstring, or an assert with a message, that says it in a sentence."""
    silent = [
        name_of(path, each)
        for path in modules("tests")
        for each in functions(path)
        if each.name.startswith("test_") and not ast.get_docstring(each)
        if not any(isinstance(node, ast.Assert) and node.msg is not None for node in ast.walk(each))
    ]
    assert silent == [], "say in a sentence what must hold"


def _sleeps(node: ast.AST, in_loop: bool) -> Iterator[ast.Call]:
    """Calls of sleep with a time, outside a loop that waits for a condition."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr == "sleep" and not in_loop:
            zero = child.args and isinstance(child.args[0], ast.Constant) and child.args[0].value == 0
            if not zero and isinstance(child.func.value, ast.Name) and child.func.value.id in {"time", "asyncio"}:
                yield child
        yield from _sleeps(child, in_loop or isinstance(child, ast.While | ast.For | ast.AsyncFor))


def test_tests_do_not_sleep() -> None:
    """A test waits for a condition, or lives in virtual time; it never hopes that some time is enough."""
    found = [name_of(path, call) for path in modules("tests") for call in _sleeps(ast.parse(path.read_text()), False)]
    assert found == [], "await the condition instead"

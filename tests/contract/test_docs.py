"""The documentation says what the code does: generated parts, links, commands, files, log events and examples."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from actors.address import Address
from cluster.catalogue import load_catalogue
from cluster.cli.main import app
from cluster.invariants.report import INVARIANTS
from cluster.local import LocalCluster
from cluster.store.memory import MemoryStore
from docs.generate import pages, parts, renewed

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = ("actors", "cluster", "gateways", "serve", "loadtest")
#: What `make bench`, chaos tests and the simulator fill in.
FIGURES = {
    "chat_events_per_s",
    "null_path_events_per_s",
    "ray_calls_per_event",
    "offer_ms_p50_at_100",
    "offer_ms_p99_at_100",
    "offer_ms_p50_at_1000",
    "offer_ms_p99_at_1000",
    "host_bytes_per_session",
    "host_kill_silence_s",
    "store_bytes_per_session",
    "simulated_seeds_per_s",
}
#: Those of `docs/concepts/capacity.md`.
CAPACITY_FIGURES = {
    "burst_10k_decided_s",
    "chat_events_per_s",
    "cpu_ms_per_event_at_1k_sessions",
    "cpu_ms_per_event_at_50k_sessions",
    "freed_agent_ms_p99_at_10k_waiting",
    "host_bytes_per_session",
    "host_kill_silence_s",
    "store_bytes_per_session",
    "offer_ms_p50_at_100",
    "offer_ms_p99_at_100",
    "ray_calls_per_event",
    "routed_arrivals_per_s",
}
#: Those of `docs/concepts/routing-quality.md`, which `trunkline simulate quality` prints.
QUALITY_FIGURES = {
    f"{model}_{policy}" for model in ("n", "team", "m", "w", "tower", "ring") for policy in ("default", "reserve", "optimum")
}
ADR_PARTS = ["Context", "Decision", "Consequences", "Rejected"]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FILE = re.compile(r"(?:actors|cluster|docs|gateways|loadtest|protos|serve|tests)/[\w./-]+\.(?:py|lua|proto|yaml|md|ts|css)")


def written() -> list[Path]:
    """Every page, in a stable order."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, ROOT / "protos/README.md", *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_generated_parts_are_those_of_the_code(page: Path) -> None:
    """Diagrams, codes, errors and invariants on a page are generated from the tables that the code uses."""
    assert text_of(page) == renewed(text_of(page), parts()), "run `make docs` and commit the result"


def test_every_diagram_is_on_a_page() -> None:
    """Each generated part is shown somewhere, or it need not be generated."""
    shown = {name for page in pages() for name in re.findall(r"<!-- generated:([a-z-]+) -->", text_of(page))}
    assert shown == parts().keys()


@cache
def anchors(page: Path) -> frozenset[str]:
    """What `#…` may name on a page, as GitHub makes it from headings."""
    headings = re.findall(r"^#+ +(.+)$", prose_of(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).strip().lower() for heading in headings]
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain)


def broken_links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(prose_of(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("page", written(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and every anchor a heading in it."""
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", written(), ids=name_of)
def test_named_files_exist(page: Path) -> None:
    """A file of the repository that a page names in code is there."""
    named = {file for code in _CODE.findall(prose_of(page)) for file in _FILE.findall(code)}
    assert sorted(file for file in named if not (ROOT / file).exists()) == []


def test_every_page_is_in_the_index() -> None:
    """Nobody writes a page that nobody finds: docs/README.md leads to each, or to the index of its folder."""
    indexes = [DOCS / "README.md", DOCS / "adr/README.md"]
    found = {(index.parent / link.partition("#")[0]).resolve() for index in indexes for link in _LINK.findall(text_of(index))}
    lost = [name_of(page) for page in DOCS.rglob("*.md") if page not in found and page != DOCS / "README.md"]
    assert lost == []


def cells(page: Path) -> list[str]:
    """The figures that have a marked cell on a page."""
    return re.findall(r"<!-- figure:(\w+) -->[^<]+<!-- /figure -->", text_of(page))


def test_the_readme_has_a_cell_for_each_figure() -> None:
    """Each measured figure has one marked cell, so that it can be renewed by a program."""
    assert sorted(cells(ROOT / "README.md")) == sorted(FIGURES)


def test_the_capacity_page_has_a_cell_for_each_figure() -> None:
    """What was measured has marked cells there too; one figure may stand in the sizing and in the comparison."""
    assert set(cells(DOCS / "concepts/capacity.md")) == CAPACITY_FIGURES


def test_the_quality_page_has_a_cell_for_each_figure() -> None:
    """Default, reserve and optimum of each model; tests/unit/simulator/test_quality.py holds them against what is solved."""
    assert sorted(cells(DOCS / "concepts/routing-quality.md")) == sorted(QUALITY_FIGURES)


# -- commands ---------------------------------------------------------------------------------------------------------


def commands(program: str) -> Iterator[tuple[Path, list[str]]]:
    """Every call of a program on a page: after a prompt in a block, or in code within a line."""
    call = re.compile(rf"(?:^|[/ '])(?:{program}) (.+)")
    for page in written():
        text = text_of(page)
        typed = [line.partition("$ ")[2] for _, _, block in _FENCE.findall(text) for line in block.splitlines()]
        for line in [*typed, *_CODE.findall(_FENCE.sub("", text))]:
            found = call.search(line)
            if found:
                yield page, words(found[1])


def words(arguments: str) -> list[str]:
    """The words of a command line up to a pipe, a comment or a redirection."""
    if arguments.count("'") % 2:  # the end of a command that was itself quoted
        arguments = arguments.rstrip("'")
    split = shlex.split(arguments, comments=True)
    ends = [at for at, word in enumerate(split) if word in {"|", ">", "&&"}]
    return split[: ends[0]] if ends else split


def test_make_targets_exist() -> None:
    """A page names only targets that the Makefile has."""
    targets = set(re.findall(r"^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    unknown = [f"{name_of(page)}: make {line[0]}" for page, line in commands("make") if line and line[0] not in targets]
    assert unknown == []


def test_trunkline_commands_exist() -> None:
    """A page names only commands and options that `trunkline` has."""
    wrong = [
        f"{name_of(page)}: trunkline {shlex.join(line)}: {why}"
        for page, line in commands("trunkline")
        if (why := problem(line))
    ]
    assert wrong == []


def problem(line: list[str]) -> str:
    """What is wrong with a call of `trunkline`; empty when nothing is."""
    command = typer.main.get_command(app)
    context = command.make_context("trunkline", [], resilient_parsing=True)
    rest = list(line)
    while rest and hasattr(command, "get_command"):
        name = rest.pop(0)
        if name.startswith("-"):
            return ""
        if re.search(r"[^a-z|-]", name):
            return "" if name == "…" else f"{name} is no command"
        named = {one: command.get_command(context, one) for one in name.split("|")}
        if unknown := [one for one, found in named.items() if found is None]:
            return f"there is no command {', '.join(unknown)}"
        command = named.popitem()[1]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    given = [word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1]
    return ", ".join(f"there is no option {option}" for option in given if option not in known)


# -- logs and invariants ----------------------------------------------------------------------------------------------


def logged_events() -> set[str]:
    """Every constant that the code logs."""
    methods = {"debug", "info", "warning", "error", "exception", "critical"}
    found = set()
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "node_modules" not in path.parts):
        for node in ast.walk(ast.parse(text_of(path))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods):
                continue
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "log" and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


def test_every_log_event_is_explained() -> None:
    """The reference explains exactly the events that the code logs."""
    table = text_of(DOCS / "reference/logs-and-status.md").partition("| event | level |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == logged_events()


def test_runbooks_name_real_events() -> None:
    """What a runbook tells to look for in a log can be found there."""
    text = "".join(prose_of(page) for page in (DOCS / "runbooks").glob("*.md"))
    in_tables = re.findall(r"^\s*\| `([a-z]+_[a-z_]+)`", text, re.MULTILINE)
    told = {*in_tables, *re.findall(r"\*\*You see\*\* `([a-z_]+)`", text)}
    assert told, "runbooks tell what to look for"
    assert told <= logged_events()


def test_the_reference_explains_every_invariant() -> None:
    """How each invariant is judged is written down."""
    rows = re.findall(r"^\| (I\d+) \|", text_of(DOCS / "reference/invariants.md"), re.MULTILINE)
    assert rows == list(INVARIANTS)


# -- decisions and examples -------------------------------------------------------------------------------------------


def test_decisions_are_complete() -> None:
    """Decisions are numbered without gaps, listed, and say what was known, decided, follows and was rejected."""
    decisions = sorted(page for page in (DOCS / "adr").glob("*.md") if page.name != "README.md")
    assert [page.name[:4] for page in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for page in decisions:
        assert re.findall(r"^## (.+)$", text_of(page), re.MULTILINE) == ADR_PARTS, f"{page.name} lacks a part"
        assert text_of(page).startswith(f"# {page.name[:4]}. "), f"{page.name} opens with its number"
        assert page.name in text_of(DOCS / "adr/README.md"), f"{page.name} is listed"


@pytest.mark.parametrize("page", [page for page in written() if "```python" in text_of(page)], ids=name_of)
def test_examples_in_python_parse(page: Path) -> None:
    """Python on a page is Python."""
    for indent, language, block in _FENCE.findall(text_of(page)):
        if language == "python":
            ast.parse(re.sub(rf"^{indent}", "", block, flags=re.MULTILINE))


async def test_the_example_actor_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in of write-an-actor.md loads, passes its own test, and runs in a cluster."""
    blocks = [
        block for _, language, block in _FENCE.findall(text_of(DOCS / "how-to/write-an-actor.md")) if language == "python"
    ]
    package = tmp_path / "mybank"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "actors.py").write_text(next(block for block in blocks if "ACTOR_TYPES" in block), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    catalogue = load_catalogue(["mybank.actors"])
    module = sys.modules["mybank.actors"]
    example: dict[str, object] = {}
    exec(next(block for block in blocks if "def test_" in block), example)  # the page's own test
    test = example["test_each_end_is_counted"]
    assert callable(test)
    test()
    async with LocalCluster(MemoryStore(), catalogue) as cluster:
        edge = cluster.start_edge("gateway-1")
        answer = await edge.ask(Address("tally/all"), module.ReadTally())
    assert answer == module.TallyCounts({}), "nobody has come yet"

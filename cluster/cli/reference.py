"""Writes the reference pages of configuration and command line from the code that they describe.

`python -m cluster.cli.reference docs/reference` writes them; a test fails when they and the code differ.
Invariants kept: every setting, command and option is on a page, because the pages are made by walking all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cluster.cli.group import ENTRY_POINTS, LAZY
from cluster.cli.main import app
from cluster.config.hours import Days, IntervalText
from cluster.config.layout import SECTION, ImportPath, LayoutModel, Listen, Module
from cluster.config.names import Id, Level, Names, Seconds
from cluster.config.schema import Centre, Priority

MARK = "<!-- Made by `python -m cluster.cli.reference docs/reference`; change the code, not this page. -->"
#: Types that have a name of their own on the page.
_NAMED: tuple[tuple[Any, str], ...] = (
    (Id, "id"),
    (Seconds, "seconds"),
    (Level, "1 to 10"),
    (Priority, "0 to 1000"),
    (Listen, "host:port"),
    (ImportPath, "module:name"),
    (Module, "module"),
    (Days, "days"),
    (IntervalText, "interval"),
)
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "value"}

CENTRE_INTRO = """\
The contact centre is one YAML file. `trunkline config check FILE` checks it, `trunkline config apply FILE` makes it the
current version of a running cluster, at once and for everybody. An error names the file, the line, the column, what is
wrong and what to write:

    centre.yaml:19:22: queues.cards.offer_timeout_s: must be a number, not `20s`; write 20 without quotes or unit

The dialect is YAML 1.2's core: only `true` and `false` are truth values (`yes` is text), `17:30` and `010` are text, and
a key may stand only once. Anchors (`&x`) and aliases (`*x`) work; tags and merge keys (`<<`) do not.

An **id** is what addresses, labels and URLs carry: letters a-z, digits, `.`, `_` and `-`, at most 64. A **name** is what
people see: plain text (English), or `{en: Cards, zh: 银行卡}`. **Intervals** are written `"09:00-17:30"` and lie within one
day; **days** are `mon` to `sun`, a range such as `mon-fri`, or `daily`.
"""
LAYOUT_INTRO = """\
`trunkline up` reads the section `metadata.trunkline` of `ray_config.yaml`; Ray ignores it, so the same file serves
`ray up`. An environment variable comes before the file, `--set` before both:

    TRUNKLINE_HOSTS__COUNT=4 trunkline up --set gateways.0.listen=127.0.0.1:7351

The file is `--layout FILE`, else `TRUNKLINE_LAYOUT`, else `ray_config.yaml` in the working directory, else the one that is
shipped with the package. Relative paths count from the file's directory (with the shipped file, from the working
directory).
"""


def configuration_page() -> str:
    """docs/reference/configuration.md."""
    parts = [MARK, "# Configuration", "## The contact centre", CENTRE_INTRO.strip()]
    parts += _sections(Centre, "The file")
    parts += ["## The layout", LAYOUT_INTRO.strip()]
    parts += _sections(LayoutModel, f"`{'.'.join(SECTION)}`")
    return "\n\n".join(parts) + "\n"


def _sections(model: type[BaseModel], title: str) -> Iterator[str]:
    """The model's own table, then one for each model inside it, each once."""
    waiting: list[tuple[type[BaseModel], str]] = [(model, title)]
    seen: set[type[BaseModel]] = set()
    while waiting:
        current, heading = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        yield f"### {heading}"
        if current.__doc__ and current is not model:
            yield current.__doc__.strip().splitlines()[0]
        yield _table(current)
        for name, field in current.model_fields.items():
            prefix = "" if current is model else f"{heading.strip('`')}."
            waiting += [(inner, f"`{prefix}{name}{suffix}`") for inner, suffix in _models(field.annotation, "")]


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | type | default | meaning | example |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        examples = field.examples or [""]
        example = f"`{examples[0]}`" if examples[0] != "" else ""
        kind = _type(field.annotation, tuple(field.metadata))
        cells = (f"`{name}`", kind, _default(field), field.description or "", example)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is PydanticUndefined or value is None:
        return "-"
    if isinstance(value, BaseModel) or (isinstance(value, list) and any(isinstance(item, BaseModel) for item in value)):
        return "see below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value in ("", [], {}):
        return "empty"
    return f"`{value[0]}`" if isinstance(value, list) and len(value) == 1 else f"`{value}`"


def _type(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """A type in words; `metadata` is what pydantic took off the outermost `Annotated`."""
    for known, words in _NAMED:
        if annotation is known or (metadata and get_args(known) and _same(known, annotation, metadata)):
            return words
    if get_origin(annotation) is Annotated:
        first, *rest = get_args(annotation)
        return _type(first, tuple(rest))
    arguments = get_args(annotation)
    if NoneType in arguments:
        return " or ".join(_type(argument, metadata) for argument in arguments if argument is not NoneType)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if get_origin(annotation) is list:
        return f"list of {_plural(_type(arguments[0]))}"
    if get_origin(annotation) is dict:
        return f"{_type(arguments[0])} → {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Names):
        return "name"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _PLAIN.get(annotation, str(annotation)) + _bounds(metadata)


def _same(known: Any, annotation: Any, metadata: tuple[Any, ...]) -> bool:
    """Whether the field's type is this named one, which pydantic has taken apart."""
    first, *rest = get_args(known)
    flat = [item for part in rest for item in (part.metadata if isinstance(part, FieldInfo) else [part])]
    return bool(annotation is first and flat and all(item in metadata for item in flat))


def _bounds(metadata: tuple[Any, ...]) -> str:
    low = next((bound for item in metadata if (bound := getattr(item, "ge", getattr(item, "gt", None))) is not None), None)
    high = next((bound for item in metadata if (bound := getattr(item, "le", getattr(item, "lt", None))) is not None), None)
    if low is None and high is None:
        return ""
    return f", {low:,} to {high:,}" if low is not None and high is not None else f", at least {low:,}"


def _plural(words: str) -> str:
    return {"text": "texts", "mapping": "mappings"}.get(words, f"{words}s" if words.isalpha() else words)


def _models(annotation: Any, suffix: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Models inside a type, with how to write the way to them: `queues.<id>`, `gateways[]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not issubclass(annotation, Names):
            yield annotation, suffix
        return
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        yield from _models(arguments[0], f"{suffix}[]")
    elif get_origin(annotation) is dict:
        yield from _models(arguments[1], f"{suffix}.<id>")
    else:
        for argument in arguments:
            yield from _models(argument, suffix)


CLI_INTRO = """\
Every command takes `--json` and then writes exactly one JSON document to standard output, for an error too:

    {"error": {"code": "UNAVAILABLE", "detail": "no gateway answers at …", "retryable": true, "outcome": "not_applied"}}

`code` is a gRPC status name. `outcome` says what may be assumed: `not_applied`, `unknown` (look, or repeat with the same
ids), `applied`. A configuration's errors come with `problems`, each with file, line, column, path, problem and what to
write.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed, or found what it looks for: violations, failed checks |
| 2 | used wrongly |

A command finds the gateway, the token and the store by its flags, else by environment variables, else through `run.json`
of the run directory. `TRUNKLINE_TOKEN` may hold an admin token itself. Packages add commands through the entry-point
group `trunkline.commands`; they appear in `trunkline --help` and have pages of their own.
"""


def cli_page() -> str:
    """docs/reference/cli.md."""
    parts = [MARK, "# Command line", CLI_INTRO.strip()]
    for path, command in every_command():
        parts += [f"## `trunkline {' '.join(path)}`", *_command(path, command)]
    return "\n\n".join(parts) + "\n"


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of ours with its words, those of other packages left out."""
    root: Any = typer.main.get_command(app)
    yield from _commands(root, ())
    for name in [*LAZY, *_shipped()]:
        command = root.get_command(None, name)
        yield from _commands(command, (name,)) if hasattr(command, "commands") else [((name,), command)]


def _shipped() -> list[str]:
    """Names of the commands that plug in and come with the product itself."""
    entries = entry_points(group=ENTRY_POINTS)
    return sorted(entry.name for entry in entries if entry.dist is not None and entry.dist.name == "trunkline")


def _commands(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in node.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option" and parameter.name != "help"]
    words = [_usage(argument) for argument in arguments]
    yield f"    trunkline {' '.join([*path, '[OPTIONS]', *words])}"
    yield (command.help or "").strip()
    rows = [f"| `{argument.name}` | {_meaning(argument)} |" for argument in arguments]
    for option in options:
        names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
        rows.append(f"| {names} | {_meaning(option)} |")
    yield "\n".join(["| | |", "|---|---|", *rows])


def _usage(argument: Any) -> str:
    name = str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _meaning(parameter: Any) -> str:
    text = str(parameter.help or "").strip()
    default = parameter.default
    if default not in (None, False, "", True) and not callable(default):
        text += f" Default: `{default}`."
    if parameter.envvar:
        text += f" Variable: `{parameter.envvar}`."
    return text.replace("|", "\\|")


def write_pages(directory: Path) -> list[Path]:
    """Write both pages.

    Returns:
        The files written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pages = {"configuration.md": configuration_page(), "cli.md": cli_page()}
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in pages]


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))

"""Finds and reads the layout file, and lays environment variables and flags over it.

Invariants kept: relative paths count from the file's directory, or from the working directory when the packaged file
is used; only variables that name a setting are read.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.config.document import Document, Node, parse_document
from cluster.config.explain import validate
from cluster.config.layout import MEMORY, SECTION, LayoutModel, layout_errors, resolve, warnings_of
from cluster.config.load import read_text
from cluster.config.problems import ConfigProblems, Mark, Problem, did_you_mean
from cluster.config.sample import SAMPLE

FILE_NAME = "ray_config.yaml"
#: Names the layout file when no flag does.
FILE_VARIABLE = "TRUNKLINE_LAYOUT"
PREFIX = "TRUNKLINE_"


@dataclass(frozen=True, slots=True)
class Layout:
    """A checked layout and where its paths count from."""

    settings: LayoutModel
    file: Path
    base: Path
    warnings: list[str] = field(default_factory=list)

    @property
    def run_path(self) -> Path:
        """The run directory, absolute."""
        return resolve(self.base, self.settings.run_dir)

    @property
    def data_path(self) -> Path:
        """Where the embedded store keeps its files, absolute."""
        data_dir = self.settings.store.data_dir
        return self.run_path if data_dir is None else resolve(self.base, data_dir)

    @property
    def archive_path(self) -> Path | None:
        """Where journals go that the store does not keep, absolute; None if nothing is archived."""
        archive = self.settings.archive
        if not archive.enabled or self.settings.store.url == MEMORY:
            return None
        return self.data_path / "archive" if archive.dir is None else resolve(self.base, archive.dir)

    @property
    def centre_path(self) -> Path | None:
        """The first configuration's file; None for the sample."""
        return None if self.settings.centre == SAMPLE else resolve(self.base, self.settings.centre)

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        overrides: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Layout:
        """Read a layout.

        Args:
            path: The file; found by `find_layout_file` when left out.
            overrides: Dotted setting to YAML text, as from `--set`.
            env: Environment variables; the process's own when left out.

        Raises:
            ConfigProblems: the file, a variable or an override cannot be used.
        """
        variables = os.environ if env is None else env
        file = find_layout_file(path, variables)
        document = parse_document(read_text(file), str(file))
        _require_section(document)
        problems = _lay_over(document, variables, overrides or {})
        if problems:
            raise ConfigProblems(problems)
        settings = validate(document, LayoutModel, SECTION)
        problems = layout_errors(document, settings)
        if problems:
            raise ConfigProblems(problems)
        base = Path.cwd() if file == packaged_layout_file() else file.resolve().parent
        return cls(settings, file, base, warnings_of(settings))


def packaged_layout_file() -> Path:
    """The file that is shipped with the product."""
    return Path(__file__).resolve().parents[2] / FILE_NAME


def is_layout_file(path: Path | str) -> bool:
    """Whether a file is a layout rather than a contact centre: it has Ray's sections, or ours.

    Raises:
        ConfigProblems: the file cannot be read or is not YAML.
    """
    value = parse_document(read_text(path), str(path)).value
    return isinstance(value, dict) and bool({"metadata", "cluster_name", "provider"} & value.keys())


def find_layout_file(path: Path | str | None, env: Mapping[str, str]) -> Path:
    """The file that is meant: as given, as `TRUNKLINE_LAYOUT` says, `ray_config.yaml` here, or the packaged one."""
    if path is not None:
        return Path(path)
    if env.get(FILE_VARIABLE):
        return Path(env[FILE_VARIABLE])
    here = Path(FILE_NAME)
    return here if here.is_file() else packaged_layout_file()


def _require_section(document: Document) -> None:
    """The section must be there, or Ray's file would silently run on defaults."""
    value = document.value
    for depth, step in enumerate(SECTION):
        if not isinstance(value, dict) or step not in value:
            advice = "add `metadata:` with `trunkline:` in it; `{}` there takes every default"
            raise ConfigProblems([document.problem(SECTION[:depth], "has no `metadata.trunkline` section", advice)])
        value = value[step]


def _lay_over(document: Document, env: Mapping[str, str], overrides: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    if document.value["metadata"]["trunkline"] is None:
        document.replace(SECTION, Node({}, document.mark(SECTION)))
    for name in sorted(env):
        path = _path_of_variable(name)
        if path is not None:
            problems += _override(document, path, env[name], name)
    for dotted_path, text in overrides.items():
        steps = dotted_path.replace("[", ".").replace("]", "").split(".")
        problems += _override(document, steps, text, f"--set {dotted_path}")
    return problems


def _path_of_variable(name: str) -> list[str] | None:
    """`TRUNKLINE_HOSTS__COUNT` as `hosts`, `count`; None for a variable that is no setting."""
    if not name.startswith(PREFIX):
        return None
    steps = name.removeprefix(PREFIX).lower().split("__")
    return steps if steps[0] in LayoutModel.model_fields else None


def _override(document: Document, steps: list[str], text: str, origin: str) -> list[Problem]:
    place = Mark(0, 0)
    if steps[0] not in LayoutModel.model_fields:
        return [
            Problem(origin, place, "", f"there is no setting `{steps[0]}`", did_you_mean(steps[0], LayoutModel.model_fields))
        ]
    try:
        node = copy.deepcopy(parse_document(text, origin).root) if text.strip() else Node(None, place)
    except ConfigProblems as error:
        return [Problem(origin, place, "", problem.problem, problem.write) for problem in error.problems]
    _mark_origin(node, origin)
    path = tuple(int(step) if step.isascii() and step.isdigit() and len(step) < 10 else step for step in steps)
    try:
        document.replace((*SECTION, *path), node)
    except (LookupError, TypeError):
        return [
            Problem(origin, place, "", "no such place in the layout", "name a setting of the file, such as gateways.0.listen")
        ]
    return []


def _mark_origin(node: Node, origin: str) -> None:
    node.origin = origin
    for child in node.children.values():
        _mark_origin(child, origin)

"""Reads a contact centre's YAML: text in, a checked `Centre` out, or every problem with its place.

Invariants kept: no input makes this raise anything but `ConfigProblems` (and `OSError` for the file itself is turned
into one); what it returns compiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath

from cluster.config.document import decode_text, parse_document
from cluster.config.explain import validate
from cluster.config.problems import ConfigProblems, Mark, Problem
from cluster.config.references import centre_warnings, reference_errors
from cluster.config.schema import Centre


@dataclass(frozen=True, slots=True)
class LoadedCentre:
    """A valid configuration, its source as written, and what its author should know."""

    centre: Centre
    source: str
    warnings: list[Problem]


def load_centre(text: str, file: str = "centre.yaml") -> LoadedCentre:
    """Check a configuration.

    Args:
        text: The YAML.
        file: What problems call it.

    Raises:
        ConfigProblems: it cannot be used.
    """
    document = parse_document(text, file)
    if not isinstance(document.value, dict):
        raise ConfigProblems([document.problem((), "is not a mapping", "begin with `version: 1`, then `name: …`")])
    centre = validate(document, Centre)
    errors = reference_errors(document, centre)
    if errors:
        raise ConfigProblems(errors)
    return LoadedCentre(centre, text, centre_warnings(document, centre))


def load_centre_file(path: FilePath | str) -> LoadedCentre:
    """Check the configuration in a file.

    Raises:
        ConfigProblems: it cannot be read or used.
    """
    return load_centre(read_text(path), str(path))


def read_text(path: FilePath | str) -> str:
    """The text of a configuration file.

    Raises:
        ConfigProblems: there is no such file, or it is not UTF-8 text.
    """
    try:
        content = FilePath(path).read_bytes()
    except FileNotFoundError as error:
        raise ConfigProblems([_file_problem(path, "there is no such file", "check the path")]) from error
    except IsADirectoryError as error:
        raise ConfigProblems([_file_problem(path, "is a directory", "name a file in it")]) from error
    except (OSError, ValueError) as error:
        raise ConfigProblems([_file_problem(path, f"cannot be read: {error}", "check its permissions")]) from error
    return decode_text(content, str(path))


def _file_problem(path: FilePath | str, problem: str, write: str) -> Problem:
    return Problem(str(path), Mark(0, 0), "", problem, write)

"""What is wrong with a configuration, where, and what to write instead.

Invariants kept: a problem has a place that a person can go to (file, line and column, or the flag or variable that set
the value), and its text never repeats a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from cluster.errors import ConfigInvalid

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change. `file` is the name as the user gave it; `path` is dotted, empty for the whole file."""

    file: str
    mark: Mark
    path: str
    problem: str
    write: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.mark.line}:{self.mark.column}: " if self.mark.line else f"{self.file}: "
        subject = f"{self.path}: " if self.path else ""
        advice = f"; {self.write}" if self.write else ""
        return f"{where}{subject}{self.problem}{advice}"

    def as_json(self) -> dict[str, object]:
        """The problem for `--json`."""
        return {
            "file": self.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "problem": self.problem,
            "write": self.write,
            "severity": self.severity,
        }


class ConfigProblems(ConfigInvalid):
    """A configuration that cannot be used, with every problem that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """A path as people write it: `queues.cards.hours`, `gateways[0].listen`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Names for a sentence, cut after `limit`."""
    known = list(names)
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Advice for a name that does not exist: the closest one, else all that do."""
    names = sorted(known)
    close = get_close_matches(wrong, names, n=1, cutoff=0.6)
    if not close:
        folded = {name.casefold(): name for name in names}
        close = [folded[name] for name in get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.6)]
    if close:
        return f"did you mean `{close[0]}`?"
    return f"there are: {listed(names)}" if names else "none are defined yet"

"""What the checks found: one line each for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Failed(Exception):
    """The check's subject did something wrong; the text says what was expected and what came."""


class Skipped(Exception):
    """The check cannot be made here; the text says why."""


def expect(holds: object, why: str) -> None:
    """Go on if it holds.

    Raises:
        Failed: it does not.
    """
    if not holds:
        raise Failed(why)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its outcome. `rule` is what the protocol asks for; `why` is empty when it was kept."""

    name: str
    rule: str
    outcome: Outcome
    why: str = ""


_MARKS = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.SKIPPED: "skip"}


class Report:
    """All findings about one subject."""

    def __init__(self, subject: str, told: Callable[[str], None] = lambda line: None) -> None:
        self.subject = subject
        self.findings: list[Finding] = []
        self._told = told

    def add(self, finding: Finding) -> None:
        """Note one; it is told at once, because the checks take a while."""
        self.findings.append(finding)
        self._told(line_of(finding))

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something was checked."""
        return any(self._of(Outcome.PASSED)) and not any(self._of(Outcome.FAILED))

    def _of(self, outcome: Outcome) -> Iterable[Finding]:
        return (finding for finding in self.findings if finding.outcome is outcome)

    def summary(self) -> str:
        """The last line."""
        counts = ", ".join(f"{sum(1 for _ in self._of(outcome))} {outcome}" for outcome in Outcome)
        return f"{self.subject}: {counts}"

    def as_json(self) -> str:
        """Everything, for programs."""
        findings = [
            {"name": item.name, "rule": item.rule, "outcome": str(item.outcome), "why": item.why} for item in self.findings
        ]
        return json.dumps({"subject": self.subject, "passed": self.passed, "checks": findings}, ensure_ascii=False, indent=2)


def line_of(finding: Finding) -> str:
    """One finding for people."""
    line = f"{_MARKS[finding.outcome]}  {finding.name}: {finding.rule}"
    return f"{line}\n      {finding.why}" if finding.why else line

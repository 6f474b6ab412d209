"""What a check found: violations with their place in a journal, counts, and how far each invariant could be judged.

A report says what it could *not* judge as plainly as what it found: an unjudged invariant is never shown as kept.
Explanations name addresses, interactions and numbers, never what a customer wrote (I15).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

INVARIANTS: Final[dict[str, str]] = {
    "I1": "every acknowledged arrival ends in exactly one terminal event or is live",
    "I2": "at most one accepted reservation per interaction and role at any journal point",
    "I3": "capacity is never exceeded",
    "I4": "no offer to an agent who is not routable",
    "I5": "no eligible interaction that comes first was passed over in the router's snapshot",
    "I6": "skills are satisfied at the level in force",
    "I7": "an eligible idle agent and a waiting interaction meet once faults stop",
    "I8": "a timer fires and takes effect at most once; every offer ends by its deadline",
    "I9": "epochs never go back, and nothing is committed by a fenced host",
    "I10": "versions are contiguous, and the journal replays to the stored state",
    "I11": "a repeated id has no second effect and the same answer",
    "I12": "every effect seen outside has a commit",
    "I13": "created = ended + live, per queue and channel",
    "I14": "states make only declared moves",
    "I15": "no customer text in logs or metrics",
}


class Violation(msgspec.Struct, frozen=True):
    """One broken promise. `shard` and `number` say which commit showed it; number 0 means the end of all journals."""

    invariant: str
    shard: str
    number: int
    subject: str
    explanation: str

    def __str__(self) -> str:
        place = f"shard {self.shard} commit {self.number}" if self.number else "at the end"
        return f"{self.invariant} {self.subject}: {self.explanation} ({place})"


class Report(msgspec.Struct):
    """The outcome of one check; encode it with `msgspec.json` or read it with `str`."""

    violations: list[Violation]
    #: Violations beyond the limit that `violations` keeps.
    unlisted: int
    counts: dict[str, int]
    #: Invariant -> "exact", "in part: why" or "not judged: why".
    checked: dict[str, str]
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing at all was found."""
        return not self.violations

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.counts.items() if count)
        total = len(self.violations) + self.unlisted
        lines = [f"{total or 'no'} violation{'' if total == 1 else 's'} in {counts or 'empty journals'}"]
        lines += [f"  {violation}" for violation in self.violations]
        if self.unlisted:
            lines.append(f"  … and {self.unlisted} more")
        lines += [f"  {name} {how}" for name, how in self.checked.items() if how != "exact"]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


class Findings:
    """Collects while a check runs. One subject is reported once per invariant, so a broken rule does not drown the rest."""

    def __init__(self, limit: int = 1_000) -> None:
        self.limit = limit
        self.violations: list[Violation] = []
        self.unlisted = 0
        self.counts: Counter[str] = Counter()
        self.notes: dict[str, None] = {}
        self._limits: dict[str, dict[str, None]] = {}
        self._reported: set[tuple[str, str]] = set()

    def violated(self, invariant: str, shard: str, number: int, subject: str, explanation: str) -> None:
        """Record one violation."""
        if (invariant, subject) in self._reported:
            return
        if len(self.violations) >= self.limit:
            self.unlisted += 1
            return
        self._reported.add((invariant, subject))
        self.violations.append(Violation(invariant, shard, number, subject, explanation))

    def note(self, text: str) -> None:
        """Say something once that a reader of the report must know."""
        self.notes[text] = None

    def judged_in_part(self, invariant: str, why: str) -> None:
        """Say that an invariant was judged less than exactly."""
        self._limits.setdefault(invariant, {})[f"in part: {why}"] = None

    def not_judged(self, invariant: str, why: str) -> None:
        """Say that an invariant could not be judged at all."""
        self._limits.setdefault(invariant, {})[f"not judged: {why}"] = None

    def report(self) -> Report:
        """Everything found so far."""
        checked = {name: "; ".join(self._limits[name]) if name in self._limits else "exact" for name in INVARIANTS}
        return Report(list(self.violations), self.unlisted, dict(sorted(self.counts.items())), checked, list(self.notes))

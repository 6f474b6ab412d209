"""Who works when: a CSV file of shifts, because a configuration says who there is and not who is there.

    agent,from,to,count
    alice,08:00,16:00,
    demo,09:00,12:30,20        twenty of the group `demo`

Keeps: whoever is in the file works when it says and at no other time; whoever is not works all day.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster.whatif.files import time_of_day
from cluster.whatif.unusable import StudyUnusable, read_lines

COLUMNS: Final = ("agent", "from", "to", "count")
NEEDED: Final = frozenset({"agent", "from", "to"})
#: Seconds after midnight.
Shift = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shifts:
    """By agent, when they work; `name` is what people call it. Empty: everybody, all day."""

    name: str = ""
    by_agent: Mapping[str, tuple[Shift, ...]] = field(default_factory=dict)

    def of(self, agent: str, all_day: Shift) -> tuple[Shift, ...]:
        """When this agent works."""
        return self.by_agent.get(agent, (all_day,))


def read_shifts(path: Path, groups: Mapping[str, Sequence[str]]) -> Shifts:
    """Read a file of shifts.

    Args:
        groups: Each agent's or group's id in the configuration, with the agents that it stands for.

    Raises:
        StudyUnusable: the file cannot be read, or a row of it cannot be used; says which.
    """
    found: dict[str, list[Shift]] = {}
    reader = csv.reader(read_lines(path, "shifts").splitlines())
    header = [name.strip() for name in next(reader, [])]
    if not NEEDED <= set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise StudyUnusable(f"{path}:1: shifts have the columns agent, from, to and, if you like, count")
    for number, cells in enumerate(reader, 2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise StudyUnusable(f"{path}:{number}: has {len(cells)} cells, the header has {len(header)}")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        shift = _shift(row, f"{path}:{number}")
        for agent in _members(row, groups, f"{path}:{number}"):
            found.setdefault(agent, []).append(shift)
    return Shifts(path.name, {agent: _apart(sorted(shifts)) for agent, shifts in found.items()})


def _shift(row: Mapping[str, str], place: str) -> Shift:
    try:
        begins_s, ends_s = time_of_day(row["from"]), time_of_day(row["to"])
    except ValueError:
        raise StudyUnusable(f"{place}: `from` and `to` are times of day, like 09:00 and 17:30") from None
    if ends_s <= begins_s:
        raise StudyUnusable(f"{place}: the shift ends before it begins; write two rows for one that passes midnight")
    return begins_s, ends_s


def _members(row: Mapping[str, str], groups: Mapping[str, Sequence[str]], place: str) -> Sequence[str]:
    name, count = row["agent"], row.get("count", "")
    if name not in groups:
        raise StudyUnusable(f"{place}: the configuration has no agent `{name[:64]}`")
    members = groups[name]
    if not count:
        return members
    if not count.isdecimal() or not 1 <= int(count) <= len(members):
        raise StudyUnusable(f"{place}: `count` must be 1 to {len(members)}, the size of `{name}`, not `{count[:40]}`")
    return members[: int(count)]


def _apart(shifts: list[Shift]) -> tuple[Shift, ...]:
    """Shifts that overlap are one."""
    joined: list[Shift] = []
    for begins_s, ends_s in shifts:
        if joined and begins_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends_s, joined[-1][1]))
        else:
            joined.append((begins_s, ends_s))
    return tuple(joined)

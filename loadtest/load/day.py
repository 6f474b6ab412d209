"""A day's counts from a CSV file with the columns `weekday_index`, `interval_index` and `calls`: their mean over all days."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from loadtest.failures import SourceUnusable


def read_day(path: Path) -> list[float]:
    """The mean count of each interval, in order.

    Raises:
        SourceUnusable: the file cannot be read, or is not of this form.
    """
    counts: defaultdict[int, list[float]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                counts[int(row["interval_index"])].append(float(row["calls"]))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise SourceUnusable(f"profile {path}: {problem}") from None
    except (KeyError, TypeError, ValueError) as problem:
        raise SourceUnusable(f"profile {path}: needs the columns interval_index and calls, both numbers ({problem})") from None
    if not any(any(of) for of in counts.values()):
        raise SourceUnusable(f"profile {path}: has no calls")
    return [sum(counts[at]) / len(counts[at]) for at in sorted(counts)]

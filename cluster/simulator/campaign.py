"""Runs many seeds with all faults and sums up what came of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster.simulator.options import SimulationOptions
from cluster.simulator.run import run_seeds


@dataclass(slots=True)
class FailedSeed:
    """A seed that broke an invariant; run it again with `--seed`."""

    seed: int
    violations: list[str]
    story: list[str]


@dataclass(slots=True)
class Campaign:
    """What many seeds came to. `counts` sums over all of them; `story` is told for a single seed only."""

    seeds: int = 0
    took_s: float = 0.0
    failed: list[FailedSeed] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)


def campaign(seeds: Sequence[int], processes: int = 0, *, trace: bool = False) -> Campaign:
    """Run every seed.

    Args:
        processes: runs at a time; 0 for one for each processor.
        trace: tell what broke and when.
    """
    found = Campaign()
    started = time.monotonic()
    at_once = min(len(seeds), processes or os.cpu_count() or 1)
    for result in run_seeds(seeds, SimulationOptions(trace=trace), processes=at_once):
        found.seeds += 1
        for name, count in result.counts.items():
            found.counts[name] = found.counts.get(name, 0) + count
        if result.violations:
            found.failed.append(FailedSeed(result.seed, list(result.violations), list(result.story)))
        if trace:
            found.story += result.story
    found.took_s = round(time.monotonic() - started, 3)
    return found


def in_plain_words(found: Campaign) -> str:
    """The sum for people."""
    broke = sum(count for name, count in found.counts.items() if name.startswith("fault_"))
    lines = list(found.story)
    lines.append(
        f"{found.seeds} seeds in {found.took_s:.1f} s ({found.seeds / max(found.took_s, 0.001):.1f} a second), "
        f"{broke} faults, {found.counts.get('virtual_ms', 0) / 3_600_000:.1f} hours of virtual time"
    )
    for failed in found.failed:
        lines.append(f"seed {failed.seed}:")
        lines += [f"  {violation}" for violation in failed.violations[:5]]
    lines.append(f"{len(found.failed)} seeds broke an invariant" if found.failed else "no invariant was broken")
    return "\n".join(lines)

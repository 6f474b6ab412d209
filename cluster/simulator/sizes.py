"""Runs several sizes of cluster, each in a process of its own, and puts them side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context

from cluster.simulator.scale import ScaleOptions, ScaleResult, simulate_scale

#: Columns of the table for people: what, its unit, how many digits behind the point.
ROWS = {
    "gateways": 0,
    "sessions": 0,
    "events_per_s": 1,
    "arrivals_per_s": 2,
    "calls_per_event": 2,
    "messages_per_call": 2,
    "commits_per_event": 2,
    "commits_per_s": 0,
    "store_bytes_per_event": 0,
    "domain_turns_per_s": 0,
    "gateway_cpu_us_per_event": 0,
    "host_cpu_us_per_event": 0,
    "table_bytes": 0,
    "table_push_bytes": 0,
    "supervisor_calls_per_s": 0,
    "supervisor_bytes_per_s": 0,
    "supervisor_cpu_ms_per_s": 1,
    "upkeep_calls_per_host_per_s": 1,
    "death_s": 3,
    "death_moved": 0,
    "silence_s": 3,
    "silence_moved": 0,
    "join_s": 3,
    "join_moved": 0,
    "leave_s": 3,
    "leave_moved": 0,
    "took_s": 1,
}


def simulate_sizes(sizes: Sequence[ScaleOptions], processes: int = 0) -> list[ScaleResult]:
    """Run every size, the largest first because it takes longest; the results are in the order asked for."""
    at_once = min(len(sizes), processes or os.cpu_count() or 1)
    if at_once == 1:
        return [simulate_scale(size) for size in sizes]
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        running = {size: pool.submit(simulate_scale, size) for size in sorted(sizes, key=lambda size: -size.hosts)}
        return [running[size].result() for size in sizes]


def side_by_side(results: Sequence[ScaleResult]) -> str:
    """A column for each size."""
    lines = [f"{'hosts':28}" + "".join(f"{result.hosts:>12,}" for result in results)]
    figures = [asdict(result) for result in results]
    lines += [
        f"{name.replace('_', ' '):28}" + "".join(f"{found[name]:>12,.{digits}f}" for found in figures)
        for name, digits in ROWS.items()
    ]
    for result in results:
        lines += [f"{result.hosts} hosts: {violation}" for violation in result.violations[:5]]
    broken = sum(bool(result.violations) for result in results)
    lines.append(f"{broken} sizes broke an invariant" if broken else "no invariant was broken")
    return "\n".join(lines)

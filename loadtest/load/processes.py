"""How much of the processors and of memory each part of a product on this machine takes, from /proc.

Kept: a process that ends between two looks is left out, never guessed; where there is no /proc, there are no figures.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
#: What a process is, by what its command line holds; the first that fits.
KINDS: Final = (
    ("valkey-server", "store"),
    ("redis-server", "store"),
    ("ray::HostActor", "host"),
    ("ray::GatewayActor", "gateway"),
    ("ray::SupervisorActor", "supervisor"),
    ("gcs_server", "ray"),
    ("raylet", "ray"),
    ("ray::", "ray"),
    ("cluster.cli.main", "front"),
    ("trunkline", "front"),
)


@dataclass(frozen=True, slots=True)
class Use:
    """Of one kind of process: seconds of processor so far, and resident bytes now."""

    cpu_s: float
    rss_bytes: int


class Processes:
    """A product's process and all below it, and the generators."""

    def __init__(self, product_pid: int, generators: Collection[int]) -> None:
        self._product_pid = product_pid
        self._generators = generators

    def look(self) -> dict[str, Use]:
        """What each kind has used until now; all hosts count together."""
        parents, cpu, rss = _table()
        kinds = {pid: "generator" for root in self._generators for pid in _below(root, parents)}
        kinds |= {pid: kind_of(_command(pid)) for pid in _below(self._product_pid, parents) if pid not in kinds}
        totals: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0])
        for pid, kind in kinds.items():
            totals[kind][0] += cpu.get(pid, 0.0)
            totals[kind][1] += rss.get(pid, 0)
        return {kind: Use(cpu_s, int(rss_bytes)) for kind, (cpu_s, rss_bytes) in totals.items()}


def kind_of(command: str) -> str:
    """What a process of the product is."""
    return next((kind for part, kind in KINDS if part in command), "other")


def _table() -> tuple[dict[int, int], dict[int, float], dict[int, int]]:
    """Parent, processor seconds and resident bytes of every process."""
    parents, cpu, rss = {}, {}, {}
    for entry in PROC.glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        cpu[pid] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        rss[pid] = int(fields[21]) * PAGE_BYTES
    return parents, cpu, rss


def _below(root: int, parents: dict[int, int]) -> set[int]:
    found, added = {root}, True
    while added:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        added = bool(more)
    return found


def _command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""

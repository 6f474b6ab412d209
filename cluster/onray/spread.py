"""Spreads hosts over the machines of the Ray cluster, so that one that is lost takes few of them along.

A machine that was lost and is back runs no host: Ray started its hosts elsewhere meanwhile, and leaves them there. So where
hosts crowd, one of them is started anew on the emptiest machine, its shards first handed on as in an upgrade.

Invariants kept: a host moves only if that makes the machines more alike, so moving ends; none moves while one is missing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import ray
import structlog
from ray.exceptions import RayError

from cluster.supervisor.plan import PINNED_HOST_PREFIX
from cluster.supervisor.supervisor import Supervisor
from cluster.wire import HostReport, supervisor_report_decoder, table_decoder

log = structlog.get_logger("supervisor")

LOOK_EVERY_S = 5.0


def living_machines(cpus: float = 0.0) -> dict[str, str]:
    """Address -> Ray's id, of every machine that Ray holds for alive and that has so many CPUs.

    Asks Ray's head, and waits for it: call it in a thread.
    """
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray ships no types for it
    nodes = [node for node in known if node["Alive"] and node["Resources"].get("CPU", 0.0) >= cpus]
    return {str(node["NodeManagerAddress"]): str(node["NodeID"]) for node in nodes}


def emptiest(machines: Collection[str], taken: Iterable[str]) -> str:
    """The machine with the fewest of what is there already; of several the first. Empty if there is no choice."""
    if len(machines) < 2:
        return ""
    count = Counter(taken)
    return min(sorted(machines), key=lambda machine: count[machine])


def crowded_host(machines: Collection[str], hosts: Iterable[HostReport]) -> str:
    """The host that should move to another machine: of the fullest machine's the one with the fewest shards; else empty."""
    shared = [report for report in hosts if report.node in machines and not report.host.startswith(PINNED_HOST_PREFIX)]
    count = Counter(dict.fromkeys(machines, 0))
    count.update(report.node for report in shared)
    if not shared or max(count.values()) - min(count.values()) < 2:
        return ""
    fullest = max(count, key=lambda machine: count[machine])
    return min((r for r in shared if r.node == fullest), key=lambda report: (len(report.shards), report.host)).host


class Spread:
    """What is known of machines and hosts, and where hosts were meant to go that have not said yet where they run."""

    def __init__(self) -> None:
        self.machines: dict[str, str] = {}
        self._runs_on: dict[str, str] = {}
        self._meant: dict[str, str] = {}

    def place(self, name: str) -> str:
        """Ray's id of the machine for a host that is to be started; empty for any."""
        taken = {**self._meant, **self._runs_on}
        taken.pop(name, None)
        machine = emptiest(self.machines, taken.values())
        if not machine:
            return ""
        self._meant[name] = machine
        self._runs_on.pop(name, None)
        return self.machines[machine]

    def look(self, machines: Mapping[str, str], hosts: Mapping[str, HostReport], members: Collection[str]) -> str:
        """Note what is so now; returns the host to move, if machines and hosts have been the same twice and none is missing."""
        runs_on = {name: report.node for name, report in hosts.items() if not name.startswith(PINNED_HOST_PREFIX)}
        settled = (self.machines, self._runs_on) == (machines, runs_on) and runs_on.keys() >= {
            name for name in members if not name.startswith(PINNED_HOST_PREFIX)
        }
        self.machines, self._runs_on = dict(machines), runs_on
        self._meant = {name: machine for name, machine in self._meant.items() if name not in runs_on and machine in machines}
        return crowded_host(machines, hosts.values()) if settled else ""


async def keep_spread(spread: Spread, supervisor: Supervisor, cpus: float) -> None:
    """Move one crowded host after the other; never returns."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            machines = await asyncio.to_thread(living_machines, cpus)
        except RayError:
            continue  # Its head is away.
        hosts = {report.host: report for report in supervisor_report_decoder.decode(await supervisor.status(b"")).hosts}
        members = table_decoder.decode(await supervisor.locate(b"0")).members
        name = spread.look(machines, hosts, members)
        if name:
            log.info("host_moves", host=name, node=hosts[name].node)
            await supervisor.restart(name.encode())

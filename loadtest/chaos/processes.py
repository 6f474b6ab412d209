"""The processes of a running product, found out each time: pids change with every fault.

Kept: a pid is used only after its command line said that it is what it is taken for.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from gateways.sdk import AdminClient, CallFailed
from loadtest.failures import ProductUnusable
from loadtest.product import Access

FOUND_WITHIN_S: Final = 60.0
ASK_AGAIN_S: Final = 0.2
#: What a process of each part calls itself.
TITLES: Final = {"host": "ray::HostActor", "gateway": "ray::GatewayActor", "supervisor": "ray::SupervisorActor"}
PROGRAMS: Final = {"raylet": "raylet", "gcs": "gcs_server"}


@dataclass(frozen=True, slots=True)
class Processes:
    """Where a product's processes are."""

    access: Access

    async def status(self) -> dict[str, Any]:
        """The cluster's own summary, at most a second old; asked again until a gateway answers."""
        waited_s = 0.0
        while True:
            try:
                async with AdminClient(self.access.targets, self.access.admin_token) as admin, asyncio.timeout(5.0):
                    return MessageToDict((await admin.status()).cluster)
            except (CallFailed, TimeoutError) as problem:
                if waited_s > FOUND_WITHIN_S:
                    raise ProductUnusable(f"no gateway tells the cluster's status: {problem}") from problem
            await asyncio.sleep(ASK_AGAIN_S)
            waited_s += ASK_AGAIN_S

    async def find(self, part: str) -> int:
        """The living process of a part.

        Args:
            part: `host` (the one with most shards), `spare`, `gateway`, `supervisor`, `store`, `raylet` or `gcs`.

        Raises:
            ProductUnusable: there is none for a long time.
        """
        for _ in range(int(FOUND_WITHIN_S / ASK_AGAIN_S)):
            pid = await self._find_now(part)
            if pid:
                return pid
            await asyncio.sleep(ASK_AGAIN_S)
        raise ProductUnusable(f"the product's {part} could not be found for {FOUND_WITHIN_S:g} s")

    async def hosts(self) -> list[int]:
        """Every living host's process, the one with most shards first."""
        hosts = sorted((await self.status()).get("hosts", {}).values(), key=lambda host: -float(host["shards"]))
        return [pid for host in hosts if title_of(pid := int(host.get("pid", 0))).startswith(TITLES["host"])]

    async def until_whole(self, hosts: int) -> None:
        """Wait until so many hosts and a supervisor live, or for a long time."""
        for _ in range(int(FOUND_WITHIN_S / ASK_AGAIN_S)):
            # What a gateway tells may be a second old: whether the processes live is looked up.
            if len(await self.hosts()) >= hosts and await self._find_now("supervisor"):
                return
            await asyncio.sleep(ASK_AGAIN_S)

    async def _find_now(self, part: str) -> int:
        if part == "store":
            return self._store()
        if part in PROGRAMS:
            return self.of_ray(PROGRAMS[part])
        if part in ("gateway", "supervisor"):
            status = await self.status()
            pid = int(status["pid" if part == "gateway" else "supervisor_pid"])
            return pid if title_of(pid).startswith(TITLES[part]) else 0
        pids = await self.hosts()
        return pids[-1 if part == "spare" else 0] if pids else 0

    def _store(self) -> int:
        lock = self.access.data_dir / "store" / "server.lock"
        try:
            pid = int(lock.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0
        return pid if "valkey" in title_of(pid) or "redis" in title_of(pid) else 0

    def of_ray(self, program: str) -> int:
        """Ray's own process below the front process; 0 if there is none."""
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit() and parent_of(int(directory.name)) == self.access.pid:
                pid = int(directory.name)
                if Path(title_of(pid).partition(" ")[0]).name == program:
                    return pid
        return 0


def title_of(pid: int) -> str:
    """A process's command line; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") if pid else ""
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    """The parent's pid; 0 if there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def family_of(pid: int) -> list[int]:
    """A process and every process that descends from it, parents first."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            children.setdefault(parent_of(int(directory.name)), []).append(int(directory.name))
    found = [pid]
    for member in found:
        found += children.get(member, ())
    return found


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Signal a process; whether it was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True

"""Cuts the network between two processes of one machine, both of which go on: packets between them vanish.

    connections that exist    dropped by their four numbers (addresses and ports)
    connections to be made    dropped by who makes them: each side is moved to a control group of its own for the while,
                              which the kernel notes on every socket it opens, and by the ports the other side listens on

So only these two are parted: each goes on reaching everybody else, Ray's own processes included, and what the kernel had
taken for sending is sent again once the cut is over, as after a real one. It takes root, nftables and cgroup v2.

Kept: a cut heals by itself. What the rules match is forgotten by the kernel after the given time, so even a run that
is killed in the middle leaves nothing behind that does anything; its table is removed by the next run.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.chaos.sockets import End, Sockets, sockets_of
from loadtest.product import is_running

TABLE: Final = "trunkline_chaos_"
GROUP: Final = "trunkline-chaos"
#: How deep a side's group lies: the run's own, and in it the side's.
LEVEL: Final = 2
#: nft looks control groups up below this, wherever cgroup v2 is mounted.
NFT_ROOT: Final = Path("/sys/fs/cgroup")
MOUNTS: Final = Path("/proc/mounts")
#: The kernel forgets a cut this long after its end, if nobody has removed it by then.
SPARE_S: Final = 2.0


class CutFailed(Exception):
    """The rules could not be set; the text is what nft said."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: a name, its control group (as nft names it) and its sockets."""

    name: str
    group: str
    sockets: Sockets


def why_not() -> str:
    """Why no cut can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "cutting connections takes root"
    if shutil.which("nft") is None:
        return "cutting connections takes nft (nftables)"
    if _hierarchy() is None:
        return "cutting connections takes cgroup v2 below /sys/fs/cgroup"
    return ""


@asynccontextmanager
async def cut(first: int, second: int, seconds: float, *, one_way: bool = False) -> AsyncIterator[None]:
    """Part two processes while the context lasts, and for `seconds` (plus a little) at most.

    Args:
        one_way: only what the first sends to the second vanishes. The other direction arrives, though as TCP needs
            both, the kernels on either side go on sending the same again.

    Raises:
        CutFailed: nft refused the rules, or a process is gone.
    """
    table = f"{TABLE}{os.getpid()}"
    with _grouped({"first": first, "second": second}) as groups:
        # Read once both are in their groups: whatever is opened from here on bears the group's mark.
        sides = [Side(name, groups[name], sockets_of(pid)) for name, pid in (("first", first), ("second", second))]
        ways = [(sides[0], sides[1])] if one_way else [(sides[0], sides[1]), (sides[1], sides[0])]
        await _nft(rules(table, ways, seconds + SPARE_S))
        try:
            yield
        finally:
            await _nft(f"delete table inet {table}\n")


def rules(table: str, ways: Iterable[tuple[Side, Side]], seconds: float) -> str:
    """The nft script that drops every packet from the first of each pair to the second."""
    sets, sent, received = [], [], []
    for source, target in ways:
        way = f"{source.name}_{target.name}"
        pairs = [(own, other) for own, other in source.sockets.connections if (other, own) in target.sockets.connections]
        sets.append(
            _set(f"{way}_pairs", f"{_END} . {_END}", (f"{_told(own)} . {_told(other)}" for own, other in pairs), seconds)
        )
        for side, ports in ((source, f"{source.name}_ports_from"), (target, f"{target.name}_ports_to")):
            sets.append(_set(f"{way}_{ports}", "inet_service", map(str, sorted(side.sockets.listens)), seconds))
        sent += [
            f"ip saddr . tcp sport . ip daddr . tcp dport @{way}_pairs drop",
            f"{_of(source)} tcp dport @{way}_{target.name}_ports_to drop",
        ]
        # What a listener answers to a new connection of the other side.
        received.append(f"{_of(target)} tcp sport @{way}_{source.name}_ports_from drop")
    chains = [_chain("sent", "output", sent), _chain("received", "input", received)]
    return "\n".join([f"table inet {table} {{", *sets, *chains, "}", ""])


_END: Final = "ipv4_addr . inet_service"


def _told(end: End) -> str:
    return f"{end[0]} . {end[1]}"


def _of(side: Side) -> str:
    """Matches packets of sockets that processes of the side's group opened."""
    return f'socket cgroupv2 level {LEVEL} "{side.group}"'


def _set(name: str, kind: str, elements: Iterable[str], seconds: float) -> str:
    told = ", ".join(f"{element} timeout {seconds:.0f}s" for element in elements)
    listed = f" elements = {{ {told} }};" if told else ""
    return f"  set {name} {{ type {kind}; flags timeout;{listed} }}"


def _chain(name: str, hook: str, lines: Iterable[str]) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"  chain {name} {{\n    type filter hook {hook} priority 0; policy accept;\n{body}  }}"


@contextmanager
def _grouped(pids: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """Move each process to a control group of its own for a while; gives the groups as nft names them."""
    hierarchy = _hierarchy()
    if hierarchy is None:
        raise CutFailed("cgroup v2 is not mounted")
    top = hierarchy / f"{GROUP}-{os.getpid()}"
    homes: dict[int, Path] = {}
    try:
        for name, pid in pids.items():
            group = top / name
            group.mkdir(parents=True, exist_ok=True)
            home = _group_of(pid, hierarchy)
            _move(pid, group)
            homes[pid] = home
        yield {name: str((top / name).relative_to(NFT_ROOT)) for name in pids}
    finally:
        for pid, home in homes.items():
            with suppress(OSError):
                _move(pid, home)
        for group in (*(top / name for name in pids), top):
            with suppress(OSError):
                group.rmdir()


def _move(pid: int, group: Path) -> None:
    try:
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as problem:
        if is_running(pid):
            raise CutFailed(f"process {pid} cannot be moved to {group}: {problem}") from problem
        raise CutFailed(f"process {pid} is gone") from problem


def _group_of(pid: int, hierarchy: Path) -> Path:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                return hierarchy / line.removeprefix("0::/")
    return hierarchy


def _hierarchy() -> Path | None:
    """Where cgroup v2 is mounted and can be written, if nft can name it."""
    with suppress(OSError):
        for line in MOUNTS.read_text().splitlines():
            _, place, kind, options, *_ = line.split()
            if kind == "cgroup2" and "rw" in options.split(",") and Path(place).is_relative_to(NFT_ROOT):
                return Path(place)
    return None


async def clear_left_behind() -> None:
    """Remove what runs that were killed have left: their tables match nothing any more, but they are still listed."""
    for pid in re.findall(rf"table inet {TABLE}(\d+)", await _nft("list tables\n")):
        if not is_running(int(pid)):
            with suppress(CutFailed):
                await _nft(f"delete table inet {TABLE}{pid}\n")


async def _nft(script: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "nft", "-f", "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, problem = await process.communicate(script.encode())
    if process.returncode:
        raise CutFailed(problem.decode(errors="replace").strip())
    return said.decode()

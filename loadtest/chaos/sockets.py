"""What TCP sockets a process has, as Linux tells under /proc.

Kept: nothing is asked of the process itself, so one that stands still or hangs is read like any other.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LISTEN: Final = "0A"
ESTABLISHED: Final = "01"
#: How many of an IPv6 address's hexadecimal digits come before the IPv4 address that it stands for.
MAPPED_DIGITS: Final = 24

#: An IPv4 address and a port.
End = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Sockets:
    """Ports that a process listens on, and its connections as (own end, other end)."""

    listens: frozenset[int]
    connections: frozenset[tuple[End, End]]


def sockets_of(pid: int) -> Sockets:
    """A process's TCP sockets; none if there is no such process."""
    inodes = set(_inodes(pid))
    listens: set[int] = set()
    connections: set[tuple[End, End]] = set()
    for own, other, state, inode in _rows(pid):
        if inode not in inodes:
            continue
        if state == LISTEN:
            listens.add(own[1])
        elif state == ESTABLISHED:
            connections.add((own, other))
    return Sockets(frozenset(listens), frozenset(connections))


def _inodes(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                kind, _, inode = str(descriptor.readlink()).partition(":")
                if kind == "socket":
                    yield inode.strip("[]")


def _rows(pid: int) -> Iterator[tuple[End, End, str, str]]:
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                yield _end(fields[1]), _end(fields[2]), fields[3], fields[9]


def _end(text: str) -> End:
    """`0100007F:1F90` is 127.0.0.1 port 8080: the address as the machine keeps it, the port as people write it."""
    address, _, port = text.partition(":")
    number = bytes.fromhex(address[MAPPED_DIGITS:] if len(address) > MAPPED_DIGITS else address)
    return socket.inet_ntoa(number[::-1]), int(port, 16)

"""A plug-in of the layout that lets a chaos run step the clock of each process by itself.

The runtime reads wall time in one place, `SystemClock`; in a product that names this plug-in, that place adds what
stands in a file of the process's own, which only the chaos run writes. A product without the plug-in has none of this.
Rejected: libfaketime, which is slower by a factor at every look at the clock, also fakes the clocks that Ray's own C++
waits by, and gives all processes below one raylet the same time.

Kept: until the run writes something, the clock says the machine's time.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

from actors.actor import Actor, Event, Message, Record
from cluster.clock import SystemClock

ACTOR_TYPES: dict[str, type[Actor]] = {}
MESSAGE_TYPES: tuple[type[Message], ...] = ()
RECORD_TYPES: tuple[type[Record], ...] = ()
EVENT_TYPES: tuple[type[Event], ...] = ()

PLUGIN: Final = "loadtest.chaos.stepped_clock"
#: Names the directory of the files, for every process of the product.
DIRECTORY: Final = "TRUNKLINE_CHAOS_CLOCKS"
#: How many ms a process's clock is ahead; signed, so that it can be late.
_AHEAD: Final = struct.Struct("<q")


def clock_file(directory: Path, pid: int) -> Path:
    """Where a process's offset stands; there once the process has loaded the plug-in."""
    return directory / f"{pid}.clock"


def step(directory: Path, pid: int, ahead_ms: int) -> None:
    """Have a process's clock be so many ms ahead of the machine's; late if negative.

    Raises:
        OSError: the process has not loaded the plug-in.
    """
    with clock_file(directory, pid).open("r+b") as file:
        file.write(_AHEAD.pack(ahead_ms))


def _follow(directory: Path) -> None:
    """Make this process's clock add what stands in its file."""
    file = clock_file(directory, os.getpid())
    file.write_bytes(_AHEAD.pack(0))
    with file.open("r+b") as opened:
        ahead = mmap.mmap(opened.fileno(), _AHEAD.size)

    def now_ms(self: SystemClock) -> int:
        return time.time_ns() // 1_000_000 + int(_AHEAD.unpack_from(ahead)[0])

    SystemClock.now_ms = now_ms  # type: ignore[method-assign]  # the one place that is to be changed


if DIRECTORY in os.environ:
    _follow(Path(os.environ[DIRECTORY]))

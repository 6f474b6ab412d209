"""Starts the product anew in its own process when the Ray below it has died.

    Ray loses its raylet or GCS -> everything is taken down, the store in good order -> this process begins again (exec)

Kept: the process id stays, so a service manager, `trunkline down` and `run.json` go on meaning the same product. What was
accepted is in the store; adapters keep what is not settled and come back.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from cluster.boot.ports import require_free_ports
from cluster.errors import StartupFailed, TrunklineError

#: Ray's workers notice that their raylet is gone about a second later, and hold their ports until then.
PORTS_FREE_WITHIN_S = 20.0
POLL_S = 0.05
TRIES = 5
#: Set for a process that begins again: how often it has tried since it was up.
AGAIN = "TRUNKLINE_STARTED_ANEW"


class RuntimeLost(TrunklineError):
    """What hosts and gateways run on has died; everything must be started anew."""

    code = "UNAVAILABLE"


async def until_ports_free(listeners: Iterable[tuple[str, str]]) -> None:
    """Wait until processes that are ending have let go of every (owner, `host:port`), within limits."""
    wanted = list(listeners)
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + PORTS_FREE_WITHIN_S
    while loop.time() < give_up_at:
        try:
            return require_free_ports(wanted)
        except StartupFailed:
            await asyncio.sleep(POLL_S)


def was_started_anew() -> bool:
    """Whether this process has begun again, so that whoever started it has heard already that it is up."""
    return AGAIN in os.environ


def may_try_again() -> bool:
    """Whether a start that failed is one of the first few after Ray died: a busy machine may need another one."""
    return 0 < int(os.environ.get(AGAIN, "0")) < TRIES


def is_up_again() -> None:
    """The start succeeded: the next one has all its tries."""
    if was_started_anew():
        os.environ[AGAIN] = "0"


def start_anew() -> NoReturn:
    """Begin this process again with the arguments that it was started with."""
    os.environ[AGAIN] = str(int(os.environ.get(AGAIN, "0")) + 1)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # our own program

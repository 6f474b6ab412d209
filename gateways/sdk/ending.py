"""How a call to a gateway ended, as the gateway said it.

grpc.aio puts "INTERNAL: Internal error from Core" in place of the gateway's status when a write fails because the call
is over (grpc/grpc issue 36066), and a link that writes much would lose most of its reasons that way. So the status is
noted at the moment it arrives, before a failed write can cover it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import grpc

from gateways.sdk.errors import Status

_COVERED: Final = "Internal error from Core"
#: How long the gateway's own status may come after the failed write.
_PATIENCE_S: Final = 0.5


class Ending:
    """Notes the first status of a call that is the gateway's own."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._status: Status | None = None
        self._noted = asyncio.Event()
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        status = _status_now(call)
        if status is not None and self._status is None and not _is_covered(status):
            self._status = status
            self._noted.set()

    async def status(self, error: grpc.RpcError | None = None) -> Status:
        """The status of a call that is over; `error` is what its last read or write raised, if it raised."""
        self._note(self._call)
        if self._status is None:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._noted.wait()
            except TimeoutError:
                pass
        if self._status is not None:
            return self._status
        return Status.of(error) if error is not None else Status("UNAVAILABLE", "the connection was lost", "", ())


def _is_covered(status: Status) -> bool:
    return status.code == "INTERNAL" and status.detail == _COVERED


def _status_now(call: Any) -> Status | None:
    """The call's status, if it has one now."""
    if not call.done():
        return None
    return Status.read(_result(call.code()), _result(call.details()), _result(call.trailing_metadata()))


def _result(answer: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that needs not wait; a callback cannot await it."""
    try:
        answer.send(None)
    except StopIteration as finished:
        return finished.value
    except asyncio.CancelledError:
        return None
    answer.close()
    return None

"""How streams and calls fail: a gRPC status with details that programs can read.

Kept: a status fits the 8 KiB that clients take as headers, whatever a peer sent and the text repeats of it; a client drops
a larger one and tells its user of headers in place of the reason.

Details follow the rich error model: a `google.rpc.Status` in the trailing metadata `grpc-status-details-bin`, holding
an `ErrorInfo` (domain `trunkline`, a `reason` in capitals), and `RetryInfo` or `BadRequest` where they help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2

from cluster.errors import STATUS_CODES, TrunklineError

DOMAIN: Final = "trunkline"
DETAILS_KEY: Final = "grpc-status-details-bin"

#: What the text, and what all violations together, may take on the wire. The text travels twice, once as base64.
_DETAIL_BYTES: Final = 1_800
_VIOLATIONS_BYTES: Final = 1_800

_STATUS: Final = {status.name: status for status in grpc.StatusCode}


class Reason(StrEnum):
    """Why a stream or call failed, for programs."""

    HELLO_EXPECTED = "HELLO_EXPECTED"
    HELLO_REPEATED = "HELLO_REPEATED"
    HELLO_INVALID = "HELLO_INVALID"
    HELLO_LATE = "HELLO_LATE"
    PROTOCOL_VERSION = "PROTOCOL_VERSION"
    MALFORMED_FRAME = "MALFORMED_FRAME"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    WINDOW_OVERRUN = "WINDOW_OVERRUN"
    FRAME_TOO_LARGE = "FRAME_TOO_LARGE"
    PROTOCOL_VIOLATION = "PROTOCOL_VIOLATION"
    LINK_TAKEN_OVER = "LINK_TAKEN_OVER"
    ADAPTER_TOO_SLOW = "ADAPTER_TOO_SLOW"
    DRAINING = "DRAINING"
    BUSY = "BUSY"
    TOKEN_MISSING = "TOKEN_MISSING"  # noqa: S105  # a reason's name, no secret
    TOKEN_UNKNOWN = "TOKEN_UNKNOWN"  # noqa: S105
    TOKEN_ROLE = "TOKEN_ROLE"  # noqa: S105
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    INVALID_REQUEST = "INVALID_REQUEST"
    NO_SUCH_ACTOR = "NO_SUCH_ACTOR"
    CONFIG_INVALID = "CONFIG_INVALID"
    CLUSTER = "CLUSTER"


class Failure(Exception):
    """Ends a stream or call with a status."""

    def __init__(
        self, code: str, reason: str, detail: str, retry_after_ms: int = 0, violations: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.reason = reason
        self.detail = fitting(detail)
        self.retry_after_ms = retry_after_ms
        self.violations = tuple(_fitting_violations(violations))

    @classmethod
    def of(cls, error: TrunklineError) -> Failure:
        """The failure that tells this error."""
        return cls(error.code, Reason.CLUSTER, error.detail, error.retry_after_ms)

    def details(self) -> bytes:
        """The serialised `google.rpc.Status`."""
        status = status_pb2.Status(code=STATUS_CODES[self.code].grpc, message=self.detail)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN))
        if self.retry_after_ms:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(self.retry_after_ms)
            status.details.add().Pack(retry)
        if self.violations:
            bad = error_details_pb2.BadRequest()
            for path, description in self.violations:
                bad.field_violations.add(field=path, description=description)
            status.details.add().Pack(bad)
        serialized: bytes = status.SerializeToString()
        return serialized

    async def abort(self, context: Any) -> NoReturn:
        """End the call; never returns."""
        await context.abort(_STATUS[self.code], self.detail, ((DETAILS_KEY, self.details()),))
        raise AssertionError("abort returned")


def fitting(text: str, most_bytes: int = _DETAIL_BYTES) -> str:
    """The text, cut so that it takes at most so many bytes as a status message, where all but plain ASCII is escaped."""
    used = 0
    for position, character in enumerate(text):
        used += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode("utf-8", "replace"))
        if used > most_bytes:
            return f"{text[:position]}…"
    return text


def _fitting_violations(violations: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """As many as fit; the first one always, cut if need be."""
    left = _VIOLATIONS_BYTES
    for path, description in violations:
        fitted = fitting(path, 200), fitting(description, 1_500)
        left -= sum(len(text.encode()) + 4 for text in fitted)
        if left < 0:
            return
        yield fitted

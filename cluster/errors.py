"""One error tree, and one table from its codes to gRPC, HTTP and SIP.

`code` is a gRPC status name. `outcome` says what the caller may assume: `not_applied` (safe to try elsewhere),
`unknown` (repeat with the same id), `applied`. A refusal that business expects is a value (`actors.actor.Refusal`);
`Refused` carries it to callers that want an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from actors.actor import Refusal


class Outcome(StrEnum):
    """What is known about the effect of a call that failed."""

    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"
    APPLIED = "applied"


class TrunklineError(Exception):
    """Base of every error that Trunkline raises on purpose."""

    code = "INTERNAL"
    retryable = False
    outcome = Outcome.NOT_APPLIED

    def __init__(self, detail: str, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_ms = retry_after_ms


class Refused(TrunklineError):
    """An actor said no; nothing was applied."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail, refusal.retry_after_ms)
        self.refusal = refusal
        self.code = refusal.code


class Unavailable(TrunklineError):
    """No answer in time; repeating with the same id is safe."""

    code = "UNAVAILABLE"
    retryable = True
    outcome = Outcome.UNKNOWN


class PeerGone(TrunklineError):
    """The process at the other end is dead or unreachable; the call may or may not have been applied."""

    code = "UNAVAILABLE"
    retryable = True
    outcome = Outcome.UNKNOWN


class Overloaded(TrunklineError):
    """More is waiting than this process will hold; come back after `retry_after_ms`."""

    code = "RESOURCE_EXHAUSTED"
    retryable = True


class ProtocolViolation(TrunklineError):
    """The other side broke the link protocol; the stream is closed, what was acknowledged stands."""

    code = "FAILED_PRECONDITION"


class ConfigInvalid(TrunklineError):
    """A configuration that cannot be used; the detail says where and what to write."""

    code = "INVALID_ARGUMENT"


class StartupFailed(TrunklineError):
    """Something that the product needs could not be started; the detail says what to do."""

    code = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """One code in the three protocols that customers and adapters see.

    Where waiting helps, the time travels beside it: in gRPC as `google.rpc.RetryInfo` among the details, on a link as
    `Rejection.retry_after_ms`, in HTTP and SIP as `Retry-After` in whole seconds, rounded up (RFC 9110, 10.2.3; RFC 3261,
    20.33).
    """

    grpc: int
    http: int
    sip: int


#: gRPC status name -> numbers. SIP has no 4xx for "come back later" but 503 with Retry-After (RFC 3261, 21.5.4).
STATUS_CODES: dict[str, StatusCodes] = {
    "OK": StatusCodes(0, 200, 200),
    "CANCELLED": StatusCodes(1, 499, 487),
    "UNKNOWN": StatusCodes(2, 500, 500),
    "INVALID_ARGUMENT": StatusCodes(3, 400, 400),
    "DEADLINE_EXCEEDED": StatusCodes(4, 504, 408),
    "NOT_FOUND": StatusCodes(5, 404, 404),
    "ALREADY_EXISTS": StatusCodes(6, 409, 486),
    "PERMISSION_DENIED": StatusCodes(7, 403, 403),
    "RESOURCE_EXHAUSTED": StatusCodes(8, 429, 503),
    "FAILED_PRECONDITION": StatusCodes(9, 409, 480),
    "ABORTED": StatusCodes(10, 409, 491),
    "OUT_OF_RANGE": StatusCodes(11, 400, 400),
    "UNIMPLEMENTED": StatusCodes(12, 501, 501),
    "INTERNAL": StatusCodes(13, 500, 500),
    "UNAVAILABLE": StatusCodes(14, 503, 503),
    "DATA_LOSS": StatusCodes(15, 500, 500),
    "UNAUTHENTICATED": StatusCodes(16, 401, 401),
}

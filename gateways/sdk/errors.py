"""What can go wrong for an adapter, and how to read a gateway's status.

`Refused` is the business saying no to one event. The link survives it. Every other one ends the link, and the adapter
should stop with its text: what could be mended by trying again, the link has tried again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY: Final = "grpc-status-details-bin"


class SdkError(Exception):
    """Base of the SDK's errors."""


class Refused(SdkError):
    """The cluster said no to one event; nothing was applied.

    Attributes:
        code: A gRPC status name, such as `NOT_FOUND`.
        detail: Why, and what to do instead.
        retry_after_s: How long to wait before trying again with a new event; 0 where that does not help.
        field: The wrong field's path, for `INVALID_ARGUMENT`.
    """

    def __init__(self, code: str, detail: str, retry_after_s: float = 0.0, field: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.field = field


class LinkFailed(SdkError):
    """The gateway will not take this link as it is; trying again would not help."""

    def __init__(self, code: str, detail: str, reason: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.reason = reason


class LinkTakenOver(LinkFailed):
    """Another process opened a link of the same name."""


class LinkClosed(SdkError):
    """The link was closed by its own adapter; events that were not settled may or may not have been applied."""


class CallFailed(SdkError):
    """A question to the gateway failed.

    Attributes:
        code: A gRPC status name.
        detail: Why.
        reason: The same for programs, such as `SIGN_IN_FAILED`.
        violations: (field, what is wrong with it).
        retry_after_s: How long to wait before asking again; 0 where that was not said.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        reason: str = "",
        violations: tuple[tuple[str, str], ...] = (),
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.reason = reason
        self.violations = violations
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Status:
    """A gateway's status with its details."""

    code: str
    detail: str
    reason: str
    violations: tuple[tuple[str, str], ...]
    retry_after_s: float = 0.0

    @classmethod
    def of(cls, error: grpc.RpcError) -> Status:
        """The status of a failed call."""
        return cls.read(error.code(), error.details(), error.trailing_metadata())

    @classmethod
    def read(cls, code: grpc.StatusCode, text: str | None, metadata: Any) -> Status:
        """A status as gRPC gives it; details that are missing or damaged are left empty."""
        reason = ""
        violations: list[tuple[str, str]] = []
        retry_after_s = 0.0
        for key, value in metadata or ():
            if key != DETAILS_KEY:
                continue
            try:
                details = status_pb2.Status.FromString(value).details
                for detail in details:
                    info, bad, retry = (
                        error_details_pb2.ErrorInfo(),
                        error_details_pb2.BadRequest(),
                        error_details_pb2.RetryInfo(),
                    )
                    if detail.Unpack(info):
                        reason = info.reason
                    elif detail.Unpack(bad):
                        violations += [(item.field, item.description) for item in bad.field_violations]
                    elif detail.Unpack(retry):
                        retry_after_s = max(0.0, retry.retry_delay.ToMilliseconds() / 1000)
            except DecodeError:
                continue
        return cls(code.name, text or "", reason, tuple(violations), retry_after_s)

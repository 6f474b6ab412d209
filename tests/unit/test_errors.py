"""The one table of codes: what want of room is called in each protocol, and where the time to come again travels."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2, status_pb2

from cluster.errors import STATUS_CODES, Overloaded, StatusCodes, TrunklineError
from cluster.shard.inbox import FULL
from gateways.sdk.errors import DETAILS_KEY, Status
from gateways.server.failures import Failure
from gateways.web.busy import busy


def test_want_of_room_in_three_protocols() -> None:
    """gRPC RESOURCE_EXHAUSTED, HTTP 429 and SIP 503: the codes that go with a time to come again."""
    assert StatusCodes(grpc=8, http=429, sip=503) == STATUS_CODES[Overloaded.code]
    assert Overloaded.code == FULL.code and FULL.retry_after_ms > 0


def test_whatever_helps_to_repeat_has_codes_that_may_carry_a_time() -> None:
    """HTTP and SIP clients look for `Retry-After` at 429 and 503 only (RFC 6585, 4; RFC 9110, 15.6.4; RFC 3261, 21.5.4)."""
    retryable = {error.code for error in TrunklineError.__subclasses__() if error.retryable}
    assert {"RESOURCE_EXHAUSTED", "UNAVAILABLE"} == retryable
    for code in retryable:
        assert STATUS_CODES[code].http in {429, 503} and STATUS_CODES[code].sip == 503


def test_grpc_carries_the_time_in_its_details_and_the_sdk_reads_it() -> None:
    """A `google.rpc.RetryInfo` beside the reason, as every gRPC client knows it."""
    packed = Failure.of(Overloaded("too much", retry_after_ms=2_500)).details()
    details = status_pb2.Status.FromString(packed)
    retry = error_details_pb2.RetryInfo()
    assert 8 == details.code and any(detail.Unpack(retry) for detail in details.details)
    assert 2_500 == retry.retry_delay.ToMilliseconds()

    status = Status.read(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much", [(DETAILS_KEY, packed)])
    assert (2.5, "CLUSTER") == (status.retry_after_s, status.reason)


def test_http_says_429_and_whole_seconds_that_are_not_too_few() -> None:
    """Rounded up, at least one."""
    answers = [busy("too many", wait_s) for wait_s in (0.0, 0.2, 4.0, 4.1)]
    assert {STATUS_CODES["RESOURCE_EXHAUSTED"].http} == {answer.status for answer in answers}
    assert ["1", "1", "4", "5"] == [answer.headers["Retry-After"] for answer in answers]

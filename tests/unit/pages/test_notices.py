"""What a web chat page is told of a wait."""

from __future__ import annotations

from gateways.webchat.frames import Notice
from gateways.webchat.hub import frame_of
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2


def queued(**changes: object) -> gateway_pb2.Command:
    notice = messaging_pb2.ShowNotice(kind=messaging_pb2.NOTICE_KIND_QUEUED, queue="cards", ahead=3, **changes)  # type: ignore[arg-type]
    return gateway_pb2.Command(conversation="c", show_notice=notice)


def test_a_wait_that_is_known_reaches_the_page() -> None:
    """Both ends, in ms; 0 where nothing is known."""
    expected = messaging_pb2.ExpectedWait(low_ms=70_000, expected_ms=120_000, high_ms=200_000, confidence_percent=90)
    assert frame_of(queued(expected=expected)) == Notice(
        kind="queued", queue="cards", ahead=3, wait_low_ms=70_000, wait_high_ms=200_000
    )
    assert frame_of(queued()) == Notice(kind="queued", queue="cards", ahead=3)


def test_a_hidden_position_does_not_reach_the_page() -> None:
    """Not even in a field that nobody shows."""
    assert frame_of(queued(ahead_hidden=True)) == Notice(kind="queued", queue="cards", ahead=None)

"""How long a link waits between attempts."""

from __future__ import annotations

from gateways.sdk import Backoff


def test_a_link_that_was_up_a_moment_ago_is_tried_often() -> None:
    """A gateway that was fine is being started again: no pause is longer than `soon_s` then."""
    backoff = Backoff()
    assert all(backoff.delay_s(failures, lost_for_s=3.0) <= backoff.soon_s for failures in range(1, 20))


def test_a_link_that_is_gone_for_long_is_tried_rarely() -> None:
    """After that, and for one that was never up, pauses grow to `most_s`, so that nobody is flooded."""
    backoff = Backoff()
    assert backoff.delay_s(1) <= backoff.first_s
    assert all(backoff.most_s / 2 <= backoff.delay_s(20, lost) <= backoff.most_s for lost in (10.0, 60.0, float("inf")))

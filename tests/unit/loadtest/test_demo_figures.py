"""Percentiles, service level and the board are counted as their docstrings say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadtest.demo.figures import Board, board, percentile, service_level, summary
from loadtest.demo.observed import Observed, Stage, Talk
from loadtest.demo.show import table


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def served(waited_s: float) -> Talk:
    return Talk("c", opened_at=10.0, connected_at=10.0 + waited_s, stage=Stage.DONE)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.9, 0.0), ([3.0], 0.5, 3.0), ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0), (range(1, 101), 0.99, 99.0), ([1.0, 2.0], 0.0, 1.0)],
)
def test_percentile_is_the_nearest_rank(values: list[float], share: float, expected: float) -> None:
    """The least value that the share of all do not exceed."""
    assert expected == percentile(values, share), "nearest rank"


def test_leaving_counts_against_the_service_level() -> None:
    """Those served in time, among those served and those who left without an agent."""
    talks = [served(5), served(20), served(20.1), Talk("gone", stage=Stage.ABANDONED), Talk("here", stage=Stage.WAITING)]
    assert 0.5 == service_level(talks)
    assert 1.0 == service_level([Talk("here", stage=Stage.WAITING)]), "nobody was judged yet"


def test_the_board_counts_stages() -> None:
    """Each conversation stands in one column, and moves with what is seen of it."""
    clock = Clock()
    observed = Observed(clock)
    first, second = observed.open("a"), observed.open("b")
    observed.offered("a/1")
    clock.now += 2.0
    observed.connected(first)
    now = board(observed)
    assert (2, 1, 0, 1, 0) == (now.arrived, now.waiting, now.offered, now.talking, now.done)
    observed.ended(second)
    observed.ended(first)
    now = board(observed)
    assert (1, 1, 2.0, 0.5) == (now.done, now.abandoned, now.average_wait_s, now.service_level)


def test_messages_a_second_are_recent() -> None:
    """Only the last five seconds count."""
    clock = Clock()
    observed = Observed(clock)
    observed.deliveries.extend([90.0, 96.0, 97.0])
    assert 0.4 == board(observed).messages_per_s, "the one of ten seconds ago is forgotten"


def test_the_summary_of_nothing() -> None:
    """A run without customers has figures all the same."""
    document = summary(Observed(), 3, 1.5)
    assert (0, 3, 0, 1.0) == (document["customers"], document["agents"], document["ended"], document["service_level"])
    assert {"unit": "s", "p50": 0.0, "p90": 0.0, "max": 0.0} == document["waits"]
    assert {"p50": 0.0, "p99": 0.0} == document["offer_ms"], "no division by nothing"


def test_the_table_fits_on_eighty_columns() -> None:
    """Nothing is cut on a usual terminal, even with thousands of customers."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(Board(99_999, 9_999, 1_000, 1_000, 80_000, 8_000, 0.999, 999.9, 999.9, 999.9), 100_000))
    text = console.export_text()
    assert "…" not in text and all(word in text for word in ("abandoned", "messages", "100000 customers")), text

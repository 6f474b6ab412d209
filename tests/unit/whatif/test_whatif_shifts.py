"""Agents work when their shifts say, finish what they have when one is over, and wrong files are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.whatif.measures import Sheet
from cluster.whatif.options import Options, planned
from cluster.whatif.shifts import Shifts, read_shifts
from cluster.whatif.study import run_study
from cluster.whatif.unusable import StudyUnusable
from tests.unit.whatif.small import CENTRE, centre, coming, conduct, needs, played

NINE = 9 * 3600.0
GROUPS = {"ann": ["ann"], "team": ["team-01", "team-02", "team-03"]}


def test_a_shift_ends_with_what_was_begun() -> None:
    """Who is served at its end is served on; who comes then waits for the next shift."""
    shifts = Shifts("rota", {"team-01": ((NINE, NINE + 300), (NINE + 600, NINE + 3600))})
    day = played(centre(), conduct(), coming(0, 290, 310), shifts=shifts)
    assert [customer.waited_ms / 1000 for customer in day.ledger.customers] == [2.0, 2.0, 600 - 310 + 2]
    busy_s, there_s = 3 * 60, 300 + 52 + 3000
    figures = Sheet(day.ledger, centre()).figures()["all"]
    assert figures["occupancy"] == pytest.approx(100 * busy_s / there_s), "the time between shifts is not theirs"


def test_whoever_missed_an_offer_stays_away_after_the_shift() -> None:
    """An agent who notices only when the shift is over comes back with the next one."""
    missed = needs(1)
    missed.fates[0, 0] = 0.0
    shifts = Shifts("rota", {"team-01": ((NINE, NINE + 50), (NINE + 500, NINE + 3600))})
    day = played(centre(), conduct(no_answer=0.5, back="fixed:60"), coming(0), missed, shifts=shifts)
    assert [customer.waited_ms / 1000 for customer in day.ledger.customers] == [502.0]


def test_who_is_not_in_the_file_works_all_day() -> None:
    """A shift that began before the day counts from its beginning."""
    shifts = Shifts("rota", {"team-01": ((NINE - 3600, NINE + 1),)})
    day = played(centre(agents=2), conduct(), coming(0, 0, 100), shifts=shifts)
    assert [customer.waited_ms / 1000 for customer in day.ledger.customers] == [2.0, 2.0, 2.0]


def test_a_file_of_shifts(tmp_path: Path) -> None:
    """Groups, parts of groups, and shifts that touch each other."""
    file = tmp_path / "rota.csv"
    file.write_text("agent,from,to,count\nteam,09:00,12:00,2\n\nann,08:00,12:00,\nteam,12:00,13:30,1\nteam,15:00,16:00:30,\n")
    shifts = read_shifts(file, GROUPS)
    assert shifts.name == "rota.csv"
    assert shifts.by_agent == {
        "ann": ((28_800, 43_200),),
        "team-01": ((32_400, 48_600), (54_000, 57_630)),
        "team-02": ((32_400, 43_200), (54_000, 57_630)),
        "team-03": ((54_000, 57_630),),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "rota.csv:1: shifts have the columns"),
        ("agent,from,until\n", "rota.csv:1: shifts have the columns"),
        ("agent,from,to\nann,9,17\n", "rota.csv:2: `from` and `to` are times of day"),
        ("agent,from,to\nann,22:00,06:00\n", "rota.csv:2: the shift ends before it begins"),
        ("agent,from,to\nann,09:00\n", "rota.csv:2: has 2 cells"),
        ("agent,from,to\nbob,09:00,10:00\n", "rota.csv:2: the configuration has no agent `bob`"),
        ("agent,from,to,count\nteam,09:00,10:00,4\n", "rota.csv:2: `count` must be 1 to 3, the size of `team`, not `4`"),
    ],
)
def test_a_wrong_file_is_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake has its place and what is wrong."""
    file = tmp_path / "rota.csv"
    file.write_text(text)
    with pytest.raises(StudyUnusable) as problem:
        read_shifts(file, GROUPS)
    assert told in str(problem.value)


def test_two_rotas_of_one_configuration(tmp_path: Path) -> None:
    """The second configuration may be the first one with other shifts; they are told apart by name."""
    (tmp_path / "centre.yaml").write_text(CENTRE.format(agents=2, chats=1, wrap_up_s=0, auto_accept="false"))
    (tmp_path / "thin.csv").write_text("agent,from,to,count\nteam,09:00,09:01,1\n")
    (tmp_path / "full.csv").write_text("agent,from,to\nteam,09:00,17:00\n")
    options = Options(
        tmp_path / "centre.yaml", "poisson:chat/default=50/h:1h", service=("fixed:60",), opening="09:00", replications=3,
        shifts=tmp_path / "thin.csv", against_shifts=tmp_path / "full.csv",
    )  # fmt: skip
    outcome = run_study(planned(options))
    assert [name.rpartition("/")[2] for name in outcome.configurations] == [
        "centre.yaml with thin.csv",
        "centre.yaml with full.csv",
    ]
    assert outcome.differences is not None and outcome.differences["all"]["occupancy"].verdict == "lower"
    assert (outcome.violations, outcome.refusals) == ([], [])

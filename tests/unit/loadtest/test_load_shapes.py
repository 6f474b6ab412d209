"""Open-loop arithmetic: instants come from the rate alone, exactly where it is declared, fairly where by chance."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from loadtest.failures import SourceUnusable
from loadtest.load.agenda import Agenda
from loadtest.load.customers import arrivals_of
from loadtest.load.day import read_day
from loadtest.load.scenario import FOLDER, Objective, Scenario, read_scenario
from loadtest.load.shapes import Piece, instants_s, through, to_peak


def test_constant_arrivals_are_evenly_spaced() -> None:
    """Four a second for two seconds: eight, each in the middle of its quarter."""
    assert [0.125, 0.375, 0.625, 0.875, 1.125, 1.375, 1.625, 1.875] == pytest.approx(
        list(instants_s([Piece(2.0, 4.0, 4.0)], False, 1))
    )


def test_a_linear_rate_is_integrated() -> None:
    """From 0 to 10 a second in 10 s: the n-th comes when t*t/2 = n - 1/2."""
    instants = list(instants_s([Piece(10.0, 0.0, 10.0)], False, 1))
    assert instants == pytest.approx([(2 * (number + 0.5)) ** 0.5 for number in range(50)])


@pytest.mark.parametrize("to_per_s", [3.0, 3.0000001, 0.0, 12.0])
def test_a_piece_inverts_its_integral(to_per_s: float) -> None:
    """Whatever the slope, also nearly none, the instant of n arrivals has n arrivals before it."""
    piece = Piece(7.0, 3.0, to_per_s)
    slope = (to_per_s - 3.0) / 7.0
    for wanted in (0.0, piece.arrivals * 0.3, piece.arrivals * 0.9):
        at_s = piece.instant_s(wanted)
        assert wanted == pytest.approx(3.0 * at_s + slope * at_s * at_s / 2, rel=1e-9, abs=1e-9)


def test_pieces_follow_each_other_without_a_seam() -> None:
    """The spacing goes on over a piece's end, over a pause too; nobody is lost between."""
    instants = list(instants_s([Piece(1.0, 2.0, 2.0), Piece(5.0, 0.0, 0.0), Piece(1.0, 2.0, 2.0)], False, 1))
    assert [0.25, 0.75, 6.25, 6.75] == pytest.approx(instants)


def test_poisson_arrivals_have_their_mean_and_variance() -> None:
    """Counts of a second have the rate as mean and as variance, and the same seed gives the same instants."""
    instants = list(instants_s([Piece(2_000.0, 5.0, 5.0)], True, 7))
    counts = [0] * 2_000
    for at_s in instants:
        counts[int(at_s)] += 1
    mean = sum(counts) / 2_000
    variance = sum((count - mean) ** 2 for count in counts) / 2_000
    # Standard errors: mean 0.05, variance 0.17 (sqrt((mu + 2 mu^2)/n)); four of them each.
    assert 5.0 == pytest.approx(mean, abs=0.2)
    assert 5.0 == pytest.approx(variance, abs=0.7)
    assert instants == list(instants_s([Piece(2_000.0, 5.0, 5.0)], True, 7))
    assert instants != list(instants_s([Piece(2_000.0, 5.0, 5.0)], True, 8))


def test_a_day_reaches_its_peak_rate() -> None:
    """Counts keep their proportions, and the highest becomes the peak."""
    pieces = through(to_peak([10, 40, 20], 8.0), 30.0)
    assert [(10.0, 2.0), (10.0, 8.0), (10.0, 4.0)] == [(piece.lasts_s, piece.from_per_s) for piece in pieces]


def test_a_days_profile_is_the_mean_of_its_days(tmp_path: Path) -> None:
    """Intervals come in their order, each the mean over the days that have it; a wrong file is refused by name."""
    file = tmp_path / "calls.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows(
            [("weekday_index", "interval_index", "calls"), (0, 1, 30), (0, 0, 10), (1, 0, 20), (1, 1, 50)]
        )
    assert [15.0, 40.0] == read_day(file)
    file.write_text("time,calls\n7:00,3\n")
    with pytest.raises(SourceUnusable, match="interval_index"):
        read_day(file)


def scenario(**phases: object) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "t",
            "agents": {"count": 10},
            "customers": {"hold_s": 100.0},
            "arrivals": "constant",
            "phases": [{"for_s": 10, "ramp_to_live": 1000}, {"for_s": 100, "per_s": 10}],
            **phases,
        }
    )


def test_a_ramp_is_as_live_at_its_end_as_it_will_stay() -> None:
    """1,000 come within 10 s; with 10 a second and 100 s of holding, the level stays within 1 % from the first second."""
    moves = []
    for arrival in arrivals_of(scenario()):
        moves += [(arrival.at_s, 1), (arrival.at_s + arrival.talk_ms / 1000, -1)]
    moves.sort()
    live, at = 0, 0
    for second in range(11, 110):
        while at < len(moves) and moves[at][0] <= second:
            live += moves[at][1]
            at += 1
        assert 1_000 == pytest.approx(live, abs=10), f"after {second} s"


def test_shares_together_are_everybody() -> None:
    """Whoever plays which share, the same customers come."""
    once = list(arrivals_of(scenario()))
    assert once == list(arrivals_of(scenario())) and 2_000 == len(once)
    assert list(range(2_000)) == [arrival.number for arrival in once]


def test_what_is_late_counts_from_when_it_was_meant() -> None:
    """An agenda that was not run for a second gives each action its own instant, in order, and says how late it is."""
    agenda, done = Agenda(), []
    for at in (300.0, 100.0, 200.0):
        agenda.add(at, lambda meant_at, name: done.append((meant_at, name)), f"x{at:g}")
    assert 300.0 == agenda.run(250.0), "the next one"
    assert [(100.0, "x100"), (200.0, "x200")] == done and 150.0 == agenda.late_ms
    assert agenda.run(1_300.0) is None and 1_000.0 == agenda.late_ms and (300.0, "x300") == done[-1]
    agenda.run(1_400.0)
    assert agenda.late_ms is None, "nothing was due"


def test_a_backlog_is_done_in_portions() -> None:
    """With much due at once the links get their turn in between."""
    agenda = Agenda()
    done: list[float] = []
    for _ in range(10):
        agenda.add(1.0, done.append)
    assert 1.0 == agenda.run(5.0, most=4) and 4 == len(done)


def test_scaling_changes_how_many_and_not_how_fast() -> None:
    """A tenth of the people and of the rate, and of what must be there at least; holding times and beats stay."""
    small = scenario(objectives={"live_mean": {"at_least": 950}, "ack_ms_p99": 100}).scaled(0.1)
    assert {"live_mean": Objective(at_least=95), "ack_ms_p99": 100.0} == small.objectives
    assert (1, 100, 1.0) == (small.agents.count, small.phases[0].ramp_to_live, small.phases[1].per_s)
    assert small.customers == scenario().customers
    short = scenario().shortened(0.5)
    assert [10, 50] == [phase.for_s for phase in short.phases], "a ramp keeps its time"
    _, shifts = read_scenario("shift-change")
    handover = shifts.shortened(0.5).agents.handover
    assert handover is not None
    assert (40.0, 15.0) == (handover.at_s, handover.over_s), "between the same phases as before"


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.yaml")))
def test_every_scenario_can_be_played(name: str) -> None:
    """Each file is valid, brings customers, and loses nothing by objective."""
    _, read = read_scenario(name)
    assert next(arrivals_of(read)).at_s <= read.lasts_s
    assert {"lost", "doubled", "unended", "violations", "refused_wrongly"} <= read.objectives.keys()


def test_mistakes_are_named(tmp_path: Path) -> None:
    """A scenario that does not exist, or says two things at once, is refused with what to change."""
    with pytest.raises(SourceUnusable, match="one of burst-10k, campaign"):
        read_scenario("nowhere")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: t\nagents: {count: 1}\ncustomers: {hold_s: 1, colour: red}\n"
        "phases: [{for_s: 1, per_s: 1, burst: 3}, {for_s: 1}]\n"
    )
    with pytest.raises(SourceUnusable) as refused:
        read_scenario(str(file))
    assert "customers.colour" in refused.value.detail and "it has per_s, burst" in refused.value.detail
    assert "it has none" in refused.value.detail

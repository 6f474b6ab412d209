"""Announced waits come true as often as they say, on centres simulated with the product's actors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from actors.queue import expecting
from actors.routing.expecting import Ahead, Expected, Experience, expected_wait
from cluster.invariants import Checker
from cluster.simulator.announcing import AnnouncingCentre, AnnouncingModel
from cluster.simulator.command import app
from cluster.simulator.coverage import CENTRES, SKILLS, VOICE, CoverageRun, measure_coverage
from cluster.store.base import Commit

PAGE = Path(__file__).resolve().parents[3] / "docs/concepts/expected-wait.md"


def test_the_simulated_centre_keeps_every_invariant() -> None:
    """Announcing changes nothing of who is served, and every customer waits as the textbook says, or the run fails."""
    commits: list[Commit] = []
    told = AnnouncingCentre(VOICE, 400, np.random.default_rng(3), commits.append).run()
    checker = Checker()
    for commit in commits:
        checker.feed(commit.shard, commit.journal)
    report = checker.finish()
    assert report.violations == [], "nothing is violated"
    assert report.counts["interactions_ended"] == 400, "everybody was served or gave up"
    assert len(told) > 200, "and most of those who waited were told"


def test_a_seed_is_a_run() -> None:
    """The same seed gives the same announcements, another one others; processes change nothing."""
    one, two, other = (measure_coverage(CoverageRun(1, 300, seed), [SKILLS]) for seed in (7, 7, 8))
    assert one == two != other


@pytest.mark.parametrize("model", CENTRES, ids=lambda model: model.name)
def test_announced_waits_come_true(model: AnnouncingModel) -> None:
    """About nine of ten, from the first announcement of a new centre on; a shorter run than the published one."""
    (centre,) = measure_coverage(CoverageRun(1, 1_500, seed=5), [model]).centres
    everything = centre.shares[0]
    assert everything.announcements > 1_500
    assert 0.86 <= everything.within <= 0.94, f"{centre}"
    assert everything.mean_expected_s == pytest.approx(everything.mean_took_s, rel=0.25), "and the mean is about right"


def test_a_wrong_estimator_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who forgets half of those in front, and does not learn from having been wrong, is found out; who learns is mended."""

    def careless(experience: Experience, ahead: Ahead, now: int) -> Expected | None:
        said = expected_wait(experience, ahead, now)
        return replace(said, low_ms=said.low_ms // 2, high_ms=said.high_ms // 2) if said is not None else None

    monkeypatch.setattr(expecting, "expected_wait", careless)
    assert measure_coverage(CoverageRun(1, 2_000, seed=5), [VOICE]).within, "the ends move to where waits are"
    for judging in ("judged", "judged_open"):
        monkeypatch.setattr(expecting, judging, lambda experience, *said: experience)
    assert not measure_coverage(CoverageRun(1, 1_000, seed=5), [VOICE]).within


def test_those_who_give_up_are_judged_by_what_they_had_waited() -> None:
    """A customer who left may have been told of a wait that they never saw to its end."""
    centre = AnnouncingCentre(VOICE, 600, np.random.default_rng(4))
    told = centre.run()
    left = [item for item in told if centre.abandoned[item.customer]]
    assert left and all(item.took_ms > 0 for item in left)
    assert len({item.customer for item in left}) < sum(centre.abandoned), "many leave before they are told anything"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_published_figures() -> None:
    """The first of the four published runs: about 87 to 93 % on each centre, and near what the documentation says of all."""
    found = measure_coverage(CoverageRun(replications=1, processes=0))
    assert all(found.least - 0.02 <= run <= found.most + 0.02 for centre in found.centres for run in centre.runs)
    told = dict(re.findall(r"<!-- figure:within_(\w+) -->([\d.]+)<!-- /figure -->", PAGE.read_text(encoding="utf-8")))
    measured = {centre.centre: 100 * centre.shares[0].within for centre in found.centres}
    assert {name: float(share) for name, share in told.items()} == pytest.approx(measured, abs=2.5)


def test_the_command_speaks_json() -> None:
    """`--json` prints one document; the exit status says whether waits came true; people get a table."""
    arguments = ["expected-wait", "--replications", "1", "--customers", "300", "--seed", "3", "--processes", "1"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    document = json.loads(result.stdout)
    assert (result.exit_code == 0) is document["within"]
    assert [centre["centre"] for centre in document["centres"]] == ["voice", "skills", "chat"]
    assert {"within", "below", "above", "mean_width_s", "mean_error_s"} <= set(document["centres"][0]["shares"][0])
    text = CliRunner().invoke(app, arguments).stdout
    assert "16 or more" in text and "kind b" in text, "people see it by position and by kind"


def test_too_few_customers_are_explained() -> None:
    """Where nobody was told anything there is no share, and the error says what to do."""
    result = CliRunner().invoke(app, ["expected-wait", "--replications", "1", "--customers", "2", "--processes", "1"])
    assert result.exit_code == 2
    assert "simulate more customers" in " ".join(result.output.replace("│", "").split())

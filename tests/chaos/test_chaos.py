"""The product broken under load, on Ray: every promise is kept, and a product that breaks them is found out."""

from __future__ import annotations

import pytest

from loadtest.chaos.run import Options, run_chaos
from loadtest.chaos.traffic import Load

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.timeout(300)]

LOAD = Load(events_per_s=100, conversations=30, agents=10)
KILLS = ("host", "supervisor", "store", "gateway", "adapter", "zombie")


async def test_every_part_can_die_under_load(capsys: pytest.CaptureFixture[str]) -> None:
    """Each part dies, a host becomes a zombie: nothing acknowledged is lost or doubled, nothing is stuck, traffic goes on."""
    said: list[str] = []
    document = await run_chaos(Options(faults=len(KILLS) + 1, load=LOAD, kinds=KILLS, pause_s=1.0), said.append)
    with capsys.disabled():
        print("", *said, sep="\n  ")
        print(f"  {document['promises']}")
    kept = {"lost": 0, "doubled": 0, "stuck": 0, "refused": 0, "trouble": 0, "violations": 0}
    assert kept == document["counts"], said
    assert set(KILLS) == document["kinds"].keys(), "each kind was made"
    assert document["promises"]["messages_acknowledged"] > 100, "there was a load to break"
    assert document["ok"]


async def test_acknowledging_before_the_commit_is_found_out() -> None:
    """A planted defect: hosts acknowledge what they have not stored. The first killed host loses it, and the run says so."""
    options = Options(faults=2, load=LOAD, kinds=("host",), pause_s=1.0, plugins=("tests.chaos.no_durability",))
    document = await run_chaos(options, lambda _: None)
    assert not document["ok"]
    assert any(found["invariant"] == "I1" for found in document["violations"]), "what was acknowledged is in no journal"

"""The product broken under load, on Ray: every promise is kept, and a product that breaks them is found out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.chaos.run import Options, run_chaos
from loadtest.chaos.survive import Victim
from loadtest.chaos.survive import run as survive
from loadtest.chaos.traffic import Load

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.timeout(300)]

LOAD = Load(events_per_s=100, conversations=30, agents=10)
#: A product that breaks its promises may never settle; nobody need wait for it.
BROKEN_S = 3.0
KILLS = ("host", "supervisor", "store", "gateway", "adapter", "zombie")
#: Made where the run is root and has nftables.
CUTS = ("cut-store", "cut-gateway", "cut-supervisor", "cut-one-way")
KINDS = (*KILLS, *CUTS, "clock")


async def test_every_part_can_die_be_cut_off_and_have_the_wrong_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Under load each part dies, is parted from another, has its clock stepped: nothing is lost, doubled, stuck, refused."""
    said: list[str] = []
    document = await run_chaos(Options(faults=len(KINDS), load=LOAD, kinds=KINDS, pause_s=0.3), said.append)
    with capsys.disabled():
        print("", *said, sep="\n  ")
        print(f"  {document['promises']}")
    kept = {"lost": 0, "doubled": 0, "stuck": 0, "refused": 0, "trouble": 0, "violations": 0}
    assert kept == document["counts"], said
    assert set(KINDS) - document["skipped"].keys() == document["kinds"].keys(), "each kind that can be made was made"
    assert document["skipped"].keys() <= set(CUTS), "all others can be made everywhere"
    assert document["promises"]["messages_acknowledged"] > 100, "there was a load to break"
    assert document["ok"]


async def test_acknowledging_before_the_commit_is_found_out() -> None:
    """A planted defect: hosts acknowledge what they have not stored. The first killed host loses it, and the run says so."""
    options = Options(faults=2, load=LOAD, kinds=("host",), pause_s=1.0, plugins=("tests.chaos.no_durability",))
    document = await run_chaos(replace(options, settled_within_s=BROKEN_S), lambda _: None)
    assert not document["ok"]
    assert any(found["invariant"] == "I1" for found in document["violations"]), "what was acknowledged is in no journal"


async def test_a_store_without_a_fence_is_found_out() -> None:
    """A planted defect: the store takes commits of a host that was given up. The first zombie writes over its successor."""
    options = Options(faults=2, load=LOAD, kinds=("zombie", "cut-supervisor"), pause_s=0.3, plugins=("tests.chaos.no_fence",))
    document = await run_chaos(replace(options, settled_within_s=BROKEN_S), lambda _: None)
    assert not document["ok"]
    assert any(found["invariant"] == "I9" for found in document["violations"]), "an epoch that was over has committed"


async def test_every_contact_survives_the_death_of_a_host() -> None:
    """Talking, offered or waiting: after kill -9 of their host all contacts stand where they stood, and go on to their end."""
    document = await survive(Victim.HOST, 12, lambda _: None)
    assert [] == document["problems"]
    assert [] == document["violations"]
    assert 12 == document["recovered"]

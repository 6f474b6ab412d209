"""Without old segments `verify` says from where on it judges, and invents no violation."""

from __future__ import annotations

from random import Random

import pytest

from cluster.archive import ArchivedStore
from cluster.invariants.verify import verify_store
from cluster.simulator.options import SimulationOptions
from cluster.simulator.run import play


@pytest.mark.parametrize("seed", [31_001, 31_002, 31_003, 31_009])
async def test_what_is_missing_is_no_violation(seed: int) -> None:
    """Segments deleted at random, at the beginning and in the middle, of a world in which much went wrong."""
    world = play(seed, SimulationOptions(lax=False))
    memory, archive, chance = world.plant.store.memory, world.archivist.archive, Random(seed)
    whole = await verify_store(ArchivedStore(memory, archive), world.oracle.evidence)
    assert whole.violations == []
    for shard in await memory.shards():
        spans = await archive.spans(shard)
        if spans and chance.random() < 0.8:
            first = chance.randrange(len(spans))
            for span in spans[chance.choice((0, max(0, first - 1))) : first + 1]:
                archive.forget(shard, span)
    report = await verify_store(ArchivedStore(memory, archive), world.oracle.evidence)
    assert report.violations == []
    begins = [note for note in report.notes if "the journal begins at commit" in note]
    assert begins and "--archive" in begins[0], "it says what it could not judge, and what to look at"
    assert report.checked["I10"].startswith("in part")

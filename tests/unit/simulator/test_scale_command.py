"""Clusters of simulated hosts keep every promise while hosts die, vanish, join and leave, and their figures add up."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from cluster.simulator import domain_cost
from cluster.simulator.command import app
from cluster.simulator.costs import call_costs, store_costs, table_cost
from cluster.simulator.scale import ScaleOptions, simulate_scale

SMALL = ScaleOptions(hosts=4, shards=24, sessions=10, message_every_s=4.0, handling_s=20.0, ramp_s=2.0, measured_s=4.0)


def test_a_small_cluster_keeps_every_promise_and_its_figures_add_up() -> None:
    """Nothing is lost when a host dies, vanishes, joins or leaves; no more moves than must; the load is what was asked for."""
    result = simulate_scale(SMALL)
    assert result.violations == []
    assert (result.gateways, result.sessions) == (2, 40)
    assert (result.death_moved, result.silence_moved) == (6, 6), "what a lost host ran, and nothing else"
    assert result.join_moved == 24 // 5, "a fifth host gets its share"
    assert result.silence_s > 3.0 > result.death_s, "a death is noticed at once, silence after the lease"
    assert 0 < result.arrivals_per_s < result.events_per_s
    assert result.commits_per_event > 1.0, "an event is committed, and what it causes on other shards too"
    assert result.table_push_bytes == (5 + 2) * result.table_bytes, "to four hosts, the spare and two gateways"


def test_a_seed_gives_the_same_counts() -> None:
    """All but processor time is a function of the seed."""
    runs = [simulate_scale(ScaleOptions(hosts=2, shards=6, sessions=5, ramp_s=1.0, measured_s=2.0)) for _ in range(2)]
    counted = ("events_per_s", "calls_per_event", "commits_per_event", "supervisor_bytes_per_s", "death_s", "join_s")
    assert [getattr(runs[0], name) for name in counted] == [getattr(runs[1], name) for name in counted]


def test_the_command_puts_sizes_side_by_side() -> None:
    """One column a size, or one JSON document; status 0 when nothing was broken."""
    arguments = ["scale", "--hosts", "2", "--hosts", "3", "--shards", "6", "--sessions", "4", "--processes", "1"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[-1] == "no invariant was broken"
    assert told.output.splitlines()[0].split() == ["hosts", "2", "3"]
    found = json.loads(CliRunner().invoke(app, [*arguments[:3], *arguments[5:], "--json"]).output)
    assert [result["hosts"] for result in found] == [2]


def test_a_domain_routes_what_it_is_given() -> None:
    """Each arrival that is measured was routed: as many are served after as before, and as many wait."""
    domain = domain_cost.Domain(10)
    domain.fill(20)
    assert len(domain._serving) == 10, "everybody serves when somebody waits"
    cost = domain.measure(20, rounds=5, at_once=4)
    assert len(domain._serving) == 10
    assert domain._arrived == 10 + 20 + 5 * 4
    assert cost.us_per_arrival > 0


def test_the_table_is_planned_for_everybody() -> None:
    """Every size is encoded whole: each shard with its host."""
    small, large = table_cost(64, 4), table_cost(512, 16)
    assert small.table_bytes < large.table_bytes


async def test_calls_and_commits_are_made() -> None:
    """A call's two ends take processor time; commits of each size of pipeline reach a server."""
    assert [cost.payload_bytes for cost in await call_costs((10, 1_000), calls=20)] == [10, 1_000]
    costs = await store_costs((1, 4), seconds=0.05)
    assert [cost.pipelined for cost in costs] == [1, 4]
    assert all(cost.commits_per_s > 0 for cost in costs)

"""Hosts are spread over machines, and one moves only where that makes them more alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.address import ShardId
from cluster.onray.spread import Spread, crowded_host, emptiest
from cluster.wire import HostReport

MACHINES = {"10.0.0.1": "a", "10.0.0.2": "b", "10.0.0.3": "c"}


def report(name: str, node: str, shards: int = 0) -> HostReport:
    """What a host says that runs so many shards on a machine."""
    return HostReport(name, "1", {ShardId(str(number)): 1 for number in range(shards)}, 0, 0, 0, 0, False, 1, node=node)


def test_hosts_that_are_started_together_go_to_different_machines() -> None:
    """None has said yet where it runs, so what each was meant for counts."""
    spread = Spread()
    spread.machines = dict(MACHINES)
    assert [spread.place(f"host-{number}") for number in range(1, 5)] == ["a", "b", "c", "a"]


def test_one_machine_is_no_choice() -> None:
    """Where there is one machine, Ray need not be told."""
    spread = Spread()
    spread.machines = {"10.0.0.1": "a"}
    assert spread.place("host-1") == ""
    assert emptiest([], []) == ""


def test_a_machine_that_is_back_gets_the_host_with_the_fewest_shards_back() -> None:
    """Once machines and hosts were the same at two looks, the spare of the crowded machine moves, to the empty one."""
    spread = Spread()
    hosts = {
        "host-1": report("host-1", "10.0.0.1", 8),
        "host-2": report("host-2", "10.0.0.2", 8),
        "host-3": report("host-3", "10.0.0.2"),
    }
    two = {machine: node for machine, node in MACHINES.items() if machine != "10.0.0.3"}
    looks = [spread.look(machines, hosts, list(hosts)) for machines in (two, two, MACHINES, MACHINES)]
    assert looks == ["", "", "", "host-3"]
    assert spread.place("host-3") == "c"


def test_none_moves_while_one_is_missing() -> None:
    """A machine that is cut off looks empty: nothing may be sent there."""
    spread = Spread()
    hosts = {f"host-{number}": report(f"host-{number}", "10.0.0.1") for number in (1, 2)}
    members = [*hosts, "host-3"]
    assert [spread.look(MACHINES, hosts, members) for _ in range(3)] == ["", "", ""]
    assert spread.look(MACHINES, hosts, list(hosts)) == "host-1", "it was dismissed: there is none to wait for"


def test_pinned_hosts_stay() -> None:
    """An actor's own process is never moved, however many there are on a machine."""
    pinned = {f"pin:queue/{number}": report(f"pin:queue/{number}", "10.0.0.1", 1) for number in range(9)}
    spread = Spread()
    assert [spread.look(MACHINES, pinned, list(pinned)) for _ in range(2)] == ["", ""]


@given(st.lists(st.sampled_from(list(MACHINES)), min_size=1, max_size=12))
def test_moving_ends_with_machines_alike(nodes: list[str]) -> None:
    """However hosts lie, moving one after the other ends, with no machine two ahead of another."""
    hosts = {f"host-{number}": report(f"host-{number}", node, number) for number, node in enumerate(nodes)}
    moves = 0
    while name := crowded_host(MACHINES, hosts.values()):
        hosts[name] = report(name, emptiest(MACHINES, [host.node for host in hosts.values()]), len(hosts[name].shards))
        moves += 1
        assert moves <= len(nodes), "it goes round in circles"
    held = [sum(1 for host in hosts.values() if host.node == machine) for machine in MACHINES]
    assert max(held) - min(held) < 2

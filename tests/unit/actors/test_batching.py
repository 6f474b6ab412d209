"""The router assigns those who are free together as the best of all ways to do so, and one by one where there is no choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.address import Address, address
from actors.messages.centre import Membership
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.matching import Matching
from actors.routing import assignment
from actors.routing.assignment import Bounds, Method
from actors.values import Form, Requirement, SkillLevel
from tests.unit.actors.policy_oracle import Oracle
from tests.unit.actors.test_matching import requirements, skills

CARDS, LOANS = address("queue", "cards"), address("queue", "loans")
QUEUES = [address("queue", "a"), address("queue", "b")]
AGENTS = [address("agent", f"a{number}") for number in range(4)]
NOW = 1_000
CHOICES = ["", "", "most_proficient", "least_loaded", '= attribute["rank"]']

profiles = st.builds(
    AgentProfile,
    st.just(AGENTS[0]),
    skills.map(tuple),
    st.lists(st.sampled_from(QUEUES), min_size=1, unique=True).map(tuple),
    st.dictionaries(st.just("rank"), st.integers(0, 3)),
)
waitings = st.builds(
    Waiting,
    st.just(""),
    st.sampled_from(QUEUES),
    st.just("chat"),
    st.integers(0, 2),
    st.integers(0, 5),
    requirements,
    st.lists(st.sampled_from(AGENTS), max_size=1).map(tuple),
    st.lists(requirements, max_size=1).map(tuple),
    st.sampled_from(CHOICES),
    st.sampled_from([0, 0, 60]),
)


@st.composite
def centres(draw: st.DrawFn, most_agents: int = 4, most_waiting: int = 4) -> Oracle:
    """Agents with room for one or two, and others who wait."""
    oracle = Oracle(NOW)
    for agent in AGENTS[: draw(st.integers(1, most_agents))]:
        drawn = draw(profiles)
        oracle.profiles[agent] = AgentProfile(agent, drawn.skills, drawn.queues, drawn.attributes)
        room, load = draw(st.sampled_from([(1, 0), (1, 0), (2, 0), (1, 1)]))
        since, offers = draw(st.integers(0, 3)), draw(st.integers(0, 2))
        oracle.statuses[agent] = AgentStatus(agent, {"chat": room}, load, since, room, 500 * load, Form(offers, offers))
    choice, ageing = draw(st.sampled_from(CHOICES)), dict[Address, int]()
    for number in range(draw(st.integers(1, most_waiting))):
        drawn_waiting = draw(waitings)
        values = {field: getattr(drawn_waiting, field) for field in drawn_waiting.__struct_fields__}
        same = {"choice": choice} if draw(st.booleans()) else {}
        # Who waits in one queue ages at one rate: the queue tells all anew when it changes.
        rate = ageing.setdefault(drawn_waiting.queue, drawn_waiting.ageing)
        waiting = Waiting(**{**values, **same, "interaction": f"i{number}", "ageing": rate})
        oracle.waiting[waiting.interaction] = waiting
    return oracle


def matching_of(oracle: Oracle, in_batches: bool) -> Matching:
    """A router's picture of the same."""
    matching = Matching(in_batches)
    for profile in oracle.profiles.values():
        matching.profile(profile)
    for status in oracle.statuses.values():
        matching.status(status)
    for waiting in oracle.waiting.values():
        matching.wait(waiting)
    return matching


def matched(matching: Matching) -> dict[str, Address]:
    """Who gets whom."""
    return {match[0].interaction: match[1] for match in matching.match(NOW)}


def in_order(oracle: Oracle) -> list[Waiting]:
    """Those who wait, first served first."""
    points = {
        one.interaction: one.priority * 3_600_000 + one.ageing * (NOW - one.enqueued_at) for one in oracle.waiting.values()
    }
    return sorted(oracle.waiting.values(), key=lambda one: (-points[one.interaction], one.enqueued_at, one.interaction))


def ways(oracle: Oracle, order: Sequence[Waiting]) -> Iterator[tuple[Address | None, ...]]:
    """Every way to serve them."""
    able = [[None, *(agent for agent in oracle.statuses if oracle._ring(agent, one) is not None)] for one in order]
    for way in product(*able):
        if all(way.count(agent) <= oracle.statuses[agent].spare for agent in oracle.statuses):
            yield way


@settings(max_examples=300, deadline=None)
@given(oracle=centres())
def test_a_batch_serves_whom_the_best_way_serves(oracle: Oracle) -> None:
    """Of all ways, the first in order are served; and where one strategy holds, the fewest rings are gone outwards."""
    order, matching = in_order(oracle), matching_of(oracle, in_batches=True)
    all_ways = list(ways(oracle, order))
    found = matched(matching)
    way = tuple(found.get(one.interaction) for one in order)
    assert way in all_ways, "nobody gets whom they may not have, nor more than there is room for"

    def served(way: tuple[Address | None, ...]) -> tuple[bool, ...]:
        return tuple(agent is not None for agent in way)

    best = max(map(served, all_ways))
    if len(matching.assigned) == 1 and matching.assigned[0].waiting == len(order):
        assert served(way) == best, "all looked at together"
    assert served(way) >= served(tuple(matched(matching_of(oracle, in_batches=False)).get(one.interaction) for one in order))
    if matching.assigned and len({one.choice for one in order}) == 1 and served(way) == best:

        def rings(way: tuple[Address | None, ...]) -> int:
            return sum(oracle._ring(agent, one) or 0 for agent, one in zip(way, order, strict=True) if agent is not None)

        if matching.assigned[0].waiting == len(order):
            assert rings(way) == min(rings(other) for other in all_ways if served(other) == best)


@settings(max_examples=200, deadline=None)
@given(oracle=st.one_of(centres(most_agents=1), centres(most_waiting=1)))
def test_one_by_one_where_there_is_one(oracle: Oracle) -> None:
    """One interaction, or one agent: the same as one by one, and no batch."""
    matching = matching_of(oracle, in_batches=True)
    found = matched(matching)
    assert matching.assigned == []
    assert found == matched(matching_of(oracle, in_batches=False))


def two_queues(in_batches: bool = True, **of_generalist: object) -> Matching:
    """A generalist idle longest, one for cards, and somebody for each."""
    matching = Matching(in_batches)
    settings: dict[str, object] = {"queues": (CARDS, LOANS), **of_generalist}
    matching.profile(AgentProfile(address("agent", "both"), (), **settings))  # type: ignore[arg-type]  # fields by name
    matching.profile(AgentProfile(address("agent", "cards"), (), (CARDS,)))
    for since, name in enumerate(("both", "cards")):
        matching.status(AgentStatus(address("agent", name), {"chat": 1, "mail": 1}, 0, since, 2))
    matching.wait(Waiting("i", CARDS, "chat", 0, 1, Requirement()))
    matching.wait(Waiting("j", LOANS, "chat", 0, 2, Requirement()))
    return matching


def test_a_generalist_is_kept_for_whom_nobody_else_can_serve() -> None:
    """One by one the generalist would take the first, and the second would wait."""
    matching = two_queues()
    assert matched(matching) == {"i": address("agent", "cards"), "j": address("agent", "both")}
    (batch,) = matching.assigned
    assert (batch.method, batch.waiting, batch.slots, batch.served, batch.score) == (Method.OPTIMAL, 2, 2, 2, 0)
    assert matched(two_queues(in_batches=False)) == {"i": address("agent", "both")}


@pytest.mark.parametrize("why", ["too many", "an agent prefers a queue"])
def test_what_cannot_be_solved_is_matched_one_by_one(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too big a batch, or one without one order of interactions, is matched as without batches, and says so."""
    if why == "too many":
        monkeypatch.setattr(assignment, "BOUNDS", Bounds(cells=3))
        matching = two_queues()
    else:
        matching = two_queues(memberships=(Membership(LOANS, priority=1),))
    assert matched(matching) == {"i": address("agent", "both")}
    assert [(batch.method, batch.served) for batch in matching.assigned] == [(Method.GREEDY, 0)]


def test_room_on_several_channels_is_used_one_by_one() -> None:
    """What is left beside the first is not known, so an agent gets one of the batch and the next one by one."""
    matching = two_queues()
    matching.wait(Waiting("k", LOANS, "mail", 0, 3, Requirement()))
    assert matched(matching) == {
        "i": address("agent", "cards"), "j": address("agent", "both"), "k": address("agent", "both"),
    }  # fmt: skip
    assert matching.assigned[0].served == 2


@pytest.mark.parametrize("order", list(permutations(range(6), 2))[:6])
def test_decisions_come_in_the_same_order_again(order: tuple[int, int]) -> None:
    """Batches and their pairs come in the order of those who wait, whatever was said first."""
    matching = Matching(in_batches=True)
    waits = []
    for number in range(6):
        queues = (address("queue", f"x{number}"), address("queue", f"y{number}"))
        for name in ("a", "b"):
            agent = address("agent", f"{name}{number}")
            matching.profile(AgentProfile(agent, (), queues))
            matching.status(AgentStatus(agent, {"chat": 1}, 0, 1, 1))
        waits += [Waiting(f"i{number}{at}", queue, "chat", 0, 10 - number, Requirement()) for at, queue in enumerate(queues)]
    for number in (*order, *range(12)):
        matching.wait(waits[number])
    found = [match.waiting.interaction for match in matching.match(NOW)]
    assert found == [f"i{number}{at}" for number in reversed(range(6)) for at in range(2)]
    assert [batch.served for batch in matching.assigned] == [2] * 6


def test_queues_with_different_strategies_get_the_best_places_together() -> None:
    """Each queue's strategy ranks both agents; the sum of the places is the least."""
    matching = Matching(in_batches=True)
    for since, (name, level) in enumerate((("expert", 9), ("novice", 1))):
        matching.profile(AgentProfile(address("agent", name), (SkillLevel("x", level),), (CARDS, LOANS)))
        matching.status(AgentStatus(address("agent", name), {"chat": 1}, 0, since, 1))
    matching.wait(Waiting("i", CARDS, "chat", 0, 1, Requirement()))
    matching.wait(Waiting("j", LOANS, "chat", 0, 2, Requirement(), choice="most_proficient"))
    assert matched(matching) == {"i": address("agent", "expert"), "j": address("agent", "novice")}
    assert matching.assigned[0].score == -1, "both put the expert first, so one of them gets the second"

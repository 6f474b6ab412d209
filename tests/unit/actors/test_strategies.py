"""Each strategy chooses whom its public documentation says, and the order of a queue never starves anybody."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.address import Address, address
from actors.messages.centre import Membership
from actors.routing import order
from actors.routing.expression import Qualities
from actors.routing.strategy import STRATEGIES, Standing, faded, ranked_by
from actors.values import Form, ReservationState
from tests.unit.actors.scene import Scene, agent, queue

QUEUE = address("queue", "sales")
HOUR = 3_600_000
PENDING = ReservationState.PENDING


def standing(name: str, **changes: object) -> Standing:
    """A free agent, changed in what the test is about."""
    settings: dict[str, object] = {
        "qualities": Qualities(name), "membership": Membership(QUEUE), "load": 0, "claims": 0, "idle_since": 0,
        "busy_permille": 0, "form": Form(), **changes,
    }  # fmt: skip
    return Standing(**settings)  # type: ignore[arg-type]  # fields by name, for the tests' brevity


def chosen(choice: str, *agents: Standing) -> str:
    return min(agents, key=lambda one: (*ranked_by(choice)(one), one.qualities.agent)).qualities.agent


def at(level: int, position: int) -> Membership:
    return Membership(QUEUE, level=level, position=position)


@pytest.mark.parametrize(
    ("choice", "first", "second"),
    [
        # Twilio TaskRouter, Azure Job Router (longest idle): whoever has waited longest for work.
        ("longest_idle", {"idle_since": 5}, {"idle_since": 9}),
        ("longest_idle", {"idle_since": 9}, {"idle_since": 5, "load": 1}),
        # FreeSWITCH mod_callcenter by load; Genesys utilization: the least share of capacity.
        ("least_loaded", {"busy_permille": 250, "load": 1}, {"busy_permille": 500, "load": 1}),
        # Azure Job Router round robin, Asterisk rrmemory and leastrecent: the one asked longest ago.
        ("round_robin", {"form": Form(3, 100)}, {"form": Form(1, 200)}),
        # Asterisk fewestcalls.
        ("fewest_interactions", {"form": Form(handled=1.0)}, {"form": Form(handled=2.0)}),
        # FreeSWITCH agent-with-least-talk-time.
        ("least_talk_time", {"form": Form(talked=1.0)}, {"form": Form(talked=2.0)}),
        # FreeSWITCH tiers with top-down, Asterisk linear: level, then position, from the top each time.
        ("top_down", {"membership": at(1, 2), "idle_since": 9}, {"membership": at(2, 1)}),
        ("top_down", {"membership": at(1, 1), "idle_since": 9}, {"membership": at(1, 2)}),
        # FreeSWITCH tiers with longest-idle-agent: level, then idle time.
        ("tiers", {"membership": at(1, 9), "idle_since": 5}, {"membership": at(1, 1), "idle_since": 9}),
        # Azure Job Router best worker; Genesys best available skills.
        ("most_proficient", {"qualities": Qualities("one", {"a": 9})}, {"qualities": Qualities("two", {"a": 3, "b": 3})}),
        # Azure Job Router's custom score expression.
        (
            '= attribute["rating"]',
            {"qualities": Qualities("one", {}, {"rating": 4.9}), "idle_since": 9},
            {"qualities": Qualities("two", {}, {"rating": 4.1})},
        ),
    ],
)
def test_whom_a_strategy_chooses(choice: str, first: dict[str, object], second: dict[str, object]) -> None:
    """Of two free agents the strategy takes the first."""
    one, two = standing("one", **first), standing("two", **second)
    assert chosen(choice, one, two) == chosen(choice, two, one) == "one", choice


def test_a_lot_is_drawn_anew_after_each_offer() -> None:
    """Random shares evenly, weighted in proportion to weights (Asterisk random and wrandom)."""
    offers = dict.fromkeys("abc", 0)
    weights = {"a": 1.0, "b": 1.0, "c": 2.0}
    for choice, share in (("random", 1 / 3), ("weighted", 1 / 2)):
        drawn: Counter[str] = Counter()
        for _ in range(4000):
            agents = [
                standing(name, form=Form(offers[name]), membership=Membership(QUEUE, weight=weights[name])) for name in "abc"
            ]
            name = chosen(choice, *agents)
            for each in "abc":
                offers[each] += 1
            drawn[name] += 1
        assert abs(drawn["c"] / 4000 - share) < 0.03, f"{choice}: {drawn}"


@given(st.lists(st.tuples(st.integers(1, HOUR), st.sampled_from("ab")), min_size=1, max_size=30), st.integers(0, 10 * HOUR))
def test_recent_work_compares_the_same_for_ever(steps: list[tuple[int, str]], later: int) -> None:
    """Who did more lately is told by the stored figures, at the last event and at any later instant."""
    now, kept, literal = 1_800_000_000_000, dict.fromkeys("ab", 0.0), {"a": [0], "b": [0]}
    for gap, who in steps:
        now += gap
        kept[who] = faded(kept[who], 1, now, HOUR)
        literal[who].append(now)
    for instant in (now, now + later):
        counts = {who: sum(2.718281828459045 ** ((at - instant) / HOUR) for at in ats[1:]) for who, ats in literal.items()}
        if abs(counts["a"] - counts["b"]) > 1e-6 * max(counts.values()):
            assert (kept["a"] < kept["b"]) == (counts["a"] < counts["b"]), "the literal count says the same"


def test_somebody_back_from_leave_is_not_flooded() -> None:
    """Fewest interactions counts a window: after two weeks away ann gets what others did lately, not two weeks of work."""
    scene = Scene(
        {name: agent(name, window_ms=HOUR) for name in ("ann", "bob")},
        (queue("sales", choice="fewest_interactions", wrap_up_ms=0),),
    )
    scene.available("bob")
    for number in range(200):
        scene.arrive(f"old{number}")
        scene.accept("bob", f"old{number}")
        scene.ends("bob", f"old{number}")
        scene.advance(HOUR)
    scene.available("ann")
    got: list[str] = []
    for number in range(6):
        scene.arrive(f"new{number}")
        name = "ann" if scene.states("ann") else "bob"
        got.append(name)
        scene.accept(name, f"new{number}")
        scene.advance(60_000)
        scene.ends(name, f"new{number}")
    assert got.count("bob") >= 2, f"bob had one interaction in the last hour, so ann is level after one or two: {got}"


def test_every_strategy_works_in_a_centre() -> None:
    """Whatever the strategy, three free agents take three arrivals, each one."""
    for choice in [*STRATEGIES, "= 3"]:
        scene = Scene({name: agent(name) for name in ("ann", "bob", "cat")}, (queue("sales", choice=choice),))
        scene.available("ann", "bob", "cat")
        for name in ("c1", "c2", "c3"):
            scene.arrive(name)
        held = [conversation for name in ("ann", "bob", "cat") for conversation in scene.states(name)]
        assert sorted(held) == ["c1", "c2", "c3"], choice


waits = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 5 * HOUR)), min_size=2, max_size=12)


@given(waits=waits, ageing=st.integers(1, 100), gap=st.integers(0, 10 * HOUR))
def test_whoever_is_ahead_stays_ahead(waits: list[tuple[int, int]], ageing: int, gap: int) -> None:
    """In one queue the kept order is that of the points everybody has now, at any instant."""
    places = sorted(order.place(priority, ageing, False, at, str(n)) for n, (priority, at) in enumerate(waits))
    now = max(at for _, at in waits) + gap
    points = [waits[int(name)][0] + ageing * (now - waits[int(name)][1]) / HOUR for _, _, name in places]
    assert all(one >= two - 1e-9 for one, two in pairwise(points)), "most points first"


@given(priority=st.integers(0, 9), ageing=st.integers(1, 100), at=st.integers(0, 10 * HOUR), after=st.integers(0, 10 * HOUR))
def test_nobody_starves(priority: int, ageing: int, at: int, after: int) -> None:
    """Who came with `p` points less than the highest goes before every arrival more than `p / ageing` hours later."""
    mine = order.place(priority, ageing, False, at, "mine")
    theirs = order.place(10, ageing, False, at + after, "theirs")
    if after > (10 - priority) * HOUR / ageing:
        assert mine < theirs, "the bound holds"


def test_ageing_lets_a_long_wait_overtake_a_priority() -> None:
    """With 60 points an hour, five minutes of waiting are worth five points."""
    scene = Scene(queues=(queue("sales", ageing=60),))
    scene.arrive("cy")
    scene.advance(300_001)
    scene.arrive("vip", priority=5)
    scene.available("ann")
    assert scene.states("ann") == {"cy": PENDING}, "cy has a hair more points"


def test_newest_first() -> None:
    """Where so configured, the newest of equal priority is served first, and positions say so."""
    scene = Scene(queues=(queue("sales", lifo=True),))
    for name in ("c1", "c2", "c3"):
        scene.arrive(name)
        scene.advance(1_000)
    assert scene.counters().oldest_at == scene.now - 3_000, "the oldest is still known"
    scene.available("ann")
    assert scene.states("ann") == {"c3": PENDING}, "the newest"


def test_a_changed_order_is_taken_by_who_waits() -> None:
    """A queue that turns to newest first serves those who wait already in the new order."""
    scene = Scene()
    for name in ("c1", "c2"):
        scene.arrive(name)
        scene.advance(1_000)
    scene.configure({"ann": agent("ann")}, (queue("sales", lifo=True), queue("support")))
    scene.available("ann")
    assert scene.states("ann") == {"c2": PENDING}, "the newest"


def test_unknown_members_never_break_a_strategy() -> None:
    """An agent who helps out from another queue stands as everybody does."""
    helper = standing("helper", membership=Membership(Address("queue/other")))
    assert all(len(strategy(helper)) >= 1 for strategy in STRATEGIES.values())

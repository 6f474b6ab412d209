"""What a waiting customer is told of the wait, when, and what the queue learned it from."""

from __future__ import annotations

from random import Random
from typing import cast

import pytest
from msgspec.structs import replace

from actors.address import address
from actors.messages.centre import Announce
from actors.messages.link import ShowNotice
from actors.messages.queue import QueueCounters
from actors.messages.session import CustomerResumed
from actors.queue import Queue
from actors.queue.expecting import ALL_KINDS, KINDS
from actors.queue.records import Place, QueueExperience
from actors.routing.expecting import Expected, Experience, kind_of
from actors.session.waiting import minutes
from actors.values import NoticeKind, Requirement
from tests.unit.actors.scene import WEB, Scene, agent, needs, queue, session
from tests.unit.actors.stage import START

SALES = address("queue", "sales")
MINUTE_MS = 60_000
#: One departure in half a minute, seen often.
KNOWN = Experience(own_own=200, own_ms=200 * 30_000, served=90, waited_ms=10**7, at=START)
KIND = kind_of("chat", Requirement())


def scene_with(announce: Announce | None, experience: Experience | None = KNOWN, **agents: int) -> Scene:
    """A centre that announces, whose queue has this experience."""
    chats = agents or {"ann": 1}
    scene = Scene({name: agent(name, chats=count) for name, count in chats.items()}, (queue("sales", announce=announce),))
    if experience is not None:
        scene.actor(SALES).records |= {f"expect/{kind}": QueueExperience(experience) for kind in (KIND, ALL_KINDS)}
    return scene


def told(scene: Scene, name: str) -> list[tuple[int, bool]]:
    """How many were in front and whether a wait was told, of each notice while waiting."""
    notices = [notice for notice in scene.seen(WEB, ShowNotice) if notice.conversation == name]
    return [(notice.ahead, notice.expected is not None) for notice in notices if notice.kind is NoticeKind.QUEUED]


def sales(scene: Scene) -> Queue:
    return cast("Queue", scene.actor(SALES))


def foresights(scene: Scene) -> list[str]:
    return sorted(
        record.foresight.kind for record in sales(scene).records.values() if isinstance(record, Place) and record.foresight
    )


def crowd(scene: Scene, count: int) -> None:
    """So many arrive, a second and a half apart."""
    for number in range(count):
        scene.arrive(f"c{number}")
        scene.advance(1_500)


def test_a_queue_that_announces_nothing_sets_no_timer() -> None:
    """Without `announce` the position is told on entry, and nothing else is written, asked or timed."""
    scene = scene_with(None)
    crowd(scene, 3)
    before = scene.turns
    scene.advance(3_600_000)
    assert [told(scene, f"c{number}") for number in range(3)] == [[(0, False)], [(1, False)], [(2, False)]]
    assert (scene.turns, scene.timers) == (before, {}), "an hour costs nothing"


def test_the_wait_is_told_at_declared_times() -> None:
    """First after ten seconds, then every minute: what is told is the wait with who is in front then."""
    scene = scene_with(Announce(first_after_ms=10_000, every_ms=60_000))
    crowd(scene, 4)
    assert told(scene, "c3") == [(3, False)], "on entry the position only"
    scene.advance(10_000)
    assert told(scene, "c3") == [(3, False), (3, True)]
    scene.leaves("c0")
    scene.leaves("c1")
    scene.advance(50_000)
    assert told(scene, "c3") == [(3, False), (3, True)], "not before it is time"
    scene.advance(10_000)
    assert told(scene, "c3") == [(3, False), (3, True), (1, True)]
    last = scene.seen(WEB, ShowNotice)[-1].expected
    assert last is not None and last.low_ms < 60_000 < last.high_ms, "two more departures of half a minute each"


def test_what_has_not_changed_is_not_told_again() -> None:
    """Nothing moves for an hour: the customer hears of it once, and again only when they come back."""
    scene = scene_with(Announce(first_after_ms=10_000, every_ms=60_000))
    crowd(scene, 3)
    scene.advance(3_600_000)
    assert told(scene, "c2") == [(2, False), (2, True)]
    scene.tell(session("c2"), CustomerResumed(WEB))
    assert told(scene, "c2") == [(2, False), (2, True), (2, True)], "who comes back is told at once, as they may have lost it"


def test_no_timer_outlives_the_wait() -> None:
    """Connected, gone or transferred: the clock of that wait is stopped."""
    scene = scene_with(Announce(first_after_ms=10_000, every_ms=60_000), ann=2)
    scene.arrive("cy")
    scene.arrive("dee")
    scene.leaves("dee")
    scene.available("ann")
    assert "announce" in {name for _, name in scene.timers}, "cy's offer rings, so cy still waits"
    scene.accept("ann", "cy")
    assert "announce" not in {name for _, name in scene.timers}
    scene.transfer("ann", "cy", "sales")
    scene.advance(1)
    assert [name for _, name in scene.timers].count("announce") == 1, "a new wait has a clock of its own"


def test_nothing_is_promised_before_enough_is_known() -> None:
    """A new queue tells positions at the declared times, and no wait."""
    scene = scene_with(Announce(first_after_ms=10_000, every_ms=60_000), None)
    crowd(scene, 3)
    scene.advance(120_000)
    scene.leaves("c0")
    scene.advance(120_000)
    assert told(scene, "c2") == [(2, False), (1, False)]
    assert scene.counters().expected is None


def test_positions_can_be_kept_from_customers() -> None:
    """With `position: false` the notice says so, and a changed position alone is no news."""
    scene = scene_with(Announce(position=False, expected_wait=False, first_after_ms=10_000))
    crowd(scene, 3)
    scene.leaves("c0")
    scene.advance(600_000)
    notices = [notice for notice in scene.seen(WEB, ShowNotice) if notice.conversation == "c2"]
    assert [notice.ahead_hidden for notice in notices] == [True]


def test_a_first_time_of_nothing_is_on_entry() -> None:
    """With others waiting nobody is free for sure, so the wait is told at once; whoever is first hears a moment later."""
    scene = scene_with(Announce(first_after_ms=0))
    scene.arrive("c0")
    assert told(scene, "c0") == [(0, False)]
    scene.advance(1_500)
    scene.arrive("c1")
    assert told(scene, "c0") == [(0, False), (0, True)]
    assert told(scene, "c1") == [(1, True)]


def test_the_counters_tell_the_wait_of_who_comes_next() -> None:
    """Behind two who wait, three departures."""
    scene = scene_with(None)
    crowd(scene, 2)
    expected = scene.counters().expected
    assert expected is not None and expected.expected_ms == 90_000
    assert scene.counters() == QueueCounters("sales", 2, 0, scene.counters().oldest_at, 2, 0, 0, 0, expected)


def test_who_finds_somebody_free_teaches_nothing() -> None:
    """However long the offer rings, that was no wait for somebody to be free."""
    scene = scene_with(None, None, ann=3)
    scene.available("ann")
    scene.arrive("cy")
    scene.advance(8_000)
    scene.accept("ann", "cy")
    assert not [key for key in sales(scene).records if key.startswith("expect/")]


def test_who_is_not_taken_after_all_begins_to_wait() -> None:
    """Offered at once and turned down: from there on it is a wait, and its end teaches."""
    scene = scene_with(None, None, ann=1)
    scene.available("ann")
    scene.arrive("cy")
    scene.advance(3_000)
    scene.reject("ann", "cy")
    scene.advance(12_000)
    scene.accept("ann", "cy")
    learned = sales(scene).experience(KIND)
    assert (learned.served, learned.waited_ms) == (1, 11_000), "since a moment after the no"


def test_departures_teach_their_kind_and_all_together() -> None:
    """Each that waited and left counts for its kind, with who was in front; for all kinds, everybody was."""
    scene = scene_with(None, None, ann=1)
    scene.arrive("ab", requirement=needs(cards=1))
    scene.advance(5_000)
    scene.arrive("cy")
    scene.advance(5_000)
    scene.arrive("dee")
    scene.advance(20_000)
    scene.leaves("dee")
    scene.available("ann")
    scene.accept("ann", "cy")
    mine, everybody = sales(scene).experience(KIND), sales(scene).experience(ALL_KINDS)
    assert mine.served == everybody.served == 1, "cy was served"
    assert mine.left == everybody.left == pytest.approx(1, abs=0.02), "dee gave up, which fades a little as cy leaves"
    assert mine.waited_ms == pytest.approx(20_000 + 24_000, rel=0.01), (
        "dee was not alone, so waited from the first; cy might have found somebody"
    )
    assert sales(scene).experience(kind_of("chat", needs(cards=1))) == Experience(), "ab still waits"


def test_the_queues_lists_are_those_of_its_records() -> None:
    """After any story the places of each kind equal those that a reload finds, and what was learned is durable."""
    random = Random(5)
    scene = scene_with(Announce(first_after_ms=1_000, every_ms=5_000), None, ann=3, bob=2)
    scene.available("ann", "bob")
    names: list[str] = []
    for number in range(150):
        scene.arrive(f"c{number}", requirement=needs(cards=1) if random.random() < 0.2 else Requirement())
        names.append(f"c{number}")
        scene.advance(random.randrange(1, 4_000))
        if random.random() < 0.4:
            scene.leaves(names.pop(random.randrange(len(names))))
        for name in ("ann", "bob"):
            for conversation, state in scene.states(name).items():
                if state == "pending" and random.random() < 0.8:
                    (scene.accept if random.random() < 0.8 else scene.reject)(name, conversation)
                elif state == "accepted" and random.random() < 0.5:
                    scene.ends(name, conversation)
                    scene.completes(name, conversation)
        kinds = sales(scene)._kinds
        assert sorted(kind for kind, ranks in kinds.items() for _ in ranks) == foresights(scene)
        assert all(ranks == sorted(ranks) for ranks in kinds.values())
    before, records = sales(scene)._kinds, dict(sales(scene).records)
    assert sales(scene).experience(KIND).served > 5, "some of it was learned"
    scene.reload(SALES)
    assert (sales(scene)._kinds, sales(scene).records) == (before, records)


def test_only_so_many_kinds_are_remembered() -> None:
    """Many wishes for one agent each: the kind learned of longest ago is forgotten, never all together."""
    scene = scene_with(None, None, ann=1)
    for number in range(KINDS + 20):
        for name in (f"a{number}", f"b{number}"):
            scene.arrive(name, requirement=Requirement(agent=f"agent-{number}"))
            scene.advance(2_000)
        scene.leaves(f"a{number}")
        scene.leaves(f"b{number}")
    known = {key for key in sales(scene).records if key.startswith("expect/")}
    assert len(known) == KINDS + 1
    assert f"expect/{ALL_KINDS}" in known
    newest = kind_of("chat", Requirement(agent=f"agent-{KINDS + 19}"))
    assert f"expect/{newest}" in known
    assert sales(scene).experience(newest).left == pytest.approx(2, rel=0.01), "both of its customers gave up"


def test_a_kind_of_which_little_is_known_has_the_wait_of_all() -> None:
    """A new requirement is told what all together taught, as if everybody in front were one's own."""
    scene = scene_with(None)
    crowd(scene, 2)
    scene.arrive("new", requirement=needs(rare=9))
    place = sales(scene).place("new/1")
    assert place is not None and place.foresight is not None
    expected = sales(scene).expected_of(place, scene.now)
    assert expected is not None and expected.expected_ms == 90_000


def test_places_in_another_order_are_still_found() -> None:
    """Ranks that changed since somebody came, as when ageing is configured, do not keep anybody from leaving."""
    scene = scene_with(None)
    crowd(scene, 3)
    place = sales(scene).place("c1/1")
    assert place is not None and place.foresight is not None
    moved = replace(place, priority=7)
    sales(scene)._forget_rank(place.foresight.kind, moved)
    assert [interaction for _, _, interaction in sales(scene)._kinds[KIND]] == ["c0/1", "c2/1"]


def test_minutes_hold_what_was_meant() -> None:
    """Rounded outwards, more coarsely the longer; the same steps as the web chat's."""
    cases = {(61_000, 119_000): (1, 2), (7, 13): (5, 15), (38, 61): (30, 70), (200, 500): (180, 510), (0, 1): (0, 1)}
    for (low, high), expected in cases.items():
        unit = 1 if high > 1_000 or high == 1 else MINUTE_MS
        assert minutes(Expected(low * unit, high * unit, high * unit)) == expected
    assert minutes(None) == (0, 0)


def test_a_new_order_is_the_order_of_each_kind_too() -> None:
    """When a queue becomes newest first, those of a kind stand as the queue's order says, and so do their waits."""
    scene = scene_with(None)
    crowd(scene, 4)
    scene.configure({"ann": agent("ann")}, (queue("sales", lifo=True),))
    assert [interaction for _, _, interaction in sales(scene)._kinds[KIND]] == ["c3/1", "c2/1", "c1/1", "c0/1"]
    newest, oldest = sales(scene).place("c3/1"), sales(scene).place("c0/1")
    assert newest is not None and oldest is not None
    waits = [sales(scene).expected_of(place, scene.now) for place in (newest, oldest)]
    assert [expected.expected_ms for expected in waits if expected is not None] == [30_000, 120_000]

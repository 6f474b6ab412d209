"""I3, I4, I8 and I14 over what agents and timers say."""

from __future__ import annotations

import pytest

from actors.actor import Event
from actors.address import Address, ShardId
from actors.events import TimerTookEffect
from actors.routing.capacity import CapacityRules
from cluster.invariants.checker import Checker
from cluster.invariants.evidence import Evidence
from cluster.store.base import ShardImage
from tests.unit.invariants.scribe import (
    ALICE,
    START,
    Scribe,
    arrives,
    broken,
    check,
    configured,
    connected,
    offered,
    presence,
    ready,
    reserved,
)


def test_i3_one_too_many_on_a_channel_is_caught() -> None:
    """A channel's capacity holds at every event."""
    scribe = ready(Scribe(), chats=1, total=3)
    scribe.commit(reserved("c/1#1.1", None, "pending"))
    assert "I3" not in broken(check(scribe)), "one fits"
    scribe.commit(reserved("d/1#1.1", None, "pending"))
    assert "I3" in broken(check(scribe)), "the second chat does not"


def test_i3_one_too_many_in_all_is_caught() -> None:
    """So does the capacity over all channels."""
    scribe = ready(Scribe(), chats=2, calls=2, total=2)
    scribe.commit(reserved("c/1#1.1", None, "pending"), reserved("d/1#1.1", None, "pending", channel="voice"))
    assert "I3" not in broken(check(scribe)), "two of two fit"
    scribe.commit(reserved("e/1#1.1", None, "pending"))
    assert "I3" in broken(check(scribe)), "each channel has room, the agent has not"


def test_i3_wrapping_up_takes_room() -> None:
    """Room comes back when a reservation is completed, and not before."""
    scribe = ready(Scribe())
    for before, after in ((None, "pending"), ("pending", "accepted"), ("accepted", "wrapping")):
        scribe.commit(reserved("c/1#1.1", before, after))
    completed = reserved("c/1#1.1", "wrapping", "completed")
    following = reserved("d/1#1.1", None, "pending")
    assert "I3" not in broken(check(scribe.copy().commit(completed, following))), "completed first, then the next"
    assert "I3" in broken(check(scribe.copy().commit(following, completed))), "even a moment too early is caught"


def test_i3_a_smaller_configuration_breaks_nothing() -> None:
    """What an agent has when capacity shrinks is theirs to finish; only taking more is a violation."""
    scribe = ready(Scribe(), chats=2, total=2)
    scribe.commit(reserved("c/1#1.1", None, "pending"), reserved("d/1#1.1", None, "pending"), configured(chats=1, total=1))
    assert "I3" not in broken(check(scribe)), "nobody is thrown out"
    scribe.commit(reserved("c/1#1.1", "pending", "rejected"), reserved("e/1#1.1", None, "pending"))
    assert "I3" in broken(check(scribe)), "but nothing is added above it"


CALLS_OVER_CHATS = CapacityRules(interrupts={"voice": ("webchat",)}, interruptions=1)
VIP = ("vip",)
CHAT, OTHER_CHAT, CALL, OTHER_CALL = "c/1#1.1", "d/1#1.1", "v/1#1.1", "w/1#1.1"


def rings(reservation: str, channel: str = "webchat", labels: tuple[str, ...] = ()) -> tuple[str, Event]:
    """An offer begins."""
    return reserved(reservation, None, "pending", channel=channel, labels=labels)


@pytest.mark.parametrize(
    ("rules", "held", "fits", "objected"),
    [
        (CapacityRules(costs={"voice": 3}), (rings(CHAT),), rings(OTHER_CHAT), rings(CALL, "voice")),
        (CapacityRules(exclusive=("voice",)), (rings(CHAT),), rings(OTHER_CHAT), rings(CALL, "voice")),
        (CapacityRules(labels={"vip": 1}), (rings(CHAT, labels=VIP),), rings(CALL, "voice"), rings(CALL, "voice", VIP)),
        (CALLS_OVER_CHATS, (rings(CALL, "voice"),), rings(OTHER_CALL, "voice"), rings(CHAT)),
        (CALLS_OVER_CHATS, (rings(CHAT), rings(CALL, "voice")), None, rings(OTHER_CALL, "voice")),
        (
            CALLS_OVER_CHATS, (rings(CHAT), rings(CALL, "voice"), reserved(CALL, "pending", "rejected", channel="voice")),
            rings(OTHER_CHAT), rings(OTHER_CALL, "voice"),
        ),
    ],
    ids=["costs", "exclusive", "labels", "during a call", "a second call over a chat", "a call after one that rang"],
)  # fmt: skip
def test_i3_rules_between_channels_are_judged(
    rules: CapacityRules, held: tuple[tuple[str, Event], ...], fits: tuple[str, Event] | None, objected: tuple[str, Event]
) -> None:
    """Units, exclusive channels, labels, interruptions: what keeps to them is fine, what does not is caught."""
    scribe = ready(Scribe(), chats=2, calls=2, total=3, rules=rules).commit(*held)
    assert "I3" not in broken(check(scribe)), "what is held keeps to the rules"
    if fits is not None:
        assert "I3" not in broken(check(scribe.copy().commit(fits))), "and so does this"
    assert "I3" in broken(check(scribe.commit(objected))), "but not this"


def test_i3_a_call_over_as_many_chats_as_fit_is_none_too_many() -> None:
    """What may be interrupted takes no units from what interrupts it."""
    scribe = ready(Scribe(), chats=2, calls=1, total=2, rules=CALLS_OVER_CHATS)
    scribe.commit(rings(CHAT), rings(OTHER_CHAT), rings(CALL, "voice"))
    assert "I3" not in broken(check(scribe)), "three, of two units"
    plain = ready(Scribe(), chats=2, calls=1, total=2).commit(rings(CHAT), rings(OTHER_CHAT), rings(CALL, "voice"))
    assert "I3" in broken(check(plain)), "which only the rule allows"


def test_i3_rules_count_from_when_they_are_in_force() -> None:
    """Rules that change while the agent is busy say nothing about what they have, and all about what comes next."""
    scribe = ready(Scribe(), chats=2, calls=2, total=4).commit(rings(CHAT), rings(CALL, "voice"))
    scribe.commit(configured(chats=2, calls=2, total=4, rules=CapacityRules(exclusive=("voice",))))
    assert "I3" not in broken(check(scribe)), "a mixture from before"
    for after in (rings(OTHER_CHAT), rings(OTHER_CALL, "voice")):
        assert "I3" in broken(check(scribe.copy().commit(after))), "nothing is added to it"


def test_i4_an_offer_to_somebody_away_is_caught() -> None:
    """Only an available agent is offered anything."""
    for state in ("away", "offline"):
        scribe = ready(Scribe()).commit(presence("available", state), reserved("c/1#1.1", None, "pending"))
        assert "I4" in broken(check(scribe)), f"alice was {state}"


def test_i4_an_offer_to_somebody_unknown_is_caught() -> None:
    """An agent who was never configured can do nothing."""
    scribe = Scribe().commit(presence("offline", "available"), reserved("c/1#1.1", None, "pending"))
    assert "I4" in broken(check(scribe)), "alice is in no configuration"


def test_i8_an_accepted_offer_is_clean_and_an_endless_one_is_caught() -> None:
    """An offer ends by its deadline wherever its shard is alive to end it."""
    scribe = offered(arrives(ready(Scribe()), "c/1"), "c/1")
    taken = connected(scribe.copy(), "c/1").wait_ms(60_000).commit().wait_ms(60_000).commit()
    assert check(taken).ok, "accepted in time"
    late = scribe.copy().wait_ms(60_000).commit()
    assert check(late).ok, "the shard may just have come back, and its timer is about to fire"
    assert broken(check(late.wait_ms(60_000).commit())) == {"I8"}, "it lived on, and the offer rang on"


def test_i8_a_dead_host_delays_the_deadline() -> None:
    """A new epoch begins the time anew: nobody could end the offer while its shard was down."""
    scribe = offered(arrives(ready(Scribe()), "c/1"), "c/1").wait_ms(21_000).commit()
    scribe.epoch = 2
    scribe.wait_ms(60_000).commit()
    assert check(scribe).ok, "the second host has only begun"
    assert broken(check(scribe.wait_ms(6_000).commit())) == {"I8"}, "it had its time as well"


def test_i8_an_offer_that_nothing_ended_is_caught_when_settled() -> None:
    """Nothing may be committed any more; a settled centre has no old offers."""
    scribe = offered(arrives(ready(Scribe()), "c/1"), "c/1")
    assert check(scribe, evidence=Evidence(settled=True), now=scribe.now + 10_000).ok, "its deadline is to come"
    report = check(scribe, evidence=Evidence(settled=True), now=scribe.now + 60_000)
    assert broken(report) == {"I8"}, "its deadline has passed"


def test_i8_an_offer_without_a_deadline_is_caught() -> None:
    """Every offer has its deadline."""
    scribe = ready(Scribe()).commit(reserved("c/1#1.1", None, "pending", deadline=-1))
    assert "I8" in broken(check(scribe)), "it could ring for ever"


def timer(due_at: int, name: str = "offer/c/1#1.1") -> tuple[str, TimerTookEffect]:
    return ALICE, TimerTookEffect(Address(ALICE), name, due_at)


def test_i8_timers_take_effect_once_and_not_early() -> None:
    """A timer may be set again for later; the same due time has one effect, at or after it."""
    scribe = Scribe().commit(timer(START)).commit(timer(START + 150)).commit(timer(START, "desk"))
    assert check(scribe).ok, "three timers, each in its time"
    assert broken(check(scribe.copy().commit(timer(START, "desk")))) == {"I8"}, "desk fired twice"
    assert broken(check(scribe.copy().commit(timer(START + 60_000)))) == {"I8"}, "a minute early"


def test_i8_a_timer_left_behind_is_caught_when_settled() -> None:
    """A store that still holds an old timer has not fired it."""
    image = ShardImage(ShardId("0"), 1, 1, START, timers={"agent/alice#wrap": START})
    for settled, expected in ((False, set()), (True, {"I8"})):
        checker = Checker(Evidence(settled=settled))
        checker.feed("0", Scribe().commit().entries[0])
        checker.stored(image, now=START + 60_000)
        assert broken(checker.finish()) == expected, "overdue timers are judged only when nothing is wrong any more"


def test_i14_presence_makes_declared_moves() -> None:
    """Presence moves from where it was, as its table says."""
    assert "I14" in broken(check(ready(Scribe()).commit(presence("away", "available")))), "alice was available already"
    assert "I14" in broken(check(Scribe().commit(presence("offline", "not_responding")))), "nobody misses an offer offline"


def test_i14_reservations_make_declared_moves() -> None:
    """So does every reservation."""
    scribe = offered(arrives(ready(Scribe()), "c/1"), "c/1")
    assert "I14" in broken(check(scribe.copy().commit(reserved("c/1#1.1", "pending", "completed")))), "never accepted"
    assert "I14" in broken(check(scribe.copy().commit(reserved("c/1#1.1", "accepted", "wrapping")))), "it was pending"
    assert "I14" in broken(check(ready(Scribe()).commit(reserved("c/1#1.1", "pending", "accepted")))), "it never began"


def test_an_agent_deleted_with_work_is_caught() -> None:
    """An agent's actor may go only when nothing is left to do."""
    scribe = offered(arrives(ready(Scribe()), "c/1"), "c/1")
    scribe.commit(changes=[scribe.change("agent/alice", {}, ended=True)])
    assert "I1" in broken(check(scribe)), "an offer was forgotten with her"


def test_a_trimmed_journal_gives_agents_the_benefit_of_the_doubt() -> None:
    """Presence and configuration from before its beginning are unknown, so offers are not held against them."""
    scribe = Scribe(first=7).commit(reserved("c/1#1.1", None, "pending"), reserved("d/1#1.1", None, "pending"))
    assert check(scribe).ok, "alice may have been available with room for both"
    scribe.commit(configured(chats=2, total=2), reserved("e/1#1.1", None, "pending"))
    assert broken(check(scribe)) == {"I3"}, "three open ones are too many, whatever was before"

"""The parts of a chaos run that need no product: what is drawn, what is seen, how time is counted, what is said."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from typer.testing import CliRunner

from loadtest.chaos.command import app
from loadtest.chaos.contacts import Standing
from loadtest.chaos.faults import KINDS
from loadtest.chaos.partition import Side, rules
from loadtest.chaos.pulse import Pulse
from loadtest.chaos.run import Struck, by_kind, draw, objectives
from loadtest.chaos.seen import AGENT, CUSTOMER, Seen, Story
from loadtest.chaos.sockets import Sockets
from loadtest.chaos.survive import changes

NAME = "webchat:1"


def seen_with(*stories: str) -> Seen:
    """A record of conversations that were opened."""
    seen = Seen()
    for story in stories:
        seen.stories[story] = Story()
    return seen


def test_the_same_seed_draws_the_same_faults_and_each_kind_first_once() -> None:
    """A run can be repeated, and a short one has every kind."""
    first, again = ([kind.name for kind in itertools.islice(draw(KINDS, 7), 60)] for _ in range(2))
    assert first == again
    assert {kind.name for kind in KINDS} == set(first[: len(KINDS)])
    assert first != [kind.name for kind in itertools.islice(draw(KINDS, 8), 60)]


def test_a_promise_that_is_not_shown_is_lost() -> None:
    """An acknowledged message must reach the customer's page, and one of a customer also an agent's."""
    seen = seen_with(NAME)
    seen.message(NAME, CUSTOMER, "m1")
    seen.message(NAME, AGENT, "m2")
    assert 2 == len(seen.lost())
    seen.shown_to_customer(NAME, [(1, CUSTOMER, "m1"), (2, AGENT, "m2")])
    assert [f"{NAME}: message m1 was acknowledged and never shown to an agent"] == seen.lost()
    seen.shown_at_desk(NAME, [(1, CUSTOMER, "m1")])
    assert [] == seen.lost()


def test_a_gap_in_a_transcript_is_a_loss() -> None:
    """The customer was shown entries 1 and 3: one is missing."""
    seen = seen_with(NAME)
    seen.shown_to_customer(NAME, [(1, CUSTOMER, "m1"), (3, CUSTOMER, "m3")])
    assert [f"{NAME}: the customer's transcript has gaps"] == seen.lost()


def test_what_is_seen_twice_is_told() -> None:
    """Two agents, another message under a number, a message under two numbers; the same entry again is fine."""
    seen = seen_with("a", "b", "c", "d")
    seen.connected("a", "alice")
    seen.connected("a", "alice")
    assert [] == seen.twice()
    seen.connected("a", "bob")
    seen.shown_to_customer("b", [(1, CUSTOMER, "m1")])
    seen.shown_to_customer("b", [(1, CUSTOMER, "m2")])
    seen.shown_to_customer("c", [(1, CUSTOMER, "m1"), (2, CUSTOMER, "m1")])
    seen.shown_to_customer("d", [(1, CUSTOMER, "m1")])
    seen.shown_to_customer("d", [(1, CUSTOMER, "m1")])
    assert [
        "a was given to alice and bob",
        "b: entry 1 was m1 and is m2 now",
        "c: a message stands in the transcript twice",
    ] == (seen.twice())


def test_a_conversation_that_did_not_end_is_stuck() -> None:
    """Everybody goes home at the end."""
    seen = seen_with("a", "b")
    seen.ended("a")
    assert ["b"] == seen.stuck()


def test_silence_is_the_longest_time_without_an_acknowledgement() -> None:
    """From the fault to the first acknowledgement counts, as does every gap until the next fault."""
    seen = Seen()
    seen.acknowledged_at = [1.0, 2.0, 5.0, 5.5, 9.9]
    seen.waited_s = [0.1, 0.1, 2.5, 0.1, 7.0]
    assert 3.0 == seen.silence_s(1.5, 6.0)
    assert 2.5 == seen.slowest_s(1.5, 6.0)
    assert 0.0 == seen.silence_s(6.0, 7.0), "nothing came: there is nothing to measure"
    assert 3 == seen.acknowledged_since(2.0)


def test_time_in_which_the_load_did_not_run_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of the whole machine is no fault of the product."""
    present = [100.0]
    monkeypatch.setattr("loadtest.chaos.pulse.time.monotonic", lambda: present[0])
    pulse = Pulse()
    present[0] = 100.1
    assert pulse.now() == pytest.approx(100.1)
    present[0] = 160.1
    assert pulse.now() == pytest.approx(100.1), "it stood still for a minute"
    present[0] = 160.2
    assert pulse.now() == pytest.approx(100.2)
    assert pulse.stood_still_s == pytest.approx(60.0)


async def never() -> None:
    """Work that does not end."""
    await asyncio.Event().wait()


async def seven() -> int:
    """Work that ends."""
    return 7


async def test_work_that_takes_too_long_is_ended() -> None:
    """`within` gives up, and passes results and errors on."""
    pulse = Pulse()
    with pytest.raises(TimeoutError):
        await pulse.within(0.01, never())
    assert 7 == await pulse.within(5.0, seven())


def test_figures_are_given_for_each_kind() -> None:
    """Counts, and percentiles by nearest rank."""
    struck = [Struck("host", "host 1", 0.0, 0.0, silence, silence, silence) for silence in (0.1, 0.3, 0.2)]
    assert {"host": {"count": 3, "lasted_s_mean": 0.0, "silence_s_p50": 0.2, "silence_s_p99": 0.3, "silence_s_max": 0.3,
                     "after_s_max": 0.3, "slowest_s_max": 0.3}} == by_kind(struck)  # fmt: skip


def test_an_unknown_kind_is_refused() -> None:
    """A typing error is told, with what there is."""
    result = CliRunner().invoke(app, ["--kinds", "hots"])
    assert 2 == result.exit_code
    assert "hots" in result.output and "zombie" in result.output


def test_attaching_to_nothing_is_told_as_json(tmp_path: object) -> None:
    """With --json even an error is one document."""
    result = CliRunner().invoke(app, ["--attach", "--run-dir", str(tmp_path), "--json"])
    assert 1 == result.exit_code
    assert "nothing runs from" in json.loads(result.stdout)["error"]["detail"]


def test_what_was_declared_is_judged_for_the_kinds_that_were_made() -> None:
    """Three seconds for a host, five for the store; a kind that was not made is not judged."""
    struck = [Struck("host", "host 1", 0.0, 0.0, silence, silence, silence) for silence in (0.1, 3.5)]
    told = objectives(by_kind(struck))
    assert [("host", 3.5, 3.0, False)] == [(o["kind"], o["silence_s_p99"], o["at_most_s"], o["met"]) for o in told]
    struck = [Struck("store", "store 1", 0.0, 0.0, 0.5, 0.5, 0.5)]
    assert [("store", True)] == [(objective["kind"], objective["met"]) for objective in objectives(by_kind(struck))]


def test_a_contact_that_stands_elsewhere_is_not_recovered() -> None:
    """Another place in the queue, another agent, another reservation, or nowhere: each is told."""
    talking = ("a/1#1.1", "a/1", "accepted")
    before = Standing([("b/1", "waiting", ""), ("c/1", "waiting", "")], {"x": talking})
    assert {} == changes(["a", "b", "c"], before, before)
    swapped = Standing([("c/1", "waiting", ""), ("b/1", "waiting", "")], {"x": talking})
    assert {"b", "c"} == changes(["a", "b", "c"], before, swapped).keys()
    moved = Standing(before.places, {"y": talking})
    assert {"a"} == changes(["a", "b", "c"], before, moved).keys()
    gone = Standing(before.places[:1], {"x": talking})
    assert {"c"} == changes(["a", "b", "c"], before, gone).keys()
    assert {"d"} == changes(["d"], before, before).keys(), "one who stands nowhere was not there to begin with"


def test_rules_match_only_what_goes_from_one_side_to_the_other() -> None:
    """Existing connections by their four numbers, new ones by who opens them; all of it is forgotten by the kernel."""
    here = Side("first", "g/first", Sockets(frozenset({7001}), frozenset({(("127.0.0.1", 50_001), ("127.0.0.1", 7002))})))
    theirs = frozenset({(("127.0.0.1", 7002), ("127.0.0.1", 50_001)), (("127.0.0.1", 7002), ("127.0.0.1", 50_009))})
    there = Side("second", "g/second", Sockets(frozenset({7002}), theirs))
    script = rules("t", [(here, there)], 6.0)
    assert "127.0.0.1 . 50001 . 127.0.0.1 . 7002 timeout 6s" in script
    assert "50009" not in script, "that is somebody else's connection"
    assert script.count("{ 7001 timeout 6s }") == 1 and script.count("{ 7002 timeout 6s }") == 1
    assert script.count(" drop\n") == 3, "what exists, what the first opens, what it answers to what the second opens"
    assert rules("t", [(here, there), (there, here)], 6.0).count(" drop\n") == 6

"""A simulated day does what the configuration says, to the millisecond, because the product's own actors run it."""

from __future__ import annotations

import numpy as np
import pytest

from cluster.store.base import Commit
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.laws import parse_law
from cluster.whatif.ledger import Fate, Span
from cluster.whatif.measures import Sheet
from tests.unit.whatif.small import centre, coming, conduct, needs, played


def waits(day: object) -> list[float]:
    """Waits in seconds, in the order of arrival."""
    return [customer.waited_ms / 1000 for customer in day.ledger.customers]  # type: ignore[attr-defined]


def test_service_ringing_and_wrap_up_take_their_time() -> None:
    """One agent, one at a time: the second waits for the first one's ring, conversation and after-work, then for a ring."""
    day = played(centre(wrap_up_s=30), conduct(), coming(0, 10))
    assert waits(day) == [2.0, 2 + 60 + 30 - 10 + 2]


def test_after_work_may_be_shorter_than_its_bound() -> None:
    """A law for after-work ends it early, and never later than the queue allows."""
    brisk = conduct(wrap_up=parse_law("fixed:5", "after-work"))
    assert waits(played(centre(wrap_up_s=30), brisk, coming(0, 10)))[1] == 2 + 60 + 5 - 10 + 2
    slow = conduct(wrap_up=parse_law("fixed:50", "after-work"))
    assert waits(played(centre(wrap_up_s=30), slow, coming(0, 10)))[1] == 2 + 60 + 30 - 10 + 2, "the queue's bound holds"


def test_chats_run_side_by_side() -> None:
    """An agent with room for two is offered the second at once; the third waits for the first to end."""
    day = played(centre(chats=2), conduct(), coming(0, 10, 20))
    assert waits(day) == [2.0, 2.0, 2 + 60 - 20 + 2]
    figures = Sheet(day.ledger, centre(chats=2)).figures()["all"]
    assert figures["occupancy"] == pytest.approx(100 * (62 - 2 + 64 - 4) / 3600, abs=0.2), "busy once, however many chats"
    assert figures["utilisation"] == pytest.approx(100 * 3 * 60 / 7200, abs=0.01), "three minutes of two places' hour"


def test_auto_accept_needs_no_answer() -> None:
    """Where the configuration accepts by itself nobody rings, and nobody fails to answer."""
    day = played(centre(auto_accept="true"), conduct(no_answer=0.9), coming(0, 100), needs(2, fate=0.0))
    assert (waits(day), day.ledger.unanswered.total()) == ([0.0, 0.0], 0)


def test_priority_goes_first() -> None:
    """Whoever comes through the urgent door overtakes those who wait already."""
    day = played(centre(), conduct(), coming(0, 5, 6, doors=(0, 0, 1)))
    assert waits(day) == [2.0, 2 + 60 + 2 + 60 + 2 - 5, 2 + 60 + 2 - 6]


def test_an_offer_that_nobody_hears() -> None:
    """It rings to its deadline, its agent is away until noticing, and a customer with patience is served in the end."""
    heard_later = needs(1)
    heard_later.fates[0, 0] = 0.0
    day = played(centre(), conduct(no_answer=0.5), coming(0), heard_later)
    assert (day.ledger.unanswered.total(), day.ledger.offers.total()) == (1, 2)
    assert waits(day) == [20 + 60 + 2], "rings 20 s, is noticed after 60 s, is answered after 2 s"


def test_an_answer_after_the_deadline_is_none() -> None:
    """An agent slower than the offer's deadline does not get it, and customers who give up are counted."""
    day = played(centre(), conduct(answer="fixed:25"), coming(0, patiences_s=90.0))
    assert (day.ledger.customers[0].fate, waits(day)) == (Fate.ABANDONED, [90.0])
    assert day.ledger.unanswered.total() == 1, "the second offer, from 80 s on, was taken back when the customer left"


def test_a_refused_offer_goes_to_somebody_else() -> None:
    """The agent who refused is not asked again during the back-off; a colleague is."""
    refused_once = needs(1)
    refused_once.fates[0, 0] = 0.0
    day = played(centre(agents=2), conduct(reject=0.5), coming(0), refused_once)
    assert (day.ledger.rejected["general"], waits(day)) == (1, [4.0])


def test_a_closed_door_turns_away() -> None:
    """Hours are those of the configuration, in its time zone, on the arrivals' date."""
    day = played(centre(), conduct(), coming(0, 1800, doors=(2, 2), from_h=16.75))
    assert [customer.fate for customer in day.ledger.customers] == [Fate.SERVED, Fate.TURNED_AWAY]
    figures = Sheet(day.ledger, centre()).figures()
    assert (figures["queue:calls"]["arrivals"], figures["queue:calls"]["turned_away"]) == (1.0, 1.0)


def test_the_service_level_is_each_queues_own() -> None:
    """General answers within its 20 s by default, calls within the 10 s that are configured."""
    day = played(centre(agents=2), conduct(answer="fixed:15"), coming(0, 0, doors=(0, 2)))
    figures = Sheet(day.ledger, centre()).figures()
    found = {group: figures[group]["service_level"] for group in ("queue:general", "queue:calls", "channel:phone", "all")}
    assert found == {"queue:general": 100.0, "queue:calls": 0.0, "channel:phone": 0.0, "all": 50.0}


def test_one_agent_is_the_textbooks_recursion() -> None:
    """Random arrivals and services at one agent wait as Lindley's recursion says, each of them."""
    random = np.random.default_rng(4)
    at_s = np.round(np.cumsum(random.exponential(70, 120)), 3)
    services_s = np.round(random.exponential(60, 120), 3)
    arrivals = coming(*at_s)
    arrivals.services_s[:] = services_s
    found = waits(played(centre(), conduct(answer="fixed:0"), arrivals))
    free_at, expected = 0.0, []
    for came_s, service_s in zip(at_s, services_s, strict=True):
        begins_at = max(free_at, came_s)
        expected.append(begins_at - came_s)
        free_at = begins_at + service_s
    assert found == pytest.approx(expected, abs=0.15), "rounded to ms, a hundred times"


def test_the_same_day_is_the_same_journal() -> None:
    """Nothing but configuration, arrivals and needs decides what is committed, byte for byte."""
    days: list[list[bytes]] = []
    for _ in range(2):
        journal: list[bytes] = []

        def keep(commit: Commit, journal: list[bytes] = journal) -> None:
            journal.append(commit.journal)

        played(centre(agents=2, chats=2, wrap_up_s=5), conduct(), coming(*range(0, 300, 7)), commits=keep)
        days.append(journal)
    assert days[0] == days[1]


def test_nobody_serves_and_nobody_gives_up() -> None:
    """A day ends although somebody waits for ever: who can serve only chats never takes a call."""
    only_chats = centre()
    only_chats.plan.agents["team-01"].capacity.pop("phone")
    day = played(only_chats, conduct(), coming(0, 0, doors=(0, 2)))
    assert [customer.fate for customer in day.ledger.customers] == [Fate.SERVED, Fate.WAITING]


def test_a_span_is_split_at_half_hours_and_clipped_to_the_day() -> None:
    """Time before opening and after closing does not count; the rest is told by half-hour."""
    span = Span(opens_at=1_000, closes_at=4_000_000)
    for on, at in ((True, 0), (True, 500), (False, 2_001_000), (False, 2_002_000), (True, 3_999_000), (False, 9_000_000)):
        span.turn(on, at)
    assert dict(span.bins) == {0: 1_800_000, 1: 200_000, 2: 1_000}


RULED = """
version: 1
name: Ruled
timezone: Europe/London
skills: {cards: Cards}
queues:
  cards:
    name: Cards
    requires: {cards: 5}
    wrap_up_s: 0
    relax: [{after_s: 30, lower: {cards: 3}}]
routing_profiles:
  all: {queues: [cards], capacity: {chat: 1}}
agents:
  ann: {name: Ann, routing_profile: all, password: trunkline, skills: {cards: 3}}
  bob: {name: Bob, routing_profile: all, password: trunkline, skills: {cards: 9}}
channels:
  chat: {entry_points: {default: {queue: cards}, urgent: {queue: cards}}}
  phone: {entry_points: {default: {queue: cards}}}
"""


def test_a_changed_rule_changes_the_day() -> None:
    """Requirements relax after 30 s as configured: the second customer gets the junior then, and not without the rule."""
    relaxed = CentreFile.parsed(RULED, "ruled.yaml")
    strict = CentreFile.parsed("\n".join(line for line in RULED.splitlines() if "relax" not in line), "strict.yaml")
    assert waits(played(relaxed, conduct(), coming(0, 10))) == [2.0, 30 + 2]
    assert waits(played(strict, conduct(), coming(0, 10))) == [2.0, 2 + 60 - 10 + 2]

"""Where arrivals go: rules by what is known of them, what happens outside the hours, and the emergency switch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.routing.expression import Arriving
from cluster.config.compile import compile_centre
from cluster.config.edge import EdgeCentre, EdgeRule, Way
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems
from cluster.config.switch import with_emergency
from tests.unit.config.test_config_errors import BASE

SATURDAY_MS, FRIDAY_MS = 1_795_255_200_000, 1_795_168_800_000
DOORS = """
  weibo:
    entry_points:
      default: {queue: general, priority: 1, skills: {english: 2}}
"""


def edge(*changes: tuple[str, str], rules: str = "") -> EdgeCentre:
    """The base with a second channel, through the text that edges are told."""
    text = BASE.replace("capacity: {webchat: 3}", "capacity: {webchat: 3, weibo: 1}") + DOORS + rules
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return EdgeCentre.parse(compile_centre(load_centre(text).centre).edge)


def way(centre: EdgeCentre, channel: str = "weibo", at_ms: int = FRIDAY_MS, **facts: str) -> Way:
    """Where somebody goes of whom these facts are known."""
    language = facts.pop("language", "")
    found = centre.way(Arriving(channel, language=language, attributes=facts), at_ms)
    assert found is not None, "there is such a door"
    return found


COMPLAINTS = """
arrival_rules:
  - when: channel == "weibo" and intent == "complaint"
    queue: cards
  - {when: sentiment < -0.5, priority: 9, skills: {english: 1, cards: 2}}
  - {when: 'language in ("zh", "zh-CN") or customer["tier"] == "gold"', priority: 5}
"""


def test_the_first_rule_that_holds_decides() -> None:
    """Social complaints go to another queue, angry customers go first; the door's own needs stay, at the higher level."""
    centre = edge(rules=COMPLAINTS)
    assert way(centre, intent="complaint", sentiment="-0.9").queue == "cards", "the first rule, with the queue's priority"
    assert way(centre, intent="complaint", sentiment="-0.9").priority == 0
    angry = way(centre, intent="question", sentiment="-0.9")
    assert (angry.queue, angry.priority, angry.skills) == ("general", 9, {"english": 2, "cards": 2})
    assert way(centre, "webchat", intent="complaint", sentiment="-0.9").skills == {"english": 1, "cards": 2}
    assert way(centre, language="zh-CN").priority == 5
    gold = centre.way(Arriving("weibo", customer={"tier": "gold"}), FRIDAY_MS)
    assert gold is not None and gold.priority == 5, "what is known of the customer"
    assert way(centre).priority == 1, "of whom nothing is known, nothing holds"


def test_no_door_no_way() -> None:
    """Rules do not make doors."""
    assert edge(rules=COMPLAINTS).way(Arriving("fax"), FRIDAY_MS) is None


def test_hours_are_those_of_where_somebody_goes() -> None:
    """A rule that sends to another queue sends into its hours."""
    centre = edge(rules=COMPLAINTS)
    assert way(centre, at_ms=SATURDAY_MS).is_open, "general never closes"
    assert not way(centre, at_ms=SATURDAY_MS, intent="complaint").is_open, "cards does"


def test_when_closed_a_text_is_told_or_another_queue_serves() -> None:
    """Outside the hours: the text in the customer's language; or another queue, if that is open."""
    to_cards = ("default: {queue: general}", "default: {queue: cards}")
    centre = edge(to_cards, ("hours: office", "hours: office\n    closed: {text: {en: At nine., zh: 九点。}}"))
    told = [way(centre, "webchat", SATURDAY_MS, language=language).closed_text for language in ("zh", "en", "fr")]
    assert told == ["九点。", "At nine.", "At nine."]
    assert way(centre, "webchat", FRIDAY_MS).closed_text == ""
    elsewhere = edge(to_cards, ("hours: office", "hours: office\n    closed: {queue: general, text: At nine.}"))
    found = way(elsewhere, "webchat", SATURDAY_MS)
    assert (found.queue, found.is_open) == ("general", True), "general never closes"
    both_closed = edge(
        to_cards, ("hours: office", "hours: office\n    closed: {queue: general, text: At nine.}"),
        ("name: General", "name: General\n    hours: office"),
    )  # fmt: skip
    assert (way(both_closed, "webchat", SATURDAY_MS).is_open, way(both_closed, "webchat", SATURDAY_MS).closed_text) == (
        False, "At nine.",
    )  # fmt: skip


def test_the_emergency_switch() -> None:
    """Thrown: newcomers are told and ended, or go to the named queue, hours or not; other queues go on."""
    told = edge(rules="emergency: {active: true, queues: [general], text: Fire.}\n" + COMPLAINTS)
    assert (way(told).is_open, way(told).closed_text) == (False, "Fire.")
    assert way(told, intent="complaint").queue == "cards", "only general is concerned"
    door = told.entry("weibo")
    assert door is not None and not told.is_open(door, FRIDAY_MS), "pages see that the door is closed"
    elsewhere = edge(rules="emergency: {active: true, queue: cards}\n")
    assert (way(elsewhere, at_ms=SATURDAY_MS).queue, way(elsewhere, at_ms=SATURDAY_MS).is_open) == ("cards", True)
    assert edge(rules="emergency: {active: false, text: Fire.}\n").emergency is None, "not thrown"


def test_a_rule_of_a_newer_release_does_not_hold() -> None:
    """An edge that cannot read a rule passes it over."""
    assert not EdgeRule(when="moon_phase > 3").holds(Arriving("weibo"))


@given(st.dictionaries(st.sampled_from(["intent", "sentiment", "other"]), st.text(max_size=5)))
def test_any_facts_can_be_judged(facts: dict[str, str]) -> None:
    """Whatever an adapter says of an arrival, there is a way for it."""
    rule = EdgeRule(when='sentiment * 2 < attribute["other"] or intent / 0 == 1 or -sentiment > 1')
    assert rule.holds(Arriving("weibo", attributes=facts)) in (True, False)


# The switch in the text.

#: What is written, and what stands there once the switch is thrown.
WRITTEN = {
    "emergency: {}\n": "emergency: {active: true}\n",
    "emergency: {text: Fire.}\n": "emergency: {active: true, text: Fire.}\n",
    "emergency: {active: false, text: Fire.}  # the switch\n": "emergency: {active: true, text: Fire.}  # the switch\n",
    "emergency:\n  # what they hear\n  text: Fire.\n": "emergency:\n  # what they hear\n  active: true\n  text: Fire.\n",
    "emergency:\n    text:\n      en: Fire.\n    active: False\n": "emergency:\n    text:\n      en: Fire.\n    active: true\n",
    "emergency:\n  active: false # not now\n": "emergency:\n  active: true # not now\n",
}


@pytest.mark.parametrize(("written", "thrown"), WRITTEN.items())
def test_the_switch_is_thrown_in_the_text(written: str, thrown: str) -> None:
    """On and off again: all else stays as it was written, comments included; what is so already stays untouched."""
    text, expected = (BASE.replace("channels:\n", section + "channels:\n") for section in (written, thrown))
    on = with_emergency(text, True)
    assert on == expected
    assert with_emergency(on, True) == on
    assert with_emergency(on, False) == expected.replace("active: true", "active: false")
    assert with_emergency(text, False) == text


@pytest.mark.parametrize("text", [BASE, BASE.rstrip()])
def test_a_switch_that_was_never_written_is_added(text: str) -> None:
    """A configuration without `emergency` gets one at its end."""
    assert with_emergency(text, True) == BASE.rstrip() + "\nemergency:\n  active: true\n"


def test_a_switch_that_cannot_be_thrown_says_so() -> None:
    """Written in a way that the command does not understand: the person is told what to write."""
    text = BASE.replace("channels:\n", "emergency: &e {text: Fire.}\nchannels:\n")
    try:
        on = with_emergency(text, True)
    except ConfigProblems as error:
        assert "write `active: true` there by hand" in str(error)
    else:
        assert load_centre(on).centre.emergency.active, on

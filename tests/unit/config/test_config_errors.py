"""Every broken configuration gets errors that name the place and say what to write.

`golden/broken.txt` holds what people see for each case; write it anew with `UPDATE_GOLDEN=1`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.config.document import decode_text
from cluster.config.load import load_centre, load_centre_file
from cluster.config.problems import ConfigProblems

GOLDEN = Path(__file__).parent / "golden"
BASE = (GOLDEN / "base.yaml").read_text(encoding="utf-8")
HASH_LINE = next(line for line in BASE.splitlines(keepends=True) if "password_hash" in line)
HASH = HASH_LINE.split(": ")[1].strip()
PROFILE = "    capacity: {webchat: 3}"

#: What is broken, the part of the base that is replaced, and what stands there instead.
CASES = [
    ("tab", "  english: English", "\tenglish: English"),
    ("unclosed bracket", "queues: [general, cards]", "queues: [general, cards"),
    ("unclosed brace", "requires: {cards: 3}", "requires: {cards: 3"),
    ("unclosed quote", "name: Alice Archer", 'name: "Alice Archer'),
    ("second colon", "name: Alice Archer", "name: Alice: Archer"),
    ("no colon", "    name: Alice Archer", "    name Alice Archer"),
    ("wrong indentation", "    routing_profile: generalist", "   routing_profile: generalist"),
    ("deeper indentation", "    routing_profile: generalist", "      routing_profile: generalist"),
    ("at sign", "name: Alice Archer", "name: @alice"),
    ("percent", "name: Alice Archer", "name: %alice"),
    ("escape", "name: Alice Archer", r'name: "Alice \Archer"'),
    ("tag", "name: Alice Archer", "name: !person Alice"),
    ("pytag", "name: Alice Archer", "name: !!python/object/apply:os.system [ls]"),
    ("alias", "name: Alice Archer", "name: *alice"),
    ("merge", "    name: Alice Archer", "    <<: {name: Alice}"),
    ("self alias", "skills: {english: 10, cards: 5}", "skills: &a {english: *a}"),
    ("duplicate key", "  general:\n    name: General", "  general:\n    name: General\n    name: Other"),
    ("duplicate section", "channels:\n", "queues: {}\nchannels:\n"),
    ("complex key", "  english: English", "  [english]: English"),
    ("two docs", "channels:\n", "---\nchannels:\n"),
    ("control", "Alice Archer", "Alice\x07Archer"),
    ("missing version", "version: 1\n", ""),
    ("version 2", "version: 1", "version: 2"),
    ("missing timezone", "timezone: Europe/London\n", ""),
    ("bad timezone", "Europe/London", "Europe/Lodnon"),
    ("city", "Europe/London", "Shanghai"),
    ("unknown top", "queues:\n", "ques: {}\nqueues:\n"),
    ("unknown key", "    offer_timeout_s: 20", "    offer_timeout: 20"),
    ("unknown key2", "    offer_timeout_s: 20", "    colour: blue"),
    ("text for number", "offer_timeout_s: 20", "offer_timeout_s: 20s"),
    ("quoted number", "offer_timeout_s: 20", 'offer_timeout_s: "20"'),
    ("negative", "offer_timeout_s: 20", "offer_timeout_s: -1"),
    ("inf", "offer_timeout_s: 20", "offer_timeout_s: 1e999"),
    ("empty value", "offer_timeout_s: 20", "offer_timeout_s:"),
    ("level 11", "english: 10", "english: 11"),
    ("level text", "english: 10", "english: expert"),
    ("level float", "english: 10", "english: 9.5"),
    ("yes", "    capacity: {webchat: 3}", "    capacity: {webchat: 3}\n    auto_accept: yes"),
    ("number name", "name: Alice Archer", "name: 2024"),
    ("bool name", "name: Alice Archer", "name: true"),
    (
        "list for map",
        "  cards:\n    name: {en: Cards, zh: 银行卡}\n    requires: {cards: 3}\n    offer_timeout_s: 20\n    hours: office",
        "  cards: [a]",
    ),
    ("text for list", "queues: [general, cards]", "queues: general"),
    ("list in skills", "skills: {english: 10, cards: 5}", "skills: [english, cards]"),
    ("empty list", "queues: [general, cards]", "queues: []"),
    ("twice", "queues: [general, cards]", "queues: [general, general]"),
    ("empty queues", "      default: {queue: general}", "      {}"),
    ("bad id", "  alice:\n", "  Alice Archer:\n"),
    ("chinese id", "  alice:\n", "  李伟:\n"),
    ("unknown skill", "requires: {cards: 3}", "requires: {card: 3}"),
    ("unknown queue", "[general, cards]", "[genral, cards]"),
    ("unknown profile", "routing_profile: generalist", "routing_profile: specialist"),
    ("unknown hours", "hours: office", "hours: offices"),
    ("unknown channel", "capacity: {webchat: 3}", "capacity: {web-chat: 3}"),
    ("offers to one more and no more than one", "offer_timeout_s: 20", "offers: {every_s: 5}"),
    ("unknown answer to no answer", "offer_timeout_s: 20", "offers: {at_once: 2, no_answer: gone}"),
    ("entry queue", "{queue: general}", "{queue: payments}"),
    ("no password", HASH_LINE, ""),
    ("bad hash", HASH, "hunter2"),
    ("both", "    routing_profile: generalist", "    routing_profile: generalist\n    password: hunter2"),
    ("number password", HASH_LINE.strip(), "password: 12345"),
    ("interval", '"09:00-17:30"', '"9 to 5"'),
    ("interval over midnight", '"09:00-17:30"', '"22:00-06:00"'),
    ("interval 25", '"09:00-17:30"', '"09:00-25:30"'),
    ("overlap", '["09:00-17:30"]', '["09:00-12:00", "11:00-13:00"]'),
    ("day", "mon-fri:", "monday:"),
    ("day twice", '      mon-fri: ["09:00-17:30"]', '      mon-fri: ["09:00-17:30"]\n      wed: []'),
    ("backwards", "mon-fri:", "fri-mon:"),
    ("date", "date: 2026-12-25", "date: 25.12.2026"),
    (
        "holiday twice",
        "      - {date: 2026-12-25, name: Christmas Day}",
        "      - {date: 2026-12-25, name: Christmas Day}\n      - {date: 2026-12-25}",
    ),
    ("always", "  office:\n", "  always:\n"),
    ("name empty", "name: Harbour Bank", "name: ''"),
    ("name lang", "name: Harbour Bank", "name: {de: Hafenbank}"),
    (
        "count collision",
        "agents:\n",
        "agents:\n  demo-02: {name: D, routing_profile: generalist, password: x}\n"
        "  demo: {name: D, routing_profile: generalist, password: x, count: 3}\n",
    ),
    ("count 0", "    name: Alice Archer", "    name: Alice Archer\n    count: 0"),
    ("several", "offer_timeout_s: 20", "offer_timeout_s: 20s\n    prioritty: 3"),
    ("tab in a value", "name: Alice Archer", "name: \t@x"),
    ("secret alias", "password_hash: $", "password: *hunter2 # $"),
    ("secret tag", "password_hash: $", "password: !hunter2 # $"),
    ("secret list", "password_hash: $", "password: [hunter2] # $"),
    ("holidays text", "    holidays:\n      - {date: 2026-12-25, name: Christmas Day}", "    holidays: christmas"),
    ("nothing serves", "capacity: {webchat: 3}", "capacity: {webchat: 0}"),
    ("plain password", "password_hash: $", "password: hunter2 # $"),
    ("hex id", "  alice:\n", "  0x10:\n"),
    ("percent 0", "offer_timeout_s: 20", "service_level: {percent: 0}"),
    ("long name", "name: Alice Archer", "name: " + "A" * 201),
    ("anchor without name", "name: Alice Archer", "name: & Archer"),
    (
        "list item out of place",
        "      - {date: 2026-12-25, name: Christmas Day}",
        "      date: 2026-12-25\n      - {date: 2026-12-26}",
    ),
    ("expression", "    offer_timeout_s: 20", "    where: cards >= and english"),
    ("expression with a call", "    offer_timeout_s: 20", "    where: open('x')"),
    ("expression with an unknown skill", "    offer_timeout_s: 20", "    where: card >= 3"),
    ("expression that nobody meets", "    name: General\n", "    name: General\n    where: english > 10\n"),
    ("unknown group", "    offer_timeout_s: 20", "    where: not group['trainees']"),
    ("strategy", "    offer_timeout_s: 20", "    choice: longest"),
    ("score", "    offer_timeout_s: 20", "    choice: = attribute['rating'] +"),
    ("step that does nothing", "    offer_timeout_s: 20", "    relax: [{after_s: 30}]"),
    ("step that helps nobody", "    name: General\n", "    name: General\n    relax: [{after_s: 30, lower: {cards: 1}}]\n"),
    (
        "nobody at first",
        "    name: General\n",
        "    name: General\n    where: english > 10\n    relax: [{after_s: 60, anybody: true}]\n",
    ),
    ("delay of an unserved queue", "    queues: [general, cards]", "    queues: [general]\n    serves: {cards: {delay_s: 30}}"),
    ("overflow that does nothing", "    offer_timeout_s: 20", "    overflow: [{after_s: 30}]"),
    ("overflow that does two things", "    offer_timeout_s: 20", "    overflow: [{after_s: 30, queue: general, refuse: true}]"),
    ("overflow of everybody", "    offer_timeout_s: 20", "    overflow: [{queue: general}]"),
    ("overflow to an unknown queue", "    offer_timeout_s: 20", "    overflow: [{length: 5, queue: genral}]"),
    ("overflow to itself", "    offer_timeout_s: 20", "    overflow: [{length: 5, queue: cards}]"),
    (
        "overflow for newcomers who wait",
        "    offer_timeout_s: 20",
        "    overflow: [{after_s: 5, joining_only: true, refuse: true}]",
    ),
    ("overflow text of a loan", "    offer_timeout_s: 20", "    overflow: [{after_s: 5, borrow: [general], text: Hello}]"),
    ("overflow with an empty text", "    offer_timeout_s: 20", "    overflow: [{length: 5, refuse: true, text: ''}]"),
    ("overflow shadowed", "    offer_timeout_s: 20", "    overflow: [{length: 5, refuse: true}, {length: 9, refuse: true}]"),
    (
        "overflow in a circle",
        "    name: General\n",
        "    name: General\n    overflow: [{length: 9, refuse: true}, {nobody: signed_in, queue: cards}]\n"
        "    # And back:\n  other: {name: Other, overflow: [{after_s: 9, queue: general}]}\n"
        "  third: {name: Third, overflow: [{after_s: 9, queue: fourth}]}\n"
        "  fourth: {name: Fourth, overflow: [{after_s: 9, queue: third}]}\n",
    ),
    ("borrowing without leave", "    offer_timeout_s: 20", "    overflow: [{after_s: 5, borrow: [general]}]"),
    ("lending to an unknown queue", "    offer_timeout_s: 20", "    lends: {to: [genral]}"),
    ("closed to an unknown queue", "    offer_timeout_s: 20", "    closed: {queue: night}"),
    ("closed without anything", "    offer_timeout_s: 20", "    closed: {}"),
    ("rule at the door", "channels:\n", "arrival_rules: [{when: sentimnt < 0, queue: cards}]\nchannels:\n"),
    ("rule at the door that changes nothing", "channels:\n", "arrival_rules: [{when: sentiment < 0}]\nchannels:\n"),
    (
        "rule at the door to an unknown queue",
        "channels:\n",
        "arrival_rules: [{when: sentiment < 0, queue: voice}]\nchannels:\n",
    ),
    (
        "rule at the door shadowed",
        "channels:\n",
        "arrival_rules:\n  - {priority: 3}\n  - {when: intent == 'complaint', queue: cards}\nchannels:\n",
    ),
    ("emergency", "channels:\n", "emergency: {active: true, queues: [genral]}\nchannels:\n"),
    ("emergency thrown", "channels:\n", "emergency:\n  text: We had to leave.\n  active: true\nchannels:\n"),
    ("attendance", "channels:\n", "attendance: {counts_as_absent: [lunch]}\nchannels:\n"),
    ("directive", "version: 1\n", "%YAML 9.9\n---\nversion: 1\n"),
    ("too dear", PROFILE, f"{PROFILE}\n    units: 10\n    costs: {{webchat: 20}}"),
    ("units and total", PROFILE, f"{PROFILE}\n    units: 10\n    capacity_total: 3"),
    ("negative cost", PROFILE, f"{PROFILE}\n    costs: {{webchat: -1}}"),
    ("cost of no channel", PROFILE, f"{PROFILE}\n    costs: {{web-chat: 2}}"),
    ("exclusive to no channel", PROFILE, f"{PROFILE}\n    exclusive: [voice]"),
    ("exclusive twice", PROFILE, f"{PROFILE}\n    exclusive: [webchat, webchat]"),
    ("interrupted by no channel", PROFILE, f"{PROFILE}\n    interrupts: {{voice: [webchat]}}"),
    ("interrupts no channel", PROFILE, f"{PROFILE}\n    interrupts: {{webchat: [voice]}}"),
    ("interrupts itself", PROFILE, f"{PROFILE}\n    interrupts: {{webchat: [webchat]}}"),
    ("label that nothing carries", PROFILE, f"{PROFILE}\n    labels: {{complex: 1}}"),
    ("label that nothing limits", "{queue: general}", "{queue: general, labels: [vip]}"),
    ("label twice", "{queue: general}", "{queue: general, labels: [vip, vip]}"),
]


def changed(old: str, new: str) -> str:
    """The base with one part replaced, which must be there exactly once."""
    assert BASE.count(old) == 1, f"{old!r} stands {BASE.count(old)} times in the base"
    return BASE.replace(old, new)


def outcome(text: str) -> list[str]:
    """What a person is told about this text."""
    try:
        return [str(problem) for problem in load_centre(text).warnings] or ["fine"]
    except ConfigProblems as error:
        return [str(problem) for problem in error.problems]


def golden_sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in (GOLDEN / "broken.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            sections[line[2:]] = []
        elif line:
            sections[list(sections)[-1]].append(line)
    return sections


def test_golden_is_complete() -> None:
    """The golden file has one section for each case, in order, and nothing else."""
    if os.environ.get("UPDATE_GOLDEN"):
        parts = ["\n".join([f"# {name}", *outcome(changed(old, new))]) for name, old, new in CASES]
        (GOLDEN / "broken.txt").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    assert list(golden_sections()) == [name for name, _, _ in CASES], "cases and golden sections must agree"


@pytest.mark.parametrize(("name", "old", "new"), CASES, ids=[case[0] for case in CASES])
def test_broken_configuration(name: str, old: str, new: str) -> None:
    """The messages are the reviewed ones, word for word."""
    assert golden_sections()[name] == outcome(changed(old, new)), f"messages for {name!r} must be the reviewed ones"


def test_secrets_are_never_repeated() -> None:
    """No message shows a password, even one that YAML stumbled over."""
    told = (GOLDEN / "broken.txt").read_text(encoding="utf-8")
    assert "hunter2" not in told, "a password must not appear in a message"


def test_base_is_fine() -> None:
    """The base itself has neither errors nor warnings, so that each case shows one slip."""
    assert ["fine"] == outcome(BASE), "the base must be valid"


WHOLE_FILES = {
    "empty": ("", "centre.yaml:1:1: the file is empty; write at least `version: 1`"),
    "only a comment": ("# later\n", "centre.yaml:1:1: the file is empty; write at least `version: 1`"),
    "a list": ("- a\n", "centre.yaml:1:1: is not a mapping; begin with `version: 1`, then `name: …`"),
    "prose": ("hello", "centre.yaml:1:1: is not a mapping; begin with `version: 1`, then `name: …`"),
    "endless nesting": (
        "[" * 3000,
        "centre.yaml:1:26: [0][0][0]: is nested more than 24 levels deep; check the brackets and the indentation",
    ),
    "an alias bomb": (
        "a: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)),
        "centre.yaml:7:32: g[6]: the file holds more than 1000000 values; remove aliases that repeat large parts",
    ),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_not_a_configuration_at_all(name: str) -> None:
    """A text that is no configuration gets one error, at once."""
    text, expected = WHOLE_FILES[name]
    assert [expected] == outcome(text), f"{name}: exactly this error must be given"


def test_bytes_that_are_not_utf8() -> None:
    """A file in another encoding gets the place of the first wrong byte."""
    with pytest.raises(ConfigProblems) as caught:
        decode_text("version: 1\nname: Café".encode("latin-1"), "c.yaml")
    expected = "c.yaml:2:10: is not UTF-8 text; save the file with the encoding UTF-8"
    assert expected == str(caught.value), "the wrong byte's place must be named"


def test_byte_order_mark_is_welcome() -> None:
    """A file saved with a byte order mark is read like any other."""
    assert decode_text(b"\xef\xbb\xbf" + BASE.encode(), "c.yaml") == BASE, "the mark must be dropped"


def test_missing_file_and_directory(tmp_path: Path) -> None:
    """A path that cannot be read gets an error that says why."""
    for path, expected in ((tmp_path / "no.yaml", "there is no such file"), (tmp_path, "is a directory")):
        with pytest.raises(ConfigProblems) as caught:
            load_centre_file(path)
        assert expected in str(caught.value), f"{path.name} must be explained"

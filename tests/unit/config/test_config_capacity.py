"""Capacity as it is configured: what old files mean, what rules compile to, and what is warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actors.messages.centre import AgentConfig
from actors.routing.capacity import NO_RULES, Capacity, CapacityRules
from cluster.config.compile import compile_centre
from cluster.config.edge import EdgeCentre
from cluster.config.load import load_centre

BASE = (Path(__file__).parent / "golden" / "base.yaml").read_text(encoding="utf-8")
PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "agent-capacity.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PROFILE = "    capacity: {webchat: 3}\n"
#: The base with two more channels.
CHANNELS = BASE + "".join(f"  {name}:\n    entry_points:\n      default: {{queue: general}}\n" for name in ("voice", "mail"))


def profile(*lines: str) -> str:
    """The centre of three channels with these lines in its routing profile."""
    return CHANNELS.replace(PROFILE, "".join(f"    {line}\n" for line in lines))


def agent(text: str) -> AgentConfig:
    return compile_centre(load_centre(text).centre, hasher=lambda password: "hash").agents["alice"]


def warned(text: str) -> list[str]:
    return [f"{problem.mark.line}: {problem.problem}" for problem in load_centre(text).warnings]


@pytest.mark.parametrize(
    ("lines", "units"),
    [
        (("capacity: {webchat: 3, voice: 1, mail: 2}",), 3),
        (("capacity: {webchat: 3, voice: 1, mail: 2}", "capacity_total: 5"), 5),
    ],
)
def test_a_file_without_rules_means_what_it_meant(lines: tuple[str, ...], units: int) -> None:
    """A maximum for each channel and a total, which is the largest channel's unless it is named; every one takes one."""
    expected = Capacity({"webchat": 3, "voice": 1, "mail": 2}, units, NO_RULES)
    assert agent(profile(*lines)).limits == expected
    assert expected.is_plain, "and room is counted as ever"


def test_rules_reach_the_agent() -> None:
    """Every rule arrives, in an order that equal rules share."""
    text = profile(
        "capacity: {webchat: 5, voice: 1, mail: 10}",
        "units: 100",
        "costs: {webchat: 20, voice: 100, mail: 1}",
        "exclusive: [voice, mail]",
        "interrupts: {voice: [webchat, mail]}",
        "interruptions: 2",
        "labels: {vip: 1, complex: 2}",
    )
    rules = CapacityRules(
        {"voice": 100, "webchat": 20}, ("mail", "voice"), {"voice": ("mail", "webchat")}, 2, {"complex": 2, "vip": 1}
    )
    assert agent(text).limits == Capacity({"webchat": 5, "voice": 1, "mail": 10}, 100, rules)


@pytest.mark.parametrize("example", EXAMPLES, ids=["units", "interrupts", "labels"])
def test_the_examples_on_the_page_are_fine(example: str) -> None:
    """What the page on capacity shows is accepted, and has no rule without effect."""
    text = profile(*example.strip().splitlines())
    text = text.replace("{queue: general}", "{queue: general, labels: [complex]}", 1)
    unfit = [warning for warning in warned(text) if "no agent can serve" not in warning and "the label" not in warning]
    assert unfit == [], "nothing to warn of but channels and labels that the example leaves out"


def test_interruptions_are_limited_unless_that_is_lifted() -> None:
    """Whoever says that calls interrupt chats gets a limit against starving them without asking for it."""
    lines = ("capacity: {webchat: 3, voice: 1, mail: 1}", "interrupts: {voice: [webchat]}")
    assert agent(profile(*lines)).capacity_rules.interruptions == 3
    assert agent(profile(*lines, "interruptions: 0")).capacity_rules.interruptions == 0


def test_units_fit_what_is_allowed_of_the_dearest_channel() -> None:
    """Without `units` there are as many as the dearest channel takes at its most."""
    assert agent(profile("capacity: {webchat: 5, voice: 1, mail: 1}", "costs: {webchat: 20, voice: 60}")).capacity_total == 100


def test_labels_reach_the_edge() -> None:
    """What an entry point says of its arrivals is what gateways put on them."""
    text = profile("capacity: {webchat: 3, voice: 1, mail: 1}", "labels: {vip: 1}")
    text = text.replace("{queue: general}", "{queue: general, labels: [vip]}", 1)
    edge = EdgeCentre.parse(compile_centre(load_centre(text).centre, hasher=lambda password: "hash").edge)
    entry = edge.entry("webchat")
    assert entry is not None and entry.labels == ["vip"]
    assert warned(text) == [], "somebody gives it and somebody limits it"


def test_rules_without_effect_are_warned_of() -> None:
    """A rule about a channel that the profile takes nothing of is most likely a mistake, and its line is named."""
    text = profile("capacity: {webchat: 3}", "costs: {voice: 2}", "exclusive: [mail]", "interrupts: {voice: [webchat]}")
    line = text[: text.index("costs:")].count("\n") + 1
    effects = [warning for warning in warned(text) if "no effect" in warning]
    assert effects == [
        f"{line}: this has no effect: agents of this profile take no `voice`",
        f"{line + 1}: this has no effect: agents of this profile take no `mail`",
        f"{line + 2}: this has no effect: agents of this profile take no `voice`",
    ]


def test_what_nobody_can_ever_take_is_warned_of() -> None:
    """A door is unserved also where its channel is too dear for everybody, or its label is taken by nobody."""
    dear = profile("capacity: {webchat: 3, voice: 1, mail: 1}", "units: 10", "costs: {voice: 11}")
    assert [warning.partition(": ")[2] for warning in warned(dear)] == [
        "`voice` can never be served: one costs 11 units, and there are 10 in all",
        "no agent can serve this: queue `general` over `voice`",
    ]
    barred = profile("capacity: {webchat: 3, voice: 1, mail: 1}", "labels: {vip: 0}")
    barred = barred.replace("{queue: general}", "{queue: general, labels: [vip]}", 1)
    assert [warning.partition(": ")[2] for warning in warned(barred)] == [
        "no agent can serve this: queue `general` over `webchat`, labelled vip"
    ]

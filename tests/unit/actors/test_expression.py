"""The language of requirements and scores: what it means, what it refuses, and that it never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.routing.expression import ExpressionError, Qualities, compiled

ALICE = Qualities("alice", {"cards": 5, "pay-eu": 3}, {"region": "north", "rating": 4.5}, frozenset({"seniors"}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cards", True),
        ("chinese", False),
        ("cards >= 5 and not chinese", True),
        ("3 <= cards < 5", False),
        ('skill["pay-eu"] >= 3', True),
        ('attribute["region"] == "north"', True),
        ('attribute["region"] in ("south", "west")', False),
        ('attribute["region"] != "south"', True),
        ('group["seniors"] or cards > 9', True),
        ('agent in ("alice", "bob")', True),
        ('attribute["floor"] > 2', False),
        ('attribute["region"] > 2', False),
        ('not attribute["region"] > 2', True),
        ('attribute["floor"] > 2 or cards', True),
        ("(chinese >= 3 or cards >= 3) and 5 - cards == 0", True),
    ],
)
def test_what_it_means(text: str, expected: bool) -> None:
    """Bare words are skill levels, 0 without the skill; what an agent does not have compares as false."""
    assert compiled(text).holds(ALICE) is expected, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cards * 2 - 1", 9.0), ('attribute["rating"] / 2', 2.25), ('1 / skill["x"]', 0.0), ("-cards", -5.0), ('"text"', 0.0)],
)
def test_scores(text: str, expected: float) -> None:
    """A score is a number, and 0 where it cannot be computed."""
    assert compiled(text).score(ALICE) == expected, text


@pytest.mark.parametrize(
    "text",
    ["", "cards >=", "open('x')", "cards ** 9", "lambda: 1", "cards.level", "x[0]", "[c for c in cards]", "a" * 1001, "(" * 90],
)
def test_what_it_refuses(text: str) -> None:
    """Whatever could do more than compare and count is refused with words that say what to write."""
    with pytest.raises(ExpressionError, match=r"; |nested"):
        compiled(text)


def test_it_knows_its_names() -> None:
    """The configuration's checks can ask which names an expression uses."""
    expression = compiled('cards >= 3 and attribute["region"] == "north" and not group["new"] and agent != "bob"')
    assert (set(expression.skills), set(expression.attributes), set(expression.groups)) == ({"cards"}, {"region"}, {"new"})


words = st.sampled_from(
    [
        "cards",
        "and",
        "or",
        "not",
        "3",
        "1.5",
        "<",
        ">=",
        "==",
        "in",
        "(",
        ")",
        ",",
        "-",
        "/",
        "*",
        '"x"',
        'attribute["rating"]',
        "agent",
    ]
)


@given(st.lists(words, max_size=12).map(" ".join))
def test_it_never_fails(text: str) -> None:
    """Any text is either refused when it is compiled, or has a truth and a score for every agent."""
    try:
        expression = compiled(text)
    except ExpressionError:
        return
    for qualities in (ALICE, Qualities("")):
        assert expression.holds(qualities) in (True, False)
        assert isinstance(expression.score(qualities), float)

"""Whatever is done to the sample, checking it ends in a plan or in errors with a place, never in a traceback."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.config.compile import compile_centre
from cluster.config.edge import EdgeCentre
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems
from cluster.config.sample import sample_text

SAMPLE = sample_text()
LINES = SAMPLE.splitlines(keepends=True)
TOKENS = [
    ":", ": ", "- ", "\t", "  ", "\n", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "!!int ", "|\n", "---\n", "?", "<<: ",
    "null", "true", "-1", "1e400", "9" * 30, ".nan", "2026-13-45", "99:99-00:00", "\x00", "\u2028", "😀", "%", "@", "`", ",",
]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["always", "cards", "mon"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def check(text: str) -> None:
    """Either a plan that an edge can read, or problems whose places lie inside the text."""
    try:
        centre = load_centre(text).centre
    except ConfigProblems as error:
        count = text.count("\n") + 1
        places = [problem.mark for problem in error.problems if problem.problem]
        inside = [place for place in places if 1 <= place.line <= count and place.column >= 1]
        assert places and inside == places, f"each problem needs a place in the {count} lines: {error}"
        return
    plan = compile_centre(centre, hasher=lambda password: "hash")
    assert EdgeCentre.parse(plan.edge).agents.keys() == plan.agents.keys(), "what is valid compiles"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SAMPLE)), st.sampled_from(TOKENS) | st.text(max_size=3), st.integers(0, 6)),
        min_size=1,
        max_size=3,
    )
)
def test_edited_text(edits: list[tuple[int, str, int]]) -> None:
    """Text put in and cut out anywhere."""
    text = SAMPLE
    for at, insert, cut in edits:
        text = text[:at] + insert + text[at + cut :]
    check(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1), st.integers(-3, 3))
def test_moved_and_shifted_lines(source: int, target: int, indent: int) -> None:
    """A line moved elsewhere with another indentation."""
    lines = list(LINES)
    line = lines.pop(source)
    lines.insert(target, " " * max(0, len(line) - len(line.lstrip()) + indent) + line.lstrip())
    check("".join(lines))


@settings(max_examples=150, deadline=None)
@given(st.data(), VALUES)
def test_replaced_values(data: st.DataObject, value: object) -> None:
    """Any value of the parsed sample replaced by any other."""
    root = yaml.safe_load(SAMPLE)
    holder, steps = root, data.draw(st.integers(1, 4))
    for step in range(steps):
        keys = sorted(holder, key=str) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        inner = holder[key]
        if step == steps - 1 or not isinstance(inner, dict | list) or not inner:
            holder[key] = value
            break
        holder = inner
    check(yaml.safe_dump(root, allow_unicode=True))

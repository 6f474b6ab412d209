"""Hypothesis strategies for inputs that are nearly right: plain values and bytes with a few things done to them.

Keeps: everything is drawn, nothing is random by itself, so an input can be made again and made smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

#: Texts that break what trusts text: empty, huge, NUL, breaks, direction marks, lone combining marks, paths, headers, formats.
TEXTS: Sequence[str] = (
    "",
    " ",
    "\x00",
    "a\nb",
    "\r\nX-Injected: 1",
    "\u202e\u2066",
    "e\u0301",
    "\ufeff",
    "\uffff",
    "😀" * 40,
    "中" * 300,
    "../../etc/passwd",
    "..\\..",
    "%2e%2e%2f",
    "%00",
    "a/b",
    "a@b",
    "/",
    "@",
    "*",
    "{}",
    "{0}",
    "%s%n",
    "x" * 5_000,
    "٣",
    "1e999",
    "NaN",
    "null",
    "Infinity",
    "<b>",
    "'; --",
    "9" * 400,
    "-1",
    "\u2028",
    "\x1b[2J",
)
NUMBERS: Sequence[int] = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32 - 1,
    2**32,
    2**53 - 1,
    2**53,
    2**62,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64 - 1,
)

texts = st.sampled_from(TEXTS) | st.text(max_size=40)
scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts | st.floats() | st.binary(max_size=20)


def nested(depth: int, shape: str) -> Any:
    """Lists in lists or mappings in mappings, `depth` of them."""
    value: Any = 0
    for _ in range(depth):
        value = [value] if shape == "list" else {"a": value}
    return value


def trees(leaves: st.SearchStrategy[Any] = scalars) -> st.SearchStrategy[Any]:
    """Plain values as JSON, YAML and MessagePack know them."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
    )


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) in a tree of dicts and lists."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


@st.composite
def mutated_tree(draw: st.DrawFn, originals: st.SearchStrategy[Any], leaves: st.SearchStrategy[Any] = scalars) -> Any:
    """A tree with up to three of its parts replaced, deleted, doubled, renamed or wrapped."""
    root = [_copied(draw(originals))]
    for _ in range(draw(st.integers(0, 3))):
        places = _places(root)
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(("leaf", "tree", "drop", "double", "rename", "wrap"))):
            case "leaf":
                holder[key] = draw(leaves)
            case "tree":
                holder[key] = draw(trees(leaves))
            case "wrap":
                holder[key] = draw(st.sampled_from(([holder[key]], {"a": holder[key]})))
            case "double" if isinstance(holder, list) and holder is not root:
                holder.append(holder[key])
            case "rename" if isinstance(holder, dict):
                holder[draw(texts)] = holder.pop(key)
            case "drop" if holder is not root:
                del holder[key]
    return root[0]


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value


@st.composite
def mutated_bytes(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with up to four cuts, flips, insertions or repetitions; often none."""
    content = draw(originals)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("cut", "flip", "insert", "repeat", "delete"))):
            case "cut":
                content = content[:at]
            case "flip" if at < len(content):
                content = content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
            case "insert":
                content = content[:at] + draw(st.binary(max_size=8)) + content[at:]
            case "repeat":
                content = content[:at] + content[at : at + 16] * draw(st.integers(2, 20)) + content[at:]
            case "delete":
                content = content[:at] + content[at + draw(st.integers(1, 16)) :]
    return content

"""Frames of pages: whatever a page sends, it is a valid frame or a clear refusal."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.desk import frames as desk
from gateways.web.framing import BadFrame, FrameReader
from gateways.webchat import frames as webchat

WEBCHAT: FrameReader[webchat.PageFrames] = FrameReader(webchat.PageFrames)
DESK: FrameReader[desk.PageFrames] = FrameReader(desk.PageFrames)
SECRET = "s" * 32

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
types = st.sampled_from(
    ["start", "resume", "say", "typing", "saw", "leave", "ping", "sign_in", "accept", "wrap_up", "show", "?"]
)
fields = st.sampled_from(["secret", "id", "text", "seen", "ref", "agent", "interaction", "typing", "attachments", "read"])
frames = st.builds(lambda kind, rest: {**rest, "type": kind}, types, st.dictionaries(fields, json_values, max_size=5))


@given(st.one_of(frames.map(json.dumps), st.text(max_size=60), st.binary(max_size=60)))
def test_nothing_but_bad_frame_is_raised(content: str | bytes) -> None:
    """Anything at all is either read or refused with words."""
    for reader in (WEBCHAT, DESK):
        with contextlib.suppress(BadFrame):
            reader.read(content)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"type": "say", "id": "12345678", "text": "x" * 8001}, "length <= 8000"),
        ({"type": "say", "id": "short"}, "matching regex"),
        ({"type": "start", "secret": "guess", "visitor": SECRET}, "$.secret"),
        ({"type": "resume", "secret": SECRET, "seen": -1}, "$.seen"),
        ({"type": "say", "id": "12345678", "txt": "hello"}, "unknown field `txt`"),
        ({"type": "shout"}, "Invalid value 'shout'"),
        ({"secret": SECRET}, "missing required field `type`"),
        ([], "Expected `object`"),
    ],
)
def test_refusals_name_what_is_wrong(frame: object, words: str) -> None:
    """A page's author learns which field is wrong and what it should hold."""
    with pytest.raises(BadFrame) as bad:
        WEBCHAT.read(json.dumps(frame))
    assert words in bad.value.detail

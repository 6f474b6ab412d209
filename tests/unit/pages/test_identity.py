"""A page's secret opens one conversation, and nothing else does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateways.webchat.identity import IdentityKey

SECRET = "s" * 32


def test_the_same_secret_is_the_same_conversation_over_restarts(tmp_path: Path) -> None:
    """The key outlives the process, so a page comes back to its conversation."""
    path = tmp_path / "data" / "identity.key"
    before = IdentityKey.load(path).conversation(SECRET)
    assert IdentityKey.load(path).conversation(SECRET) == before, "a restart must not change conversations"
    assert before.startswith("webchat:"), "the channel is part of the id"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "the key is the operator's only"


def test_ids_tell_nothing_about_each_other(tmp_path: Path) -> None:
    """A conversation id is neither the visitor's id nor usable as a secret, and another key gives another id."""
    key = IdentityKey.load(tmp_path / "one.key")
    conversation, visitor = key.conversation(SECRET), key.visitor(SECRET)
    other = IdentityKey.load(tmp_path / "two.key").conversation(SECRET)
    assert len({conversation, other, key.conversation("t" * 32), key.conversation(conversation)}) == 4
    assert conversation.rpartition(":")[2][:16] != visitor.rpartition(":")[2], "who knows the customer may not read along"


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    """A key file that holds no key stops the start with words, instead of losing every conversation silently."""
    path = tmp_path / "identity.key"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="does not hold a key of 32 bytes"):
        IdentityKey.load(path)

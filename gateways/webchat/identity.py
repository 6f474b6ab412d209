"""Who a page is: a page's secret gives its conversation id, through a key that only this adapter knows.

    conversation id = "webchat:" + HMAC-SHA256(key, "conversation" + secret), shortened to 160 bits

Invariants: the secret stays in the customer's browser and this adapter; neither a conversation id, which agents and
logs see, nor anything derived from it lets anybody into the conversation; the same secret is the same conversation
over reloads and restarts, as long as the key file lives.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

CHANNEL = "webchat"
KEY_BYTES = 32
CONVERSATION_BYTES = 20
#: Only tells customers apart, and lets nobody in.
VISITOR_BYTES = 10


class IdentityKey:
    """The adapter's key, made at the first start and kept in the data directory."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path) -> IdentityKey:
        """Read the key, or make one that survives a crash from here on.

        Raises:
            ValueError: the file does not hold a key.
        """
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = _create(path)
        if len(key) != KEY_BYTES:
            raise ValueError(f"{path} does not hold a key of {KEY_BYTES} bytes; restore it, or delete it to begin afresh")
        return cls(key)

    def conversation(self, secret: str) -> str:
        """The conversation that this secret opens."""
        return f"{CHANNEL}:{self._derive('conversation', secret, CONVERSATION_BYTES)}"

    def visitor(self, secret: str) -> str:
        """The customer id of this browser."""
        return f"{CHANNEL}-visitor:{self._derive('visitor', secret, VISITOR_BYTES)}"

    def _derive(self, purpose: str, secret: str, size: int) -> str:
        digest = hmac.digest(self._key, f"{purpose}\0{secret}".encode(), "sha256")
        return base64.b32encode(digest[:size]).decode().lower()


def _create(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_BYTES)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return key

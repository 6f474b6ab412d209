"""The session: one customer's live conversation."""

from actors.session.session import Session

__all__ = ["Session"]

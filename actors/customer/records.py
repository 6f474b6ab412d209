"""What is stored of a customer between conversations."""

from __future__ import annotations

from actors.actor import Record
from actors.address import Address

LAST = "last"


class LastService(Record, frozen=True):
    """Who served the customer last, and until when that is worth remembering (ms since the epoch)."""

    agent: Address
    at: int
    until: int

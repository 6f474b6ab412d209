"""What a customer is told: by sessions that end a service, and by queues that give people back to the same agent."""

from __future__ import annotations

from actors.actor import Message
from actors.address import Address


class Served(Message, frozen=True):
    """This agent's service of the customer ended at `at`; remember it for `keep_ms` from then."""

    agent: Address
    at: int
    keep_ms: int


class AskLastAgent(Message, frozen=True):
    """Who served last, not before `since` (ms since the epoch)? Answered to the queue with `LastAgent`."""

    queue: Address
    interaction: str
    leg: int
    since: int

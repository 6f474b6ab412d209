"""Sending events patiently: posted in order, their outcome noted, tried again where the cluster asks for time.

Kept: an event that may have been applied is never given up silently: whoever is cancelled while it is under way still
has its outcome noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from gateways.sdk import DeskLink, GatewayLink, Refused
from trunkline.content.v1 import content_pb2

#: Refusals that only ask for time; a new event may be taken.
FOR_NOW: Final = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"})
#: Refusals that two people acting at once run into: the conversation ended, or somebody else has it now.
CROSSED: Final = frozenset({"FAILED_PRECONDITION", "PERMISSION_DENIED"})

AUTHORS: Final = {content_pb2.AUTHOR_CUSTOMER: "customer", content_pb2.AUTHOR_AGENT: "agent"}


def author_of(entry: Any) -> str:
    """Who wrote an entry of a transcript."""
    return AUTHORS.get(entry.author, "centre")


async def send(link: GatewayLink | DeskLink, event: Any, acknowledged: Callable[[], None] | None = None) -> bool:
    """Send an event; again while the cluster asks for time.

    Args:
        acknowledged: is called once when the event is committed, even if the caller was cancelled meanwhile.

    Returns:
        Whether it was taken; False if the other side was faster.

    Raises:
        Refused: for any other reason, which is a fault of the demo or of the configuration.
    """
    while True:
        outcome = await link.post(event)
        if acknowledged is not None:
            outcome.add_done_callback(lambda done: _note(done, acknowledged))
        try:
            await asyncio.shield(outcome)
        except Refused as refused:
            if refused.code in FOR_NOW:
                await asyncio.sleep(max(refused.retry_after_s, 0.1))
                continue
            if refused.code in CROSSED:
                return False
            raise
        return True


def _note(outcome: asyncio.Future[None], acknowledged: Callable[[], None]) -> None:
    if not outcome.cancelled() and outcome.exception() is None:
        acknowledged()

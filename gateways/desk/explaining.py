"""Lets a page ask why its agent was asked, beside whatever else the agent does.

Keeps: nothing that the agent does waits for an explanation; a page has few questions open at once; each is answered, as
long as the page is there.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateways import sdk
from gateways.desk import frames
from gateways.desk.showing import explained_of
from gateways.web.page_socket import PageSocket

#: As many as a person opens before the first is answered.
AT_ONCE: Final = 4
AGAIN_MS: Final = 1_000


class Explaining:
    """The questions of one page."""

    def __init__(self, page: PageSocket, client: sdk.DeskClient) -> None:
        self._page = page
        self._client = client
        self._open: set[asyncio.Task[None]] = set()

    def ask(self, frame: frames.Explain, token: str) -> None:
        """Find out for the agent whose sign-in token this is, and answer the page."""
        if len(self._open) >= AT_ONCE:
            detail = "other explanations are still under way; ask again shortly"
            self._refuse(frame.ref, "RESOURCE_EXHAUSTED", detail, AGAIN_MS)
            return
        task = asyncio.create_task(self._explain(frame, token), name="desk-explanation")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def stop(self) -> None:
        """The page is gone."""
        for task in self._open:
            task.cancel()

    async def _explain(self, frame: frames.Explain, token: str) -> None:
        try:
            why = await self._client.explain_offer(token, frame.reservation)
        except sdk.CallFailed as failed:
            self._refuse(frame.ref, failed.code, failed.detail, int(failed.retry_after_s * 1000))
        else:
            self._page.push(explained_of(frame.ref, frame.reservation, why))

    def _refuse(self, ref: str, code: str, detail: str, retry_after_ms: int) -> None:
        self._page.push(frames.Refused(ref=ref, code=code, detail=detail, retry_after_ms=retry_after_ms))

"""How a web server turns somebody away for want of room: 429 with the seconds to wait (RFC 6585, 4; RFC 9110, 10.2.3).

Kept: the wait is told in whole seconds and never too short, so nobody who obeys it comes too early.
"""

from __future__ import annotations

import math

from aiohttp import hdrs, web


def busy(detail: str, retry_after_s: float) -> web.HTTPTooManyRequests:
    """The answer to raise; `detail` says what there is too much of."""
    headers = {hdrs.RETRY_AFTER: str(max(1, math.ceil(retry_after_s)))}
    return web.HTTPTooManyRequests(text=f"{detail}\n", headers=headers)

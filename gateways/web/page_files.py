"""The files of a built page: what browsers may keep, and what the page may load.

Invariants: a page is served with a content security policy and never from a file outside its folder; files whose
names carry their content's hash are kept by browsers, all others are asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

_HASHED: Final = re.compile(r"-[A-Za-z0-9_-]{8,}\.(js|css|woff2|svg|png)$")
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".mp3": "audio/mpeg",
}


class PageFiles:
    """One folder, served file by file."""

    def __init__(self, folder: Path, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        # Listed once: nothing but these files can ever be asked for, whatever a path looks like.
        self._files = {f.relative_to(folder).as_posix(): f for f in sorted(folder.rglob("*")) if f.suffix in _TYPES}

    def register(self, app: web.Application) -> None:
        """Serve `index.html` at `/` and every other file by its path."""
        for name in self._files:
            app.router.add_get("/" if name == "index.html" else f"/{name}", self._send)

    async def _send(self, request: web.Request) -> web.FileResponse:
        name = request.path.lstrip("/") or "index.html"
        path = self._files[name]
        headers = {
            **self._headers,
            hdrs.CONTENT_TYPE: _TYPES[path.suffix],
            hdrs.CACHE_CONTROL: _FOREVER if _HASHED.search(name) else _ASK,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
        }
        return web.FileResponse(path, headers=headers)

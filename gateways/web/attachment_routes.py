"""HTTP for attachments: `POST /attachments` keeps a file, `GET /attachments/<id>` gives it back.

    page -- POST /attachments (Authorization: Bearer <secret>, X-File-Name, Content-Type, the bytes) --> 201 {id, url, ...}

Invariants: only somebody the owner check knows may upload; a download can neither run in the page's origin nor be taken
for another type; every refusal is JSON with a `detail` to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, unquote

import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateways.web.attachments import AttachmentRefused, AttachmentStore, StoredAttachment
from gateways.web.media import INLINE, plain_type
from gateways.web.transcript import AttachmentInfo

log = structlog.get_logger(__name__)

CHUNK_BYTES = 64 * 1024

#: An upload that brings nothing for so long is given up: it holds a file, a connection and memory.
IDLE_S = 30.0

#: Who uploads, by the bearer secret of the request; None refuses.
OwnerOf = Callable[[str], str | None]


class AttachmentRoutes:
    """The two routes over one store. `public_url` is how browsers on either side reach this server."""

    def __init__(self, store: AttachmentStore, owner_of: OwnerOf, public_url: Callable[[], str], any_origin: bool) -> None:
        self._store = store
        self._owner_of = owner_of
        self._public_url = public_url
        self._any_origin = any_origin

    def register(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/attachments", self._upload)
        app.router.add_get("/attachments/{id}", self._download)
        if self._any_origin:
            app.router.add_options("/attachments", self._preflight)

    def info(self, attachment_id: str, owner: str) -> AttachmentInfo | None:
        """The file as a message carries it, if this owner uploaded it."""
        stored = self._store.find(attachment_id)
        return self._describe(stored) if stored is not None and stored.owner == owner else None

    def _describe(self, stored: StoredAttachment) -> AttachmentInfo:
        url = f"{self._public_url()}/attachments/{stored.id}"
        return AttachmentInfo(stored.id, stored.name, stored.media_type, stored.size_bytes, url)

    async def _upload(self, request: web.Request) -> web.Response:
        scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        # Header bytes that are no UTF-8 come as lone surrogates, which no secret has and nothing can encode.
        owner = self._owner_of(secret.strip()) if scheme.lower() == "bearer" and secret.isascii() else None
        if owner is None:
            return self._refuse(401, "open the conversation first; only its own page may attach files to it")
        try:
            stored = await self._store.keep(
                owner,
                unquote(request.headers.get("X-File-Name", "")),
                plain_type(request.headers.get(hdrs.CONTENT_TYPE, "")),
                request.content_length,
                _chunks(request),
            )
        except AttachmentRefused as refused:
            return self._refuse(refused.status, refused.detail)
        except (ConnectionError, HttpProcessingError, web.RequestPayloadError):
            # The page went away, or what it sent is no body of the kind that its headers say.
            return self._refuse(400, "the file did not come whole; attach it again")
        except OSError as error:
            log.error("attachment could not be stored", errno=error.errno)
            return self._refuse(507, "the file cannot be stored at the moment; try again later")
        return self._answer(201, self._describe(stored))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        stored = self._store.find(request.match_info["id"])
        if stored is None:
            return self._refuse(404, "there is no such attachment")
        kind = "inline" if stored.media_type in INLINE else "attachment"
        text = stored.media_type.startswith("text/")
        return web.FileResponse(
            self._store.path(stored),
            headers={
                hdrs.CONTENT_TYPE: stored.media_type + ("; charset=utf-8" if text else ""),
                hdrs.CONTENT_DISPOSITION: f"{kind}; filename*=UTF-8''{quote(stored.name, safe='')}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Referrer-Policy": "no-referrer",
                hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
                hdrs.CACHE_CONTROL: "private, max-age=86400, immutable",
                hdrs.ETAG: f'"{stored.sha256}"',
            },
        )

    async def _preflight(self, _: web.Request) -> web.Response:
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "authorization, content-type, x-file-name",
                hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
            },
        )

    def _refuse(self, status: int, detail: str) -> web.Response:
        return self._answer(status, {"detail": detail})

    def _answer(self, status: int, body: object) -> web.Response:
        headers = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"} if self._any_origin else {}
        return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body, piece by piece.

    Raises:
        AttachmentRefused: nothing came for too long (408).
    """
    chunks = request.content.iter_chunked(CHUNK_BYTES)
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(chunks, b"")
        except TimeoutError:
            raise AttachmentRefused(408, "the upload stood still for too long; attach the file again") from None
        if not chunk:
            return
        yield chunk

"""Which files may be attached, judged by what they hold and not only by what they are called.

Invariants: nothing that a browser would run (HTML, SVG, scripts) is ever accepted; an image or document whose first
bytes are not what its media type says is refused.
"""

from __future__ import annotations

from collections.abc import Callable

#: How much of a file's beginning decides.
HEAD_BYTES = 512

Check = Callable[[bytes], bool]


def _starts(*prefixes: bytes) -> Check:
    return lambda head: head.startswith(prefixes)


def _riff(kind: bytes) -> Check:
    return lambda head: head.startswith(b"RIFF") and head[8:12] == kind


def _iso_media(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _text(head: bytes) -> bool:
    """No NUL, and UTF-8 or at least not plainly binary: a multi-byte character may be cut at the end."""
    return b"\0" not in head


_ZIP = _starts(b"PK\x03\x04")
_OFFICE = "application/vnd.openxmlformats-officedocument."

ALLOWED: dict[str, Check] = {
    "image/png": _starts(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _starts(b"\xff\xd8\xff"),
    "image/gif": _starts(b"GIF87a", b"GIF89a"),
    "image/webp": _riff(b"WEBP"),
    "application/pdf": _starts(b"%PDF-"),
    "text/plain": _text,
    "text/csv": _text,
    "audio/mpeg": _starts(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "audio/wav": _riff(b"WAVE"),
    "audio/ogg": _starts(b"OggS"),
    "audio/mp4": _iso_media,
    "video/mp4": _iso_media,
    "video/webm": _starts(b"\x1a\x45\xdf\xa3"),
    _OFFICE + "wordprocessingml.document": _ZIP,
    _OFFICE + "spreadsheetml.sheet": _ZIP,
    _OFFICE + "presentationml.presentation": _ZIP,
}

#: Shown in the page; everything else is offered for download.
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def plain_type(content_type: str) -> str:
    """The media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_allowed(media_type: str, head: bytes) -> bool:
    """Whether a file of this type that begins with `head` may be attached."""
    check = ALLOWED.get(media_type)
    return check is not None and check(head)

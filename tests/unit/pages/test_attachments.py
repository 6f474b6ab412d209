"""Attachments are kept whole or not at all, and only what is allowed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.web.attachments import AttachmentRefused, AttachmentStore, safe_name
from gateways.web.media import ALLOWED, is_allowed, plain_type

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """An upload that comes in parts."""
    for part in parts:
        yield part


async def test_a_kept_file_is_found_after_a_restart(tmp_path: Path) -> None:
    """What was told to be kept is on disk with its hash, for the next process too."""
    kept = await AttachmentStore(tmp_path, 1).keep("alice", "a.png", "image/png", None, chunks(PNG[:50], PNG[50:]))
    store = AttachmentStore(tmp_path, 1)
    found = store.find(kept.id)
    assert found == kept, "the next process must know it"
    assert store.path(kept).read_bytes() == PNG, "its content must be unchanged"
    assert (kept.sha256, kept.size_bytes) == (hashlib.sha256(PNG).hexdigest(), len(PNG))
    assert list((tmp_path / "uploads").iterdir()) == [], "nothing half-written may stay"


@pytest.mark.parametrize(
    ("media_type", "content", "declared", "status"),
    [
        ("image/png", bytes(2_000_001), 2_000_001, 413),
        ("image/png", PNG + bytes(2_000_001), None, 413),
        ("text/html", b"<b>", None, 415),
        ("image/svg+xml", b"<svg>", None, 415),
        ("", b"x", None, 415),
        ("image/png", b"<svg onload=alert(1)>", None, 415),
        ("application/pdf", b"MZ", None, 415),
        ("text/plain", b"a\0b", None, 415),
        ("text/plain", b"", None, 400),
    ],
)
async def test_refused_files(tmp_path: Path, media_type: str, content: bytes, declared: int | None, status: int) -> None:
    """A file that is too large, forbidden, disguised or empty is refused with its status and leaves nothing behind."""
    store = AttachmentStore(tmp_path, 2)
    with pytest.raises(AttachmentRefused) as refused:
        await store.keep("alice", "f", media_type, declared, chunks(content))
    assert refused.value.status == status
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], "a refused file must not stay on disk"


async def test_uploads_at_once_share_their_owners_limit(tmp_path: Path) -> None:
    """Many uploads that come at the same time cannot pass the limit together; those that fail give their room back."""
    store = AttachmentStore(tmp_path, 1, 1)
    gate = asyncio.Event()

    async def slowly(content: bytes) -> AsyncIterator[bytes]:
        yield content
        await gate.wait()
        yield content

    uploads = [asyncio.create_task(store.keep("alice", "f", "image/png", None, slowly(PNG + bytes(200_000)))) for _ in range(4)]
    while not all(upload.done() for upload in uploads) and not gate.is_set():
        await asyncio.sleep(0)
        if len(list((tmp_path / "uploads").iterdir())) == 4:
            gate.set()
    results = await asyncio.gather(*uploads, return_exceptions=True)
    kept = [one for one in results if not isinstance(one, BaseException)]
    refused = [one for one in results if isinstance(one, AttachmentRefused)]
    assert (2, 2, {413}) == (len(kept), len(refused), {one.status for one in refused})
    left = 1_000_000 - sum(one.size_bytes for one in kept)
    await store.keep("alice", "g", "image/png", None, chunks(PNG + bytes(left - len(PNG))))
    with pytest.raises(AttachmentRefused):
        await store.keep("alice", "h", "image/png", None, chunks(PNG))


async def test_one_owner_cannot_fill_the_disk(tmp_path: Path) -> None:
    """All files of one owner together have a limit; other owners have their own."""
    store = AttachmentStore(tmp_path, 1, max_owner_mb=0.0003)
    for owner in ("alice", "alice", "bob"):
        await store.keep(owner, "a.png", "image/png", None, chunks(PNG))
    with pytest.raises(AttachmentRefused, match="all files together"):
        await store.keep("alice", "a.png", "image/png", None, chunks(PNG))


@pytest.mark.parametrize("guess", ["", "../../etc/passwd", "a" * 24, "a" * 23, "../" * 8, "x" * 5000, "ab/cd" + "e" * 19])
def test_other_ids_find_nothing(tmp_path: Path, guess: str) -> None:
    """What is not an id, or is nobody's, finds nothing and touches no file outside."""
    assert AttachmentStore(tmp_path, 1).find(guess) is None


async def test_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    """An upload that a crash cut off is never visible and is gone after the next start."""
    leftover = tmp_path / "uploads" / "abc.part"
    leftover.parent.mkdir()
    leftover.write_bytes(PNG)
    AttachmentStore(tmp_path, 1)
    assert not leftover.exists()


@given(st.text(max_size=400))
def test_names_are_harmless(name: str) -> None:
    """Whatever a file is called, its kept name is short, printable in a header and no path."""
    kept = safe_name(name)
    assert 0 < len(kept) <= 120
    assert not set(kept) & set('/\\:*?"<>|\r\n\0'), "no path and no header can be made of it"
    assert kept not in {".", ".."}


def test_long_names_keep_their_ending() -> None:
    """A name that is cut still says what kind of file it is."""
    assert safe_name("r" * 300 + ".pdf").endswith("r.pdf")
    assert safe_name("../../etc/passwd") == "_.._etc_passwd"
    assert safe_name("发票 2026.pdf") == "发票 2026.pdf", "names in any script are kept"


def test_nothing_that_a_browser_runs_is_allowed() -> None:
    """No type that can carry a script is on the list, with parameters or in capitals either."""
    assert not {"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript"} & ALLOWED.keys()
    assert plain_type("Image/PNG; charset=x") == "image/png"
    assert is_allowed("image/png", PNG)

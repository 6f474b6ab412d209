"""Files that customers and agents attach, kept in one directory.

    uploads/<random>.part  --fsync, hash-->  <id[:2]>/<id>.bin + <id>.json  (the .json last: it makes the file exist)

Invariants: an id is 144 random bits, so it cannot be guessed; a file is on disk, with its hash, before its id is told to
anybody; a file is never changed; what a crash leaves half-written is never visible.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterable
from pathlib import Path

import msgspec

from gateways.web.media import ALLOWED, HEAD_BYTES, is_allowed

MAX_NAME_LENGTH = 120
_ID = re.compile(r"[A-Za-z0-9_-]{24}")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?\"<>|]+")


class StoredAttachment(msgspec.Struct, frozen=True):
    """What is known of one file; `owner` is the conversation or agent that uploaded it."""

    id: str
    owner: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class AttachmentRefused(Exception):
    """The file cannot be kept; `status` is the HTTP status and `detail` says what would be."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _Taken:
    """What one upload takes of its owner's limit."""

    __slots__ = ("_by_owner", "_bytes", "owner")

    def __init__(self, by_owner: dict[str, int], owner: str) -> None:
        self._by_owner = by_owner
        self.owner = owner
        self._bytes = 0

    def take(self, more_bytes: int) -> None:
        """So many bytes came."""
        self._bytes += more_bytes
        self._by_owner[self.owner] = self._by_owner.get(self.owner, 0) + more_bytes

    def give_back(self) -> None:
        """Nothing of it was kept."""
        left = self._by_owner.get(self.owner, 0) - self._bytes
        if left > 0:
            self._by_owner[self.owner] = left
        else:
            self._by_owner.pop(self.owner, None)
        self._bytes = 0


class AttachmentStore:
    """One directory of attachments with a limit per file and per owner."""

    def __init__(self, directory: Path, max_file_mb: float, max_owner_mb: float | None = 200.0) -> None:
        self.max_file_mb = max_file_mb
        self._max_file_bytes = int(max_file_mb * 1_000_000)
        self._max_owner_bytes = None if max_owner_mb is None else int(max_owner_mb * 1_000_000)
        self._directory = directory
        self._uploads = directory / "uploads"
        self._owner_bytes: dict[str, int] = {}
        self._uploads.mkdir(parents=True, exist_ok=True)
        for leftover in self._uploads.iterdir():
            leftover.unlink()

    def find(self, attachment_id: str) -> StoredAttachment | None:
        """What is known of a file, or None if there is no such one."""
        if not _ID.fullmatch(attachment_id):
            return None
        try:
            return msgspec.json.decode(self._description(attachment_id).read_bytes(), type=StoredAttachment)
        except FileNotFoundError:
            return None

    def path(self, attachment: StoredAttachment) -> Path:
        """Where the file's content is."""
        return self._folder(attachment.id) / f"{attachment.id}.bin"

    async def keep(
        self, owner: str, name: str, media_type: str, declared_bytes: int | None, chunks: AsyncIterable[bytes]
    ) -> StoredAttachment:
        """Store a file; when this returns it is on disk.

        Raises:
            AttachmentRefused: too large (413), or not an allowed kind of file (415).
        """
        if media_type not in ALLOWED:
            # What is repeated may be anything that fits into a header, also bytes that are no text.
            shown = media_type.encode("ascii", "backslashreplace").decode()[:80] or "unknown"
            raise AttachmentRefused(415, f"files of type {shown} cannot be attached; {self._kinds()} can")
        if declared_bytes is not None:
            self._check_size(owner, declared_bytes, declared_bytes)
        part = self._uploads / f"{secrets.token_hex(16)}.part"
        # Counted as it comes, so that uploads at the same time see each other.
        taken = _Taken(self._owner_bytes, owner)
        try:
            size_bytes, sha256, head = await self._receive(taken, part, chunks)
            if not is_allowed(media_type, head):
                raise AttachmentRefused(415, f"the file does not hold what its type {media_type} says; attach it as what it is")
            stored = StoredAttachment(secrets.token_urlsafe(18), owner, safe_name(name), media_type, size_bytes, sha256)
            await asyncio.to_thread(self._publish, part, stored)
        except BaseException:
            taken.give_back()
            raise
        finally:
            part.unlink(missing_ok=True)
        return stored

    async def _receive(self, taken: _Taken, part: Path, chunks: AsyncIterable[bytes]) -> tuple[int, str, bytes]:
        size_bytes, digest, head = 0, hashlib.sha256(), b""
        with part.open("wb") as file:
            async for chunk in chunks:
                size_bytes += len(chunk)
                self._check_size(taken.owner, size_bytes, len(chunk))
                taken.take(len(chunk))
                digest.update(chunk)
                head = head + chunk[: HEAD_BYTES - len(head)] if len(head) < HEAD_BYTES else head
                file.write(chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        if not size_bytes:
            raise AttachmentRefused(400, "the file is empty")
        return size_bytes, digest.hexdigest(), head

    def _check_size(self, owner: str, size_bytes: int, more_bytes: int) -> None:
        if size_bytes > self._max_file_bytes:
            raise AttachmentRefused(413, f"the file is larger than {self.max_file_mb:g} MB; attach a smaller one")
        most = self._max_owner_bytes
        if most is not None and self._owner_bytes.get(owner, 0) + more_bytes > most:
            raise AttachmentRefused(413, f"all files together are larger than {most // 1_000_000} MB")

    def _publish(self, part: Path, stored: StoredAttachment) -> None:
        folder = self._folder(stored.id)
        folder.mkdir(exist_ok=True)
        part.rename(folder / f"{stored.id}.bin")
        description = part.with_suffix(".json")
        with description.open("wb") as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        description.rename(self._description(stored.id))
        for directory in (folder, self._directory):
            _fsync_directory(directory)

    def _folder(self, attachment_id: str) -> Path:
        return self._directory / attachment_id[:2]

    def _description(self, attachment_id: str) -> Path:
        return self._folder(attachment_id) / f"{attachment_id}.json"

    @staticmethod
    def _kinds() -> str:
        return "images, PDF, text, CSV, audio, video and Office documents"


def safe_name(name: str) -> str:
    """A file name that no file system or header misreads: no paths, control or direction-changing characters."""
    plain = _NOT_IN_NAMES.sub("_", name).strip(" .")
    if len(plain) <= MAX_NAME_LENGTH:
        return plain or "file"
    stem, dot, suffix = plain.rpartition(".")
    return f"{stem[: MAX_NAME_LENGTH - 10]}.{suffix}" if dot and len(suffix) <= 8 else plain[:MAX_NAME_LENGTH]


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

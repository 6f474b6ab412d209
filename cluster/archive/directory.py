"""An archive in a directory: one directory for each shard, one file for each segment, named by its commits.

    <directory>/lock                                              held by who writes
    <directory>/shard-7/00000000000000000001-00000000000000002000.seg
    <directory>/shard-7/….seg.lost                                set aside: the store lost these commits
    <directory>/shard-7/….tmp                                     half written by a process that died

Keeps: a segment appears under its name only when all of it is on disk, and then never changes. Files are read and written
in a thread, so that a slow disk delays nobody. Everything here tells its state from the names alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from actors.address import ShardId
from cluster.archive.base import ArchiveDamaged, ArchiveInUse, Entries, consecutive
from cluster.archive.segment import Segment, encode_segment

SUFFIX = ".seg"
TEMPORARY = ".tmp"
LOST = ".lost"
PREFIX = "shard-"
#: A file name has at most 255 bytes.
LONGEST_NAME = 200


class ArchiveDirectory:
    """A `cluster.archive.base.Archive`. Many may read a directory, one writes it.

    Args:
        directory: made when it is first written to.
        cluster: whose journals it holds.
    """

    def __init__(self, directory: Path, cluster: str) -> None:
        self.directory = directory
        self._cluster = cluster
        self._lock: int | None = None
        #: The segment that was read last, of each shard: readers go on where they were.
        self._open: dict[ShardId, Segment] = {}
        self._names: dict[ShardId, list[tuple[int, int]]] = {}

    async def open(self) -> None:
        await asyncio.to_thread(self._open_to_write)

    async def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def spans(self, shard: ShardId) -> list[tuple[int, int]]:
        return await asyncio.to_thread(self._spans, shard)

    async def read(self, shard: ShardId, after: int, before: int, limit: int) -> Entries:
        return await asyncio.to_thread(self._read, shard, after, before, limit)

    async def append(self, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> int:
        return await asyncio.to_thread(self._append, shard, entries)

    async def set_aside(self, shard: ShardId, first: int) -> int:
        return await asyncio.to_thread(self._set_aside, shard, first)

    async def size(self) -> int:
        return await asyncio.to_thread(self._size)

    # -- in a thread --------------------------------------------------------------------------------------------------

    def _open_to_write(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._lock is None:
            self._lock = _lock(self.directory / "lock")
        for left in self.directory.glob(f"{PREFIX}*/*{TEMPORARY}"):
            left.unlink()

    def _spans(self, shard: ShardId) -> list[tuple[int, int]]:
        try:
            names = [path.name for path in self._place(shard).iterdir()]
        except FileNotFoundError:
            names = []
        found = sorted(span for name in names if (span := _span_of(name)) is not None)
        self._names[shard] = found
        return found

    def _read(self, shard: ShardId, after: int, before: int, limit: int) -> Entries:
        """Read from the segment that holds the next entry, and from those that follow it without a gap."""
        found: Entries = []
        for attempt in (0, 1):
            # A segment can be set aside under a reader; what names are there then is looked up again.
            with contextlib.suppress(FileNotFoundError):
                for span in self._next_spans(shard, after, before):
                    if found and span[0] > found[-1][0] + 1:
                        break
                    position = found[-1][0] if found else after
                    found += self._segment(shard, span).read(position, before, limit - len(found))
                    if len(found) >= limit:
                        break
                if found or attempt:
                    return found
            self._names.pop(shard, None)
            found = []
        return found

    def _next_spans(self, shard: ShardId, after: int, before: int) -> list[tuple[int, int]]:
        known = self._names.get(shard)
        if known is None or not known or known[-1][1] <= after:
            known = self._spans(shard)
        return [span for span in known if span[1] > after and span[0] < before]

    def _segment(self, shard: ShardId, span: tuple[int, int]) -> Segment:
        path = self._place(shard) / name_of(*span)
        segment = self._open.get(shard)
        if segment is None or segment.path != path:
            segment = Segment(path)
            header = segment.header
            if (header.cluster, header.shard, header.first, header.last) != (self._cluster, shard, *span):
                told = f"shard {header.shard} of cluster {header.cluster}, commits {header.first} to {header.last}"
                raise ArchiveDamaged(f"segment {path} is not what its place says: it holds {told}. Put it where it belongs")
            self._open[shard] = segment
        elif not path.exists():
            del self._open[shard]
            raise FileNotFoundError(path)
        return segment

    def _append(self, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> int:
        place = self._place(shard)
        if not place.is_dir():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync_directory(self.directory)
        name = name_of(*consecutive(entries))
        temporary = place / (name + TEMPORARY)
        try:
            with temporary.open("wb") as file:
                written = sum(file.write(piece) for piece in encode_segment(self._cluster, shard, entries))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place / name)
        except OSError:
            # A disk that is full must not be filled further by what is of no use.
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(place)
        self._names.pop(shard, None)
        return written

    def _set_aside(self, shard: ShardId, first: int) -> int:
        place, changed = self._place(shard), 0
        for span in self._spans(shard):
            if span[1] < first:
                continue
            if span[0] < first:
                self._append(shard, Segment(place / name_of(*span)).read(0, first, first - span[0]))
            path = place / name_of(*span)
            path.replace(_free(path.with_name(path.name + LOST)))
            changed += 1
        if changed:
            _sync_directory(place)
        self._names.pop(shard, None)
        self._open.pop(shard, None)
        return changed

    def _size(self) -> int:
        found = 0
        for path in self.directory.glob(f"{PREFIX}*/*{SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                found += path.stat().st_size
        return found

    def _place(self, shard: ShardId) -> Path:
        name = quote(shard, safe="")
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}~{hashlib.sha256(shard.encode()).hexdigest()[:16]}"
        return self.directory / (PREFIX + name)


def name_of(first: int, last: int) -> str:
    """The file name of a segment; names sort as numbers do."""
    return f"{first:020}-{last:020}{SUFFIX}"


def _span_of(name: str) -> tuple[int, int] | None:
    first, _, last = name.removesuffix(SUFFIX).partition("-")
    if not name.endswith(SUFFIX) or not first.isdecimal() or not last.isdecimal():
        return None
    return int(first), int(last)


def _free(path: Path) -> Path:
    """A name that nothing has: the same commits can be lost twice."""
    number = 1
    found = path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}.{number}")
    return found


def _sync_directory(path: Path) -> None:
    """Put names on disk, not only what they name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int:
    """Hold the file, with our process id in it, for as long as this process lives.

    Raises:
        ArchiveInUse: another process does.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise ArchiveInUse(f"the archive {path.parent} is written by process {holder}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor

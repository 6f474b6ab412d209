"""The format of a segment file: consecutive journal entries of one shard, compressed in blocks.

    magic 8 bytes | frame | frame | …                 frame: length (4 bytes), CRC-32 of the body (4), body
                    |       `- block: first commit (8), entries (4), zlib of a MessagePack array of the entries
                    `- header: MessagePack `SegmentHeader`, which says how far the blocks go

Integers are unsigned and big-endian. Version 1; `tests/contract/golden` keeps a sample readable. Keeps: a file that was cut
short, changed, or is another shard's is refused with its name, never read in part; a reader holds one block in memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from actors.address import ShardId
from cluster.archive.base import ArchiveDamaged, Entries, consecutive
from cluster.decoding import Decoder

MAGIC: Final = b"TLJRNL\x00\x01"
FORMAT: Final = 1
#: Entries of about this many bytes are compressed together: larger blocks save little more, and cost readers memory.
BLOCK_BYTES: Final = 256 * 1024
#: Beyond this no frame is genuine, whatever its length says.
LARGEST_FRAME: Final = 1 << 30
#: More costs twice the time for 3 % (measured on journals of the load generator).
LEVEL: Final = 6

_FRAME = struct.Struct(">II")
_BLOCK = struct.Struct(">QI")
_encode = msgspec.msgpack.Encoder().encode
_entries_decoder: Decoder[list[bytes]] = Decoder(list[bytes])


class SegmentHeader(msgspec.Struct, frozen=True, array_like=True):
    """What a segment says of itself. Fields are only appended."""

    format: int
    cluster: str
    shard: str
    first: int
    last: int
    #: Bytes of all entries before compression.
    raw_bytes: int


_header_decoder: Decoder[SegmentHeader] = Decoder(SegmentHeader)


def encode_segment(cluster: str, shard: ShardId, entries: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
    """The file's content, piece by piece.

    Raises:
        ValueError: the entries are not consecutive.
    """
    first, last = consecutive(entries)
    raw_bytes = sum(len(content) for _, content in entries)
    yield MAGIC
    yield from _frame(_encode(SegmentHeader(FORMAT, cluster, shard, first, last, raw_bytes)))
    block: list[bytes] = []
    size = 0
    for number, content in entries:
        block.append(content)
        size += len(content)
        if size >= BLOCK_BYTES or number == last:
            packed = zlib.compress(_encode(block), LEVEL)
            yield from _frame(_BLOCK.pack(number - len(block) + 1, len(block)) + packed)
            block, size = [], 0


def _frame(body: bytes) -> Iterator[bytes]:
    yield _FRAME.pack(len(body), zlib.crc32(body))
    yield body


class Segment:
    """One segment file, opened by reading its header and where its blocks are.

    Raises:
        ArchiveDamaged: it cannot be read.
        FileNotFoundError: it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: (first commit, entries, place in the file) of each block.
        self._blocks: list[tuple[int, int, int]] = []
        self._loaded: tuple[int, list[bytes]] = (0, [])
        with self._open() as file:
            self.header = self._read_header(file)
            self._read_index(file)

    def read(self, after: int, before: int, limit: int) -> Entries:
        """Entries above `after` and below `before`, ascending, at most `limit`; raises `ArchiveDamaged`."""
        found: Entries = []
        for first, count, place in self._blocks:
            if first + count - 1 <= after:
                continue
            if first >= before or len(found) >= limit:
                break
            block = self._load(first, count, place)
            start = max(first, after + 1)
            wanted = range(start, min(first + count, before, start + limit - len(found)))
            found += [(number, block[number - first]) for number in wanted]
        return found

    def _load(self, first: int, count: int, place: int) -> list[bytes]:
        if self._loaded[0] != first:
            with self._open() as file:
                file.seek(place)
                body = self._read_frame(file)
            try:
                block = _entries_decoder.decode(zlib.decompress(body[_BLOCK.size :]))
            except (zlib.error, msgspec.DecodeError) as error:
                raise self._damaged(f"the block at byte {place} cannot be unpacked ({error})") from error
            if len(block) != count:
                raise self._damaged(f"the block at byte {place} has {len(block)} entries, not {count}")
            self._loaded = (first, block)
        return self._loaded[1]

    def _read_header(self, file: BinaryIO) -> SegmentHeader:
        magic = file.read(len(MAGIC))
        if magic[:-1] != MAGIC[:-1]:
            raise self._damaged("it does not begin as a segment does")
        if magic != MAGIC:
            raise self._damaged(f"it is of version {magic[-1]}; this release reads {MAGIC[-1]}: upgrade trunkline")
        try:
            return _header_decoder.decode(self._read_frame(file))
        except msgspec.DecodeError as error:
            raise self._damaged(f"its header cannot be read ({error})") from error

    def _read_index(self, file: BinaryIO) -> None:
        """Find the blocks without unpacking them, and see that they are all there."""
        due = self.header.first
        while due <= self.header.last:
            place = file.tell()
            length, _ = self._read_sizes(file)
            head = file.read(_BLOCK.size)
            if length < _BLOCK.size or len(head) < _BLOCK.size:
                raise self._cut_short(due)
            first, count = _BLOCK.unpack(head)
            if first != due or not count:
                raise self._damaged(f"the block at byte {place} begins with commit {first}, not {due}")
            self._blocks.append((first, count, place))
            due = first + count
            file.seek(place + _FRAME.size + length)
        if due != self.header.last + 1 or file.tell() != self._size(file):
            raise self._cut_short(due)

    def _read_sizes(self, file: BinaryIO) -> tuple[int, int]:
        sizes = file.read(_FRAME.size)
        if len(sizes) < _FRAME.size:
            raise self._damaged("it ends too early: it was cut short")
        length, checksum = _FRAME.unpack(sizes)
        if length > LARGEST_FRAME:
            raise self._damaged(f"it has a frame of {length} bytes")
        return length, checksum

    def _read_frame(self, file: BinaryIO) -> bytes:
        place = file.tell()
        length, checksum = self._read_sizes(file)
        body = file.read(length)
        if len(body) < length:
            raise self._damaged("it ends too early: it was cut short")
        if zlib.crc32(body) != checksum:
            raise self._damaged(f"the frame at byte {place} was changed: its checksum is wrong")
        return body

    def _open(self) -> BinaryIO:
        return self.path.open("rb")

    @staticmethod
    def _size(file: BinaryIO) -> int:
        place = file.tell()
        size = file.seek(0, 2)
        file.seek(place)
        return size

    def _cut_short(self, due: int) -> ArchiveDamaged:
        return self._damaged(f"it should hold commits {self.header.first} to {self.header.last}, and breaks off at {due}")

    def _damaged(self, what: str) -> ArchiveDamaged:
        return ArchiveDamaged(
            f"segment {self.path} is damaged: {what}. Put it back from a backup, or move it away to go on with what follows"
        )

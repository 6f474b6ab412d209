"""Segment files: what was written comes back, and no damaged byte goes unnoticed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from actors.address import ShardId
from cluster.archive import ArchiveDamaged, ArchiveDirectory
from cluster.archive.segment import BLOCK_BYTES, Segment, encode_segment

SHARD = ShardId("7")
GOLDEN = Path(__file__).parents[2] / "contract" / "golden" / "segment-1.seg"


def entries(first: int, count: int, size: int = 50) -> list[tuple[int, bytes]]:
    chance = random.Random(first)
    return [(number, chance.randbytes(size)) for number in range(first, first + count)]


def written(path: Path, content: list[tuple[int, bytes]]) -> Path:
    path.write_bytes(b"".join(encode_segment("test", SHARD, content)))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Any page of a segment of several blocks is what was put in."""
    content = entries(11, 40, BLOCK_BYTES // 7)
    segment = Segment(written(tmp_path / "a.seg", content))
    assert (segment.header.first, segment.header.last) == (11, 50)
    assert segment.read(0, 1_000, 1_000) == content
    for after, before, limit in ((10, 51, 1), (17, 51, 9), (20, 23, 100), (49, 99, 3), (50, 99, 3), (0, 11, 3), (0, 99, 5)):
        expected = [entry for entry in content if after < entry[0] < before][:limit]
        assert segment.read(after, before, limit) == expected


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    """A file that was cut short anywhere is refused with its name."""
    whole = written(tmp_path / "whole.seg", entries(1, 20)).read_bytes()
    path = tmp_path / "short.seg"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveDamaged, match=r"short\.seg"):
            Segment(path).read(0, 100, 100)


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    """One changed bit anywhere is refused with the file's name; so is anything behind the end."""
    whole = written(tmp_path / "whole.seg", entries(1, 20, 8)).read_bytes()
    path = tmp_path / "changed.seg"
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ArchiveDamaged, match=r"changed\.seg"):
            Segment(path).read(0, 100, 100)
    path.write_bytes(whole + b"\x00")
    with pytest.raises(ArchiveDamaged, match=r"changed\.seg"):
        Segment(path).read(0, 100, 100)


def test_a_later_version_says_so(tmp_path: Path) -> None:
    """A segment of a later format asks for an upgrade."""
    path = written(tmp_path / "later.seg", entries(1, 2))
    path.write_bytes(path.read_bytes()[:7] + b"\x02" + path.read_bytes()[8:])
    with pytest.raises(ArchiveDamaged, match="upgrade trunkline"):
        Segment(path)


async def test_a_file_in_a_wrong_place_is_refused(tmp_path: Path) -> None:
    """A segment copied to another shard, another cluster or another name is not taken for what its place says."""
    archive = ArchiveDirectory(tmp_path, "test")
    await archive.append(SHARD, entries(1, 3))
    (file,) = tmp_path.glob("shard-7/*.seg")
    (tmp_path / "shard-8").mkdir()
    (tmp_path / "shard-8" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ArchiveDamaged, match="shard 7"):
        await archive.read(ShardId("8"), 0, 100, 100)
    with pytest.raises(ArchiveDamaged, match="cluster test"):
        await ArchiveDirectory(tmp_path, "other").read(SHARD, 0, 100, 100)


def test_gaps_cannot_be_written() -> None:
    """A segment holds consecutive commits, and at least one."""
    for wrong in ([], [(1, b"a"), (3, b"b")]):
        with pytest.raises(ValueError, match="consecutive"):
            list(encode_segment("test", SHARD, wrong))


def test_the_golden_segment_is_readable() -> None:
    """What the first release wrote stays readable; `python -m tests.unit.archive.test_segment` wrote it."""
    segment = Segment(GOLDEN)
    header = segment.header
    assert (header.format, header.cluster, header.shard, header.first, header.last) == (1, "golden", "session/会话 1", 41, 43)
    assert segment.read(0, 100, 100) == [(41, b"one"), (42, b"\x00\xff" * 1000), (43, b"")]
    assert header.raw_bytes == 2003


if __name__ == "__main__":
    golden = [(41, b"one"), (42, b"\x00\xff" * 1000), (43, b"")]
    GOLDEN.write_bytes(b"".join(encode_segment("golden", ShardId("session/会话 1"), golden)))

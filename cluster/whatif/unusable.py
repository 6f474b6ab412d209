"""What is wrong with what a what-if was given."""

from __future__ import annotations

from pathlib import Path

from cluster.errors import TrunklineError


class StudyUnusable(TrunklineError):
    """Arrivals, laws or options that cannot be used; the detail says where and what to write."""

    code = "INVALID_ARGUMENT"


def read_lines(path: Path, what: str) -> str:
    """The text of a file.

    Raises:
        StudyUnusable: it cannot be read, or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise StudyUnusable(f"{path}: {what} cannot be read: {problem.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise StudyUnusable(f"{path}: {what} is not UTF-8 text; save it as UTF-8") from None

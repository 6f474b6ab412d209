"""Reads customer questions from a CSV file, and says which entry point of the sample centre each belongs to.

Kept: a file that cannot be used is refused with its name, the line and what to write; nothing is silently dropped but
blank rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from loadtest.failures import SourceUnusable

#: The longest message that the product takes.
MAX_CHARACTERS: Final = 8000

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_WORDS: Final = re.compile(r"[^\W_]+")
#: Words of a category that send its customers to a desk of their own; the first desk that knows a word wins.
_DESKS: Final = (
    (
        "payments",
        {
            "balance", "beneficiary", "charge", "charged", "debit", "deposit", "exchange", "fee", "payment", "payments",
            "receiving", "refund", "top", "topping", "transfer", "transfers",
        },
    ),
    (
        "cards",
        {"apple", "atm", "card", "cards", "cash", "contactless", "mastercard", "pin", "virtual", "visa", "withdrawal"},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What one customer asks; `category` may be empty."""

    text: str
    category: str = ""

    @property
    def language(self) -> str:
        """`zh` for Chinese, `en` for all else."""
        return "zh" if _CHINESE.search(self.text) else "en"

    @property
    def entry_point(self) -> str:
        """The entry point of the sample centre through which this customer comes."""
        if self.language == "zh":
            return "chinese"
        words = set(_WORDS.findall(self.category.lower()))
        for desk, known in _DESKS:
            if words & known:
                return desk
        return "general" if words else "default"


def read_questions(path: Path | None) -> list[Question]:
    """The questions of a CSV file with a header line and a column `text`, optionally `category`.

    Args:
        path: The file; the one that comes with the product when None.

    Raises:
        SourceUnusable: it is missing, empty, not UTF-8, has no such column or a text that no message can hold.
    """
    if path is None:
        return parse_questions(files("loadtest.demo").joinpath("questions.csv").read_bytes(), "questions.csv")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read ({error.strerror}): name a CSV file with a column `text`") from error
    return parse_questions(content, str(path))


def parse_questions(content: bytes, name: str) -> list[Question]:
    """As `read_questions`; `name` is what the file is called in errors."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        detail = f"{name} line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise SourceUnusable(detail) from None
    if not text.strip():
        raise SourceUnusable(f"{name} is empty: write a header line `text,category` and one question a line")
    questions = list(_rows(csv.reader(io.StringIO(text, newline=""), strict=True), name))
    if not questions:
        raise SourceUnusable(f"{name} has a header and no question: write one question a line")
    return questions


def _rows(rows: Iterator[list[str]], name: str) -> Iterator[Question]:
    # Where the reader stands is known only to itself, and an unclosed quote may be far above the line it gives up at.
    reader, started = rows, 1
    try:
        header = [column.strip().lower() for column in next(reader)]
        if "text" not in header:
            found = ", ".join(f"`{column}`" for column in header)
            raise SourceUnusable(f"{name} line 1: there is no column `text` among {found}; name the questions' column `text`")
        at_text = header.index("text")
        at_category = header.index("category") if "category" in header else None
        started = _line(reader) + 1
        for row in reader:
            line, started = started, _line(reader) + 1
            if not any(cell.strip() for cell in row):
                continue
            yield _question(row, at_text, at_category, f"{name} line {line}")
    except csv.Error as error:
        raise SourceUnusable(f"{name} line {started}: {error}; check the quotes from this line on") from None


def _line(reader: Iterator[list[str]]) -> int:
    return int(getattr(reader, "line_num", 0))


def _question(row: list[str], at_text: int, at_category: int | None, place: str) -> Question:
    text = row[at_text].strip() if at_text < len(row) else ""
    if not text:
        raise SourceUnusable(f"{place}: the column `text` is empty; write the question or delete the line")
    if len(text) > MAX_CHARACTERS:
        detail = f"{place}: the question has {len(text)} characters, a message holds {MAX_CHARACTERS}; shorten it"
        raise SourceUnusable(detail)
    category = row[at_category].strip() if at_category is not None and at_category < len(row) else ""
    return Question(text, category)

"""A file of questions is read whole, or refused with its name, the line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.demo.questions import Question, parse_questions, read_questions
from loadtest.failures import SourceUnusable


def refused(content: bytes) -> str:
    with pytest.raises(SourceUnusable) as failed:
        parse_questions(content, "q.csv")
    return failed.value.detail


def test_the_products_own_questions() -> None:
    """The file that comes with the product has some sixty questions in both languages, for every entry point."""
    questions = read_questions(None)
    assert 55 <= len(questions) <= 70
    assert {"en", "zh"} == {question.language for question in questions}
    assert {"general", "cards", "payments", "chinese"} == {question.entry_point for question in questions}
    assert len(questions) == len({question.text for question in questions}), "each is asked once"


def test_any_users_file(tmp_path: Path) -> None:
    """Columns may stand anywhere, in any case, beside others; texts may hold commas, quotes and line breaks."""
    file = tmp_path / "mine.csv"
    file.write_bytes('\ufeffid, Category ,TEXT\r\n1,cards,"Lost, ""gone"",\r\nwhat now?"\r\n\r\n2,,Hello\r\n'.encode())
    expected = [Question('Lost, "gone",\r\nwhat now?', "cards"), Question("Hello", "")]
    assert expected == read_questions(file), "a byte-order mark, spaces and blank lines are no part of it"


@pytest.mark.parametrize(
    ("text", "category", "entry_point"),
    [
        ("我的卡丢了", "lost_card", "chinese"),
        ("Where is it?", "card_payment_fee_charged", "payments"),
        ("Where is it?", "lost_or_stolen_card", "cards"),
        ("Where is it?", "Refund_not_showing_up", "payments"),
        ("Where is it?", "edit_personal_details", "general"),
        ("Where is it?", "", "default"),
    ],
)
def test_a_category_chooses_the_entry_point(text: str, category: str, entry_point: str) -> None:
    """Chinese goes to the Chinese desk, else the category's words decide, else the general one."""
    assert entry_point == Question(text, category).entry_point, f"{category!r} belongs there"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file and says what to give."""
    with pytest.raises(SourceUnusable) as failed:
        read_questions(tmp_path / "none.csv")
    assert f"{tmp_path}/none.csv cannot be read (No such file or directory): name a CSV file with a column `text`" == str(
        failed.value
    ), "the path is in it"


def test_what_is_wrong_is_placed() -> None:
    """Every unusable content is refused with the line and advice."""
    assert "q.csv is empty: write a header line `text,category` and one question a line" == refused(b" \n")
    assert "q.csv has a header and no question: write one question a line" == refused(b"text\n\n")
    assert "q.csv line 1: there is no column `text` among `question`, `category`; name the questions' column `text`" == refused(
        b"question,category\nHello,x\n"
    )
    assert "q.csv line 3: byte 0xe9 is not UTF-8; save the file as UTF-8" == refused(b"text\nHello\ncaf\xe9\n")
    assert "q.csv line 3: the column `text` is empty; write the question or delete the line" == refused(
        b"category,text\nx,Hello\ny,\n"
    )
    assert "q.csv line 2: the question has 8001 characters, a message holds 8000; shorten it" == refused(
        b"text\n" + b"a" * 8001 + b"\n"
    )
    assert "q.csv line 3: unexpected end of data; check the quotes from this line on" == refused(
        b'text\nHello\n"never closed\nmore\nand more\n'
    ), "the line is where the quote opens"

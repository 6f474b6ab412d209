"""Dead letters are listed and shown without customers' words, unless these are asked for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from actors.address import Address, ShardId
from actors.messages.session import CustomerMessage
from actors.values import Content
from cluster.cli import store_access
from cluster.cli.main import app
from cluster.codec import encode
from cluster.shard.shard import DeadLetter
from cluster.store.base import Commit
from cluster.store.memory import MemoryStore

SECRET = "my card ends in 4929"
TO = Address("session/webchat:c1")


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with a message that nobody could handle, and an actor that could not be read."""
    store = MemoryStore()
    message = encode(CustomerMessage("m1", Content(SECRET)))
    letters = [
        DeadLetter(2_000, TO, "l:webchat-1", 7, message, f"ValueError: {SECRET}"),
        DeadLetter(1_000, TO, "s:1", 0, b"", "DecodeError: no such record"),
    ]

    async def fill() -> None:
        await store.claim(ShardId("1"), 1)
        await store.commit([Commit(ShardId("1"), 1, 1, 0, b"entry", dead_letters=[encode(letter) for letter in letters])])

    asyncio.run(fill())
    monkeypatch.setattr(store_access, "connect", lambda url, cluster: store)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dead-letters", *arguments, "--store", "redis://store.invalid:6379"])


def document(*arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_letters_are_listed_oldest_first() -> None:
    """Each with what it was, for whom, and the kind of the error."""
    listed = document("ls")
    assert [(letter["message"], letter["error"], letter["at"]) for letter in listed["letters"]] == [
        ("unknown", "DecodeError", 1_000),
        ("CustomerMessage", "ValueError", 2_000),
    ]
    assert (listed["total"], {letter["to"] for letter in listed["letters"]}) == (2, {TO})
    assert SECRET not in run("ls").output


def test_a_letter_is_shown_with_words_only_when_asked() -> None:
    """Neither the message nor the error's text gives a customer's words away by itself."""
    letter = document("ls")["letters"][1]["id"]
    assert SECRET not in run("show", letter).output
    told = document("show", letter, "--text")
    assert (told["error"], told["fields"]["content"]["text"]) == (f"ValueError: {SECRET}", SECRET)
    assert told["stream"] == "l:webchat-1"


def test_a_letter_that_is_not_there_is_told() -> None:
    """The text says how to find those that are."""
    result = run("show", "nothing")
    assert (result.exit_code, "dead-letters ls" in result.output) == (1, True)

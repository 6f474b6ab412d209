"""Commands that read the store tell what was committed, and never what people wrote unless asked to."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from actors.address import ShardId
from cluster.cli.main import app
from cluster.store.memory import MemoryStore
from tests.unit.cli.world import INTERACTION, SECRET

FROM = ["--store", "redis://store.invalid:6379"]

pytestmark = pytest.mark.usefixtures("opened")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, *FROM])


def document(*arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, f"{arguments} must succeed: {result.output}"
    return json.loads(result.stdout)


def test_trace_tells_the_story_in_order() -> None:
    """The story goes from arrival over a rejected offer to the end, each line with who and when."""
    (story,) = document("trace", INTERACTION)["interactions"]
    told = [f"{line['by']}: {line['what']}" for line in story["events"]]
    expected = [
        "session/webchat:c1: arrived on webchat, wants queue cards",
        "queue/cards: waits with priority 0, needs cards 3",
        "router/main: proposes alice, out of 1 waiting: longest idle of 1 free (idle for 0.0 s); "
        "nobody else could have been asked",
        "queue/cards: is held for alice",
        "agent/alice: offer rings for 20 s",
        "agent/alice: rejected the offer",
        "queue/cards: granted to alice",
        "session/webchat:c1: connected to alice",
        "session/webchat:c1: message 1 from the customer",
        "session/webchat:c1: ended by the agent",
        "agent/alice: wraps up",
        "agent/alice: done (resolved)",
    ]
    assert [line for line in expected if line in told] == expected, f"every step must be told: {told}"
    places = [told.index(line) for line in expected if "message 1" not in line]
    assert places == sorted(places), f"causes come before effects: {told}"
    assert ("ended", "agent", "webchat") == (story["state"], story["reason"], story["channel"]), "how it ended"
    assert 0 <= story["connected_after_ms"] <= story["ended_after_ms"], "times count from the arrival"
    assert all(later["after_ms"] >= earlier["after_ms"] for earlier, later in pairwise(story["events"])), (
        "time does not run backwards"
    )


def test_trace_of_a_conversation_tells_all_its_interactions() -> None:
    """A conversation's id stands for every interaction in it."""
    assert [INTERACTION] == [story["interaction"] for story in document("trace", "webchat:c1")["interactions"]], "found"


def test_trace_shows_text_only_when_asked() -> None:
    """What the customer wrote needs --text."""
    assert SECRET not in run("trace", INTERACTION).output, "hidden by default"
    assert f"message 1 from the customer: {SECRET}" in run("trace", INTERACTION, "--text").output, "shown on request"


def test_trace_for_people() -> None:
    """The readable story has relative times and ends with a summary."""
    output = run("trace", INTERACTION).output
    assert "    +0.000 s  session/webchat:c1  arrived on webchat, wants queue cards" in output, output
    assert "an agent came after" in output and "it lasted" in output, "the two figures that people ask for"


def test_unknown_interaction() -> None:
    """An id that no journal knows is an error with status 1, in both forms."""
    result = run("trace", "webchat:nobody/1", "--json")
    assert (1, "NOT_FOUND") == (result.exit_code, json.loads(result.stdout)["error"]["code"]), "as JSON"
    spoken = run("trace", "webchat:nobody/1")
    assert spoken.exit_code == 1 and "the journals know no interaction" in spoken.stderr, "for people"


def test_actors_ls() -> None:
    """Actors with state are listed by kind and by prefix."""
    everything = document("actors", "ls")
    assert {"agent": 1, "centre": 1, "queue": 2, "router": 1, "session": 1} == everything["by_kind"], "all of them"
    addresses = [actor["address"] for actor in document("actors", "ls", "queue")["actors"]]
    assert ["queue/cards", "queue/general"] == addresses, "one kind"
    assert ["queue/cards"] == [actor["address"] for actor in document("actors", "ls", "queue/ca")["actors"]], "a prefix"
    assert "1 agent, 1 centre, 2 queue, 1 router, 1 session" in run("actors", "ls").stderr, "counts for people"


def test_actors_show_hides_people() -> None:
    """Records are shown with field names; what people wrote and who they are is hidden, secrets always."""
    shown = document("actors", "show", "session/webchat:c1")
    text = json.dumps(shown, ensure_ascii=False)
    assert "SessionState" in text and '"channel": "webchat"' in text, "fields have names"
    assert ["retention"] == list(shown["timers"]), "its timers, by name"
    assert SECRET not in text and "Grace Hopper" not in text, "neither words nor names of people"
    told = json.dumps(document("actors", "show", "session/webchat:c1", "--text"), ensure_ascii=False)
    assert SECRET in told and "Grace Hopper" in told, "shown on request"
    centre = json.dumps(document("actors", "show", "centre/main", "--text"))
    assert "argon2" not in centre, "password hashes are never shown"


def test_actors_show_unknown() -> None:
    """An address without state is an error that says how to list those that have."""
    result = run("actors", "show", "queue/nope")
    assert result.exit_code == 1 and "`trunkline actors ls queue` lists those that have" in result.stderr, result.stderr


def test_verify() -> None:
    """A store that is right verifies with status 0."""
    report = document("verify")
    assert (True, []) == (report["ok"], report["violations"]), "nothing to complain about"
    assert "no violations in" in run("verify").output, "for people too"


def test_verify_decides_again() -> None:
    """`--replay` makes the router's decisions again and says how many came out the same."""
    replayed = document("verify", "--replay", "--shards", "4")["replay"]
    assert (replayed["same"], replayed["difference"], replayed["decisions"]) == (True, None, 2), "two offers were proposed"
    assert "replayed to the same bytes" in run("verify", "--replay", "--shards", "4").output, "for people too"


def test_verify_needs_the_number_of_shards_to_decide_again() -> None:
    """With another one the router would be elsewhere, where nothing was decided."""
    result = run("verify", "--replay", "--shards", "1024")
    assert result.exit_code == 1 and "is the number of shards right?" in result.stderr, result.stderr


def test_verify_fails_on_a_violation(stored: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal with an entry missing in its middle gives violations and status 1."""
    journals = {shard: asyncio.run(stored.journal(shard)) for shard in asyncio.run(stored.shards())}
    shard = max(journals, key=lambda name: len(journals[name]))
    journals[shard] = [entry for at, entry in enumerate(journals[shard]) if at != len(journals[shard]) // 2]

    async def tampered(of: ShardId, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        return [entry for entry in journals[of] if entry[0] > after][:limit]

    monkeypatch.setattr(stored, "journal", tampered)
    result = run("verify", "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["violations"], "a missing entry must be found"


def test_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable store is UNAVAILABLE, retryable, and says which store it was without its password."""
    monkeypatch.undo()
    arguments = ["verify", "--store", "redis://:hunter2@127.0.0.1:1/0", "--json"]
    result = CliRunner().invoke(app, arguments)
    error = json.loads(result.stdout)["error"]
    assert (1, "UNAVAILABLE", True) == (result.exit_code, error["code"], error["retryable"]), "try again later"
    assert "redis://127.0.0.1:1" in error["detail"] and "hunter2" not in result.output, error["detail"]


def test_a_store_url_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL of no known form says what to write."""
    monkeypatch.undo()
    result = CliRunner().invoke(app, ["actors", "ls", "--store", "localhost:6379"])
    assert result.exit_code == 1 and "a store URL begins with one of" in result.stderr, result.stderr

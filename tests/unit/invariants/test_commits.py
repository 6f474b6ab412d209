"""I9 to I12 and I15: commits in order, replay, repeats, effects outside, and logs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.address import Address, ShardId
from cluster.codec import encode
from cluster.invariants.checker import Checker
from cluster.invariants.evidence import Answered, Commanded, Evidence, LossWindow
from cluster.invariants.report import Report
from cluster.journal import decode_entry
from cluster.store.base import Records, ShardImage
from cluster.wire import Mark
from tests.unit.invariants.scribe import START, Scribe, arrives, broken, check, ready, served

SOME = Address("queue/sales")


def test_i9_order_of_commits() -> None:
    """Numbers are contiguous, epochs and time never go back, and an entry is its shard's own."""
    assert check(Scribe().commit().commit(epoch=3).commit(epoch=3)).ok, "a new host takes over"
    cases: list[tuple[str, dict[str, Any]]] = [
        ("a gap", {"number": 3}),
        ("a repetition", {"number": 1}),
        ("an epoch that went back", {"epoch": 1}),
        ("time that went back", {"now": START}),
        ("another shard's entry", {"shard": "7"}),
    ]
    for what, fields in cases:
        report = check(Scribe(epoch=2).commit().commit(**fields))
        assert broken(report) == {"I9"}, f"{what} is caught"


def store_of(scribe: Scribe) -> dict[Address, Records]:
    """What a faithful store holds after these commits."""
    actors: dict[Address, Records] = {}
    for content in scribe.entries:
        for change in decode_entry(content).changes:
            if change.ended:
                actors.pop(change.address, None)
            if change.puts or change.drops:
                records = actors.setdefault(change.address, {})
                records.update({key: bytes(value) for key, value in change.puts.items()})
                for key in change.drops:
                    del records[key]
    return actors


def compare(scribe: Scribe, actors: dict[Address, Records], **image: Any) -> Report:
    """The journal held against a store with these records."""
    checker = Checker()
    for content in scribe.entries:
        checker.feed(scribe.shard, content)
    fields: dict[str, Any] = {"epoch": scribe.epoch, "last_commit": scribe.number, "live": list(actors), **image}
    checker.stored(ShardImage(ShardId(scribe.shard), **fields))
    for address, records in actors.items():
        checker.stored_records(scribe.shard, address, records)
    return checker.finish()


def written() -> Scribe:
    """Two actors with some history, one of them deleted and made again, then both in one commit."""
    scribe = Scribe()
    scribe.commit(changes=[scribe.change(SOME, {"a": 1, "b": 2}), scribe.change("agent/alice", {"x": "one"})])
    scribe.commit(changes=[scribe.change(SOME, {"b": 3}, drops=["a"])])
    scribe.commit(changes=[scribe.change("agent/alice", {}, ended=True)])
    scribe.commit(changes=[scribe.change("agent/alice", {"x": "two", "y": 2})])
    return scribe.commit(changes=[scribe.change("agent/alice", {"x": "three"}, ended=True)])


def test_i10_a_faithful_store_is_clean() -> None:
    """The journal replays to the stored state byte for byte."""
    scribe = written()
    assert compare(scribe, store_of(scribe)).violations == [], "store and replay agree"


def test_i10_every_difference_is_caught() -> None:
    """A changed, missing, surplus or forgotten record is named."""
    scribe = written()
    for what, change in {
        "a changed record": {SOME: {"b": b"\x04"}},
        "a surplus record": {SOME: {"a": b"\x01"}},
        "an unknown actor": {Address("queue/ghost"): {"a": b"\x01"}},
    }.items():
        actors = store_of(scribe)
        for address, records in change.items():
            actors.setdefault(address, {}).update(records)
        assert broken(compare(scribe, actors)) == {"I10"}, f"{what} is caught"
    actors = store_of(scribe)
    del actors[SOME]["b"]
    assert broken(compare(scribe, actors)) == {"I10"}, "a missing record is caught"
    actors = store_of(scribe)
    del actors[SOME]
    assert broken(compare(scribe, actors)) == {"I10"}, "a missing actor is caught"
    assert broken(compare(scribe, store_of(scribe), last_commit=9)) == {"I10"}, "a store past its journal is caught"
    assert broken(compare(scribe, store_of(scribe), epoch=0)) == {"I9"}, "a store of an older epoch is caught"


def test_i10_versions_are_contiguous() -> None:
    """Each actor's versions count its changing commits from 1."""
    scribe = Scribe()
    first, second, third = (scribe.change(SOME, {"a": number}) for number in range(3))
    assert check(Scribe().commit(changes=[first]).commit(changes=[second])).ok, "1, 2"
    assert broken(check(Scribe().commit(changes=[second]))) == {"I10"}, "the first is missing"
    assert broken(check(Scribe().commit(changes=[first]).commit(changes=[third]))) == {"I10"}, "the second is missing"
    assert broken(check(Scribe().commit(changes=[first]).commit(changes=[first]))) == {"I10"}, "the first came twice"
    lying = msgspec.structs.replace(second, version=1)
    assert broken(check(Scribe().commit(changes=[lying]))) == {"I10"}, "it stores another version than it says"


def test_i10_an_unreadable_entry_is_caught() -> None:
    """An entry that cannot be read is a violation, and the rest is still judged."""
    scribe = Scribe().commit()
    scribe.entries.append(b"nonsense")
    scribe.number += 1
    scribe.commit()
    report = check(scribe)
    assert broken(report) == {"I10"}, "the bytes are no journal entry"
    assert report.counts["commits"] == 2, "the others were read"


def test_i10_a_trimmed_journal_is_compared_as_far_as_it_goes() -> None:
    """Records from before its beginning are unknown; those written since are compared."""
    scribe = Scribe(first=50)
    scribe.versions[SOME] = 10
    scribe.commit(changes=[scribe.change(SOME, {"b": 3})])
    actors: dict[Address, Records] = {SOME: {"a": b"\x01", "b": b"\x03", "@v": b"\x0b"}, Address("queue/old"): {"z": b"\x00"}}
    report = compare(scribe, actors)
    assert report.ok, "a and the old queue may be from before"
    assert report.checked["I10"] != "exact", "and the report says that it was judged in part"
    actors[SOME]["b"] = b"\x09"
    assert broken(compare(scribe, actors)) == {"I10"}, "b was written since"


def test_i11_marks_never_go_back() -> None:
    """A mark that goes back lets repeats take effect again."""
    scribe = Scribe().commit(received={"l:webchat-1:x": 5, "s:1": 4}).commit(received={"l:webchat-1:x": 6, "l:webchat-1:y": 1})
    assert check(scribe).ok, "each stream moves forward by itself"
    assert broken(check(scribe.commit(received={"l:webchat-1:x": 5}))) == {"I11"}, "5 comes before 6"


def test_i11_stored_marks_are_those_of_the_journal() -> None:
    """A store that lost a mark would let repeats through after the next claim."""
    scribe = Scribe().commit(received={"s:1": 4, "l:web:x": 9})
    marks = {"s:1": encode(Mark(4, START)), "l:web:x": encode(Mark(9, START))}
    assert compare(scribe, {}, marks=marks).ok, "both are stored"
    assert compare(scribe, {}, marks={"s:1": marks["s:1"]}).ok, "a silent link is forgotten in time"
    assert broken(compare(scribe, {}, marks={"l:web:x": marks["l:web:x"]})) == {"I11"}, "a shard's mark is not"
    behind = {**marks, "l:web:x": encode(Mark(8, START))}
    assert broken(compare(scribe, {}, marks=behind)) == {"I11"}, "9 would take effect again"


def test_i11_numbers_are_used_once() -> None:
    """A message under a used number would be dropped as a repeat."""
    scribe = Scribe().commit(sent={"l:webchat-1": 5}).commit(sent={"l:webchat-1": 6, "s:1": 6})
    assert check(scribe).ok, "numbers grow for each destination"
    assert broken(check(scribe.commit(sent={"l:webchat-1": 6}))) == {"I11"}, "6 was used"


def test_i11_commands_are_handled_once_and_answers_stay() -> None:
    """Within one life an adapter handles a command once, and a repeated frame gets the same answer."""
    scribe = Scribe().commit(sent={"l:web": 9})
    once = [Commanded("web", "x", "0", 8, 1), Commanded("web", "x", "0", 9, 2), Commanded("web", "y", "0", 9, 3)]
    answers = [Answered("web", "x", 1, "", 1), Answered("web", "x", 2, "NOT_FOUND", 1), Answered("web", "x", 2, "NOT_FOUND", 2)]
    assert check(scribe, evidence=Evidence(commands=once, answers=answers)).ok, "the second life may get it again"
    twice = Evidence(commands=[*once, Commanded("web", "x", "0", 9, 4)])
    assert broken(check(scribe, evidence=twice)) == {"I11"}, "command 9 was handled twice in one life"
    changed = Evidence(answers=[*answers, Answered("web", "x", 2, "", 3)])
    assert broken(check(scribe, evidence=changed)) == {"I11"}, "frame 2 had been refused"


def test_i1_a_lost_command_is_caught() -> None:
    """Of commands that are all observed none is skipped, and once settled none is left."""
    first, second = 1 << 32, 2 << 32
    scribe = Scribe().commit(sent={"l:web": first + 2}).commit(sent={"l:web": second + 1, "l:gone": second + 1}, epoch=2)

    def seen(*numbers: int, settled: bool = True) -> set[str]:
        commands = [Commanded("web", "x", "0", number, at) for at, number in enumerate(numbers)]
        return broken(check(scribe, evidence=Evidence(commands=commands, all_commands=True, settled=settled)))

    assert seen(first + 1, first + 2, second + 1) == set(), "everything for web was handled, and nobody watched gone"
    assert seen(first + 1, second + 1) == set(), "an epoch's last numbers may never have been used"
    assert seen(first + 2, second + 1) == {"I1"}, "1 was skipped"
    assert seen(first + 1, first + 2) == {"I1"}, "the last one is still missing"
    assert seen(first + 1, first + 2, settled=False) == set(), "it may be on its way"


def test_i12_a_command_without_a_commit_is_caught() -> None:
    """What an adapter has in hand was committed first."""
    scribe = Scribe().commit(sent={"l:web": 9})
    seen = Evidence(commands=[Commanded("web", "x", "0", 9, 1), Commanded("web", "x", "0", 0, 1)])
    assert check(scribe, evidence=seen).ok, "9 was committed, and 0 is ephemeral"
    ahead = Evidence(commands=[Commanded("web", "x", "0", 10, 1)])
    assert broken(check(scribe, evidence=ahead)) == {"I12"}, "10 was not"
    unknown = Evidence(commands=[Commanded("web", "x", "4", 1, 1)])
    assert broken(check(scribe, evidence=unknown)) == {"I12"}, "shard 4 committed nothing at all"
    excused = Evidence(commands=[Commanded("web", "x", "0", 10, 1)], losses=[LossWindow(0, 5)])
    assert check(scribe, evidence=excused).ok, "its commit may have been lost with the store's tail"


def test_i12_a_message_without_a_commit_is_caught() -> None:
    """What a shard received from another was committed there."""
    sender, receiver = Scribe("0").commit(sent={"s:1": 3}), Scribe("1").commit(received={"s:0": 3})
    assert check(sender, receiver).ok, "3 was sent and received"
    assert broken(check(sender, receiver.commit(received={"s:0": 4}))) == {"I12"}, "4 was never committed"
    assert check(Scribe("0", first=5).commit(), receiver).ok, "a trimmed sender may have sent it before"


@pytest.mark.parametrize("spelling", ["我想退掉昨天买的鞋子", "please send me another card"])
def test_i15_customer_text_in_a_log_is_caught_and_not_repeated(spelling: str) -> None:
    """Logs hold no customer text, in either spelling, and neither does the report."""
    clean = Evidence(customer_texts=[spelling, "ok"], logs=["session c/1 queued, ok"])
    assert check(Scribe().commit(), evidence=clean).ok, "two letters prove nothing"
    for line in (f"customer said {spelling}!", f"customer said {spelling.encode('unicode_escape').decode()}"):
        report = check(Scribe().commit(), evidence=Evidence(customer_texts=[spelling], logs=["", line]))
        assert broken(report) == {"I15"}, "the text stands in the log"
        assert spelling not in str(report), "the report must not leak it again"
    assert "not judged" in check(Scribe().commit()).checked["I15"], "without a log there is nothing to judge"


def test_a_report_reads_well_and_encodes() -> None:
    """One report for people and programs."""
    report = check(served(ready(Scribe()), "c/1").commit(number=99))
    text = str(report)
    assert text.startswith("1 violation in "), "it begins with the outcome"
    assert "I9 shard 0: commit 99 follows commit" in text, "then says what, where and why"
    decoded = msgspec.json.decode(msgspec.json.encode(report))
    assert decoded["violations"][0]["invariant"] == "I9", "JSON says the same"
    assert set(decoded["checked"]) == {f"I{number}" for number in range(1, 16)}, "every invariant is accounted for"


def test_an_event_of_a_later_release_is_skipped_and_said() -> None:
    """An older checker judges what it knows."""
    entry = msgspec.msgpack.decode(arrives(Scribe(), "c/1").entries[0])
    entry[5].insert(0, ["session/c", ["FromTheFuture", 1, 2]])
    checker = Checker()
    checker.feed("0", msgspec.msgpack.encode(entry))
    report = checker.finish()
    assert report.ok, "what is known is clean"
    assert report.notes == ["1 events of plug-ins or later releases were not judged"], "the rest is said"


def test_one_broken_rule_does_not_drown_the_report() -> None:
    """A subject is reported once for each invariant, and the list is bounded."""
    scribe = Scribe()
    for _ in range(5):
        scribe.commit(received={"s:1": 9}).commit(received={"s:1": 3})
    assert len(check(scribe).violations) == 1, "one subject, one line"
    checker = Checker()
    checker.findings.limit = 2
    for number in range(4):
        checker.findings.violated("I1", "0", 1, f"c{number}/1", "was lost")
    report = checker.finish()
    assert (len(report.violations), report.unlisted) == (2, 2), "what is not listed is counted"

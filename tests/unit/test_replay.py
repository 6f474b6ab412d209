"""A journal is decided again to the same bytes, and whatever was changed in it is found where it was changed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from actors.actor import Event
from actors.address import Address, Placement, ShardId
from actors.events import InteractionMoved, Proposed
from cluster.catalogue import load_catalogue
from cluster.codec import encode, raw
from cluster.journal import decode_entry, encode_entry
from cluster.shard.replay import CannotReplay, Divergence, Replay
from cluster.shard.shard import Shard
from cluster.store.base import Commit, ShardImage
from tests.unit.whatif.small import centre, coming, conduct, needs, played

CATALOGUE = load_catalogue()


def recorded() -> list[bytes]:
    """The journal of a busy quarter of an hour: chats side by side, offers that nobody hears, customers who give up."""
    entries: list[bytes] = []

    def keep(commit: Commit) -> None:
        entries.append(commit.journal)

    drawn = needs(60)
    drawn.fates[::9, 0] = 0.0
    arrivals = coming(*range(0, 900, 15), patiences_s=100.0)
    played(centre(agents=2, chats=2, wrap_up_s=5), conduct(no_answer=0.5), arrivals, drawn, keep)
    return entries


def replayed(entries: list[bytes]) -> tuple[Replay, Divergence | None]:
    replay = Replay(ShardId("0"), Placement(1), CATALOGUE)
    for content in entries:
        difference = replay.feed(content)
        if difference is not None:
            return replay, difference
    return replay, None


def changed(entries: list[bytes], kind: type[Event], change: Callable[[Event], Event]) -> tuple[list[bytes], int]:
    """The journal with the last event of a kind told otherwise, and the number of its commit."""
    for index in range(len(entries) - 1, -1, -1):
        entry = decode_entry(entries[index])
        for position, (who, content) in enumerate(entry.events):
            event = CATALOGUE.codec.event(content)
            if type(event) is kind:
                events = [*entry.events[:position], (who, raw(change(event))), *entry.events[position + 1 :]]
                told = encode_entry(msgspec.structs.replace(entry, events=events))
                return [*entries[:index], told, *entries[index + 1 :]], entry.number
    raise AssertionError("the journal has no such event")


def test_a_journal_is_decided_again() -> None:
    """Every commit comes out byte for byte, every proposal with it."""
    entries = recorded()
    replay, difference = replayed(entries)
    assert difference is None
    assert (replay.counts.commits, replay.counts.decisions > 60) == (len(entries), True), "somebody was offered twice"


def test_another_decision_is_found() -> None:
    """A proposal of somebody else is the first difference, with both as text."""

    def other(event: Event) -> Event:
        assert isinstance(event, Proposed)
        return msgspec.structs.replace(event, agent=Address("agent/nobody"))

    entries, number = changed(recorded(), Proposed, other)
    _, difference = replayed(entries)
    assert difference is not None and (difference.commit, difference.what.split()[0]) == (number, "event")
    assert "agent/nobody" in difference.recorded and "agent/nobody" not in difference.replayed


def test_a_fact_that_is_no_decision_is_held_too() -> None:
    """Whatever the shard's actors said must be said again."""

    def other(event: Event) -> Event:
        assert isinstance(event, InteractionMoved)
        return msgspec.structs.replace(event, channel="fax")

    entries, number = changed(recorded(), InteractionMoved, other)
    _, difference = replayed(entries)
    assert difference is not None and difference.commit == number and "fax" in str(difference)


def test_a_changed_record_is_found_without_its_text() -> None:
    """Records may hold what customers wrote, so only a checksum of them is told."""
    entries = recorded()
    entry = decode_entry(entries[-1])
    change = next(change for change in entry.changes if change.puts)
    puts = change.puts | {"secret": raw("what a customer wrote")}
    changes = [msgspec.structs.replace(one, puts=puts) if one is change else one for one in entry.changes]
    _, difference = replayed([*entries[:-1], encode_entry(msgspec.structs.replace(entry, changes=changes))])
    assert difference is not None and difference.what.startswith("change")
    assert "secret" in difference.recorded and "customer" not in str(difference)


def test_a_takeover_goes_on_from_records_and_timers() -> None:
    """Under a new epoch the router asks everybody anew, as after a crash, and the rest of the journal is the same."""
    entries = [decode_entry(content) for content in recorded()]
    later = [msgspec.structs.replace(entry, epoch=2) if entry.number > 60 else entry for entry in entries]
    assert replayed([encode_entry(entry) for entry in later])[1] is None


def test_a_journal_without_its_beginning_or_its_inputs_is_refused() -> None:
    """There is nothing to begin from, or nothing to decide about; the refusal says which."""
    entries = recorded()
    with pytest.raises(CannotReplay, match="commit 1 is missing"):
        replayed(entries[1:])
    with pytest.raises(CannotReplay, match="commit 3 is missing"):
        replayed([*entries[:2], *entries[3:]])
    bare = encode_entry(msgspec.structs.replace(decode_entry(entries[0]), inputs=None))
    with pytest.raises(CannotReplay, match="commit 1 has no inputs"):
        replayed([bare])


def test_only_the_routers_shard_keeps_its_inputs() -> None:
    """Those of other shards would be every line of every conversation once more."""
    placement = Placement(8)
    deciding = placement.shard_of("router/main")
    kept = {}
    for shard in placement.hashed_shards():
        one = Shard(ShardImage(shard, 1), placement, CATALOGUE.actor_types, CATALOGUE.codec)
        one.begin(1)
        one.request_tidy()
        one._durable = True
        commit = one.finish()
        assert commit is not None
        kept[shard] = decode_entry(commit.journal).inputs
    assert kept == {shard: ([] if shard == deciding else None) for shard in kept}


def test_an_entry_of_an_earlier_release_is_read() -> None:
    """It ends where inputs begin now."""
    content = recorded()[0]
    fields = msgspec.msgpack.decode(content)
    assert decode_entry(content).inputs
    assert decode_entry(encode(fields[:9])).inputs is None

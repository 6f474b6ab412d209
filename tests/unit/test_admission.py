"""Admission: who is let in while a host is behind, and that a refusal made at a gateway is remembered by its shard."""

from __future__ import annotations

import pytest

from actors.actor import Refusal
from actors.address import Address, Placement
from actors.messages.gateway import TurnedAway
from actors.messages.session import Arrive
from actors.values import Customer
from cluster.admission import Admission, AdmissionOptions
from cluster.catalogue import load_catalogue
from cluster.shard.inbox import Input, InputGroup
from cluster.shard.shard import Shard
from cluster.store.base import ShardImage
from cluster.wire import ShardReceipt, mark_decoder

HOST = "host-1"


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Scene:
    """One admission with a target of 100 ms, bursts of 1 s and a patience of 5 s."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.admission = Admission(AdmissionOptions(100.0, patience_s=5.0, burst_s=1.0), self.clock)

    def passes(self, seconds: float, delay_ms: float, come: int = 0) -> int:
        """So long, with an observation each tenth of a second, and how many are let in of so many who come before it."""
        taken = 0
        for _ in range(round(seconds * 10)):
            self.clock.now_s += 0.1
            taken += self.let_in(come)
            self.admission.observe(HOST, delay_ms)
        return taken

    def let_in(self, count: int, waited_s: float = 0.0) -> int:
        """How many of so many who come now."""
        return sum(not self.admission.refusal_ms(HOST, waited_s) for _ in range(count))


def test_a_burst_is_taken_whole() -> None:
    """As long as the host is behind for less than a burst, nobody is refused, however far behind it is."""
    scene = Scene()
    for _ in range(5):
        assert 9_000 == scene.passes(0.9, 5_000.0, come=1_000)
        scene.passes(0.1, 50.0)
    assert [] == scene.admission.overloaded


def test_who_came_with_a_burst_and_had_to_wait_for_its_window_belongs_to_it() -> None:
    """An adapter may have thousands in flight and no more: the rest reaches the gateway later, and is let in all the same."""
    scene = Scene()
    scene.passes(1.2, 5_000.0)
    assert [HOST] == scene.admission.overloaded
    scene.clock.now_s += 2.0
    assert 1_000 == scene.let_in(1_000, waited_s=3.0)
    assert 10 > scene.let_in(1_000, waited_s=1.0)


def test_a_clock_that_is_wrong_gains_a_few_seconds_at_most() -> None:
    """Who says to have waited for hours is believed ten seconds of it."""
    scene = Scene()
    scene.passes(20.0, 5_000.0)
    assert 10 > scene.let_in(1_000, waited_s=3_600.0)


def test_bursts_with_nothing_between_are_none_together() -> None:
    """When the oldest frame came after the receipt before, nothing was waiting in between, and the next burst begins anew."""
    scene = Scene()
    for _ in range(5):
        scene.passes(0.9, 5_000.0)
        scene.clock.now_s += 10.0
    assert [] == scene.admission.overloaded


def test_silence_does_not_overload() -> None:
    """A host that answers nothing for long, and then late, has died or stood still; that is no reason to refuse."""
    scene = Scene()
    scene.passes(0.1, 50.0)
    scene.clock.now_s += 60.0
    scene.admission.observe(HOST, 60_000.0)
    assert 100 == scene.let_in(100)


def test_a_stall_refuses_nobody_of_the_usual() -> None:
    """A host that stands still for seconds under its usual load is behind, but what usually comes is let in for a patience.

    Ten a tenth of a second are usual; in the stall ten times as many come, and are limited at once.
    """
    scene = Scene()
    scene.passes(20.0, 50.0, come=10)
    scene.passes(1.2, 3_000.0, come=10)
    assert [HOST] == scene.admission.overloaded
    assert 200 == scene.passes(2.0, 3_000.0, come=10)
    scene.passes(0.5, 3_000.0, come=100)
    assert 149 <= scene.passes(1.0, 3_000.0, come=100) <= 152, "half as many again as usual"
    scene.passes(1.5, 3_000.0)
    assert 20 > scene.passes(1.0, 3_000.0, come=10), "after the patience that ends"


def test_the_rate_is_what_was_served() -> None:
    """When a backlog is gone, as many are let in a second as were let in on average since it began."""
    scene = Scene()
    let_in = scene.passes(0.1, 5_000.0) + scene.passes(1.0, 5_000.0, come=100) + scene.passes(3.9, 5_000.0, come=100)
    assert 1_000 < let_in < 1_200, "the burst, and next to nobody since"
    scene.passes(0.1, 50.0)
    assert let_in / 5.0 * 0.9 < scene.passes(1.0, 80.0, come=100) < let_in / 5.0 * 1.4


def limited(scene: Scene) -> int:
    """Play until about two hundred a second are let in; returns how many in the last second."""
    scene.passes(0.1, 5_000.0)
    scene.passes(1.0, 5_000.0, come=100)
    scene.passes(3.9, 5_000.0, come=100)
    scene.passes(0.1, 50.0)
    return scene.passes(1.0, 95.0, come=100)


def test_the_rate_follows_the_time() -> None:
    """Behind: fewer, at once by how much it is behind; within the target: more, as long as somebody is refused."""
    scene = Scene()
    first = limited(scene)
    behind = scene.passes(1.0, 190.0, come=100)
    assert 0.3 * first < behind < 0.75 * first
    scene.passes(3.0, 60.0, come=100)
    assert scene.passes(1.0, 60.0, come=100) > first
    scene.passes(2.0, 5_000.0, come=100)
    assert 1 <= scene.passes(1.0, 5_000.0, come=100) < 0.1 * first, "far behind: next to nobody, but never nobody at all"


def test_one_large_batch_is_no_standing_queue() -> None:
    """The shortest time of an interval counts: a batch that takes long by itself, between quick ones, cuts nothing."""
    scene = Scene()
    limited(scene)
    before = scene.admission._hosts[HOST].overload
    assert before is not None
    per_s = before.per_s
    for _ in range(20):
        scene.passes(0.1, 190.0, come=100)
        scene.passes(0.1, 20.0, come=100)
    assert before.per_s > per_s


def test_a_burst_is_worked_off_in_large_calls() -> None:
    """Only what follows the burst is given out in short calls, which show soon what the rate does."""
    scene = Scene()
    scene.passes(0.1, 5_000.0)
    scene.passes(3.0, 5_000.0, come=100)
    assert (scene.admission.overloaded, scene.admission.is_limited(HOST)) == ([HOST], False)
    scene.passes(0.1, 50.0)
    assert scene.admission.is_limited(HOST)


def test_it_is_itself_again_after_one_patience_without_a_refusal() -> None:
    """Then the next burst is taken whole again."""
    scene = Scene()
    limited(scene)
    assert scene.let_in(1_000) < 1_000
    scene.passes(4.5, 10.0, come=1)
    assert [HOST] == scene.admission.overloaded
    scene.passes(0.7, 10.0, come=1)
    assert [] == scene.admission.overloaded
    assert 10_000 == scene.let_in(10_000)


def test_while_somebody_is_refused_it_is_not_over() -> None:
    """A host that is quick only because arrivals are refused stays overloaded."""
    scene = Scene()
    limited(scene)
    scene.passes(3.0, 10.0, come=1_000)
    assert [HOST] == scene.admission.overloaded


def test_times_to_come_again_grow_with_the_overload_and_are_spread() -> None:
    """At least about a second, at most about half a minute, and never the same for all."""
    scene = Scene()
    scene.passes(1.2, 5_000.0)
    scene.clock.now_s += 0.1
    early = [ms for ms in (scene.admission.refusal_ms(HOST) for _ in range(100)) if ms]
    assert 750 <= min(early) < 850 and 1_150 < max(early) <= 1_250
    scene.passes(10.0, 5_000.0)
    assert min(ms for ms in (scene.admission.refusal_ms(HOST) for _ in range(100)) if ms) >= 7_000
    scene.passes(100.0, 5_000.0)
    assert max(scene.admission.refusal_ms(HOST) for _ in range(100)) <= 37_500


def test_other_hosts_are_not_concerned() -> None:
    """Each host is judged by itself, and one that is gone is forgotten."""
    scene = Scene()
    scene.passes(9.0, 5_000.0)
    assert 10 > scene.let_in(100)
    assert 0 == scene.admission.refusal_ms("host-2")
    scene.admission.forget(HOST)
    assert 100 == scene.let_in(100)


class Told:
    """A shard, and what its senders are told."""

    def __init__(self) -> None:
        catalogue = load_catalogue()
        self.shard = Shard(ShardImage("0", epoch=1), Placement(1), catalogue.actor_types, catalogue.codec)  # type: ignore[arg-type]
        self.marks: dict[str, bytes] = {}

    def tell(self, seq: int, message: Arrive | TurnedAway, floor: int = 0) -> Refusal | None:
        """One input in a batch of its own."""
        receipts: list[ShardReceipt] = []
        entry = Input("l:webchat:1", seq, Address(f"session/webchat:{seq}"), message)
        self.shard.accept(InputGroup([entry], receipts.append, {"l:webchat:1": floor}))
        self.shard.begin(1_000)
        assert [] == self.shard.advance()
        commit = self.shard.finish()
        if commit is not None:
            self.marks |= {stream: mark for stream, mark in commit.marks.items() if mark is not None}
        self.shard.committed(commit)
        found = receipts[0].refusals
        return found[0][2] if found else None


def arrive(seq: int) -> Arrive:
    """Somebody comes."""
    return Arrive(f"webchat:{seq}", "webchat", "webchat", Customer("c", "C", "en"), "cards")


def test_a_refusal_of_a_gateway_is_recorded_by_its_shard() -> None:
    """A gateway that dies after it refused, and before its adapter heard, must not leave a number that looks accepted.

    The adapter sends the arrival again to another gateway, which lets it in; the shard has committed a later number.
    """
    told = Told()
    refused = told.tell(1, TurnedAway(4_321))
    assert refused is not None
    assert ("RESOURCE_EXHAUSTED", 4_321) == (refused.code, refused.retry_after_ms)
    assert told.tell(2, arrive(2)) is None
    assert refused == told.tell(1, arrive(1)), "the first answer stands"
    assert "session/webchat:1" not in told.shard.live and "session/webchat:2" in told.shard.live


def test_what_was_accepted_stays_accepted_when_it_is_sent_again_in_an_overload() -> None:
    """The same number, refused by the gateway the second time, gets the answer of the first time."""
    told = Told()
    assert told.tell(1, arrive(1)) is None
    assert told.tell(1, TurnedAway(1_000)) is None


@pytest.mark.parametrize("count", [2_000])
def test_thousands_of_refusals_cost_a_mark_little(count: int) -> None:
    """The mark is written with every commit, so a refusal takes some bytes there, and goes once the adapter knows it."""
    told = Told()
    for seq in range(1, count + 1):
        told.tell(seq, TurnedAway(1_000 + seq))
    assert len(told.marks["l:webchat:1"]) < 8 * count
    told.tell(count + 1, TurnedAway(1_000), floor=count - 10)
    assert 11 == len(mark_decoder.decode(told.marks["l:webchat:1"]).turned_away)

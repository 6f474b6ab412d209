"""A surge of several times the capacity, in virtual time: a store of limited speed, and customers who come regardless.

Capacity is nowhere written down: each actor in a commit takes 20 ms, and what a conversation costs is what it costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from actors.actor import Message, Refusal
from actors.address import Address
from actors.messages.session import Arrive, CustomerLeft, CustomerMessage
from actors.values import Content, Customer
from cluster.admission import AdmissionOptions
from cluster.catalogue import load_catalogue
from cluster.invariants.checker import Checker
from cluster.invariants.evidence import Arrived, Evidence, Wrote
from cluster.simulator.administrator import Administrator
from cluster.simulator.clock import BEGIN_AT
from cluster.simulator.link import SimLink
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.plant import Machinery, Plant
from cluster.simulator.run import finish

WINDOW = 256
#: (seconds, arrivals a second): quiet, more than three times what the store can do, quiet again.
PHASES = ((5.0, 2.0), (70.0, 40.0), (25.0, 2.0))
SURGE_S = (PHASES[0][0], PHASES[0][0] + PHASES[1][0])
MESSAGES, MESSAGE_EVERY_S = 3, 1.0
TARGET_S, PATIENCE_S, BURST_S = 0.25, 10.0, 1.0
#: The burst is worked off by then, and with it the messages of those who were let in meanwhile.
STEADY_S = (SURGE_S[0] + 30, SURGE_S[1])


@dataclass
class Told:
    """One answer: when its event was posted, how long it took, and the refusal."""

    at_s: float
    took_s: float
    refusal: Refusal | None


@dataclass
class Surge:
    """One run and all that its customers were told."""

    loop: VirtualLoop
    plant: Plant
    phases: tuple[tuple[float, float], ...] = PHASES
    #: The stream breaks this often, and the link comes back to any of the edges.
    breaks_every_s: float = 0.0
    evidence: Evidence = field(default_factory=Evidence)
    arrivals: list[Told] = field(default_factory=list)
    others: list[Told] = field(default_factory=list)
    most_pending: int = 0
    most_waiting: int = 0
    broken: int = 0

    async def run(self) -> None:
        """Play all phases, and wait until everybody has left."""
        plant = self.plant
        for edge in plant.machinery.edges:
            plant.start_edge(edge)
        await plant.start_supervisor()
        administrator = Administrator(plant, ["cards"], ["a1"], Random(1))
        await administrator.apply(administrator.plan(complete=True))
        plant.store.weather.each_s = 0.02
        self.began_s = self.loop.time()
        process = plant.process("webchat-1")
        self.link = SimLink(
            plant.network, process, "webchat-1", plant.next_life(), WINDOW, plant.machinery.edges, lambda _: None, self.evidence
        )  # fmt: skip
        if self.breaks_every_s:
            self.loop.call_later(self.breaks_every_s, self._break)
        random, number, at_s = Random(2), 0, 0.0
        for lasts_s, per_s in self.phases:
            ends_s = at_s + lasts_s
            while (at_s := at_s + random.expovariate(per_s)) < ends_s:
                number += 1
                self.loop.call_later(at_s + self.began_s - self.loop.time(), self._arrive, f"webchat:{number}")
            at_s = ends_s
        while self.loop.time() - self.began_s < at_s + 10.0 or self.link.unsettled:
            await asyncio.sleep(0.05)
            self.most_pending = max(self.most_pending, sum(edge.dispatch.pending for edge in plant.edges.values()))
            waiting = (shard.waiting_inputs for host in plant.hosts.values() for shard in host.shards.values())
            self.most_waiting = max(self.most_waiting, sum(waiting))
        self.shard_times = plant.shard_times()

    def during(self, told: list[Told], begin_s: float, end_s: float) -> list[Told]:
        """Those whose events were posted within these seconds from the beginning."""
        return [one for one in told if begin_s <= one.at_s - self.began_s < end_s]

    def _break(self) -> None:
        if self.link.wire is not None:
            self.broken += 1
            self.link.wire.snap(0.0, 0.0)
        self.loop.call_later(self.breaks_every_s, self._break)

    def _arrive(self, conversation: str) -> None:
        arrive = Arrive(conversation, "webchat", "webchat-1", Customer("c", "C", "en"), "cards")
        self._post(conversation, arrive, self.arrivals, lambda: self._talks(conversation))

    def _talks(self, conversation: str) -> None:
        at = BEGIN_AT + int(self.loop.time() * 1000)
        self.evidence.arrivals.append(Arrived(conversation, at))
        for number in range(1, MESSAGES + 1):
            self.loop.call_later(number * MESSAGE_EVERY_S, self._write, conversation, f"m{number}")
        self.loop.call_later((MESSAGES + 1) * MESSAGE_EVERY_S, self._leave, conversation)

    def _write(self, conversation: str, name: str) -> None:
        def accepted() -> None:
            self.evidence.messages.append(Wrote(conversation, name, BEGIN_AT + int(self.loop.time() * 1000), "customer"))

        self._post(conversation, CustomerMessage(name, Content("hello")), self.others, accepted)

    def _leave(self, conversation: str) -> None:
        self._post(conversation, CustomerLeft(), self.others, lambda: None)

    def _post(self, conversation: str, message: Message, told: list[Told], accepted: Any) -> None:
        at_s = self.loop.time()

        def answered(refusal: Refusal | None) -> None:
            told.append(Told(at_s, self.loop.time() - at_s, refusal))
            if refusal is None:
                accepted()

        self.link.post(Address(f"session/{conversation}"), message, answered)


def played(
    burst_s: float,
    phases: tuple[tuple[float, float], ...] = PHASES,
    edges: tuple[str, ...] = ("gw-1",),
    breaks_every_s: float = 0.0,
) -> Surge:
    """A run of its own."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it keeps to what asyncio calls
    machinery = Machinery(hosts=1, edges=edges, admission=AdmissionOptions(TARGET_S * 1000, PATIENCE_S, burst_s))
    surge = Surge(loop, Plant(loop, Random(1), load_catalogue(), machinery), phases, breaks_every_s)
    running: Coroutine[Any, Any, None] = surge.run()
    loop.run(running, limit_s=600.0)
    assert not loop.failures, loop.failures
    return surge


@pytest.fixture(scope="module")
def surge() -> Surge:
    """One run that all tests look at."""
    return played(BURST_S)


def percentile_s(told: list[Told], share: float) -> float:
    """How long the answers took."""
    return sorted(one.took_s for one in told)[int(share * (len(told) - 1))]


def test_it_was_an_overload(surge: Surge) -> None:
    """At least three came for each that was taken, once the burst was over; before, nobody was refused."""
    came = surge.during(surge.arrivals, *STEADY_S)
    taken = [one for one in came if one.refusal is None]
    assert len(came) >= 3 * len(taken) > 0, (len(came), len(taken))
    assert [] == [one for one in surge.during(surge.arrivals, 0, SURGE_S[0] + BURST_S) if one.refusal], "a burst is taken"


def test_only_arrivals_are_refused_and_each_is_told_when_to_come_again(surge: Surge) -> None:
    """Live conversations go on: every message and every good-bye is taken."""
    assert [] == [one for one in surge.others if one.refusal is not None]
    refusals = [one.refusal for one in surge.arrivals if one.refusal is not None]
    assert {"RESOURCE_EXHAUSTED"} == {refusal.code for refusal in refusals}
    waits_ms = [refusal.retry_after_ms for refusal in refusals]
    assert 750 <= min(waits_ms) and max(waits_ms) <= 37_500
    assert len(set(waits_ms)) > len(waits_ms) / 4, "not everybody is sent to the same instant"


def test_what_is_accepted_is_quick(surge: Surge) -> None:
    """After the burst, answers of all kinds take about the target; without admission they would take many times that."""
    accepted = [one for one in surge.during(surge.arrivals, *STEADY_S) if one.refusal is None]
    for told in (accepted, surge.during(surge.others, *STEADY_S)):
        assert percentile_s(told, 0.5) < 1.5 * TARGET_S
        assert percentile_s(told, 0.99) < 4 * TARGET_S
    everybody = [*surge.arrivals, *surge.others]
    assert max(one.took_s for one in everybody) < 5, "the burst itself is bounded too"


def test_who_is_refused_is_told_at_once(surge: Surge) -> None:
    """A refusal waits for nothing that the link sent before it: only for the way there and back."""
    refused = [one for one in surge.during(surge.arrivals, *STEADY_S) if one.refusal is not None]
    assert percentile_s(refused, 0.99) < 0.02
    assert len(refused) > 1_000


def test_queues_are_bounded_by_the_window(surge: Surge) -> None:
    """Neither the gateway nor the host ever holds more than the adapter's credit, and the few questions beside it."""
    assert WINDOW / 2 < surge.most_pending <= WINDOW + 10
    assert 0 < surge.most_waiting <= WINDOW + 10


def test_it_recovers_by_itself(surge: Surge) -> None:
    """Seconds after the surge nobody is refused, answers are quick, and one patience later no host counts as overloaded."""
    after = surge.during(surge.arrivals, SURGE_S[1] + 3, 1e9)
    assert after and [] == [one for one in after if one.refusal is not None]
    assert percentile_s(after, 1.0) < TARGET_S
    assert [] == surge.plant.edges["gw-1"].dispatch.admission.overloaded


def test_capacity_is_used(surge: Surge) -> None:
    """A quarter more than was let in could not have been served within the target, so refusing left nothing idle."""
    taken = [one for one in surge.during(surge.arrivals, *STEADY_S) if one.refusal is None]
    taken_per_s = len(taken) / (STEADY_S[1] - STEADY_S[0])
    unlimited = played(1e9, ((SURGE_S[0], 2.0), (70.0, taken_per_s / 0.8), (5.0, 2.0)))
    assert [] == [one for one in unlimited.arrivals if one.refusal is not None]
    assert percentile_s(unlimited.during(unlimited.arrivals, *STEADY_S), 0.5) > TARGET_S


def test_without_admission_it_would_not_hold() -> None:
    """The same surge with endless bursts: answers take many seconds, so what holds above is admission's doing."""
    endless = played(1e9)
    assert [] == [one for one in endless.arrivals if one.refusal is not None]
    assert percentile_s(endless.during(endless.others, *STEADY_S), 0.5) > 8 * TARGET_S


def test_a_refusal_stands_over_any_break() -> None:
    """A stream that breaks every second, and comes back to any of three gateways: who was refused ahead of the link's other
    answers is never let in by another gateway, and who was accepted is never refused by one.
    """
    surge = played(BURST_S, ((5.0, 2.0), (30.0, 40.0), (5.0, 2.0)), ("gw-1", "gw-2", "gw-3"), breaks_every_s=0.7)
    assert surge.broken > 30
    assert len([one for one in surge.arrivals if one.refusal is not None]) > 300
    judged(surge)
    answers: dict[int, set[str]] = {}
    for answer in surge.evidence.answers:
        answers.setdefault(answer.seq, set()).add(answer.code)
    assert [] == [seq for seq, codes in answers.items() if len(codes) > 1], "one answer for each number, however often told"
    begun = {address.partition("/")[2] for address in stored(surge) if address.startswith("session/")}
    assert begun == {arrived.conversation for arrived in surge.evidence.arrivals}, "nothing of what was refused was applied"


def test_every_promise_is_kept(surge: Surge) -> None:
    """The checker finds nothing: no arrival or message that was accepted is lost, and none has a second effect."""
    judged(surge)


def judged(surge: Surge) -> None:
    """Have the checker judge all that was stored and told."""
    surge.evidence.settled = True
    checker, memory = Checker(surge.evidence), surge.plant.store.memory
    for shard in finish(memory.shards()):
        for _, content in finish(memory.journal(shard, 0, 1 << 30)):
            entry = checker.decode(shard, content)
            if entry is not None:
                checker.feed_entry(shard, entry)
        image = finish(memory.describe(shard))
        checker.stored(image, surge.shard_times.get(shard, image.now))
        for at, records in zip(live := sorted(image.live), finish(memory.load(shard, live)), strict=True):
            checker.stored_records(shard, Address(at), records)
    report = checker.finish(BEGIN_AT + int(surge.loop.time() * 1000))
    assert [] == [f"{found.invariant} {found.subject}: {found.explanation}" for found in report.violations]
    assert report.counts["arrivals_acknowledged"] == sum(one.refusal is None for one in surge.arrivals)


def stored(surge: Surge) -> set[str]:
    """Addresses of all actors that have state."""
    memory = surge.plant.store.memory
    return {address for shard in finish(memory.shards()) for address in finish(memory.describe(shard)).live}

"""The one judge of I1 to I15 over journals: fed commit by commit, in each shard's order, then asked for its report.

The simulator, chaos runs, load runs and `trunkline verify` all use it. It shares no logic with the actors: it reads
their events and declared transition tables, and forms its own opinion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from actors.address import Address, kind_of
from actors.events import (
    AgentConfigured,
    DeadLettered,
    InteractionMoved,
    Lent,
    MessageAdded,
    Overflowed,
    Preferred,
    PresenceMoved,
    Proposed,
    QueueConfigured,
    ReservationMoved,
    TimerTookEffect,
    WaitingMoved,
)
from cluster.invariants.agents import Agents
from cluster.invariants.commits import Commits, ShardState
from cluster.invariants.entries import Entry, read_entry
from cluster.invariants.evidence import Evidence
from cluster.invariants.interactions import Interactions
from cluster.invariants.outside import judge_evidence
from cluster.invariants.report import Findings, Report
from cluster.invariants.routing import Routing
from cluster.invariants.stories import Stories
from cluster.invariants.timers import Timers
from cluster.store.base import Records, ShardImage

EventHandler = Callable[[ShardState, str, Any], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much time promises may take. They cover the time to detect and replace a dead host, with room to spare."""

    #: I7: an eligible agent with room and a waiting interaction, side by side.
    meeting_ms: int = 5_000
    #: I7: the same when the agent has refused that interaction; longer than any configured back-off.
    refusal_ms: int = 600_000
    #: I8: an offer past its deadline, on a shard that is alive.
    offer_ms: int = 5_000
    #: I8: a timer past its due time.
    timer_ms: int = 5_000


DEFAULT_BOUNDS: Final = Bounds()


class Checker:
    """Judges journals incrementally. Feed each shard's commits in order; shards may be interleaved at will.

    Args:
        evidence: What was seen outside. It may still be filled while the checker is fed: it is read by `finish`.
        bounds: Times allowed by I7 and I8.
    """

    def __init__(self, evidence: Evidence | None = None, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.findings = Findings()
        self.evidence = Evidence() if evidence is None else evidence
        stories = Stories(keep=evidence is not None)
        self._stories = stories
        self.commits = Commits(self.findings)
        self._interactions = Interactions(self.findings, stories)
        self._agents = Agents(self.findings, stories, bounds.offer_ms)
        self._routing = Routing(self.findings, self._agents, bounds.meeting_ms, bounds.refusal_ms)
        self._timers = Timers(self.findings, bounds.timer_ms)
        self._unknown_events = 0
        self._commits = 0
        self._events = 0
        self._handlers: dict[type, EventHandler] = {
            InteractionMoved: self._interactions.interaction_moved,
            MessageAdded: self._interactions.message_added,
            WaitingMoved: self._waiting_moved,
            Lent: self._interactions.lent,
            Overflowed: self._interactions.overflowed,
            Preferred: self._interactions.preferred,
            QueueConfigured: self._queue_configured,
            ReservationMoved: self._agents.reservation_moved,
            PresenceMoved: self._agents.presence_moved,
            AgentConfigured: self._agents.configured,
            Proposed: self._routing.proposed,
            TimerTookEffect: self._timers.took_effect,
            DeadLettered: self._dead_lettered,
        }

    def feed(self, shard: str, content: bytes) -> None:
        """Judge the next commit of a shard, as its journal stores it."""
        entry = self.decode(shard, content)
        if entry is None:
            self.commits.skip(shard)
        else:
            self.feed_entry(shard, entry)

    def decode(self, shard: str, content: bytes) -> Entry | None:
        """Read a stored commit without judging it yet; one that cannot be read is a violation (I10)."""
        try:
            entry, unknown = read_entry(content)
        except (ValueError, msgspec.DecodeError) as error:
            self.findings.violated("I10", shard, 0, f"shard {shard}", f"a journal entry cannot be read: {error}")
            return None
        self._unknown_events += unknown
        return entry

    def feed_entry(self, shard: str, entry: Entry) -> None:
        """Judge the next commit of a shard, already decoded."""
        self._commits += 1
        state = self.commits.admit(shard, entry)
        handlers = self._handlers
        for who, event in entry.events:
            state.events += 1
            handler = handlers.get(type(event))
            if handler is not None:
                handler(state, who, event)
        self._events += len(entry.events)
        for change in entry.changes:
            self.commits.change(state, change)
            if change.ended:
                self._actor_ended(state, change.address)
        self._agents.committed(state)

    def _waiting_moved(self, state: ShardState, who: str, event: WaitingMoved) -> None:
        self._interactions.waiting_moved(state, who, event)
        self._routing.waiting_moved(state, who, event)

    def _queue_configured(self, state: ShardState, who: str, event: QueueConfigured) -> None:
        self._interactions.queue_configured(state, who, event)
        self._routing.queue_configured(state, who, event)

    def _dead_lettered(self, state: ShardState, who: str, event: DeadLettered) -> None:
        self.findings.counts["dead_letters"] += 1
        self.findings.note(f"{event.address} set a {event.message_type} aside after three failures")

    def _actor_ended(self, state: ShardState, address: str) -> None:
        self._timers.actor_ended(address)
        kind = kind_of(address)
        if kind == "session":
            self._interactions.session_ended(state, address)
        elif kind == "agent":
            self._agents.agent_ended(state, address)

    def stored(self, image: ShardImage, now: int | None = None) -> None:
        """Hold a shard as the store has it, at the same commit, against its journal."""
        self.commits.stored(image)
        self._timers.stored(image, self.evidence.settled, self._now(now))

    def stored_records(self, shard: str, address: Address, records: Records) -> None:
        """Hold one actor as the store has it, at the same commit, against its journal."""
        self.commits.stored_records(shard, address, records)

    def _now(self, now: int | None) -> int:
        if now is not None:
            return now
        return max((state.now for state in self.commits.shards.values()), default=0)

    def finish(self, now: int | None = None) -> Report:
        """Judge what only the end can tell, and report.

        When every message between shards has been received by the ends of the journals, these ends are one consistent
        moment with nothing in flight, and the accounts of session, queue and agent must agree.

        Args:
            now: The present (ms since the epoch), when it is later than the last commit.
        """
        evidence, settled = self.evidence, self.evidence.settled
        trimmed = [shard for shard, state in self.commits.shards.items() if state.trimmed]
        quiet = settled or not (self.commits.in_flight() or self.commits.ahead())
        self._interactions.finish(quiet, bool(trimmed))
        self._agents.finish(settled, self._now(now))
        self._routing.finish(settled, self._now(now), bool(trimmed))
        self.commits.finish(evidence)
        judge_evidence(self.findings, self._stories, self.commits, evidence, trimmed)
        counts = self.findings.counts
        counts["commits"] += self._commits
        counts["events"] += self._events
        counts["shards"] += len(self.commits.shards)
        counts["timers_fired"] += self._timers.fired
        if self._unknown_events:
            self.findings.note(f"{self._unknown_events} events of plug-ins or later releases were not judged")
        return self.findings.report()

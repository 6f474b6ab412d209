"""Writes journals by hand: a scribe keeps one shard's numbers and versions right unless a test says otherwise."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.actor import Event
from actors.address import Address
from actors.events import AgentConfigured, InteractionMoved, PresenceMoved, Proposed, ReservationMoved, WaitingMoved
from actors.routing.capacity import NO_RULES, CapacityRules
from actors.values import EndReason, InteractionState, PresenceState, Requirement, ReservationState, SkillLevel, WaitingState
from cluster.invariants.checker import Checker
from cluster.invariants.evidence import Evidence
from cluster.invariants.report import Report
from cluster.journal import FORMAT, Change, JournalEntry, encode_entry

START = 1_000_000
QUEUE, ALICE, BOB = Address("queue/sales"), Address("agent/alice"), Address("agent/bob")
ROUTER = Address("router/main")


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


class Scribe:
    """One shard's journal. Time passes by 100 ms a commit."""

    def __init__(self, shard: str = "0", epoch: int = 1, first: int = 1) -> None:
        self.shard = shard
        self.epoch = epoch
        self.number = first - 1
        self.now = START
        self.entries: list[bytes] = []
        self.versions: dict[str, int] = {}

    def commit(self, *events: tuple[str, Event], **fields: Any) -> Scribe:
        """Write one entry; `fields` replace what the scribe would have written."""
        self.number += 1
        self.now += 100
        entry = {
            "format": FORMAT, "shard": self.shard, "epoch": self.epoch, "number": self.number, "now": self.now,
            "changes": [], "sent": {}, "received": {}, **fields,
        }  # fmt: skip
        self.number, self.now = entry["number"], entry["now"]
        pairs = [(Address(who), raw(event)) for who, event in events]
        self.entries.append(encode_entry(JournalEntry(events=pairs, **entry)))
        return self

    def change(self, address: str, puts: dict[str, object], drops: list[str] | None = None, ended: bool = False) -> Change:
        """One actor's change under its next version."""
        version = self.versions[address] = self.versions.get(address, 0) + 1
        records = {} if ended and not puts else {"@v": raw(version), **{key: raw(value) for key, value in puts.items()}}
        if ended and not puts:
            del self.versions[address]
        return Change(Address(address), version, records, drops or [], ended)

    def copy(self) -> Scribe:
        """The same journal so far, to go on from in another way."""
        copy = Scribe(self.shard, self.epoch)
        copy.number, copy.now = self.number, self.now
        copy.entries, copy.versions = list(self.entries), dict(self.versions)
        return copy

    def wait_ms(self, ms: int) -> Scribe:
        self.now += ms
        return self


def check(*scribes: Scribe, evidence: Evidence | None = None, now: int | None = None) -> Report:
    """Feed whole journals, one shard after the other."""
    checker = Checker(evidence)
    for scribe in scribes:
        for content in scribe.entries:
            checker.feed(scribe.shard, content)
    return checker.finish(now)


def broken(report: Report) -> set[str]:
    """The invariants that a report found violated."""
    return {violation.invariant for violation in report.violations}


# One event each, with what a test does not care about filled in.


def moved(
    interaction: str, before: str | None, after: str, leg: int = 1, reservation: str = "", reason: str | None = None,
    queue: str = "sales", channel: str = "webchat", consults: str = "",
) -> tuple[str, Event]:  # fmt: skip
    event = InteractionMoved(
        interaction, channel, queue, InteractionState(before) if before else None, InteractionState(after), leg,
        "alice" if reservation else "", reservation, EndReason(reason) if reason else None, consults=consults,
    )  # fmt: skip
    return f"session/{interaction.rpartition('/')[0]}", event


def waiting(
    interaction: str, before: str | None, after: str, leg: int = 1, agent: str = "", reservation: str = "", priority: int = 0,
    at: int = START, needs: tuple[SkillLevel, ...] = (), only: str = "", channel: str = "webchat", queue: Address = QUEUE,
    not_agents: tuple[Address, ...] = (), labels: tuple[str, ...] = (),
) -> tuple[str, Event]:  # fmt: skip
    event = WaitingMoved(
        queue, interaction, leg, WaitingState(before) if before else None, WaitingState(after), channel, priority, at,
        Requirement(needs, only, labels=labels), Address(agent), reservation, not_agents,
    )  # fmt: skip
    return queue, event


def reserved(
    reservation: str, before: str | None, after: str, agent: Address = ALICE, channel: str = "webchat", deadline: int = 0,
    labels: tuple[str, ...] = (),
) -> tuple[str, Event]:  # fmt: skip
    event = ReservationMoved(
        agent, reservation, reservation.rpartition("#")[0], QUEUE, channel,
        ReservationState(before) if before else None, ReservationState(after),
        deadline or (START + 20_000 if after == "pending" else 0), labels=labels,
    )  # fmt: skip
    return agent, event


def configured(
    agent: Address = ALICE, skills: tuple[SkillLevel, ...] = (), chats: int = 1, total: int = 1, calls: int = 0,
    queues: tuple[Address, ...] = (QUEUE,), rules: CapacityRules = NO_RULES,
) -> tuple[str, Event]:  # fmt: skip
    return agent, AgentConfigured(agent, 1, skills, queues, {"webchat": chats, "voice": calls}, total, capacity_rules=rules)


def presence(before: str, after: str, agent: Address = ALICE) -> tuple[str, Event]:
    return agent, PresenceMoved(agent, PresenceState(before), PresenceState(after), "")


def proposed(interaction: str, agent: Address = ALICE, priority: int = 0, at: int = START) -> tuple[str, Event]:
    return ROUTER, Proposed(ROUTER, interaction, agent, QUEUE, priority, at, 1)


# Longer passages.


def ready(scribe: Scribe, *agents: Address, **configuration: Any) -> Scribe:
    """Agents configured, signed in and available."""
    for agent in agents or (ALICE,):
        scribe.commit(
            configured(agent, **configuration), presence("offline", "away", agent), presence("away", "available", agent)
        )
    return scribe


def arrives(scribe: Scribe, interaction: str, **place: Any) -> Scribe:
    """A customer comes and waits."""
    return scribe.commit(moved(interaction, None, "queued"), waiting(interaction, None, "waiting", **place))


def offered(scribe: Scribe, interaction: str, agent: Address = ALICE, leg: int = 1, attempt: int = 1, **place: Any) -> Scribe:
    """The router proposes, the queue holds, the agent rings."""
    reservation = f"{interaction}#{leg}.{attempt}"
    times = {name: place[name] for name in ("priority", "at") if name in place}
    return scribe.commit(
        proposed(interaction, agent, **times),
        waiting(interaction, "waiting", "reserved", leg, agent, reservation, **place),
        reserved(reservation, None, "pending", agent, deadline=scribe.now + 20_000, labels=place.get("labels", ())),
    )


def connected(scribe: Scribe, interaction: str, agent: Address = ALICE, leg: int = 1, attempt: int = 1) -> Scribe:
    """The agent accepts, the queue grants, the session goes on with them."""
    reservation = f"{interaction}#{leg}.{attempt}"
    return scribe.commit(
        waiting(interaction, "reserved", "granted", leg, agent, reservation),
        reserved(reservation, "pending", "accepted", agent),
        moved(interaction, "queued", "connected", leg, reservation),
    )


def finished(scribe: Scribe, interaction: str, agent: Address = ALICE, leg: int = 1, attempt: int = 1) -> Scribe:
    """The agent ends it and wraps up."""
    reservation = f"{interaction}#{leg}.{attempt}"
    scribe.commit(
        moved(interaction, "connected", "ended", leg, reservation, "agent"),
        reserved(reservation, "accepted", "wrapping", agent),
    )
    return scribe.commit(reserved(reservation, "wrapping", "completed", agent))


def served(scribe: Scribe, interaction: str, agent: Address = ALICE) -> Scribe:
    """From arrival to the end."""
    arrives(scribe, interaction)
    offered(scribe, interaction, agent)
    connected(scribe, interaction, agent)
    return finished(scribe, interaction, agent)

"""The real actors under random traffic keep every invariant, as far as the checker can see."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import pytest

from actors.actor import Actor, Handler, Message, Turn
from actors.agent import Agent
from actors.agent.records import Presence
from actors.agent.reserving import Reserving
from actors.messages.agent import AcceptOffer, ServiceEnded
from actors.messages.queue import Released, Withdraw
from actors.messages.router import AgentStatus
from actors.messages.session import Assigned
from actors.queue import Queue
from actors.router import matching, pools
from actors.router.ranking import Ranking
from actors.session import Session
from actors.session.conversation import Conversation
from actors.values import ReservationState
from cluster.invariants.checker import Checker
from cluster.invariants.report import Report
from tests.unit.invariants.scribe import broken
from tests.unit.invariants.traffic import Traffic


def judge(seed: int, steps: int = 150, everybody_leaves: bool = True) -> Report:
    """One seed's story from beginning to end, judged."""
    traffic = Traffic(seed)
    traffic.play(steps)
    traffic.settle(everybody_leaves)
    traffic.evidence.settled = True
    checker = Checker(traffic.evidence)
    for commit in traffic.commits:
        checker.feed(commit.shard, commit.journal)
    return checker.finish(traffic.now + 60_000)


@pytest.mark.parametrize("seed", range(12))
def test_real_actors_are_not_flagged(seed: int) -> None:
    """The checker has no complaint about correct actors, at any moment or at the end."""
    report = judge(seed)
    assert report.violations == [], f"seed {seed} is clean"
    assert report.checked["I5"] == "exact", "everything is on one shard"
    assert report.counts["offers"] > 20, "there was something to judge"
    assert report.counts["interactions_live"] == 0, "and all of it ended"
    assert judge(seed, everybody_leaves=False).ok, "those who still wait or talk are where they should be"


def break_handler(monkeypatch: pytest.MonkeyPatch, kind: type[Actor], message: type[Message], handler: Handler) -> None:
    """Have actors of a kind do something else when they are told this."""
    monkeypatch.setattr(kind, "handlers", {**kind.handlers, message: handler})


def no_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents forget what they have."""

    def status(self: Reserving) -> AgentStatus:
        setting, presence = self.setting, self.presence
        room = dict(setting.config.capacity) if setting is not None and presence.is_routable else {}
        return AgentStatus(self.address, room, 0, presence.idle_since, 9)

    monkeypatch.setattr(Reserving, "status", property(status))


def always_routable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents are asked whether they want to or not."""
    monkeypatch.setattr(Presence, "is_routable", property(lambda self: bool(self.desk)))


def last_come_first_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router has every order wrong."""

    def last(self: Ranking[Any], without: Container[Any] = ()) -> Any:
        return max((rank for rank in self.ranks.values() if rank[-1] not in without), default=None)

    monkeypatch.setattr(Ranking, "first", last)


def no_skills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves a queue serves everybody in it."""
    monkeypatch.setattr(pools.Pool, "ring", lambda self, agent: 0 if self.key[0] in agent.memberships else None)


def lazy_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router stops looking after a while."""
    match, count = matching.Matching.match, iter(range(1_000_000))
    monkeypatch.setattr(matching.Matching, "match", lambda self, now: match(self, now) if next(count) < 20 else [])


def endless_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ends an offer at its deadline."""
    monkeypatch.setattr(Reserving, "time_out", lambda self, reservation, turn: None)


def no_deduplication(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session forgets which messages it has."""
    rebuild = Conversation.rebuild

    def forgetful(self: Conversation) -> None:
        rebuild(self)
        self._ids = ForgetfulSet()

    monkeypatch.setattr(Conversation, "rebuild", forgetful)


class ForgetfulSet(set[Any]):
    def __contains__(self, item: object) -> bool:
        return False


def ghosts_in_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues keep those who left."""
    break_handler(monkeypatch, Queue, Withdraw, lambda self, message, turn: None)


def deaf_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents never hear that a conversation is over."""
    break_handler(monkeypatch, Agent, ServiceEnded, lambda self, message, turn: None)


def eager_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents accept without asking the queue, and the queue gives the interaction to the next one."""

    def accept(self: Reserving, message: AcceptOffer, turn: Turn) -> None:
        held = self._open.get(message.reservation)
        if held is not None and held.state is ReservationState.PENDING:
            turn.send(held.queue, Released(held.reservation, held.interaction, turn.address, ReservationState.RESCINDED))
            self._move(held, ReservationState.ACCEPTED, turn)

    break_handler(monkeypatch, Agent, AcceptOffer, accept)


def forgetful_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is deleted as soon as its customer is connected."""
    assigned = Session.handlers[Assigned]

    def assigned_and_gone(self: Session, message: Assigned, turn: Turn) -> None:
        assigned(self, message, turn)
        turn.end()

    break_handler(monkeypatch, Session, Assigned, assigned_and_gone)


BROKEN: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    no_capacity: "I3",
    always_routable: "I4",
    last_come_first_served: "I5",
    no_skills: "I6",
    lazy_router: "I7",
    endless_offers: "I8",
    no_deduplication: "I11",
    ghosts_in_queues: "I1",
    deaf_agents: "I1",
    eager_agents: "I2",
    forgetful_sessions: "I1",
}


@pytest.mark.parametrize(("breakage", "invariant"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_rule_is_caught(
    breakage: Callable[[pytest.MonkeyPatch], None], invariant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule that an actor breaks is found within a few seeds."""
    breakage(monkeypatch)
    found: set[str] = set()
    for seed in range(20):
        found |= broken(judge(seed, everybody_leaves=breakage is not lazy_router))
        if invariant in found:
            return
    pytest.fail(f"{breakage.__doc__} It should violate {invariant}; found {sorted(found)}")

"""What a queue does with order, counters, back-offs, proposals and configuration."""

from __future__ import annotations

from random import Random

from actors.actor import Fired, Message, Turn
from actors.address import Address, address
from actors.events import WaitingMoved
from actors.messages.agent import Cancelled, Rescinded
from actors.messages.centre import QueueConfig
from actors.messages.queue import (
    Accept,
    AskPosition,
    ConfigureQueue,
    Enqueue,
    Propose,
    QueueCounters,
    ReadQueue,
    Released,
    ReportQueue,
    RetireQueue,
    Withdraw,
)
from actors.messages.router import ROUTER, NotWaiting, Waiting
from actors.messages.session import NotQueued, Queued, Withdrawn
from actors.queue import Queue
from actors.values import Customer, Requirement, ReservationState
from tests.unit.actors.scene import agent_at, session

HERE = address("queue", "sales")
ANN, BOB = agent_at("ann"), agent_at("bob")
S = ReservationState


class Solo:
    """One queue alone: what it says, and to whom, is read and answered by hand."""

    def __init__(self, configures: bool = True) -> None:
        self.actor = Queue(HERE)
        self.now = 1000
        self.timers: dict[str, int | None] = {}
        self.answer: Message | None = None
        self.events: list[WaitingMoved] = []
        if configures:
            self.hear(ConfigureQueue(1, QueueConfig("sales", service_level_ms=100)))

    def hear(self, *said: Message) -> list[tuple[Address, Message]]:
        """What it sends after hearing these."""
        sent: list[tuple[Address, Message]] = []
        for message in said:
            turn = Turn(self.now, HERE, self.actor.records)
            self.actor.receive(message, turn)
            sent += [(one.to, one.message) for one in turn.sent]
            self.timers |= turn.timers
            self.answer = turn.answer
            self.events += [event for event in turn.events if isinstance(event, WaitingMoved)]
        return sent

    def counters(self) -> QueueCounters:
        """The live figures."""
        self.hear(ReadQueue())
        assert isinstance(self.answer, QueueCounters)
        return self.answer


def enqueue(name: str, leg: int = 1, priority: int = 0, enqueued_at: int = 1000, **changes: object) -> Enqueue:
    customer, wish = Customer(name), Requirement()
    return Enqueue(f"{name}/1", leg, session(name), "chat", customer, priority, wish, enqueued_at, **changes)  # type: ignore[arg-type]


def waiting(name: str, *not_agents: Address, enqueued_at: int = 1000, leg: int = 1) -> tuple[Address, Message]:
    return ROUTER, Waiting(f"{name}/1", HERE, "chat", 0, enqueued_at, Requirement(), not_agents, leg=leg)


def test_enqueue_counts_once_for_a_leg() -> None:
    """The same leg again is answered and does not wait twice."""
    solo = Solo()
    queued = (session("cy"), Queued("cy/1", "sales", 0))
    assert solo.hear(enqueue("cy")) == [waiting("cy"), queued]
    assert solo.hear(enqueue("cy")) == [queued], "answered again, and no more"
    assert (solo.counters().waiting, solo.counters().entered) == (1, 1)


def test_a_newer_leg_replaces_an_older() -> None:
    """A leg that was given up unnoticed makes room for the next one."""
    solo = Solo()
    solo.hear(enqueue("cy"))
    solo.hear(enqueue("cy", leg=2))
    assert [(moved.leg, moved.after) for moved in solo.events] == [(1, "waiting"), (1, "withdrawn"), (2, "waiting")]
    assert solo.hear(Withdraw("cy/1", 1), AskPosition("cy/1", 1, session("cy"))) == [], "the old leg is over"


def test_only_known_queues_take_arrivals() -> None:
    """A queue that was never configured, or is retired, takes no arrivals; served customers may come back."""
    refused = [(session("cy"), NotQueued("cy/1", "sales"))]
    assert Solo(configures=False).hear(enqueue("cy")) == refused
    solo = Solo()
    solo.hear(RetireQueue(2), ConfigureQueue(1, QueueConfig("sales")))
    assert solo.hear(enqueue("cy")) == refused, "an older configuration does not bring it back"
    assert solo.hear(enqueue("dee", leg=2))[0] == waiting("dee", leg=2), "who was served is no new arrival"
    solo.hear(ConfigureQueue(3, QueueConfig("sales")))
    assert solo.hear(enqueue("cy"))[0] == waiting("cy"), "a newer one does"


def test_every_proposal_is_answered_once() -> None:
    """The router hears who it is held for, whatever it proposed."""
    solo = Solo()
    assert solo.hear(Propose("cy/1", ANN)) == [(ROUTER, NotWaiting("cy/1", HERE))], "nobody there"
    solo.hear(enqueue("cy"))
    answer = (ROUTER, NotWaiting("cy/1", HERE, ANN, 1))
    assert solo.hear(Propose("cy/1", ANN))[0] == answer, "held for ann"
    assert solo.hear(Propose("cy/1", BOB)) == [answer], "and for nobody else"


def test_one_accept_wins() -> None:
    """The one it is held for gets it, once; every other accept is rescinded (I2)."""
    solo = Solo()
    solo.hear(enqueue("cy"), Propose("cy/1", ANN))
    assert solo.hear(Accept("cy/1#1.9", "cy/1", BOB, "Bob", "desk")) == [(BOB, Rescinded("cy/1#1.9"))]
    assert len(solo.hear(Accept("cy/1#1.1", "cy/1", ANN, "Ann", "desk"))) == 2, "granted: to agent and session"
    assert solo.hear(Accept("cy/1#1.1", "cy/1", ANN, "Ann", "desk")) == [(ANN, Rescinded("cy/1#1.1"))], "once"
    assert solo.counters().granted == 1


def test_service_level_counts_waits_within_target() -> None:
    """A grant within the target counts for the service level; a late one does not."""
    solo = Solo()
    solo.hear(enqueue("cy"), enqueue("dee"))
    solo.now += 100
    solo.hear(Propose("cy/1", ANN), Accept("cy/1#1.1", "cy/1", ANN, "Ann", "desk"))
    solo.now += 1
    solo.hear(Propose("dee/1", ANN), Accept("dee/1#1.1", "dee/1", ANN, "Ann", "desk"))
    assert (solo.counters().granted, solo.counters().granted_in_target) == (2, 1)


def test_back_offs_end_one_by_one() -> None:
    """Each agent who said no is left alone for their own time, then announced as possible again."""
    solo = Solo()
    solo.hear(enqueue("cy"), Propose("cy/1", BOB))
    assert solo.hear(Released("cy/1#1.1", "cy/1", BOB, S.REJECTED)) == [waiting("cy", BOB)]
    solo.now += 4000
    solo.hear(Propose("cy/1", ANN))
    assert solo.hear(Released("cy/1#1.2", "cy/1", ANN, S.TIMED_OUT)) == [waiting("cy", ANN, BOB)], "in one order"
    assert solo.timers["backoff/cy/1"] == 11_000, "bob's time ends first"
    solo.now = 11_000
    assert solo.hear(Fired("backoff/cy/1", 11_000)) == [waiting("cy", ANN)]
    assert solo.timers["backoff/cy/1"] == 15_000, "then ann's"
    solo.hear(Propose("cy/1", BOB))
    solo.now = 15_000
    assert solo.hear(Fired("backoff/cy/1", 15_000)) == [], "nothing to announce while it rings"
    assert solo.hear(Released("cy/1#1.3", "cy/1", BOB, S.RESCINDED)) == [waiting("cy")], "no room is no unwillingness"


def test_withdrawing_while_it_rings() -> None:
    """The ringing stops, the session is told, and the answer that comes late is rescinded."""
    solo = Solo()
    solo.hear(enqueue("cy"), Propose("cy/1", ANN))
    sent = solo.hear(Withdraw("cy/1", 1))
    assert sent == [(ANN, Cancelled("cy/1#1.1")), (session("cy"), Withdrawn("cy/1", "sales"))]
    assert solo.hear(Accept("cy/1#1.1", "cy/1", ANN, "Ann", "desk")) == [(ANN, Rescinded("cy/1#1.1"))]
    assert solo.hear(Released("cy/1#1.1", "cy/1", ANN, S.REJECTED), Withdraw("cy/1", 1)) == [], "over is over"


def test_report_tells_who_waits_for_nobody() -> None:
    """After a report the router knows each who waits, in order, and none who is held."""
    solo = Solo()
    solo.hear(enqueue("cy"), enqueue("dee", enqueued_at=900), enqueue("eve"), Propose("cy/1", ANN))
    assert solo.hear(ReportQueue()) == [waiting("dee", enqueued_at=900), waiting("eve")]


def test_positions_and_the_oldest_are_those_of_a_plain_look() -> None:
    """Among many of several priorities, positions and the oldest arrival equal those counted by hand."""
    random, solo = Random(7), Solo()
    ranks: dict[str, tuple[int, int, str]] = {}
    for number in range(300):
        name, priority, enqueued_at = str(number), random.randrange(4), random.randrange(50) + 1
        solo.hear(enqueue(name, priority=priority, enqueued_at=enqueued_at))
        ranks[name] = (-priority, enqueued_at, f"{name}/1")
        if number % 3 == 0:
            gone = random.choice(list(ranks))
            solo.hear(Withdraw(f"{gone}/1", 1))
            del ranks[gone]
    for name, rank in ranks.items():
        ahead = sum(other < rank for other in ranks.values())
        expected = [(session(name), Queued(f"{name}/1", "sales", ahead))]
        assert solo.hear(AskPosition(f"{name}/1", 1, session(name))) == expected, "as many as are in front"
    assert solo.counters().oldest_at == min(enqueued_at for _, enqueued_at, _ in ranks.values())
    assert solo.counters().waiting == len(ranks)


def test_an_empty_queue_has_no_oldest() -> None:
    """Nobody waits: the oldest is 0."""
    assert Solo().counters() == QueueCounters("sales", 0, 0, 0, 0, 0, 0, 0)

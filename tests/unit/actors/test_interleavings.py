"""Random stories: whatever customers, agents, clocks and crashes do in whatever order, the rules hold and all end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.address import Address, address
from actors.messages.agent import AcceptOffer, CompleteWrapUp, DeskLost, RejectOffer, SetPresence, SignIn
from actors.messages.centre import AgentConfig, Lending, OverflowRule, QueueConfig
from actors.messages.link import DeskReservation
from actors.messages.router import ROUTER
from actors.messages.session import (
    AgentAside,
    AgentMessage,
    CompleteConsult,
    Consult,
    CustomerResumed,
    EndConsult,
    Prioritise,
    Redirect,
    ReturnToQueue,
    ShowConversation,
    StartConference,
)
from actors.router import Router
from actors.session import Session
from actors.values import Attendance, Content, InteractionState, PresenceState, ReservationState
from cluster.codec import raw
from cluster.invariants.checker import Bounds, Checker
from cluster.invariants.report import Report
from cluster.journal import FORMAT, JournalEntry, encode_entry
from tests.unit.actors.rules import Rules
from tests.unit.actors.scene import CENTRE, WEB, Scene, agent, agent_at, needs, queue, session
from tests.unit.actors.stage import Stage

AGENTS = {
    "ann": agent("ann", "sales", chats=2, skills={"french": 5}),
    "bob": agent("bob", "sales", "support", capacity={"chat": 2, "mail": 1}, capacity_total=2, max_offers=1),
    "cat": agent(
        "cat", "support", "sales", capacity={"chat": 1, "mail": 3}, capacity_total=3, skills={"french": 9}, sign_out_after=2
    ),
    "dan": agent("dan", "sales", "support", auto_accept=True, capacity={"chat": 1, "mail": 1}),
}
QUEUES = (
    (queue("sales", wrap_up_ms=0), queue("support", reject_backoff_ms=3000)),
    (queue("sales", wrap_up_ms=0, at_once=9), queue("support", at_once=2, every_ms=4_000, no_answer_backoff_ms=1_000)),
)
SALES, SUPPORT = address("queue", "sales"), address("queue", "support")
#: Queues that move customers to each other, refuse them, and lend agents to each other.
RULED = (
    queue(
        "sales", wrap_up_ms=0, lends=Lending(), overflow=(
            OverflowRule(nobody=Attendance.AVAILABLE, queue=SUPPORT), OverflowRule(length=4),
            OverflowRule(after_ms=9_000, borrow=(SUPPORT,), anybody=True), OverflowRule(after_ms=30_000, queue=SUPPORT),
        ),
    ),
    queue(
        "support", reject_backoff_ms=3000, lends=Lending(service_level_permille=500), overflow=(
            OverflowRule(length=2, queue=SALES, keeps_place=False), OverflowRule(after_ms=4_000, borrow=(SALES,)),
            OverflowRule(after_ms=60_000, texts={"en": "Nobody came."}),
        ),
    ),
)  # fmt: skip
#: The clock of a story jumps from timer to timer while messages wait for the dice, so an offer's end may take any time.
EVER = 10**9
RELOADABLE = [ROUTER, CENTRE, *(address("queue", config.name) for config in QUEUES[0]), *map(agent_at, AGENTS)]


class Story:
    """One random story, told from a seed."""

    agents: Mapping[str, AgentConfig] = AGENTS

    def __init__(self, seed: int, literal: bool, queues: tuple[QueueConfig, ...] | None = None) -> None:
        self.random = Random(seed)
        queues = queues or self.random.choice(QUEUES)
        self.scene = Scene(self.agents, queues, choose=self.random.randrange if literal else None)
        self.rules = Rules()
        self.judged = 0
        self.scene.watch = self.judge
        self.scene.run()
        self.customers: list[str] = []

    def judge(self, stage: Stage) -> None:
        """Hand every new event to the rules."""
        for event in stage.events[self.judged :]:
            self.rules.feed(event)
        self.judged = len(stage.events)

    def tell(self, steps: int) -> None:
        """Let so many things happen."""
        for _ in range(steps):
            self.random.choice(self._deeds())()
            for _ in range(self.random.randrange(6)):
                self.scene.step()

    def _deeds(self) -> list[Callable[[], object]]:
        rare = [self.reload, self.sign_out, self.lose_desk, self.leave, self.transfer, self.give_back, self.supervise]
        rare += [self.consult, self.consult, self.confer, self.confer, self.confer]
        return [self.arrive, self.arrive, self.sign_in, self.sign_in, self.act, self.act, self.act, self.talk, self.fire, *rare]

    # Customers.

    def arrive(self) -> None:
        name = f"c{len(self.customers)}"
        self.customers.append(name)
        wish = needs(french=self.random.choice([4, 7])) if self.random.random() < 0.2 else needs()
        channel, to = self.random.choice(["chat", "chat", "mail"]), self.random.choice(["sales", "support", "support"])
        if channel == "mail" or wish.skills:
            to = "support" if channel == "mail" else "sales"
        self.scene.arrive(name, to, channel=channel, requirement=wish, priority=self.random.choice([0, 0, 3]))

    def leave(self) -> None:
        if self.customers:
            self.scene.leaves(self.random.choice(self.customers))

    def talk(self) -> None:
        if self.customers:
            name = self.random.choice(self.customers)
            self.scene.says(name, "hello", id=str(self.random.randrange(5)))
            self.scene.tell(session(name), CustomerResumed(WEB, self.random.randrange(3)))

    # Agents.

    def sign_in(self) -> None:
        name = self.random.choice(list(self.agents))
        self.scene.tell(agent_at(name), SignIn(self.random.choice([f"desk-{name}", "desk-b"])))
        state = self.random.choice([PresenceState.AVAILABLE] * 3 + [PresenceState.AWAY])
        self.scene.tell(agent_at(name), SetPresence(state, "so"))

    def sign_out(self) -> None:
        self.scene.sign_out(self.random.choice(list(self.agents)))

    def lose_desk(self) -> None:
        name = self.random.choice(list(self.agents))
        self.scene.tell(agent_at(name), DeskLost(f"desk-{name}"))

    def transfer(self) -> None:
        name, held = self._held(ReservationState.ACCEPTED)
        if held is not None:
            to = self.random.choice(["sales", "support", "nowhere"] if held.channel == "chat" else ["support"])
            to_agent = self.random.choice(["", "", *self.agents])
            self.scene.transfer(name, conversation(held), to, to_agent, id=str(self.random.random()))

    def consult(self) -> None:
        """An agent asks a queue or a colleague about a customer."""
        name, held = self._held(ReservationState.ACCEPTED)
        if held is not None:
            queues = ["sales", "support", "sales", "support", "nowhere"]
            to = self.random.choice(queues) if held.channel == "chat" else "support"
            to_agent = self.random.choice(["", "", "", "", *self.agents])
            give_up_ms = self.random.choice([0, 2_000, 20_000])
            asked = Consult(name, held.interaction, str(self.random.random()), to, to_agent, give_up_ms)
            self.scene.tell(session(conversation(held)), asked)

    def confer(self) -> None:
        """One of two agents does something with a consult, or says something in it; whoever is asked may come now."""
        sessions = [actor for name in self.customers if isinstance(actor := self.scene.actor(session(name)), Session)]
        live = [(actor.state, actor.consultation) for actor in sessions if actor.consultation is not None]
        if not live:
            return
        state, consultation = self.random.choice(live)
        asked = [(name, one) for name in self.agents for one in self.scene.desk(name).reservations if one.asks]
        for name, one in asked:
            if one.state is ReservationState.PENDING:
                self.scene.tell(agent_at(name), AcceptOffer(one.reservation))
        assert state is not None
        assert state.serving is not None, "nobody is consulted about somebody whom nobody serves"
        about = (consultation.asked_by, state.serving.interaction, consultation.interaction)
        if consultation.serving is not None and self.random.random() < 0.3:
            about = (consultation.serving.agent, consultation.interaction, consultation.interaction)
        name, known_as, _ = about
        deed = self.random.choice([
            StartConference(*about), CompleteConsult(*about), CompleteConsult(*about), EndConsult(*about),
            AgentAside(name, known_as, str(self.random.randrange(3)), Content("psst")),
            AgentMessage(name, known_as, str(self.random.randrange(3)), Content("hi")),
            ShowConversation(name, known_as, f"desk-{name}"),
        ])  # fmt: skip
        self.scene.tell(Address(f"session/{state.conversation}"), deed)

    def give_back(self) -> None:
        name, held = self._held(ReservationState.ACCEPTED)
        if held is not None:
            back = ReturnToQueue(name, held.interaction, str(self.random.random()), self.random.random() < 0.5)
            self.scene.tell(session(conversation(held)), back)

    def supervise(self) -> None:
        """A supervisor moves somebody, to a queue or an agent, or lets them go before others."""
        if not self.customers:
            return
        at, queues = session(self.random.choice(self.customers)), ["", "support", "nowhere"]
        if self.random.random() < 0.5:
            self.scene.tell(at, Prioritise(self.random.choice([0, 3, 1000])))
        else:
            to_agent, leg = self.random.choice(["", *AGENTS]), self.random.choice([0, 0, 1, 2])
            keep_place = self.random.random() < 0.7
            name = str(self.random.random())
            self.scene.tell(at, Redirect(name, "eve", self.random.choice(queues), to_agent, 8_000, keep_place, leg))

    def act(self) -> None:
        """An agent does the next thing with some reservation on their desk."""
        name, held = self._held()
        if held is None:
            return
        if held.state is ReservationState.PENDING and self.random.random() < 0.3:
            self.scene.tell(agent_at(name), RejectOffer(held.reservation, busy=self.random.random() < 0.5))
        else:
            self._serve(name, held)

    def _serve(self, name: str, held: DeskReservation) -> None:
        """The agent does what brings the reservation nearer to its end."""
        match held.state:
            case ReservationState.PENDING:
                self.scene.tell(agent_at(name), AcceptOffer(held.reservation))
            case ReservationState.ACCEPTED:
                self.scene.replies(name, conversation(held), "hi", id=str(self.random.randrange(3)))
                self.scene.ends(name, conversation(held))
                # A colleague ends nothing but their own part, if they have one still.
                self.scene.tell(session(conversation(held)), EndConsult(name, held.interaction, held.interaction))
            case _:
                self.scene.tell(agent_at(name), CompleteWrapUp(held.reservation, "solved"))

    def _held(self, *states: ReservationState) -> tuple[str, DeskReservation | None]:
        """A random reservation on somebody's desk."""
        found = [
            (name, one)
            for name in self.agents
            for one in self.scene.desk(name).reservations
            if not states or one.state in states
        ]
        return self.random.choice(found) if found else ("", None)

    # The world.

    def fire(self) -> None:
        if self.scene.timers:
            due_at, key = min((due_at, key) for key, due_at in self.scene.timers.items())
            self.scene.fire(due_at, key)

    def reload(self) -> None:
        self.scene.reload(self.random.choice([*RELOADABLE, *map(session, self.customers)]))

    def finish(self) -> None:
        """Everybody works as they should until nothing is left to do."""
        for _ in range(60 + 4 * len(self.customers)):
            self.scene.run()
            for name in self.agents:
                self.scene.tell(agent_at(name), SignIn(f"desk-{name}"))
                self.scene.tell(agent_at(name), SetPresence(PresenceState.AVAILABLE))
                self.scene.run()
                for held in self.scene.desk(name).reservations:
                    self._serve(name, held)
                    self.scene.run()
            self.scene.advance(4000)
            if set(self.rules.interactions.values()) <= {InteractionState.ENDED} and not self.rules.open_reservations:
                break


def conversation(held: DeskReservation) -> str:
    return held.interaction.rpartition("/")[0]


@pytest.mark.parametrize("literal", [False, True], ids=["one shard", "literal"])
@settings(max_examples=60, deadline=None)
@example(seed=1144)
@given(seed=st.integers(0, 2**32 - 1))
def test_rules_hold_and_everybody_is_served(literal: bool, seed: int) -> None:
    """In any order of deeds and deliveries no rule breaks, and with agents at work every interaction ends (I7, I13)."""
    judge(Story(seed, literal), literal)


@pytest.mark.parametrize("literal", [False, True], ids=["one shard", "literal"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_rules_hold_while_queues_move_and_borrow(literal: bool, seed: int) -> None:
    """The same where queues send customers round, refuse them, and lend agents that they take back."""
    judge(Story(seed, literal, RULED), literal)


def judge(story: Story, literal: bool) -> None:
    """Tell a story to its end, and see that nothing is left."""
    story.tell(150)
    story.finish()
    live = [one for one, state in story.rules.interactions.items() if state is not InteractionState.ENDED]
    assert live == [], "nobody is stuck"
    customers = [one for one in story.rules.interactions if one.endswith("/1")]
    assert len(customers) == len(story.customers), "created = ended + live"
    assert story.rules.open_reservations == 0, "no agent is stuck with a reservation"
    for name in ("sales", "support"):
        counters = story.scene.counters(name)
        assert (counters.waiting, counters.offered) == (0, 0), "nobody is left in a queue"
        assert counters.entered == counters.granted + counters.withdrawn, "each place ended once"
    router = story.scene.actor(ROUTER)
    assert isinstance(router, Router)
    assert [seen.address for seen in router.matching.agents.values() if seen.claims] == [], "no claim is left behind"
    assert [str(violation) for violation in judged(story.scene, literal).violations] == [], "the cluster's checker agrees"


def judged(scene: Scene, literal: bool) -> Report:
    """What the cluster's own checker says of the story, each turn being a commit of the shard that the actor is on."""
    checker, numbers = Checker(bounds=Bounds(offer_ms=EVER)), Counter[str]()
    for now, actor, events in scene.said:
        shard = actor if literal else "0"
        numbers[shard] += 1
        said = [(actor, raw(event)) for event in events]
        checker.feed(shard, encode_entry(JournalEntry(FORMAT, shard, 1, numbers[shard], now, said, [], {}, {})))
    return checker.finish()

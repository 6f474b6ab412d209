"""Capacity through the real actors: what rings, is served and is wrapped up, whoever proposes what, and when it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.address import address
from actors.agent import Agent
from actors.events import ReservationMoved
from actors.messages.agent import ReportAgent
from actors.messages.centre import AgentConfig
from actors.messages.queue import Propose
from actors.messages.router import ROUTER, AgentProfile, AgentStatus, Waiting
from actors.router import Router
from actors.router.matching import Matching
from actors.routing.capacity import CapacityRules
from actors.values import InteractionState, Requirement, ReservationState
from tests.unit.actors.rules import Rules
from tests.unit.actors.scene import Scene, agent, agent_at, interaction, queue
from tests.unit.actors.test_interleavings import QUEUES, Story, judged

S = ReservationState
ANN = agent_at("ann")
SALES = address("queue", "sales")
QUICK = (queue("sales", wrap_up_ms=0),)
VIP = Requirement(labels=("vip",))


def sharing(units: int, rules: CapacityRules | None = None, **capacity: int) -> AgentConfig:
    """An agent of sales with this capacity."""
    return agent("ann", capacity=capacity, capacity_total=units, capacity_rules=rules or CapacityRules())


def on_duty(config: AgentConfig) -> Scene:
    """Ann alone, available."""
    scene = Scene({"ann": config}, QUICK)
    scene.available("ann")
    return scene


def arrive(scene: Scene, *names: str, channel: str = "chat", labels: tuple[str, ...] = ()) -> None:
    for name in names:
        scene.arrive(name, channel=channel, requirement=Requirement(labels=labels))


def served(scene: Scene, *names: str) -> None:
    """Ann takes what rings."""
    for name in names:
        assert scene.accept("ann", name) is None, f"{name} rings"


def completed(scene: Scene, *names: str) -> None:
    """These conversations are over, without wrap-up."""
    for name in names:
        scene.leaves(name)


# Regressions known from other systems.


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_three_routers_and_four_interactions_for_an_agent_with_three_places(seed: int) -> None:
    """Routers that do not know of each other propose one each, and one more, to an agent with three places: three ring.

    The agent consents, so whatever the routers think and in whatever order they are heard, the fourth waits on (I3).
    """
    random = Random(seed)
    scene, rules = Scene({"ann": sharing(3, chat=3)}, QUICK, choose=random.randrange), Rules()
    scene.run()
    scene.available("ann")
    scene.run()
    routers = [Matching(), Matching(), Matching()]
    profile, status = told_by(scene)
    for router in routers:
        router.profile(profile)
        router.status(status)
    for number in range(4):
        scene.arrive(f"c{number}")
        routers[number % 3].wait(Waiting(interaction(f"c{number}"), SALES, "chat", 0, scene.now, Requirement()))
    found = [match for router in routers for match in router.match(scene.now)]
    proposals = [(match.waiting.queue, Propose(match.waiting.interaction, match.agent)) for match in found]
    assert len(proposals) == 4, "each router knows of three places"
    random.shuffle(proposals)
    for to, proposal in proposals:
        for _ in range(random.randrange(8)):
            scene.step()
        scene.tell(to, proposal)
    scene.run()
    assert sorted(scene.states("ann").values()) == [S.PENDING] * 3, "three ring"
    assert scene.counters().waiting == 1, "one waits"
    for event in scene.events:
        rules.feed(event)
    assert judged(scene, literal=True).ok, "and the checker agrees"


def told_by(scene: Scene) -> tuple[AgentProfile, AgentStatus]:
    """What Ann tells any router that asks."""
    actor = scene.actor(ANN)
    assert isinstance(actor, Agent) and actor.setting is not None
    config = actor.setting.config
    return AgentProfile(ANN, config.skills, config.queues, capacity=config.limits), actor.status


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_newest_chat_does_not_overtake_a_queued_one(seed: int) -> None:
    """Capacity frees in the tick in which a newcomer arrives: whoever queued gets it, in any order of deliveries (I5)."""
    random = Random(seed)
    scene = Scene({"ann": sharing(2, chat=2)}, QUICK, choose=random.randrange)
    scene.run()
    scene.available("ann")
    for name in ("first", "second", "queued"):
        scene.arrive(name)
        scene.run()
        scene.advance(10)
    scene.accept("ann", "first")
    scene.run()
    deeds: list[Callable[[], object]] = [partial(scene.leaves, "first"), partial(scene.arrive, "newcomer")]
    random.shuffle(deeds)
    for deed in deeds:
        deed()
        for _ in range(random.randrange(3)):
            scene.step()
    scene.run()
    assert sorted(scene.states("ann")) == ["queued", "second"], "the queued one rings, the newcomer waits"


def test_the_newest_chat_does_not_overtake_one_that_a_call_kept_waiting() -> None:
    """A chat that was kept waiting by a call goes before one that comes as the call ends."""
    rules = CapacityRules(interrupts={"voice": ("chat",)})
    scene = on_duty(sharing(2, rules, chat=2, voice=1))
    arrive(scene, "a")
    arrive(scene, "call", channel="voice")
    served(scene, "a", "call")
    arrive(scene, "queued")
    scene.advance(10)
    scene.arrive("newcomer")
    completed(scene, "call")
    assert sorted(scene.states("ann")) == ["a", "queued"], "first come, first served"


def test_capacity_lowered_while_busy() -> None:
    """What is held, rings or is wrapped up stays; nothing new comes above the new limits; raised again, the next rings."""
    scene = on_duty(sharing(3, chat=3))
    arrive(scene, "a", "b", "c")
    served(scene, "a", "b")
    scene.configure({"ann": sharing(1, chat=3)}, QUICK)
    arrive(scene, "d", "e")
    served(scene, "c")
    assert scene.states("ann") == dict.fromkeys("abc", S.ACCEPTED), "all that was there, what rang included"
    completed(scene, "a", "b")
    assert sorted(scene.states("ann")) == ["c"], "one of one: nothing new"
    scene.configure({"ann": sharing(2, chat=3)}, QUICK)
    assert sorted(scene.states("ann")) == ["c", "d"], "one more"
    scene.configure({"ann": sharing(4, CapacityRules(costs={"chat": 2}), chat=3)}, QUICK)
    completed(scene, "c")
    assert sorted(scene.states("ann")) == ["d", "e"], "two units each, of four"
    assert judged(scene, literal=False).ok, "never above what was in force (I3)"


def test_a_channel_becomes_exclusive_while_others_are_held() -> None:
    """New rules hold for what comes next only, also where what is held breaks them."""
    scene = on_duty(sharing(3, chat=2, mail=2))
    arrive(scene, "chat")
    arrive(scene, "mail", channel="mail")
    served(scene, "chat", "mail")
    scene.configure({"ann": sharing(3, CapacityRules(exclusive=("chat",)), chat=2, mail=2)}, QUICK)
    arrive(scene, "chat2")
    arrive(scene, "mail2", channel="mail")
    assert sorted(scene.states("ann")) == ["chat", "mail"], "neither: each has the other beside it"
    completed(scene, "mail")
    assert sorted(scene.states("ann")) == ["chat", "chat2"], "chats alone"
    assert judged(scene, literal=False).ok, "what is held already breaks nothing (I3)"


# What the rules do.


def test_a_call_interrupts_three_chats() -> None:
    """A call rings at an agent who is full of chats; while it lasts no chat is offered, however few are left."""
    rules = CapacityRules(interrupts={"voice": ("chat",)})
    scene = on_duty(sharing(3, rules, chat=3, voice=1))
    arrive(scene, "a", "b", "c")
    served(scene, "a", "b", "c")
    arrive(scene, "call", channel="voice")
    assert scene.states("ann")["call"] is S.PENDING, "over three chats"
    served(scene, "call")
    completed(scene, "a", "b")
    arrive(scene, "d")
    assert sorted(scene.states("ann")) == ["c", "call"], "no chat during the call"
    completed(scene, "call")
    assert sorted(scene.states("ann")) == ["c", "d"], "then again"
    assert judged(scene, literal=False).ok


def test_interrupted_chats_do_not_starve() -> None:
    """After two calls over a chat the next one waits until the chat is completed, however many calls there are."""
    rules = CapacityRules(interrupts={"voice": ("chat",)}, interruptions=2)
    scene = on_duty(sharing(1, rules, chat=1, voice=1))
    arrive(scene, "chat")
    served(scene, "chat")
    arrive(scene, "call1", "call2", "call3", channel="voice")
    for call in ("call1", "call2"):
        served(scene, call)
        scene.reload(ANN)
        completed(scene, call)
    assert sorted(scene.states("ann")) == ["chat"], "the chat goes first now, also after a reload"
    completed(scene, "chat")
    assert sorted(scene.states("ann")) == ["call3"], "and then the call"
    assert judged(scene, literal=False).ok


def test_units_are_shared_by_what_channels_cost() -> None:
    """One call or five chats, as 100 units allow where a call costs 100 and a chat 20."""
    rules = CapacityRules(costs={"voice": 100, "chat": 20})
    scene = on_duty(sharing(100, rules, chat=5, voice=1))
    arrive(scene, "a")
    arrive(scene, "call", channel="voice")
    arrive(scene, "b")
    assert sorted(scene.states("ann")) == ["a", "b"], "the call does not fit beside a chat"
    completed(scene, "a", "b")
    arrive(scene, "c")
    assert sorted(scene.states("ann")) == ["call"], "and a chat not beside the call"


def test_labels_limit_what_carries_them() -> None:
    """An agent takes one VIP at a time and two of anything; labels stay with a customer who is passed on."""
    rules = CapacityRules(labels={"vip": 1})
    config = sharing(2, rules, chat=2)
    scene = Scene({"ann": config, "bob": replace(config, name="Bob")}, QUICK)
    scene.available("ann")
    arrive(scene, "vip1", "vip2", labels=("vip",))
    assert sorted(scene.states("ann")) == ["vip1"], "one of the two"
    arrive(scene, "other")
    assert sorted(scene.states("ann")) == ["other", "vip1"], "others fit beside it"
    served(scene, "vip1", "other")
    scene.available("bob")
    assert sorted(scene.states("bob")) == ["vip2"], "one for bob as well"
    scene.accept("bob", "vip2")
    scene.sign_out("bob")
    completed(scene, "vip1")
    moved = [event for event in scene.journal(ReservationMoved) if event.interaction == interaction("vip2")]
    assert sorted(scene.states("ann")) == ["other", "vip2"], "whoever was served goes first"
    assert {event.labels for event in moved} == {("vip",)}, "with the label that they came with"
    assert judged(scene, literal=False).ok


def test_a_refused_proposal_is_not_made_again() -> None:
    """Where the agent's word comes too late for the router, each side says what it knows once, and then it is quiet."""
    rules = CapacityRules(costs={"mail": 3}, exclusive=("voice",), labels={"vip": 1})
    scene = on_duty(sharing(3, rules, chat=2, mail=1, voice=1))
    arrive(scene, "a", "b", labels=("vip",))
    arrive(scene, "m", channel="mail")
    arrive(scene, "v", channel="voice")
    before = scene.turns
    scene.tell(ANN, ReportAgent())
    assert scene.turns - before < 10, "no word that brings back the same word"
    router = scene.actor(ROUTER)
    assert isinstance(router, Router) and not router.matching.agents[ANN].claims, "and no claim is left"


# Random stories.

SHARED = {
    "ann": agent("ann", "sales", chats=2, skills={"french": 9}, capacity_rules=CapacityRules(labels={"vip": 1})),
    "bob": agent(
        "bob", "sales", "support", capacity={"chat": 3, "mail": 2, "voice": 1}, capacity_total=3,
        capacity_rules=CapacityRules(interrupts={"voice": ("chat", "mail")}, interruptions=1),
    ),
    "cat": agent(
        "cat", "support", "sales", capacity={"chat": 4, "mail": 3, "voice": 1}, capacity_total=6, skills={"french": 9},
        capacity_rules=CapacityRules({"chat": 2, "mail": 1, "voice": 5}, labels={"vip": 2}),
    ),
    "dan": agent(
        "dan", "sales", "support", auto_accept=True, capacity={"chat": 2, "mail": 2, "voice": 2}, capacity_total=4,
        capacity_rules=CapacityRules(exclusive=("chat", "voice"), interrupts={"chat": ("mail",), "voice": ("mail", "chat")}),
    ),
}  # fmt: skip


class SharedStory(Story):
    """A story with calls, labels and channels that share agents by rules, which change while they are busy."""

    agents = SHARED

    def arrive(self) -> None:
        name = f"c{len(self.customers)}"
        self.customers.append(name)
        wish = VIP if self.random.random() < 0.3 else Requirement()
        channel = self.random.choice(["chat", "chat", "mail", "voice"])
        self.scene.arrive(name, self.random.choice(["sales", "support"]), channel=channel, requirement=wish)

    def reload(self) -> None:
        """As often as an actor is loaded again, the agents exchange their capacities."""
        super().reload()
        limits = list(SHARED.values())
        self.random.shuffle(limits)
        changed = {
            name: replace(
                own, capacity=new.capacity, capacity_total=self.random.randint(1, 6), capacity_rules=new.capacity_rules
            )
            for (name, own), new in zip(SHARED.items(), limits, strict=True)
        }
        self.scene.configure(changed, QUEUES[0])

    def finish(self) -> None:
        self.scene.configure(SHARED, QUEUES[0])
        super().finish()


@pytest.mark.parametrize("literal", [False, True], ids=["one shard", "literal"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_capacity_holds_in_any_story(literal: bool, seed: int) -> None:
    """Whatever is proposed, taken and configured in whatever order, capacity holds (I3), and everybody is served (I7)."""
    story = SharedStory(seed, literal)
    story.tell(120)
    story.finish()
    live = [one for one, state in story.rules.interactions.items() if state is not InteractionState.ENDED]
    assert live == [], "nobody is stuck"
    router = story.scene.actor(ROUTER)
    assert isinstance(router, Router)
    assert [seen.address for seen in router.matching.agents.values() if seen.claims] == [], "no claim is left behind"
    assert [str(violation) for violation in judged(story.scene, literal).violations] == [], "the cluster's checker agrees"

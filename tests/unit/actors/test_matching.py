"""The matching's choices are those of its policy read literally, and cost what they should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.address import Address, address
from actors.messages.centre import Membership, Reserve
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router import matching as matching_module
from actors.router.matching import Matching
from actors.router.ranking import Ranking
from actors.routing.strategy import STRATEGIES
from actors.values import Form, Requirement, SkillLevel
from tests.unit.actors.policy_oracle import Oracle

QUEUES = [address("queue", name) for name in ("a", "b")]
AGENTS = [address("agent", f"a{number}") for number in range(5)]
NOBODY = Address("")
NOW = 1_000


skills = st.lists(st.builds(SkillLevel, st.sampled_from("xy"), st.integers(1, 3)), max_size=2, unique_by=lambda s: s.skill)
EXPRESSIONS = ["", "", "x >= 2 or y", 'not group["new"]', 'attribute["rank"] > 1 and x', 'agent in ("a0", "a3")']
CHOICES = ["", *STRATEGIES, '= attribute["rank"] * 2 + x']
requirements = st.builds(
    Requirement,
    skills.map(tuple),
    st.sampled_from(["", "", "", "a0", "a1"]),
    st.sampled_from(EXPRESSIONS),
    st.sampled_from([(), (), (), (QUEUES[1],), tuple(QUEUES)]),
    st.sampled_from([0, 0, 5]),
)
memberships = st.builds(
    Membership, st.sampled_from(QUEUES), st.sampled_from(["", "chat"]), st.integers(0, 1), st.sampled_from([0, 5]),
    st.integers(1, 2), st.integers(1, 3), st.sampled_from([0.5, 1.0, 3.0]),
)  # fmt: skip
profiles = st.builds(
    AgentProfile,
    st.sampled_from(AGENTS),
    skills.map(tuple),
    st.lists(st.sampled_from(QUEUES), unique=True).map(tuple),
    st.dictionaries(st.just("rank"), st.integers(0, 3)),
    st.sampled_from([(), ("new",)]),
    st.lists(memberships, max_size=2, unique_by=lambda one: one.queue).map(tuple),
)
waitings = st.builds(
    Waiting,
    st.integers(0, 9).map(str),
    st.sampled_from(QUEUES),
    st.sampled_from(["chat", "mail"]),
    st.integers(0, 2),
    st.integers(0, 5),
    requirements,
    st.lists(st.sampled_from(AGENTS), max_size=2, unique=True).map(lambda agents: tuple(sorted(agents))),
    st.lists(requirements, max_size=2).map(tuple),
    further=st.booleans(),
)
#: How a queue orders and chooses: (choice, ageing, newest first).
queue_rules = st.tuples(st.sampled_from(CHOICES), st.sampled_from([0, 0, 1_000_000, 4_000_000]), st.booleans())


@st.composite
def statuses(draw: st.DrawFn) -> AgentStatus:
    """Room that an agent may really have: no channel above what is spare."""
    spare = draw(st.integers(0, 3))
    free = {channel: min(draw(st.integers(0, 2)), spare) for channel in ("chat", "mail")}
    room = {channel: count for channel, count in free.items() if count}
    form = Form(*(draw(st.integers(0, 3)) for _ in range(4)))
    return AgentStatus(
        draw(st.sampled_from(AGENTS)), room, draw(st.integers(0, 1)), draw(st.integers(0, 3)), spare,
        draw(st.sampled_from([0, 500])), form,
    )  # fmt: skip


steps = st.lists(st.one_of(waitings, waitings, statuses(), profiles, st.sampled_from(["match", "gone"])), max_size=60)


@settings(max_examples=400, deadline=None)
@given(
    steps=steps,
    idle_pools=st.sampled_from([0, 1, 256]),
    rules=st.tuples(queue_rules, queue_rules),
    head_start_ms=st.sampled_from([None, None, 0, 2, 1_000]),
)
def test_matches_are_those_of_the_policy(
    steps: list[Waiting | AgentStatus | AgentProfile | str],
    idle_pools: int,
    rules: tuple[tuple[str, int, bool], ...],
    head_start_ms: int | None,
) -> None:
    """Whatever the rules and whatever changes between matches, each match is the one that a look at everybody makes (I5)."""
    kept, matching_module.IDLE_POOLS = matching_module.IDLE_POOLS, idle_pools
    matching, oracle = Matching(), Oracle(NOW, head_start_ms)
    matching.follow(None if head_start_ms is None else Reserve(head_start_ms))
    try:
        for step in [*steps, "match"]:
            match step:
                case Waiting():
                    choice, ageing, lifo = rules[QUEUES.index(step.queue)]
                    ruled = replace(step, choice=choice, ageing=ageing, lifo=lifo)
                    matching.wait(ruled)
                    oracle.waiting[step.interaction] = ruled
                case AgentStatus():
                    matching.status(step)
                    oracle.statuses[step.agent] = step
                case AgentProfile():
                    matching.profile(step)
                    oracle.profiles[step.agent] = step
                    oracle.statuses.setdefault(step.agent, AgentStatus(step.agent, {}, 0, 0))
                case "gone" if oracle.waiting:
                    interaction = min(oracle.waiting)
                    matching.not_waiting(interaction, NOBODY)
                    del oracle.waiting[interaction]
                case "match":
                    matches = matching.match(NOW)
                    made = [(match.waiting.interaction, match.agent) for match in matches]
                    assert made == oracle.match(), "the policy's pairs"
                    for match in matches:  # The queue agrees and the agent consents at once.
                        matching.not_waiting(match.waiting.interaction, match.agent)
                        matching.status(oracle.statuses[match.agent])
            assert set(matching.waiting) == set(oracle.waiting), "both know who waits"
    finally:
        matching_module.IDLE_POOLS = kept


def waiting(name: str, **changes: object) -> Waiting:
    """Somebody who waits for a chat in queue `a`."""
    settings: dict[str, object] = {
        "queue": QUEUES[0], "channel": "chat", "priority": 0, "enqueued_at": 1, "requirement": Requirement(), **changes,
    }  # fmt: skip
    return Waiting(name, **settings)  # type: ignore[arg-type]  # fields by name, for the tests' brevity


def free(agent: Address, room: int = 1, load: int = 0, idle_since: int = 0) -> AgentStatus:
    """An agent with room for so many chats."""
    return AgentStatus(agent, {"chat": room} if room else {}, load, idle_since, room)


def ready(*agents: Address) -> Matching:
    """A matching with these agents free for one chat each."""
    matching = Matching()
    for agent in agents:
        matching.profile(AgentProfile(agent, (), (QUEUES[0],)))
        matching.status(free(agent))
    return matching


def pairs(matching: Matching) -> list[tuple[str, Address]]:
    """What is matched now."""
    return [(match.waiting.interaction, match.agent) for match in matching.match(NOW)]


def test_a_match_is_not_made_again_before_it_is_answered() -> None:
    """What the queue said before our proposal reached it changes nothing."""
    matching = ready(*AGENTS[:2])
    matching.wait(waiting("i"))
    assert pairs(matching) == [("i", AGENTS[0])]
    matching.wait(waiting("i"))
    assert pairs(matching) == [], "the answer is still to come"


def test_a_refused_proposal_frees_its_agent() -> None:
    """If the queue held it for somebody else, the agent was never asked and is free again."""
    matching = ready(AGENTS[0])
    matching.wait(waiting("i"))
    assert pairs(matching) == [("i", AGENTS[0])]
    assert matching.not_waiting("i", AGENTS[1]), "that freed the agent"
    matching.wait(waiting("j"))
    assert pairs(matching) == [("j", AGENTS[0])]


@pytest.mark.parametrize("queue_first", [True, False])
def test_a_claim_lasts_until_both_have_spoken(queue_first: bool) -> None:
    """Until queue and agent both answered, in either order, the agent's room stays taken."""
    matching = ready(AGENTS[0])
    matching.wait(waiting("i"))
    matching.match(NOW)
    matching.wait(waiting("j"))

    def speak(queue: bool) -> None:
        if queue:
            matching.not_waiting("i", AGENTS[0])
        else:
            matching.status(free(AGENTS[0]))

    speak(queue_first)
    assert pairs(matching) == [], "one answer is not enough"
    speak(not queue_first)
    assert pairs(matching) == [("j", AGENTS[0])], "now the agent's figures are the truth"


def test_idle_pools_are_forgotten() -> None:
    """However many kinds of needs came by, only so many empty pools are kept."""
    matching = ready(AGENTS[0])
    for number in range(2000):
        matching.wait(waiting(str(number), requirement=Requirement((SkillLevel(f"s{number}"),))))
        matching.not_waiting(str(number), NOBODY)
    assert matching.classes == 0, "nobody waits"
    assert len(matching._pools) == matching_module.IDLE_POOLS, "and the rest is forgotten"


def test_a_forgotten_agent_is_not_matched() -> None:
    """An agent who is no longer the router's gets nothing, whatever was open."""
    matching = ready(AGENTS[0])
    matching.wait(waiting("i"))
    matching.match(NOW)
    matching.forget_agent(AGENTS[0])
    matching.wait(waiting("j"))
    assert not matching.not_waiting("i", AGENTS[0]), "nothing to free"
    assert (pairs(matching), matching.routable) == ([], 0)


def test_ranking_clears_itself_out() -> None:
    """Members who move a thousand times leave no thousand entries behind."""
    ranking: Ranking[tuple[int, str]] = Ranking()
    for number in range(10_000):
        ranking.put((number % 97, str(number % 3)))
    assert len(ranking) == 3, "three members"
    assert len(ranking._heap) < 200, "and no more entries than a few"
    assert ranking.first() == (6, "1"), "and the least of the three last ranks is first"


def test_ten_thousand_waiting() -> None:
    """Of a burst of 10,000 as many are matched as there are agents; then each freed agent gets one, whoever excludes whom.

    What that costs is measured by `make bench` (router_burst_10k_s, router_decisions_per_s).
    """
    agents = [address("agent", str(number)) for number in range(2000)]
    matching = ready(*agents)
    for number in range(10_000):
        matching.wait(waiting(str(number), enqueued_at=number))
    assert len(matching.match(NOW)) == 2000, "one each"
    for number in range(1000):  # as many exclude somebody, each in a line of its own
        matching.wait(waiting(f"x{number}", enqueued_at=number, not_agents=(agents[number],)))
    for number in range(200):
        matching.not_waiting(str(number), agents[number])
        matching.status(free(agents[number]))
        assert len(matching.match(NOW)) == 1, "the freed agent is matched"

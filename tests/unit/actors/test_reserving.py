"""The matching with the reserve policy: its choices read literally, and how long somebody is held back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.address import Address, address
from actors.messages.centre import Reserve
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.matching import Matching
from actors.values import Requirement, SkillLevel
from tests.unit.actors.policy_oracle import Oracle

QUEUE = address("queue", "a")
AGENTS = [address("agent", f"a{number}") for number in range(4)]
NOBODY = Address("")
NOW = 1_000

skill_sets = st.sampled_from(["", "x", "y", "z", "xy", "yz", "xyz"])
waitings = st.tuples(st.integers(0, 9), st.sampled_from(["", "x", "y", "z", "xy"]), st.integers(0, 5), st.integers(0, 1))
freed = st.tuples(st.sampled_from(AGENTS), st.integers(0, 3))


def has(skills: str) -> tuple[SkillLevel, ...]:
    """These skills, one letter each."""
    return tuple(map(SkillLevel, skills))


def waiting(name: str, skills: str = "", enqueued_at: int = 1, priority: int = 0) -> Waiting:
    """Somebody who asks for these skills."""
    return Waiting(name, QUEUE, "chat", priority, enqueued_at, Requirement(has(skills)))


def free(agent: Address, idle_since: int = 0) -> AgentStatus:
    """An agent with room for one."""
    return AgentStatus(agent, {"chat": 1}, 0, idle_since, 1)


def busy(agent: Address) -> AgentStatus:
    """An agent who serves somebody."""
    return AgentStatus(agent, {}, 1, 0)


def pairs(matching: Matching) -> list[tuple[str, Address]]:
    """What is matched now; queue and agent agree at once."""
    found = [(match.waiting.interaction, match.agent) for match in matching.match(NOW)]
    for interaction, agent in found:
        matching.not_waiting(interaction, agent)
        matching.status(busy(agent))
    return found


@settings(max_examples=300, deadline=None)
@given(
    skills=st.tuples(*(skill_sets for _ in AGENTS)),
    steps=st.lists(st.one_of(waitings, waitings, freed), max_size=40),
    head_start_ms=st.sampled_from([0, 1, 3, 100]),
)
def test_its_matches_are_those_of_a_look_at_everybody(
    skills: tuple[str, ...], steps: list[tuple[object, ...]], head_start_ms: int
) -> None:
    """Whoever comes and frees, narrow agents and narrow classes go first, within the head start."""
    matching, oracle = Matching(), Oracle(NOW, head_start_ms)
    matching.follow(Reserve(head_start_ms))
    for agent, known in zip(AGENTS, skills, strict=True):
        profile = AgentProfile(agent, has(known), (QUEUE,))
        matching.profile(profile)
        oracle.profiles[agent] = profile
        oracle.statuses[agent] = AgentStatus(agent, {}, 1, 0)
    for step in steps:
        if len(step) == 4:
            number, asked, enqueued_at, priority = step
            one = waiting(str(number), str(asked), int(str(enqueued_at)), int(str(priority)))
            matching.wait(one)
            oracle.waiting[one.interaction] = one
        else:
            freed, idle_since = step
            status = free(Address(str(freed)), int(str(idle_since)))
            matching.status(status)
            oracle.statuses[status.agent] = status
            expected = oracle.match()
            assert pairs(matching) == expected, "the policy's pairs"
            for _, agent in expected:
                oracle.statuses[agent] = busy(agent)


def team(hold_back: int) -> Matching:
    """Agents 0 and 1 know x, agent 2 x and y and holds back; everybody is at work, and somebody has asked for y before."""
    matching = Matching()
    matching.follow(Reserve(600_000))
    for agent, skills in zip(AGENTS, ["x", "x", "xy"], strict=False):
        matching.profile(AgentProfile(agent, has(skills), (QUEUE,), hold_back=hold_back if skills == "xy" else 0))
        matching.status(busy(agent))
    matching.wait(waiting("first", "y"))
    matching.not_waiting("first", NOBODY)
    return matching


def test_the_last_generalist_is_left_free() -> None:
    """Up to two wait for the specialists; the third is too many, and the oldest goes to the generalist."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    matching.wait(waiting("j", "x", 2))
    assert pairs(matching) == [], "agents 0 and 1 will be free"
    matching.wait(waiting("k", "x", 3))
    assert pairs(matching) == [("i", AGENTS[2])], "more than two wait"


def test_what_only_the_generalist_serves_is_served_at_once() -> None:
    """That is what they were kept for."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    matching.wait(waiting("l", "y", 5))
    assert pairs(matching) == [("l", AGENTS[2])], "who asked for x waits for a specialist"


def test_nobody_waits_for_specialists_who_do_not_come() -> None:
    """When the last specialist at work goes away, whoever was left to them goes to the generalist."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    assert pairs(matching) == [], "two specialists are at work"
    matching.status(AgentStatus(AGENTS[0], {}, 0, 0))
    assert pairs(matching) == [], "one still is"
    matching.status(AgentStatus(AGENTS[1], {}, 0, 0))
    assert pairs(matching) == [("i", AGENTS[2])], "nobody else will ever be free"


def test_nobody_waits_for_specialists_who_are_gone() -> None:
    """Nor when they are no longer the router's."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    assert pairs(matching) == [], "two specialists are at work"
    for agent in AGENTS[:2]:
        matching.forget_agent(agent)
    assert pairs(matching) == [("i", AGENTS[2])], "the generalist is the only one left"


def test_nobody_waits_for_specialists_who_said_no() -> None:
    """Agents whom an interaction excludes are nobody to wait for."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    refused = Waiting("i", QUEUE, "chat", 0, 1, Requirement(has("x")), not_agents=tuple(AGENTS[:2]))
    matching.wait(refused)
    assert pairs(matching) == [("i", AGENTS[2])], "only the generalist may be asked"


def test_a_second_generalist_need_not_hold_back() -> None:
    """While another who may serve y is free, nobody is the last one."""
    matching = team(hold_back=2)
    matching.profile(AgentProfile(AGENTS[3], has("xy"), (QUEUE,), hold_back=2))
    matching.status(free(AGENTS[3], idle_since=5))
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    matching.wait(waiting("j", "x", 2))
    assert pairs(matching) == [("i", AGENTS[2])], "the longest idle of the two; the other is the last one now, and holds back"


def test_the_policy_can_be_changed_under_a_queue() -> None:
    """Whoever is held back is served when the policy ends."""
    matching = team(hold_back=2)
    matching.status(free(AGENTS[2]))
    matching.wait(waiting("i", "x", 1))
    assert pairs(matching) == [], "held back"
    assert matching.follow(None), "a change"
    assert not matching.follow(None), "no change"
    assert pairs(matching) == [("i", AGENTS[2])], "first come, first served"

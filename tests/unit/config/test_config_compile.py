"""A checked configuration compiles into exactly what actors and edges need."""

from __future__ import annotations

from pathlib import Path

from actors.address import Address
from actors.messages.centre import AgentConfig, Announce, CentrePlan, QueueConfig, Reserve
from actors.values import PresenceState, SkillLevel
from cluster.config.compile import compile_centre
from cluster.config.edge import EdgeCentre, EntryPoint, in_language
from cluster.config.load import load_centre
from cluster.config.passwords import hash_password, verify_password
from cluster.config.sample import sample_centre

CARDS = (SkillLevel("cards", 3),)
BASE = (Path(__file__).parent / "golden" / "base.yaml").read_text(encoding="utf-8")


def compiled(text: str = BASE) -> CentrePlan:
    return compile_centre(load_centre(text).centre, hasher=lambda password: f"hash of {password}")


def edge(text: str = BASE) -> EdgeCentre:
    return EdgeCentre.parse(compiled(text).edge)


def test_queues_and_agents() -> None:
    """Seconds become milliseconds, profiles are resolved, skills are sorted."""
    plan = compiled()
    assert {"general": QueueConfig("General"), "cards": QueueConfig("Cards", requires=CARDS)} == plan.queues, (
        "queues by id, defaults as the actors'"
    )
    expected = AgentConfig(
        name="Alice Archer",
        skills=(SkillLevel("cards", 5), SkillLevel("english", 10)),
        queues=(Address("queue/general"), Address("queue/cards")),
        capacity={"webchat": 3},
        capacity_total=3,
    )
    assert {"alice": expected} == plan.agents, "the agent carries its profile"


def test_queue_settings_reach_the_actor() -> None:
    """Every timing of a queue arrives in milliseconds."""
    settings = "offer_timeout_s: 7.5\n    wrap_up_s: 0\n    reject_backoff_s: 2\n    service_level: {percent: 90, seconds: 15}"
    queue = compiled(BASE.replace("offer_timeout_s: 20", settings)).queues["cards"]
    assert QueueConfig("Cards", 7500, 0, 2000, 15_000, CARDS) == queue, "no setting may be lost or rounded to seconds"


def test_weights_decide_between_queues() -> None:
    """The queue of the greater weight goes first, on each channel, but after what the routing profile puts first."""
    heavy = BASE.replace("offer_timeout_s: 20", "order: {weight: 7}")
    ranks = {one.queue: one.priority for one in compiled(heavy).agents["alice"].memberships}
    assert ranks[Address("queue/cards")] < ranks[Address("queue/general")]
    profile = "queues: [general, cards]\n    serves: {cards: {priority: 2, channels: {webchat: {priority: 1}}}}"
    with_profile = heavy.replace("queues: [general, cards]", profile)
    assert heavy != with_profile
    each = {(one.queue, one.channel): one.priority for one in compiled(with_profile).agents["alice"].memberships}
    general, cards = each[Address("queue/general"), ""], Address("queue/cards")
    assert each[cards, "webchat"] < general < each[cards, ""]
    assert () == compiled(BASE.replace("offer_timeout_s: 20", "order: {weight: 1}")).agents["alice"].memberships


def test_offers_reach_queue_and_agent() -> None:
    """To how many at once, what follows no answer, and each back-off arrive at the actor that goes by them."""
    offers = "offers: {at_once: 5, every_s: 2.5, no_answer: available, no_answer_backoff_s: 0, busy_backoff_s: 60}"
    plan = compiled(
        BASE.replace("offer_timeout_s: 20", offers).replace(
            "capacity: {webchat: 3}", "capacity: {webchat: 3}\n    offers: {at_once: 2, no_answer: away, sign_out_after: 3}"
        )
    )
    queue, agent = plan.queues["cards"], plan.agents["alice"]
    assert (queue.at_once, queue.every_ms, queue.no_answer) == (5, 2500, PresenceState.AVAILABLE)
    assert (queue.no_answer_backoff_ms, queue.busy_backoff_ms) == (0, 60_000)
    assert (agent.max_offers, agent.no_answer, agent.sign_out_after) == (2, PresenceState.AWAY, 3)


def test_announcements_reach_the_actor() -> None:
    """What is left out has its default; a queue that does not mention them announces nothing at times."""
    settings = "offer_timeout_s: 20\n    announce: {position: false, first_after_s: 2.5}"
    queues = compiled(BASE.replace("offer_timeout_s: 20", settings)).queues
    assert queues["cards"].announce == Announce(False, True, 2500, 60_000)
    assert queues["general"].announce is None


def test_groups_are_written_out() -> None:
    """`count: 12` makes twelve agents with numbered ids and names that share one hash."""
    group = "agents:\n  demo: {name: Demo, routing_profile: generalist, password: secret, count: 12}\n"
    plan = compiled(BASE.replace("agents:\n", group))
    assert [f"demo-{number:02d}" for number in range(1, 13)] == [name for name in plan.agents if name != "alice"], (
        "ids are padded"
    )
    known = EdgeCentre.parse(plan.edge).agents
    assert ("Demo 07", "hash of secret") == (known["demo-07"].name, known["demo-07"].password_hash), (
        "members carry name and hash"
    )


def test_entry_points_resolve_queue_and_channel_defaults() -> None:
    """A door inherits priority, skills and hours from its queue and retention from its channel."""
    doors = "default: {queue: general}\n      cards: {queue: cards, skills: {english: 2}, priority: 9, retention_s: 60}"
    centre = edge(BASE.replace("default: {queue: general}", doors).replace("hours: office", "hours: office\n    priority: 4"))
    assert EntryPoint(queue="general", retention_s=600, hours="always") == centre.entry("webchat"), "no name means `default`"
    expected = EntryPoint(queue="cards", priority=9, skills={"english": 2}, retention_s=60, hours="office")
    assert expected == centre.entry("webchat", "cards"), (
        "what the door says wins, and what the queue requires is left to the queue"
    )
    assert [None, None] == [centre.entry("webchat", "x"), centre.entry("voice")], "an unknown door or channel is None"


def test_is_open_follows_the_doors_hours() -> None:
    """A door without hours is always open; one with hours follows them."""
    centre = edge(BASE.replace("{queue: general}", "{queue: general, hours: office}"))
    door = centre.entry("webchat")
    assert door is not None, "the door exists"
    saturday_ms, friday_ms = 1_795_255_200_000, 1_795_168_800_000
    assert [False, True] == [centre.is_open(door, saturday_ms), centre.is_open(door, friday_ms)], (
        "closed on Saturday, open on Friday"
    )
    assert centre.is_open(EntryPoint(queue="general"), saturday_ms), "always means always"


def test_edge_json_survives_newer_fields() -> None:
    """An edge reads what a newer release wrote."""
    text = compiled().edge
    newer = text[:-1] + ',"something_new":{"a":1}}'
    assert EdgeCentre.parse(text) == EdgeCentre.parse(newer), "unknown fields are ignored"


def test_names_by_language() -> None:
    """A name is found in the nearest language."""
    names = {"en": "Cards", "zh": "银行卡"}
    assert ["银行卡", "Cards", "Cards", ""] == [
        in_language(names, "zh-CN"),
        in_language(names, "en-GB"),
        in_language(names, "de"),
        in_language({}, "en"),
    ], "region is ignored, English is the fallback"
    assert ["银行卡", "cardz"] == [edge().queue_name("cards", "zh"), edge().queue_name("cardz")], (
        "an unknown queue shows its id"
    )


def test_sample() -> None:
    """The shipped sample is valid, warns only about its sample passwords, serves two languages and has enough agents."""
    loaded = sample_centre()
    assert ["agents.alice.password"] == [problem.path for problem in loaded.warnings], "only the passwords are worth a warning"
    plan = compile_centre(loaded.centre)
    centre = EdgeCentre.parse(plan.edge)
    assert {"general", "cards", "payments", "chinese"} == set(plan.queues), "the four queues of the guide"
    assert "中文服务" == centre.queue_name("chinese", "zh"), "the Chinese queue has a Chinese name"
    demo = [name for name in plan.agents if name.startswith("demo-")]
    assert 60 == len(demo) and 10 == len(plan.agents) - 60, "ten people and sixty simulated agents"
    doors = centre.channels["webchat"].values()
    assert all(centre.is_open(door, at) for door in doors for at in range(0, 10**12, 10**10)), "the sample never closes"
    assert verify_password(centre.agents["demo-01"].password_hash, "trunkline"), "the documented password signs in"


def test_the_same_text_gives_the_same_plan() -> None:
    """Compiling again gives an equal plan, plain passwords included, so that a repeated apply is recognised."""
    loaded = sample_centre()
    assert compile_centre(loaded.centre) == compile_centre(loaded.centre), "a plan must not depend on chance"


def test_passwords() -> None:
    """Only the right password verifies, and a damaged hash is a no rather than an error."""
    made = hash_password("correct horse")
    assert [True, False, False] == [
        verify_password(made, "correct horse"),
        verify_password(made, "wrong"),
        verify_password("$argon2id$broken", "correct horse"),
    ], "right, wrong, damaged"
    loaded = load_centre(BASE.replace(BASE.split("password_hash: ")[1].splitlines()[0], made))
    assert "alice" in loaded.centre.agents, "a hash made here is accepted by the schema"


def test_the_reserve_policy_reaches_router_and_agents() -> None:
    """The centre's policy is the router's, a profile's hold-back its agents'; without either nothing is held back."""
    assert compiled().reserve is None, "first come, first served by default"
    text = BASE.replace("queues: [general, cards]", "queues: [general, cards]\n    hold_back: 2")
    plan = compiled(f"{text}\nrouting: {{policy: reserve, head_start_s: 90}}\n")
    assert Reserve(90_000) == plan.reserve, "in milliseconds"
    assert plan.agents["alice"].hold_back == 2, "by routing profile"


def test_a_hold_back_without_the_policy_is_a_warning() -> None:
    """It would do nothing, so whoever wrote it meant something else."""
    text = BASE.replace("queues: [general, cards]", "queues: [general, cards]\n    hold_back: 2")
    (warning,) = [str(problem) for problem in load_centre(text).warnings]
    assert "hold_back: does nothing by `routing.policy: fcfs`; add `routing: {policy: reserve}`, or delete it" in warning

"""The laws of the capacity algebra, and that it says what the products that it was learned from say."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import permutations
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.address import address
from actors.events import AgentConfigured
from actors.messages.router import AgentProfile, AgentStatus, Waiting
from actors.router.matching import Matching
from actors.routing.capacity import NO_RULES, NOTHING, Capacity, CapacityRules, Held, room, room_for, spare, take
from actors.values import Requirement
from cluster.invariants.capacity import Work, objection, ring_over

CHANNELS: Final = ("voice", "chat", "mail")
LABELS: Final = ("vip", "complex")

Item = tuple[str, tuple[str, ...]]

costs = st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 4), max_size=3)
channels = st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 4), min_size=1, max_size=3)
exclusive = st.lists(st.sampled_from(CHANNELS), max_size=3, unique=True).map(lambda names: tuple(sorted(names)))
over = st.lists(st.sampled_from(CHANNELS), max_size=3, unique=True).map(tuple)
interrupts = st.dictionaries(st.sampled_from(CHANNELS), over, max_size=3)
limits = st.dictionaries(st.sampled_from(LABELS), st.integers(0, 3), max_size=2)
rules = st.builds(CapacityRules, costs, exclusive, interrupts, st.integers(0, 2), limits)
without_interrupts = st.builds(CapacityRules, costs, exclusive, labels=limits)
capacities = st.builds(Capacity, channels, st.integers(0, 8), st.one_of(st.just(NO_RULES), rules, rules, rules))
#: Capacities of agents who can take several of anything, so that claims meet each other.
roomy_capacities = st.builds(
    Capacity,
    st.fixed_dictionaries(dict.fromkeys(CHANNELS, st.integers(1, 3))),
    st.integers(2, 8),
    st.one_of(st.just(NO_RULES), rules, rules),
)
settled_capacities = st.builds(Capacity, channels, st.integers(0, 8), without_interrupts)
items = st.tuples(st.sampled_from(CHANNELS), st.lists(st.sampled_from(LABELS), max_size=2, unique=True).map(tuple))
stories = st.lists(items, max_size=7)


def taken(capacity: Capacity, story: Iterable[Item]) -> Held:
    """What is held after these were taken, whether they fitted or not."""
    return reduce(lambda held, item: take(capacity, held, *item), story, NOTHING)


def permitted(capacity: Capacity, story: Iterable[Item]) -> bool:
    """Whether each of these fits when it comes, in this order."""
    held = NOTHING
    for item in story:
        if not room_for(capacity, held, *item):
            return False
        held = take(capacity, held, *item)
    return True


def configured(capacity: Capacity) -> AgentConfigured:
    """The same capacity as a journal tells it."""
    return AgentConfigured(address("agent", "ann"), 1, (), (), capacity.channels, capacity.units, capacity_rules=capacity.rules)


def works(capacity: Capacity, story: Iterable[Item]) -> list[Work]:
    """What is held, as the checker sees it."""
    found: list[Work] = []
    for channel, labels in story:
        ring_over(configured(capacity), found, channel)
        found.append(Work(channel, labels))
    return found


# Laws.


@settings(max_examples=500, deadline=None)
@given(capacities, stories, items, items)
def test_taking_never_makes_room(capacity: Capacity, story: list[Item], taking: Item, other: Item) -> None:
    """Whatever is held, fitting or not, one more of anything raises the room of nothing, and no units come back."""
    before = taken(capacity, story)
    after = take(capacity, before, *taking)
    left = room(capacity, before)
    assert all(count <= left.get(channel, 0) for channel, count in room(capacity, after).items()), "room only shrinks"
    assert room_for(capacity, after, *other) <= room_for(capacity, before, *other), "with labels too"
    assert spare(capacity, after) <= spare(capacity, before), "and so do spare units"


@settings(max_examples=500, deadline=None)
@given(capacities, stories, items)
def test_room_is_what_can_be_taken(capacity: Capacity, story: list[Item], wanted: Item) -> None:
    """As many as `room_for` says fit one after the other, and not one more; `room` says the same of all channels."""
    held, count = taken(capacity, story), 0
    while room_for(capacity, held, *wanted):
        held, count = take(capacity, held, *wanted), count + 1
    before = taken(capacity, story)
    assert count == room_for(capacity, before, *wanted), "the count is exact"
    each = {channel: room_for(capacity, before, channel) for channel in CHANNELS}
    assert room(capacity, before) == {channel: free for channel, free in each.items() if free}, "channels without room left out"


@settings(max_examples=500, deadline=None)
@given(capacities, stories, st.data())
def test_a_part_of_what_may_be_held_may_be_held(capacity: Capacity, story: list[Item], data: st.DataObject) -> None:
    """What ends takes away an objection to what is held, never adds one."""
    if permitted(capacity, story):
        kept = data.draw(st.lists(st.booleans(), min_size=len(story), max_size=len(story)))
        part = [item for item, keeps in zip(story, kept, strict=True) if keeps]
        assert permitted(capacity, part), f"{part} of {story}"


@settings(max_examples=300, deadline=None)
@given(settled_capacities, st.lists(items, max_size=5))
def test_order_does_not_matter_where_nothing_interrupts(capacity: Capacity, story: list[Item]) -> None:
    """Without interruptions the same may be held in whatever order it comes, and it is what the limits say of the whole."""
    names, own = [channel for channel, _ in story], capacity.rules
    counts = {channel: names.count(channel) for channel in names}
    whole = (
        all(count <= capacity.channels.get(channel, 0) for channel, count in counts.items())
        and sum(own.costs.get(channel, 1) * count for channel, count in counts.items() if channel) <= capacity.units
        and (len(counts) < 2 or not set(own.exclusive) & set(counts))
        and all(sum(label in labels for _, labels in story) <= most for label, most in own.labels.items())
    )
    assert {permitted(capacity, order) for order in permutations(story)} == {whole}, "all orders, and the whole"


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 4))
def test_what_is_interrupted_comes_first(chats: int, calls: int, units: int, count: int) -> None:
    """Where calls interrupt chats, an order is permitted only if no chat comes after a call, and then as if alone."""
    capacity = Capacity({"chat": 4, "voice": 3}, units, CapacityRules(interrupts={"voice": ("chat",)}))
    story = [("chat", ())] * min(chats, count) + [("voice", ())] * calls
    fits = min(chats, count) <= units and calls <= units
    for order in set(permutations(story)):
        is_first = order == tuple(story)
        assert permitted(capacity, order) == (is_first and fits), f"{order}"


@settings(max_examples=500, deadline=None)
@given(capacities, capacities, stories, items)
def test_the_checker_comes_to_the_same(before: Capacity, now: Capacity, story: list[Item], wanted: Item) -> None:
    """Two ways of working it out, of which one judges the other, agree, also after capacity was changed while busy."""
    held, judged = taken(before, story), works(before, story)
    wrong = objection(configured(now), judged, *wanted)
    assert bool(wrong) == (room_for(now, held, *wanted) == 0), wrong or "fits"
    after = take(now, held, *wanted)
    ring_over(configured(now), judged, wanted[0])
    most = {channel: max((work.interrupted for work in judged if work.channel == channel), default=0) for channel in CHANNELS}
    assert {channel: after.interrupted.get(channel, 0) for channel in CHANNELS} == most, "and count interruptions alike"


@settings(max_examples=300, deadline=None)
@given(settled_capacities, stories, stories)
def test_nothing_is_added_above_a_lowered_capacity(capacity: Capacity, had: list[Item], coming: list[Item]) -> None:
    """Whatever was held before capacity was lowered: what is added later keeps within the new maxima and units."""
    held = taken(capacity, had)
    for item in coming:
        if room_for(capacity, held, *item):
            held = take(capacity, held, *item)
            assert held.channels[item[0]] <= capacity.channels[item[0]], "the channel's maximum"
            used = sum(capacity.cost(channel) * count for channel, count in held.channels.items())
            assert used <= capacity.units or not capacity.cost(item[0]), "the units in all"


@settings(max_examples=300, deadline=None)
@given(capacities, st.lists(st.tuples(items, st.one_of(st.none(), st.integers(0, 6))), max_size=30))
def test_nobody_is_interrupted_more_often_than_allowed(capacity: Capacity, steps: list[tuple[Item, int | None]]) -> None:
    """However long interruptions go on to come, each interaction waits through so many of them at most."""
    most = capacity.rules.interruptions
    held: list[Work] = []
    for item, ending in steps:
        if ending is not None and held:
            del held[ending % len(held)]
        state = Held(
            {channel: sum(work.channel == channel for work in held) for channel in CHANNELS},
            {label: sum(label in work.labels for work in held) for label in LABELS},
            {channel: max((work.interrupted for work in held if work.channel == channel), default=0) for channel in CHANNELS},
        )
        if room_for(capacity, state, *item):
            ring_over(configured(capacity), held, item[0])
            held.append(Work(*item))
        assert not most or all(work.interrupted <= most for work in held), "nobody starves"


# The router's claims.

QUEUE = address("queue", "a")
AGENT = address("agent", "ann")


@settings(max_examples=300, deadline=None)
@given(roomy_capacities, st.lists(items, max_size=2), st.lists(items, min_size=2, max_size=8))
def test_claims_between_two_statuses_never_overbook(capacity: Capacity, had: list[Item], coming: list[Item]) -> None:
    """What a router proposes before it hears from the agent again all fits, one after the other, and nothing else would."""
    held = taken(capacity, had)
    matching = Matching()
    matching.profile(AgentProfile(AGENT, (), (QUEUE,), capacity=capacity))
    told = None if capacity.is_plain else held
    matching.status(AgentStatus(AGENT, room(capacity, held), len(had), 1, spare(capacity, held), held=told))
    for number, (channel, labels) in enumerate(coming):
        matching.wait(Waiting(f"i{number}", QUEUE, channel, 0, number, Requirement(labels=labels)))
    for waiting in [match.waiting for match in matching.match(now=len(coming))]:
        assert room_for(capacity, held, waiting.channel, waiting.requirement.labels), f"{waiting.interaction} must fit"
        held = take(capacity, held, waiting.channel, waiting.requirement.labels)
    for waiting in matching.waiting.values():
        assert not room_for(capacity, held, waiting.channel, waiting.requirement.labels), "nobody who fits is left waiting"


# What other products document.


def holding(capacity: Capacity, **counts: int) -> dict[str, int]:
    """The room beside so many of each channel, taken in the order in which they are named."""
    return room(capacity, taken(capacity, [(channel, ()) for channel, count in counts.items() for _ in range(count)]))


def test_azure_one_call_or_five_chats() -> None:
    """Azure Job Router: capacity 100, a call costs 100 and a chat 20: one call or up to five chats, never both.

    learn.microsoft.com/azure/communication-services/concepts/router/worker-capacity-concepts, first example.
    """
    worker = Capacity({"voice": 1, "chat": 5}, 100, CapacityRules({"voice": 100, "chat": 20}))
    assert holding(worker) == {"voice": 1, "chat": 5}, "idle: either"
    assert holding(worker, chat=1) == {"chat": 4}, "with a chat, no call until the chats are done"
    assert holding(worker, voice=1) == {}, "with a call, no chat until the call is done"


def test_azure_most_jobs_of_a_channel() -> None:
    """Azure Job Router: `maxNumberOfJobs` bounds a channel whatever units are left.

    learn.microsoft.com/javascript/api/@azure/eventgrid/acsrouterchannelconfiguration: capacityCostPerJob, maxNumberOfJobs.
    """
    worker = Capacity({"chat": 2, "mail": 10}, 100, CapacityRules({"chat": 20, "mail": 10}))
    assert holding(worker, chat=2) == {"mail": 6}, "two chats at most, and mail for what they leave"


def test_twilio_a_call_and_three_chats() -> None:
    """Twilio TaskRouter: a capacity for each channel, reservations of all channels in parallel until each is reached.

    twilio.com/docs/taskrouter/multitasking and …/api/taskrouter/rest-api-workerchannel (configured_capacity).
    """
    worker = Capacity({"voice": 1, "chat": 3}, 4)
    assert holding(worker, voice=1) == {"chat": 3}, "a call leaves all three chats"
    assert holding(worker, chat=3) == {"voice": 1}, "and three chats the call"


def genesys(**interrupted_by: tuple[str, ...]) -> Capacity:
    """Genesys Cloud's defaults (one call, four chats, one mail), and who may interrupt what."""
    limits = {"voice": 1, "chat": 4, "mail": 1}
    given = {newcomer: tuple(media for media in limits if newcomer in interrupted_by.get(media, ())) for newcomer in limits}
    own = CapacityRules(exclusive=tuple(limits), interrupts={newcomer: over for newcomer, over in given.items() if over})
    return Capacity(limits, 4, own)


def test_genesys_media_interrupt_only_where_that_is_said() -> None:
    """Genesys Cloud: interaction types come beside others only where they may interrupt them; by default, mail may be.

    help.genesys.cloud/articles/utilization: "do not allow interruptions to voice" keeps chats from agents with calls.
    """
    default = genesys(mail=("voice", "chat"))
    assert holding(default, voice=1) == {}, "nothing while on a call"
    assert holding(default, chat=1) == {"chat": 3}, "only more chats beside a chat"
    assert holding(default, mail=1) == {"voice": 1, "chat": 4}, "a call or a chat over a mail"


def test_genesys_a_call_while_on_chats() -> None:
    """Genesys Cloud: where voice may interrupt chats, an agent with chats is alerted of a call, and the chats go on.

    help.genesys.cloud/articles/agent-utilization-faqs: "What happens when an agent is on a chat and a call comes in?"
    """
    capacity = genesys(chat=("voice",))
    assert holding(capacity, chat=4)["voice"] == 1, "full of chats, and yet a call"
    assert holding(capacity, chat=3, voice=1) == {}, "nothing new while it lasts"


def test_genesys_labels_are_asked_second() -> None:
    """Genesys Cloud: first the medium's limit, then the label's; Dan takes three mails, two of them labelled blue.

    help.genesys.cloud, "Overview of utilization labels", scenarios 1 to 3.
    """
    dan = Capacity({"mail": 3}, 3, CapacityRules(labels={"blue": 2}))
    blue: Item = ("mail", ("blue",))
    mail: Item = ("mail", ())
    assert room_for(dan, taken(dan, [mail, mail, mail]), *blue) == 0, "1: three mails, the label is not asked"
    assert room_for(dan, taken(dan, [mail, blue]), *blue) == 1, "2: two mails, one of them blue"
    assert room_for(dan, taken(dan, [blue, blue]), *blue) == 0, "3: two blue ones already"
    assert room_for(dan, taken(dan, [blue, blue]), *mail) == 1, "any other mail still fits"


def test_connect_no_other_channel_while_on_chat() -> None:
    """Amazon Connect: each channel says whether others are offered while it is handled (ROUTE_CURRENT_CHANNEL_ONLY or ANY).

    docs.aws.amazon.com/connect/latest/adminguide/routing-profiles.html: "while an agent is on a chat, they will not
    receive a voice contact or a task"; while on a voice contact, they can be offered chats.
    """
    only_current = Capacity({"voice": 1, "chat": 2}, 3, CapacityRules(exclusive=("voice", "chat")))
    assert (holding(only_current, voice=1), holding(only_current, chat=1)) == ({}, {"chat": 1}), "no other channels"
    any_channel = Capacity({"voice": 1, "chat": 2}, 3)
    assert (holding(any_channel, voice=1), holding(any_channel, chat=1)) == ({"chat": 2}, {"voice": 1, "chat": 1}), "all"
    mixed = Capacity({"voice": 1, "chat": 2}, 3, CapacityRules(exclusive=("chat",), interrupts={"chat": ("voice",)}))
    assert holding(mixed, voice=1) == {"chat": 2}, "chats while on a call"
    assert holding(mixed, chat=1) == {"chat": 1}, "no call while on a chat"


def test_salesforce_primary_over_interruptible_work() -> None:
    """Salesforce Omni-Channel: work marked interruptible, as mail, does not keep a chat from an agent who is full of it.

    help.salesforce.com, "Configure Work Items as Primary or Interruptible".
    """
    rep = Capacity({"mail": 3, "chat": 2}, 3, CapacityRules(interrupts={"chat": ("mail",)}))
    assert holding(rep, mail=3) == {"chat": 2}, "chats as if there were no mail"
    assert holding(rep, mail=3, chat=1) == {"chat": 1}, "and no more mail meanwhile"


def test_interruptions_are_limited() -> None:
    """After so many interruptions an interaction goes first, until it is completed."""
    capacity = Capacity({"chat": 3, "voice": 1}, 3, CapacityRules(interrupts={"voice": ("chat",)}, interruptions=2))
    chats = Held({"chat": 3}, {}, {"chat": 1})
    assert room(capacity, chats) == {"voice": 1}, "once more"
    assert room(capacity, Held({"chat": 3}, {}, {"chat": 2})) == {}, "and then no more"
    assert room(capacity, NOTHING) == {"chat": 3, "voice": 1}, "with the chats completed, calls come again"


def test_what_costs_nothing_has_only_its_maximum() -> None:
    """A channel that costs no units fits beside anything, as far as its maximum goes."""
    capacity = Capacity({"chat": 2, "mail": 5}, 2, CapacityRules(costs={"mail": 0}))
    assert holding(capacity, chat=2, mail=3) == {"mail": 2}
    assert holding(capacity, mail=5) == {"chat": 2}, "and takes no room from others"

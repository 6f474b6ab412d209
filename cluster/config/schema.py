"""The contact centre as its owner writes it: one YAML file, one model.

Invariants kept: what this module accepts by itself is well formed; whether names refer to something is checked in
`references`. Every field has a description and an example, which the reference page and the error messages use.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cluster.config.doors import Closed, DoorRule, Emergency
from cluster.config.explain import Section, wrong
from cluster.config.hours import ALWAYS, Hours, check_timezone
from cluster.config.names import DisplayName, Id, Seconds, Skills
from cluster.config.offers import AgentOffers, Offers
from cluster.config.overflow import MAX_RULES, Lends, Overflow
from cluster.config.preferring import Prefer
from cluster.config.routing import CHOICE, Attribute, Choice, Expression, OnChange, Order, Routing, Serving, Step

#: The channel entry point that is meant when an adapter names none.
DEFAULT_ENTRY_POINT = "default"

Priority = Annotated[int, Field(ge=0, le=1000)]
_ARGON2 = re.compile(r"\$argon2(id|i|d)\$v=\d{1,3}\$m=\d{1,9},t=\d{1,4},p=\d{1,4}\$[A-Za-z0-9+/]{8,128}\$[A-Za-z0-9+/]{8,256}")


class ServiceLevel(Section):
    """The target: this share of interactions is answered within this wait."""

    percent: float = Field(default=80, gt=0, le=100, description="share of interactions, in percent", examples=[80])
    seconds: Seconds = Field(default=20, description="the wait that counts as in time", examples=[20])


class Announce(Section):
    """What those who wait are told, and when. Told again only what has changed."""

    position: bool = Field(default=True, description="how many are in front", examples=["true"])
    expected_wait: bool = Field(
        default=True,
        description="between what and what the wait is with 90 percent, as soon as enough is known",
        examples=["true"],
    )
    first_after_s: float = Field(default=10, ge=0, le=3600, description="when first, counted from the arrival", examples=[10])
    every_s: float = Field(default=60, ge=5, le=3600, description="how often from then on", examples=[60])


class Queue(Section):
    """Where interactions of one kind wait."""

    name: DisplayName = Field(description="shown to agents and customers", examples=["{en: Cards, zh: 银行卡}"])
    priority: Priority = Field(
        default=0, description="0 to 1000; a higher one is served first, whatever the wait", examples=[0]
    )
    requires: Skills = Field(default={}, description="skills and least levels an agent needs", examples=["{cards: 3}"])
    where: Expression = Field(
        default="", max_length=1000, description="an expression that must be true of an agent",
        examples=['english >= 3 and not group["trainees"]'],
    )  # fmt: skip
    relax: list[Step] = Field(
        default=[], max_length=20, description="what is asked less after a wait, step by step",
        examples=["[{after_s: 30, lower: {cards: 2}}]"],
    )  # fmt: skip
    on_change: OnChange = Field(
        default="keep", description="whether those who wait are asked for anew when requirements change", examples=["keep"]
    )
    choice: Choice = CHOICE
    order: Order = Field(default=Order(), description="who goes first", examples=["{ageing_per_hour: 60}"])
    offer_timeout_s: Seconds = Field(
        default=20, description="how long an offer rings before the agent counts as not responding", examples=[20]
    )
    wrap_up_s: float = Field(default=30, ge=0, le=86_400, description="time for after-work; 0 means none", examples=[30])
    reject_backoff_s: float = Field(
        default=10, ge=0, le=3600, description="how long an agent who said no is not asked again", examples=[10]
    )
    offers: Offers = Field(
        default=Offers(), description="how many agents are asked at once", examples=["{at_once: 3, every_s: 5}"]
    )
    service_level: ServiceLevel = Field(
        default=ServiceLevel(), description="the target wait", examples=["{percent: 80, seconds: 20}"]
    )
    announce: Announce | None = Field(
        default=None,
        description="what those who wait are told, and when; their position once, on arrival, when left out",
        examples=["{first_after_s: 10, every_s: 60}"],
    )
    hours: Id = Field(
        default=ALWAYS, description="when the queue takes new arrivals: a name under `hours`, or always", examples=["always"]
    )
    closed: Closed | None = Field(
        default=None, description="what happens to newcomers outside the hours", examples=["{text: We open at nine.}"]
    )
    overflow: list[Overflow] = Field(
        default=[], max_length=MAX_RULES, description="whom the queue does not keep; the first rule that holds decides",
        examples=["[{length: 50, refuse: true, text: All lines are busy.}]"],
    )  # fmt: skip
    prefer: Prefer | None = Field(
        default=None, description="who serves a newcomer before anybody else", examples=["{last_within_s: 86400, for_s: 30}"]
    )
    lends: Lends | None = Field(
        default=None, description="whether other queues may borrow this one's agents", examples=["{service_level_percent: 80}"]
    )


class Attendance(Section):
    """How agents who are away count for rules on who is there; else they are signed in and not available."""

    counts_as_available: list[Id] = Field(
        default=[], description="presence reasons of agents who are back at once", examples=["[paperwork]"]
    )
    counts_as_absent: list[Id] = Field(
        default=[], description="presence reasons of agents who are not there", examples=["[training]"]
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Attendance:
        both = sorted({*self.counts_as_available} & {*self.counts_as_absent})
        if both:
            raise wrong(f"`{both[0]}` counts as available and as absent", "delete one of them")
        return self


class RoutingProfile(Section):
    """Which queues its agents serve, and how much at once."""

    queues: list[Id] = Field(min_length=1, description="queues served", examples=["[cards, general]"])
    serves: dict[Id, Serving] = Field(
        default={}, description="how a queue is served, where not like every other", examples=["{cards: {priority: 2}}"]
    )
    recent_s: Seconds = Field(
        default=3600, description="the time over which recent interactions and talk count", examples=[3600]
    )
    hold_back: int = Field(
        default=0, ge=0, le=1000, examples=[2],
        description="with `routing.policy: reserve`: who is the last one free for what only few can serve leaves up to so many"
        " others to more specialised agents who are at work",
    )  # fmt: skip
    capacity: dict[Id, Annotated[int, Field(ge=0, le=100, examples=[3])]] = Field(
        min_length=1, description="interactions at once, by channel", examples=["{webchat: 3}"]
    )
    capacity_total: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="interactions at once over all channels; the largest channel's when left out",
        examples=[3],
    )
    units: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="what an agent has to share out where channels have `costs`, instead of `capacity_total`; "
        "what the dearest channel takes at its most when left out",
        examples=[100],
    )
    costs: dict[Id, Annotated[int, Field(ge=0, le=10_000, examples=[20])]] = Field(
        default={}, description="units that one interaction takes, by channel; 1 when left out", examples=["{voice: 100}"]
    )
    exclusive: list[Id] = Field(
        default=[], description="channels that are never mixed with others, unless they interrupt them", examples=["[voice]"]
    )
    interrupts: dict[Id, list[Id]] = Field(
        default={},
        description="channels whose interactions are offered over those of other channels, whatever units these take; "
        "while they last, nothing new of the interrupted channels is offered",
        examples=["{voice: [webchat]}"],
    )
    interruptions: int = Field(
        default=3, ge=0, le=100, description="how often one interaction may be interrupted; 0 means without limit", examples=[3]
    )
    labels: dict[Id, Annotated[int, Field(ge=0, le=100, examples=[1])]] = Field(
        default={}, description="interactions at once that carry a label of their entry point", examples=["{complex: 1}"]
    )
    auto_accept: bool = Field(default=False, description="offers are accepted without asking the agent", examples=["false"])
    offers: AgentOffers = Field(
        default=AgentOffers(), description="offers to these agents, and those that nobody answers", examples=["{at_once: 1}"]
    )
    desk_grace_s: Seconds = Field(
        default=30, description="how long a lost desk may take to come back before the agent is signed out", examples=[30]
    )

    @field_validator("queues", "exclusive")
    @classmethod
    def _no_repeats(cls, value: list[str]) -> list[str]:
        return not_repeated(value)

    @field_validator("interrupts")
    @classmethod
    def _others_only(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for channel, others in value.items():
            if channel in not_repeated(others):
                raise wrong(f"`{channel}` cannot interrupt itself", "allow more of it at once under `capacity`, or delete it")
        return value

    @model_validator(mode="after")
    def _one_total(self) -> RoutingProfile:
        if self.units is not None and self.capacity_total is not None:
            raise wrong(
                "has both `units` and `capacity_total`", "keep `units` where channels have `costs`, else `capacity_total`"
            )
        return self

    @property
    def units_in_all(self) -> int:
        """What an agent has to share out over all channels."""
        dearest = max((self.costs.get(channel, 1) * most for channel, most in self.capacity.items()), default=0)
        return self.units or self.capacity_total or max(1, dearest)


def not_repeated(names: list[str]) -> list[str]:
    """The names, each of which may stand there once only."""
    for position, name in enumerate(names):
        if name in names[:position]:
            raise wrong(f"`{name}` is listed twice", "delete one of them")
    return names


class Agent(Section):
    """A person who serves, or with `count` a group of numbered ones."""

    name: str = Field(min_length=1, max_length=200, description="shown to customers", examples=["Alice Archer"])
    routing_profile: Id = Field(description="a name under `routing_profiles`", examples=["general"])
    skills: Skills = Field(default={}, description="skill to level, 1 (basic) to 10 (expert)", examples=["{cards: 5}"])
    attributes: dict[Id, Attribute] = Field(
        default={}, description="facts about the agent that expressions ask for", examples=["{region: north, rating: 4.5}"]
    )
    groups: list[Id] = Field(default=[], description="groups the agent is in, for expressions", examples=["[seniors]"])
    password_hash: str | None = Field(
        default=None, max_length=1000, description="argon2 hash for signing in; `trunkline config hash-password` makes one",
        examples=["$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$…"],
    )  # fmt: skip
    password: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="a password in plain text, for samples only",
        examples=["trunkline"],
    )
    count: int | None = Field(
        default=None, ge=1, le=10_000, description="makes this many agents, `<id>-01`, `<id>-02`, …, all alike", examples=[60]
    )

    @field_validator("password_hash")
    @classmethod
    def _check_hash(cls, value: str | None) -> str | None:
        if value is not None and not _ARGON2.fullmatch(value):
            raise wrong("is not an argon2 hash", "make one with `trunkline config hash-password` and put it in single quotes")
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> Agent:
        if self.password is None and self.password_hash is None:
            raise wrong("has no password", "add `password_hash: …`, made with `trunkline config hash-password`")
        if self.password is not None and self.password_hash is not None:
            raise wrong("has both `password` and `password_hash`", "keep only `password_hash`")
        return self


class EntryPoint(Section):
    """A door of a channel: where those who come through it queue."""

    queue: Id = Field(description="a name under `queues`", examples=["general"])
    priority: Priority | None = Field(default=None, description="0 to 1000; the queue's when left out", examples=[0])
    skills: Skills = Field(
        default={},
        description="skills needed beside those of the queue; they stay with the customer over transfers",
        examples=["{english: 1}"],
    )
    labels: list[Id] = Field(
        default=[],
        description="what kind of work this is: agents take only so many at once of a label, as their routing profile says",
        examples=["[complex]"],
    )
    hours: Id | None = Field(default=None, description="a name under `hours`; the queue's when left out", examples=["always"])
    retention_s: Seconds | None = Field(
        default=None,
        description="how long a conversation is kept for a customer who went away; the channel's when left out",
        examples=[600],
    )

    @field_validator("labels")
    @classmethod
    def _no_repeats(cls, value: list[str]) -> list[str]:
        return not_repeated(value)


class Channel(Section):
    """One channel and its doors."""

    retention_s: Seconds = Field(
        default=600, description="how long a conversation is kept for a customer who went away", examples=[600]
    )
    entry_points: dict[Id, EntryPoint] = Field(
        min_length=1,
        description=f"doors by name; `{DEFAULT_ENTRY_POINT}` is meant when none is named",
        examples=["{default: {queue: general}}"],
    )


class Centre(Section):
    """The whole contact centre."""

    version: Literal[1] = Field(description="the version of this file format", examples=[1])
    name: DisplayName = Field(description="the contact centre's name", examples=["Harbour Bank"])
    timezone: str = Field(description="IANA zone that hours and reports use", examples=["Europe/London"])
    skills: dict[Id, DisplayName] = Field(default={}, description="skills by id", examples=["{cards: Cards}"])
    hours: dict[Id, Hours] = Field(default={}, description="named opening hours", examples=["{office: …}"])
    queues: dict[Id, Queue] = Field(min_length=1, description="queues by id", examples=["{general: {name: General}}"])
    routing_profiles: dict[Id, RoutingProfile] = Field(
        min_length=1, description="routing profiles by id", examples=["{general: {queues: [general], capacity: {webchat: 3}}}"]
    )
    agents: dict[Id, Agent] = Field(default={}, description="agents by id", examples=["{alice: …}"])
    channels: dict[Id, Channel] = Field(
        min_length=1, description="channels by name", examples=["{webchat: {entry_points: {default: {queue: general}}}}"]
    )
    routing: Routing = Field(default=Routing(), description="how the router matches", examples=["{policy: reserve}"])
    dispositions: dict[Id, DisplayName] = Field(
        default={}, description="outcomes that an agent chooses from in wrap-up", examples=["{resolved: Resolved}"]
    )
    presence_reasons: dict[Id, DisplayName] = Field(
        default={}, description="why an agent is away, to choose from", examples=["{lunch: Lunch}"]
    )
    attendance: Attendance = Field(
        default=Attendance(), description="which reasons count as being there", examples=["{counts_as_absent: [training]}"]
    )
    arrival_rules: list[DoorRule] = Field(
        default=[], max_length=500, description="where arrivals go, by what is known of them; the first that holds decides",
        examples=["[{when: 'sentiment < -0.5', priority: 10}]"],
    )  # fmt: skip
    emergency: Emergency = Field(
        default=Emergency(), description="a switch for newcomers", examples=["{text: We had to leave the building.}"]
    )

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        return check_timezone(value)

    @field_validator("hours")
    @classmethod
    def _always_is_built_in(cls, value: dict[str, Hours]) -> dict[str, Hours]:
        if ALWAYS in value:
            raise wrong(f"`{ALWAYS}` is built in", "choose another name, or delete it and refer to `always`")
        return value


def numbered(group: str, number: int, count: int) -> str:
    """The id of one agent of a group made with `count`: `demo-01`."""
    return f"{group}-{number:0{max(2, len(str(count)))}d}"

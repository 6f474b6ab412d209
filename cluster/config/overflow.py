"""The overflow rules of a configuration: whom a queue does not keep, what it lends, and circles that rules make.

Invariants kept: a rule that this module accepts does exactly one thing, under some condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from actors.address import Address, address
from actors.messages.centre import Lending, OverflowRule
from actors.values import Attendance
from cluster.config.explain import Section, wrong
from cluster.config.names import Id, Seconds, milliseconds

MAX_RULES = 20


class Text(Section):
    """What a customer is told, in English, Chinese or both; a plain text counts as English."""

    en: str = Field(default="", max_length=1000, description="in English", examples=["All our lines are busy."])
    zh: str = Field(default="", max_length=1000, description="in Chinese", examples=["目前线路繁忙。"])

    @model_validator(mode="after")
    def _one_at_least(self) -> Text:
        if not self.en.strip() and not self.zh.strip():
            raise wrong("is empty", "write what the customer is told, such as `All our lines are busy.`")
        return self

    def by_language(self) -> dict[str, str]:
        """Language -> text, only those that are written."""
        return {language: text for language, text in (("en", self.en), ("zh", self.zh)) if text}


def _from_text(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


CustomerText = Annotated[Text, BeforeValidator(_from_text)]


class Overflow(Section):
    """One rule: when all its conditions hold, the interaction is moved to a queue, refused, or offered to others' agents.

    Without `after_s` newcomers are judged at the door; if the rule has `nobody` and no `joining_only`, those who wait are
    too, when the last agent goes. With it, from that wait on.
    """

    after_s: Seconds | None = Field(default=None, description="the wait in this queue from which on it holds", examples=[120])
    length: int | None = Field(
        default=None, ge=1, le=1_000_000, description="so many others are in the queue, or more", examples=[50]
    )
    oldest_s: Seconds | None = Field(default=None, description="somebody has waited so long, or longer", examples=[300])
    expected_wait_s: Seconds | None = Field(
        default=None, description="a newcomer would wait so long, or longer, as the queue has learned it", examples=[600]
    )
    nobody: Literal["signed_in", "available"] | None = Field(
        default=None, description="no agent of the queue is signed in, or none is available (busy ones are)",
        examples=["signed_in"],
    )  # fmt: skip
    joining_only: bool = Field(default=False, description="newcomers only, not those who wait already", examples=["false"])
    queue: Id | None = Field(default=None, description="moves to this queue", examples=["general"])
    keeps_place: bool = Field(default=True, description="whether the wait so far counts in the other queue", examples=["true"])
    add_priority: int = Field(default=0, ge=-1000, le=1000, description="points of priority added by the move", examples=[10])
    borrow: list[Id] = Field(
        default=[], max_length=20, description="agents of these queues are asked as well, as far as they lend",
        examples=["[loans]"],
    )  # fmt: skip
    anybody: bool = Field(default=False, description="borrowed agents are asked whatever their skills", examples=["false"])
    refuse: bool = Field(default=False, description="ends the conversation", examples=["true"])
    text: CustomerText | None = Field(
        default=None, description="what the customer is told, in the customer's language", examples=["All lines are busy."]
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Overflow:
        if sum((self.queue is not None, bool(self.borrow), self.refuse)) != 1:
            raise wrong("must do one thing", "write one of `queue: …`, `borrow: […]` and `refuse: true`")
        return self

    @model_validator(mode="after")
    def _some_condition(self) -> Overflow:
        conditions = (self.after_s, self.length, self.oldest_s, self.expected_wait_s, self.nobody)
        if all(condition is None for condition in conditions):
            advice = "add `after_s`, `length`, `oldest_s`, `expected_wait_s` or `nobody`"
            raise wrong("holds of everybody, so that the queue would keep nobody", advice)
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Overflow:
        if self.joining_only and (self.after_s is not None or self.borrow):
            raise wrong("is for newcomers only, and about those who wait", "delete `joining_only`")
        if self.borrow and self.text is not None:
            raise wrong("tells the customer of something that they do not see", "delete `text`")
        if self.anybody and not self.borrow:
            raise wrong("`anybody` is about borrowed agents", "delete it, or write `borrow: […]`")
        if self.queue is None and (self.add_priority or not self.keeps_place):
            raise wrong("`add_priority` and `keeps_place` are about moves", "delete them, or write `queue: …`")
        return self

    @property
    def ends_the_matter(self) -> bool:
        """Whether no later rule is looked at when it holds."""
        return not self.borrow


class Lends(Section):
    """What the queue lends to others that may `borrow` from it: without conditions, its agents while nobody waits here."""

    to: list[Id] = Field(default=[], description="queues that may borrow; all when left out", examples=["[cards]"])
    service_level_percent: float | None = Field(
        default=None, gt=0, le=100,
        description="while so many of its own were answered within `service_level.seconds` in the last quarter of an hour",
        examples=[80],
    )  # fmt: skip
    expected_wait_s: Seconds | None = Field(
        default=None, description="while a newcomer of its own would wait no longer", examples=[60]
    )


def overflow_rules(rules: list[Overflow]) -> tuple[OverflowRule, ...]:
    """What the queue is told."""
    return tuple(_rule(rule) for rule in rules)


def _rule(rule: Overflow) -> OverflowRule:
    def ms(seconds: float | None) -> int:
        return max(milliseconds(seconds), 1) if seconds is not None else 0

    return OverflowRule(
        ms(rule.after_s), rule.length or 0, ms(rule.oldest_s), ms(rule.expected_wait_s),
        Attendance(rule.nobody) if rule.nobody is not None else None, rule.joining_only,
        address("queue", rule.queue) if rule.queue is not None else Address(""), rule.keeps_place, rule.add_priority,
        tuple(address("queue", name) for name in dict.fromkeys(rule.borrow)), rule.anybody,
        rule.text.by_language() if rule.text is not None else {},
    )  # fmt: skip


def lending(lends: Lends | None) -> Lending | None:
    """What the queue is told of lending."""
    if lends is None:
        return None
    return Lending(
        tuple(address("queue", name) for name in lends.to), round(10 * (lends.service_level_percent or 0)),
        milliseconds(lends.expected_wait_s) if lends.expected_wait_s is not None else 0,
    )  # fmt: skip


def covers(earlier: Overflow, later: Overflow) -> bool:
    """Whether the earlier rule decides whenever the later one would hold, so that the later one never does."""
    if not earlier.ends_the_matter or (earlier.after_s is None) is not (later.after_s is None):
        return False
    if earlier.refuse and later.queue is not None and earlier.after_s is None:
        return False  # Whoever was served already is not refused at the door, but moved.
    if earlier.joining_only and not later.joining_only and later.nobody is not None:
        return False
    if earlier.nobody is not None and later.nobody not in (earlier.nobody, "signed_in"):
        return False
    bounds = ((rule.after_s, rule.length, rule.oldest_s, rule.expected_wait_s) for rule in (earlier, later))
    return all(one is None or (other is not None and one <= other) for one, other in zip(*bounds, strict=True))


def circles(rules: Mapping[str, list[Overflow]]) -> Iterator[tuple[str, int, list[str]]]:
    """Moves that can bring somebody back to where they were: queue, number of the rule that closes it, and the way round."""
    reported: set[frozenset[str]] = set()
    for start in rules:
        for number, way in _ways_back(start, rules):
            if frozenset(way) not in reported:
                reported.add(frozenset(way))
                yield way[-2], number, way


def _ways_back(start: str, rules: Mapping[str, list[Overflow]]) -> Iterator[tuple[int, list[str]]]:
    """The shortest way from a queue back to itself; the number is of the last rule in it."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for number, rule in enumerate(rules.get(way[-1], [])):
            if rule.queue == start:
                yield number, [*way, start]
                return
            if rule.queue is not None and rule.queue not in seen:
                seen.add(rule.queue)
                ways.append([*way, rule.queue])

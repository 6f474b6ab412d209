"""Whether one more interaction fits beside what an agent holds (I3), worked out again from the events alone.

It goes over the interactions one by one, where `actors.routing.capacity` adds up by channel: the two share nothing but
the configuration that they read, so that a mistake in one of them is not made by the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.events import AgentConfigured
from actors.routing.capacity import NO_RULES, CapacityRules


class Work:
    """One interaction that an agent holds, and how often others rang over it."""

    __slots__ = ("channel", "interrupted", "labels")

    def __init__(self, channel: str, labels: tuple[str, ...] = (), interrupted: int = 0) -> None:
        self.channel = channel
        self.labels = labels
        self.interrupted = interrupted


def interrupts(rules: CapacityRules, newcomer: str, channel: str) -> bool:
    """Whether the newcomer's channel goes over work of this channel."""
    return newcomer != channel and channel in rules.interrupts.get(newcomer, ())


def ring_over(config: AgentConfigured | None, works: Iterable[Work], newcomer: str) -> None:
    """Note on each of the works that the newcomer interrupts that it did."""
    if config is None or not config.capacity_rules.interrupts:
        return
    for work in works:
        if interrupts(config.capacity_rules, newcomer, work.channel):
            work.interrupted += 1


def objection(config: AgentConfigured, works: Sequence[Work], channel: str, labels: tuple[str, ...] = ()) -> str:
    """Why one more of this channel with these labels does not fit; empty when it does."""
    rules = config.capacity_rules
    most, count = config.capacity.get(channel, 0), 1 + sum(work.channel == channel for work in works)
    if count > most:
        return f"is number {count} on {channel}, of {most} allowed"
    if rules == NO_RULES:
        total = len(works) + 1
        return "" if total <= config.capacity_total else f"is number {total}, of {config.capacity_total} allowed"
    staying = [work for work in works if not interrupts(rules, channel, work.channel)]
    return (
        _alone(rules, staying, channel)
        or _units(config, staying, channel)
        or _patience(rules, works, channel)
        or _labels(rules, works, labels)
    )


def _alone(rules: CapacityRules, staying: Sequence[Work], channel: str) -> str:
    """Channels that keep others away: those that interrupt them, and those that share with none."""
    for work in staying:
        if interrupts(rules, work.channel, channel):
            return f"is {channel} beside {work.channel}, which interrupts it"
        if work.channel != channel and {work.channel, channel} & set(rules.exclusive):
            return f"is {channel} beside {work.channel}, and they exclude each other"
    return ""


def _units(config: AgentConfigured, staying: Sequence[Work], channel: str) -> str:
    costs = config.capacity_rules.costs
    own = costs.get(channel, 1)
    units = own + sum(costs.get(work.channel, 1) for work in staying)
    if own and units > config.capacity_total:
        return f"makes {units} units, of {config.capacity_total} allowed"
    return ""


def _patience(rules: CapacityRules, works: Sequence[Work], channel: str) -> str:
    if rules.interruptions:
        for work in works:
            if interrupts(rules, channel, work.channel) and work.interrupted >= rules.interruptions:
                return f"interrupts {work.channel} that was interrupted {work.interrupted} times, of {rules.interruptions}"
    return ""


def _labels(rules: CapacityRules, works: Sequence[Work], labels: tuple[str, ...]) -> str:
    for label in labels:
        most = rules.labels.get(label)
        count = 1 + sum(label in work.labels for work in works)
        if most is not None and count > most:
            return f"is number {count} with the label {label}, of {most} allowed"
    return ""

"""Capacity: what fits beside what an agent holds already, by one algebra for all channels.

A channel `c` fits once more beside what is held if all of these hold, `I(c)` being the channels that `c` may interrupt:

    maximum      held(c) < maximum(c)
    units        cost(c) = 0, or cost(c) + sum of cost(d) held(d) over d not in I(c)  <=  units
    exclusive    nothing of another channel d is held, unless d is in I(c), where c or d is exclusive
    interrupted  nothing of a channel d is held with c in I(d), unless d is in I(c)
    starvation   nothing held of a channel in I(c) was interrupted as often as is allowed
    labels       held(l) < maximum(l) for each label l of the interaction that has a maximum

Keeps: every one of these gets harder, never easier, with each interaction that is held. So taking one never raises
the room of any channel, and what may be held together may be held in part. Where nothing interrupts, they speak of
the whole only, so the order of taking makes no difference; where something does, what is interrupted comes first.
"""

from __future__ import annotations

from actors.values import Value


class CapacityRules(Value, frozen=True):
    """How channels share an agent, beyond a maximum for each and units in all. Without rules each costs one unit."""

    #: Units that one interaction takes; a channel that is not named takes 1. One of 0 is limited by its maximum alone.
    costs: dict[str, int] = {}
    #: Channels that share the agent with no other, unless they interrupt it.
    exclusive: tuple[str, ...] = ()
    #: Channel -> channels whose work it may interrupt; that work then takes no units from it.
    interrupts: dict[str, tuple[str, ...]] = {}
    #: How often one interaction may be interrupted; 0 means as often as anybody calls.
    interruptions: int = 0
    #: Label -> how many interactions that carry it; a label that is not named has no limit.
    labels: dict[str, int] = {}

    def may_interrupt(self, channel: str, other: str) -> bool:
        """Whether work of `channel` is taken although there is work of `other`."""
        return other != channel and other in self.interrupts.get(channel, ())


NO_RULES = CapacityRules()


class Capacity(Value, frozen=True):
    """What one agent may hold at once: a maximum for each channel, units over all channels, and rules."""

    channels: dict[str, int] = {}
    units: int = 0
    rules: CapacityRules = NO_RULES

    @property
    def is_plain(self) -> bool:
        """Whether room only ever shrinks by one for each interaction taken: on its channel, and over all."""
        return self.rules == NO_RULES

    def cost(self, channel: str) -> int:
        """Units that one interaction of this channel takes."""
        return self.rules.costs.get(channel, 1)


NO_CAPACITY = Capacity()


class Held(Value, frozen=True):
    """What one agent holds, as far as capacity is concerned: ringing, served and wrapped up alike."""

    channels: dict[str, int] = {}
    labels: dict[str, int] = {}
    #: Channel -> how often that one of its interactions was interrupted which was interrupted most.
    interrupted: dict[str, int] = {}


NOTHING = Held()


def take(capacity: Capacity, held: Held, channel: str, labels: tuple[str, ...] = ()) -> Held:
    """What is held after one more of this channel; whether it fits is not asked here."""
    counts, marks = dict(held.channels), dict(held.labels)
    for label in set(labels):
        marks[label] = marks.get(label, 0) + 1
    interrupted = held.interrupted
    over = [other for other in interrupted_by(capacity, channel) if counts.get(other)]
    if over:
        interrupted = {**interrupted, **{other: interrupted.get(other, 0) + 1 for other in over}}
    counts[channel] = counts.get(channel, 0) + 1
    return Held(counts, marks, interrupted)


def interrupted_by(capacity: Capacity, channel: str) -> tuple[str, ...]:
    """The channels whose work one more of this channel interrupts."""
    return tuple(other for other in capacity.rules.interrupts.get(channel, ()) if other != channel)


def room(capacity: Capacity, held: Held) -> dict[str, int]:
    """How many more fit of each channel, if only that channel comes; channels without room are left out.

    Args:
        capacity: What the agent may hold.
        held: What the agent holds, within this capacity or not: a capacity that was lowered takes nothing away.
    """
    found = {}
    if capacity.is_plain:  # What nearly everybody has, asked at every turn of every agent.
        counts = held.channels
        left = capacity.units - sum(counts.values())
        for channel, most in capacity.channels.items():
            free = min(most - counts.get(channel, 0), left)
            if free > 0:
                found[channel] = free
        return found
    for channel in capacity.channels:
        free = room_for(capacity, held, channel)
        if free:
            found[channel] = free
    return found


def room_for(capacity: Capacity, held: Held, channel: str, labels: tuple[str, ...] = ()) -> int:
    """How many more fit of one channel, each with these labels; 0 when there is no room."""
    rules, counts = capacity.rules, held.channels
    free = capacity.channels.get(channel, 0) - counts.get(channel, 0)
    cost, taken = capacity.cost(channel), 0
    for other, count in counts.items():
        if not count:
            continue
        if rules.may_interrupt(channel, other):
            if rules.interruptions:
                free = min(free, rules.interruptions - held.interrupted.get(other, 0))
            continue
        if rules.may_interrupt(other, channel):
            return 0
        if other != channel and (channel in rules.exclusive or other in rules.exclusive):
            return 0
        taken += capacity.cost(other) * count
    if cost:
        free = min(free, (capacity.units - taken) // cost)
    for label in labels:
        most = rules.labels.get(label)
        if most is not None:
            free = min(free, most - held.labels.get(label, 0))
    return max(free, 0)


def spare(capacity: Capacity, held: Held) -> int:
    """Units that nothing takes; 0 also when interruptions or a lowered capacity have more taken than there are."""
    return max(capacity.units - used(capacity, held), 0)


def used(capacity: Capacity, held: Held) -> int:
    """Units that are taken; more than there are after interruptions, or where capacity was lowered."""
    units, costs = 0, capacity.rules.costs
    for channel, count in held.channels.items():
        units += costs.get(channel, 1) * count
    return units

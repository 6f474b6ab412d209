"""Who may serve an interaction, ring by ring: what it asks for at first, and how its queue asks less as it waits.

Keeps: rings open in the order of their instants; none closes, but that of an agent who was preferred and did not take it;
an interaction that asks for one agent for a time is the first of those rings.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.messages.centre import QueueConfig, Relaxation
from actors.queue.records import Place, Step
from actors.values import Requirement


def first_ring(asked: Requirement, config: QueueConfig) -> Requirement:
    """What an interaction asks for when it enters the queue."""
    return asked.also(config.requires, config.where)


def steps_of(inner: Requirement, config: QueueConfig, entered_at: int, fallback_at: int) -> tuple[Step, ...]:
    """The rings that will open around `inner`, earliest first; a wish for one agent ends at `fallback_at` (0: never)."""
    openings: list[tuple[int, Relaxation | None]] = [(entered_at + step.after_ms, step) for step in config.relax]
    if fallback_at and inner.agent:
        openings.append((fallback_at, None))
    steps, ring = [], inner
    for at, step in sorted(openings, key=lambda opening: opening[0]):
        ring = replace(ring, agent="") if step is None else step.of(ring)
        steps.append(Step(at, ring))
    return tuple(steps)


def opened(place: Place, now: int) -> Place:
    """The place with every ring open whose time has come; the same place when there is none."""
    due = [step for step in place.steps if step.at <= now]
    if not due:
        return place
    outer = list(place.outer)
    for step in due:
        if step.requirement != (outer[-1] if outer else place.requirement):
            outer.append(step.requirement)
    return replace(place, outer=tuple(outer), steps=place.steps[len(due) :])


def given_up(place: Place) -> Place:
    """The place once the agent who was preferred did not take it: as if there had been no such wish.

    Their ring closes, unlike all others: who never answers would be asked first again and again, and nobody else.
    """
    if place.because is None or not place.requirement.agent:
        return place
    inner, outer = replace(place.requirement, agent=""), list[Requirement]()
    for ring in place.outer:
        freed = replace(ring, agent="")
        if freed != (outer[-1] if outer else inner):
            outer.append(freed)
    steps = tuple(replace(step, requirement=replace(step.requirement, agent="")) for step in place.steps)
    asked = replace(place.asked, agent="") if place.asked is not None else None
    return replace(place, requirement=inner, outer=tuple(outer), steps=steps, asked=asked, fallback_at=0)


def asked_anew(place: Place, config: QueueConfig, now: int) -> Place:
    """The place as if it had entered under this configuration."""
    inner = first_ring(place.asked or place.requirement, config)
    steps = steps_of(inner, config, place.entered_at, place.fallback_at)
    return opened(replace(place, requirement=inner, outer=(), steps=steps), now)

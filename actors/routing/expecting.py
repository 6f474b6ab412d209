"""Expected wait: how much longer somebody waits, as an interval, learned from how people left from in front of others.

The model is the textbook's (Whitt, "Predicting queueing delays", 1999): with k of the same kind in front and everybody
busy, the wait is k + 1 departures; one in front leaves by being served, once in a `unit`, or by giving up, at the rate of
patience seen so far. So with r units in a mean patience the wait is unit x (1 + 1/(1+r) + ... + 1/(1+kr)), nearly a
gamma distribution of as many stages. Whoever is in front and asks for something else costs a part of a unit, which is
learned too: none where skills do not overlap, all of it where everybody serves everybody.

The model is never right. So the interval's two ends are moved, each time a wait is over, by how often that end was
passed before (adaptive conformal inference, Gibbs and Candes, 2021): whatever the true distribution is, in the long run
one twentieth ends below and one twentieth above.

Keeps: low <= expected <= high; each of them grows with who is in front; nothing is said before `ENOUGH` is known. Times
in ms; numbers learned are forgotten, so that they follow the day.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
from msgspec.structs import replace

from actors.values import Requirement, Value

#: The share of waits that the interval is to hold, in percent.
CONFIDENCE: Final = 90
#: Departures (discounted) before anything is said: fewer tell too little of the speed.
ENOUGH: Final = 8.0
#: What was learned fades by this share with each departure, and by 1/e in this time.
FADING: Final = 1 / 100
MEMORY_MS: Final = 4 * 3_600_000
#: How far one wait moves an end of the interval, in standard deviations.
STEP: Final = 0.02
TAIL: Final = (100 - CONFIDENCE) / 200
#: Where the ends begin, as if the model were right, and how far they may go: beyond 7 the high end were not monotone.
NORMAL_TAIL: Final = 1.645
FURTHEST: Final = 7.0
#: So much of what was said to one customer is kept to be judged, an even number; more would make their record long.
SAID: Final = 8
#: Terms of the sum over those in front that are added one by one; the rest is an integral, exact to 0.1 %.
TERMS: Final = 4
#: Nothing longer is ever said.
LONGEST_MS: Final = 24 * 3_600_000
#: Whoever is held for an agent this soon did not wait: somebody was free.
MOMENT_MS: Final = 1_000
#: The guess that all in front cost the same counts as much as having seen so many.
PRIOR: Final = 2.0


class Ahead(Value, frozen=True):
    """Who is in front: of the same kind, and others."""

    own: int
    others: int = 0


class Expected(Value, frozen=True):
    """How much longer somebody waits (ms): on average, and between what with `confidence` percent."""

    low_ms: int
    expected_ms: int
    high_ms: int
    confidence: int = CONFIDENCE


class Foreseen(Value, frozen=True):
    """What was said at an instant (ms since the epoch), to be judged when the wait is over."""

    at: int
    low_ms: int
    high_ms: int
    #: Whether it came from what all kinds together taught.
    shared: bool = False
    #: How many that were said about then it stands for.
    count: int = 1


class Experience(Value, frozen=True):
    """What departures of one kind taught, the latest counting most. Two instruments, two unknowns: own and others."""

    own_own: float = 0.0
    own_others: float = 0.0
    others_own: float = 0.0
    others_others: float = 0.0
    own_ms: float = 0.0
    others_ms: float = 0.0
    #: Departures to agents, and by giving up; and how long all of them waited.
    served: float = 0.0
    left: float = 0.0
    waited_ms: float = 0.0
    #: The ends of the interval, in standard deviations of the cube root (Wilson and Hilferty, 1931).
    low: float = -NORMAL_TAIL
    high: float = NORMAL_TAIL
    at: int = 0

    @property
    def knows(self) -> bool:
        """Whether enough is known to say something."""
        units = self.own_own + self.own_others + self.others_own + self.others_others
        return self.served >= ENOUGH and units > 0 and self.own_ms + self.others_ms > 0


def kind_of(channel: str, requirement: Requirement) -> str:
    """What interactions share that wait for the same people, as text that a record's name can carry."""
    return f"{channel} {msgspec.json.encode(requirement).decode()}"


def expected_wait(experience: Experience, ahead: Ahead, now: int) -> Expected | None:
    """How much longer somebody waits behind these; None as long as too little is known."""
    experience = _faded(experience, now, 1.0)
    if not experience.knows:
        return None
    mean_ms, stages = _model(experience, ahead)
    low_ms = min(mean_ms, mean_ms * _quantile(stages, experience.low), LONGEST_MS)
    high_ms = max(mean_ms, mean_ms * _quantile(stages, experience.high))
    return Expected(int(low_ms), round(min(mean_ms, LONGEST_MS)), math.ceil(min(high_ms, LONGEST_MS)))


def after_service(experience: Experience, entered: Ahead, waited_ms: int, now: int) -> Experience:
    """Learn from somebody who came behind `entered` and got an agent."""
    faded = _faded(experience, now, 1 - FADING)
    return replace(_added(faded, entered, None, waited_ms), served=faded.served + 1)


def after_leaving(experience: Experience, entered: Ahead, left: Ahead, waited_ms: int, now: int) -> Experience:
    """Learn from somebody who came behind `entered` and gave up behind `left`: how far they got in that time."""
    faded = _faded(experience, now, 1.0)
    return replace(_added(faded, entered, left, waited_ms), left=faded.left + 1)


def noted(said: tuple[Foreseen, ...], more: Foreseen) -> tuple[Foreseen, ...]:
    """Keep what was said, at most `SAID` of it: each that is dropped is stood for by the one before."""
    if len(said) == SAID:
        pairs = zip(said[::2], said[1::2], strict=True)
        said = tuple(replace(first, count=first.count + second.count) for first, second in pairs)
    return (*said, more)


def judged(experience: Experience, said: Foreseen, now: int) -> Experience:
    """Move the interval's ends by a wait that is over."""
    took_ms = now - said.at
    return _moved(experience, said.count, float(took_ms < said.low_ms), float(took_ms > said.high_ms))


def judged_open(experience: Experience, said: Foreseen, behind: Ahead, now: int) -> Experience:
    """The same for somebody who gave up behind these: by how likely the rest of their wait had passed either end."""
    if not experience.knows:
        return experience
    mean_ms, stages = _model(experience, behind)
    waited_ms = now - said.at
    below = _share_within(experience, said.low_ms - waited_ms, mean_ms, stages)
    above = 1 - _share_within(experience, said.high_ms - waited_ms, mean_ms, stages)
    return _moved(experience, said.count, below, above)


def _model(experience: Experience, ahead: Ahead) -> tuple[float, float]:
    """The mean (ms), and the stages of a gamma distribution as spread as the wait, the unit's own error included."""
    unit_ms, others_ms = _units(experience)
    own, others = _stages(ahead, _leaving(experience, unit_ms))
    mean_ms = unit_ms * own + others_ms * others
    stages = mean_ms / unit_ms
    # Of fading weights w, as many as (sum w)^2 / sum w^2 that do not fade.
    seen = experience.served * (2 - FADING) / max(1.0, 2 - FADING * experience.served)
    return mean_ms, stages / (1 + stages / seen)


def _units(experience: Experience) -> tuple[float, float]:
    """What one in front costs (ms), of the same kind and of others: two equations, drawn to both costing the same."""
    e = experience
    level_ms = (e.own_ms + e.others_ms) / max(e.own_own + e.own_others + e.others_own + e.others_others, 1e-9)
    own_own, others_others = e.own_own + PRIOR, e.others_others + PRIOR
    own_ms, others_ms = e.own_ms + PRIOR * level_ms, e.others_ms + PRIOR * level_ms
    determinant = own_own * others_others - e.own_others * e.others_own
    if determinant <= 1e-9 * own_own * others_others:
        return level_ms, level_ms
    unit_ms = (own_ms * others_others - e.own_others * others_ms) / determinant
    other_ms = (own_own * others_ms - own_ms * e.others_own) / determinant
    if other_ms < 0:
        return (e.own_ms + e.others_ms) / max(e.own_own + e.others_own, 1e-9), 0.0
    # Nobody in front takes more of my agents than one of my kind; so it also grows with each who is in front.
    return (level_ms, level_ms) if other_ms > unit_ms else (unit_ms, other_ms)


def _leaving(experience: Experience, unit_ms: float) -> float:
    """Units in a mean patience: how many give up in a unit, of those who wait."""
    return min(1.0, unit_ms * experience.left / experience.waited_ms) if experience.waited_ms > 0 else 0.0


def _stages(ahead: Ahead, leaving: float) -> tuple[float, float]:
    """Units until the wait is over: for those of the same kind and oneself, and for the others if each cost one."""
    own = _sum(ahead.own + 1, leaving)
    return own, _sum(ahead.own + 1 + ahead.others, leaving) - own if ahead.others else 0.0


def _sum(count: int, leaving: float) -> float:
    """1 + 1/(1+r) + ... over so many terms."""
    if leaving < 1e-9:
        return float(count)
    few, total = min(count, TERMS), 0.0
    for number in range(few):
        total += 1 / (1 + number * leaving)
    if count > few:
        total += math.log((1 + (count - 0.5) * leaving) / (1 + (few - 0.5) * leaving)) / leaving
    return total


def _quantile(stages: float, deviations: float) -> float:
    """A gamma distribution's quantile in means, where the cube root is nearly normal."""
    return max(0.0, 1 - 1 / (9 * stages) + deviations / (3 * math.sqrt(stages))) ** 3


def _share_within(experience: Experience, rest_ms: float, mean_ms: float, stages: float) -> float:
    """How likely a wait of this distribution ends within so much, its sides as wide as the interval's ends say."""
    if rest_ms <= 0:
        return 0.0
    deviations = 3 * math.sqrt(stages) * (math.cbrt(rest_ms / mean_ms) - 1 + 1 / (9 * stages))
    deviations *= NORMAL_TAIL / max(0.1, experience.high if deviations > 0 else -experience.low)
    return 0.5 * math.erfc(-deviations / math.sqrt(2))


def _faded(e: Experience, now: int, by_departure: float) -> Experience:
    """What is left of it now, one departure later or none; the ends of the interval do not fade."""
    kept = by_departure * math.exp(-max(0, now - e.at) / MEMORY_MS) if e.at else by_departure
    return replace(
        e, own_own=e.own_own * kept, own_others=e.own_others * kept, others_own=e.others_own * kept,
        others_others=e.others_others * kept, own_ms=e.own_ms * kept, others_ms=e.others_ms * kept,
        served=e.served * kept, left=e.left * kept, waited_ms=e.waited_ms * kept, at=max(now, e.at),
    )  # fmt: skip


def _added(e: Experience, entered: Ahead, left: Ahead | None, waited_ms: int) -> Experience:
    """With one more equation: the time that it took to come forward so many units.

    Who was in front on entry is the instrument: how far somebody came by chance says nothing of it. Each wait counts
    the same, as the long ones are as uncertain as they are long.
    """
    leaving = _leaving(e, _units(e)[0]) if e.knows else 0.0
    own, others = _stages(entered, leaving)
    if left is not None:
        own_left, others_left = _stages(left, leaving)
        own, others = own - own_left, others - others_left
    by_own = (entered.own + 1) / (entered.own + 1 + entered.others)
    by_others = 1 - by_own
    return replace(
        e, own_own=e.own_own + by_own * own, own_others=e.own_others + by_own * others,
        others_own=e.others_own + by_others * own, others_others=e.others_others + by_others * others,
        own_ms=e.own_ms + by_own * waited_ms, others_ms=e.others_ms + by_others * waited_ms,
        waited_ms=e.waited_ms + waited_ms,
    )  # fmt: skip


def _moved(experience: Experience, count: int, below: float, above: float) -> Experience:
    low = experience.low + count * STEP * (TAIL - below)
    high = experience.high - count * STEP * (TAIL - above)
    return replace(experience, low=min(0.0, max(-FURTHEST, low)), high=max(0.0, min(FURTHEST, high)))

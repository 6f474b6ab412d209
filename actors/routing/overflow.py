"""Rules of overflow: when a queue does not keep somebody, and whether it lends its agents to another.

A rule without `after_ms` is judged of newcomers at the door. One on who is there is judged of those who wait too,
whenever that changes, unless it is for joining only. A rule with `after_ms` is judged from that wait on.

Keeps: the first rule in order that holds and moves or refuses decides; a queue moves an interaction on once at most, so
it moves no more often than there are queues; nobody whom an agent served already is refused without having waited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

from actors.address import Address
from actors.messages.centre import Lending, OverflowRule
from actors.values import Attendance

#: How often what only time changes (lengths, waits, another queue's word) is looked at again.
LOOK_AGAIN_MS: Final = 5_000
#: What happened lately fades to 1/e in this time.
LATELY_MS: Final = 900_000


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who is there among a queue's agents."""

    signed_in: bool
    available: bool

    def nobody(self, attendance: Attendance) -> bool:
        """Whether none of them is there at least so far."""
        return not (self.available if attendance is Attendance.AVAILABLE else self.signed_in)


@dataclass(frozen=True, slots=True)
class Situation:
    """One interaction and its queue at a moment; times in ms.

    `others` counts those in the queue beside it, `oldest_ms` is the longest wait among all. `expected_ms` and `staffing`
    are None while they are not known, and rules about them do not hold then.
    """

    joining: bool
    waited_ms: int
    others: int
    oldest_ms: int
    is_newcomer: bool = True
    was_moved_from_here: bool = False
    expected_ms: int | None = None
    staffing: Staffing | None = None


def holds(rule: OverflowRule, now: Situation) -> bool:
    """Whether the rule is to be judged of the interaction now, and all its conditions hold."""
    if rule.after_ms:
        if now.waited_ms < rule.after_ms:
            return False
    elif not now.joining and (rule.joining_only or rule.nobody is None) and not rule.borrow:
        return False
    if now.others < rule.length or now.oldest_ms < rule.oldest_ms:
        return False
    if rule.expected_ms and (now.expected_ms is None or now.expected_ms < rule.expected_ms):
        return False
    return rule.nobody is None or (now.staffing is not None and now.staffing.nobody(rule.nobody))


def may_act(rule: OverflowRule, now: Situation) -> bool:
    """Whether a rule that holds may be followed for this interaction."""
    if rule.queue:
        return not now.was_moved_from_here
    return now.is_newcomer or rule.after_ms > 0


def decision(rules: Sequence[OverflowRule], now: Situation) -> int | None:
    """Which rule moves the interaction on or refuses it (counted from 0); None when it stays."""
    for number, rule in enumerate(rules):
        if not rule.borrow and may_act(rule, now) and holds(rule, now):
            return number
    return None


def next_look_ms(rules: Sequence[OverflowRule], now: Situation) -> int | None:
    """In how many ms some rule may hold that does not hold now, or a borrowing one no more; None: not by time alone."""
    looks = []
    for rule in rules:
        if not rule.borrow and not may_act(rule, now):
            continue
        if rule.after_ms > now.waited_ms:
            looks.append(rule.after_ms - now.waited_ms)
        elif (rule.after_ms or rule.borrow) and (rule.length or rule.oldest_ms or rule.expected_ms):
            looks.append(LOOK_AGAIN_MS)
    return min(looks, default=None)


# Lately, and lending.


@dataclass(frozen=True, slots=True)
class Lately:
    """Customers answered, and of these in time, as counts that fade by 1/e in `LATELY_MS`."""

    answered: float
    in_target: float

    @staticmethod
    def of(answered: float, in_target: float, at: int, now: int) -> Lately:
        """Counts as of an instant, as they are now (both ms since the epoch)."""
        left = exp(-max(now - at, 0) / LATELY_MS)
        return Lately(answered * left, in_target * left)

    def service_level_permille(self, late: int) -> int:
        """How many were answered in time; those who wait and are late already count as not."""
        total = self.answered + late
        return round(1000 * self.in_target / total) if total > 0 else 1000


def may_lend(lending: Lending | None, borrower: Address, waiting: int, permille: int, expected_ms: int | None) -> bool:
    """Whether a queue's agents may be asked for customers of another one.

    Args:
        lending: What the queue lends; None for nothing.
        borrower: Who asks.
        waiting: How many of its own customers wait and are offered to nobody.
        permille: Its service level lately.
        expected_ms: How long one of its own would wait; None when that is not known, which lends nothing.
    """
    if lending is None or (lending.to and borrower not in lending.to):
        return False
    if not lending.service_level_permille and not lending.expected_ms:
        return waiting == 0
    if lending.service_level_permille and permille < lending.service_level_permille:
        return False
    return not lending.expected_ms or (expected_ms is not None and expected_ms <= lending.expected_ms)

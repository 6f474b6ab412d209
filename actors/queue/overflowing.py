"""Whom a queue does not keep: it moves them on, refuses them, or asks other queues' agents too.

    router: Staffing ---> |                     | ---> session: Overflow (wait elsewhere, or end)
    Enqueue, waits -----> | rules, first first  |
                          | MayBorrow --------> lender
                          | <------------ Lends |  opens the ring of its agents, or closes it

Keeps: whoever rings at an agent is left there; what moves on has left this queue in the same turn, so it is in one queue
at most; only the lender says whether its agents may be asked, and it is asked again as long as somebody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import Address, name_of
from actors.events import Lent, Overflowed
from actors.messages.centre import OverflowRule, QueueConfig
from actors.messages.queue import Enqueue, Lends, MayBorrow, Staffing
from actors.messages.session import Overflow
from actors.queue.expecting import Expecting
from actors.queue.records import (
    ASKING,
    BORROWED_PREFIX,
    LENT_PREFIX,
    STAFF,
    TOTALS,
    Borrowing,
    Loan,
    Place,
    QueueTotals,
    Staff,
)
from actors.routing import overflow
from actors.routing.overflow import LOOK_AGAIN_MS, Lately, Situation
from actors.values import Requirement, WaitingState

LOOK = "overflow"
#: The queue's own timer, by which it asks lenders again.
ASK_LENDERS = "lenders"


class Overflowing(Expecting):
    """The half of a queue that decides whom it keeps; `actors.queue.queue.Queue` adds the rest."""

    kind = "queue"
    _offered: int

    if TYPE_CHECKING:  # The other half.

        @property
        def totals(self) -> QueueTotals: ...
        def _places(self) -> list[Place]: ...
        def _oldest_at(self) -> int: ...
        def _ask(self, before: Place, place: Place, turn: Turn) -> None: ...
        def _store(self, place: Place, turn: Turn) -> None: ...
        def _leave(self, place: Place, turn: Turn) -> None: ...

    @property
    def _asks_lenders(self) -> bool:
        """Whether the timer to ask lenders again is set: stored, so that a replay asks as often."""
        return ASKING in self.records

    # At the door and while waiting.

    def _is_kept(self, message: Enqueue, config: QueueConfig, turn: Turn) -> bool:
        """Whether a new leg may enter; if not, its session has been told what becomes of it."""
        if not config.overflow:
            return True
        is_newcomer = message.leg == 1 + len(message.moved_from)
        situation = self._situation(config, turn, None, is_newcomer, message.moved_from)
        number = overflow.decision(config.overflow, situation)
        if number is None:
            return True
        rule = config.overflow[number]
        self._count(rule, turn)
        self._send_on(number, rule, situation, message, message.customer.language, turn)
        return False

    def _look(self, place: Place, turn: Turn) -> None:
        """Judge the rules of somebody who waits, follow the one that holds, and look again when another may."""
        setting, place = self.setting, self.place(place.interaction) or place
        if setting is None or place.state is not WaitingState.WAITING:
            return  # Whoever rings somewhere is looked at when that is over.
        rules = setting.config.overflow
        if not rules and not place.borrowing and not place.look_at:
            return
        situation = self._situation(setting.config, turn, place, place.is_newcomer, place.moved_from)
        number = overflow.decision(rules, situation)
        if number is not None:
            self._leave(place, turn)
            self._count(rules[number], turn)
            self._send_on(number, rules[number], situation, place, place.customer.language, turn)
            return
        borrowing = tuple(
            Borrowing(rule.borrow, rule.anybody) for rule in rules if rule.borrow and overflow.holds(rule, situation)
        )
        look_ms = overflow.next_look_ms(rules, situation)
        looked = replace(place, borrowing=borrowing, look_at=turn.now + look_ms if look_ms is not None else 0)
        if looked.look_at:
            turn.set_timer(f"{LOOK}/{place.interaction}", looked.look_at)
        elif place.look_at:
            turn.cancel_timer(f"{LOOK}/{place.interaction}")
        if borrowing and not self._asks_lenders:
            self._ask_lenders(turn)
        if borrowing != place.borrowing:
            self._ask(place, self._with_loans(looked), turn)
        elif looked != place:
            self._store(looked, turn)

    def _look_at_all(self, turn: Turn) -> None:
        for place in self._places():
            self._look(place, turn)

    def _situation(
        self, config: QueueConfig, turn: Turn, place: Place | None, is_newcomer: bool, moved_from: tuple[Address, ...]
    ) -> Situation:
        rules = config.overflow
        staff = cast("Staff | None", self.records.get(STAFF))
        oldest_at = self._oldest_at() if any(rule.oldest_ms for rule in rules) else 0
        return Situation(
            joining=place is None,
            waited_ms=turn.now - place.entered_at if place is not None else 0,
            others=len(self._order) - (place is not None),
            oldest_ms=turn.now - oldest_at if oldest_at else 0,
            is_newcomer=is_newcomer,
            was_moved_from_here=turn.address in moved_from,
            expected_ms=self._expected_ms(turn.now) if any(rule.expected_ms for rule in rules) else None,
            staffing=overflow.Staffing(staff.signed_in, staff.available) if staff is not None else None,
        )

    def _expected_ms(self, now: int) -> int | None:
        """How long somebody would wait who came last now; None while too little is known."""
        if len(self._order) == self._offered:
            return 0  # Nobody waits, so agents are not all busy, which the estimate supposes.
        expected = self.expected_of_next(now)
        return expected.expected_ms if expected is not None else None

    def _send_on(
        self, number: int, rule: OverflowRule, situation: Situation, leg: Enqueue | Place, language: str, turn: Turn
    ) -> None:
        """Say where the leg goes now: to its session, which owns it, and to the journal."""
        overflowed = Overflowed(
            turn.address, leg.interaction, leg.leg, number + 1, rule.queue, situation.waited_ms, situation.others, rule.nobody
        )
        turn.emit(overflowed)
        message = Overflow(
            leg.interaction, leg.leg, name_of(turn.address), name_of(rule.queue), rule.keeps_place, rule.points,
            in_language(rule.texts, language),
        )  # fmt: skip
        turn.send(leg.session, message)

    def _count(self, rule: OverflowRule, turn: Turn) -> None:
        totals = self.totals
        moved, refused = (1, 0) if rule.queue else (0, 1)
        turn.put(TOTALS, replace(totals, overflowed=totals.overflowed + moved, refused=totals.refused + refused))

    @on(Staffing)
    def staffing(self, message: Staffing, turn: Turn) -> None:
        """The first of the agents came, or the last one left."""
        staff = Staff(message.signed_in, message.available)
        if staff != self.records.get(STAFF):
            turn.put(STAFF, staff)
            setting = self.setting
            if setting is not None and any(rule.nobody is not None for rule in setting.config.overflow):
                self._look_at_all(turn)

    # Borrowing and lending.

    @on(MayBorrow)
    def may_borrow(self, message: MayBorrow, turn: Turn) -> None:
        """Say whether this queue's agents may be asked, by how its own customers fare."""
        setting, key = self.setting, LENT_PREFIX + message.borrower
        lends = False
        if setting is not None and not setting.retired and setting.config.lends is not None:
            target_ms = setting.config.service_level_ms
            waiting = [place for place in self._places() if place.state is WaitingState.WAITING]
            late = sum(turn.now - place.entered_at > target_ms for place in waiting)
            permille = self._lately(turn.now).service_level_permille(late)
            expected_ms = self._expected_ms(turn.now)
            lends = overflow.may_lend(setting.config.lends, message.borrower, len(waiting), permille, expected_ms)
        before = cast("Loan | None", self.records.get(key))
        if lends is not (before is not None and before.lends):
            turn.put(key, Loan(lends))
            turn.emit(Lent(turn.address, message.borrower, lends))
        turn.send(message.borrower, Lends(turn.address, lends))

    @on(Lends)
    def lends(self, message: Lends, turn: Turn) -> None:
        """Open the ring of the lender's agents for everybody whom a rule lets go there, or close it."""
        if self._is_lent(message.lender) is message.lends:
            return
        turn.put(BORROWED_PREFIX + message.lender, Loan(message.lends))
        for place in self._places():
            if any(message.lender in borrowing.queues for borrowing in place.borrowing):
                self._ask(place, self._with_loans(place), turn)

    def _ask_lenders(self, turn: Turn) -> None:
        """Ask every queue from which somebody may borrow, and again after a while, until nobody needs it."""
        wanted = {queue for place in self._places() for borrowing in place.borrowing for queue in borrowing.queues}
        setting = self.setting
        if not self._asks_lenders and setting is not None:  # The place that makes it ask is not stored yet.
            wanted.update(queue for rule in setting.config.overflow for queue in rule.borrow)
        for lender in sorted(wanted):
            turn.send(lender, MayBorrow(turn.address))
        if wanted:
            if not self._asks_lenders:
                turn.put(ASKING, Loan(True))
            turn.set_timer(ASK_LENDERS, turn.now + LOOK_AGAIN_MS)
        else:  # By the next time this will be old.
            turn.drop(ASKING)
            for key in [key for key in self.records if key.startswith(BORROWED_PREFIX)]:
                turn.drop(key)

    def _is_lent(self, lender: Address) -> bool:
        loan = cast("Loan | None", self.records.get(BORROWED_PREFIX + lender))
        return loan is not None and loan.lends

    def _with_loans(self, place: Place) -> Place:
        """The place with a ring for each rule that lets it borrow from somebody who lends; around all others."""
        ring = (place.requirement, *place.outer)[-1]
        lent = []
        for borrowing in place.borrowing if not ring.agent else ():
            if lenders := tuple(queue for queue in borrowing.queues if self._is_lent(queue)):
                asked = Requirement() if borrowing.anybody else ring
                lent.append(replace(asked, queues=lenders))
        return replace(place, lent=tuple(lent))

    # What happened lately.

    def _lately(self, now: int) -> Lately:
        totals = self.totals
        return Lately.of(totals.lately, totals.lately_in_target, totals.lately_at, now)

    def _answered(self, totals: QueueTotals, in_target: bool, now: int) -> QueueTotals:
        """The totals with one more customer answered, or given up too late to have been."""
        lately = self._lately(now)
        return replace(totals, lately=lately.answered + 1, lately_in_target=lately.in_target + in_target, lately_at=now)


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in this language (`zh-CN` finds `zh`), else in English, else any; empty when there is none."""
    wanted = language.replace("_", "-").partition("-")[0].casefold()
    return texts.get(wanted) or texts.get("en") or next(iter(texts.values()), "")

"""What a queue learns about waits from those who leave it, and tells those who wait.

    enters -----> who is in front is noted
    asks -------> position and expected wait; what was said is noted
    leaves -----> the kind's experience grows by how long it took, and by how right it was

Keeps: whoever found somebody free teaches nothing; an estimate for a place is a few bisects, however many wait; at most
`KINDS` kinds are told apart. The experience is durable, so a queue that moves or restarts goes on knowing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import cast

from msgspec.structs import replace

from actors.actor import Actor, Turn
from actors.address import name_of
from actors.messages.centre import QueueConfig
from actors.messages.session import Queued
from actors.queue.records import EXPERIENCE_PREFIX, PLACE_PREFIX, SETTING, Foresight, Place, QueueExperience, QueueSetting
from actors.routing import order
from actors.routing.expecting import (
    MOMENT_MS,
    Ahead,
    Expected,
    Experience,
    Foreseen,
    after_leaving,
    after_service,
    expected_wait,
    judged,
    judged_open,
    kind_of,
    noted,
)
from actors.values import WaitingState

#: Kinds remembered, the least recently learned of forgotten first; more are known by all of them together only.
KINDS = 64
ALL_KINDS = ""


class Expecting(Actor):
    """The half of a queue that knows how long waits are; `actors.queue.queue.Queue` adds the rest."""

    kind = "queue"
    #: Ranks of every place, in the order of service.
    _order: list[order.Place]
    #: The same for each kind.
    _kinds: dict[str, list[order.Place]]

    def rebuild(self) -> None:
        self._sort_kinds()

    def _sort_kinds(self) -> None:
        """List those of each kind in the order of service now in force."""
        self._kinds = {}
        for record in self.records.values():
            if isinstance(record, Place) and record.foresight is not None:
                self._kinds.setdefault(record.foresight.kind, []).append(self._rank(record))
        for ranks in self._kinds.values():
            ranks.sort()

    @property
    def setting(self) -> QueueSetting | None:
        """The configuration in force; None for a queue that was never configured."""
        return cast("QueueSetting | None", self.records.get(SETTING))

    def place(self, interaction: str) -> Place | None:
        """The place of an interaction that is waiting or reserved."""
        return cast("Place | None", self.records.get(PLACE_PREFIX + interaction))

    def _rank(self, place: Place) -> order.Place:
        """Where a place stands in the order of service."""
        config = self.setting.config if self.setting is not None else QueueConfig("")
        return order.place(place.priority, config.ageing, config.lifo, place.enqueued_at, place.interaction)

    def experience(self, kind: str) -> Experience:
        """What departures of this kind taught."""
        record = cast("QueueExperience | None", self.records.get(EXPERIENCE_PREFIX + kind))
        return record.experience if record is not None else Experience()

    def expected_of(self, place: Place, now: int) -> Expected | None:
        """How much longer this place waits, if everybody is busy; None as long as too little is known."""
        return self._expected(place, now)[0]

    def expected_of_next(self, now: int) -> Expected | None:
        """How long somebody would wait who came last now, of whatever kind, if everybody is busy."""
        return expected_wait(self.experience(ALL_KINDS), Ahead(len(self._order)), now)

    # Telling.

    def _tell_position(self, place: Place, turn: Turn, timed: bool = False) -> None:
        """Answer where a place stands, and when to ask again if that is to be told."""
        setting, place = self.setting, self.place(place.interaction) or place
        announce = setting.config.announce if setting is not None else None
        ahead, queue = bisect_left(self._order, self._rank(place)), name_of(turn.address)
        if announce is None:
            turn.send(place.session, Queued(place.interaction, queue, ahead, timed=timed))
            return
        waited_ms = turn.now - place.entered_at
        # Asked because the customer came back: what is due already is told now, and what is not is told in its time.
        if not timed and waited_ms < announce.first_after_ms:
            expected, ask_after_ms = None, announce.first_after_ms - waited_ms
        elif place.foresight is not None and turn.now < place.foresight.since_at:
            expected, ask_after_ms = None, place.foresight.since_at - turn.now
        else:
            expected, ask_after_ms = self._said(place, turn) if announce.expected_wait else None, announce.every_ms
        turn.send(place.session, Queued(place.interaction, queue, ahead, expected, ask_after_ms, timed, not announce.position))

    def _said(self, place: Place, turn: Turn) -> Expected | None:
        """The estimate for a place that waits, noted to be judged later."""
        foresight = place.foresight
        if foresight is None or foresight.at_once:
            return None
        expected, shared = self._expected(place, turn.now)
        if expected is not None:
            said = noted(foresight.said, Foreseen(turn.now, expected.low_ms, expected.high_ms, shared))
            turn.put(PLACE_PREFIX + place.interaction, replace(place, foresight=replace(foresight, said=said)))
        return expected

    def _expected(self, place: Place, now: int) -> tuple[Expected | None, bool]:
        """The estimate, and whether it is from what all kinds together taught."""
        if place.foresight is not None:
            own = expected_wait(self.experience(place.foresight.kind), self._ahead(place, place.foresight.kind), now)
            if own is not None:
                return own, False
        return expected_wait(self.experience(ALL_KINDS), self._ahead(place, ALL_KINDS), now), True

    def _ahead(self, place: Place, kind: str) -> Ahead:
        everybody = bisect_left(self._order, self._rank(place))
        own = everybody if kind == ALL_KINDS else bisect_left(self._kinds.get(kind, ()), self._rank(place))
        return Ahead(own, everybody - own)

    # Learning.

    def _learning(self, place: Place, entered: bool, turn: Turn) -> Place:
        """Note what a move of a place teaches; called for every move, before it is recorded."""
        foresight = place.foresight
        if entered:
            return self._begins(place, turn)
        if foresight is None:
            return place
        match place.state:
            case WaitingState.RESERVED if turn.now < foresight.since_at:
                return replace(place, foresight=replace(foresight, at_once=True))
            case WaitingState.WAITING if foresight.at_once:
                self._forget_rank(foresight.kind, place)
                return self._begins(place, turn)
            case WaitingState.GRANTED | WaitingState.WITHDRAWN:
                if not foresight.at_once:
                    self._leaves(place, foresight, turn)
                self._forget_rank(foresight.kind, place)
        return place

    def _begins(self, place: Place, turn: Turn) -> Place:
        # Who may go to one agent first waits for all the others like everybody else.
        asked = place.requirement if place.because is None else replace(place.requirement, agent="")
        kind = kind_of(place.channel, asked)
        ranks, rank = self._kinds.setdefault(kind, []), self._rank(place)
        own, ahead = bisect_left(ranks, rank), bisect_left(self._order, rank)
        before = self.place(ranks[own - 1][-1]) if own else None
        # Whoever came this moment too may be about to be offered to somebody who is free.
        waits = before is not None and before.state is WaitingState.WAITING and turn.now - before.entered_at > MOMENT_MS
        insort(ranks, rank)
        return replace(place, foresight=Foresight(kind, own, ahead, turn.now if waits else turn.now + MOMENT_MS))

    def _forget_rank(self, kind: str, place: Place) -> None:
        ranks, rank = self._kinds[kind], self._rank(place)
        index = bisect_left(ranks, rank)
        if index == len(ranks) or ranks[index] != rank:  # Places stand in another order than when they came.
            index = [interaction for _, _, interaction in ranks].index(place.interaction)
        del ranks[index]
        if not ranks:
            del self._kinds[kind]

    def _leaves(self, place: Place, foresight: Foresight, turn: Turn) -> None:
        """Learn for its kind, and for all together."""
        waited_ms = turn.now - foresight.since_at
        if waited_ms <= 0:
            return
        served = place.state is WaitingState.GRANTED
        for kind, own in ((foresight.kind, foresight.own), (ALL_KINDS, foresight.ahead)):
            experience, entered = self.experience(kind), Ahead(own, foresight.ahead - own)
            behind = self._ahead(place, kind)
            for said in foresight.said:
                if said.shared is (kind == ALL_KINDS):
                    experience = (
                        judged(experience, said, turn.now) if served else judged_open(experience, said, behind, turn.now)
                    )
            if served:
                experience = after_service(experience, entered, waited_ms, turn.now)
            else:
                experience = after_leaving(experience, entered, behind, waited_ms, turn.now)
            if EXPERIENCE_PREFIX + kind not in self.records:
                self._make_room(turn)
            turn.put(EXPERIENCE_PREFIX + kind, QueueExperience(experience))

    def _make_room(self, turn: Turn) -> None:
        """Forget the kind of which nothing was learned for longest, if there are many."""
        known = {name: record for name, record in self.records.items() if isinstance(record, QueueExperience)}
        if len(known) > KINDS:
            known.pop(EXPERIENCE_PREFIX + ALL_KINDS)
            turn.drop(min(known, key=lambda name: (known[name].experience.at, name)))

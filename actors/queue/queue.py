"""A queue: who waits, in which order, and who each is held for.

Keeps: an interaction is held for at most one agent, and granted once (I2); places move only as `WAITING` declares
(I14); every `Propose` is answered by one `NotWaiting`, so that a router never waits for an answer.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import cast

from msgspec.structs import replace

from actors.actor import Fired, Turn, on
from actors.address import Address, name_of
from actors.events import QueueConfigured, WaitingMoved
from actors.messages.agent import Cancelled, Granted, Rescinded, Reserve
from actors.messages.centre import QueueConfig
from actors.messages.queue import (
    Accept,
    AskPosition,
    ConfigureQueue,
    DescribeWaiting,
    Enqueue,
    Propose,
    QueueCounters,
    ReadQueue,
    Released,
    ReportQueue,
    RetireQueue,
    Withdraw,
)
from actors.messages.router import ROUTER, NotWaiting, Waiting
from actors.messages.session import Assigned, NotQueued, Withdrawn
from actors.queue.overflowing import ASK_LENDERS, LOOK, Overflowing
from actors.queue.records import PLACE_PREFIX, SETTING, TOTALS, BackOff, Place, QueueSetting, QueueTotals
from actors.queue.relaxing import asked_anew, first_ring, opened, steps_of
from actors.routing.expression import ExpressionError, compiled
from actors.values import WAITING, Customer, ReservationState, WaitingState, reservation_id

BACK_OFF = "backoff"
RING = "ring"
#: Outcomes that mean the agent does not want this one now; any other says nothing against asking again at once.
UNWILLING = frozenset({ReservationState.REJECTED, ReservationState.TIMED_OUT})


class Queue(Overflowing):
    """Sole owner of the order of its waiting interactions, and of who each is reserved for."""

    def rebuild(self) -> None:
        super().rebuild()
        places = [record for record in self.records.values() if isinstance(record, Place)]
        self._order = sorted(self._rank(place) for place in places)
        self._offered = sum(place.state is WaitingState.RESERVED for place in places)
        self._asks_lenders = False

    @property
    def totals(self) -> QueueTotals:
        """What was counted since the queue was created."""
        return cast("QueueTotals", self.records.get(TOTALS)) or QueueTotals()

    # Configuration.

    @on(ConfigureQueue)
    def configure(self, message: ConfigureQueue, turn: Turn) -> None:
        """Take a newer configuration; offers that ring keep the deadline they have.

        Those who wait take their place in the new order, and ask for what they asked for when they came, unless the
        queue is to ask anew.
        """
        setting, config = self.setting, message.config
        if setting is not None and message.version <= setting.version:
            return
        before = setting.config if setting is not None else QueueConfig("")
        turn.put(SETTING, QueueSetting(message.version, config))
        if (before.ageing, before.lifo) != (config.ageing, config.lifo):
            turn.emit(QueueConfigured(turn.address, message.version, config.ageing, config.lifo))
            self._order = sorted(self._rank(place) for place in self._places())
            self._sort_kinds()
        asks_anew = config.reevaluates and rules_of(before) != rules_of(config)
        if asks_anew or order_of(before) != order_of(config):
            for place in self._places():
                self._ask(place, asked_anew(place, config, turn.now) if asks_anew else place, turn)
        if before.overflow != config.overflow:
            self._look_at_all(turn)

    @on(RetireQueue)
    def retire(self, message: RetireQueue, turn: Turn) -> None:
        """Take no more arrivals."""
        setting = self.setting
        if setting is not None and message.version > setting.version:
            turn.put(SETTING, QueueSetting(message.version, setting.config, retired=True))

    # The session's side.

    @on(Enqueue)
    def enqueue(self, message: Enqueue, turn: Turn) -> None:
        """Let an interaction wait, once for each of its legs."""
        setting = self.setting
        # A customer who was served already is no new arrival: a retired queue takes them back.
        if setting is None or (setting.retired and message.leg == 1):
            turn.send(message.session, NotQueued(message.interaction, name_of(turn.address)))
            return
        place = self.place(message.interaction)
        if place is None or place.leg < message.leg:
            if place is not None:
                self._withdraw(place, turn)
            if not self._is_kept(message, setting.config, turn):
                return
            until = turn.now + setting.config.reject_backoff_ms
            back_offs = tuple(BackOff(agent, until) for agent in message.not_agents if until > turn.now)
            place = replace(opened(self._entering(message, setting.config, turn.now), turn.now), back_offs=back_offs)
            insort(self._order, self._rank(place))
            self._move(None, place, turn)
            totals = self.totals
            turn.put(TOTALS, replace(totals, entered=totals.entered + 1))
            self._time_ring(place, turn)
            self._time_back_off(place, turn)
            self._announce(place, turn)
            self._look(place, turn)
        if self.place(message.interaction) is not None:
            self._tell_position(place, turn)

    @on(AskPosition)
    def ask_position(self, message: AskPosition, turn: Turn) -> None:
        """Answer with the position, if this leg still is here."""
        place = self.place(message.interaction)
        if place is not None and place.leg == message.leg:
            self._tell_position(place, turn, message.timed)

    @on(Withdraw)
    def withdraw(self, message: Withdraw, turn: Turn) -> None:
        """Let the interaction go, ringing or not; one granted or gone already is the session's to end."""
        place = self.place(message.interaction)
        if place is not None and place.leg == message.leg:
            self._withdraw(place, turn)

    # The router's and the agent's side.

    @on(Propose)
    def propose(self, message: Propose, turn: Turn) -> None:
        """Hold the interaction for the agent and ask them, if it waits and is held for nobody."""
        place, setting = self.place(message.interaction), self.setting
        if place is None or setting is None:
            turn.send(ROUTER, NotWaiting(message.interaction, turn.address))
            return
        if place.state is WaitingState.RESERVED:
            turn.send(ROUTER, NotWaiting(message.interaction, turn.address, place.agent))
            return
        if not set(message.rings).issubset(place.rings):  # Decided before a lender took its agents back.
            turn.send(ROUTER, NotWaiting(message.interaction, turn.address))
            self._announce(place, turn)
            return
        attempt = place.attempt + 1
        held = replace(
            place, state=WaitingState.RESERVED, attempt=attempt, agent=message.agent,
            reservation=reservation_id(place.interaction, place.leg, attempt),
        )  # fmt: skip
        self._offered += 1
        self._move(place, held, turn)
        turn.send(ROUTER, NotWaiting(place.interaction, turn.address, message.agent))
        reserve = Reserve(
            held.reservation, place.interaction, turn.address, place.session, place.channel, place.customer, place.subject,
            turn.now - place.entered_at, setting.config.offer_timeout_ms, setting.config.wrap_up_ms,
            place.requirement.labels,
        )  # fmt: skip
        turn.send(message.agent, reserve)

    @on(Accept)
    def accept(self, message: Accept, turn: Turn) -> None:
        """Grant the interaction to the agent it is held for; anybody else came too late."""
        place = self._held(message.interaction, message.reservation)
        if place is None:
            turn.send(message.agent, Rescinded(message.reservation))
            return
        self._move(place, replace(place, state=WaitingState.GRANTED), turn)
        self._forget(place, turn)
        totals, setting = self.totals, self.setting
        in_target = setting is not None and turn.now - place.entered_at <= setting.config.service_level_ms
        granted = replace(totals, granted=totals.granted + 1, granted_in_target=totals.granted_in_target + in_target)
        turn.put(TOTALS, self._answered(granted, in_target, turn.now))
        turn.send(message.agent, Granted(message.reservation, place.interaction, place.session))
        assigned = Assigned(
            place.interaction, place.reservation, name_of(message.agent), message.agent_name, message.agent, message.desk
        )
        turn.send(place.session, assigned)

    @on(Released)
    def released(self, message: Released, turn: Turn) -> None:
        """The agent does not take it: it waits again, for a while not for an agent who did not want it."""
        place = self._held(message.interaction, message.reservation)
        if place is None:
            return
        back_offs, setting = place.back_offs, self.setting
        if message.outcome in UNWILLING and setting is not None and setting.config.reject_backoff_ms:
            until = turn.now + setting.config.reject_backoff_ms
            others = (back_off for back_off in back_offs if back_off.agent != message.agent)
            back_offs = (*others, BackOff(message.agent, until))
        free = replace(place, state=WaitingState.WAITING, agent=Address(""), reservation="", back_offs=back_offs)
        self._offered -= 1
        self._move(place, free, turn)
        self._time_back_off(free, turn)
        self._announce(free, turn)
        self._look(free, turn)

    @on(ReportQueue)
    def report(self, message: ReportQueue, turn: Turn) -> None:
        """Tell the router of everyone who waits and is held for nobody."""
        for _, _, interaction in self._order:
            place = self.place(interaction)
            if place is not None and place.state is WaitingState.WAITING:
                self._announce(place, turn)

    @on(ReadQueue)
    def read(self, message: ReadQueue, turn: Turn) -> None:
        """Answer with the live counters."""
        totals = self.totals
        counters = QueueCounters(
            name_of(turn.address), len(self._order) - self._offered, self._offered, self._oldest_at(),
            totals.entered, totals.granted, totals.withdrawn, totals.granted_in_target, self.expected_of_next(turn.now),
            totals.overflowed, totals.refused,
        )  # fmt: skip
        turn.reply(counters)

    @on(DescribeWaiting)
    def describe(self, message: DescribeWaiting, turn: Turn) -> None:
        """Answer what such an interaction would wait for."""
        setting = self.setting
        if setting is None:
            return turn.refuse("NOT_FOUND", "there is no such queue in the contact centre's configuration")
        try:
            compiled(message.requirement.where or "1")
        except ExpressionError as error:
            return turn.refuse("INVALID_ARGUMENT", f"the expression {error}")
        place = self._entering(
            Enqueue("", 1, Address(""), message.channel, Customer(""), message.priority, message.requirement, 0),
            setting.config, turn.now - message.waited_ms,
        )  # fmt: skip
        turn.reply(self._waiting(replace(opened(place, turn.now), enqueued_at=turn.now - message.waited_ms)))

    @on(Fired)
    def fired(self, message: Fired, turn: Turn) -> None:
        """A back-off is over, or the time has come to ask less, or elsewhere: announce what changed."""
        name, _, interaction = message.name.partition("/")
        if name == ASK_LENDERS:
            return self._lenders_due(turn)
        place = self.place(interaction)
        if place is None:
            return
        if name == BACK_OFF:
            changed = replace(place, back_offs=tuple(one for one in place.back_offs if one.until > turn.now))
            self._time_back_off(changed, turn)
            turn.put(PLACE_PREFIX + interaction, changed)
            if changed.state is WaitingState.WAITING:
                self._announce(changed, turn)
        elif name == LOOK:
            self._look(place, turn)
        else:
            changed = opened(place, turn.now)
            self._time_ring(changed, turn)
            self._ask(place, changed, turn)

    # Steps that several messages take.

    @staticmethod
    def _entering(message: Enqueue, config: QueueConfig, entered_at: int) -> Place:
        """The place of an arrival, before any ring but the first is open."""
        inner = first_ring(message.requirement, config)
        return Place(
            message.interaction, message.leg, message.session, message.channel, message.customer, message.subject,
            message.priority, inner, message.enqueued_at, message.fallback_at, entered_at,
            asked=message.requirement if config.reevaluates else None,
            steps=steps_of(inner, config, entered_at, message.fallback_at), moved_from=message.moved_from,
        )  # fmt: skip

    def _places(self) -> list[Place]:
        return [place for _, _, interaction in self._order if (place := self.place(interaction)) is not None]

    def _ask(self, before: Place, place: Place, turn: Turn) -> None:
        """Let an interaction that is still to be served ask for somebody else, or stand elsewhere, than before."""
        if place.borrowing:
            place = self._with_loans(place)
        if place.state is not WaitingState.WAITING:
            turn.put(PLACE_PREFIX + place.interaction, place)
            return
        if place.rings != before.rings:
            self._move(before, place, turn)
        elif place != before:
            turn.put(PLACE_PREFIX + place.interaction, place)
        self._announce(place, turn)

    def _held(self, interaction: str, reservation: str) -> Place | None:
        """The place, if it is held under exactly this reservation."""
        place = self.place(interaction)
        if place is None or place.state is not WaitingState.RESERVED or place.reservation != reservation:
            return None
        return place

    def _move(self, before: Place | None, place: Place, turn: Turn) -> None:
        """Record a declared move and journal it."""
        state_before = before.state if before is not None else None
        WAITING.check(state_before, place.state)
        place = self._learning(place, before is None, turn)
        turn.put(PLACE_PREFIX + place.interaction, place)
        moved = WaitingMoved(
            turn.address, place.interaction, place.leg, state_before, place.state, place.channel, place.priority,
            place.enqueued_at, place.requirement, place.agent, place.reservation, place.not_agents, place.rings[1:],
        )  # fmt: skip
        turn.emit(moved)

    def _store(self, place: Place, turn: Turn) -> None:
        turn.put(PLACE_PREFIX + place.interaction, place)

    def _withdraw(self, place: Place, turn: Turn) -> None:
        self._leave(place, turn)
        turn.send(place.session, Withdrawn(place.interaction, name_of(turn.address)))

    def _leave(self, place: Place, turn: Turn) -> None:
        """Take somebody out of the queue who was not granted to an agent."""
        self._move(place, replace(place, state=WaitingState.WITHDRAWN), turn)
        self._forget(place, turn)
        totals, setting = self.totals, self.setting
        withdrawn = replace(totals, withdrawn=totals.withdrawn + 1)
        if setting is not None and turn.now - place.entered_at > setting.config.service_level_ms:
            withdrawn = self._answered(withdrawn, False, turn.now)
        turn.put(TOTALS, withdrawn)
        if place.state is WaitingState.RESERVED:
            turn.send(place.agent, Cancelled(place.reservation))
        else:
            turn.send(ROUTER, NotWaiting(place.interaction, turn.address))

    def _forget(self, place: Place, turn: Turn) -> None:
        """Take a place that was granted or withdrawn out of the queue."""
        turn.drop(PLACE_PREFIX + place.interaction)
        del self._order[bisect_left(self._order, self._rank(place))]
        self._offered -= place.state is WaitingState.RESERVED
        if place.back_offs:
            turn.cancel_timer(f"{BACK_OFF}/{place.interaction}")
        if place.steps:
            turn.cancel_timer(f"{RING}/{place.interaction}")
        if place.look_at:
            turn.cancel_timer(f"{LOOK}/{place.interaction}")

    def _announce(self, place: Place, turn: Turn) -> None:
        turn.send(ROUTER, self._waiting(place))

    def _waiting(self, place: Place) -> Waiting:
        config = self.setting.config if self.setting is not None else QueueConfig("")
        return Waiting(
            place.interaction, self.address, place.channel, place.priority, place.enqueued_at, place.requirement,
            place.not_agents, place.rings[1:], config.choice, config.ageing, config.lifo,
        )  # fmt: skip

    def _time_ring(self, place: Place, turn: Turn) -> None:
        if place.steps:
            turn.set_timer(f"{RING}/{place.interaction}", place.steps[0].at)

    def _time_back_off(self, place: Place, turn: Turn) -> None:
        if place.back_offs:
            turn.set_timer(f"{BACK_OFF}/{place.interaction}", min(back_off.until for back_off in place.back_offs))

    def _oldest_at(self) -> int:
        """When the one who waits longest came.

        Without ageing the first or, newest first, the last of some priority: one look for each.
        """
        config = self.setting.config if self.setting is not None else QueueConfig("")
        if config.ageing:
            return min((place.enqueued_at for place in self._places()), default=0)
        oldest_at, index = 0, 0
        while index < len(self._order):
            after = bisect_left(self._order, (self._order[index][0] + 1,), index)
            enqueued_at = abs(self._order[after - 1 if config.lifo else index][1])
            oldest_at = min(oldest_at or enqueued_at, enqueued_at)
            index = after
        return oldest_at


def order_of(config: QueueConfig) -> tuple[object, ...]:
    """What the router is told of a queue with each interaction."""
    return (config.choice, config.ageing, config.lifo)


def rules_of(config: QueueConfig) -> tuple[object, ...]:
    """What a queue adds to what an interaction asks for."""
    return (config.requires, config.where, config.relax)

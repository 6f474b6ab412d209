"""A queue: who waits, in which order, and who each is held for.

Keeps: places move only as `WAITING` declares (I14); a leg enters once, and leaves once.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from msgspec.structs import replace

from actors.actor import Fired, Turn, on
from actors.address import Address, name_of
from actors.events import QueueConfigured
from actors.messages.agent import Cancelled
from actors.messages.centre import QueueConfig
from actors.messages.queue import (
    AskPosition,
    ConfigureQueue,
    DescribeWaiting,
    Enqueue,
    Places,
    PlaceView,
    QueueCounters,
    ReadPlaces,
    ReadQueue,
    ReportQueue,
    Reprioritise,
    RetireQueue,
    Withdraw,
)
from actors.messages.router import ROUTER, NotWaiting
from actors.messages.session import NotQueued, Withdrawn
from actors.queue.holding import BACK_OFF, FURTHER, RING
from actors.queue.overflowing import ASK_LENDERS, LOOK
from actors.queue.preferring import DOOR, Preferring
from actors.queue.records import DOOR_PREFIX, PLACE_PREFIX, SETTING, TOTALS, BackOff, Place, QueueSetting
from actors.queue.relaxing import asked_anew, first_ring, opened, steps_of
from actors.routing.expression import ExpressionError, compiled
from actors.values import Customer, Preference, WaitingState


class Queue(Preferring):
    """Sole owner of the order of its waiting interactions, and of who each is reserved for."""

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
        if (before.ageing, before.lifo, before.at_once) != (config.ageing, config.lifo, config.at_once):
            turn.emit(QueueConfigured(turn.address, message.version, config.ageing, config.lifo, config.at_once))
        if (before.ageing, before.lifo) != (config.ageing, config.lifo):
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
        door = self._door(message.interaction) if message.leg > 1 else None
        if door is not None and door.enqueue.leg < message.leg:
            self._leave_door(door, turn)
        if not self._seek(message, turn):
            self._enter(message, turn)

    def _enter(self, message: Enqueue, turn: Turn, because: Preference | None = None) -> None:
        """Take an interaction in, by rule; `because` says why it is for one agent at first."""
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
            until = message.not_until or turn.now + setting.config.reject_backoff_ms
            back_offs = tuple(BackOff(agent, until) for agent in message.not_agents if until > turn.now)
            place = opened(self._entering(message, setting.config, turn.now), turn.now)
            place = replace(place, back_offs=back_offs, because=because)
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
        place, door = self.place(message.interaction), self._door(message.interaction, message.leg)
        if place is not None and place.leg == message.leg:
            self._withdraw(place, turn)
        elif door is not None:
            self._leave_door(door, turn)
            turn.send(door.enqueue.session, Withdrawn(message.interaction, name_of(turn.address)))

    @on(Reprioritise)
    def reprioritise(self, message: Reprioritise, turn: Turn) -> None:
        """Let this leg stand elsewhere; whom it is offered to keeps it."""
        place, door = self.place(message.interaction), self._door(message.interaction, message.leg)
        if door is not None:
            turn.put(DOOR_PREFIX + message.interaction, replace(door, enqueue=replace(door.enqueue, priority=message.priority)))
        if place is not None and place.leg == message.leg and place.priority != message.priority:
            moved = replace(place, priority=message.priority)
            del self._order[bisect_left(self._order, self._rank(place))]
            insort(self._order, self._rank(moved))
            turn.put(PLACE_PREFIX + place.interaction, moved)
            self._sort_kinds()
            self._ask(place, moved, turn)

    # Reports and timers.

    @on(ReportQueue)
    def report(self, message: ReportQueue, turn: Turn) -> None:
        """Tell the router of everyone who wants an agent."""
        for place in self._places():
            if place.wants:
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

    @on(ReadPlaces)
    def read_places(self, message: ReadPlaces, turn: Turn) -> None:
        """Answer with those who come first."""
        first = self._order[: message.limit]
        places = [place for _, _, interaction in first if (place := self.place(interaction)) is not None]
        views = tuple(
            PlaceView(
                place.interaction, place.leg, place.channel, place.priority, place.enqueued_at, place.state,
                tuple(offer.agent for offer in place.offers),
            )
            for place in places
        )  # fmt: skip
        turn.reply(Places(name_of(turn.address), len(self._order), views))

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
        """A back-off is over, or the time has come to ask one more agent, to ask less, or elsewhere: announce what changed."""
        name, _, interaction = message.name.partition("/")
        if name == ASK_LENDERS:
            return self._ask_lenders(turn)
        if name == DOOR:
            return self.door_timed_out(interaction, turn)
        place = self.place(interaction)
        if place is None:
            return
        if name == BACK_OFF:
            changed = replace(place, back_offs=tuple(one for one in place.back_offs if one.until > turn.now))
            self._time_back_off(changed, turn)
            turn.put(PLACE_PREFIX + interaction, changed)
            if changed.wants:
                self._announce(changed, turn)
        elif name == LOOK:
            self._look(place, turn)
        elif name == FURTHER:
            self.ask_further(place, turn)
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
            asks_for_help=message.asks,
        )  # fmt: skip

    def _places(self) -> list[Place]:
        return [place for _, _, interaction in self._order if (place := self.place(interaction)) is not None]

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
        for offer in place.offers:
            turn.send(offer.agent, Cancelled(offer.reservation))
        if place.wants:
            turn.send(ROUTER, NotWaiting(place.interaction, turn.address, leg=place.leg))

    def _time_ring(self, place: Place, turn: Turn) -> None:
        if place.steps:
            turn.set_timer(f"{RING}/{place.interaction}", place.steps[0].at)

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

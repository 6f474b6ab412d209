"""Who each interaction of a queue is held for: offered to one agent, or to several where the queue says so.

Keeps: an interaction is held for no more agents at once than its queue's configuration says, and granted once (I2); every
`Propose` is answered by one `NotWaiting`, so that a router never waits for an answer.

    router              queue                ann        bob
      | Propose ann ----> | Reserve ---------> |          |
      | <---- NotWaiting  |                    |          |
      | <------- Waiting  | (further)          |          |
      | Propose bob ----> | Reserve --------------------> |
      | <---- NotWaiting  | <---------------- Accept (bob)|
      |                   | Granted --------------------> |
      |                   | Rescinded -------> |          |
"""

from __future__ import annotations

from bisect import bisect_left
from typing import cast

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import Address, name_of
from actors.events import WaitingMoved
from actors.messages.agent import Granted, Rescinded, Reserve
from actors.messages.centre import QueueConfig
from actors.messages.queue import Accept, Propose, Released
from actors.messages.router import ROUTER, NotWaiting, Waiting
from actors.messages.session import Assigned
from actors.queue.overflowing import LOOK, Overflowing
from actors.queue.records import PLACE_PREFIX, TOTALS, BackOff, Place, QueueTotals
from actors.queue.relaxing import given_up
from actors.values import WAITING, ReservationState, WaitingState, Why

BACK_OFF = "backoff"
FURTHER = "further"
RING = "ring"


class Holding(Overflowing):
    """The holding half of a queue; `actors.queue.queue.Queue` adds configuration, arrivals and reports."""

    def rebuild(self) -> None:
        super().rebuild()
        places = [record for record in self.records.values() if isinstance(record, Place)]
        self._order = sorted(self._rank(place) for place in places)
        self._offered = sum(place.state is WaitingState.RESERVED for place in places)

    @property
    def totals(self) -> QueueTotals:
        """What was counted since the queue was created."""
        return cast("QueueTotals", self.records.get(TOTALS)) or QueueTotals()

    # The router's and the agents' side.

    @on(Propose)
    def propose(self, message: Propose, turn: Turn) -> None:
        """Hold the interaction for the agent and ask them, if it wants one."""
        place, setting = self.place(message.interaction), self.setting
        if place is None or setting is None or message.leg not in (0, place.leg):
            turn.send(ROUTER, NotWaiting(message.interaction, turn.address, leg=message.leg))
            return
        if place.wants and not set(message.rings).issubset(place.rings):  # Decided before a lender took its agents back.
            turn.send(ROUTER, NotWaiting(message.interaction, turn.address, leg=message.leg))
            self._announce(place, turn)
            return
        is_asked = any(offer.agent == message.agent for offer in place.offers)
        if is_asked or not place.wants:
            held_for = message.agent if is_asked else place.agent
            turn.send(ROUTER, NotWaiting(place.interaction, turn.address, held_for, place.leg))
            if place.wants:
                self._announce(place, turn)
            return
        held = place.offered_to(message.agent, setting.config, turn.now)
        if place.state is WaitingState.WAITING:
            self._offered += 1
            if held.further_at:
                turn.set_timer(f"{FURTHER}/{held.interaction}", held.further_at)
        self._move(place, held, turn)
        turn.send(ROUTER, NotWaiting(place.interaction, turn.address, message.agent, place.leg))
        if held.wants:
            self._announce(held, turn)
        reserve = Reserve(
            held.reservation, place.interaction, turn.address, place.session, place.channel, place.customer, place.subject,
            turn.now - place.entered_at, setting.config.offer_timeout_ms, setting.config.wrap_up_ms,
            place.requirement.labels, setting.config.no_answer, because(place, message.why), place.asks_for_help,
        )  # fmt: skip
        turn.send(message.agent, reserve)

    @on(Accept)
    def accept(self, message: Accept, turn: Turn) -> None:
        """Grant the interaction to the agent, if it is held for them, and take it back from all others."""
        place = self._held(message.interaction, message.reservation)
        if place is None:
            turn.send(message.agent, Rescinded(message.reservation))
            return
        granted = replace(
            place, state=WaitingState.GRANTED, agent=message.agent, reservation=message.reservation, earlier=()
        )  # fmt: skip
        self._move(place, granted, turn)
        self._forget(place, turn)
        totals, setting = self.totals, self.setting
        in_target = setting is not None and turn.now - place.entered_at <= setting.config.service_level_ms
        counted = replace(totals, granted=totals.granted + 1, granted_in_target=totals.granted_in_target + in_target)
        turn.put(TOTALS, self._answered(counted, in_target, turn.now))
        turn.send(message.agent, Granted(message.reservation, place.interaction, place.session))
        assigned = Assigned(
            place.interaction, message.reservation, name_of(message.agent), message.agent_name, message.agent, message.desk,
            setting.config.prefer.last_within_ms if setting is not None and setting.config.prefer is not None else 0,
        )  # fmt: skip
        turn.send(place.session, assigned)
        for offer in place.offers:
            if offer.reservation != message.reservation:
                turn.send(offer.agent, Rescinded(offer.reservation))
        if place.wants:
            turn.send(ROUTER, NotWaiting(place.interaction, turn.address, leg=place.leg))

    @on(Released)
    def released(self, message: Released, turn: Turn) -> None:
        """The agent does not take it: others ring on, or it waits again; for a while not for one who did not want it."""
        place, setting = self._held(message.interaction, message.reservation), self.setting
        if place is None:
            return
        back_offs = place.back_offs
        back_off_ms = back_off_ms_of(setting.config, message) if setting is not None else 0
        if back_off_ms:
            others = (back_off for back_off in back_offs if back_off.agent != message.agent)
            back_offs = (*others, BackOff(message.agent, turn.now + back_off_ms))
        left = replace(place.without(message.reservation), back_offs=back_offs)
        if name_of(message.agent) == place.requirement.agent:
            left = given_up(left)
        if left.state is WaitingState.WAITING:
            self._offered -= 1
            if place.further_at:
                turn.cancel_timer(f"{FURTHER}/{place.interaction}")
        self._move(place, left, turn)
        self._time_back_off(left, turn)
        self._announce(left, turn)
        self._look(left, turn)

    def ask_further(self, place: Place, turn: Turn) -> None:
        """Nobody has answered for a while: let one more agent be asked, and the others ring on."""
        setting = self.setting
        if setting is None or place.state is not WaitingState.RESERVED or not place.further_at:
            return
        config, asks = setting.config, place.asks + 1
        goes_on = bool(config.every_ms) and asks < config.at_once
        further_at = turn.now + config.every_ms if goes_on else 0
        if further_at:
            turn.set_timer(f"{FURTHER}/{place.interaction}", further_at)
        self._ask(place, replace(place, asks=min(asks, max(config.at_once, place.asks)), further_at=further_at), turn)

    # Steps that several messages take.

    def _held(self, interaction: str, reservation: str) -> Place | None:
        """The place, if it is held under exactly this reservation."""
        place = self.place(interaction)
        if place is None or all(offer.reservation != reservation for offer in place.offers):
            return None
        return place

    def _ask(self, before: Place, place: Place, turn: Turn) -> None:
        """Let an interaction that is still to be served ask for somebody else, or stand elsewhere, than before."""
        if place.borrowing:
            place = self._with_loans(place)
        if place.wants and asked(place) != asked(before):
            self._move(before, place, turn)
        elif place != before:
            turn.put(PLACE_PREFIX + place.interaction, place)
        if place.wants:
            self._announce(place, turn)

    def _move(self, before: Place | None, place: Place, turn: Turn) -> None:
        """Record a declared move and journal it."""
        state_before = before.state if before is not None else None
        WAITING.check(state_before, place.state)
        place = self._learning(place, before is None, turn)
        turn.put(PLACE_PREFIX + place.interaction, place)
        rings_on = before is not None and place.state is WaitingState.RESERVED and place.attempt == before.attempt
        agent, reservation = (Address(""), "") if rings_on else (place.agent, place.reservation)
        is_multiple = place.asks > 1 or rings_on
        moved = WaitingMoved(
            turn.address, place.interaction, place.leg, state_before, place.state, place.channel, place.priority,
            place.enqueued_at, place.requirement, agent, reservation, place.not_agents, place.rings[1:],
            tuple(offer.reservation for offer in place.offers) if is_multiple else (),
            place.wants if place.state is WaitingState.RESERVED else 0,
        )  # fmt: skip
        turn.emit(moved)

    def _forget(self, place: Place, turn: Turn) -> None:
        """Take a place that was granted or withdrawn out of the queue."""
        turn.drop(PLACE_PREFIX + place.interaction)
        del self._order[bisect_left(self._order, self._rank(place))]
        self._offered -= place.state is WaitingState.RESERVED
        if place.back_offs:
            turn.cancel_timer(f"{BACK_OFF}/{place.interaction}")
        if place.steps:
            turn.cancel_timer(f"{RING}/{place.interaction}")
        if place.further_at:
            turn.cancel_timer(f"{FURTHER}/{place.interaction}")
        if place.look_at:
            turn.cancel_timer(f"{LOOK}/{place.interaction}")

    def _store(self, place: Place, turn: Turn) -> None:
        turn.put(PLACE_PREFIX + place.interaction, place)

    def _announce(self, place: Place, turn: Turn) -> None:
        turn.send(ROUTER, self._waiting(place))

    def _waiting(self, place: Place) -> Waiting:
        """What the router is told: who is being asked already is not to be asked again."""
        config = self.setting.config if self.setting is not None else QueueConfig("")
        not_agents, is_offered = place.not_agents, place.state is WaitingState.RESERVED
        if is_offered:
            not_agents = tuple(sorted({*not_agents, *(offer.agent for offer in place.offers)}))
        return Waiting(
            place.interaction, self.address, place.channel, place.priority, place.enqueued_at, place.requirement,
            not_agents, place.rings[1:], config.choice, config.ageing, config.lifo, is_offered, place.leg,
        )  # fmt: skip

    def _time_back_off(self, place: Place, turn: Turn) -> None:
        if place.back_offs:
            turn.set_timer(f"{BACK_OFF}/{place.interaction}", min(back_off.until for back_off in place.back_offs))


def asked(place: Place) -> tuple[object, ...]:
    """What the router goes by, other than who is asked or said no."""
    return (place.rings, place.priority, place.wants)


def because(place: Place, why: Why | None) -> Why | None:
    """The router's reasons, and that the queue preferred the agent, if it did."""
    if why is None or place.because is None or not why.asked.agent:
        return why
    return replace(why, because=place.because.value)


def back_off_ms_of(config: QueueConfig, message: Released) -> int:
    """How long the agent is not asked again for the interaction; 0 when its end says nothing against asking at once."""
    own_ms: int | None = None
    match message.outcome:
        case ReservationState.REJECTED:
            own_ms = config.busy_backoff_ms if message.busy else None
        case ReservationState.TIMED_OUT:
            own_ms = config.no_answer_backoff_ms
        case _:
            return 0
    return config.reject_backoff_ms if own_ms is None else own_ms

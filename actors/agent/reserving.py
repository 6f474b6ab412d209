"""What an agent does with reservations: consent to them or not, and see each to its end.

Keeps: capacity is never exceeded, counting what rings, is served and is wrapped up (I3); nothing rings at an agent who
is not routable (I4); every offer ends by its deadline (I8); reservations move only as `RESERVATION` declares (I14).
The queue and the session are heard in any order: whoever is heard first, the other finds it done.

    queue                     agent                      desk
      | Reserve ----------------> | DeskOffer ------------> |
      | <---------------- Accept  | <---------- AcceptOffer |
      | Granted ----------------> | DeskState ------------> |
      session: ServiceEnded ----> | DeskOfferEnded -------> |  (wrapping)
      |                           | <------- CompleteWrapUp |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec.structs import replace

from actors.actor import Actor, Turn, on
from actors.address import name_of
from actors.agent.records import (
    FORM,
    PRESENCE_KEY,
    RESERVATION_PREFIX,
    SETTING,
    WHY_PREFIX,
    AgentForm,
    AgentSetting,
    Presence,
    Reason,
    Reservation,
)
from actors.events import PresenceMoved, ReservationMoved
from actors.messages.agent import (
    AcceptOffer,
    Cancelled,
    CompleteWrapUp,
    Granted,
    RejectOffer,
    Rescinded,
    Reserve,
    ServiceEnded,
)
from actors.messages.link import DeskOffer, DeskOfferEnded, DeskReservation, DeskSignedOut, DeskState, link_address
from actors.messages.queue import Accept, Released
from actors.messages.router import ROUTER, AgentStatus
from actors.messages.session import AgentGone
from actors.routing.capacity import Held, room, room_for, spare, used
from actors.routing.strategy import faded
from actors.values import PRESENCE, RESERVATION, Attendance, Form, PresenceState, ReservationState

OFFER = "offer"
WRAP_UP = "wrap"
DESK = "desk"
MAX_NOTE_CHARACTERS = 4000


class Reserving(Actor):
    """The reserving half of an agent; `actors.agent.agent.Agent` adds configuration, sign-in and presence."""

    kind = "agent"
    _open: dict[str, Reservation]
    #: What the router was last told; None when it may know nothing.
    _told: AgentStatus | None

    def rebuild(self) -> None:
        self._open = in_order(record for record in self.records.values() if isinstance(record, Reservation))
        self._told = None

    @property
    def setting(self) -> AgentSetting | None:
        """The configuration in force; None for an agent who was never configured."""
        return cast("AgentSetting | None", self.records.get(SETTING))

    @property
    def presence(self) -> Presence:
        """Where the agent is."""
        return cast("Presence", self.records.get(PRESENCE_KEY)) or Presence()

    @property
    def form(self) -> Form:
        """What the agent did lately."""
        record = cast("AgentForm | None", self.records.get(FORM))
        return record.form if record is not None else Form()

    @property
    def ringing(self) -> int:
        """How many offers wait for an answer."""
        return sum(held.state is ReservationState.PENDING for held in self._open.values())

    @property
    def status(self) -> AgentStatus:
        """What the agent can take now (I3, I4)."""
        setting, presence, load = self.setting, self.presence, len(self._open)
        if setting is None or setting.retired or not presence.is_routable:
            return AgentStatus(self.address, {}, load, presence.idle_since, attendance=self.attendance)
        limits, held = setting.config.limits, self._held
        left, rooms = spare(limits, held), room(limits, held)
        if most := setting.config.max_offers:
            left = min(left, most - self.ringing)
            rooms = {channel: min(count, left) for channel, count in rooms.items()} if left > 0 else {}
        busy_permille = 1000 * used(limits, held) // max(limits.units, 1)
        told = None if limits.is_plain else held
        return AgentStatus(
            self.address, rooms, load, presence.idle_since, left, busy_permille, self.form, told, self.attendance
        )  # fmt: skip

    @property
    def attendance(self) -> Attendance:
        """Whether the agent counts as there, busy or not; away, by the reason for it."""
        setting, presence = self.setting, self.presence
        if setting is None or setting.retired or presence.state is PresenceState.OFFLINE:
            return Attendance.ABSENT
        if presence.is_routable:
            return Attendance.AVAILABLE
        if presence.state is PresenceState.AWAY and not presence.desk_lost:
            if presence.reason in setting.config.away_available:
                return Attendance.AVAILABLE
            if presence.reason in setting.config.away_absent:
                return Attendance.ABSENT
        return Attendance.SIGNED_IN

    @property
    def _held(self) -> Held:
        """What takes room now."""
        channels: dict[str, int] = {}
        labels: dict[str, int] = {}
        interrupted: dict[str, int] = {}
        for held in self._open.values():
            channel = held.channel
            channels[channel] = channels.get(channel, 0) + 1
            for label in set(held.labels) if held.labels else ():
                labels[label] = labels.get(label, 0) + 1
            if held.interrupted > interrupted.get(channel, 0):
                interrupted[channel] = held.interrupted
        return Held(channels, labels, interrupted)

    def _has_room(self, setting: AgentSetting, wanted: Reserve) -> bool:
        """Whether one more fits now, presence included."""
        if not self.status.room.get(wanted.channel):
            return False
        return not wanted.labels or room_for(setting.config.limits, self._held, wanted.channel, wanted.labels) > 0

    # Being asked.

    @on(Reserve)
    def reserve(self, message: Reserve, turn: Turn) -> None:
        """Consent if there is room now; the router may have proposed from an older picture."""
        if message.reservation in self._open:
            return
        setting = self.setting
        self._told = None  # The router waits for word after each of its proposals, changed or not.
        if setting is None or not self._has_room(setting, message):
            outcome = ReservationState.RESCINDED
            turn.send(message.queue, Released(message.reservation, message.interaction, turn.address, outcome))
            self._tell_router(turn)
            return
        held = Reservation(
            message.reservation, message.interaction, message.queue, message.session, message.channel, message.customer,
            message.subject, message.waited_ms, message.wrap_up_ms, turn.now, turn.now + message.offer_timeout_ms,
            is_accepting=setting.config.auto_accept, labels=message.labels, no_answer=message.no_answer,
            asks=message.asks,
        )  # fmt: skip
        self._interrupt(held, setting, turn)
        self._keep(held, turn)
        if message.why is not None:
            turn.put(WHY_PREFIX + held.reservation, Reason(message.why))
        self._journal(held, None, turn)
        form = self.form
        turn.put(FORM, AgentForm(replace(form, offers=form.offers + 1, offered_at=turn.now)))
        if held.is_accepting:
            self._say_yes(held, setting, turn)
        else:
            turn.set_timer(f"{OFFER}/{held.reservation}", held.ends_at)
            offer = DeskOffer(name_of(turn.address), desk_reservation(held), turn.now)
            turn.send(link_address(self.presence.desk), offer)
        self._settle(turn)

    @on(AcceptOffer)
    def accept_offer(self, message: AcceptOffer, turn: Turn) -> None:
        """Ask the queue for it; the offer's deadline no longer counts."""
        held, setting = self._open.get(message.reservation), self.setting
        if held is None or setting is None:
            return turn.refuse("FAILED_PRECONDITION", "the offer has ended; wait for the next one")
        if held.state is not ReservationState.PENDING or held.is_accepting:
            return
        turn.cancel_timer(f"{OFFER}/{held.reservation}")
        held = replace(held, is_accepting=True)
        self._keep(held, turn)
        self._answered(turn)
        self._say_yes(held, setting, turn)

    @on(RejectOffer)
    def reject_offer(self, message: RejectOffer, turn: Turn) -> None:
        """Give it back; an offer that is gone needs no rejecting."""
        held = self._open.get(message.reservation)
        if held is None:
            return
        if held.state is not ReservationState.PENDING or held.is_accepting:
            return turn.refuse("FAILED_PRECONDITION", "the offer was accepted; end or transfer the conversation instead")
        self._answered(turn)
        self._release(held, ReservationState.REJECTED, turn, message.busy)
        self._settle(turn)

    # The queue's answer.

    @on(Granted)
    def granted(self, message: Granted, turn: Turn) -> None:
        """It is ours; if the agent went away meanwhile, the customer is handed back."""
        held = self._open.get(message.reservation)
        if held is None:
            if message.session:
                gone = AgentGone(message.interaction, name_of(turn.address), message.reservation)
                turn.send(message.session, gone)
        elif held.state is ReservationState.PENDING:
            self._move(held, ReservationState.ACCEPTED, turn)
            self._settle(turn)

    @on(Rescinded)
    def rescinded(self, message: Rescinded, turn: Turn) -> None:
        """The queue no longer holds it for us."""
        self._lose(message.reservation, ReservationState.RESCINDED, turn)

    @on(Cancelled)
    def cancelled(self, message: Cancelled, turn: Turn) -> None:
        """The customer left while it rang."""
        self._lose(message.reservation, ReservationState.CANCELLED, turn)

    # After the conversation.

    @on(ServiceEnded)
    def service_ended(self, message: ServiceEnded, turn: Turn) -> None:
        """Wrap up. A session heard before the queue proves that the queue granted."""
        held = self._open.get(message.reservation)
        if held is not None and held.state is ReservationState.PENDING and held.is_accepting:
            held = self._move(held, ReservationState.ACCEPTED, turn)
        if held is None or held.state is not ReservationState.ACCEPTED:
            return
        if held.wrap_up_ms and message.wraps_up:
            ends_at = turn.now + held.wrap_up_ms
            turn.set_timer(f"{WRAP_UP}/{held.reservation}", ends_at)
            self._move(held, ReservationState.WRAPPING, turn, ends_at)
        else:
            self._complete(held, turn)
        self._settle(turn)

    @on(CompleteWrapUp)
    def complete_wrap_up(self, message: CompleteWrapUp, turn: Turn) -> None:
        """Finish with a disposition before the wrap-up time is over."""
        held = self._open.get(message.reservation)
        if held is None:
            return turn.refuse("FAILED_PRECONDITION", "the wrap-up is over already; nothing more to complete")
        if held.state is not ReservationState.WRAPPING:
            return turn.refuse("FAILED_PRECONDITION", "the conversation still runs; end or transfer it first")
        if not message.disposition:
            return turn.refuse("INVALID_ARGUMENT", "choose a disposition: how did the conversation end?")
        if len(message.note) > MAX_NOTE_CHARACTERS:
            return turn.refuse("INVALID_ARGUMENT", f"a note holds at most {MAX_NOTE_CHARACTERS} characters; shorten it")
        turn.cancel_timer(f"{WRAP_UP}/{held.reservation}")
        self._complete(held, turn, message.disposition, message.note)
        self._settle(turn)

    def time_out(self, reservation: str, turn: Turn) -> None:
        """The offer rang to its deadline: give it back, and do as queue or profile say with who is not there (RONA)."""
        held, setting = self._open.get(reservation), self.setting
        if held is None or setting is None or held.state is not ReservationState.PENDING or held.is_accepting:
            return
        self._release(held, ReservationState.TIMED_OUT, turn)
        config, presence = setting.config, replace(self.presence, unanswered=self.presence.unanswered + 1)
        turn.put(PRESENCE_KEY, presence)
        becomes = held.no_answer or config.no_answer
        if config.sign_out_after and presence.unanswered >= config.sign_out_after:
            becomes = PresenceState.OFFLINE
        if becomes is PresenceState.OFFLINE and presence.state is not PresenceState.OFFLINE:
            self._leave("offers were not answered", turn, signs_desk_out=True)
        elif presence.state is PresenceState.AVAILABLE and becomes is not PresenceState.AVAILABLE:
            self._set_presence(becomes, "an offer was not answered", turn)
        self._settle(turn)

    def wrap_up_over(self, reservation: str, turn: Turn) -> None:
        """The wrap-up time is over: complete without a disposition."""
        held = self._open.get(reservation)
        if held is not None and held.state is ReservationState.WRAPPING:
            self._complete(held, turn)
            self._settle(turn)

    # Steps that several messages take.

    def _interrupt(self, newcomer: Reservation, setting: AgentSetting, turn: Turn) -> None:
        """Count on each interaction that this one rings over it, so that none waits for one call after the other."""
        rules = setting.config.capacity_rules
        for held in list(self._open.values()):
            if rules.may_interrupt(newcomer.channel, held.channel):
                self._keep(replace(held, interrupted=held.interrupted + 1), turn)

    def _keep(self, held: Reservation, turn: Turn) -> None:
        turn.put(RESERVATION_PREFIX + held.reservation, held)
        is_new = held.reservation not in self._open
        self._open[held.reservation] = held
        if is_new:
            # As after a reload: else an agent who leaves would end two of the same instant in another order than the replay.
            self._open = in_order(self._open.values())

    def _move(
        self,
        held: Reservation,
        after: ReservationState,
        turn: Turn,
        ends_at: int = 0,
        disposition: str = "",
        note: str = "",
        busy: bool = False,
    ) -> Reservation:
        """Make a declared move, journal it and tell the desk; a final state drops the record."""
        RESERVATION.check(held.state, after)
        accepted_at = turn.now if after is ReservationState.ACCEPTED else held.accepted_at
        moved = replace(held, state=after, ends_at=ends_at, is_accepting=False, accepted_at=accepted_at)
        if RESERVATION.moves[after]:
            self._keep(moved, turn)
        else:
            turn.drop(RESERVATION_PREFIX + held.reservation)
            turn.drop(WHY_PREFIX + held.reservation)
            del self._open[held.reservation]
        self._journal(moved, held.state, turn, disposition, note, busy)
        if held.state is ReservationState.ACCEPTED:
            self._served(turn.now - held.accepted_at, turn)
        if after is not ReservationState.ACCEPTED and self.presence.desk:
            ended = DeskOfferEnded(name_of(turn.address), held.reservation, held.interaction, after)
            turn.send(link_address(self.presence.desk), ended)
        return moved

    def _served(self, talked_ms: int, turn: Turn) -> None:
        """One more conversation is over: count it, and how long it took, among the agent's recent ones."""
        setting, form = self.setting, self.form
        window_ms = max(setting.config.window_ms, 1) if setting is not None else 1
        handled = faded(form.handled, 1, turn.now, window_ms)
        talked = faded(form.talked, max(talked_ms, 1), turn.now, window_ms)
        turn.put(FORM, AgentForm(replace(form, handled=handled, talked=talked)))

    def _journal(
        self,
        held: Reservation,
        before: ReservationState | None,
        turn: Turn,
        disposition: str = "",
        note: str = "",
        busy: bool = False,
    ) -> None:
        deadline_at = held.ends_at if before is None else 0
        moved = ReservationMoved(
            turn.address, held.reservation, held.interaction, held.queue, held.channel, before, held.state, deadline_at,
            disposition, note, held.labels, busy,
        )  # fmt: skip
        turn.emit(moved)

    def _say_yes(self, held: Reservation, setting: AgentSetting, turn: Turn) -> None:
        accept = Accept(held.reservation, held.interaction, turn.address, setting.config.name, self.presence.desk)
        turn.send(held.queue, accept)

    def _answered(self, turn: Turn) -> None:
        """The agent is there."""
        if self.presence.unanswered:
            turn.put(PRESENCE_KEY, replace(self.presence, unanswered=0))

    def _release(self, held: Reservation, outcome: ReservationState, turn: Turn, busy: bool = False) -> None:
        """End a pending reservation from this side."""
        turn.cancel_timer(f"{OFFER}/{held.reservation}")
        self._move(held, outcome, turn, busy=busy)
        turn.send(held.queue, Released(held.reservation, held.interaction, turn.address, outcome, busy))

    def _lose(self, reservation: str, outcome: ReservationState, turn: Turn) -> None:
        """End a pending reservation that the queue took back."""
        held = self._open.get(reservation)
        if held is not None and held.state is ReservationState.PENDING:
            turn.cancel_timer(f"{OFFER}/{held.reservation}")
            self._move(held, outcome, turn)
            self._settle(turn)

    def _complete(self, held: Reservation, turn: Turn, disposition: str = "", note: str = "") -> None:
        self._move(held, ReservationState.COMPLETED, turn, 0, disposition, note)
        turn.put(PRESENCE_KEY, replace(self.presence, idle_since=turn.now))

    def _set_presence(self, after: PresenceState, reason: str, turn: Turn) -> None:
        before = self.presence
        PRESENCE.check(before.state, after)
        idle_since = turn.now if after is PresenceState.AVAILABLE else before.idle_since
        moved = replace(before, state=after, reason=reason, since=turn.now, idle_since=idle_since)
        turn.put(PRESENCE_KEY, moved)
        turn.emit(PresenceMoved(turn.address, before.state, after, reason))

    def _settle(self, turn: Turn) -> None:
        """Tell desk and router how things stand after a change, and let a retired agent go when all is done."""
        setting = self.setting
        if setting is not None and setting.retired and not self._open and self.presence.state is not PresenceState.OFFLINE:
            self._leave("taken out of the configuration", turn, signs_desk_out=True)
        self._tell_desk(turn)
        self._tell_router(turn)

    def _leave(self, reason: str, turn: Turn, signs_desk_out: bool = False) -> None:
        """Go offline: what rings goes back to its queue, whom the agent serves waits for another one."""
        for held in list(self._open.values()):
            if held.state is ReservationState.PENDING:
                self._release(held, ReservationState.RESCINDED, turn)
                continue
            if held.state is ReservationState.ACCEPTED:
                turn.send(held.session, AgentGone(held.interaction, name_of(turn.address), held.reservation))
            else:
                turn.cancel_timer(f"{WRAP_UP}/{held.reservation}")
            self._complete(held, turn)
        turn.cancel_timer(DESK)
        self._set_presence(PresenceState.OFFLINE, reason, turn)
        self._tell_desk(turn)
        if signs_desk_out:
            turn.send(link_address(self.presence.desk), DeskSignedOut(name_of(turn.address), reason))
        turn.put(PRESENCE_KEY, replace(self.presence, desk="", desk_lost=False, unanswered=0))

    def _tell_desk(self, turn: Turn) -> None:
        presence, setting = self.presence, self.setting
        if presence.desk:
            agent = name_of(turn.address)
            state = DeskState(
                agent, setting.config.name if setting is not None else agent, presence.state, presence.reason,
                presence.since, tuple(desk_reservation(held) for held in self._open.values()), turn.now,
            )  # fmt: skip
            turn.send(link_address(presence.desk), state)

    def _tell_router(self, turn: Turn) -> None:
        status = self.status
        if status != self._told:
            turn.send(ROUTER, status)
            self._told = status


def in_order(reservations: Iterable[Reservation]) -> dict[str, Reservation]:
    """By reservation, oldest first; of the same instant by id."""
    return {held.reservation: held for held in sorted(reservations, key=lambda held: (held.started_at, held.reservation))}


def desk_reservation(held: Reservation) -> DeskReservation:
    """A reservation as the desk shows it."""
    return DeskReservation(
        held.reservation, held.interaction, held.state, name_of(held.queue), held.channel, held.customer, held.subject,
        held.waited_ms, held.started_at, held.ends_at, held.asks,
    )  # fmt: skip

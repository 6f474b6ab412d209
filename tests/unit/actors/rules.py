"""Rules that hold after every turn, judged from the events alone; a small cousin of the cluster's checker."""

from __future__ import annotations

from collections import defaultdict

from actors.actor import Event
from actors.address import Address, name_of
from actors.events import AgentConfigured, InteractionMoved, PresenceMoved, ReservationMoved, WaitingMoved
from actors.values import (
    INTERACTION,
    PRESENCE,
    RESERVATION,
    WAITING,
    InteractionState,
    PresenceState,
    ReservationState,
    WaitingState,
    leg_of,
)
from cluster.invariants.capacity import Work, objection, ring_over


class Rules:
    """Feeds on events in the order they happened and fails at the first that breaks a rule."""

    def __init__(self) -> None:
        self.interactions: dict[str, InteractionState] = {}
        self._places: dict[tuple[Address, str, int], WaitingState] = {}
        self._open: dict[Address, dict[str, ReservationMoved]] = defaultdict(dict)
        self._works: dict[Address, dict[str, Work]] = defaultdict(dict)
        self._accepted: set[tuple[str, int]] = set()
        self._presence: dict[Address, PresenceState] = {}
        self._configured: dict[Address, AgentConfigured] = {}

    def feed(self, event: Event) -> None:
        """Judge one event."""
        match event:
            case InteractionMoved():
                self._interaction(event)
            case WaitingMoved():
                self._place(event)
            case ReservationMoved():
                self._reservation(event)
            case PresenceMoved():
                before = self._presence.get(event.agent, PresenceState.OFFLINE)
                assert event.before is before, f"presence is continuous: {event}"
                assert PRESENCE.allows(before, event.after), f"I14 {event}"
                self._presence[event.agent] = event.after
            case AgentConfigured():
                self._configured[event.agent] = event

    @property
    def open_reservations(self) -> int:
        """How many reservations are not final."""
        return sum(len(held) for held in self._open.values())

    def _interaction(self, moved: InteractionMoved) -> None:
        assert self.interactions.get(moved.interaction) is moved.before, f"I1 moves are continuous: {moved}"
        assert INTERACTION.allows(moved.before, moved.after), f"I14 {moved}"
        assert (moved.reason is not None) == (moved.after is InteractionState.ENDED), f"I1 an end has a reason: {moved}"
        self.interactions[moved.interaction] = moved.after

    def _place(self, moved: WaitingMoved) -> None:
        key = (moved.queue, moved.interaction, moved.leg)
        assert self._places.get(key) is moved.before, f"a place moves continuously, once for each leg: {moved}"
        assert WAITING.allows(moved.before, moved.after), f"I14 {moved}"
        if moved.after is WaitingState.RESERVED and (moved.agent or moved.before is not moved.after):
            assert moved.agent not in moved.not_agents, f"nobody is asked again during the back-off: {moved}"
            able = self._configured[moved.agent]
            levels = {skill.skill: skill.level for skill in able.skills}
            rings = (moved.requirement, *moved.outer)
            met = [all(levels.get(need.skill, 0) >= need.level for need in ring.skills) for ring in rings]
            assert any(met), f"I6 {moved}"
            asked = {ring.agent for ring in (moved.requirement, *moved.outer)}
            assert not asked.isdisjoint({"", name_of(moved.agent)}), f"I6 only the agent asked for: {moved}"
        self._places[key] = moved.after

    def _reservation(self, moved: ReservationMoved) -> None:
        held = self._open[moved.agent]
        before = held[moved.reservation].after if moved.reservation in held else None
        assert before is moved.before, f"a reservation moves continuously: {moved}"
        assert RESERVATION.allows(before, moved.after), f"I14 {moved}"
        if moved.after is ReservationState.PENDING:
            assert self._presence.get(moved.agent) is PresenceState.AVAILABLE, f"I4 {moved}"
        leg = (moved.interaction, leg_of(moved.reservation))
        if moved.after is ReservationState.ACCEPTED:
            assert leg not in self._accepted, f"I2 accepted twice: {moved}"
            self._accepted.add(leg)
        works = self._works[moved.agent]
        if moved.after is ReservationState.PENDING:
            configured, present = self._configured[moved.agent], list(works.values())
            wrong = objection(configured, present, moved.channel, moved.labels)
            assert not wrong, f"I3 {moved.reservation} {wrong}"
            ring_over(configured, present, moved.channel)
            works[moved.reservation] = Work(moved.channel, moved.labels)
        if RESERVATION.moves[moved.after]:
            held[moved.reservation] = moved
        else:
            del held[moved.reservation]
            del works[moved.reservation]

"""An agent: who they are, where their desk is, and whether they want work.

Keeps: presence moves only as `PRESENCE` declares (I14); going offline hands every customer on, nobody is left with an
agent who is gone; the newest desk wins, and a repeated sign-in is told everything again.
"""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from actors.actor import Fired, Turn, on
from actors.address import name_of
from actors.agent.records import PRESENCE_KEY, SETTING, WHY_PREFIX, AgentSetting, Reason
from actors.agent.reserving import DESK, OFFER, WRAP_UP, Reserving
from actors.events import AgentConfigured
from actors.messages.agent import (
    ConfigureAgent,
    DeskLost,
    ExplainReservation,
    MayBePreferred,
    ReportAgent,
    ReservationExplained,
    RetireAgent,
    SetPresence,
    SignIn,
    SignOut,
)
from actors.messages.centre import AgentConfig
from actors.messages.link import DeskSignedOut, link_address
from actors.messages.queue import Preferable
from actors.messages.router import ROUTER, AgentProfile
from actors.messages.session import DeskMoved
from actors.routing.eligibility import ring_of
from actors.routing.expression import Qualities
from actors.values import PRESENCE, PresenceState, ReservationState


class Agent(Reserving):
    """Sole owner of one agent's presence, capacity, reservations and wrap-up."""

    # Configuration.

    @on(ConfigureAgent)
    def configure(self, message: ConfigureAgent, turn: Turn) -> None:
        """Take a newer configuration; what the agent has already is theirs to finish, within capacity or not."""
        setting = self.setting
        if setting is None or message.version > setting.version:
            self._configure(AgentSetting(message.version, message.config), message.config, turn)

    @on(RetireAgent)
    def retire(self, message: RetireAgent, turn: Turn) -> None:
        """Take no more; offers that ring go back, and the last interaction's end signs the agent out."""
        setting = self.setting
        if setting is None or message.version <= setting.version:
            return
        for held in list(self._open.values()):
            if held.state is ReservationState.PENDING and not held.is_accepting:
                self._release(held, ReservationState.RESCINDED, turn)
        self._configure(AgentSetting(message.version, setting.config, retired=True), AgentConfig(setting.config.name), turn)

    def _configure(self, setting: AgentSetting, in_force: AgentConfig, turn: Turn) -> None:
        turn.put(SETTING, setting)
        total = 0 if setting.retired else in_force.capacity_total
        configured = AgentConfigured(
            turn.address, setting.version, in_force.skills, in_force.queues, in_force.capacity, total,
            in_force.attributes, in_force.groups, in_force.memberships, in_force.capacity_rules, in_force.hold_back,
            in_force.max_offers,
        )  # fmt: skip
        turn.emit(configured)
        self._tell_profile(in_force, turn)
        self._settle(turn)

    @on(ReportAgent)
    def report(self, message: ReportAgent, turn: Turn) -> None:
        """Tell the router everything again."""
        setting = self.setting
        self._told = None
        if setting is not None and not setting.retired:
            self._tell_profile(setting.config, turn)
        self._tell_router(turn)

    def _tell_profile(self, config: AgentConfig, turn: Turn) -> None:
        profile = AgentProfile(
            turn.address, config.skills, config.queues, config.attributes, config.groups, config.memberships, config.limits,
            config.hold_back,
        )  # fmt: skip
        turn.send(ROUTER, profile)

    # The desk.

    @on(SignIn)
    def sign_in(self, message: SignIn, turn: Turn) -> None:
        """Work from this desk: it is told everything, also when it only reloaded its page."""
        setting = self.setting
        if setting is None or (setting.retired and not self._open):
            return turn.refuse("NOT_FOUND", "this agent is not in the contact centre's configuration; add it there first")
        if not message.link:
            return turn.refuse("INVALID_ARGUMENT", "a sign-in names the link that the desk is at")
        before = self.presence
        if before.desk and before.desk != message.link:
            signed_out = DeskSignedOut(name_of(turn.address), "signed in at another desk")
            turn.send(link_address(before.desk), signed_out)
        if before.desk_lost:
            turn.cancel_timer(DESK)
        if before.desk_lost or before.desk != message.link:
            turn.put(PRESENCE_KEY, replace(before, desk=message.link, desk_lost=False))
        if before.state is PresenceState.OFFLINE:
            self._set_presence(PresenceState.AWAY, "signed in", turn)
        for held in self._open.values():
            if held.state is ReservationState.ACCEPTED:
                moved = DeskMoved(held.interaction, name_of(turn.address), message.link, held.reservation)
                turn.send(held.session, moved)
        self._settle(turn)

    @on(SignOut)
    def sign_out(self, message: SignOut, turn: Turn) -> None:
        """Go offline now."""
        if self.presence.state is not PresenceState.OFFLINE:
            self._leave("signed out", turn)
            self._settle(turn)

    @on(DeskLost)
    def desk_lost(self, message: DeskLost, turn: Turn) -> None:
        """Take nothing new while the desk is gone, and wait a grace time for it to come back."""
        presence, setting = self.presence, self.setting
        if setting is None or not presence.desk or presence.desk != message.link or presence.desk_lost:
            return
        turn.put(PRESENCE_KEY, replace(presence, desk_lost=True))
        turn.set_timer(DESK, turn.now + setting.config.desk_grace_ms)
        self._tell_router(turn)

    @on(SetPresence)
    def set_presence(self, message: SetPresence, turn: Turn) -> None:
        """Say whether work is wanted, and if not, why."""
        before = self.presence
        if before.state is PresenceState.OFFLINE:
            return turn.refuse("FAILED_PRECONDITION", "sign in first")
        if message.state is PresenceState.OFFLINE:
            return turn.refuse("FAILED_PRECONDITION", "sign out to go offline")
        if message.state is before.state and (message.reason == before.reason or message.state is PresenceState.AVAILABLE):
            return  # the same again
        if not PRESENCE.allows(before.state, message.state) or message.state is PresenceState.NOT_RESPONDING:
            return turn.refuse("FAILED_PRECONDITION", f"nobody goes from {before.state} to {message.state} by choice")
        self._set_presence(message.state, message.reason, turn)
        self._settle(turn)

    @on(MayBePreferred)
    def may_be_preferred(self, message: MayBePreferred, turn: Turn) -> None:
        """Tell a queue that would like to ask this agent first whether they could serve it, and are there."""
        setting, serves = self.setting, False
        if setting is not None and not setting.retired:
            config = setting.config
            skills = {skill.skill: skill.level for skill in config.skills}
            qualities = Qualities(name_of(turn.address), skills, config.attributes, frozenset(config.groups))
            memberships = {queue: tuple(one for one in config.memberships if one.queue == queue) for queue in config.queues}
            serves = ring_of(qualities, memberships, message.queue, message.channel, (message.requirement,)) is not None
        answer = Preferable(message.interaction, message.leg, turn.address, serves, self.attendance)
        turn.send(message.queue, answer)

    @on(ExplainReservation)
    def explain(self, message: ExplainReservation, turn: Turn) -> None:
        """Answer why this agent was asked."""
        held = self._open.get(message.reservation)
        if held is None:
            return turn.refuse("NOT_FOUND", "the offer or conversation is over; `trunkline trace` tells of earlier ones")
        reason = cast("Reason | None", self.records.get(WHY_PREFIX + message.reservation))
        why = reason.why if reason is not None else None
        turn.reply(ReservationExplained(held.reservation, held.interaction, held.queue, why))

    @on(Fired)
    def fired(self, message: Fired, turn: Turn) -> None:
        """An offer's deadline, the end of a wrap-up, or of a lost desk's grace time."""
        name, _, reservation = message.name.partition("/")
        if name == OFFER:
            self.time_out(reservation, turn)
        elif name == WRAP_UP:
            self.wrap_up_over(reservation, turn)
        elif name == DESK and self.presence.desk_lost:
            self._leave("the desk was lost", turn)
            self._settle(turn)

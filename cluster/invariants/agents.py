"""Judges what agents say: capacity (I3), offers only to the routable (I4), one acceptance (I2), deadlines (I8), moves (I14).

An agent's events come from the one actor that owns them, so their order is exact on any shard. An agent's history is
complete when its shard's journal is; otherwise open reservations are a lower bound and presence is unknown at first.
"""

from __future__ import annotations

import heapq
from typing import Final

from actors.events import AgentConfigured, PresenceMoved, ReservationMoved
from actors.values import PresenceState, ReservationState
from cluster.invariants.capacity import Work, objection, ring_over
from cluster.invariants.commits import ShardState
from cluster.invariants.report import Findings
from cluster.invariants.stories import ENDED_HOLDS, PRESENCE_MOVES, RESERVATION_MOVES, Hold, Stories, Story

PENDING, ACCEPTED = ReservationState.PENDING, ReservationState.ACCEPTED


class AgentModel:
    """One agent as its own events add up."""

    __slots__ = (
        "agent",
        "by_channel",
        "changed_at",
        "complete",
        "config",
        "configs",
        "eligible",
        "open",
        "presence",
        "ringing",
        "shard",
        "taken",
    )  # fmt: skip

    def __init__(self, agent: str, shard: str, complete: bool) -> None:
        self.agent = agent
        self.shard = shard
        self.complete = complete
        #: None while a trimmed journal has not told.
        self.presence: PresenceState | None = PresenceState.OFFLINE if complete else None
        self.config: AgentConfigured | None = None
        #: Every configuration so far, for judging across shards, whose journals have no common order.
        self.configs: list[AgentConfigured] = []
        #: Open reservation -> what it takes room for.
        self.open: dict[str, Work] = {}
        self.by_channel: dict[str, int] = {}
        #: Offers that wait for an answer.
        self.ringing: set[str] = set()
        self.changed_at = 0
        #: Waiting class -> whether this agent may serve it; the routing model's cache.
        self.eligible: dict[object, bool] = {}
        #: Proposals that the agent has not heard of yet; the routing model's marks.
        self.taken: list[Work] = []

    def has_room(self, channel: str, labels: tuple[str, ...] = ()) -> bool:
        """Whether one more interaction of this channel, with these labels, fits; proposals under way included."""
        config = self.config
        if config is None or self.by_channel.get(channel, 0) >= config.capacity.get(channel, 0):
            return False
        works = list(self.open.values())
        if 0 < config.max_offers <= len(self.ringing) + len(self.taken):
            return False
        if self.taken:
            works = [Work(work.channel, work.labels, work.interrupted) for work in works]
            for work in self.taken:
                ring_over(config, works, work.channel)
                works.append(Work(work.channel, work.labels))
        return not objection(config, works, channel, labels)


class Overdue:
    """Offers past their deadline on a shard that is alive to end them."""

    __slots__ = ("deadlines", "seen")

    def __init__(self) -> None:
        self.deadlines: list[tuple[int, str, str]] = []
        #: Reservation -> (epoch, instant) at which the shard was first seen to live past the deadline.
        self.seen: dict[str, tuple[str, int, int]] = {}


class Agents:
    """The handlers of agent events."""

    def __init__(self, findings: Findings, stories: Stories, offer_slack_ms: int) -> None:
        self.findings = findings
        self.stories = stories
        self.offer_slack_ms: Final = offer_slack_ms
        self.agents: dict[str, AgentModel] = {}
        self.overdue: dict[str, Overdue] = {}
        self.offers = 0

    def _violated(self, invariant: str, state: ShardState, subject: str, detail: str) -> None:
        self.findings.violated(invariant, state.shard, state.number, subject, detail)

    def agent(self, state: ShardState, agent: str) -> AgentModel:
        """The model of an agent, begun if it is new."""
        model = self.agents.get(agent)
        if model is None:
            model = self.agents[agent] = AgentModel(agent, state.shard, not state.trimmed)
        return model

    def presence_moved(self, state: ShardState, who: str, event: PresenceMoved) -> None:
        """Agent: came, went, or stopped answering."""
        model = self.agent(state, event.agent)
        if model.presence is not None and event.before is not model.presence:
            detail = f"presence moved from {event.before} to {event.after}, and was {model.presence}"
            self._violated("I14", state, event.agent, detail)
        if (event.before, event.after) not in PRESENCE_MOVES:
            self._violated("I14", state, event.agent, f"presence {event.before} -> {event.after} is not a declared move")
        model.presence = event.after
        model.changed_at = state.now

    def configured(self, state: ShardState, who: str, event: AgentConfigured) -> None:
        """Agent: what it can do from here on."""
        model = self.agent(state, event.agent)
        model.config = event
        model.configs.append(event)
        model.eligible.clear()
        model.changed_at = state.now

    def reservation_moved(self, state: ShardState, who: str, event: ReservationMoved) -> None:
        """Agent: one reservation began or moved."""
        story = self.stories.story(event.interaction)
        model = self.agent(state, event.agent)
        hold = story.holds.get(event.reservation)
        before, after = event.before, event.after
        if hold is None or before is None:
            if hold is not None:
                self._violated("I2", state, event.reservation, f"was offered again to {event.agent}, and was {hold.state}")
            elif before is not None and not state.trimmed:
                self._violated("I14", state, event.reservation, f"moved from {before}, and the journal never put it there")
            hold = self._begun(state, event, story)
            if before is None:
                self._offered(state, event, model)
        elif before is not hold.state:
            self._violated("I14", state, event.reservation, f"moved from {before} to {after}, and was {hold.state}")
        if (before, after) not in RESERVATION_MOVES:
            self._violated("I14", state, event.reservation, f"{before} -> {after} is not a declared move")
        if after is ACCEPTED:
            self._accepted(state, event, story, hold)
        hold.state = after
        if after is PENDING:
            model.ringing.add(event.reservation)
        else:
            model.ringing.discard(event.reservation)
        model.changed_at = state.now
        if after in ENDED_HOLDS:
            self._closed(event, model)
            if story.forgotten:
                self.stories.forget(story)
        elif event.reservation not in model.open:
            if before is None:
                ring_over(model.config, model.open.values(), event.channel)
            model.open[event.reservation] = Work(event.channel, event.labels)
            model.by_channel[event.channel] = model.by_channel.get(event.channel, 0) + 1

    def _begun(self, state: ShardState, event: ReservationMoved, story: Story) -> Hold:
        interaction, _, attempt = event.reservation.rpartition("#")
        leg = attempt.partition(".")[0]
        if interaction != event.interaction or not leg.isdecimal():
            self._violated("I2", state, event.reservation, f"is not named after its interaction {event.interaction}")
            leg = "0"
        hold = story.holds[event.reservation] = Hold(event.agent, int(leg), state.shard)
        return hold

    def _offered(self, state: ShardState, event: ReservationMoved, model: AgentModel) -> None:
        """Judge the moment at which an agent takes a reservation (I3, I4), and watch its deadline (I8)."""
        self.offers += 1
        if model.presence is not None and model.presence is not PresenceState.AVAILABLE:
            self._violated("I4", state, event.reservation, f"was offered to {event.agent}, who was {model.presence}")
        config = model.config
        if config is None:
            if model.complete:
                self._violated("I4", state, event.reservation, f"was offered to {event.agent}, who was never configured")
        else:
            wrong = objection(config, list(model.open.values()), event.channel, event.labels)
            if wrong:
                self._violated("I3", state, event.agent, f"{event.reservation} {wrong}")
            if 0 < config.max_offers <= len(model.ringing):
                detail = f"{event.reservation} is offer number {len(model.ringing) + 1}, of {config.max_offers} at once"
                self._violated("I3", state, event.agent, detail)
        if event.deadline_at <= 0:
            self._violated("I8", state, event.reservation, "is an offer without a deadline")
            return
        overdue = self.overdue.get(state.shard)
        if overdue is None:
            overdue = self.overdue[state.shard] = Overdue()
        heapq.heappush(overdue.deadlines, (event.deadline_at, event.reservation, event.interaction))

    def _accepted(self, state: ShardState, event: ReservationMoved, story: Story, hold: Hold) -> None:
        first = story.accepted.setdefault(hold.leg, event.reservation)
        if first != event.reservation:
            detail = f"leg {hold.leg} was accepted by {event.agent} as {event.reservation}, after {first}"
            self._violated("I2", state, event.interaction, detail)
        for name, other in story.holds.items():
            # Two shards' journals have no common order, so this is judged within one.
            if other is not hold and other.state is ACCEPTED and other.shard == state.shard:
                detail = f"{event.agent} accepted {event.reservation} while {other.agent} still had {name} as accepted"
                self._violated("I2", state, event.interaction, detail)

    def _closed(self, event: ReservationMoved, model: AgentModel) -> None:
        work = model.open.pop(event.reservation, None)
        if work is not None:
            model.by_channel[work.channel] -= 1

    def agent_ended(self, state: ShardState, agent: str) -> None:
        """Runtime: the agent's actor was deleted, so it must have nothing left to do."""
        model = self.agents.pop(agent, None)
        if model is not None and model.open:
            reservations = ", ".join(sorted(model.open))
            self._violated("I1", state, agent, f"was deleted while it had {reservations}")

    def committed(self, state: ShardState) -> None:
        """After each commit: whether an offer outlived its deadline on a shard that was there to end it (I8)."""
        overdue = self.overdue.get(state.shard)
        if overdue is None:
            return
        now, deadlines = state.now, overdue.deadlines
        while deadlines and deadlines[0][0] < now:
            _, reservation, interaction = heapq.heappop(deadlines)
            if self._pending(reservation, interaction):
                overdue.seen[reservation] = (interaction, state.epoch, now)
        if overdue.seen:
            self._judge_overdue(state, overdue)

    def _pending(self, reservation: str, interaction: str) -> bool:
        story = self.stories.by_interaction.get(interaction)
        hold = None if story is None else story.holds.get(reservation)
        return hold is not None and hold.state is PENDING

    def _judge_overdue(self, state: ShardState, overdue: Overdue) -> None:
        for reservation, (interaction, epoch, seen_at) in list(overdue.seen.items()):
            if not self._pending(reservation, interaction):
                del overdue.seen[reservation]
            elif epoch != state.epoch:
                # Its host died: the next one needs its own time to end the offer.
                overdue.seen[reservation] = (interaction, state.epoch, state.now)
            elif state.now - seen_at > self.offer_slack_ms:
                detail = f"still rang {state.now - seen_at} ms after its shard had passed the deadline"
                self._violated("I8", state, reservation, detail)
                del overdue.seen[reservation]

    def finish(self, settled: bool, now: int) -> None:
        """Offers that never ended although there was time (I8)."""
        self.findings.counts["offers"] += self.offers
        self.findings.counts["agents"] += len(self.agents)
        if not settled:
            return
        for shard, overdue in self.overdue.items():
            late = [(reservation, interaction) for reservation, (interaction, _, _) in overdue.seen.items()]
            late += [(name, interaction) for due, name, interaction in overdue.deadlines if due + self.offer_slack_ms < now]
            for reservation, interaction in late:
                if self._pending(reservation, interaction):
                    self.findings.violated("I8", shard, 0, reservation, "never ended, although its deadline has passed")

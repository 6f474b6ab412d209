"""Judges the router: nobody first in line passed over (I5), skills in force satisfied (I6), and in the end a match (I7).

The waiting set and the agents' room are rebuilt from queue and agent events. On a shard that holds queue, agent and
router this is exact, because a router matches only when no message waits in its shard: whatever its earlier proposals
led to has been journalled by then. One turn's proposals stand together in the journal, so each is marked as taken for
those beside it, and the marks are lifted at the next event. Across shards (literal mode) journals have no common
order, and I5 is not judged.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from actors.address import name_of
from actors.events import AgentConfigured, Proposed, WaitingMoved
from actors.values import PresenceState, Requirement, WaitingState
from cluster.invariants.agents import AgentModel, Agents
from cluster.invariants.capacity import Work
from cluster.invariants.commits import ShardState
from cluster.invariants.report import Findings

#: What makes two waiting interactions the same to every agent: queue, channel, requirement.
ClassKey = tuple[str, str, Requirement]
#: Sorts first whoever is to be served first: higher priority, then longer waiting.
Place = tuple[int, int, str]


def satisfies(config: AgentConfigured, requirement: Requirement) -> bool:
    """Whether the agent has every skill asked for, at its level."""
    for needed in requirement.skills:
        if not any(skill.skill == needed.skill and skill.level >= needed.level for skill in config.skills):
            return False
    return True


def names(requirement: Requirement, agent: str) -> bool:
    """Whether the requirement asks for this very agent, by address or by name."""
    return requirement.agent == agent or requirement.agent == name_of(agent)


def may_serve(config: AgentConfigured, queue: str, requirement: Requirement) -> bool:
    """Whether serving is allowed; an agent asked for by name need not be a member of the queue."""
    if requirement.agent:
        return names(requirement, config.agent) and satisfies(config, requirement)
    return queue in config.queues and satisfies(config, requirement)


class Wait:
    """One interaction that waits and is held for nobody."""

    __slots__ = ("key", "not_agents", "place", "shard", "since_at", "taken")

    def __init__(self, place: Place, key: ClassKey, not_agents: tuple[str, ...], since_at: int, shard: str) -> None:
        self.place = place
        self.key = key
        self.not_agents = not_agents
        self.since_at = since_at
        self.taken = False
        self.shard = shard


class Snapshot:
    """One shard's waiting set, and the marks of the router's turn under way."""

    __slots__ = ("last_event", "lines", "marked_agents", "marks", "waits")

    def __init__(self) -> None:
        #: All waits of one class that nobody has taken, in the order in which they are to be served.
        self.lines: dict[ClassKey, list[Place]] = {}
        self.waits: dict[str, Wait] = {}
        self.marks: list[str] = []
        self.marked_agents: list[AgentModel] = []
        self.last_event = -1

    def add(self, wait: Wait) -> None:
        """Put a wait in its place."""
        line = self.lines.get(wait.key)
        if line is None:
            self.lines[wait.key] = [wait.place]
        else:
            insort(line, wait.place)

    def remove(self, wait: Wait) -> None:
        """Take a wait out of its line; wishes for single agents make many lines, so an empty one goes."""
        line = self.lines[wait.key]
        del line[bisect_left(line, wait.place)]
        if not line:
            del self.lines[wait.key]

    def unmark(self) -> None:
        """The router's turn is over: whatever it led to is in the journal."""
        for interaction in self.marks:
            wait = self.waits.get(interaction)
            if wait is not None and wait.taken:
                wait.taken = False
                self.add(wait)
        for model in self.marked_agents:
            model.taken.clear()
        self.marks.clear()
        self.marked_agents.clear()


class Routing:
    """The handlers of router events, and the model of who waits."""

    def __init__(self, findings: Findings, agents: Agents, meeting_bound_ms: int, refusal_bound_ms: int) -> None:
        self.findings = findings
        self.agents = agents
        self.meeting_bound_ms: Final = meeting_bound_ms
        self.refusal_bound_ms: Final = refusal_bound_ms
        self.snapshots: dict[str, Snapshot] = {}
        self.proposals = 0
        #: Judged at the end: (shard, number, subject, agent, queue, requirement).
        self.doubtful: list[tuple[str, int, str, str, str, Requirement]] = []

    def _violated(self, invariant: str, state: ShardState, subject: str, detail: str) -> None:
        self.findings.violated(invariant, state.shard, state.number, subject, detail)

    def waiting_moved(self, state: ShardState, who: str, event: WaitingMoved) -> None:
        """Queue: keep the waiting set."""
        snapshot = self.snapshots.get(state.shard)
        if snapshot is None:
            snapshot = self.snapshots[state.shard] = Snapshot()
        old = snapshot.waits.pop(event.interaction, None)
        if old is not None and not old.taken:
            snapshot.remove(old)
        if event.after is WaitingState.WAITING:
            place = (-event.priority, event.enqueued_at, event.interaction)
            key = (event.queue, event.channel, event.requirement)
            wait = snapshot.waits[event.interaction] = Wait(place, key, event.not_agents, state.now, state.shard)
            snapshot.add(wait)
        elif event.after is WaitingState.RESERVED:
            self._judge_skills(state, event.interaction, event.agent, event.queue, event.requirement)

    def _judge_skills(self, state: ShardState, subject: str, agent: str, queue: str, requirement: Requirement) -> None:
        model = self.agents.agents.get(agent)
        if model is not None and model.shard == state.shard:
            if model.config is None:
                if model.complete:
                    self._violated("I6", state, subject, f"was held for {agent}, who was never configured")
            elif not may_serve(model.config, queue, requirement):
                self._violated("I6", state, subject, f"was held for {agent}, {_lacking(model.config, queue, requirement)}")
        elif model is None or not any(may_serve(config, queue, requirement) for config in model.configs):
            self.doubtful.append((state.shard, state.number, subject, agent, queue, requirement))

    def proposed(self, state: ShardState, who: str, event: Proposed) -> None:
        """Router: this agent for this interaction."""
        self.proposals += 1
        snapshot = self.snapshots.get(state.shard)
        model = self.agents.agents.get(event.agent)
        if snapshot is None or model is None or model.shard != state.shard:
            detail = "the journals of router, queues and agents are apart and have no common order"
            self.findings.judged_in_part("I5", f"shard {state.shard}: {detail}")
            return
        if snapshot.last_event != state.events - 1:
            snapshot.unmark()
        snapshot.last_event = state.events
        wait = snapshot.waits.get(event.interaction)
        if wait is None:
            # A proposal for somebody who no longer waits is refused by the queue and does no harm.
            return
        mine = (-event.priority, event.enqueued_at, "")
        queue, channel, requirement = wait.key
        if wait.place[:2] != mine[:2]:
            detail = f"was proposed as of priority {event.priority} since {event.enqueued_at}, not as its queue has it"
            self._violated("I5", state, event.interaction, detail)
        # A wish for one agent lapses without an event of its own; it is judged when the queue holds the interaction.
        if model.config is not None and not satisfies(model.config, requirement):
            detail = f"was proposed to {event.agent}, {_lacking(model.config, queue, requirement)}"
            self._violated("I6", state, event.interaction, detail)
        self._judge_order(state, snapshot, event, model, mine, channel)
        if not wait.taken:
            wait.taken = True
            snapshot.remove(wait)
            snapshot.marks.append(event.interaction)
            model.taken.append(Work(channel, requirement.labels))
            snapshot.marked_agents.append(model)

    def _judge_order(
        self, state: ShardState, snapshot: Snapshot, event: Proposed, model: AgentModel, mine: Place, channel: str
    ) -> None:
        """Whether this agent should have been given somebody else (I5)."""
        for key, line in snapshot.lines.items():
            if line[0] >= mine or not self._eligible(model, key):
                continue
            other, labels = key[1], key[2].labels
            # An agent with an incomplete history has room for the channel proposed; of others nothing is known.
            if (other != channel or labels) and not (model.complete and model.has_room(other, labels)):
                continue
            for place in line:
                if place >= mine:
                    break
                passed = place[2]
                if passed != event.interaction and event.agent not in snapshot.waits[passed].not_agents:
                    detail = f"was passed over: {event.agent} was proposed for {event.interaction}, which comes later"
                    self._violated("I5", state, passed, detail)
                    break

    def _eligible(self, model: AgentModel, key: ClassKey) -> bool:
        """Whether the agent is a full member of those who may serve this class."""
        known = model.eligible.get(key)
        if known is None:
            queue, _, requirement = key
            config = model.config
            known = config is not None and queue in config.queues and may_serve(config, queue, requirement)
            model.eligible[key] = known
        return known

    def finish(self, settled: bool, now: int, trimmed: bool) -> None:
        """Judge what needed all journals: skills across shards (I6), and whether anybody was left unmatched (I7).

        Args:
            trimmed: some journal begins late, so an agent may have been configured before.
        """
        self.findings.counts["proposals"] += self.proposals
        for shard, number, subject, agent, queue, requirement in self.doubtful:
            model = self.agents.agents.get(agent)
            configs = [] if model is None else model.configs
            if any(may_serve(config, queue, requirement) for config in configs):
                continue
            if (model is None and not trimmed) or (model is not None and model.complete):
                self.findings.violated("I6", shard, number, subject, f"was held for {agent}, who never had what it needs")
        for snapshot in self.snapshots.values():
            snapshot.unmark()
        if settled:
            self._judge_liveness(now)
        else:
            self.findings.not_judged("I7", "the centre is not known to be settled")

    def _judge_liveness(self, now: int) -> None:
        lines = [(snapshot, key) for snapshot in self.snapshots.values() for key in snapshot.lines]
        for model in self.agents.agents.values():
            if model.presence is not PresenceState.AVAILABLE or not model.complete:
                continue
            for snapshot, key in lines:
                if self._eligible(model, key) and model.has_room(key[1], key[2].labels):
                    self._judge_unmatched(snapshot, key, model, now)

    def _judge_unmatched(self, snapshot: Snapshot, key: ClassKey, model: AgentModel, now: int) -> None:
        for _, _, interaction in snapshot.lines[key]:
            wait = snapshot.waits[interaction]
            together_ms = now - max(wait.since_at, model.changed_at)
            # A refusal lapses without an event of its own, so it excuses for a while only.
            bound_ms = self.refusal_bound_ms if model.agent in wait.not_agents else self.meeting_bound_ms
            if together_ms > bound_ms:
                detail = f"waits in {key[0]} beside {model.agent}, who has had room for {together_ms} ms"
                self.findings.violated("I7", wait.shard, 0, interaction, detail)
                return


def _lacking(config: AgentConfigured, queue: str, requirement: Requirement) -> str:
    if not satisfies(config, requirement):
        wanted = ", ".join(f"{skill.skill} {skill.level}" for skill in requirement.skills)
        return f"who does not have {wanted}"
    if requirement.agent and not names(requirement, config.agent):
        return f"and only {requirement.agent} may serve it"
    return f"who does not serve {queue}"

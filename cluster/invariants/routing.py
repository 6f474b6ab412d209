"""Judges the router: nobody first in line passed over (I5), skills in force satisfied (I6), and in the end a match (I7).

The waiting set and the agents' room are rebuilt from queue and agent events. On a shard that holds queue, agent and
router this is exact, because a router matches only when no message waits in its shard: whatever its earlier proposals
led to has been journalled by then. One turn's proposals stand together in the journal, so each is marked as taken for
those beside it, and the marks are lifted at the next event: whoever was passed over for a moment and proposed in the same
turn was not passed over. Across shards (literal mode) journals have no common order, and I5 is not judged. With the reserve
policy, which each proposal tells of, who may serve a class says whether it may go before another.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from actors.address import name_of
from actors.events import AgentConfigured, Proposed, QueueConfigured, WaitingMoved
from actors.routing.expression import Qualities, compiled
from actors.values import PresenceState, Requirement, WaitingState
from cluster.invariants.agents import AgentModel, Agents
from cluster.invariants.capacity import Work
from cluster.invariants.commits import ShardState
from cluster.invariants.report import Findings

#: What makes two waiting interactions the same to every agent: queue, channel, rings, whether they are offered already.
ClassKey = tuple[str, str, tuple[Requirement, ...], bool]
#: (points lacked at the beginning of time, before or after equals, interaction): an order in which queues serve.
Place = tuple[int, int, str]
HOUR_MS: Final = 3_600_000


def satisfies(config: AgentConfigured, requirement: Requirement) -> bool:
    """Whether the agent has every skill asked for, at its level, and the expression is true of them."""
    for needed in requirement.skills:
        if not any(skill.skill == needed.skill and skill.level >= needed.level for skill in config.skills):
            return False
    if not requirement.where:
        return True
    levels = {skill.skill: skill.level for skill in config.skills}
    qualities = Qualities(name_of(config.agent), levels, config.attributes, frozenset(config.groups))
    return compiled(requirement.where).holds(qualities)


def names(requirement: Requirement, agent: str) -> bool:
    """Whether the requirement asks for this very agent, by address or by name."""
    return requirement.agent == agent or requirement.agent == name_of(agent)


def may_serve(config: AgentConfigured, key: ClassKey, is_member: bool = True) -> bool:
    """Whether any open ring lets the agent serve.

    Args:
        is_member: Whether an agent who is asked for by name must serve the queue as well.
    """
    queue, channel, rings, _ = key
    for ring in rings:
        if (ring.agent and not names(ring, config.agent)) or not satisfies(config, ring):
            continue
        served = [one for one in ring.queues or (queue,) if one in config.queues]
        if any(delay_ms(config, one, channel) <= ring.delay_ms for one in served) or (ring.agent and not is_member):
            return True
    return False


def delay_ms(config: AgentConfigured, queue: str, channel: str) -> int:
    """How long somebody must have waited in this queue before the agent serves them."""
    return next((one.delay_ms for one in config.memberships if one.queue == queue and one.channel in ("", channel)), 0)


def preference(config: AgentConfigured, queue: str, channel: str) -> int:
    """Which of their queues the agent takes from first: the least."""
    return next((one.priority for one in config.memberships if one.queue == queue and one.channel in ("", channel)), 0)


class Wait:
    """One interaction that wants an agent: it is held for nobody, or for fewer than may be asked at once."""

    __slots__ = ("enqueued_at", "key", "not_agents", "place", "priority", "shard", "since_at", "taken")

    def __init__(
        self, event: WaitingMoved, place: Place, key: ClassKey, not_agents: tuple[str, ...], since_at: int, shard: str
    ) -> None:
        self.priority = event.priority
        self.enqueued_at = event.enqueued_at
        self.place = place
        self.key = key
        self.not_agents = not_agents
        self.since_at = since_at
        self.taken = False
        self.shard = shard


class Snapshot:
    """One shard's waiting set, and the marks of the router's turn under way."""

    __slots__ = ("last_event", "lines", "marked_agents", "marks", "passed", "waits")

    def __init__(self) -> None:
        #: All waits of one class that nobody has taken, in the order in which they are to be served.
        self.lines: dict[ClassKey, list[Place]] = {}
        self.waits: dict[str, Wait] = {}
        self.marks: list[str] = []
        self.marked_agents: list[AgentModel] = []
        #: Interaction -> commit, and what to say unless it is proposed in the same turn.
        self.passed: dict[str, tuple[int, str]] = {}
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
        #: Queue -> (ageing, lifo), where it is not by priority and then in order of arrival.
        self.orders: dict[str, tuple[int, bool]] = {}
        #: Shards whose router last proposed by the reserve policy.
        self.reserving: set[str] = set()
        #: Interaction that is held -> reservation -> who is being asked under it.
        self.asked: dict[str, dict[str, str]] = {}
        #: Judged at the end: (shard, number, subject, agent, class).
        self.doubtful: list[tuple[str, int, str, str, ClassKey]] = []

    def _violated(self, invariant: str, state: ShardState, subject: str, detail: str) -> None:
        self.findings.violated(invariant, state.shard, state.number, subject, detail)

    def queue_configured(self, state: ShardState, who: str, event: QueueConfigured) -> None:
        """Queue: whoever waits there stands in another order from here on."""
        self.orders[event.queue] = (event.ageing, event.lifo)
        snapshot = self.snapshots.get(state.shard)
        waits = [] if snapshot is None else [wait for wait in snapshot.waits.values() if wait.key[0] == event.queue]
        for wait in waits:
            assert snapshot is not None
            if not wait.taken:
                snapshot.remove(wait)
            wait.place = self._place(event.queue, wait.priority, wait.enqueued_at, wait.place[2])
            if not wait.taken:
                snapshot.add(wait)

    def _place(self, queue: str, priority: int, enqueued_at: int, interaction: str) -> Place:
        ageing, lifo = self.orders.get(queue, (0, False))
        return (ageing * enqueued_at - priority * HOUR_MS, -enqueued_at if lifo else enqueued_at, interaction)

    def waiting_moved(self, state: ShardState, who: str, event: WaitingMoved) -> None:
        """Queue: keep the waiting set."""
        snapshot = self.snapshots.get(state.shard)
        if snapshot is None:
            snapshot = self.snapshots[state.shard] = Snapshot()
        self._end_turn(state.shard, snapshot)
        old = snapshot.waits.pop(event.interaction, None)
        if old is not None and not old.taken:
            snapshot.remove(old)
        asked = self._asked(state, event)
        if event.after is WaitingState.WAITING or event.wants > 0:
            place = self._place(event.queue, event.priority, event.enqueued_at, event.interaction)
            not_agents = (*event.not_agents, *asked)
            wait = Wait(event, place, class_of(event), not_agents, state.now, state.shard)
            snapshot.waits[event.interaction] = wait
            snapshot.add(wait)
        if event.after is WaitingState.RESERVED and event.agent:
            self._judge_skills(state, event.interaction, event.agent, class_of(event))

    def _asked(self, state: ShardState, event: WaitingMoved) -> tuple[str, ...]:
        """Who is being asked after this move; nobody is twice at once (I2)."""
        before = self.asked.pop(event.interaction, {})
        if event.after is not WaitingState.RESERVED:
            return ()
        asked = {name: before[name] for name in event.offered if name in before}
        if event.agent:
            if event.agent in asked.values():
                self._violated("I2", state, event.interaction, f"was held for {event.agent} twice at once")
            asked[event.reservation] = event.agent
        self.asked[event.interaction] = asked
        return tuple(asked.values())

    def _judge_skills(self, state: ShardState, subject: str, agent: str, key: ClassKey) -> None:
        model = self.agents.agents.get(agent)
        if model is not None and model.shard == state.shard:
            if model.config is None:
                if model.complete:
                    self._violated("I6", state, subject, f"was held for {agent}, who was never configured")
            elif not may_serve(model.config, key, is_member=False):
                self._violated("I6", state, subject, f"was held for {agent}, {_lacking(model.config, key)}")
        elif model is None or not any(may_serve(config, key, is_member=False) for config in model.configs):
            self.doubtful.append((state.shard, state.number, subject, agent, key))

    def proposed(self, state: ShardState, who: str, event: Proposed) -> None:
        """Router: this agent for this interaction."""
        self.proposals += 1
        if event.head_start_ms >= 0:
            self.reserving.add(state.shard)
        else:
            self.reserving.discard(state.shard)
        snapshot = self.snapshots.get(state.shard)
        model = self.agents.agents.get(event.agent)
        if snapshot is None or model is None or model.shard != state.shard:
            detail = "the journals of router, queues and agents are apart and have no common order"
            self.findings.judged_in_part("I5", f"shard {state.shard}: {detail}")
            return
        if snapshot.last_event != state.events - 1:
            self._end_turn(state.shard, snapshot)
        snapshot.last_event = state.events
        wait = snapshot.waits.get(event.interaction)
        if wait is None:
            # A proposal for somebody who no longer waits is refused by the queue and does no harm.
            return
        channel = wait.key[1]
        if (wait.priority, wait.enqueued_at) != (event.priority, event.enqueued_at):
            detail = f"was proposed as of priority {event.priority} since {event.enqueued_at}, not as its queue has it"
            self._violated("I5", state, event.interaction, detail)
        # In journals of before rings, a wish for one agent lapses without an event; it is judged when the queue holds it.
        if model.config is not None and not any(satisfies(model.config, ring) for ring in wait.key[2]):
            detail = f"was proposed to {event.agent}, {_lacking(model.config, wait.key)}"
            self._violated("I6", state, event.interaction, detail)
        self._judge_order(state, snapshot, event, model, wait)
        if not wait.taken:
            wait.taken = True
            snapshot.remove(wait)
            snapshot.marks.append(event.interaction)
            model.taken.append(Work(channel, wait.key[2][0].labels))
            snapshot.marked_agents.append(model)

    def _judge_order(self, state: ShardState, snapshot: Snapshot, event: Proposed, model: AgentModel, wait: Wait) -> None:
        """Whether this agent should have been given somebody else (I5): judged once the router's turn is over."""
        mine = self._score(wait, state.now)
        passed: list[Wait] = []
        for key, line in snapshot.lines.items():
            if not self._could_take(event, model, wait.key, key, len(line)):
                continue
            for place in line:
                other = snapshot.waits[place[2]]
                if place >= wait.place if key == wait.key else self._score(other, state.now) >= mine:
                    break
                if event.agent not in other.not_agents:
                    passed.append(other)
                    break
        if passed and event.head_start_ms >= 0:
            first = min(passed, key=lambda other: self._score(other, state.now))
            if self._goes_before(wait, first, event.head_start_ms):
                return
        detail = f"was passed over: {event.agent} was proposed for {event.interaction}, which comes later"
        for other in passed:
            snapshot.passed.setdefault(other.place[2], (state.number, detail))

    def _could_take(self, event: Proposed, model: AgentModel, given: ClassKey, other: ClassKey, waiting: int) -> bool:
        """Whether the agent who was given one class could have been given the other, of which so many wait."""
        # Who is offered already comes after who is not, whatever the agent prefers.
        if other[3] > given[3] or (other[3] == given[3] and self._prefers(model, given, other)):
            return False
        if not self._eligible(model, other):
            return False
        # An agent with an incomplete history has room for the channel proposed; of others nothing is known.
        labels = other[2][0].labels
        if (other[1] != given[1] or labels) and not (model.complete and model.has_room(other[1], labels)):
            return False
        return event.head_start_ms < 0 or not self._may_hold_back(model, waiting)

    @staticmethod
    def _may_hold_back(model: AgentModel, waiting: int) -> bool:
        return model.config is not None and waiting <= model.config.hold_back

    def _goes_before(self, wait: Wait, first: Wait, head_start_ms: int) -> bool:
        """Whether the reserve policy serves a narrower class before whoever was first."""
        if wait.priority != first.priority or wait.enqueued_at > first.enqueued_at + head_start_ms:
            return False
        return self._members(wait.key) < self._members(first.key)

    def _members(self, key: ClassKey) -> frozenset[str]:
        """Who may serve the class."""
        return frozenset(agent for agent, model in self.agents.agents.items() if self._eligible(model, key))

    def _score(self, wait: Wait, now: int) -> tuple[bool, int, int]:
        """Comparable between queues, least first: offered already, the points that it lacks now, then when it came."""
        ageing, _ = self.orders.get(wait.key[0], (0, False))
        return (wait.key[3], ageing * (wait.enqueued_at - now) - wait.priority * HOUR_MS, wait.enqueued_at)

    @staticmethod
    def _prefers(model: AgentModel, one: ClassKey, other: ClassKey) -> bool:
        """Whether the agent's routing profile puts the one queue before the other."""
        config = model.config
        return config is not None and bool(config.memberships) and preference(config, *one[:2]) < preference(config, *other[:2])

    def _end_turn(self, shard: str, snapshot: Snapshot) -> None:
        """The router's turn is over: whoever it passed over and did not propose was wronged."""
        for interaction, (number, detail) in snapshot.passed.items():
            wait = snapshot.waits.get(interaction)
            if wait is not None and not wait.taken:
                self.findings.violated("I5", shard, number, interaction, detail)
        snapshot.passed.clear()
        snapshot.unmark()

    def _eligible(self, model: AgentModel, key: ClassKey) -> bool:
        """Whether the agent is a full member of those who may serve this class."""
        known = model.eligible.get(key)
        if known is None:
            config = model.config
            known = config is not None and may_serve(config, key)
            model.eligible[key] = known
        return known

    def finish(self, settled: bool, now: int, trimmed: bool) -> None:
        """Judge what needed all journals: skills across shards (I6), and whether anybody was left unmatched (I7).

        Args:
            trimmed: some journal begins late, so an agent may have been configured before.
        """
        self.findings.counts["proposals"] += self.proposals
        for shard, number, subject, agent, key in self.doubtful:
            model = self.agents.agents.get(agent)
            configs = [] if model is None else model.configs
            if any(may_serve(config, key, is_member=False) for config in configs):
                continue
            if (model is None and not trimmed) or (model is not None and model.complete):
                self.findings.violated("I6", shard, number, subject, f"was held for {agent}, who never had what it needs")
        for shard, snapshot in self.snapshots.items():
            self._end_turn(shard, snapshot)
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
                if not self._eligible(model, key) or not model.has_room(key[1], key[2][0].labels):
                    continue
                if not self._waits_for_others(snapshot, key, model):
                    self._judge_unmatched(snapshot, key, model, now)

    def _waits_for_others(self, snapshot: Snapshot, key: ClassKey, model: AgentModel) -> bool:
        """Whether the agent may hold back from the class, by the reserve policy, because others at work will serve it."""
        if model.shard not in self.reserving or not self._may_hold_back(model, len(snapshot.lines[key])):
            return False
        others = (self.agents.agents[agent] for agent in self._members(key) if agent != model.agent)
        return any(other.open for other in others)

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


def class_of(event: WaitingMoved) -> ClassKey:
    """What makes waiting interactions the same to every agent."""
    is_offered = event.after is WaitingState.RESERVED
    return (event.queue, event.channel, (event.requirement, *event.outer), is_offered)


def _lacking(config: AgentConfigured, key: ClassKey) -> str:
    queue, _, (*_, outermost), _ = key
    if not satisfies(config, outermost):
        wanted = [f"{skill.skill} {skill.level}" for skill in outermost.skills]
        return f"who does not have {', '.join([*wanted, outermost.where] if outermost.where else wanted)}"
    if outermost.agent and not names(outermost, config.agent):
        return f"and only {outermost.agent} may serve it"
    return f"who does not serve {', '.join(outermost.queues) or queue}"

"""A router: proposes to queues which agent to ask, from a picture that queues and agents keep right.

Keeps: nothing durable but who its queues and agents are; everything else is asked for again when it is lost. Each
match is made in a quiet moment, when all that was said before is known (I5).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from actors.actor import Actor, Message, Record, Turn, on
from actors.address import Address
from actors.events import BatchAssigned, Proposed
from actors.messages.agent import ReportAgent
from actors.messages.centre import Reserve
from actors.messages.queue import Propose, ReportQueue
from actors.messages.router import (
    AgentProfile,
    AgentStatus,
    ConfigureRouter,
    ExplainRoute,
    Match,
    NotWaiting,
    ReadRouter,
    RouterView,
    Waiting,
)
from actors.router.explaining import explained
from actors.router.matching import Matching
from actors.router.staffing import Attending
from actors.values import Why

MEMBERS = "cfg"
MATCH = Match()


class RouterMembers(Record, frozen=True):
    """Whom to ask after a restart. A retired queue stays: somebody may still wait in it."""

    version: int
    queues: tuple[Address, ...]
    agents: tuple[Address, ...]
    in_batches: bool = True
    reserve: Reserve | None = None


class Router(Actor):
    """Owner of nothing: it proposes, the queue disposes, the agent consents."""

    kind = "router"
    resident = True
    matching: Matching
    attending: Attending
    _agents: frozenset[Address]
    #: The picture is empty because it was lost, not because nobody waits.
    _is_blank: bool

    def rebuild(self) -> None:
        self.matching = Matching(self.members.in_batches)
        self.matching.reserve = self.members.reserve
        self.attending = Attending()
        self._agents = frozenset(self.members.agents)
        self._is_blank = True

    def activated(self, turn: Turn) -> None:
        self._ask_everybody(turn)

    def receive(self, message: Message, turn: Turn) -> None:
        if self._is_blank:  # A failed turn was undone, and with it the picture.
            self._ask_everybody(turn)
        super().receive(message, turn)

    @property
    def members(self) -> RouterMembers:
        """Whose router this is."""
        return cast("RouterMembers", self.records.get(MEMBERS)) or RouterMembers(0, (), ())

    @on(ConfigureRouter)
    def configure(self, message: ConfigureRouter, turn: Turn) -> None:
        """Take newer members, and hear from those that are new."""
        before = self.members
        if message.version <= before.version:
            return
        queues = tuple(sorted({*before.queues, *message.queues}))
        members = RouterMembers(message.version, queues, message.agents, message.in_batches, message.reserve)
        turn.put(MEMBERS, members)
        self.matching.in_batches = message.in_batches
        self._agents = frozenset(message.agents)
        for agent in set(before.agents).difference(message.agents):
            self.matching.forget_agent(agent)
            self.attending.forget(agent)
        if self.matching.follow(message.reserve):
            turn.when_quiet(MATCH)
        self._ask(set(queues).difference(before.queues), set(message.agents).difference(before.agents), turn)

    @on(Waiting)
    def waiting(self, message: Waiting, turn: Turn) -> None:
        """Somebody waits, or waits for somebody else than before."""
        self.matching.wait(message)
        turn.when_quiet(MATCH)

    @on(NotWaiting)
    def not_waiting(self, message: NotWaiting, turn: Turn) -> None:
        """Nobody is needed; if a proposal came too late, its agent is free after all."""
        if self.matching.not_waiting(message.interaction, message.agent, message.leg):
            turn.when_quiet(MATCH)

    @on(AgentProfile)
    def agent_profile(self, message: AgentProfile, turn: Turn) -> None:
        """An agent can do something else."""
        if message.agent in self._agents:  # Else retired, or new and about to be asked.
            self.matching.profile(message)
            self.attending.serves(message.agent, message.queues)
            turn.when_quiet(MATCH)

    @on(AgentStatus)
    def agent_status(self, message: AgentStatus, turn: Turn) -> None:
        """An agent can take more, or less."""
        if message.agent in self._agents:
            self.matching.status(message)
            self.attending.attends(message.agent, message.attendance)
            # Somebody may be held back until this one is done.
            if message.room or self.matching.reserve is not None or self.attending.is_due:
                turn.when_quiet(MATCH)

    @on(Match)
    def match(self, message: Match, turn: Turn) -> None:
        """Propose every pair that can meet, and tell queues for which there is somebody now, or nobody any more."""
        for queue, staffing in self.attending.news():
            turn.send(queue, staffing)
        left = len(self.matching.waiting)
        head_start_ms = -1 if self.matching.reserve is None else self.matching.reserve.head_start_ms
        matches = self.matching.match(turn.now)
        for batch in self.matching.assigned:
            turn.emit(BatchAssigned(turn.address, batch.method, batch.waiting, batch.slots, batch.served, batch.score))
        for match in matches:
            waiting, (ring, *score, _) = match.waiting, match.rank
            second, *second_score, runner_up = match.runner_up or (0, Address(""))
            why = Why(
                turn.now, waiting.rings[ring], waiting.choice, left, len(waiting.rings), match.candidates, ring,
                tuple(map(float, score)), runner_up, second, tuple(map(float, second_score)), match.together,
                head_start_ms >= 0,
            )  # fmt: skip
            turn.send(waiting.queue, Propose(waiting.interaction, match.agent, waiting.rings, waiting.leg, why))
            proposed = Proposed(
                turn.address, waiting.interaction, match.agent, waiting.queue, waiting.priority, waiting.enqueued_at, left,
                waiting.choice, why.rings, match.candidates, ring, why.score, runner_up, second, why.runner_up_score,
                match.together, head_start_ms,
            )  # fmt: skip
            turn.emit(proposed)
            left -= 1

    @on(ReadRouter)
    def read(self, message: ReadRouter, turn: Turn) -> None:
        """Answer with what the router sees."""
        turn.reply(RouterView(len(self.matching.waiting), self.matching.routable, self.matching.classes))

    @on(ExplainRoute)
    def explain(self, message: ExplainRoute, turn: Turn) -> None:
        """Answer who would get an interaction now, and why nobody else would."""
        waiting = message.waiting or self.matching.waiting.get(message.interaction)
        if waiting is None:
            return turn.refuse("NOT_FOUND", "it does not wait for an agent now: it rings, is served, has ended or never came")
        turn.reply(explained(self.matching, waiting, turn.now))

    def _ask_everybody(self, turn: Turn) -> None:
        self._is_blank = False
        members = self.members
        self._ask(members.queues, members.agents, turn)

    def _ask(self, queues: Collection[Address], agents: Collection[Address], turn: Turn) -> None:
        self.attending.ask(queues, agents)
        if self.attending.is_due:
            turn.when_quiet(MATCH)
        for queue in sorted(queues):
            turn.send(queue, ReportQueue())
        for agent in sorted(agents):
            turn.send(agent, ReportAgent())

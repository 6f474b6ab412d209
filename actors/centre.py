"""The centre: the one owner of the contact centre's configuration and its versions.

Keeps: versions count up by one and name one content each; an actor is told of every version that changes it, and of
nothing else; whoever waits in a queue that was taken out keeps the agents who served it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec.structs import replace

from actors.actor import Actor, Record, Turn, on
from actors.address import Address, address
from actors.events import CentreApplied
from actors.messages.agent import ConfigureAgent, RetireAgent
from actors.messages.centre import (
    AgentConfig,
    ApplyCentre,
    CentreHistory,
    CentrePlan,
    CentreRevision,
    CentreVersion,
    ReadCentre,
    ReadCentreHistory,
)
from actors.messages.queue import ConfigureQueue, RetireQueue
from actors.messages.router import ROUTER, ConfigureRouter

STATE = "cfg"
REVISION_PREFIX = "rev/"
KEPT_REVISIONS = 50
#: "Whatever the current version is."
ANY_VERSION = -1


class CentreState(Record, frozen=True):
    """The configuration in force. Agents are kept as they were told, retired queues included."""

    version: int
    source: str
    plan: CentrePlan
    agents: dict[str, AgentConfig]
    retired_queues: tuple[Address, ...] = ()


class KeptRevision(Record, frozen=True):
    """One version as its author wrote it."""

    revision: CentreRevision


EMPTY = CentreState(0, "", CentrePlan({}, {}, ""), {})


class Centre(Actor):
    """Sole owner of the configuration's versions."""

    kind = "centre"

    @property
    def state(self) -> CentreState:
        """The configuration in force; version 0 before the first."""
        return cast("CentreState", self.records.get(STATE)) or EMPTY

    @on(ApplyCentre)
    def apply(self, message: ApplyCentre, turn: Turn) -> None:
        """Make a new version current and tell everyone whom it changes."""
        before = self.state
        if before.version and (before.source, before.plan) == (message.source, message.plan):
            # Asked before the version is checked: a repeat whose first answer was lost must not be refused.
            return turn.reply(CentreVersion(before.version))
        if message.expected_version not in (ANY_VERSION, before.version):
            detail = f"the current version is {before.version}, not {message.expected_version}; read it and apply again"
            return turn.refuse("ABORTED", detail)
        after = following(before, message.source, message.plan)
        turn.put(STATE, after)
        revision = CentreRevision(after.version, turn.now, message.author, message.comment, message.source)
        turn.put(f"{REVISION_PREFIX}{after.version}", KeptRevision(revision))
        turn.drop(f"{REVISION_PREFIX}{after.version - KEPT_REVISIONS}")
        self._tell_queues(before, after, turn)
        self._tell_agents(before, after, turn)
        turn.emit(CentreApplied(after.version, message.author))
        turn.reply(CentreVersion(after.version))

    @on(ReadCentre)
    def read(self, message: ReadCentre, turn: Turn) -> None:
        """Answer with the current configuration, or only its number to who has it."""
        state = self.state
        if message.known_version == state.version:
            turn.reply(CentreVersion(state.version))
        else:
            turn.reply(CentreVersion(state.version, state.plan.edge, state.source))

    @on(ReadCentreHistory)
    def read_history(self, message: ReadCentreHistory, turn: Turn) -> None:
        """Answer with the kept versions, newest first."""
        kept = (record.revision for record in self.records.values() if isinstance(record, KeptRevision))
        turn.reply(CentreHistory(tuple(sorted(kept, key=lambda revision: -revision.version))))

    def _tell_queues(self, before: CentreState, after: CentreState, turn: Turn) -> None:
        old, new = before.plan.queues, after.plan.queues
        for name, config in new.items():
            if old.get(name) != config:
                turn.send(address("queue", name), ConfigureQueue(after.version, config))
        for name in sorted(old.keys() - new.keys()):
            turn.send(address("queue", name), RetireQueue(after.version))

    def _tell_agents(self, before: CentreState, after: CentreState, turn: Turn) -> None:
        queues, agents = addresses("queue", after.plan.queues), addresses("agent", after.agents)
        turn.send(ROUTER, ConfigureRouter(after.version, queues, agents, after.plan.in_batches, after.plan.reserve))
        for name, config in after.agents.items():
            if before.agents.get(name) != config:
                turn.send(address("agent", name), ConfigureAgent(after.version, config))
        for name in sorted(before.agents.keys() - after.agents.keys()):
            turn.send(address("agent", name), RetireAgent(after.version))


def following(before: CentreState, source: str, plan: CentrePlan) -> CentreState:
    """The next version; its agents go on serving retired queues that they served, so that nobody waits there for ever."""
    current = addresses("queue", plan.queues)
    retired = sorted({*before.retired_queues, *addresses("queue", before.plan.queues)}.difference(current))
    agents = {}
    for name, config in plan.agents.items():
        served = before.agents[name].queues if name in before.agents else ()
        kept = tuple(queue for queue in served if queue in retired and queue not in config.queues)
        agents[name] = replace(config, queues=config.queues + kept)
    return CentreState(before.version + 1, source, plan, agents, tuple(retired))


def addresses(kind: str, names: Mapping[str, object]) -> tuple[Address, ...]:
    """The addresses of these names, sorted."""
    return tuple(sorted(address(kind, name) for name in names))

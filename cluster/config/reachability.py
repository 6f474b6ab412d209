"""Warns of rules that cannot be meant: doors nobody can serve, steps that let nobody else serve, groups nobody is in.

Invariants kept: what is judged is the compiled configuration, by the code that the router uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from actors.address import Address, address
from actors.messages.centre import AgentConfig, Membership, QueueConfig
from actors.queue.relaxing import first_ring, steps_of
from actors.routing.capacity import NOTHING, Capacity, room_for
from actors.routing.eligibility import ring_of
from actors.routing.expression import Qualities, compiled
from actors.routing.strategy import SCORE
from actors.values import Requirement, skill_levels
from cluster.config.compile import agent_config, queue_config
from cluster.config.document import Document
from cluster.config.problems import Path, Problem
from cluster.config.schema import Centre


@dataclass(frozen=True, slots=True)
class _Server:
    """An agent, or a group of equal ones."""

    qualities: Qualities
    memberships: dict[Address, tuple[Membership, ...]]
    limits: Capacity


def unreachable(document: Document, centre: Centre) -> list[Problem]:
    """What no agent could ever do, and steps that change nothing."""
    servers = [_server(agent_id, agent_config(agent.name, agent, centre)) for agent_id, agent in centre.agents.items()]
    found = list(_unknown_groups(document, centre))
    useless: dict[Path, bool] = {}
    for channel, spec in centre.channels.items():
        for entry_id, entry in spec.entry_points.items():
            config = queue_config(entry.queue, centre)
            asked = Requirement(skill_levels(entry.skills), labels=tuple(sorted(entry.labels)))
            at: Path = ("channels", channel, "entry_points", entry_id)
            found += _door(document, at, channel, entry.queue, asked, config, servers)
            for number, helps in _steps(channel, entry.queue, asked, centre, servers):
                step: Path = ("queues", entry.queue, "relax", number)
                useless[step] = useless.get(step, True) and not helps
    for step, is_useless in useless.items():
        if is_useless:
            advice = "ask less in it, or delete it"
            found.append(document.problem(step, "lets nobody serve who could not before", advice))
    return found


def _server(agent_id: str, config: AgentConfig) -> _Server:
    skills = {skill.skill: skill.level for skill in config.skills}
    memberships = {queue: tuple(one for one in config.memberships if one.queue == queue) for queue in config.queues}
    return _Server(Qualities(agent_id, skills, config.attributes, frozenset(config.groups)), memberships, config.limits)


def _door(
    document: Document, at: Path, channel: str, queue: str, asked: Requirement, config: QueueConfig, servers: list[_Server]
) -> Iterator[Problem]:
    """Whether anybody can serve whoever comes in here, at once or ever."""
    inner = first_ring(asked, config)
    steps = steps_of(inner, config, 0, 0)
    served = [_served_from(channel, queue, (inner, *(step.requirement for step in steps)), server) for server in servers]
    reached = [number for number in served if number is not None]
    wanted = [f"{skill.skill} {skill.level}" for skill in inner.skills] + ([inner.where] if inner.where else [])
    needed = f" with {', '.join(wanted)}" if wanted else ""
    needed += f", labelled {', '.join(inner.labels)}" if inner.labels else ""
    if not reached:
        problem = f"no agent can serve this: queue `{queue}` over `{channel}`{needed}"
        advice = "give an agent these skills, or a routing profile with this queue and channel"
        yield document.problem(at, problem, advice, key=True)
    elif min(reached) > 0:
        after_s = steps[min(reached) - 1].at / 1000
        problem = f"no agent can serve this before {after_s:g} s: queue `{queue}` over `{channel}`{needed}"
        yield document.problem(at, problem, "ask less at first, or give an agent these skills", key=True)


def _served_from(channel: str, queue: str, rings: tuple[Requirement, ...], server: _Server) -> int | None:
    if not room_for(server.limits, NOTHING, channel, rings[0].labels):
        return None
    return ring_of(server.qualities, server.memberships, address("queue", queue), channel, rings)


def _steps(channel: str, queue: str, asked: Requirement, centre: Centre, servers: list[_Server]) -> Iterator[tuple[int, bool]]:
    """Each written step of a queue, and whether it lets anybody else serve."""
    config = queue_config(queue, centre)
    rings = [first_ring(asked, config)]
    written = sorted(range(len(centre.queues[queue].relax)), key=lambda number: centre.queues[queue].relax[number].after_s)
    numbers = iter(written)
    for step, relaxation in zip(steps_of(rings[0], config, 0, 0), config.relax, strict=True):
        before = _serving(channel, queue, rings, servers)
        rings.append(step.requirement)
        if not relaxation.delay_ms:
            yield next(numbers), before != _serving(channel, queue, rings, servers)


def _serving(channel: str, queue: str, rings: list[Requirement], servers: list[_Server]) -> int:
    """How many may serve while these rings are open; more rings never let fewer serve."""
    return sum(_served_from(channel, queue, tuple(rings), server) is not None for server in servers)


def _unknown_groups(document: Document, centre: Centre) -> Iterator[Problem]:
    known = {group for agent in centre.agents.values() for group in agent.groups}
    attributes = {name for agent in centre.agents.values() for name in agent.attributes}
    for queue_id, queue in centre.queues.items():
        texts: list[tuple[Path, str]] = [(("queues", queue_id, "where"), queue.where)]
        if queue.choice.startswith(SCORE):
            texts.append((("queues", queue_id, "choice"), queue.choice.removeprefix(SCORE).strip()))
        texts += [(("queues", queue_id, "relax", n, "where"), step.where or "") for n, step in enumerate(queue.relax)]
        for at, text in texts:
            expression = compiled(text) if text else None
            if expression is None:
                continue
            for group in sorted(expression.groups - known):
                yield document.problem(
                    at, f"asks for the group `{group}`, which nobody is in", "put agents into it under `groups`"
                )
            for name in sorted(expression.attributes - attributes):
                yield document.problem(
                    at, f"asks for the attribute `{name}`, which nobody has", "give it to agents under `attributes`"
                )

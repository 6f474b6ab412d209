"""Compiles a checked configuration into what actors are told and what edges hold.

Invariants kept: compiling a `Centre` that `load` returned never fails; the same text gives the same plan, by which the
centre recognises a configuration that is applied again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.address import address
from actors.messages.centre import AgentConfig, Announce, CentrePlan, QueueConfig
from actors.routing.capacity import CapacityRules
from actors.routing.strategy import LONGEST_IDLE
from actors.values import skill_levels
from cluster.config.doors import Emergency
from cluster.config.edge import Choice, Diversion, EdgeAgent, EdgeCentre, EdgeEmergency, EdgeQueue, EdgeRule, EntryPoint
from cluster.config.hours import Calendar
from cluster.config.names import Names, milliseconds
from cluster.config.offers import presence_of
from cluster.config.overflow import lending, overflow_rules
from cluster.config.passwords import hash_plain
from cluster.config.routing import memberships, relaxations
from cluster.config.schema import Agent, Centre, Channel, Queue, RoutingProfile, numbered
from cluster.config.schema import Announce as AnnounceSpec
from cluster.config.schema import EntryPoint as EntryPointSpec


def compile_centre(centre: Centre, hasher: Callable[[str], str] = hash_plain) -> CentrePlan:
    """Compile a configuration.

    Args:
        centre: From `load_centre`, which checked it.
        hasher: Turns a plain-text password into a hash.
    """
    queues = {queue_id: queue_config(queue_id, centre) for queue_id in centre.queues}
    agents = {agent_id: agent_config(name, agent, centre) for agent_id, name, agent in people(centre)}
    edge, in_batches = _edge(centre, hasher).to_json(), centre.routing.batch == "optimal"
    return CentrePlan(queues=queues, agents=agents, edge=edge, in_batches=in_batches, reserve=centre.routing.reserve())


def people(centre: Centre) -> Iterator[tuple[str, str, Agent]]:
    """Every agent: id, display name and settings, groups written out."""
    for agent_id, agent in centre.agents.items():
        if agent.count is None:
            yield agent_id, agent.name, agent
            continue
        for number in range(1, agent.count + 1):
            member = numbered(agent_id, number, agent.count)
            yield member, f"{agent.name} {member.rpartition('-')[2]}", agent


def queue_config(queue_id: str, centre: Centre) -> QueueConfig:
    """What this queue is told."""
    queue = centre.queues[queue_id]
    offers = queue.offers
    served = [profile.serves[queue_id] for profile in centre.routing_profiles.values() if queue_id in profile.serves]
    delays_ms = (one.delay_ms for serving in served for one in memberships({queue_id: serving}))
    return QueueConfig(
        name=queue.name.best(),
        offer_timeout_ms=milliseconds(queue.offer_timeout_s),
        wrap_up_ms=milliseconds(queue.wrap_up_s),
        reject_backoff_ms=milliseconds(queue.reject_backoff_s),
        service_level_ms=milliseconds(queue.service_level.seconds),
        requires=skill_levels(queue.requires),
        where=queue.where,
        relax=relaxations(queue_id, queue.relax, delays_ms),
        choice="" if queue.choice == LONGEST_IDLE else queue.choice,
        ageing=queue.order.ageing_per_hour,
        lifo=queue.order.newest_first,
        reevaluates=queue.on_change == "ask_anew",
        overflow=overflow_rules(queue.overflow),
        lends=lending(queue.lends),
        announce=_announce(queue.announce) if queue.announce is not None else None,
        at_once=offers.at_once,
        every_ms=milliseconds(offers.every_s),
        no_answer_backoff_ms=None if offers.no_answer_backoff_s is None else milliseconds(offers.no_answer_backoff_s),
        busy_backoff_ms=None if offers.busy_backoff_s is None else milliseconds(offers.busy_backoff_s),
        no_answer=None if offers.no_answer is None else presence_of(offers.no_answer),
    )


def _announce(announce: AnnounceSpec) -> Announce:
    return Announce(
        position=announce.position,
        expected_wait=announce.expected_wait,
        first_after_ms=milliseconds(announce.first_after_s),
        every_ms=milliseconds(announce.every_s),
    )


def agent_config(name: str, agent: Agent, centre: Centre) -> AgentConfig:
    """What this agent is told."""
    profile = centre.routing_profiles[agent.routing_profile]
    return AgentConfig(
        name=name,
        skills=skill_levels(agent.skills),
        queues=tuple(address("queue", queue) for queue in profile.queues),
        capacity=dict(profile.capacity),
        capacity_total=profile.units_in_all,
        hold_back=profile.hold_back,
        auto_accept=profile.auto_accept,
        desk_grace_ms=milliseconds(profile.desk_grace_s),
        attributes=agent.attributes,
        groups=tuple(agent.groups),
        memberships=memberships(profile.serves, {queue: centre.queues[queue].order.weight for queue in profile.queues}),
        window_ms=milliseconds(profile.recent_s),
        away_available=tuple(centre.attendance.counts_as_available),
        away_absent=tuple(centre.attendance.counts_as_absent),
        capacity_rules=_rules(profile),
        max_offers=profile.offers.at_once or 0,
        no_answer=presence_of(profile.offers.no_answer),
        sign_out_after=profile.offers.sign_out_after or 0,
    )


def _rules(profile: RoutingProfile) -> CapacityRules:
    """How channels share an agent; none at all where the profile declares nothing beyond a maximum each and a total."""
    interrupts = {channel: tuple(sorted(others)) for channel, others in sorted(profile.interrupts.items()) if others}
    return CapacityRules(
        costs={channel: cost for channel, cost in sorted(profile.costs.items()) if cost != 1},
        exclusive=tuple(sorted(profile.exclusive)),
        interrupts=interrupts,
        interruptions=profile.interruptions if interrupts else 0,
        labels=dict(sorted(profile.labels.items())),
    )


def _edge(centre: Centre, hasher: Callable[[str], str]) -> EdgeCentre:
    hashes: dict[str, str] = {}

    def secret(agent: Agent) -> str:
        if agent.password_hash is not None:
            return agent.password_hash
        plain = agent.password or ""
        if plain not in hashes:
            hashes[plain] = hasher(plain)
        return hashes[plain]

    return EdgeCentre(
        names=centre.name.by_language(),
        timezone=centre.timezone,
        channels={
            channel_id: {
                entry_id: _entry(entry, channel, centre.queues[entry.queue]) for entry_id, entry in channel.entry_points.items()
            }
            for channel_id, channel in centre.channels.items()
        },
        calendars={hours_id: Calendar.compiled(hours, centre.timezone) for hours_id, hours in centre.hours.items()},
        agents={
            agent_id: EdgeAgent(
                name=name, password_hash=secret(agent), queues=centre.routing_profiles[agent.routing_profile].queues
            )
            for agent_id, name, agent in people(centre)
        },
        queues={queue_id: _queue(queue) for queue_id, queue in centre.queues.items()},
        skills={skill: name.by_language() for skill, name in centre.skills.items()},
        dispositions=_choices(centre.dispositions),
        presence_reasons=_choices(centre.presence_reasons),
        rules=[
            EdgeRule(when=rule.when, queue=rule.queue, priority=rule.priority, skills=rule.skills, labels=rule.labels)
            for rule in centre.arrival_rules
        ],
        emergency=_emergency(centre.emergency),
    )


def _entry(entry: EntryPointSpec, channel: Channel, queue: Queue) -> EntryPoint:
    return EntryPoint(
        queue=entry.queue,
        priority=queue.priority if entry.priority is None else entry.priority,
        skills=entry.skills,
        retention_s=channel.retention_s if entry.retention_s is None else entry.retention_s,
        hours=entry.hours or queue.hours,
        labels=entry.labels,
    )


def _queue(queue: Queue) -> EdgeQueue:
    return EdgeQueue(
        names=queue.name.by_language(),
        service_level_percent=queue.service_level.percent,
        service_level_s=queue.service_level.seconds,
        priority=queue.priority,
        hours=queue.hours,
        closed=_closed(queue),
    )


def _closed(queue: Queue) -> Diversion | None:
    closed = queue.closed
    if closed is None:
        return None
    return Diversion(texts=closed.text.by_language() if closed.text is not None else {}, queue=closed.queue or "")


def _emergency(emergency: Emergency) -> EdgeEmergency | None:
    if not emergency.active:
        return None
    texts = emergency.text.by_language() if emergency.text is not None else {}
    return EdgeEmergency(texts=texts, queue=emergency.queue or "", queues=emergency.queues)


def _choices(names: dict[str, Names]) -> list[Choice]:
    return [Choice(id=choice_id, names=name.by_language()) for choice_id, name in names.items()]

"""Whether the names in a configuration refer to something, and whether anyone can do what is asked.

Invariants kept: a configuration without errors here compiles; a warning never stops one from being applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from cluster.config.capacity import capacity_warnings, takes
from cluster.config.document import Document
from cluster.config.hours import ALWAYS
from cluster.config.problems import Path, Problem, did_you_mean, listed
from cluster.config.schema import Centre, EntryPoint, numbered


def reference_errors(document: Document, centre: Centre) -> list[Problem]:
    """Every name that refers to nothing, and ids that two agents share."""
    checks = _Checks(document, centre)
    for queue_id, queue in centre.queues.items():
        checks.skills(("queues", queue_id, "requires"), queue.requires)
        checks.hours(("queues", queue_id, "hours"), queue.hours)
    for profile_id, profile in centre.routing_profiles.items():
        for position, name in enumerate(profile.queues):
            checks.known("queue", ("routing_profiles", profile_id, "queues", position), name, centre.queues, "queues")
        for field, names in (("capacity", profile.capacity), ("costs", profile.costs), ("interrupts", profile.interrupts)):
            for channel in names:
                at = ("routing_profiles", profile_id, field, channel)
                checks.known("channel", at, channel, centre.channels, "channels", key=True)
        for position, channel in enumerate(profile.exclusive):
            exclusive_at = ("routing_profiles", profile_id, "exclusive", position)
            checks.known("channel", exclusive_at, channel, centre.channels, "channels")
        for newcomer, others in profile.interrupts.items():
            for position, channel in enumerate(others):
                over_at = ("routing_profiles", profile_id, "interrupts", newcomer, position)
                checks.known("channel", over_at, channel, centre.channels, "channels")
    for agent_id, agent in centre.agents.items():
        checks.skills(("agents", agent_id, "skills"), agent.skills)
        profile_at = ("agents", agent_id, "routing_profile")
        checks.known("routing profile", profile_at, agent.routing_profile, centre.routing_profiles, "routing_profiles")
    for channel_id, channel_spec in centre.channels.items():
        for entry_id, entry in channel_spec.entry_points.items():
            door: Path = ("channels", channel_id, "entry_points", entry_id)
            checks.known("queue", (*door, "queue"), entry.queue, centre.queues, "queues")
            checks.skills((*door, "skills"), entry.skills)
            if entry.hours is not None:
                checks.hours((*door, "hours"), entry.hours)
    return checks.problems + _shared_ids(document, centre)


class _Checks:
    def __init__(self, document: Document, centre: Centre) -> None:
        self._document = document
        self._centre = centre
        self.problems: list[Problem] = []

    def known(self, what: str, path: Path, name: str, among: Iterable[str], section: str, key: bool = False) -> None:
        names = set(among)
        if name not in names:
            advice = did_you_mean(name, names)
            joint = " Or" if advice.endswith("?") else "; or"
            advice = f"{advice}{joint} add `{name}` under `{section}`"
            self.problems.append(self._document.problem(path, f"there is no {what} `{name}`", advice, key=key))

    def skills(self, path: Path, skills: Iterable[str]) -> None:
        for skill in skills:
            self.known("skill", (*path, skill), skill, self._centre.skills, "skills", key=True)

    def hours(self, path: Path, name: str) -> None:
        self.known("set of hours", path, name, {*self._centre.hours, ALWAYS}, "hours")


def _shared_ids(document: Document, centre: Centre) -> list[Problem]:
    owners = Counter(list(centre.agents))
    problems = []
    for group, agent in centre.agents.items():
        made = [numbered(group, number, agent.count) for number in range(1, agent.count + 1)] if agent.count else []
        taken = [name for name in made if name in owners]
        owners.update(made)
        if taken:
            what = f"would make agents that exist already: {listed(taken)}"
            problems.append(document.problem(("agents", group, "count"), what, "rename the group or those agents"))
    return problems


def centre_warnings(document: Document, centre: Centre) -> list[Problem]:
    """What is allowed but hardly meant; only for a configuration without errors."""
    found = [*_plain_passwords(document, centre), *capacity_warnings(document, centre), *_unserved(document, centre)]
    return [replace(problem, severity="warning") for problem in found]


def _plain_passwords(document: Document, centre: Centre) -> list[Problem]:
    plain = [agent_id for agent_id, agent in centre.agents.items() if agent.password is not None]
    if not plain:
        return []
    people = "one agent has a password" if len(plain) == 1 else f"{len(plain)} agents have passwords"
    problem = f"{people} in plain text ({listed(plain, 4)})"
    advice = "use `password_hash`, made with `trunkline config hash-password`, before real customers are served"
    return [document.problem(("agents", plain[0], "password"), problem, advice, key=True)]


def _unserved(document: Document, centre: Centre) -> list[Problem]:
    """Doors whose arrivals would wait for ever, since no agent has queue, channel and skills."""
    problems = []
    for channel_id, channel in centre.channels.items():
        for entry_id, entry in channel.entry_points.items():
            needed = merged(centre.queues[entry.queue].requires, entry.skills)
            if not any(_serves(centre, agent_id, channel_id, entry, needed) for agent_id in centre.agents):
                skills = f" with {', '.join(f'{skill} {level}' for skill, level in needed.items())}" if needed else ""
                labels = f", labelled {listed(entry.labels)}" if entry.labels else ""
                problem = f"no agent can serve this: queue `{entry.queue}` over `{channel_id}`{skills}{labels}"
                advice = "give an agent these skills, or a routing profile with this queue and channel"
                problems.append(document.problem(("channels", channel_id, "entry_points", entry_id), problem, advice, key=True))
    return problems


def _serves(centre: Centre, agent_id: str, channel: str, entry: EntryPoint, needed: dict[str, int]) -> bool:
    agent = centre.agents[agent_id]
    profile = centre.routing_profiles[agent.routing_profile]
    able = all(agent.skills.get(skill, 0) >= level for skill, level in needed.items())
    return able and entry.queue in profile.queues and takes(profile, channel, entry.labels)


def merged(queue_skills: dict[str, int], extra: dict[str, int]) -> dict[str, int]:
    """Both requirements at once: the higher level where both name a skill."""
    return {skill: max(queue_skills.get(skill, 0), extra.get(skill, 0)) for skill in {**queue_skills, **extra}}

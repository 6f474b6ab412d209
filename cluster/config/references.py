"""Whether the names in a configuration refer to something, and whether anyone can do what is asked.

Invariants kept: a configuration without errors here compiles; a warning never stops one from being applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from actors.routing.expression import compiled
from actors.routing.strategy import SCORE
from cluster.config.capacity import capacity_warnings
from cluster.config.document import Document
from cluster.config.hours import ALWAYS
from cluster.config.problems import Path, Problem, did_you_mean, listed
from cluster.config.reachability import unreachable
from cluster.config.schema import Centre, Queue, RoutingProfile, numbered


def reference_errors(document: Document, centre: Centre) -> list[Problem]:
    """Every name that refers to nothing, and ids that two agents share."""
    checks = _Checks(document, centre)
    for queue_id, queue in centre.queues.items():
        checks.skills(("queues", queue_id, "requires"), queue.requires)
        checks.hours(("queues", queue_id, "hours"), queue.hours)
        checks.routing(("queues", queue_id), queue)
    for profile_id, profile in centre.routing_profiles.items():
        for position, name in enumerate(profile.queues):
            checks.known("queue", ("routing_profiles", profile_id, "queues", position), name, centre.queues, "queues")
        for name, serving in profile.serves.items():
            at = ("routing_profiles", profile_id, "serves", name)
            checks.known("queue", at, name, profile.queues, f"routing_profiles.{profile_id}.queues", key=True)
            for channel in serving.channels:
                checks.known("channel", (*at, "channels", channel), channel, centre.channels, "channels", key=True)
        checks.capacity(("routing_profiles", profile_id), profile)
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

    def capacity(self, path: Path, profile: RoutingProfile) -> None:
        channels = self._centre.channels
        for field, names in (("capacity", profile.capacity), ("costs", profile.costs), ("interrupts", profile.interrupts)):
            for channel in names:
                self.known("channel", (*path, field, channel), channel, channels, "channels", key=True)
        for position, channel in enumerate(profile.exclusive):
            self.known("channel", (*path, "exclusive", position), channel, channels, "channels")
        for newcomer, others in profile.interrupts.items():
            for position, channel in enumerate(others):
                self.known("channel", (*path, "interrupts", newcomer, position), channel, channels, "channels")

    def skills(self, path: Path, skills: Iterable[str]) -> None:
        for skill in skills:
            self.known("skill", (*path, skill), skill, self._centre.skills, "skills", key=True)

    def routing(self, path: Path, queue: Queue) -> None:
        self.expression((*path, "where"), queue.where)
        self.expression((*path, "choice"), queue.choice.removeprefix(SCORE) if queue.choice.startswith(SCORE) else "")
        for number, step in enumerate(queue.relax):
            at = (*path, "relax", number)
            self.skills((*at, "lower"), step.lower)
            for position, skill in enumerate(step.drop):
                self.known("skill", (*at, "drop", position), skill, self._centre.skills, "skills")
            for position, name in enumerate(step.queues):
                self.known("queue", (*at, "queues", position), name, self._centre.queues, "queues")
            self.expression((*at, "where"), step.where or "")

    def expression(self, path: Path, text: str) -> None:
        if text:
            for skill in sorted(compiled(text).skills):
                self.known("skill", path, skill, self._centre.skills, "skills")

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
    found = [
        *_plain_passwords(document, centre),
        *capacity_warnings(document, centre),
        *_idle_hold_backs(document, centre),
        *unreachable(document, centre),
    ]
    return [replace(problem, severity="warning") for problem in found]


def _idle_hold_backs(document: Document, centre: Centre) -> list[Problem]:
    if centre.routing.policy == "reserve":
        return []
    problem, advice = "does nothing by `routing.policy: fcfs`", "add `routing: {policy: reserve}`, or delete it"
    profiles = [profile_id for profile_id, profile in centre.routing_profiles.items() if profile.hold_back]
    return [
        document.problem(("routing_profiles", profile_id, "hold_back"), problem, advice, key=True) for profile_id in profiles
    ]


def _plain_passwords(document: Document, centre: Centre) -> list[Problem]:
    plain = [agent_id for agent_id, agent in centre.agents.items() if agent.password is not None]
    if not plain:
        return []
    people = "one agent has a password" if len(plain) == 1 else f"{len(plain)} agents have passwords"
    problem = f"{people} in plain text ({listed(plain, 4)})"
    advice = "use `password_hash`, made with `trunkline config hash-password`, before real customers are served"
    return [document.problem(("agents", plain[0], "password"), problem, advice, key=True)]

"""What gateways and adapters know of the configuration: doors, hours, sign-in, display names.

Invariants kept: an edge reads what any newer release writes (unknown fields are ignored); nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, PrivateAttr

from actors.routing.expression import OF_ARRIVALS, Arriving, ExpressionError, compiled
from cluster.config.hours import ALWAYS, Calendar
from cluster.config.schema import DEFAULT_ENTRY_POINT


class EdgeModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class EntryPoint(EdgeModel):
    """A door as the edge uses it: what an arrival takes with it, beside what its queue requires.

    `hours` names a calendar or is `always`.
    """

    queue: str
    priority: int = 0
    skills: dict[str, int] = {}
    retention_s: float = 600
    hours: str = ALWAYS
    labels: list[str] = []


class Diversion(EdgeModel):
    """What newcomers get instead: a text by language, and a queue or, when that is empty, the end."""

    texts: dict[str, str] = {}
    queue: str = ""


class EdgeEmergency(Diversion):
    """The emergency switch is thrown, for newcomers to these queues; to all when none is named."""

    queues: list[str] = []


class EdgeRule(EdgeModel):
    """Where arrivals go, and what they need besides, when the expression is true of them; empty: of all."""

    when: str = ""
    queue: str | None = None
    priority: int | None = None
    skills: dict[str, int] = {}
    labels: list[str] = []

    def holds(self, arriving: Arriving) -> bool:
        """Whether it is true of the arrival; what only a newer release can read is not."""
        try:
            return not self.when or compiled(self.when, OF_ARRIVALS).holds(arriving)
        except ExpressionError:
            return False


@dataclass(frozen=True, slots=True)
class Way:
    """What becomes of one arrival. When it is not open it ends at once, with the text if there is one."""

    queue: str
    priority: int
    skills: dict[str, int]
    retention_s: float
    labels: frozenset[str] = frozenset()
    is_open: bool = True
    closed_text: str = ""


class EdgeQueue(EdgeModel):
    """A queue as people see it: names by language, the target that its counters are judged by, and what doors need."""

    names: dict[str, str]
    service_level_percent: float = 80
    service_level_s: float = 20
    priority: int = 0
    hours: str = ALWAYS
    closed: Diversion | None = None


class EdgeAgent(EdgeModel):
    """Who may sign in, and through which queues colleagues can transfer to them."""

    name: str
    password_hash: str
    queues: list[str] = []


class Choice(EdgeModel):
    """One line of a list that a person chooses from, with its names by language."""

    id: str
    names: dict[str, str]


class EdgeCentre(EdgeModel):
    """One version of the configuration, as edges hold it."""

    names: dict[str, str]
    timezone: str
    channels: dict[str, dict[str, EntryPoint]]
    calendars: dict[str, Calendar] = {}
    agents: dict[str, EdgeAgent] = {}
    queues: dict[str, EdgeQueue] = {}
    skills: dict[str, dict[str, str]] = {}
    dispositions: list[Choice] = []
    presence_reasons: list[Choice] = []
    rules: list[EdgeRule] = []
    emergency: EdgeEmergency | None = None

    _json: str | None = PrivateAttr(default=None)

    @classmethod
    def parse(cls, text: str) -> EdgeCentre:
        """Read what `CentreVersion.edge` carries.

        Raises:
            pydantic.ValidationError: the text was not written by `to_json`.
        """
        return cls.model_validate_json(text)

    def to_json(self) -> str:
        """The text that `parse` reads."""
        return self.model_dump_json(exclude_defaults=True)

    def entry(self, channel: str, entry_point: str = "") -> EntryPoint | None:
        """The door of this name; the one called `default` when none is named; None when there is none."""
        return self.channels.get(channel, {}).get(entry_point or DEFAULT_ENTRY_POINT)

    def way(self, arriving: Arriving, at_ms: int) -> Way | None:
        """Where an arrival goes: through its door, by the first rule that holds, the emergency switch, and the hours.

        Args:
            arriving: What is known of it.
            at_ms: The instant (ms since the epoch).

        Returns:
            None when there is no such door.
        """
        entry = self.entry(arriving.channel, arriving.entry_point)
        if entry is None:
            return None
        queue, priority, skills, hours, labels = entry.queue, entry.priority, entry.skills, entry.hours, {*entry.labels}
        rule = next((rule for rule in self.rules if rule.holds(arriving)), None)
        if rule is not None:
            if rule.queue is not None and rule.queue != queue:
                queue, priority, hours = rule.queue, self._queue(rule.queue).priority, self._queue(rule.queue).hours
            priority = priority if rule.priority is None else rule.priority
            labels.update(rule.labels)
            skills = {**skills, **{skill: max(level, skills.get(skill, 0)) for skill, level in rule.skills.items()}}
        return self._open(Way(queue, priority, skills, entry.retention_s, frozenset(labels)), hours, arriving.language, at_ms)

    def is_open(self, entry: EntryPoint, at_ms: int) -> bool:
        """Whether whoever comes through the door at this instant (ms since the epoch) waits for an agent."""
        return self._open(Way(entry.queue, entry.priority, {}, 0), entry.hours, "", at_ms).is_open

    def _open(self, way: Way, hours: str, language: str, at_ms: int) -> Way:
        """The way as the emergency switch and the hours leave it."""
        emergency = self.emergency
        if emergency is not None and (not emergency.queues or way.queue in emergency.queues):
            return self._diverted(way, emergency, language, is_open=True)
        if self._is_open(hours, at_ms):
            return way
        closed = self._queue(way.queue).closed or Diversion()
        return self._diverted(way, closed, language, self._is_open(self._queue(closed.queue).hours, at_ms))

    def _diverted(self, way: Way, diversion: Diversion, language: str, is_open: bool) -> Way:
        """To the queue that is named, if that is open; else it ends with the text."""
        if diversion.queue and is_open:
            return replace(way, queue=diversion.queue)
        return replace(way, is_open=False, closed_text=in_language(diversion.texts, language))

    def _queue(self, queue: str) -> EdgeQueue:
        return self.queues.get(queue) or EdgeQueue(names={})

    def _is_open(self, hours: str, at_ms: int) -> bool:
        calendar = self.calendars.get(hours)
        return calendar is None or calendar.is_open(at_ms)

    def queue_name(self, queue: str, language: str = "en") -> str:
        """A queue's display name in the language nearest to the one asked for; its id when it is unknown."""
        known = self.queues.get(queue)
        return in_language(known.names, language) if known is not None else queue


def in_language(names: dict[str, str], language: str) -> str:
    """The name in this language (`zh-CN` finds `zh`), else in English, else any."""
    wanted = language.replace("_", "-").partition("-")[0].casefold()
    return names.get(wanted) or names.get("en") or next(iter(names.values()), "")

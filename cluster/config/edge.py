"""What gateways and adapters know of the configuration: doors, hours, sign-in, display names.

Invariants kept: an edge reads what any newer release writes (unknown fields are ignored); nothing here does I/O.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PrivateAttr

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


class EdgeQueue(EdgeModel):
    """A queue as people see it: names by language, and the target that its counters are judged by."""

    names: dict[str, str]
    service_level_percent: float = 80
    service_level_s: float = 20


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

    def is_open(self, entry: EntryPoint, at_ms: int) -> bool:
        """Whether the door is open at this instant (ms since the epoch)."""
        calendar = self.calendars.get(entry.hours)
        return calendar is None or calendar.is_open(at_ms)

    def queue_name(self, queue: str, language: str = "en") -> str:
        """A queue's display name in the language nearest to the one asked for; its id when it is unknown."""
        known = self.queues.get(queue)
        return in_language(known.names, language) if known is not None else queue


def in_language(names: dict[str, str], language: str) -> str:
    """The name in this language (`zh-CN` finds `zh`), else in English, else any."""
    wanted = language.replace("_", "-").partition("-")[0].casefold()
    return names.get(wanted) or names.get("en") or next(iter(names.values()), "")

"""The contact centre's configuration as actors see it, and the actor that owns its versions."""

from __future__ import annotations

from typing import ClassVar

from actors.actor import Message
from actors.address import Address
from actors.values import SkillLevel, Value


class Announce(Value, frozen=True):
    """What those waiting are told, and when: after `first_after_ms`, then every `every_ms` (0: never again)."""

    position: bool = True
    expected_wait: bool = True
    first_after_ms: int = 10_000
    every_ms: int = 60_000


class QueueConfig(Value, frozen=True):
    """How one queue behaves. `service_level_ms` is the target wait that counters report against.

    `requires` is added by the queue to what an arrival itself asks for, so a transfer meets the new queue's needs only.
    """

    name: str
    offer_timeout_ms: int = 20_000
    wrap_up_ms: int = 30_000
    reject_backoff_ms: int = 10_000
    service_level_ms: int = 20_000
    requires: tuple[SkillLevel, ...] = ()
    #: None: the position on entry and on return, and nothing else.
    announce: Announce | None = None


class AgentConfig(Value, frozen=True):
    """Who an agent is: skills, queues served, and how many interactions at once by channel and in all."""

    name: str
    skills: tuple[SkillLevel, ...] = ()
    queues: tuple[Address, ...] = ()
    capacity: dict[str, int] = {}
    capacity_total: int = 1
    auto_accept: bool = False
    desk_grace_ms: int = 30_000


class CentrePlan(Value, frozen=True):
    """A whole validated configuration, compiled: what each actor is to be told, and what the edge needs."""

    queues: dict[str, QueueConfig]
    agents: dict[str, AgentConfig]
    #: JSON for gateways and adapters (entry points, hours, sign-in), opaque to actors.
    edge: str


class ApplyCentre(Message, frozen=True):
    """Make this configuration the current one, if `expected_version` still is (-1: whatever it is).

    `source` is the YAML as its author wrote it. Answered with `CentreVersion`, or refused with ABORTED.
    """

    expected_version: int
    author: str
    source: str
    plan: CentrePlan
    comment: str = ""


class ReadCentre(Message, frozen=True):
    """Ask for the current configuration; `known_version` spares resending what the asker has."""

    fleeting: ClassVar[bool] = True

    known_version: int = -1


class CentreVersion(Message, frozen=True):
    """`edge` and `source` are empty when the asker already has this version."""

    version: int
    edge: str = ""
    source: str = ""


class ReadCentreHistory(Message, frozen=True):
    fleeting: ClassVar[bool] = True


class CentreRevision(Value, frozen=True):
    version: int
    at: int
    author: str
    comment: str
    source: str


class CentreHistory(Message, frozen=True):
    """Newest first."""

    revisions: tuple[CentreRevision, ...]

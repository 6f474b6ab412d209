"""The contact centre's configuration as actors see it, and the actor that owns its versions."""

from __future__ import annotations

from typing import ClassVar

from actors.actor import Message
from actors.address import Address
from actors.routing.capacity import NO_RULES, Capacity, CapacityRules
from actors.values import Attendance, PresenceState, Requirement, SkillLevel, Value, skill_levels


class Relaxation(Value, frozen=True):
    """From `after_ms` of waiting on, a queue asks less: one more ring around those who may serve already.

    It changes the ring before it: levels are lowered to those named, skills in `drop` are no longer asked for, `where`
    replaces the expression (None keeps it), agents of `queues` may serve (empty keeps whose they are), and agents may
    whose routing profile delays the queue by up to `delay_ms`. `anybody` asks for nothing any more but serving the queue.
    """

    after_ms: int
    lower: tuple[SkillLevel, ...] = ()
    drop: tuple[str, ...] = ()
    where: str | None = None
    queues: tuple[Address, ...] = ()
    delay_ms: int = 0
    anybody: bool = False

    def of(self, inner: Requirement) -> Requirement:
        """The ring around `inner`."""
        lower = {asked.skill: asked.level for asked in self.lower}
        levels = {
            asked.skill: min(asked.level, lower.get(asked.skill, asked.level))
            for asked in inner.skills
            if asked.skill not in self.drop and not self.anybody
        }
        where = inner.where if self.where is None else self.where
        return Requirement(
            skill_levels(levels), inner.agent, "" if self.anybody else where, self.queues or inner.queues,
            max(self.delay_ms, inner.delay_ms), inner.labels,
        )  # fmt: skip


class Membership(Value, frozen=True):
    """How an agent serves one queue, over one channel or, with `channel` empty, over all.

    `priority`: which of their queues go first, least first. `delay_ms`: only for who has waited so long. `level` and
    `position`: where the agent stands in a top-down queue. `weight`: their share in a weighted one.
    """

    queue: Address
    channel: str = ""
    priority: int = 0
    delay_ms: int = 0
    level: int = 1
    position: int = 1
    weight: float = 1.0


class OverflowRule(Value, frozen=True):
    """When a queue does not keep somebody, and what it does then (`actors.routing.overflow`). 0 or None: not a condition.

    All conditions must hold: `after_ms` of waiting in this queue; at least `length` others in it; one of them waiting for
    `oldest_ms`; an expected wait of `expected_ms`; `nobody` of its agents there. `joining_only`: for newcomers only.

    It does one of these: moves to `queue`, with the place kept and points added; refuses; or asks agents of the queues in
    `borrow` as well, whatever their skills if `anybody`. `texts` by language are told to the customer.
    """

    after_ms: int = 0
    length: int = 0
    oldest_ms: int = 0
    expected_ms: int = 0
    nobody: Attendance | None = None
    joining_only: bool = False
    queue: Address = Address("")
    keeps_place: bool = True
    points: int = 0
    borrow: tuple[Address, ...] = ()
    anybody: bool = False
    texts: dict[str, str] = {}


class Lending(Value, frozen=True):
    """To which queues (none named: to all) a queue lends its agents, and while what holds of its own customers.

    `service_level_permille`: so many of them were answered in time lately. `expected_ms`: a newcomer would wait no longer.
    With neither, while nobody waits.
    """

    to: tuple[Address, ...] = ()
    service_level_permille: int = 0
    expected_ms: int = 0


class Announce(Value, frozen=True):
    """What those waiting are told, and when: after `first_after_ms`, then every `every_ms` (0: never again)."""

    position: bool = True
    expected_wait: bool = True
    first_after_ms: int = 10_000
    every_ms: int = 60_000


class Prefer(Value, frozen=True):
    """Who serves a queue's newcomers before anybody else, for `for_ms`.

    First the agent whom the customer's attribute `dedicated` names (empty: none), then whoever served them last, at most
    `last_within_ms` ago (0: nobody). An agent who is not signed in is passed over if `only_if_signed_in`. Nobody waits for
    longer than `answer_ms` until it is known who that is.
    """

    for_ms: int
    dedicated: str = ""
    last_within_ms: int = 0
    only_if_signed_in: bool = True
    answer_ms: int = 500


class QueueConfig(Value, frozen=True):
    """How one queue behaves. `service_level_ms` is the target wait that counters report against.

    `requires` and `where` are added by the queue to what an arrival itself asks for, so a transfer meets the new queue's
    needs only. `relax` is in the order of `after_ms`. `choice` is how an agent is chosen (`actors.routing.strategy`).
    Who waits gains `ageing` points of priority an hour; `lifo` serves the newest first. When the configuration changes,
    `reevaluates` says that those who wait already are asked for anew, rather than as they came in.

    One interaction is offered to up to `at_once` agents at a time: at once, or with `every_ms` to one at first and to one
    more after each such time. An agent who lets an offer ring out is not asked again for `no_answer_backoff_ms` and becomes
    `no_answer`, one who is busy is not for `busy_backoff_ms`; None: as one who rejects, as the agent's configuration says.
    """

    name: str
    offer_timeout_ms: int = 20_000
    wrap_up_ms: int = 30_000
    reject_backoff_ms: int = 10_000
    service_level_ms: int = 20_000
    requires: tuple[SkillLevel, ...] = ()
    where: str = ""
    relax: tuple[Relaxation, ...] = ()
    choice: str = ""
    ageing: int = 0
    lifo: bool = False
    reevaluates: bool = False
    #: None: the position on entry and on return, and nothing else.
    announce: Announce | None = None
    overflow: tuple[OverflowRule, ...] = ()
    lends: Lending | None = None
    at_once: int = 1
    every_ms: int = 0
    no_answer_backoff_ms: int | None = None
    busy_backoff_ms: int | None = None
    no_answer: PresenceState | None = None
    #: None: whoever comes first in the queue's order of agents.
    prefer: Prefer | None = None


class AgentConfig(Value, frozen=True):
    """Who an agent is: skills, queues served, and how much at once.

    `capacity` holds the most interactions of each channel, `capacity_total` the units over all channels. An interaction
    takes one unit unless `capacity_rules` say otherwise. `memberships` says how, where a queue is not served like every
    other. `window_ms` is the time over which their recent interactions and talk count. With the reserve policy the last
    one free leaves up to `hold_back` of a broader class waiting. Away for a reason in `away_available` they count as
    available to rules of overflow, for one in `away_absent` as not there at all.
    At most `max_offers` ring at once (0: as many as there is room for). Who lets an offer ring out becomes `no_answer`, and
    is signed out after `sign_out_after` in a row (0: never).
    """

    name: str
    skills: tuple[SkillLevel, ...] = ()
    queues: tuple[Address, ...] = ()
    capacity: dict[str, int] = {}
    capacity_total: int = 1
    auto_accept: bool = False
    desk_grace_ms: int = 30_000
    attributes: dict[str, str | int | float | bool] = {}
    groups: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()
    window_ms: int = 3_600_000
    capacity_rules: CapacityRules = NO_RULES
    hold_back: int = 0
    away_available: tuple[str, ...] = ()
    away_absent: tuple[str, ...] = ()
    max_offers: int = 0
    no_answer: PresenceState = PresenceState.NOT_RESPONDING
    sign_out_after: int = 0

    @property
    def limits(self) -> Capacity:
        """All of the agent's capacity in one."""
        return Capacity(self.capacity, self.capacity_total, self.capacity_rules)


class Reserve(Value, frozen=True):
    """The reserve policy (`actors.routing.reserve`): what only few can serve may go before what came this much earlier."""

    head_start_ms: int


class CentrePlan(Value, frozen=True):
    """A whole validated configuration, compiled: what each actor is to be told, and what the edge needs."""

    queues: dict[str, QueueConfig]
    agents: dict[str, AgentConfig]
    #: JSON for gateways and adapters (entry points, hours, sign-in), opaque to actors.
    edge: str
    #: Whether the router looks at all who are free together before it assigns any.
    in_batches: bool = True
    #: None: first come, first served.
    reserve: Reserve | None = None


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

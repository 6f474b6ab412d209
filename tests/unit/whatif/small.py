"""A small contact centre for what-if tests, with numbers that can be reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from cluster.catalogue import load_catalogue
from cluster.invariants.checker import Checker
from cluster.store.base import Commit
from cluster.whatif.arrivals import Arrivals, Door
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.conduct import BACKS_DRAWN, OFFERS_DRAWN, Conduct, Needs
from cluster.whatif.day import EVERYBODY_ALL_DAY, SimulatedDay
from cluster.whatif.laws import Law, Laws, parse_law
from cluster.whatif.shifts import Shifts

MONDAY = date(2026, 1, 5)
DOORS = (Door("chat", "default"), Door("chat", "urgent"), Door("phone", "default"))
CENTRE = """
version: 1
name: Small
timezone: Europe/London
hours:
  office: {{weekly: {{mon-fri: ["09:00-17:00"]}}}}
queues:
  general: {{name: General, wrap_up_s: {wrap_up_s}, offer_timeout_s: 20, reject_backoff_s: 10}}
  calls: {{name: Calls, wrap_up_s: 0, priority: 5, service_level: {{percent: 80, seconds: 10}}, hours: office}}
routing_profiles:
  all: {{queues: [general, calls], capacity: {{chat: {chats}, phone: 1}}, capacity_total: {chats}, auto_accept: {auto_accept}}}
agents:
  team: {{name: Agent, routing_profile: all, password: trunkline, count: {agents}}}
channels:
  chat:
    entry_points:
      default: {{queue: general}}
      urgent: {{queue: general, priority: 9}}
  phone:
    entry_points: {{default: {{queue: calls}}}}
"""


def centre(
    agents: int = 1, chats: int = 1, wrap_up_s: float = 0, auto_accept: str = "false", name: str = "small.yaml"
) -> CentreFile:
    """The centre with so many agents, chats at once and so much after-work."""
    text = CENTRE.format(agents=agents, chats=chats, wrap_up_s=wrap_up_s, auto_accept=auto_accept)
    return CentreFile.parsed(text, name)


def coming(
    *at_s: float, doors: tuple[int, ...] = (), from_h: float = 9, services_s: float = 60.0, patiences_s: float = np.inf
) -> Arrivals:
    """Arrivals so many seconds after the opening, through the first door if none is named."""
    count, from_s = len(at_s), 3600 * from_h
    return Arrivals(
        0, from_s + np.array(at_s), from_s, from_s + 3600, np.array(doors or (0,) * count), np.full(count, -1),
        np.full(count, services_s), np.full(count, patiences_s),
    )  # fmt: skip


def conduct(
    answer: str = "fixed:2", back: str = "fixed:60", wrap_up: Law | None = None, no_answer: float = 0, reject: float = 0
) -> Conduct:
    """People who need a minute and never give up, unless arrivals say otherwise."""
    never = Laws(parse_law("never", "patience"))
    service = Laws(parse_law("fixed:60", "service"))
    return Conduct(service, never, parse_law(answer, "answer"), no_answer, reject, parse_law(back, "back"), wrap_up)


def needs(count: int, fate: float = 0.999) -> Needs:
    """Everybody at the median; every offer has this fate."""
    half = np.full(count, 0.5)
    fates, answers = np.full((2, count, OFFERS_DRAWN), 0.5)
    return Needs(half, half, np.full_like(fates, fate), answers, half, np.full(BACKS_DRAWN, 0.5))


def played(
    of: CentreFile,
    people: Conduct,
    arrivals: Arrivals,
    drawn: Needs | None = None,
    commits: Callable[[Commit], None] | None = None,
    shifts: Shifts = EVERYBODY_ALL_DAY,
) -> SimulatedDay:
    """Play a day to its end; nothing may be refused and no invariant broken."""
    checker = Checker()
    drawn = drawn or needs(len(arrivals))
    day = SimulatedDay(of, people, DOORS, arrivals, drawn, load_catalogue(), MONDAY, checker, commits, shifts)
    day.run()
    assert (day.refusals, checker.finish().violations) == ([], []), "the real actors must agree with every step"
    return day

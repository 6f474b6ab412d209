"""The figures of a run, live and final: counts, waits, service level, time to the first offer.

Waits run from opening to being connected with the first agent. The service level is the share answered within the
target among those answered and those who left without an agent, so that abandoning does not improve it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.demo.observed import ENDED, Observed, Stage, Talk

#: The wait that counts as in time (s).
TARGET_S: Final = 20.0
#: Messages a second are counted over this time (s).
WINDOW_S: Final = 5.0


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that at least this share (0 to 1) of all do not exceed (nearest rank); 0 for no values."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def service_level(talks: Iterable[Talk], target_s: float = TARGET_S) -> float:
    """Share (0 to 1) of customers served in time; 1 while nobody was served or left."""
    in_time = judged = 0
    for talk in talks:
        waited_s = talk.waited_s
        if waited_s is not None:
            judged += 1
            in_time += waited_s <= target_s
        elif talk.stage is Stage.ABANDONED:
            judged += 1
    return in_time / judged if judged else 1.0


@dataclass(frozen=True, slots=True)
class Board:
    """One glance at a run."""

    arrived: int
    waiting: int
    offered: int
    talking: int
    done: int
    abandoned: int
    service_level: float
    average_wait_s: float
    p90_wait_s: float
    messages_per_s: float


def board(observed: Observed) -> Board:
    """How things stand now."""
    talks = observed.talks.values()
    stages = Counter(talk.stage for talk in talks)
    waits = waits_s(talks)
    deliveries, now = observed.deliveries, observed.clock()
    while deliveries and deliveries[0] < now - WINDOW_S:
        deliveries.popleft()
    return Board(
        arrived=len(talks),
        waiting=stages[Stage.WAITING],
        offered=stages[Stage.OFFERED],
        talking=stages[Stage.TALKING],
        done=stages[Stage.DONE],
        abandoned=stages[Stage.ABANDONED],
        service_level=service_level(talks),
        average_wait_s=sum(waits) / len(waits) if waits else 0.0,
        p90_wait_s=percentile(waits, 0.9),
        messages_per_s=len(deliveries) / WINDOW_S,
    )


def waits_s(talks: Iterable[Talk]) -> list[float]:
    """The waits of all who were served."""
    return [waited_s for talk in talks if (waited_s := talk.waited_s) is not None]


def summary(observed: Observed, agents: int, duration_s: float) -> dict[str, object]:
    """The run's figures as one JSON object, without what `trunkline verify` finds."""
    talks: Sequence[Talk] = list(observed.talks.values())
    waits = waits_s(talks)
    offers_ms = [(talk.first_offer_at - talk.opened_at) * 1000 for talk in talks if talk.first_offer_at is not None]
    return {
        "customers": len(talks),
        "agents": agents,
        "ended": sum(talk.stage in ENDED for talk in talks),
        "abandoned": sum(talk.stage is Stage.ABANDONED for talk in talks),
        "messages_sent": observed.sent,
        "messages_delivered": observed.delivered,
        "offers": observed.counts["offers"],
        "rejected": observed.counts["rejected"],
        "rang_out": observed.counts["rang_out"],
        "transfers": sum(talk.transfers for talk in talks),
        "waits": {
            "unit": "s",
            "p50": round(percentile(waits, 0.5), 3),
            "p90": round(percentile(waits, 0.9), 3),
            "max": round(max(waits, default=0.0), 3),
        },
        "service_level": round(service_level(talks), 4),
        "service_level_s": TARGET_S,
        "offer_ms": {"p50": round(percentile(offers_ms, 0.5), 1), "p99": round(percentile(offers_ms, 0.99), 1)},
        "duration_s": round(duration_s, 3),
    }

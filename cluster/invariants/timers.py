"""Judges timers (I8): none fires early, none takes effect twice, and none is left behind once faults stop."""

from __future__ import annotations

from typing import Final

from actors.events import TimerTookEffect
from cluster.invariants.commits import ShardState
from cluster.invariants.report import Findings
from cluster.store.base import ShardImage

#: Timer names remembered for each actor.
REMEMBERED: Final = 1_000


class Timers:
    """The handler of timer events."""

    def __init__(self, findings: Findings, slack_ms: int) -> None:
        self.findings = findings
        self.slack_ms = slack_ms
        self.fired = 0
        #: Actor -> timer name -> due time of its last effect.
        self.last: dict[str, dict[str, int]] = {}

    def took_effect(self, state: ShardState, who: str, event: TimerTookEffect) -> None:
        """Runtime: a timer fired and its turn was applied."""
        self.fired += 1
        own = self.last.get(event.address)
        if own is None:
            own = self.last[event.address] = {}
        if own.get(event.name) == event.due_at:
            detail = f"timer {event.name!r} due at {event.due_at} took effect twice"
            self.findings.violated("I8", state.shard, state.number, event.address, detail)
        elif len(own) >= REMEMBERED:
            # Names hold reservations, so there is always a new one; a repeat comes soon or never.
            del own[next(iter(own))]
        own[event.name] = event.due_at
        if event.due_at > state.now:
            detail = f"timer {event.name!r} took effect {event.due_at - state.now} ms early"
            self.findings.violated("I8", state.shard, state.number, event.address, detail)

    def actor_ended(self, address: str) -> None:
        """Runtime: the actor was deleted, and its timers with it."""
        self.last.pop(address, None)

    def stored(self, image: ShardImage, settled: bool, now: int) -> None:
        """The timers that a store still has: none may be long overdue when nothing is wrong any more."""
        if not settled:
            return
        for key, due_at in image.timers.items():
            if due_at + self.slack_ms < now:
                detail = f"timer {key!r} is {now - due_at} ms overdue and has not fired"
                self.findings.violated("I8", image.shard, 0, key, detail)

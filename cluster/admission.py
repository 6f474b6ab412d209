"""Decides which arrivals a gateway lets in, by how long what it let in before took to be committed.

    frames to a host ... receipt    ->  observe(host, how long the oldest of them took)
    an arrival's turn to go there   ->  refusal_ms(host): 0 lets it in, else when to come again

A host is *behind* while that time is above a target. Being behind for a moment is a burst, which larger batches work off;
after `patience_s` of it without a break the host is *overloaded*. From then on arrivals are let in at a rate that follows
the time: lower while even the best of the last half second was above the target, higher while it was below, and next to
none while the host is far behind. It begins with what the host committed meanwhile, so it finds what this machine can do
with this mix of work, and no rate is set anywhere. Once the host was not behind for `patience_s`, and nobody had to be
refused, it is itself again. The shortest time of an interval is what counts, as
in CoDel (Nichols and Jacobson, "Controlling Queue Delay", 2012): a large batch takes long by itself, a standing queue
makes everything take long.

Invariants kept: only what begins something is refused; a host that gives no answer (it died, its store stands still) does
not become overloaded by that, because its successor may be faster than any refusal; some arrivals are always let in; and
nothing here outlives a surge: the rate grows until nobody is refused, and one patience later everything is as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from cluster.telemetry import metrics
from cluster.telemetry.meter import Samples, sample

log = structlog.get_logger("edge")

#: How often the rate is adapted, by how much at most, and how strongly it follows the time.
EVERY_S = 0.5
LEAST_FACTOR, MOST_FACTOR, GAIN = 0.7, 1.25, 0.3
#: A host that is behind by so many targets works off what it has before anybody else comes, and then begins with so much
#: of the rate.
DRAINING, DRAIN_FACTOR = 2.0, 0.5
#: Arrivals a second that are let in however late the host is: without any, nobody would find out that it is well.
LEAST_PER_S = 2.0
#: Least and most that whoever was refused is asked to wait.
LEAST_RETRY_S, MOST_RETRY_S = 1.0, 30.0
#: Spreads those who come again: multiples of the golden ratio, modulo one, are as even as can be without chance.
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """How long frames may take to be committed, and how long they may take longer before arrivals are refused."""

    target_ms: float = 500.0
    patience_s: float = 10.0


class _Overload:
    """While a host is overloaded: the rate at which arrivals are let in, as a bucket of tokens."""

    __slots__ = ("adapted_at_s", "draining", "filled_at_s", "least_ms", "per_s", "refused", "since_s", "target_ms", "tokens")

    def __init__(self, now_s: float, per_s: float, target_ms: float) -> None:
        self.since_s = self.adapted_at_s = self.filled_at_s = now_s
        self.per_s = max(LEAST_PER_S, per_s)
        self.target_ms = target_ms
        self.tokens = 0.0
        self.refused = 0
        self.least_ms: float | None = None
        #: Far behind: what is there is worked off before anybody else comes.
        self.draining = False

    def observe(self, now_s: float, delay_ms: float) -> None:
        """Follow the shortest time of each interval."""
        if delay_ms > DRAINING * self.target_ms:
            # Once: what is seen from now on was let in before, and a second cut for the same would be one too many.
            if not self.draining:
                self.per_s = max(LEAST_PER_S, self.per_s * DRAIN_FACTOR)
            self.draining = True
            self.adapted_at_s, self.least_ms, self.refused = now_s, None, 0
            return
        self.draining = False
        least_ms = self.least_ms = delay_ms if self.least_ms is None else min(delay_ms, self.least_ms)
        if now_s - self.adapted_at_s < EVERY_S:
            return
        factor = min(MOST_FACTOR, max(LEAST_FACTOR, 1 + GAIN * (1 - least_ms / self.target_ms)))
        # If nobody had to be refused, a higher rate would be a guess.
        if factor < 1 or self.refused:
            self.per_s = max(LEAST_PER_S, self.per_s * factor)
        self.adapted_at_s, self.least_ms, self.refused = now_s, None, 0

    def lets_in(self, now_s: float) -> bool:
        """Whether one more may come."""
        per_s = LEAST_PER_S if self.draining else self.per_s
        self.tokens = min(max(1.0, per_s * self.target_ms / 1000), self.tokens + (now_s - self.filled_at_s) * per_s)
        self.filled_at_s = now_s
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        return True


class _Host:
    """What is known of one host."""

    __slots__ = ("behind_since_s", "calm_since_s", "committed", "overload", "seen_at_s")

    def __init__(self) -> None:
        self.seen_at_s = 0.0
        self.behind_since_s: float | None = None
        self.calm_since_s: float | None = None
        #: Arrivals committed since it is behind.
        self.committed = 0
        self.overload: _Overload | None = None


class Admission:
    """One gateway's. `now_s` is the event loop's time, which nobody sets back."""

    def __init__(self, options: AdmissionOptions, now_s: Callable[[], float]) -> None:
        self.options = options
        self._now_s = now_s
        self._hosts: dict[str, _Host] = {}
        #: Host -> arrivals refused.
        self._refused: dict[str, int] = {}

    @property
    def overloaded(self) -> list[str]:
        """Hosts that are overloaded now, by name."""
        return sorted(host for host, known in self._hosts.items() if known.overload is not None)

    def is_overloaded(self, host: str) -> bool:
        """Whether arrivals for this host are to be judged one by one."""
        known = self._hosts.get(host)
        return known is not None and known.overload is not None

    def observe(self, host: str, delay_ms: float, arrivals: int = 0) -> None:
        """The oldest of some frames was committed by this host after so long; so many of them were arrivals."""
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Host()
        now_s = self._now_s()
        if now_s - delay_ms / 1000 > known.seen_at_s:
            known.behind_since_s = None  # Even the oldest came after the last receipt: for a moment nothing was waiting.
        known.seen_at_s = now_s
        if known.overload is not None:
            known.overload.observe(now_s, delay_ms)
        if delay_ms > self.options.target_ms:
            self._behind(host, known, now_s, delay_ms, arrivals)
        else:
            self._well(host, known, now_s)

    def forget(self, host: str) -> None:
        """The host is gone; another of its name knows nothing of its backlog."""
        self._hosts.pop(host, None)

    def refusal_ms(self, host: str) -> int:
        """Whether one more arrival is let in: 0, or when (ms) whoever sent it may come again.

        An overload that has lasted so long is expected to last that long again, which is all that is known about its
        end; those who are refused at the same time are told times that are spread by half.
        """
        known = self._hosts.get(host)
        now_s = self._now_s()
        if known is None or (overload := known.overload) is None or overload.lets_in(now_s):
            return 0
        known.calm_since_s = None
        count = self._refused[host] = self._refused.get(host, 0) + 1
        lasted_s = min(MOST_RETRY_S, max(LEAST_RETRY_S, now_s - overload.since_s))
        return int(lasted_s * 1000 * (0.75 + 0.5 * (count * GOLDEN % 1)))

    def samples(self) -> Samples:
        """How many hosts are overloaded, and how many arrivals were refused because of which."""
        refused = [sample(metrics.TURNED_AWAY, count, host) for host, count in self._refused.items()]
        return [sample(metrics.OVERLOADED_HOSTS, len(self.overloaded)), *refused]

    def _behind(self, host: str, known: _Host, now_s: float, delay_ms: float, arrivals: int) -> None:
        known.calm_since_s = None
        if known.behind_since_s is None:
            known.behind_since_s, known.committed = now_s, 0
            return
        known.committed += arrivals
        behind_s = now_s - known.behind_since_s
        if known.overload is None and behind_s >= self.options.patience_s:
            per_s = known.committed / behind_s if behind_s else 0.0
            known.overload = _Overload(now_s, per_s, self.options.target_ms)
            known.overload.observe(now_s, delay_ms)
            log.warning("arrivals_refused", host=host, behind_s=round(behind_s, 1), let_in_per_s=round(known.overload.per_s, 1))

    def _well(self, host: str, known: _Host, now_s: float) -> None:
        known.behind_since_s = None
        if known.overload is None:
            return
        if known.calm_since_s is None:
            known.calm_since_s = now_s
        if now_s - known.calm_since_s >= self.options.patience_s:
            log.info("arrivals_taken", host=host, overloaded_s=round(now_s - known.overload.since_s, 1))
            known.overload = known.calm_since_s = None

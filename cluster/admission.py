"""Decides which arrivals a gateway lets in, by how long what it let in before took to be committed.

    frames to a host ... receipt    ->  observe(host, how long the oldest of them took)
    an arrival reaches the gateway  ->  refusal_ms(host, ...): 0 lets it in, else when to come again

A host is *behind* while that time is above a target. Who came before it was behind, or within `burst_s` of that, is let
in: that is a burst, which larger batches work off. If it is behind for longer it is *overloaded*, and from then on
arrivals are let in at a rate. The rate begins with what was usual, and is measured as soon as the backlog is gone: what
was let in between two instants without a backlog is what was served between them, whatever a conversation costs and
however long after its arrival. From there it grows a little while the host is quick and shrinks a little while it is
behind (the shortest time of an interval counts, as in CoDel, Nichols and Jacobson, "Controlling Queue Delay", 2012: a
large batch takes long by itself, a standing queue makes everything take long). While the host is behind, of the rate only
the share passes that the target has in the time, so that a backlog shrinks.

Invariants kept: only what begins something is refused; as many as usual are let in unless the host is behind for longer
than `patience_s`, so that a stall refuses nobody; a host that gives no answer (it died, its store stands still) does not
become overloaded by that, because its successor may be faster than any refusal; some arrivals are always let in; and
nothing here outlives a surge: once nobody was refused for one patience, everything is as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from cluster.telemetry import metrics
from cluster.telemetry.meter import Samples, sample

log = structlog.get_logger("edge")

#: How often the rate is adapted, and by how much.
EVERY_S = 0.5
GROWTH, CUT = 1.1, 0.9
#: A host that is behind by so many targets has a backlog; when that is gone the rate is measured.
BACKLOG = 2.0
#: What is usual is an average over about so long, and so many times as many may come before it is a surge.
USUAL_OVER_S, USUAL_FACTOR = 30.0, 1.5
#: An arrival counts as having come when its adapter says, but at most so long before it reached the gateway: what waited
#: for its link's window is that much part of a burst, and a clock that is wrong gains no more.
MOST_WAITED_S = 10.0
#: Arrivals a second that are let in however late the host is: without any, nobody would find out that it is well.
LEAST_PER_S = 2.0
#: Least and most that whoever was refused is asked to wait.
LEAST_RETRY_S, MOST_RETRY_S = 1.0, 30.0
#: With nothing to do for so long, what the host is behind with now has nothing to do with what it was behind with then.
IDLE_S = 1.0
#: Spreads those who come again: multiples of the golden ratio, modulo one, are as even as can be without chance.
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """How long frames may take to be committed, and how long they may take longer before arrivals are refused.

    After `burst_s` it is those beyond what is usual, after `patience_s` any.
    """

    target_ms: float = 250.0
    patience_s: float = 10.0
    burst_s: float = 1.0


class _Usual:
    """How many arrivals come in a second, as long as the host is well."""

    __slots__ = ("_at_s", "_let_in", "_over_s", "per_s")

    def __init__(self, now_s: float) -> None:
        self.per_s = self._over_s = 0.0
        self.begin(now_s, 0)

    def begin(self, now_s: float, let_in: int) -> None:
        """Count from here on; `let_in` is how many have been let in so far."""
        self._at_s, self._let_in = now_s, let_in

    def look(self, now_s: float, let_in: int) -> None:
        """Take in what came since the last look."""
        passed_s = now_s - self._at_s
        if passed_s < EVERY_S:
            return
        self._over_s = min(USUAL_OVER_S, self._over_s + passed_s)
        self.per_s += ((let_in - self._let_in) / passed_s - self.per_s) * min(1.0, passed_s / self._over_s)
        self.begin(now_s, let_in)


class _Overload:
    """While a host is overloaded: the rate at which arrivals are let in, as a bucket of tokens."""

    def __init__(self, options: AdmissionOptions, now_s: float, behind_since_s: float, let_in: int, usual_per_s: float) -> None:
        self.target_ms = options.target_ms
        self._burst_s = options.burst_s
        self.since_s = now_s
        #: Until when somebody must have come to be part of the burst, and until when the usual rate is kept up.
        self.burst_until_s = behind_since_s + options.burst_s
        self.usual_until_s = behind_since_s + options.patience_s
        self.usual_per_s = max(LEAST_PER_S, usual_per_s * USUAL_FACTOR)
        self.per_s = self.usual_per_s
        self.delay_ms = 0.0
        self._adapted_at_s = self._filled_at_s = now_s
        self._tokens = 0.0
        self._refused = 0
        self._least_ms: float | None = None
        #: There is a backlog, and since when, and from which arrival on, everything came that has been served when it is gone.
        self._backlog = True
        self._measured_at_s, self._measured = behind_since_s, let_in
        self.is_measured = False

    def observe(self, now_s: float, delay_ms: float, let_in: int) -> None:
        """Follow the shortest time of each interval."""
        self.delay_ms = delay_ms
        if delay_ms > BACKLOG * self.target_ms:
            self._backlog = True
        elif self._backlog and delay_ms < self.target_ms:
            self.per_s = max(LEAST_PER_S, (let_in - self._measured) / (now_s - self._measured_at_s))
            self._measured_at_s, self._measured, self._backlog = now_s, let_in, False
            self.is_measured = True
            self._next(now_s)
            return
        self._least_ms = delay_ms if self._least_ms is None else min(delay_ms, self._least_ms)
        if now_s - self._adapted_at_s < EVERY_S:
            return
        if self._least_ms >= self.target_ms:
            # Not while a backlog is worked off: that was let in before, and what to let in is measured at its end.
            self.per_s = self.per_s if self._backlog else max(LEAST_PER_S, self.per_s * CUT)
        elif self._refused:
            self.per_s *= GROWTH  # If nobody had to be refused, a higher rate would be a guess.
        self._next(now_s)

    def _next(self, now_s: float) -> None:
        self._adapted_at_s, self._least_ms, self._refused = now_s, None, 0

    def lets_in(self, now_s: float, waited_s: float) -> bool:
        """Whether one more may come, who has waited for so long already."""
        if now_s - min(waited_s, MOST_WAITED_S) < self.burst_until_s:
            return True
        per_s = self.per_s * self.target_ms / max(self.target_ms, self.delay_ms)
        per_s = max(per_s, self.usual_per_s if now_s < self.usual_until_s else LEAST_PER_S)
        self._tokens = min(max(1.0, per_s * self._burst_s), self._tokens + (now_s - self._filled_at_s) * per_s)
        self._filled_at_s = now_s
        if self._tokens < 1:
            self._refused += 1
            return False
        self._tokens -= 1
        return True


class _Host:
    """What is known of one host."""

    __slots__ = ("behind_since_s", "calm_since_s", "let_in", "let_in_before", "overload", "seen_at_s", "usual")

    def __init__(self, now_s: float) -> None:
        self.seen_at_s = 0.0
        self.behind_since_s: float | None = None
        self.calm_since_s: float | None = None
        #: Arrivals so far, and when it fell behind.
        self.let_in = self.let_in_before = 0
        self.usual = _Usual(now_s)
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

    def is_limited(self, host: str) -> bool:
        """Whether this host has worked off its burst, and what it is given now follows from how it fares."""
        known = self._hosts.get(host)
        return known is not None and known.overload is not None and known.overload.is_measured

    def observe(self, host: str, delay_ms: float) -> None:
        """The oldest of some frames was committed by this host after so long."""
        known = self._known(host)
        now_s = self._now_s()
        if now_s - delay_ms / 1000 > known.seen_at_s + IDLE_S:
            known.behind_since_s = None  # Even the oldest came long after the last receipt: nothing was waiting meanwhile.
        known.seen_at_s = now_s
        if known.overload is not None:
            known.overload.observe(now_s, delay_ms, known.let_in)
        if delay_ms > self.options.target_ms:
            self._behind(host, known, now_s, delay_ms)
        else:
            self._well(host, known, now_s)

    def forget(self, host: str) -> None:
        """The host is gone; another of its name knows nothing of its backlog."""
        self._hosts.pop(host, None)

    def refusal_ms(self, host: str, waited_s: float = 0.0) -> int:
        """Whether one more arrival is let in: 0, or when (ms) whoever sent it may come again.

        An overload that has lasted so long is expected to last that long again, which is all that is known about its
        end; those who are refused at the same time are told times that are spread by half.

        Args:
            waited_s: How long the arrival has waited in its adapter for its link to have room.
        """
        known = self._known(host)
        now_s = self._now_s()
        if (overload := known.overload) is None or overload.lets_in(now_s, waited_s):
            known.let_in += 1
            return 0
        known.calm_since_s = None
        count = self._refused[host] = self._refused.get(host, 0) + 1
        lasted_s = min(MOST_RETRY_S, max(LEAST_RETRY_S, now_s - overload.since_s))
        return int(lasted_s * 1000 * (0.75 + 0.5 * (count * GOLDEN % 1)))

    def samples(self) -> Samples:
        """How many hosts are overloaded, and how many arrivals were refused because of which."""
        refused = [sample(metrics.TURNED_AWAY, count, host) for host, count in self._refused.items()]
        return [sample(metrics.OVERLOADED_HOSTS, len(self.overloaded)), *refused]

    def _known(self, host: str) -> _Host:
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Host(self._now_s())
        return known

    def _behind(self, host: str, known: _Host, now_s: float, delay_ms: float) -> None:
        known.calm_since_s = None
        if known.behind_since_s is None:
            known.behind_since_s, known.let_in_before = now_s, known.let_in
            return
        behind_s = now_s - known.behind_since_s
        if known.overload is None and behind_s >= self.options.burst_s:
            overload = _Overload(self.options, now_s, known.behind_since_s, known.let_in_before, known.usual.per_s)
            known.overload = overload
            overload.observe(now_s, delay_ms, known.let_in)
            log.warning("arrivals_refused", host=host, behind_s=round(behind_s, 1), let_in_per_s=round(overload.per_s, 1))

    def _well(self, host: str, known: _Host, now_s: float) -> None:
        if known.behind_since_s is not None:
            known.behind_since_s = None
            known.usual.begin(now_s, known.let_in)
        if known.overload is None:
            known.usual.look(now_s, known.let_in)
            return
        if known.calm_since_s is None:
            known.calm_since_s = now_s
        if now_s - known.calm_since_s >= self.options.patience_s:
            log.info("arrivals_taken", host=host, overloaded_s=round(now_s - known.overload.since_s, 1))
            known.overload = known.calm_since_s = None
            known.usual.begin(now_s, known.let_in)

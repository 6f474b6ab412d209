"""Decides which arrivals a gateway lets in, by how long what it let in before had to wait.

    frames to a host ... receipt      ->  observe(host, how long the oldest of them took)
    an arrival's turn to go there     ->  refusal_ms(host, how long it waited): 0 lets it in, else when to come again

A host is *behind* while that wait is above a target. Being behind for a moment is a burst, which batches work off; after
`patience_s` of it the host is *overloaded*: from then on an arrival is let in only at moments when the host is not behind.
So the cluster takes what it can commit within the target, whatever that is on this machine and at this mix, and no rate is
set anywhere. A host that has not been behind for `patience_s` is itself again.

Invariants kept: only what begins something is ever refused; a host that is waited for without an answer (it died, its
store stands still) does not become overloaded by that, because its successor may be faster than any refusal; nothing
here outlives a surge: one patience without delay and everything is as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from cluster.telemetry import metrics
from cluster.telemetry.meter import Samples, sample

log = structlog.get_logger("edge")

#: Least and most that whoever was refused is asked to wait.
LEAST_RETRY_S, MOST_RETRY_S = 1.0, 30.0
#: Spreads those who come again: multiples of the golden ratio, modulo one, are as even as can be without chance.
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """How long frames may take to be committed, and how long they may take longer before arrivals are refused."""

    target_ms: float = 250.0
    patience_s: float = 5.0


class _Pressure:
    """What is known of one host."""

    __slots__ = ("behind_since_s", "calm_since_s", "delay_ms", "overloaded_since_s")

    def __init__(self) -> None:
        self.delay_ms = 0.0
        self.behind_since_s: float | None = None
        self.calm_since_s: float | None = None
        self.overloaded_since_s: float | None = None


class Admission:
    """One gateway's. `now_s` is the event loop's time, which nobody sets back."""

    def __init__(self, options: AdmissionOptions, now_s: Callable[[], float]) -> None:
        self.options = options
        self._now_s = now_s
        self._hosts: dict[str, _Pressure] = {}
        #: (host, reason) -> arrivals refused.
        self._refused: dict[tuple[str, str], int] = {}

    @property
    def overloaded(self) -> list[str]:
        """Hosts that are overloaded now, by name."""
        return sorted(host for host, known in self._hosts.items() if known.overloaded_since_s is not None)

    def observe(self, host: str, delay_ms: float) -> None:
        """The oldest of some frames was committed by this host after so long."""
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Pressure()
        known.delay_ms = delay_ms
        now_s = self._now_s()
        if delay_ms > self.options.target_ms:
            known.calm_since_s = None
            if known.behind_since_s is None:
                known.behind_since_s = now_s
            if known.overloaded_since_s is None and now_s - known.behind_since_s >= self.options.patience_s:
                known.overloaded_since_s = now_s
                log.warning("arrivals_refused", host=host, delay_ms=round(delay_ms))
            return
        known.behind_since_s = None
        if known.overloaded_since_s is None:
            return
        if known.calm_since_s is None:
            known.calm_since_s = now_s
        if now_s - known.calm_since_s >= self.options.patience_s:
            log.info("arrivals_taken", host=host, overloaded_s=round(now_s - known.overloaded_since_s, 1))
            known.overloaded_since_s = known.calm_since_s = None

    def forget(self, host: str) -> None:
        """The host is gone; another of its name knows nothing of its backlog."""
        self._hosts.pop(host, None)

    def is_overloaded(self, host: str) -> bool:
        """Whether arrivals for this host are to be judged one by one."""
        known = self._hosts.get(host)
        return known is not None and known.overloaded_since_s is not None

    def refusal_ms(self, host: str, waited_ms: float) -> int:
        """Whether an arrival that has waited so long is let in: 0, or when (ms) whoever sent it may come again.

        An overload that has lasted so long is expected to last that long again, which is all that is known about its
        end; those who are refused at the same time are told times that are spread by half.
        """
        known = self._hosts.get(host)
        if known is None or known.overloaded_since_s is None:
            return 0
        if known.delay_ms > self.options.target_ms:
            reason = "delay"
        elif waited_ms > self.options.target_ms:
            reason = "age"
        else:
            return 0
        self._refused[host, reason] = self._refused.get((host, reason), 0) + 1
        lasted_s = min(MOST_RETRY_S, max(LEAST_RETRY_S, self._now_s() - known.overloaded_since_s))
        turn = sum(self._refused.values()) * GOLDEN % 1
        return int(lasted_s * 1000 * (0.75 + 0.5 * turn))

    def samples(self) -> Samples:
        """How many hosts are overloaded, and how many arrivals were refused because of which."""
        refused = [sample(metrics.TURNED_AWAY, count, *labels) for labels, count in self._refused.items()]
        return [sample(metrics.OVERLOADED_HOSTS, len(self.overloaded)), *refused]

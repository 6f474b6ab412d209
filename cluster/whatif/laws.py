"""Laws of times: how long customers are served, how long they wait, how fast agents answer.

A time is drawn by its law's inverse from a number between 0 and 1. So two configurations whose customers were given the
same numbers have the same customers (common random numbers), and differ by nothing but what was changed.

Keeps: every time is finite and at least 0, but that of `never`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from cluster.whatif.unusable import StudyUnusable, read_lines

#: No time that is drawn is longer: a week (s).
LONGEST_S: Final = 604_800.0
GRAMMAR: Final = "exponential:MEAN, lognormal:MEAN:CV, gamma:MEAN:CV, fixed:SECONDS, file:PATH or never"
#: CV: the standard deviation over the mean.
_WITH_SPREAD: Final = frozenset({"lognormal", "gamma"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Law:
    """One distribution. `text` is how it was written; times in seconds."""

    text: str
    kind: str
    mean_s: float = 0.0
    #: Standard deviation over mean.
    spread: float = 0.0
    #: Times that were measured, ascending, of an empirical law.
    measured: tuple[float, ...] = ()

    def times_s(self, uniform: Floats) -> Floats:
        """The times at these quantiles (each at least 0 and below 1)."""
        return np.minimum(self._inverse(uniform), math.inf if self.kind == "never" else LONGEST_S)

    def time_s(self, uniform: float) -> float:
        """The time at one quantile."""
        if self.kind == "fixed":
            return self.mean_s
        return float(self.times_s(np.array([uniform]))[0])

    def _inverse(self, uniform: Floats) -> Floats:
        match self.kind:
            case "fixed":
                return np.full(len(uniform), self.mean_s)
            case "never":
                return np.full(len(uniform), math.inf)
            case "exponential":
                return -self.mean_s * np.log1p(-uniform)
            case "lognormal":
                variance = math.log1p(self.spread**2)
                return np.exp(math.log(self.mean_s) - variance / 2 + math.sqrt(variance) * special.ndtri(uniform))
            case "gamma":
                shape = 1 / self.spread**2
                return np.asarray(special.gammaincinv(shape, uniform) * (self.mean_s / shape), np.float64)
            case _:
                measured = np.array(self.measured)
                return measured[(uniform * len(measured)).astype(np.int64)]


@dataclass(frozen=True, slots=True)
class Laws:
    """A law for everybody, and others for those of a queue or channel; the queue's comes before the channel's."""

    default: Law
    named: tuple[tuple[str, Law], ...] = ()

    def of(self, queue: str, channel: str) -> Law:
        """The law of those who come over this channel into this queue."""
        named = dict(self.named)
        return named.get(queue) or named.get(channel) or self.default

    def in_words(self) -> str:
        """How it was written."""
        return ", ".join([self.default.text, *(f"{name}={law.text}" for name, law in self.named)])


def parse_law(text: str, what: str) -> Law:
    """Read a law as `GRAMMAR` has it; a bare number is the mean of an exponential one.

    Raises:
        StudyUnusable: it is none; `what` says whose law it should have been.
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "never" and not rest:
        return Law(text, kind)
    if kind == "file" and rest:
        return Law(text, kind, measured=_measured(Path(rest), what))
    if not rest and kind[:1] in "0123456789.":
        kind, rest = "exponential", kind
    wanted = 2 if kind in _WITH_SPREAD else 1
    values = [_number(part) for part in rest.split(":")] if rest else []
    if kind not in {"exponential", "fixed", *_WITH_SPREAD} or len(values) != wanted:
        raise StudyUnusable(f"{what} `{text}` is no law; write {GRAMMAR}, times in seconds")
    mean_s, spread = values[0], values[1] if wanted == 2 else 0.0
    least = 0.0 if kind == "fixed" else 1e-6
    if not least <= mean_s <= LONGEST_S or (wanted == 2 and not 0.01 <= spread <= 20):
        raise StudyUnusable(f"{what} `{text}`: a mean is above 0 and at most {LONGEST_S:.0f} s, a CV 0.01 to 20")
    return Law(text, kind, mean_s, spread)


def parse_laws(texts: Sequence[str], default: Law, what: str, names: frozenset[str]) -> Laws:
    """Read `LAW` and `NAME=LAW`, where a name is one of a queue or channel.

    Raises:
        StudyUnusable: one of them is no law, or its name is neither.
    """
    named: dict[str, Law] = {}
    for text in texts:
        name, equals, law = text.partition("=")
        if not equals:
            default = parse_law(text, what)
            continue
        if name not in names:
            raise StudyUnusable(f"{what} `{text}`: there is no queue or channel `{name}`; there are {', '.join(sorted(names))}")
        named[name] = parse_law(law, what)
    return Laws(default, tuple(named.items()))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _measured(path: Path, what: str) -> tuple[float, ...]:
    """Times from a file with one number (s) in a line; empty lines and those that begin with `#` do not count."""
    found: list[float] = []
    for number, line in enumerate(read_lines(path, what).splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        value = _number(words)
        if not 0 <= value <= LONGEST_S:
            raise StudyUnusable(
                f"{path}:{number}: `{words[:40]}` is no time of 0 to {LONGEST_S:.0f} s; write one number in a line"
            )
        found.append(value)
    if not found:
        raise StudyUnusable(f"{path}: holds no times; write one number (seconds) in a line")
    return tuple(sorted(found))

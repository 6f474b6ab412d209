"""Reads `--arrivals` and `--door`: a file, or rates of Poisson arrivals.

poisson:120/h            through all doors alike, for eight hours
poisson:120/h:10h        for ten hours
poisson:webchat/cards=60/h,webchat/default=2/min:4h
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cluster.whatif.arrivals import Door, PoissonSource, Source, shares_of
from cluster.whatif.files import CsvArrivals, Reading
from cluster.whatif.unusable import StudyUnusable

POISSON: Final = "poisson:"
UNITS_S: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_RATE = re.compile(r"([0-9.]+)/(s|min|h)")
_LENGTH = re.compile(r"([0-9.]+)(s|min|h)")
DEFAULT_LENGTH_S: Final = 8 * 3600.0
LONGEST_S: Final = 14 * 86_400.0


def parse_doors(texts: Sequence[str], known: Sequence[Door]) -> dict[Door, float]:
    """`CHANNEL/ENTRY` or `CHANNEL/ENTRY=WEIGHT`; without any, all doors alike.

    Raises:
        StudyUnusable: there is no such door, or its weight is no number above 0.
    """
    if not texts:
        return dict.fromkeys(known, 1.0)
    weights: dict[Door, float] = {}
    for text in texts:
        name, _, weight = text.partition("=")
        weights[_door(name, known)] = _above_zero(weight or "1", f"door `{text}`")
    return weights


def open_source(text: str, weights: Mapping[Door, float], how: Reading) -> Source:
    """The source that `--arrivals` means; `how` is completed by the weights.

    Raises:
        StudyUnusable: it is none, or the file cannot be used.
    """
    how = replace(how, doors=tuple(weights), shares=shares_of(list(weights.values())))
    if not text.startswith(POISSON):
        return CsvArrivals(Path(text), how).source()
    spec = text.removeprefix(POISSON)
    rates_text, colon, length = spec.rpartition(":")
    if not colon:
        rates_text, length = spec, ""
    length_s = _length_s(length, text) if length else DEFAULT_LENGTH_S
    rates = _rates(rates_text, how, text)
    scaled = tuple(rate * how.scale for rate in rates.values())
    return PoissonSource(text, tuple(rates), scaled, how.opening_s, how.opening_s + length_s)


def _rates(text: str, how: Reading, whole: str) -> dict[Door, float]:
    """Rate per second of each door."""
    rates: dict[Door, float] = {}
    for part in text.split(","):
        name, equals, rate_text = part.rpartition("=")
        found = _RATE.fullmatch(rate_text.strip())
        if found is None:
            raise StudyUnusable(f"arrivals `{whole}`: `{part[:40]}` is no rate; write 120/h, 2/min or 0.5/s, or a file's name")
        rate = _above_zero(found.group(1), f"arrivals `{whole}`") / UNITS_S[found.group(2)]
        spread = {_door(name, sorted(how.known)): 1.0} if equals else dict(zip(how.doors, how.shares, strict=True))
        for door, share in spread.items():
            rates[door] = rates.get(door, 0.0) + rate * share
    return rates


def _length_s(text: str, whole: str) -> float:
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise StudyUnusable(f"arrivals `{whole}`: `{text[:40]}` is no length of time; write 8h, 90min or 600s")
    length_s = _above_zero(found.group(1), f"arrivals `{whole}`") * UNITS_S[found.group(2)]
    if length_s > LONGEST_S:
        raise StudyUnusable(f"arrivals `{whole}`: at most 14 days")
    return length_s


def _door(name: str, known: Sequence[Door]) -> Door:
    channel, _, entry_point = name.strip().partition("/")
    door = Door(channel, entry_point or "default")
    if door not in known:
        raise StudyUnusable(f"there is no entry point `{door}`; there are {', '.join(map(str, known))}")
    return door


def _above_zero(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise StudyUnusable(f"{what}: `{text[:40]}` is no number above 0")
    return value

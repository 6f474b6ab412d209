"""What routing profiles say of capacity that is allowed but hardly meant.

Invariants kept: every warning names a line; a profile without `costs`, `exclusive`, `interrupts` and `labels` has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.config.document import Document
from cluster.config.problems import Path, Problem, did_you_mean
from cluster.config.schema import Centre, RoutingProfile


def capacity_warnings(document: Document, centre: Centre) -> list[Problem]:
    """Channels that can never be served, rules without effect, and labels that nothing carries or limits."""
    problems: list[Problem] = []
    for profile_id, profile in centre.routing_profiles.items():
        at: Path = ("routing_profiles", profile_id)
        problems += _too_dear(document, profile, at)
        problems += _without_effect(document, profile, at)
    return [*problems, *_labels(document, centre)]


def _too_dear(document: Document, profile: RoutingProfile, at: Path) -> Iterator[Problem]:
    units = profile.units_in_all
    for channel, cost in profile.costs.items():
        if cost > units and profile.capacity.get(channel, 0):
            problem = f"`{channel}` can never be served: one costs {cost} units, and there are {units} in all"
            yield document.problem((*at, "costs", channel), problem, f"make it {units} at most, or raise `units`", key=True)


def _without_effect(document: Document, profile: RoutingProfile, at: Path) -> Iterator[Problem]:
    """Rules about channels that the profile has no capacity for."""
    served = {channel for channel, most in profile.capacity.items() if most}
    named: list[tuple[Path, str, bool]] = [(("costs", channel), channel, True) for channel in profile.costs]
    named += [(("exclusive", position), channel, False) for position, channel in enumerate(profile.exclusive)]
    for newcomer, others in profile.interrupts.items():
        named.append((("interrupts", newcomer), newcomer, True))
        named += [(("interrupts", newcomer, position), channel, False) for position, channel in enumerate(others)]
    for place, channel, is_key in named:
        if channel not in served:
            problem = f"this has no effect: agents of this profile take no `{channel}`"
            advice = f"give `{channel}` a number under `capacity`, or delete this"
            yield document.problem((*at, *place), problem, advice, key=is_key)


def _labels(document: Document, centre: Centre) -> Iterator[Problem]:
    """Labels that entry points give and no profile limits, and the other way round: most likely misspelt."""
    doors: dict[str, Path] = {}
    for channel_id, channel in centre.channels.items():
        for entry_id, entry in channel.entry_points.items():
            for position, label in enumerate(entry.labels):
                doors.setdefault(label, ("channels", channel_id, "entry_points", entry_id, "labels", position))
    limited: dict[str, Path] = {}
    for profile_id, profile in centre.routing_profiles.items():
        for label in profile.labels:
            limited.setdefault(label, ("routing_profiles", profile_id, "labels", label))
    for label, path in doors.items():
        if label not in limited:
            advice = _either(label, limited, f"limit `{label}` under `labels` of a routing profile")
            yield document.problem(path, f"no routing profile limits the label `{label}`", advice)
    for label, path in limited.items():
        if label not in doors:
            advice = _either(label, doors, f"give `{label}` to an entry point under `labels`")
            yield document.problem(path, f"no entry point gives the label `{label}`", advice, key=True)


def _either(label: str, known: Iterable[str], advice: str) -> str:
    """Advice for a label, with the name that was perhaps meant."""
    names = list(known)
    if not names:
        return advice
    meant = did_you_mean(label, names)
    return f"{meant}{' Or' if meant.endswith('?') else '; or'} {advice}"

"""How far routing is from the best that any policy can do, exactly: pooled bound, default, reserve policy and optimum."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cluster.simulator.chain import Chain
from cluster.simulator.optimum import find_optimum
from cluster.simulator.reserving import Reserving
from cluster.simulator.skills import NAMES, skill_model
from cluster.simulator.theory import SkillBased

#: Where numbers waiting are cut off, by the number of classes; more changes no figure that is shown.
MOST_WAITING_OPTIMUM = {2: 60, 3: 28}
MOST_WAITING = {2: 120, 3: 45}
#: Where the order between classes matters, there are 2 to this power lines.
MOST_IN_ORDER = 12


class Quality(msgspec.Struct, frozen=True):
    """One model's figures; waits in mean handling times, ratios to the pooled bound.

    `worst` is the largest ratio of a class' mean wait to what it is by default.
    """

    model: str
    about: str
    arrivals: dict[str, float]
    pooled_bound: float
    default: float
    reserve: float
    optimum: float
    #: How far each is above the optimum.
    default_above: float
    reserve_above: float
    reserve_worst: float
    optimum_worst: float
    default_waits: dict[str, float]
    reserve_waits: dict[str, float]
    optimum_waits: dict[str, float]
    #: Agent -> `hold_back` of the reserve policy, as computed from the rates.
    hold_back: dict[str, int]


def measure_quality(names: list[str] | None = None) -> list[Quality]:
    """The figures of these models, or of all.

    Raises:
        ValueError: there is no such model.
    """
    models = {name: skill_model(name) for name in names or NAMES}
    return [quality_of(name, model) for name, model in models.items()]


def quality_of(name: str, model: SkillBased) -> Quality:
    """Solve one model for each policy."""
    floor = model.pooled().mean_wait_s
    default, default_waits = model.mean_wait_s(), model.mean_waits_s()
    reserve, reserve_waits = reserve_mean_waits(model)
    reach = MOST_WAITING_OPTIMUM[len(model.arrival_rates)]
    best = find_optimum(model, reach)
    best_waits = Chain(model, best, most_waiting=reach).waits().by_kind
    return Quality(
        model=name,
        about=NAMES.get(name, ""),
        arrivals=dict(model.arrival_rates),
        pooled_bound=floor,
        default=default / floor,
        reserve=reserve / floor,
        optimum=best.mean_wait / floor,
        default_above=default / best.mean_wait - 1,
        reserve_above=reserve / best.mean_wait - 1,
        reserve_worst=worst(reserve_waits, default_waits),
        optimum_worst=worst(best_waits, default_waits),
        default_waits=dict(default_waits),
        reserve_waits=dict(reserve_waits),
        optimum_waits=dict(best_waits),
        hold_back=dict(zip(model.serves, Reserving(model).most_held, strict=True)),
    )


def reserve_mean_waits(model: SkillBased) -> tuple[float, dict[str, float]]:
    """The reserve policy's mean wait over all types, and of each, with head starts without limit."""
    policy = Reserving(model)
    if policy.is_default:
        return model.mean_wait_s(), model.mean_waits_s()
    most = MOST_IN_ORDER if policy.groups else MOST_WAITING[len(model.arrival_rates)]
    waits = Chain(model, policy, policy.groups, most).waits()
    return waits.mean, dict(waits.by_kind)


def worst(waits: Mapping[str, float], default: Mapping[str, float]) -> float:
    """The largest ratio of a class' wait to its wait by default."""
    return max(wait / default[kind] for kind, wait in waits.items())


def as_table(found: list[Quality]) -> str:
    """The figures for people, ratios to the pooled bound."""
    names = ["bound", "default", "reserve", "optimum"]
    units = ["(wait)", "(/bound)", "(/bound)", "(/bound)"]
    lines = [
        f"{'':8}{''.join(f'{name:>9}' for name in names)}  {'above the optimum':>20}  {'worst class / default':>22}",
        f"{'':8}{''.join(f'{unit:>9}' for unit in units)}  {'default':>10}{'reserve':>10}  {'reserve':>11}{'optimum':>11}",
    ]
    lines += [
        f"{one.model:8}{one.pooled_bound:9.4f}{one.default:9.4f}{one.reserve:9.4f}{one.optimum:9.4f}"
        f"  {one.default_above:10.1%}{one.reserve_above:10.1%}  {one.reserve_worst:11.3f}{one.optimum_worst:11.3f}"
        for one in found
    ]
    lines += ["", *(f"{one.model:8}{one.about}; {_rates(one.arrivals)}" for one in found)]
    held = [
        f"agent {agent} of {one.model} while at most {most} wait"
        for one in found
        for agent, most in one.hold_back.items()
        if most
    ]
    return "\n".join([*lines, "", f"The reserve policy holds back: {', '.join(held) or 'nobody'}"])


def _rates(arrivals: dict[str, float]) -> str:
    return ", ".join(f"{kind} {rate:g}" for kind, rate in arrivals.items())

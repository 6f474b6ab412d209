"""A scenario: how many people, when they come, what they do, and what must hold at the end; one YAML file.

Kept: a file with a mistake is refused with the place in it before anything is started; `scaled` changes how many, and
never how fast each one acts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loadtest.failures import SourceUnusable
from loadtest.load.shapes import Piece, through, to_peak

PositiveS = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
FOLDER = Path(__file__).parents[1] / "scenarios"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Handover(_Part):
    """A shift change: the second half of the agents comes, then the first half goes."""

    at_s: NotNegative = Field(description="when it begins, from the start")
    over_s: PositiveS = Field(description="over how long they come and go, each at an instant of their own")


class Agents(_Part):
    """Who serves."""

    count: Annotated[int, Field(ge=1, le=9_999)] = Field(description="how many, over all shifts")
    capacity: Annotated[int, Field(ge=1, le=100)] = Field(default=8, description="conversations at once")
    accept_s: tuple[NotNegative, NotNegative] = Field(
        default=(0.0, 0.0), description="least and most until an offer is accepted"
    )
    wrap_up_s: NotNegative = Field(default=0.0, description="after-work; agents take half of it")
    handover: Handover | None = Field(default=None, description="a shift change")


class Customers(_Part):
    """Who comes, by chat and by voice."""

    hold_s: PositiveS = Field(description="mean time from being connected to the end")
    hold: Literal["constant", "exponential"] = Field(default="constant", description="how it is distributed")
    message_every_s: NotNegative = Field(default=0.0, description="each side writes once in so long; 0 for never")
    voice_share: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description="share of calls; the rest chats")
    hangs_up_share: Annotated[float, Field(ge=0, le=1)] = Field(default=0.2, description="share ended by the customer")
    patience_s: PositiveS = Field(default=600.0, description="how long they wait for an agent before they leave")


class Administrators(_Part):
    """Who looks on: status, queues, history of the configuration, lists of actors, in turn."""

    count: Annotated[int, Field(ge=0)] = Field(default=1, description="how many")
    every_s: PositiveS = Field(default=2.0, description="each asks once in so long")


class Phase(_Part):
    """A piece of the run: exactly one of `per_s`, `burst`, `ramp_to_live` and `day`."""

    name: Annotated[str, Field(pattern="[a-z][a-z0-9_]*")] | None = Field(
        default=None, description="gives it figures of its own, `<name>_ack_ms_p99` and the like"
    )
    for_s: PositiveS = Field(description="how long it lasts")
    per_s: NotNegative | None = Field(default=None, description="arrivals a second")
    to_per_s: NotNegative | None = Field(default=None, description="the rate goes linearly from `per_s` to this")
    burst: Annotated[int, Field(ge=1)] | None = Field(default=None, description="so many arrivals, evenly over the phase")
    ramp_to_live: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="so many arrivals who stay as if they were the steady state's, ending one after the other"
    )
    day: list[NotNegative] | None = Field(default=None, description="counts of a day's equal intervals, pressed into the phase")
    peak_per_s: PositiveS | None = Field(default=None, description="arrivals a second in the day's busiest interval")
    measured: bool = Field(default=True, description="whether durations of this phase count in the figures")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [name for name in ("per_s", "burst", "ramp_to_live", "day") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"needs exactly one of per_s, burst, ramp_to_live and day; it has {', '.join(kinds) or 'none'}")
        if (self.day is None) != (self.peak_per_s is None):
            raise ValueError("`day` and `peak_per_s` belong together")
        if self.day is not None and not any(self.day):
            raise ValueError("`day` has no interval with arrivals")
        return self

    def pieces(self) -> list[Piece]:
        """The phase as rates."""
        if self.day is not None:
            assert self.peak_per_s is not None
            return through(to_peak(self.day, self.peak_per_s), self.for_s)
        if self.per_s is not None:
            return [Piece(self.for_s, self.per_s, self.per_s if self.to_per_s is None else self.to_per_s)]
        rate = (self.burst or self.ramp_to_live or 0) / self.for_s
        return [Piece(self.for_s, rate, rate)]


class Objective(_Part):
    """What a figure must be."""

    at_most: float | None = None
    at_least: float | None = None


class Scenario(_Part):
    """A whole run."""

    title: str = Field(description="one line for the report")
    agents: Agents
    customers: Customers
    administrators: Administrators = Administrators()
    arrivals: Literal["constant", "poisson"] = Field(default="poisson", description="evenly spaced, or by chance")
    phases: list[Phase] = Field(min_length=1, description="one after the other")
    drain_s: PositiveS = Field(default=20.0, description="after the last phase, over how long all conversations are ended")
    patience_after_s: PositiveS = Field(default=60.0, description="how long after that the last ends may take")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="generator processes")
    generator: Literal["lean", "locust"] = Field(default="lean", description="who drives it")
    seed: int = 1
    objectives: dict[str, Objective | float] = Field(default={}, description="figure to the most it may be, or to bounds")

    @property
    def lasts_s(self) -> float:
        """From the start to the end of the last phase."""
        return sum(phase.for_s for phase in self.phases)

    @property
    def ramp_ends_s(self) -> float:
        """When everybody of the ramp is there; 0 without one."""
        ends, passed = 0.0, 0.0
        for phase in self.phases:
            passed += phase.for_s
            ends = passed if phase.ramp_to_live else ends
        return ends

    def pieces(self) -> list[Piece]:
        """All phases as rates."""
        return [piece for phase in self.phases for piece in phase.pieces()]

    def named_s(self) -> list[tuple[str, float, float]]:
        """Name, begin and end of each phase that has a name."""
        found, passed = [], 0.0
        for phase in self.phases:
            if phase.name is not None:
                found.append((phase.name, passed, passed + phase.for_s))
            passed += phase.for_s
        return found

    def windows_s(self) -> list[tuple[float, float]]:
        """Begin and end of each measured phase."""
        windows, passed = [], 0.0
        for phase in self.phases:
            if phase.measured:
                windows.append((passed, passed + phase.for_s))
            passed += phase.for_s
        return windows

    def scaled(self, factor: float) -> Scenario:
        """So many times the people, at least one of each; with them whatever a figure must be at least."""
        if factor == 1:
            return self
        phases = [phase.model_copy(update=_scaled(phase, factor)) for phase in self.phases]
        agents = self.agents.model_copy(update={"count": max(1, min(9_999, round(self.agents.count * factor)))})
        objectives = {
            name: objective
            if isinstance(objective, float) or objective.at_least is None
            else objective.model_copy(update={"at_least": objective.at_least * factor})
            for name, objective in self.objectives.items()
        }
        return self.model_copy(update={"phases": phases, "agents": agents, "objectives": objectives})

    def shortened(self, factor: float) -> Scenario:
        """Steady phases so many times as long; ramps and bursts are left as they are."""
        phases = [
            phase if phase.burst or phase.ramp_to_live else phase.model_copy(update={"for_s": phase.for_s * factor})
            for phase in self.phases
        ]
        handover = self.agents.handover
        if handover is None:
            return self.model_copy(update={"phases": phases})
        # A shift change stays where it was among the phases.
        ramp_s = self.ramp_ends_s
        at_s = ramp_s + (handover.at_s - ramp_s) * factor if handover.at_s > ramp_s else handover.at_s
        moved = handover.model_copy(update={"at_s": at_s, "over_s": handover.over_s * factor})
        agents = self.agents.model_copy(update={"handover": moved})
        return self.model_copy(update={"phases": phases, "agents": agents})

    def with_day(self, counts: list[float]) -> Scenario:
        """With another day's counts wherever a day is played."""
        phases = [phase.model_copy(update={"day": counts}) if phase.day is not None else phase for phase in self.phases]
        return self.model_copy(update={"phases": phases})


def _scaled(phase: Phase, factor: float) -> dict[str, float | int]:
    rates = {
        name: value * factor for name in ("per_s", "to_per_s", "peak_per_s") if (value := getattr(phase, name)) is not None
    }
    counts = {
        name: max(1, round(value * factor)) for name in ("burst", "ramp_to_live") if (value := getattr(phase, name)) is not None
    }
    return rates | counts


def read_scenario(name: str) -> tuple[str, Scenario]:
    """A scenario's name and content, from a file or, by its name, of those that come with the product.

    Raises:
        SourceUnusable: there is none, or it has a mistake.
    """
    path = Path(name)
    if not path.suffix and not path.exists():
        path = FOLDER / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return path.stem, Scenario.model_validate(content)
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise SourceUnusable(f"there is no scenario {name}; name a YAML file, or one of {known}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise SourceUnusable(f"scenario {path}: {problem}") from None
    except ValidationError as wrong:
        found = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in wrong.errors()[:5])
        raise SourceUnusable(f"scenario {path}: {found}") from None

"""What one simulated run is like: sizes, lengths and which faults, all drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from cluster.host.host import HostOptions
from cluster.simulator.plant import Machinery

ALL_KINDS: Final = ("session", "queue", "agent", "router", "centre", "customer")
#: One seed in this many runs in literal mode: each actor on a shard and host of its own.
LITERAL_EVERY: Final = 10


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What a caller may ask for; the rest comes from the seed."""

    #: None: drawn from the seed.
    literal: bool | None = None
    #: The fsync policy of the store is lax, and its crashes lose up to a second; None: drawn from the seed.
    lax: bool | None = None
    faults: bool = True
    #: Called with each line of the run's story.
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes of one run, as drawn."""

    literal: bool
    lax: bool
    agents: int
    customers: int
    chaos_s: float
    calm_s: float
    #: How often something breaks, per second of chaos; 0 for never.
    faults_per_s: float
    window: int
    machinery: Machinery


def drawn(seed: int, options: SimulationOptions) -> Scale:
    """The sizes that a seed stands for."""
    random = Random(f"{seed}:scale")
    is_literal = seed % LITERAL_EVERY == LITERAL_EVERY - 1
    literal = is_literal if options.literal is None else options.literal
    is_lax = random.random() < 0.12
    lax = is_lax if options.lax is None else options.lax
    hosts = HostOptions(
        max_pending=random.choice((20_000, 20_000, 20_000, 6)),
        max_batch=random.choice((2_000, 2_000, 3)),
        passivate_after_ms=random.choice((600_000, 2_000)),
        upkeep_every_s=3.0,
        retire_after_ms=6_000,
    )
    machinery = Machinery(
        hosts=random.choice((2, 2, 3)),
        shards=random.choice((3, 4, 6)),
        pinned_kinds=ALL_KINDS if literal else (),
        host_options=hosts,
        check_every_s=1.0 if not literal else 2.0,
    )
    return Scale(
        literal=literal,
        lax=lax,
        agents=random.randint(3, 5) if literal else random.randint(3, 6),
        customers=random.randint(4, 7) if literal else random.randint(8, 16),
        chaos_s=random.uniform(25.0, 45.0),
        calm_s=90.0,
        faults_per_s=random.choice((0.08, 0.2, 0.35)) if options.faults else 0.0,
        window=random.choice((4, 64, 64)),
        machinery=machinery,
    )

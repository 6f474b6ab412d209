"""Which code a run uses: the product's own, or a copy with one rule broken on purpose, to see that it is caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.actor import Actor
from cluster.store.base import Store
from cluster.store.memory import MemoryStore
from cluster.supervisor.supervisor import Supervisor


def _as_it_is(store: MemoryStore) -> Store:
    return store


@dataclass(frozen=True, slots=True)
class Variant:
    """What a run puts in the place of the product's own."""

    #: Actor classes by kind that replace the catalogue's.
    actors: Mapping[str, type[Actor]] = field(default_factory=dict)
    store: Callable[[MemoryStore], Store] = _as_it_is
    supervisor: type[Supervisor] = Supervisor

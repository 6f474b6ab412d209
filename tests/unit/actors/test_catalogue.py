"""The catalogue is complete and its tags are unique."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import actors
from actors.actor import Event, Message, Record
from actors.catalogue import ACTOR_TYPES, EVENT_TYPES, MESSAGE_TYPES, RECORD_TYPES
from actors.transitions import Transitions
from actors.values import INTERACTION, PRESENCE, RESERVATION, WAITING, leg_of, reservation_id


def descendants(base: type) -> set[type]:
    """Every class of the product under this base, wherever it is defined."""
    for module in pkgutil.walk_packages(actors.__path__, "actors."):
        importlib.import_module(module.name)
    found: set[type] = set(base.__subclasses__())
    return {one for one in found if one.__module__.startswith("actors.")}


def test_every_message_record_and_event_is_listed() -> None:
    """What is not in the catalogue cannot be decoded."""
    for listed, base in ((MESSAGE_TYPES, Message), (RECORD_TYPES, Record), (EVENT_TYPES, Event)):
        assert set(listed) == descendants(base), f"every {base.__name__} is listed"
        assert len({one.__name__ for one in listed}) == len(listed), "under a tag of its own"


def test_every_actor_has_its_kind() -> None:
    """An address leads to the actor of its kind."""
    assert set(ACTOR_TYPES) == {"session", "queue", "agent", "router", "centre", "customer"}
    assert all(actor.kind == kind for kind, actor in ACTOR_TYPES.items())


def test_every_state_of_a_table_can_be_reached() -> None:
    """A declared state that nothing leads to would be a mistake in the table (I14)."""
    tables: list[Transitions[Any]] = [INTERACTION, PRESENCE, RESERVATION, WAITING]
    for table in tables:
        reached = set(table.start)
        for _ in table.moves:
            reached |= {after for before in reached for after in table.moves[before]}
        assert reached == set(table.moves), table.name


def test_a_reservation_tells_its_leg() -> None:
    """A reservation's id names interaction, leg and attempt, whatever the interaction's id holds."""
    assert leg_of(reservation_id("web:a#1.2/1", 3, 14)) == 3

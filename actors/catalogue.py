"""The catalogue: every actor, message, record and event there is, for runtimes that host, encode and decode them.

Keeps: within each of the three tuples a class name, which is the tag on the wire, names one class.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final, TypeVar

from actors import centre, events
from actors.actor import Actor, Event, Fired, Message, Record
from actors.agent import Agent
from actors.agent import records as agent_records
from actors.centre import Centre
from actors.customer import Customer
from actors.customer import records as customer_records
from actors.messages import agent as agent_messages
from actors.messages import centre as centre_messages
from actors.messages import customer as customer_messages
from actors.messages import gateway as gateway_messages
from actors.messages import link as link_messages
from actors.messages import queue as queue_messages
from actors.messages import router as router_messages
from actors.messages import session as session_messages
from actors.queue import Queue
from actors.queue import records as queue_records
from actors.router import Router
from actors.router import router as router_module
from actors.session import Session
from actors.session import records as session_records

T = TypeVar("T")


def _defined_in(base: type[T], *modules: ModuleType) -> tuple[type[T], ...]:
    """Every subclass of `base` that these modules define, in their order.

    Raises:
        TypeError: two share a name, which would be the same tag on the wire.
    """
    found: dict[str, type[T]] = {}
    for module in modules:
        for name, value in vars(module).items():
            if not isinstance(value, type) or not issubclass(value, base) or value.__module__ != module.__name__:
                continue
            if name in found:
                raise TypeError(f"{name} is defined in both {found[name].__module__} and {module.__name__}; rename one")
            found[name] = value
    return tuple(found.values())


#: Actor classes by the kind in their address.
ACTOR_TYPES: Final[dict[str, type[Actor]]] = {actor.kind: actor for actor in (Session, Queue, Agent, Router, Centre, Customer)}

MESSAGE_TYPES: Final[tuple[type[Message], ...]] = (
    Fired,
    *_defined_in(
        Message,
        session_messages,
        queue_messages,
        agent_messages,
        router_messages,
        centre_messages,
        gateway_messages,
        link_messages,
        customer_messages,
    ),
)

RECORD_TYPES: Final[tuple[type[Record], ...]] = _defined_in(
    Record, session_records, queue_records, agent_records, router_module, centre, customer_records
)

EVENT_TYPES: Final[tuple[type[Event], ...]] = _defined_in(Event, events)

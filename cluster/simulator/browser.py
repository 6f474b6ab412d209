"""A person's window on the world: connected to some adapter now and then, it says everything until it is accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from actors.actor import Message, Refusal
from actors.address import Address
from cluster.simulator.adapter import SimAdapter
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.transport import WORLD

Answered = Callable[[Refusal | None], None]


@dataclass(slots=True, eq=False)
class Saying:
    """Something that a person said and no adapter has called accepted yet."""

    to: Address
    message: Message
    answered: Answered | None
    #: When it was first said (s, true time).
    said_at: float = 0.0


class Browser:
    """Base of customers' and agents' windows. `key` is how adapters know it: a conversation, an agent."""

    def __init__(self, loop: VirtualLoop, key: str) -> None:
        self.loop = loop
        self.key = key
        self.adapter: SimAdapter | None = None
        self.unaccepted: dict[Saying, None] = {}
        #: When that was said whose answer was heard last (s, true time).
        self.answered_said_at = 0.0

    def attach(self, adapter: SimAdapter) -> None:
        """Connect: first what a newly opened window says, then all that was not accepted, in order."""
        self.adapter = adapter
        adapter.seats[self.key] = self
        self.greet(adapter)
        for saying in list(self.unaccepted):
            self._post(adapter, saying)

    def detach(self) -> None:
        """The window closes, or its connection breaks."""
        adapter, self.adapter = self.adapter, None
        if adapter is not None and adapter.seats.get(self.key) is self:
            del adapter.seats[self.key]

    def greet(self, adapter: SimAdapter) -> None:
        """What is said first over every new connection."""

    def show(self, message: Message) -> None:
        """Something for the person to see."""

    def say(self, to: Address, message: Message, answered: Answered | None = None) -> None:
        """Say it until it is accepted or refused, over as many connections as that takes."""
        saying = Saying(to, message, answered, self.loop.time())
        self.unaccepted[saying] = None
        if self.adapter is not None:
            self._post(self.adapter, saying)

    def mention(self, to: Address, message: Message) -> None:
        """Say it once; nobody minds if it gets lost."""
        if self.adapter is not None:
            self.adapter.link.post(to, message)

    def _post(self, adapter: SimAdapter, saying: Saying) -> None:
        adapter.link.post(saying.to, saying.message, partial(self._told, adapter, saying))

    def _told(self, adapter: SimAdapter, saying: Saying, refusal: Refusal | None) -> None:
        self.loop.call_soon(self._hear, adapter, saying, refusal, context=WORLD)

    def _hear(self, adapter: SimAdapter, saying: Saying, refusal: Refusal | None) -> None:
        # Over a connection that is gone nobody hears anything: it is said again over the next one.
        if self.adapter is adapter and saying in self.unaccepted:
            del self.unaccepted[saying]
            self.answered_said_at = saying.said_at
            if saying.answered is not None:
                saying.answered(refusal)

"""A customer: who served them last, for queues that give them back to the same agent.

    session                    customer/<id>                 queue
      | Served (service over) ----> |                          |
      |                             | <---------- AskLastAgent |  (the next conversation)
      |                             | LastAgent -------------> |

Keeps: the newest service counts, in whatever order services are heard of; what nobody may ask for any more is forgotten,
and the actor with it, so that storage does not grow with everybody who ever came.
"""

from __future__ import annotations

from typing import cast

from actors.actor import Actor, Fired, Turn, on
from actors.address import Address
from actors.customer.records import LAST, LastService
from actors.messages.customer import AskLastAgent, Served
from actors.messages.queue import LastAgent

FORGET = "forget"


class Customer(Actor):
    """Sole owner of what is remembered of one person."""

    kind = "customer"

    @property
    def last(self) -> LastService | None:
        """The newest service."""
        return cast("LastService | None", self.records.get(LAST))

    @on(Served)
    def served(self, message: Served, turn: Turn) -> None:
        """Remember who it was, unless somebody served them later."""
        before, until = self.last, message.at + message.keep_ms
        if before is None or before.at <= message.at:
            before = LastService(message.agent, message.at, until)
        kept = LastService(before.agent, before.at, max(before.until, until))
        if kept != self.last:
            turn.put(LAST, kept)
            turn.set_timer(FORGET, kept.until)

    @on(AskLastAgent)
    def ask_last_agent(self, message: AskLastAgent, turn: Turn) -> None:
        """Tell the queue who served last, if that was not too long ago."""
        last = self.last
        agent = last.agent if last is not None and last.at >= message.since else Address("")
        turn.send(message.queue, LastAgent(message.interaction, message.leg, agent))

    @on(Fired)
    def fired(self, message: Fired, turn: Turn) -> None:
        """Nobody may ask any more."""
        last = self.last
        if last is None or last.until <= turn.now:
            turn.end()

"""What was seen from outside the cluster, to be held against its journals.

Adapters, load generators and the simulator fill this in while they run. It says only what the cluster *promised*: an
arrival counts once its frame was acknowledged, a command once an adapter had it in hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Arrived(NamedTuple):
    """An arrival that the cluster acknowledged."""

    conversation: str
    at: int


class Wrote(NamedTuple):
    """A customer's or agent's message that the cluster acknowledged."""

    conversation: str
    id: str
    at: int
    #: "customer" or "agent".
    author: str = "customer"


class Commanded(NamedTuple):
    """A command that an adapter handled, after its own duplicates were dropped; ephemeral ones have number 0."""

    link: str
    incarnation: str
    source: str
    number: int
    at: int


class Answered(NamedTuple):
    """The answer to one frame: `code` is empty when it was accepted, else the refusal's."""

    link: str
    incarnation: str
    seq: int
    code: str
    at: int


class LossWindow(NamedTuple):
    """A store that fsyncs every second lost what was committed between these instants (ms), both included."""

    from_at: int
    to_at: int


@dataclass(slots=True)
class Evidence:
    """Everything that observers saw, in the order they saw it."""

    arrivals: list[Arrived] = field(default_factory=list)
    messages: list[Wrote] = field(default_factory=list)
    commands: list[Commanded] = field(default_factory=list)
    #: `commands` holds everything that any adapter of its links ever handled, so what is missing there was lost.
    all_commands: bool = False
    answers: list[Answered] = field(default_factory=list)
    #: What customers typed in this run, to be searched for in the logs and metrics (I15).
    customer_texts: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    #: Faults have stopped, and longer than every grace time has passed since: liveness may be judged (I7).
    settled: bool = False
    #: Data losses that the store's configured durability allows; promises made inside them are excused.
    losses: list[LossWindow] = field(default_factory=list)

    def excuses(self, at: int) -> bool:
        """Whether a promise made at this instant may have been lost with the store's tail."""
        return any(loss.from_at <= at <= loss.to_at for loss in self.losses)

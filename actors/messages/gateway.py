"""What a gateway actor is told about its one link: by the stream beneath it and by the shards behind it.

The gateway actor holds no durable state. Nothing is lost with it: what an adapter sent stays unacknowledged until a
shard committed it, and what a shard sent stays in its outbox until the adapter acknowledged it.
"""

from __future__ import annotations

from actors.actor import Message, Refusal
from actors.address import Address
from actors.values import Value


class Frame(Value, frozen=True):
    """One numbered frame of an adapter, already translated: who is to be told what.

    `created_at` is when it happened, as the adapter says (ms); 0 if it does not.
    """

    seq: int
    to: Address
    message: Message
    created_at: int = 0


class LinkOpened(Message, frozen=True):
    """A stream was accepted. `resume_after` is the last frame that the adapter knows to be acknowledged."""

    incarnation: str
    resume_after: int
    window: int


class LinkClosed(Message, frozen=True):
    reason: str = ""


class FramesArrived(Message, frozen=True):
    frames: tuple[Frame, ...]


class FrameRefused(Message, frozen=True):
    """The frame with this number came but can be given to nobody: settle it, refused, in its turn."""

    seq: int
    refusal: Refusal


class TurnedAway(Message, frozen=True):
    """In place of a message that would begin something: its gateway refused it, because the cluster is behind.

    It takes the way of that message all the same, so that its shard records the refusal with everything else: an answer
    that only the gateway knew would be forgotten with it, and the number taken for an accepted one afterwards.
    """

    retry_after_ms: int


class FrameSettled(Value, frozen=True):
    """What became of one frame: committed, or refused without any effect."""

    seq: int
    refusal: Refusal | None = None


class FramesSettled(Message, frozen=True):
    settled: tuple[FrameSettled, ...]


class Command(Value, frozen=True):
    """One message for the adapter from a shard, numbered by that shard for this link; `number` 0 is not resent."""

    source: str
    number: int
    message: Message


class CommandsArrived(Message, frozen=True):
    commands: tuple[Command, ...]


class CommandsAcknowledged(Message, frozen=True):
    """The adapter handled every command of `source` up to `number`."""

    source: str
    number: int


class RouteFrames(Message, frozen=True):
    """To the edge: hand these frames to their actors, in this order."""

    frames: tuple[Frame, ...]


class SettleFrames(Message, frozen=True):
    """To the adapter: every frame up to `acknowledged` is settled; those in `refused` had no effect."""

    acknowledged: int
    refused: tuple[FrameSettled, ...] = ()


class SendCommands(Message, frozen=True):
    """To the adapter, in this order."""

    commands: tuple[Command, ...]


class ForwardAcknowledgement(Message, frozen=True):
    """To the edge: `source` may forget its commands up to `number`."""

    source: str
    number: int

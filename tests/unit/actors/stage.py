"""A stage: one shard in memory, on which the real actors play the whole protocol in virtual time.

By default messages are delivered in the order they were sent, as within one shard. Given `choose`, every pair of
actors has its own channel and `choose` picks which one delivers next: only pairwise order holds, as in literal mode.
Every message, record and event passes through the wire's codec on its way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from actors.actor import Actor, Event, Fired, Message, Refusal, Turn
from actors.address import GATEWAY_KIND, Address, kind_of, name_of
from actors.catalogue import ACTOR_TYPES, EVENT_TYPES, MESSAGE_TYPES, RECORD_TYPES
from cluster.codec import Codec, encode

M = TypeVar("M", bound=Message)
E = TypeVar("E", bound=Event)
Channel = tuple[Address, Address]

START = 1_700_000_000_000
#: The one channel of a stage that is one shard.
ONE_SHARD: Channel = (Address("shard/1"), Address("shard/1"))
CODEC = Codec(MESSAGE_TYPES, RECORD_TYPES, EVENT_TYPES)


class Stage:
    """Actors, mailboxes, timers and links; `now` moves only when told to."""

    def __init__(self, choose: Callable[[int], int] | None = None) -> None:
        self.now = START
        self.events: list[Event] = []
        #: When a turn said something, who it was, and what.
        self.said: list[tuple[int, Address, list[Event]]] = []
        #: Link and command, in the order they left.
        self.commands: list[tuple[str, Message]] = []
        self.timers: dict[tuple[Address, str], int] = {}
        self.turns = 0
        #: Called after each turn, for rules that must hold at every moment.
        self.watch: Callable[[Stage], None] = lambda stage: None
        self._choose = choose
        self._actors: dict[Address, Actor] = {}
        self._channels: dict[Channel, deque[tuple[Address, Message]]] = {}
        self._quiet: dict[Address, Message] = {}
        self._answer: Message | None = None

    # Speaking from outside.

    def tell(self, to: Address, message: Message) -> Refusal | None:
        """Hand a frame in and, on the single shard, let everything that follows happen."""
        refusal = self._turn(to, message)
        if self._choose is None:
            self.run()
        return refusal

    def ask(self, to: Address, message: Message, answer_type: type[M]) -> M:
        """The answer to a question from the edge."""
        self._answer = None
        refusal = self.tell(to, message)
        assert refusal is None, f"{message} must be answered, not refused: {refusal}"
        return self._answered(answer_type)

    def _answered(self, answer_type: type[M]) -> M:
        assert isinstance(self._answer, answer_type), f"the answer must be a {answer_type.__name__}"
        return self._answer

    def run(self) -> None:
        """Deliver until nothing is on its way."""
        while self.step():
            pass

    def step(self) -> bool:
        """Deliver one message; False when there is none."""
        if self._choose is not None:
            return self._step_anywhere(self._choose)
        if ONE_SHARD in self._channels:
            self._deliver(ONE_SHARD)
        elif self._quiet:
            self._turn(*self._quiet.popitem())
        else:
            return False
        return True

    def _step_anywhere(self, choose: Callable[[int], int]) -> bool:
        """Deliver from any channel, or a quiet moment to an actor for whom nothing is on its way."""
        awaited = {receiver for _, receiver in self._channels}
        quiet = [at for at in self._quiet if at not in awaited]
        channels = list(self._channels)
        if not channels and not quiet:
            return False
        chosen = choose(len(channels) + len(quiet))
        if chosen < len(channels):
            self._deliver(channels[chosen])
        else:
            at = quiet[chosen - len(channels)]
            self._turn(at, self._quiet.pop(at))
        return True

    def _deliver(self, channel: Channel) -> None:
        mail = self._channels[channel]
        receiver, message = mail.popleft()
        if not mail:
            del self._channels[channel]
        self._turn(receiver, message)

    def advance(self, duration_ms: int) -> None:
        """Let time pass, firing what comes due in order."""
        until = self.now + duration_ms
        while True:
            due = min(((due_at, key) for key, due_at in self.timers.items() if due_at <= until), default=None)
            if due is None:
                break
            self.fire(*due)
            self.run()
        self.now = until

    def fire(self, due_at: int, key: tuple[Address, str]) -> None:
        """Fire one timer, at its time or late."""
        self.now = max(self.now, due_at)
        del self.timers[key]
        self._turn(key[0], Fired(key[1], due_at))

    def reload(self, at: Address) -> None:
        """Forget the actor in memory and load it from its stored records, as after a crash or passivation."""
        stored = {key: encode(record) for key, record in self.actor(at).records.items()}
        actor = self._actors[at] = ACTOR_TYPES[kind_of(at)](at)
        actor.records.update((key, CODEC.record(content)) for key, content in stored.items())
        actor.rebuild()
        self._turn(at, None)
        if self._choose is None:
            self.run()

    # Looking.

    def actor(self, at: Address) -> Actor:
        """The actor, new if it was not there."""
        actor = self._actors.get(at)
        if actor is None:
            actor = self._actors[at] = ACTOR_TYPES[kind_of(at)](at)
        return actor

    def seen(self, link: str, command_type: type[M]) -> list[M]:
        """Every command of one type that arrived at a link, oldest first."""
        return [command for to, command in self.commands if to == link and isinstance(command, command_type)]

    def journal(self, event_type: type[E]) -> list[E]:
        """Every event of one type, oldest first."""
        return [event for event in self.events if isinstance(event, event_type)]

    # Turns.

    def _turn(self, to: Address, message: Message | None) -> Refusal | None:
        actor = self.actor(to)
        self.turns += 1
        turn = Turn(self.now, to, actor.records)
        if message is None:
            actor.activated(turn)
        else:
            actor.receive(CODEC.message(encode(message)), turn)
        if turn.refusal is not None:
            assert not turn.written, "a refusal must come before anything is written, or loading again costs time"
            return turn.refusal
        for record in turn.written.values():
            assert record is None or CODEC.record(encode(record)) == record, "a record must survive the store"
        self._apply(actor, turn)
        self.watch(self)
        return None

    def _apply(self, actor: Actor, turn: Turn) -> None:
        for name, due_at in turn.timers.items():
            if due_at is None:
                self.timers.pop((actor.address, name), None)
            else:
                self.timers[actor.address, name] = due_at
        for sent in turn.sent:
            if kind_of(sent.to) == GATEWAY_KIND:
                self.commands.append((name_of(sent.to), sent.message))
            else:
                channel = ONE_SHARD if self._choose is None else (actor.address, sent.to)
                self._channels.setdefault(channel, deque()).append((sent.to, sent.message))
        events = [CODEC.event(encode(event)) for event in turn.events]
        self.events += events
        self.said.append((self.now, actor.address, events))
        if turn.quiet is not None:
            self._quiet[actor.address] = turn.quiet
        self._answer = turn.answer or self._answer
        if turn.ended:
            del self._actors[actor.address]
            for key in [key for key in self.timers if key[0] == actor.address]:
                del self.timers[key]

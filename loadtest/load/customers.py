"""The customers of one channel on one link, as that channel's adapter would carry them.

    due           -> conversation_opened   (meant when the shape says, however late)
    acknowledged  -> promised; a refusal for want of room turns the customer away
    connected     -> messages at a steady beat, a random part of which has passed
    hangs up      -> customer_left         (also when patience ends)
    ended         -> silence

A call is signalled as the product routes it today: a conversation of the channel `voice` without messages.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadtest.load.agenda import Agenda
from loadtest.load.marks import WORDS, meant_at_of, subject_of, text_of
from loadtest.load.promises import Row, Seen
from loadtest.load.recorder import Recorder
from loadtest.load.scenario import Scenario
from loadtest.load.shapes import instants_s
from loadtest.load.spool import Spool
from loadtest.load.wire import Wire, code_of
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

#: Refusals that ask for time: whoever is in a conversation tries again.
FOR_NOW: Final = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"})
#: Refusals that two people acting at once run into.
CROSSED: Final = frozenset({"FAILED_PRECONDITION", "PERMISSION_DENIED", "NOT_FOUND"})
LEAST_RETRY_MS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One who will come: when (s from the start), for how long (ms of talking), by which channel."""

    number: int
    at_s: float
    talk_ms: float
    hangs_up: bool
    by_voice: bool


def arrivals_of(scenario: Scenario) -> Iterator[Arrival]:
    """Everybody who comes, in order; the same for the same scenario, whoever plays which of them.

    Those of a ramp leave as the steady state's would: at instants spread evenly over a mean holding time after its end.
    """
    chance = random.Random(f"{scenario.seed}/customers")  # noqa: S311  # simulated behaviour
    customers, ramp_ends_s = scenario.customers, scenario.ramp_ends_s
    golden = 0.6180339887498949
    for number, at_s in enumerate(instants_s(scenario.pieces(), scenario.arrivals == "poisson", scenario.seed)):
        drawn = chance.expovariate(1 / customers.hold_s)
        if at_s >= ramp_ends_s:
            talk_s = customers.hold_s if customers.hold == "constant" else drawn
        elif customers.hold == "constant":
            talk_s = ramp_ends_s - at_s + customers.hold_s * (number * golden % 1)
        else:
            talk_s = ramp_ends_s - at_s + drawn
        hangs_up, by_voice = chance.random() < customers.hangs_up_share, chance.random() < customers.voice_share
        yield Arrival(number, at_s, talk_s * 1000, hangs_up, by_voice)


class _Conversation:
    """One customer's."""

    __slots__ = ("acknowledged", "arrival", "connected", "ended", "leaving", "name", "refused", "seen", "served", "written")

    def __init__(self, name: str, arrival: Arrival) -> None:
        self.name = name
        self.arrival = arrival
        self.seen = Seen()
        self.written = 0
        self.acknowledged = self.connected = self.served = self.leaving = self.ended = self.refused = False


class Customers:
    """The customers of one channel; tells of a conversation's every step to the recorder."""

    def __init__(
        self, channel: str, wire: Wire, scenario: Scenario, arrivals: Iterator[Arrival], run: str,
        agenda: Agenda, recorder: Recorder, spool: Spool,
    ) -> None:  # fmt: skip
        self._channel = channel
        self._wire = wire
        self._scenario = scenario
        self._arrivals = arrivals
        self._run = run
        self._agenda = agenda
        self._recorder = recorder
        self._spool = spool
        self._chance = random.Random(f"{scenario.seed}/{wire.name}")  # noqa: S311  # simulated behaviour
        self._conversations: dict[str, _Conversation] = {}
        self._began_at = 0.0
        self._all_came = False
        self.live = 0
        self.open = 0
        wire.on_commands = self.told

    def begin(self, at: float) -> None:
        """The run begins at this instant."""
        self._began_at = at
        self._next()

    @property
    def finished(self) -> bool:
        """Everybody came and went."""
        return self._all_came and not self.open

    def end_all(self, at: float, over_ms: float) -> None:
        """Whoever still waits leaves, each at an instant of their own; the agents end the others."""
        for conversation in self._conversations.values():
            if not conversation.ended:
                self._agenda.add(at + self._chance.random() * over_ms, self._out_of_patience, conversation)

    def rows(self) -> list[Row]:
        """What became of every promised conversation."""
        return [one.seen.row(one.name, one.ended, one.served) for one in self._conversations.values() if one.acknowledged]

    # -- what customers do ------------------------------------------------------------------------------------------

    def _next(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is None:
            self._all_came = True
        else:
            self._agenda.add(self._began_at + arrival.at_s * 1000, self._arrive, arrival)

    def _arrive(self, meant_at: float, arrival: Arrival) -> None:
        name = f"{self._channel}:{self._run}-{arrival.number}"
        conversation = self._conversations[name] = _Conversation(name, arrival)
        self.open += 1
        self._recorder.count("arrivals", meant_at)
        self._open(meant_at, conversation)
        self._next()

    def _open(self, meant_at: float, conversation: _Conversation) -> None:
        arrival = conversation.arrival
        opened = messaging_pb2.ConversationOpened(
            channel=self._channel,
            subject=subject_of(meant_at, 0 if arrival.hangs_up else arrival.talk_ms),
            customer=content_pb2.Customer(id=f"load-{arrival.number}", name="Load", language="en"),
        )
        event = gateway_pb2.Event(id="open", conversation=conversation.name, conversation_opened=opened)
        self._wire.post(event, self._opened, meant_at, conversation)

    def _opened(self, refusal: Any, meant_at: float, now: float, conversation: _Conversation) -> None:
        if refusal is None:
            conversation.acknowledged = True
            self.live += 1
            self._spool.arrival(conversation.name, now)
            self._recorder.duration("arrival_ack", meant_at, now)
            self._recorder.duration("ack", meant_at, now)
            self._recorder.count("accepted", now)
            self._agenda.add(meant_at + self._scenario.customers.patience_s * 1000, self._out_of_patience, conversation)
            if conversation.leaving:
                self._leave(now, conversation)
            return
        conversation.refused = conversation.ended = True
        self.open -= 1
        self._recorder.count("refused", now)
        self._recorder.duration("refusal", meant_at, now)
        if code_of(refusal) not in FOR_NOW:
            self._recorder.count("refused_wrongly", now)
            self._recorder.say(f"an arrival was refused: {code_of(refusal)} {refusal.detail[:200]}")

    def _beat(self, meant_at: float, conversation: _Conversation) -> None:
        if conversation.ended:
            return
        conversation.written += 1
        self._write(meant_at, conversation, conversation.written, meant_at)
        self._agenda.add(meant_at + self._scenario.customers.message_every_s * 1000, self._beat, conversation)

    def _write(self, _: float, conversation: _Conversation, number: int, meant_at: float) -> None:
        if conversation.ended:
            return
        content = content_pb2.Content(text=text_of(meant_at, WORDS))
        received = messaging_pb2.MessageReceived(content=content)
        event = gateway_pb2.Event(id=f"c{number}", conversation=conversation.name, message_received=received)
        self._wire.post(event, self._written, meant_at, conversation, number)

    def _written(self, refusal: Any, meant_at: float, now: float, conversation: _Conversation, number: int) -> None:
        if refusal is None:
            conversation.seen.acknowledged |= 1 << number
            self._spool.message(conversation.name, f"c{number}", "customer", now)
            self._recorder.duration("message_ack", meant_at, now)
            self._recorder.duration("ack", meant_at, now)
            self._recorder.count("messages_sent", now)
        elif code_of(refusal) in FOR_NOW:
            self._recorder.count("messages_put_off", now)
            wait_ms = max(LEAST_RETRY_MS, refusal.retry_after_ms)
            self._agenda.add(now + wait_ms, self._write, conversation, number, meant_at)
        else:
            self._note_no("a customer's message", refusal, now)

    def _out_of_patience(self, meant_at: float, conversation: _Conversation) -> None:
        if not conversation.connected and not conversation.ended:
            self._leave(meant_at, conversation)

    def _hang_up(self, meant_at: float, conversation: _Conversation) -> None:
        self._leave(meant_at, conversation)

    def _leave(self, meant_at: float, conversation: _Conversation) -> None:
        if conversation.ended:
            return
        if not conversation.acknowledged:
            conversation.leaving = True  # as soon as it is known to be there
            return
        left = gateway_pb2.Event(id="left", conversation=conversation.name, customer_left=messaging_pb2.CustomerLeft())
        self._wire.post(left, self._left, meant_at, conversation)

    def _left(self, refusal: Any, _: float, now: float, conversation: _Conversation) -> None:
        if refusal is None:
            return
        if code_of(refusal) in FOR_NOW:
            self._agenda.add(now + max(LEAST_RETRY_MS, refusal.retry_after_ms), self._leave, conversation)
        else:
            self._note_no("a customer's leaving", refusal, now)

    def _note_no(self, what: str, refusal: Any, now: float) -> None:
        code = code_of(refusal)
        if code in CROSSED:
            self._recorder.count("crossed", now)
        else:
            self._recorder.count("refused_wrongly", now)
            self._recorder.say(f"{what} was refused: {code} {refusal.detail[:200]}")

    # -- what customers are told ------------------------------------------------------------------------------------

    def told(self, commands: Sequence[Any], now: float) -> None:
        """Commands of the link."""
        for command in commands:
            conversation = self._conversations.get(command.conversation)
            if conversation is None:
                continue
            match command.WhichOneof("body"):
                case "show_entries":
                    for entry in conversation.seen.show(command.show_entries.entries, "a"):
                        self._recorder.duration("delivery", meant_at_of(entry.content.text), now)
                        self._recorder.count("messages_delivered", now)
                case "show_notice":
                    self._noticed(conversation, command.show_notice.kind, now)

    def _noticed(self, conversation: _Conversation, kind: int, now: float) -> None:
        match kind:
            case messaging_pb2.NOTICE_KIND_CONNECTED if not conversation.connected:
                conversation.connected = conversation.served = True
                self._recorder.count("served", now)
                every_ms = self._scenario.customers.message_every_s * 1000
                if every_ms and not conversation.arrival.by_voice:
                    self._agenda.add(now + every_ms * self._chance.random(), self._beat, conversation)
                if conversation.arrival.hangs_up:
                    self._agenda.add(now + conversation.arrival.talk_ms, self._hang_up, conversation)
            case messaging_pb2.NOTICE_KIND_ENDED | messaging_pb2.NOTICE_KIND_CLOSED:
                if conversation.ended:
                    return
                conversation.ended = True
                self.open -= 1
                self.live -= conversation.acknowledged
                self._recorder.count("ended", now)
                if not conversation.served:
                    self._recorder.count("abandoned", now)

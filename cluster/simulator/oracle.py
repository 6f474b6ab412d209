"""The observer's book: what people were promised and shown, held against the journals when a run is over.

The checker judges the journals; this judges the two ends. Keeps no opinion of how the cluster works inside: a message
that was called accepted stands in the transcript once, in its author's order, and reached the other side; no leg of an
interaction is with two agents; a number in a transcript means one message for ever; no customer is shown what agents
say to each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.actor import Message
from actors.messages.link import DeskAsides, DeskConversation, DeskEntries, DeskState, ShowEntries
from actors.values import Aside, Author, ReservationState, TranscriptEntry, leg_of
from cluster.invariants.evidence import Arrived, Evidence, Wrote
from cluster.simulator.clock import BEGIN_AT
from cluster.simulator.loop import VirtualLoop
from cluster.simulator.transcripts import Transcripts

if TYPE_CHECKING:
    from cluster.simulator.customers import SimCustomer

SERVED = frozenset({ReservationState.ACCEPTED, ReservationState.WRAPPING})


class Oracle:
    """Watches both ends of every conversation."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.evidence = Evidence()
        self.violations: list[str] = []
        self._loop = loop
        #: (conversation, author kind) -> (who, message id) in the order they were accepted, first time only.
        self._accepted: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        #: (interaction, leg) -> (reservation, agent) that a desk showed as served, and when.
        self._served: dict[tuple[str, int], tuple[str, str, int]] = {}
        #: Conversation -> entry numbers that some adapter was given for the customer.
        self._shown: dict[str, set[int]] = {}
        #: (agent, interaction) -> entry numbers that some desk was given.
        self._desked: dict[tuple[str, str], set[int]] = {}
        #: The same of asides.
        self._heard: dict[tuple[str, str], set[int]] = {}

    @property
    def now_ms(self) -> int:
        return BEGIN_AT + int(self._loop.time() * 1000)

    # -- while it runs --------------------------------------------------------------------------------------------

    def arrival_accepted(self, customer: SimCustomer) -> None:
        self.evidence.arrivals.append(Arrived(customer.conversation, self._promised_at(customer.answered_said_at)))

    def customer_wrote(self, text: str) -> None:
        self.evidence.customer_texts.append(text)

    def message_accepted(self, conversation: str, author: str, who: str, message_id: str, said_at: float) -> None:
        at = self._promised_at(said_at)
        self.evidence.messages.append(Wrote(conversation, message_id, at, author))
        self._accepted.setdefault((conversation, author), {}).setdefault((who, message_id), at)

    def _promised_at(self, said_at: float) -> int:
        """When something was accepted: about now, but the word of it may have been on its way since before a loss."""
        now, said_ms = self.now_ms, BEGIN_AT + int(said_at * 1000)
        for loss in self.evidence.losses:
            if said_ms <= loss.to_at <= now:
                return loss.to_at
        return now

    def customer_saw(self, customer: SimCustomer, entry: TranscriptEntry) -> None:
        """An entry appeared in the customer's window; what it shows already it does not show again."""
        said = (entry.author.value, entry.id)
        known = customer.seen.setdefault(entry.number, said)
        if known != said and not self.evidence.losses:
            self._violated(f"{customer.conversation}: entry {entry.number} was {known} and then {said}")

    def handled(self, link: str, message: Message) -> None:
        """An adapter or desk handled a command."""
        match message:
            case ShowEntries(conversation, entries):
                self._shown.setdefault(conversation, set()).update(entry.number for entry in entries)
                if any(entry.author is Author.COLLEAGUE for entry in entries):
                    self._violated(f"{conversation}: the customer's adapter was given what agents said to each other")
            case DeskConversation():
                self._desk_shown(message.agent, message.interaction, message.entries)
                self._desk_heard(message.agent, message.interaction, message.asides)
            case DeskEntries():
                self._desk_shown(message.agent, message.interaction, message.entries)
            case DeskAsides():
                self._desk_heard(message.agent, message.interaction, message.asides)
            case DeskState():
                self._judge_served(message)

    def _desk_shown(self, agent: str, interaction: str, entries: tuple[TranscriptEntry, ...]) -> None:
        self._desked.setdefault((agent, interaction), set()).update(entry.number for entry in entries)

    def _desk_heard(self, agent: str, interaction: str, asides: tuple[Aside, ...]) -> None:
        self._heard.setdefault((agent, interaction), set()).update(aside.entry.number for aside in asides)

    def _judge_served(self, state: DeskState) -> None:
        for held in state.reservations:
            if held.state not in SERVED:
                continue
            key = (held.interaction, leg_of(held.reservation))
            reservation, agent, at = self._served.setdefault(key, (held.reservation, state.agent, self.now_ms))
            if reservation != held.reservation and not self.evidence.excuses(at):
                self._violated(f"{held.interaction}: leg {key[1]} is with {state.agent}, and was with {agent}")

    # -- when it is over ------------------------------------------------------------------------------------------

    def judge(self, transcripts: Transcripts, customers: list[SimCustomer]) -> None:
        """Hold what people were promised and shown against what the journals have."""
        self._judge_order(transcripts)
        for conversation, transcript in transcripts.by_conversation.items():
            missing = transcript.numbers() - self._shown.get(conversation, set())
            if missing and not self.evidence.losses:
                self._violated(f"{conversation}: no adapter was given the entries {sorted(missing)}")
            self._judge_shown(conversation, "entry", transcript.served, self._desked)
            self._judge_shown(conversation, "aside", transcript.heard, self._heard)
        for customer in customers:
            self._judge_customer(customer, transcripts)

    def _judge_shown(
        self, conversation: str, what: str, due: list[tuple[str, str, int]], shown: dict[tuple[str, str], set[int]]
    ) -> None:
        """Whoever was there when a line was added has it at their desk."""
        for agent, interaction, number in due:
            if number not in shown.get((agent, interaction), ()) and not self.evidence.losses:
                self._violated(f"{conversation}: {what} {number} never reached the desk of {agent}, who was there")

    def _judge_order(self, transcripts: Transcripts) -> None:
        for (conversation, author), accepted in self._accepted.items():
            transcript = transcripts.by_conversation.get(conversation)
            written: list[str] = [] if transcript is None else transcript.ids(author)
            promised = [message_id for (_, message_id), at in accepted.items() if not self.evidence.excuses(at)]
            promised.sort(key=said_as)
            for message_id in promised:
                count = written.count(message_id)
                if count != 1:
                    self._violated(f"{conversation}: accepted message {message_id} of the {author} stands there {count} times")
            if author == "customer":  # Several agents may have written, and each numbers their own.
                order = [message_id for message_id in written if message_id in promised]
                if order != [message_id for message_id in promised if message_id in written]:
                    self._violated(f"{conversation}: the customer's messages stand in the order {order}, not {promised}")

    def _judge_customer(self, customer: SimCustomer, transcripts: Transcripts) -> None:
        """Whoever stayed to the end has seen it all."""
        transcript = transcripts.by_conversation.get(customer.conversation)
        if transcript is None or customer.is_away or customer.is_over or self.evidence.losses:
            return
        missing = transcript.numbers() - customer.seen.keys()
        if missing:
            self._violated(f"{customer.conversation}: the customer is there and has not seen {sorted(missing)}")

    def _violated(self, what: str) -> None:
        self.violations.append(what)


def said_as(message_id: str) -> int:
    """Which of its author's messages this is: ids of simulated people end in a count."""
    return int(message_id.lstrip("abcdefghijklmnopqrstuvwxyz").rpartition("-")[2])

"""What is said in a session: messages, typing and marks between the customer's channel and the agent's desk.

Keeps: a message id takes effect once for each side (I11); entries are numbered from 1 without gaps; marks never go
back; a message writes its own transcript line and nothing else; what agents say to each other (asides) never leaves
towards the customer's link.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from actors.actor import Actor, Turn, on
from actors.events import MessageAdded
from actors.messages.link import (
    ConsultView,
    DeskConversation,
    DeskEntries,
    DeskSaw,
    DeskTyping,
    ShowEntries,
    ShowSaw,
    ShowTyping,
    link_address,
)
from actors.messages.session import AgentMessage, AgentSaw, AgentTyping, CustomerMessage, CustomerSaw, CustomerTyping
from actors.session.records import (
    CONSULTATION,
    LINE_PREFIX,
    MARKS,
    STATE,
    AsideLine,
    Consultation,
    Marks,
    Serving,
    SessionState,
    TranscriptLine,
)
from actors.values import Aside, Author, ConsultStage, Content, InteractionState, TranscriptEntry

MAX_TEXT_CHARACTERS = 8000
MAX_ATTACHMENTS = 10
#: An agent who opens a conversation gets at most this many of its last entries in one command.
DESK_ENTRIES = 200

UNKNOWN = ("NOT_FOUND", "there is no such conversation; open one with Arrive")
OVER = ("FAILED_PRECONDITION", "the conversation has ended; start a new conversation")
NOT_SERVING = (
    "PERMISSION_DENIED",
    "only the agent who serves this conversation may do this; sign in to see your conversations",
)
NOT_HEARD = (
    "PERMISSION_DENIED",
    "the customer does not hear you yet: write to your colleague, who can take you into the conversation",
)


def problem_of(message_id: str, content: Content) -> str:
    """What is wrong with a message, in words that say what to do; empty when nothing is."""
    if not message_id:
        return "a message needs an id of its own, so that it is recognised when it comes again"
    if not content.text and not content.attachments:
        return "a message needs text or an attachment"
    if len(content.text) > MAX_TEXT_CHARACTERS:
        return f"a message holds at most {MAX_TEXT_CHARACTERS} characters; send it in parts"
    if len(content.attachments) > MAX_ATTACHMENTS:
        return f"a message holds at most {MAX_ATTACHMENTS} attachments; send it in parts"
    return ""


class Conversation(Actor):
    """The talking half of a session; `actors.session.session.Session` adds where it stands."""

    kind = "session"
    entries: list[TranscriptEntry]
    asides: list[Aside]
    _ids: set[tuple[Author, str]]

    def rebuild(self) -> None:
        lines = (record.entry for record in self.records.values() if isinstance(record, TranscriptLine))
        self.entries = sorted(lines, key=lambda entry: entry.number)
        asides = (record.aside for record in self.records.values() if isinstance(record, AsideLine))
        self.asides = sorted(asides, key=lambda aside: aside.entry.number)
        said = (*self.entries, *(aside.entry for aside in self.asides))
        self._ids = {(entry.author, entry.id) for entry in said}

    @property
    def state(self) -> SessionState | None:
        """Where the conversation stands; None when it does not exist."""
        return cast("SessionState | None", self.records.get(STATE))

    @property
    def marks(self) -> Marks:
        """How far each side received and read."""
        return cast("Marks", self.records.get(MARKS)) or Marks()

    @property
    def consultation(self) -> Consultation | None:
        """The consult that goes on; None when there is none."""
        return cast("Consultation | None", self.records.get(CONSULTATION))

    @property
    def colleague(self) -> Serving | None:
        """Who was consulted and is there now."""
        consultation = self.consultation
        return consultation.serving if consultation is not None else None

    def conferring(self, agent: str) -> Serving | None:
        """The part that this agent has in a conference to which they were asked, if any."""
        consultation, colleague = self.consultation, self.colleague
        if consultation is None or colleague is None or not consultation.is_conference or colleague.agent != agent:
            return None
        return colleague

    def watching(self, state: SessionState) -> Iterator[Serving]:
        """Everybody at whose desk the conversation is open: who serves, and the colleague."""
        if state.serving is not None:
            yield state.serving
        if (colleague := self.colleague) is not None:
            yield colleague

    def serving(self, state: SessionState | None, agent: str) -> Serving | None:
        """The service that this agent gives the conversation now, if any."""
        if state is None or state.serving is None or state.serving.agent != agent:
            return None
        return state.serving

    @on(CustomerMessage)
    def customer_message(self, message: CustomerMessage, turn: Turn) -> None:
        """Add what the customer wrote, unless this id was added before."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if (Author.CUSTOMER, message.id) in self._ids:
            return
        if state.state is InteractionState.ENDED:
            return turn.refuse(*OVER)
        if problem := problem_of(message.id, message.content):
            return turn.refuse("INVALID_ARGUMENT", problem)
        self._add(state, Author.CUSTOMER, state.customer.name, message.id, message.content, turn)

    @on(AgentMessage)
    def agent_message(self, message: AgentMessage, turn: Turn) -> None:
        """Add what the serving agent wrote, or a colleague in a conference, unless this id was added before."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if (Author.AGENT, message.id) in self._ids:
            return
        if state.state is InteractionState.ENDED:
            return turn.refuse(*OVER)
        serving = self.serving(state, message.agent) or self.conferring(message.agent)
        if serving is None:
            colleague = self.colleague
            return turn.refuse(*(NOT_HEARD if colleague is not None and colleague.agent == message.agent else NOT_SERVING))
        if problem := problem_of(message.id, message.content):
            return turn.refuse("INVALID_ARGUMENT", problem)
        self._add(state, Author.AGENT, serving.agent_name, message.id, message.content, turn)

    def _add(self, state: SessionState, author: Author, name: str, id: str, content: Content, turn: Turn) -> None:
        number = len(self.entries) + 1
        entry = TranscriptEntry(number, id, author, name, turn.now, content)
        turn.put(f"{LINE_PREFIX}{number}", TranscriptLine(entry))
        self.entries.append(entry)
        self._ids.add((author, id))
        turn.emit(MessageAdded(state.interaction, number, id, author))
        # Both sides are shown it, the writer too: their other windows see it, and all learn its number.
        turn.send(link_address(state.link), ShowEntries(state.conversation, (entry,)))
        for watching in self.watching(state):
            turn.send(link_address(watching.desk), DeskEntries(watching.agent, watching.interaction, (entry,)))

    @on(CustomerTyping)
    def customer_typing(self, message: CustomerTyping, turn: Turn) -> None:
        """Pass on to the desk; nobody misses it when nobody serves."""
        state = self.state
        for watching in self.watching(state) if state is not None else ():
            turn.tell(link_address(watching.desk), DeskTyping(watching.agent, watching.interaction, message.typing))

    @on(AgentTyping)
    def agent_typing(self, message: AgentTyping, turn: Turn) -> None:
        """Pass on to the customer, if this agent serves, or talks with them too."""
        state = self.state
        serving = self.serving(state, message.agent) or self.conferring(message.agent)
        if state is not None and serving is not None:
            turn.tell(link_address(state.link), ShowTyping(state.conversation, message.typing, serving.agent_name))

    @on(CustomerSaw)
    def customer_saw(self, message: CustomerSaw, turn: Turn) -> None:
        """Move the customer's marks forward and show them at the desk."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        before = self.marks
        delivered, read = self._forward(before.customer_delivered, before.customer_read, message.delivered, message.read)
        after = Marks(delivered, read, before.agent_delivered, before.agent_read)
        if after != before:
            turn.put(MARKS, after)
            for watching in self.watching(state):
                turn.send(link_address(watching.desk), DeskSaw(watching.agent, watching.interaction, delivered, read))

    @on(AgentSaw)
    def agent_saw(self, message: AgentSaw, turn: Turn) -> None:
        """Move the agent's marks forward and show them to the customer; a colleague's reading is not the customer's matter."""
        state, colleague = self.state, self.colleague
        if state is None:
            return turn.refuse(*UNKNOWN)
        if colleague is not None and colleague.agent == message.agent:
            return
        if self.serving(state, message.agent) is None:
            return turn.refuse(*NOT_SERVING)
        before = self.marks
        delivered, read = self._forward(before.agent_delivered, before.agent_read, message.delivered, message.read)
        after = Marks(before.customer_delivered, before.customer_read, delivered, read)
        if after != before:
            turn.put(MARKS, after)
            turn.send(link_address(state.link), ShowSaw(state.conversation, delivered, read))

    def _forward(self, delivered: int, read: int, said_delivered: int, said_read: int) -> tuple[int, int]:
        """New marks: never back, never past the last entry, and what was read was delivered."""
        last = len(self.entries)
        read = max(read, min(said_read, last))
        return max(delivered, read, min(said_delivered, last)), read

    def _show_desk(self, state: SessionState, serving: Serving, turn: Turn) -> None:
        """Give the desk the conversation as it is."""
        marks = self.marks
        conversation = DeskConversation(
            serving.agent, serving.interaction, serving.reservation, state.channel, state.customer,
            tuple(self.entries[-DESK_ENTRIES:]), marks.customer_delivered, marks.customer_read,
            tuple(self.asides[-DESK_ENTRIES:]), self._consult_view(state),
        )  # fmt: skip
        turn.send(link_address(serving.desk), conversation)

    def _consult_view(self, state: SessionState) -> ConsultView | None:
        """The consult that goes on, as desks show it."""
        consultation = self.consultation
        if consultation is None:
            return None
        colleague, asks = consultation.serving, state.serving
        if colleague is None:
            stage = ConsultStage.ASKING
        else:
            stage = ConsultStage.CONFERENCE if consultation.is_conference else ConsultStage.CONSULTING
        return ConsultView(
            consultation.interaction, stage, consultation.asked_by, asks.agent_name if asks is not None else "",
            consultation.queue, colleague.agent if colleague is not None else consultation.to_agent,
            colleague.agent_name if colleague is not None else "",
        )  # fmt: skip

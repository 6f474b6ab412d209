"""A session: one customer's live conversation, from arrival over every queue and agent to its one end.

Keeps: an interaction ends exactly once (I1) and moves only as `INTERACTION` declares (I14); at most one agent serves;
a reservation of an earlier leg never takes the conversation again, in whatever order queue and agent are heard.

    none -> queued -> connected -> ended(agent, customer)
              |  ^________|  transfer, or the agent is gone: the next leg
              |           |^ a colleague takes over: the next leg, on which nobody waits
              +-> ended(abandoned, refused, no_such_queue)
                  |^ moved on by a rule of its queue: the next leg
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.actor import Fired, Turn, on
from actors.address import address
from actors.messages.agent import ServiceEnded
from actors.messages.link import ShowEntries, ShowSaw, link_address
from actors.messages.queue import AskPosition, Withdraw
from actors.messages.session import (
    AgentEnds,
    Arrive,
    Assigned,
    CustomerLeft,
    CustomerResumed,
    DeskMoved,
    NotQueued,
    Overflow,
    ShowConversation,
    Withdrawn,
)
from actors.session.consulting import GIVE_UP
from actors.session.conversation import NOT_SERVING, UNKNOWN
from actors.session.legs import Legs, anybody, is_of_leg, remember
from actors.session.records import STATE, Serving, SessionState
from actors.session.waiting import ANNOUNCE
from actors.values import Author, Content, EndReason, InteractionState, NoticeKind, interaction_of

RETENTION = "retention"


class Session(Legs):
    """Sole owner of where one customer's interaction stands."""

    # Arriving, waiting, and being given to an agent.

    @on(Arrive)
    def arrive(self, message: Arrive, turn: Turn) -> None:
        """Begin the conversation: queue it, or end it at once when the contact centre is closed."""
        if self.state is not None:
            return  # the same arrival again
        if not (message.conversation and message.channel and message.link and message.queue):
            return turn.refuse("INVALID_ARGUMENT", "an arrival names its conversation, channel, link and queue")
        state = SessionState(
            message.conversation, f"{message.conversation}/1", message.channel, message.link, message.customer,
            message.subject, message.priority, message.requirement, message.retention_ms, turn.now,
            InteractionState.QUEUED, message.queue,
        )  # fmt: skip
        if not message.open:
            if message.closed_text:
                self._move(None, state, turn)
                self._tell_customer(state, message.closed_text, turn)
            self._end(state, state.state if message.closed_text else None, EndReason.CLOSED, turn)
            return
        self._move(None, state, turn)
        self._enqueue(state, message.requirement, turn)

    @on(NotQueued)
    def not_queued(self, message: NotQueued, turn: Turn) -> None:
        """End what never had a queue; a transfer that went nowhere goes back to where it came from."""
        state = self.state
        if state is None or self.consult_not_queued(state, message, turn):
            return
        if state.state is not InteractionState.QUEUED or state.queue != message.queue:
            return
        if state.leg == 1 or state.last_queue in ("", state.queue):
            self._end(state, state.state, EndReason.NO_SUCH_QUEUE, turn)
        else:
            waiting = self._wait_again(state, state.last_queue, turn)
            self._enqueue(waiting, anybody(waiting), turn)

    @on(Overflow)
    def overflow(self, message: Overflow, turn: Turn) -> None:
        """Wait where the queue says, unless it is over or elsewhere already; or end, refused."""
        state = self.state
        if state is None or self.consult_overflowed(state, message, turn):
            return
        if state.state is not InteractionState.QUEUED or state.leg != message.leg:
            return
        if message.text:
            self._tell_customer(state, message.text, turn)
        if not message.to:
            self._end(state, state.state, EndReason.REFUSED, turn)
            return
        moved = replace(
            state, moved_from=(*state.moved_from, address("queue", message.queue)), priority=state.priority + message.points,
            enqueued_at=state.enqueued_at if message.keeps_place else turn.now,
        )  # fmt: skip
        waiting = self._wait_again(moved, message.to, turn)
        self._enqueue(waiting, anybody(waiting), turn)

    @on(Assigned)
    def assigned(self, message: Assigned, turn: Turn) -> None:
        """Connect the customer with the agent to whom the queue granted this leg."""
        state = self.state
        if state is not None and state.serving is not None and state.serving.reservation == message.reservation:
            return
        if state is not None and self.colleague_found(state, message, turn):
            return
        if state is None or state.state is not InteractionState.QUEUED or not is_of_leg(state, message.reservation):
            # The customer left, or the agent was gone already, while the queue granted: nothing to serve any more.
            is_consult = state is not None and interaction_of(message.reservation) != state.interaction
            turn.send(message.agent_address, ServiceEnded(message.reservation, wraps_up=not is_consult))
            return
        desk = state.moved_desk or message.desk
        serving = Serving(
            message.reservation, message.agent, message.agent_name, message.agent_address, desk, message.remembers_ms
        )
        connected = replace(state, state=InteractionState.CONNECTED, serving=serving, moved_desk="")
        self._move(state.state, connected, turn)
        self._show_desk(connected, serving, turn)
        self._notice(connected, NoticeKind.CONNECTED, turn)

    @on(Withdrawn)
    def withdrawn(self, message: Withdrawn, turn: Turn) -> None:
        """The queue let go, as it was asked to; the end was recorded when asking."""

    # The customer's side.

    @on(CustomerResumed)
    def customer_resumed(self, message: CustomerResumed, turn: Turn) -> None:
        """Show a returning device everything after `seen`, and where the conversation stands."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if message.visit and message.visit < state.visit:
            return  # An older connection of the device, overtaken on another link by the one it has now.
        if (message.link and message.link != state.link) or message.visit > state.visit:
            state = replace(state, link=message.link or state.link, visit=max(message.visit, state.visit))
            turn.put(STATE, state)
        link, marks = link_address(state.link), self.marks
        if missed := tuple(self.entries[max(message.seen, 0) :]):
            turn.send(link, ShowEntries(state.conversation, missed))
        if marks.agent_delivered:
            turn.send(link, ShowSaw(state.conversation, marks.agent_delivered, marks.agent_read))
        match state.state:
            case InteractionState.QUEUED:
                turn.send(address("queue", state.queue), AskPosition(state.interaction, state.leg, turn.address))
            case InteractionState.CONNECTED:
                self._notice(state, NoticeKind.CONNECTED, turn)
                consultation = self.consultation
                if consultation is not None and consultation.is_conference:
                    self._notice(state, NoticeKind.JOINED, turn, consultation.serving)
            case InteractionState.ENDED:
                self._notice_end(state, turn)

    @on(CustomerLeft)
    def customer_left(self, message: CustomerLeft, turn: Turn) -> None:
        """End it: abandoned while waiting, by the customer while being served."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if state.state is InteractionState.QUEUED:
            turn.send(address("queue", state.queue), Withdraw(state.interaction, state.leg))
            self._end(state, state.state, EndReason.ABANDONED, turn)
        elif state.state is InteractionState.CONNECTED:
            self._end(state, state.state, EndReason.CUSTOMER, turn)

    # The agent's side.

    @on(AgentEnds)
    def agent_ends(self, message: AgentEnds, turn: Turn) -> None:
        """End it for the serving agent; asking again after the end changes nothing."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if state.state is InteractionState.ENDED:
            return
        if self.serving(state, message.agent) is None:
            return turn.refuse(*NOT_SERVING)
        self._end(state, state.state, EndReason.AGENT, turn)

    @on(DeskMoved)
    def desk_moved(self, message: DeskMoved, turn: Turn) -> None:
        """Go on at the agent's new desk; one heard of before the agent was is remembered."""
        state = self.state
        if state is None or self.colleague_moved(state, message, turn):
            return
        serving = self.serving(state, message.agent)
        if serving is not None:
            self._move_desk(state, serving, message.desk, turn)
        elif state.state is InteractionState.QUEUED and message.reservation and is_of_leg(state, message.reservation):
            turn.put(STATE, replace(state, moved_desk=message.desk))

    @on(ShowConversation)
    def show_conversation(self, message: ShowConversation, turn: Turn) -> None:
        """Send the desk of the serving agent, or of a colleague who is there, the whole conversation again."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if self.show_colleague(state, message, turn):
            return
        serving = self.serving(state, message.agent)
        if serving is None:
            return turn.refuse(*NOT_SERVING)
        self._move_desk(state, serving, message.desk or serving.desk, turn)

    @on(Fired)
    def fired(self, message: Fired, turn: Turn) -> None:
        """The retention time is over: forget the conversation. Or it is time to tell where it stands."""
        if message.name == ANNOUNCE:
            self.ask_again(turn)
        elif message.name == GIVE_UP:
            self.give_up(turn)
        elif message.name == RETENTION and self.state is not None and self.state.state is InteractionState.ENDED:
            turn.end()

    # Steps that several messages take.

    def _move_desk(self, state: SessionState, serving: Serving, desk: str, turn: Turn) -> None:
        if desk != serving.desk:
            serving = replace(serving, desk=desk)
            state = replace(state, serving=serving)
            turn.put(STATE, state)
        self._show_desk(state, serving, turn)

    def _end(self, state: SessionState, before: InteractionState | None, reason: EndReason, turn: Turn) -> None:
        """The one terminal fact of the interaction (I1); everybody is released."""
        why = EndReason.CUSTOMER if reason is EndReason.CUSTOMER else EndReason.AGENT
        self.end_consult_of(state, why, turn, goes_on=False)
        if state.serving is not None:
            turn.send(state.serving.address, ServiceEnded(state.serving.reservation))
            remember(state, state.serving, turn)
        ended = replace(state, state=InteractionState.ENDED, reason=reason, serving=None, moved_desk="")
        self._move(before, ended, turn, served=state.serving)
        self._notice_end(ended, turn)
        turn.set_timer(RETENTION, turn.now + state.retention_ms)

    def _tell_customer(self, state: SessionState, text: str, turn: Turn) -> None:
        """Put a text of the contact centre into the conversation; one leg says one thing."""
        self._add(state, Author.SYSTEM, "", f"overflow-{state.leg}", Content(text), turn)

    def _notice_end(self, state: SessionState, turn: Turn) -> None:
        self._notice(state, NoticeKind.CLOSED if state.reason is EndReason.CLOSED else NoticeKind.ENDED, turn)

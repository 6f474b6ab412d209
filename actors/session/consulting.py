"""How an agent who serves asks a colleague: consult, conference, and leaving the customer to the colleague.

Keeps: a consult is an interaction of its own, queued, offered and held like any other, so a colleague is given one only
within capacity (I3) and once (I2); there is at most one, and none without somebody who serves the customer; the customer
moves to the colleague in one turn, with the reservation that the colleague has accepted, so at no moment does nobody serve.

    agent             session                      queue            colleague
      | Consult -------> | Enqueue (conv/2) -------> | Reserve -------> |
      | <-- DeskConsult  | <-------------- Assigned  | <------- Accept  |
      | AgentAside ----> | DeskAsides ------------------------> (desk)  |
      | StartConference ->  ShowNotice joined                           |
      | CompleteConsult ->  ServiceEnded (agent)     : serves the customer from here on, also if the agent is gone
      | EndConsult ----> | Withdraw, or ServiceEnded -----------------> |
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import address
from actors.events import InteractionMoved, MessageAdded
from actors.messages.agent import ServiceEnded
from actors.messages.link import ConsultView, DeskAsides, DeskConsult, link_address
from actors.messages.queue import Enqueue, Withdraw
from actors.messages.session import (
    AgentAside,
    Assigned,
    CompleteConsult,
    Consult,
    DeskMoved,
    EndConsult,
    InteractionView,
    NotQueued,
    Overflow,
    ShowConversation,
    StartConference,
)
from actors.session.conversation import NOT_SERVING, OVER, UNKNOWN, problem_of
from actors.session.records import ASIDE_PREFIX, CONSULTATION, STATE, AsideLine, Consultation, Serving, SessionState
from actors.session.standing import Standing
from actors.values import (
    INTERACTION,
    Aside,
    Author,
    ConsultStage,
    EndReason,
    InteractionState,
    NoticeKind,
    TranscriptEntry,
    interaction_of,
    leg_of,
)

GIVE_UP = "consult"
USUAL_GIVE_UP_MS = 120_000
MAX_GIVE_UP_MS = 3_600_000
#: The queue does not ask whoever asks; it may hear a little late that the consult has been given up.
SURELY_OVER_MS = 60_000

ASKED_ALREADY = ("FAILED_PRECONDITION", "a colleague is asked or there already; end that first")
NO_CONSULT = ("FAILED_PRECONDITION", "this consult is over; ask again if you still need somebody")
NOT_THERE = ("FAILED_PRECONDITION", "nobody has taken the consult yet; wait for a colleague")
ONLY_WHO_ASKED = ("PERMISSION_DENIED", "only the agent who asked may do this; leave the consult to get out of it")
NOBODY_TO_TELL = ("FAILED_PRECONDITION", "no colleague is asked; ask one first")


class Consulting(Standing):
    """The part of a session that two agents have with each other."""

    # Whoever asks.

    @on(Consult)
    def consult(self, message: Consult, turn: Turn) -> None:
        """Let somebody be found who helps; the customer stays where they are and hears nothing of it."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if message.id in state.transfers:
            return
        if state.state is InteractionState.ENDED:
            return turn.refuse(*OVER)
        serving = self.serving(state, message.agent)
        if serving is None:
            return turn.refuse(*NOT_SERVING)
        if not message.id or not (message.queue or message.to_agent):
            return turn.refuse("INVALID_ARGUMENT", "a consult needs an id, and a queue or an agent to ask")
        if message.to_agent == message.agent:
            return turn.refuse("INVALID_ARGUMENT", "nobody can consult themselves; name another agent")
        if not 0 <= message.give_up_ms <= MAX_GIVE_UP_MS:
            return turn.refuse("INVALID_ARGUMENT", f"a consult is given up after at most {MAX_GIVE_UP_MS} ms")
        if self.consultation is not None:
            return turn.refuse(*ASKED_ALREADY)
        number = state.consults + 1
        turn.put(STATE, replace(state, transfers=(*state.transfers, message.id), consults=number))
        consultation = Consultation(
            f"{state.conversation}/{number + 1}", message.queue or state.queue, message.to_agent, message.agent, turn.now,
            turn.now + (message.give_up_ms or USUAL_GIVE_UP_MS),
        )  # fmt: skip
        turn.set_timer(GIVE_UP, consultation.ends_at)
        self._consult_moved(state, None, consultation, turn)
        self._ask(state, serving, consultation, turn)
        self._show_consult(state, turn)

    @on(StartConference)
    def start_conference(self, message: StartConference, turn: Turn) -> None:
        """Let the colleague talk with the customer too."""
        found = self._consult_of(message, turn)
        if found is None:
            return
        state, consultation = found
        if consultation.serving is None:
            return turn.refuse(*NOT_THERE)
        if not consultation.is_conference:
            turn.put(CONSULTATION, replace(consultation, is_conference=True))
            self._notice(state, NoticeKind.JOINED, turn, consultation.serving)
            self._show_consult(state, turn)

    @on(CompleteConsult)
    def complete_consult(self, message: CompleteConsult, turn: Turn) -> None:
        """Leave the customer to the colleague; whoever asked is done."""
        found = self._consult_of(message, turn)
        if found is None:
            return
        state, consultation = found
        if consultation.serving is None:
            return turn.refuse(*NOT_THERE)
        left = state.serving
        self.take_over(state, turn)
        if left is not None:
            turn.send(left.address, ServiceEnded(left.reservation))

    @on(EndConsult)
    def end_consult(self, message: EndConsult, turn: Turn) -> None:
        """End it for whoever asked, or let the colleague leave; asking again after that changes nothing."""
        state, consultation, colleague = self.state, self.consultation, self.colleague
        if state is None:
            return turn.refuse(*UNKNOWN)
        if consultation is None or consultation.interaction != message.consult:
            return
        if self.serving(state, message.agent) is not None:
            self.end_consult_of(state, EndReason.AGENT, turn)
        elif colleague is not None and colleague.agent == message.agent:
            self.end_consult_of(state, EndReason.COLLEAGUE, turn)
        else:
            turn.refuse(*NOT_SERVING)

    @on(AgentAside)
    def aside(self, message: AgentAside, turn: Turn) -> None:
        """Add what one agent wrote to the other, unless this id was added before."""
        state, consultation, colleague = self.state, self.consultation, self.colleague
        if state is None:
            return turn.refuse(*UNKNOWN)
        if (Author.COLLEAGUE, message.id) in self._ids:
            return
        writer = self.serving(state, message.agent)
        if writer is None and colleague is not None and colleague.agent == message.agent:
            writer = colleague
        if writer is None:
            return turn.refuse(*NOT_SERVING)
        if consultation is None:
            return turn.refuse(*NOBODY_TO_TELL)
        if problem := problem_of(message.id, message.content):
            return turn.refuse("INVALID_ARGUMENT", problem)
        number = len(self.asides) + 1
        entry = TranscriptEntry(number, message.id, Author.COLLEAGUE, writer.agent_name, turn.now, message.content)
        aside = Aside(entry, len(self.entries))
        turn.put(f"{ASIDE_PREFIX}{number}", AsideLine(aside))
        self.asides.append(aside)
        self._ids.add((Author.COLLEAGUE, message.id))
        turn.emit(MessageAdded(state.interaction, number, message.id, Author.COLLEAGUE))
        for watching in self.watching(state):
            turn.send(link_address(watching.desk), DeskAsides(watching.agent, watching.interaction, (aside,)))

    # The queue's and the colleague's side. Each answers whether the message was about a consult.

    def colleague_found(self, state: SessionState, message: Assigned, turn: Turn) -> bool:
        """A colleague has taken the consult: show them everything, and whoever asked that they are there."""
        consultation = self._consult_under(message.reservation)
        if consultation is None or consultation.serving is not None or consultation.leg != leg_of(message.reservation):
            return False
        desk = consultation.moved_desk or message.desk
        serving = Serving(
            message.reservation, message.agent, message.agent_name, message.agent_address, desk, message.remembers_ms
        )
        connected = replace(consultation, state=InteractionState.CONNECTED, serving=serving, moved_desk="")
        turn.cancel_timer(GIVE_UP)
        self._consult_moved(state, consultation, connected, turn)
        self._show_desk(state, serving, turn)
        self._show_consult(state, turn)
        return True

    def colleague_gone(self, state: SessionState, reservation: str, turn: Turn) -> bool:
        """The colleague signed out or was lost, perhaps before the queue was heard."""
        consultation = self._consult_under(reservation)
        if consultation is None:
            return False
        if consultation.leg == leg_of(reservation):
            self.end_consult_of(state, EndReason.COLLEAGUE, turn)
        return True

    def colleague_moved(self, state: SessionState, message: DeskMoved, turn: Turn) -> bool:
        """The colleague has another desk; one heard of before the queue was is remembered."""
        consultation = self._consult_under(message.reservation)
        if consultation is None:
            return False
        if consultation.serving is not None:
            self._move_colleague(state, consultation, consultation.serving, message.desk, turn)
        elif consultation.leg == leg_of(message.reservation):
            turn.put(CONSULTATION, replace(consultation, moved_desk=message.desk))
        return True

    def show_colleague(self, state: SessionState, message: ShowConversation, turn: Turn) -> bool:
        """The colleague's desk asks for the whole conversation again."""
        consultation, colleague = self.consultation, self.colleague
        if consultation is None or colleague is None or colleague.agent != message.agent:
            return False
        self._move_colleague(state, consultation, colleague, message.desk or colleague.desk, turn)
        return True

    def consult_not_queued(self, state: SessionState, message: NotQueued, turn: Turn) -> bool:
        """The queue that was to be asked does not exist, or takes nobody."""
        if message.interaction == state.interaction:
            return False
        consultation = self._waiting_consult(message.interaction)
        if consultation is not None and consultation.queue == message.queue:
            self.end_consult_of(state, EndReason.NO_SUCH_QUEUE, turn)
        return True

    def consult_overflowed(self, state: SessionState, message: Overflow, turn: Turn) -> bool:
        """The queue does not keep the consult: ask where it says, or nobody. What it says to customers is not for agents."""
        if message.interaction == state.interaction:
            return False
        consultation, serving = self._waiting_consult(message.interaction), state.serving
        if consultation is None or serving is None or consultation.leg != message.leg:
            return True
        if not message.to:
            self.end_consult_of(state, EndReason.REFUSED, turn)
            return True
        moved_from = (*consultation.moved_from, address("queue", message.queue))
        moved = replace(consultation, queue=message.to, leg=consultation.leg + 1, moved_from=moved_from, moved_desk="")
        self._consult_moved(state, consultation, moved, turn)
        self._ask(state, serving, moved, turn)
        self._show_consult(state, turn)
        return True

    def give_up(self, turn: Turn) -> None:
        """Nobody has taken the consult for as long as whoever asked wanted to wait."""
        state, consultation = self.state, self.consultation
        if state is not None and consultation is not None and consultation.serving is None and consultation.ends_at <= turn.now:
            self.end_consult_of(state, EndReason.UNANSWERED, turn)

    # Steps that several messages take.

    def take_over(self, state: SessionState, turn: Turn) -> None:
        """From here on the colleague serves, under the reservation that they have, on the interaction's next leg."""
        consultation, colleague, left = self.consultation, self.colleague, state.serving
        if consultation is None or colleague is None:
            return
        if consultation.is_conference:
            self._notice(state, NoticeKind.LEFT, turn)
        over = self._consult_over(state, consultation, EndReason.TAKEN_OVER, turn)
        taken = replace(state, leg=state.leg + 1, serving=colleague, moved_desk="")
        self._move(state.state, taken, turn)
        self._notice(taken, NoticeKind.CONNECTED, turn)
        self._show_desk(taken, colleague, turn)
        for told in (left, colleague):
            if told is not None:
                turn.send(link_address(told.desk), DeskConsult(told.agent, told.interaction, over))

    def end_consult_of(self, state: SessionState, reason: EndReason, turn: Turn, goes_on: bool = True) -> None:
        """End the consult, if there is one: nobody is asked any more, and whoever is there is free again.

        A customer whose conversation `goes_on` is told who left it.
        """
        consultation = self.consultation
        if consultation is None:
            return
        told = list(self.watching(state))
        colleague = consultation.serving
        if colleague is None:
            turn.cancel_timer(GIVE_UP)
            turn.send(address("queue", consultation.queue), Withdraw(consultation.interaction, consultation.leg))
        else:
            # Whoever talked with the customer may have something to note about it.
            turn.send(colleague.address, ServiceEnded(colleague.reservation, wraps_up=consultation.is_conference))
        over = self._consult_over(state, consultation, reason, turn)
        for watching in told:
            turn.send(link_address(watching.desk), DeskConsult(watching.agent, watching.interaction, over))
        if consultation.is_conference and goes_on:
            self._notice(state, NoticeKind.LEFT, turn, colleague)

    def _consult_over(self, state: SessionState, consultation: Consultation, reason: EndReason, turn: Turn) -> ConsultView:
        """The one terminal fact of the consult (I1), and what desks are to show of it."""
        view = self._consult_view(state)
        assert view is not None, "a consult goes on"
        self._consult_moved(state, consultation, replace(consultation, state=InteractionState.ENDED), turn, reason)
        turn.drop(CONSULTATION)
        return replace(view, stage=ConsultStage.ENDED, reason=reason)

    def _consult_moved(
        self, state: SessionState, before: Consultation | None, after: Consultation, turn: Turn, reason: EndReason | None = None
    ) -> None:
        """Record a declared move of the consult, and journal it."""
        earlier = before.state if before is not None else None
        INTERACTION.check(earlier, after.state)
        turn.put(CONSULTATION, after)
        agent, reservation = (after.serving.agent, after.serving.reservation) if after.serving is not None else ("", "")
        moved = InteractionMoved(
            after.interaction, state.channel, after.queue, earlier, after.state, after.leg, agent, reservation, reason,
            consults=state.interaction,
        )  # fmt: skip
        turn.emit(moved)

    def _ask(self, state: SessionState, serving: Serving, consultation: Consultation, turn: Turn) -> None:
        """Let the queue find somebody who could also take the customer over: as for a transfer, but for whoever asks."""
        enqueue = Enqueue(
            consultation.interaction, consultation.leg, turn.address, state.channel, state.customer, state.priority,
            replace(state.requirement, agent=consultation.to_agent), consultation.asked_at, state.subject, 0,
            (serving.address,), consultation.moved_from, serving.agent_name, consultation.ends_at + SURELY_OVER_MS,
        )  # fmt: skip
        turn.send(address("queue", consultation.queue), enqueue)

    def _show_consult(self, state: SessionState, turn: Turn) -> None:
        """Tell every desk how the consult stands."""
        view = self._consult_view(state)
        if view is None:
            return
        for watching in self.watching(state):
            turn.send(link_address(watching.desk), DeskConsult(watching.agent, watching.interaction, view))

    def _move_colleague(
        self, state: SessionState, consultation: Consultation, colleague: Serving, desk: str, turn: Turn
    ) -> None:
        if desk != colleague.desk:
            colleague = replace(colleague, desk=desk)
            turn.put(CONSULTATION, replace(consultation, serving=colleague))
        self._show_desk(state, colleague, turn)

    def _consult_of(self, message: StartConference | CompleteConsult, turn: Turn) -> tuple[SessionState, Consultation] | None:
        """The consult that a command of whoever asked is about; None when it was refused."""
        state, consultation, colleague = self.state, self.consultation, self.colleague
        if state is None:
            turn.refuse(*UNKNOWN)
        elif self.serving(state, message.agent) is None:
            is_colleague = colleague is not None and colleague.agent == message.agent
            turn.refuse(*(ONLY_WHO_ASKED if is_colleague else NOT_SERVING))
        elif consultation is None or consultation.interaction != message.consult:
            turn.refuse(*NO_CONSULT)
        else:
            return state, consultation
        return None

    def _consult_under(self, reservation: str) -> Consultation | None:
        """The consult that goes on, if the reservation is for it."""
        consultation = self.consultation
        if consultation is None or consultation.interaction != interaction_of(reservation):
            return None
        return consultation

    def _waiting_consult(self, interaction: str) -> Consultation | None:
        """The consult of this id, if it waits for a colleague."""
        consultation = self.consultation
        if consultation is None or consultation.interaction != interaction or consultation.serving is not None:
            return None
        return consultation


def view_of_consult(state: SessionState, consultation: Consultation) -> InteractionView:
    """What a supervisor is shown of a consult."""
    colleague = consultation.serving
    return InteractionView(
        consultation.interaction, state.channel, consultation.state, consultation.leg, consultation.queue, state.priority,
        consultation.asked_at, colleague.agent if colleague is not None else "",
    )  # fmt: skip

"""The legs of a session: how a customer who waits or is served comes to wait elsewhere, again, or for somebody else.

Keeps: each leg is counted; whoever served hears that it is over; a repeated id moves nobody twice; a command that names
the leg that it means is refused once the interaction is past it.

    agent, supervisor         session                       queue            agent
      | TransferTo, Redirect --> | (leg n + 1)                |                |
      |                          | Withdraw (leg n) --------> |                |   if it waited in another queue
      |                          | ServiceEnded ----------------------------->  |   if it was served
      |                          | Enqueue (leg n + 1) -----> |                |
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import Address, address
from actors.messages.agent import ServiceEnded
from actors.messages.customer import Served
from actors.messages.queue import Enqueue, Reprioritise, Withdraw
from actors.messages.session import (
    AgentGone,
    InteractionView,
    Prioritise,
    ReadInteraction,
    Redirect,
    ReturnToQueue,
    TransferTo,
)
from actors.session.consulting import Consulting, view_of_consult
from actors.session.conversation import NOT_SERVING, OVER, UNKNOWN
from actors.session.records import STATE, Serving, SessionState
from actors.values import EndReason, InteractionState, NoticeKind, Requirement, interaction_of, leg_of

MAX_PRIORITY = 1000


class Legs(Consulting):
    """The moving part of a session; `actors.session.session.Session` adds how it begins, connects and ends."""

    # The agent's side.

    @on(TransferTo)
    def transfer_to(self, message: TransferTo, turn: Turn) -> None:
        """Hand the customer to a queue, or to an agent through a queue; the serving agent is done."""
        state = self._given_up(message, turn)
        if state is None:
            return
        if not message.id or not (message.queue or message.to_agent):
            return turn.refuse("INVALID_ARGUMENT", "a transfer needs an id, and a queue or an agent to go to")
        if message.to_agent == message.agent:
            return turn.refuse("INVALID_ARGUMENT", "the customer is with this agent already; name another agent")
        fallback_at = turn.now + message.fallback_ms if message.to_agent and message.fallback_ms else 0
        self._hand_over(state, message.id, message.queue or state.queue, True, turn, message.to_agent, fallback_at)

    @on(ReturnToQueue)
    def return_to_queue(self, message: ReturnToQueue, turn: Turn) -> None:
        """Let the customer wait for somebody else in the queue that they came from; the serving agent is done."""
        state = self._given_up(message, turn)
        if state is None:
            return
        if not message.id:
            return turn.refuse("INVALID_ARGUMENT", "a return needs an id, so that it is recognised when it comes again")
        self._hand_over(state, message.id, state.queue, message.keep_place, turn)

    @on(AgentGone)
    def agent_gone(self, message: AgentGone, turn: Turn) -> None:
        """Wait again, before newcomers, for another agent; a colleague who was consulted takes the customer over instead.

        The agent may be heard before the queue: a reservation of the present leg was granted then, and is over.
        """
        state = self.state
        if state is None or state.state is InteractionState.ENDED or self.colleague_gone(state, message.reservation, turn):
            return
        if state.serving is not None:
            is_present = state.serving.reservation == message.reservation
        else:
            is_present = is_of_leg(state, message.reservation)
        if is_present and state.serving is not None:
            remember(state, state.serving, turn)
        if is_present and self.colleague is not None:
            self.take_over(state, turn)
        elif is_present:
            waiting = self._wait_again(state, state.queue, turn)
            self._enqueue(waiting, anybody(waiting), turn)

    # The supervisor's side.

    @on(Redirect)
    def redirect(self, message: Redirect, turn: Turn) -> None:
        """Let the customer wait elsewhere or for one agent, whether they wait now or are served."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if message.interaction and message.interaction != state.interaction:
            return turn.refuse(*NOT_MOVED)
        if message.id in state.transfers:
            turn.reply(view_of(state))
            return
        if refusal := moved_on(state, message.expected_leg):
            return turn.refuse(*refusal)
        if message.expects is not None and message.expects is not state.state:
            return turn.refuse("FAILED_PRECONDITION", HOW_TO_MOVE[state.state])
        if not message.id or not message.by:
            return turn.refuse("INVALID_ARGUMENT", "a redirection has an id of its own, and names who wants it")
        queue = message.queue or state.queue
        if state.state is InteractionState.QUEUED and queue != state.queue:
            turn.send(address("queue", state.queue), Withdraw(state.interaction, state.leg))
        fallback_at = turn.now + message.fallback_ms if message.to_agent and message.fallback_ms else 0
        waiting = self._hand_over(state, message.id, queue, message.keep_place, turn, message.to_agent, fallback_at, message.by)
        turn.reply(view_of(waiting))

    @on(Prioritise)
    def prioritise(self, message: Prioritise, turn: Turn) -> None:
        """Let the customer go before, or after, others from here on, also on later legs."""
        state = self.state
        if state is None:
            return turn.refuse(*UNKNOWN)
        if message.interaction and message.interaction != state.interaction:
            return turn.refuse(*NOT_MOVED)
        if refusal := moved_on(state, message.expected_leg):
            return turn.refuse(*refusal)
        if not 0 <= message.priority <= MAX_PRIORITY:
            return turn.refuse("INVALID_ARGUMENT", f"a priority is 0 to {MAX_PRIORITY}")
        if message.priority != state.priority:
            state = replace(state, priority=message.priority)
            turn.put(STATE, state)
            if state.state is InteractionState.QUEUED:
                turn.send(address("queue", state.queue), Reprioritise(state.interaction, state.leg, state.priority))
        turn.reply(view_of(state))

    @on(ReadInteraction)
    def read_interaction(self, message: ReadInteraction, turn: Turn) -> None:
        """Answer with where the interaction stands, or the consult about it that goes on."""
        state, consultation = self.state, self.consultation
        if state is None:
            return turn.refuse(*UNKNOWN)
        if consultation is not None and consultation.interaction == message.interaction:
            turn.reply(view_of_consult(state, consultation))
        else:
            turn.reply(view_of(state))

    # Steps that several messages take.

    def _given_up(self, message: TransferTo | ReturnToQueue, turn: Turn) -> SessionState | None:
        """The session whose agent gives the customer up; None when there is nothing to do, or it was refused."""
        state = self.state
        if state is None:
            turn.refuse(*UNKNOWN)
            return None
        if message.id in state.transfers:
            return None
        if state.state is InteractionState.ENDED:
            turn.refuse(*OVER)
            return None
        if self.serving(state, message.agent) is None:
            turn.refuse(*NOT_SERVING)
            return None
        return state

    def _hand_over(
        self,
        state: SessionState,
        id: str,
        queue: str,
        keep_place: bool,
        turn: Turn,
        to_agent: str = "",
        fallback_at: int = 0,
        by: str = "",
    ) -> SessionState:
        """Begin the next leg, once for each `id`; without `keep_place` behind all who came before now."""
        serving = state.serving
        if serving is not None:
            turn.send(serving.address, ServiceEnded(serving.reservation))
            remember(state, serving, turn)
        enqueued_at = state.enqueued_at if keep_place else turn.now
        noted = replace(state, transfers=(*state.transfers, id), enqueued_at=enqueued_at)
        waiting = self._wait_again(noted, queue, turn, by)
        not_agents = (serving.address,) if serving is not None else ()
        self._enqueue(waiting, replace(state.requirement, agent=to_agent), turn, fallback_at, not_agents)
        if serving is not None:
            self._notice(waiting, NoticeKind.TRANSFERRED, turn)
        return waiting

    def _enqueue(
        self,
        state: SessionState,
        requirement: Requirement,
        turn: Turn,
        fallback_at: int = 0,
        not_agents: tuple[Address, ...] = (),
    ) -> None:
        enqueue = Enqueue(
            state.interaction, state.leg, turn.address, state.channel, state.customer, state.priority, requirement,
            state.enqueued_at, state.subject, fallback_at, not_agents, state.moved_from,
        )  # fmt: skip
        turn.send(address("queue", state.queue), enqueue)

    def _wait_again(self, state: SessionState, queue: str, turn: Turn, by: str = "") -> SessionState:
        """Begin the next leg, in this queue; a colleague who is there goes with whoever asked."""
        self.end_consult_of(state, EndReason.AGENT, turn)
        waiting = replace(
            state, state=InteractionState.QUEUED, leg=state.leg + 1, queue=queue, last_queue=state.queue,
            serving=None, moved_desk="",
        )  # fmt: skip
        self._move(state.state, waiting, turn, by=by)
        return waiting


def is_of_leg(state: SessionState, reservation: str) -> bool:
    """Whether it is for the leg that the customer waits on."""
    return interaction_of(reservation) == state.interaction and leg_of(reservation) == state.leg


def anybody(state: SessionState) -> Requirement:
    """What the customer needs, without a wish for one agent: whoever was meant did not serve."""
    return replace(state.requirement, agent="")


def remember(state: SessionState, serving: Serving, turn: Turn) -> None:
    """This service is over: tell the customer who it was, where the queue gives people back to the same agent."""
    if serving.remembers_ms and state.customer.id:
        served = Served(serving.address, turn.now, serving.remembers_ms)
        turn.send(address("customer", state.customer.id), served)


NOT_MOVED = (
    "FAILED_PRECONDITION",
    "this is an agent who asks a colleague: move the customer whom the agent serves, and the consult ends with it",
)
#: What to do with an interaction that is not where a command expects it.
HOW_TO_MOVE = {
    InteractionState.QUEUED: "the customer is waiting: push them to an agent, or move them to another queue",
    InteractionState.CONNECTED: "the customer is being served: pull them from their agent, or move them to another queue",
    InteractionState.ENDED: OVER[1],
}


def moved_on(state: SessionState, expected_leg: int) -> tuple[str, str] | None:
    """Why a command comes too late, if it does; 0 means whatever leg it is on."""
    if state.state is InteractionState.ENDED:
        return OVER
    if expected_leg and expected_leg != state.leg:
        return ("ABORTED", f"the interaction has moved on to leg {state.leg}: look at it again, and decide anew")
    return None


def view_of(state: SessionState) -> InteractionView:
    """What a supervisor is shown."""
    return InteractionView(
        state.interaction, state.channel, state.state, state.leg, state.queue, state.priority, state.enqueued_at,
        state.serving.agent if state.serving is not None else "", state.reason,
    )  # fmt: skip

"""What a waiting customer is told, and when: how many are in front, and how much longer.

    enters the queue ---> Queued(ask_after_ms) ---> timer ---> AskPosition ---> Queued: told, if it is news
                                                      ^______________________________|

Keeps: only the session tells its customer; nothing is told twice by the clock; no timer outlives the wait. A queue that
announces nothing costs no timer and no record.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import address
from actors.messages.link import ShowNotice, link_address
from actors.messages.queue import AskPosition
from actors.messages.session import Queued
from actors.routing.expecting import Expected
from actors.session.conversation import Conversation
from actors.session.records import STATE, SessionState, Told
from actors.values import InteractionState, NoticeKind

ANNOUNCE = "announce"
MINUTE_MS = 60_000
#: Waits are told in steps of so many minutes, up to so many minutes; a closer figure would promise what nobody knows.
STEPS_MIN = ((10, 1), (30, 5), (120, 10))
LARGEST_STEP_MIN = 30


class Awaiting(Conversation):
    """The waiting part of a session."""

    @on(Queued)
    def queued(self, message: Queued, turn: Turn) -> None:
        """Tell the customer where they stand, if they came back or it is news."""
        state = self.state
        if state is None or state.state is not InteractionState.QUEUED or state.queue != message.queue:
            return
        if message.interaction != state.interaction:
            return  # A consult, which no customer is told of.
        told = Told(state.leg, -1 if message.ahead_hidden else message.ahead, *minutes(message.expected))
        if message.ask_after_ms or state.told is not None:
            before = state.told
            if before != told:
                turn.put(STATE, replace(state, told=told))
            if message.ask_after_ms:
                turn.set_timer(ANNOUNCE, turn.now + message.ask_after_ms)
            if message.timed and before == told:
                return
        notice = ShowNotice(
            state.conversation, NoticeKind.QUEUED, "", state.queue, message.ahead, message.expected, message.ahead_hidden
        )
        turn.send(link_address(state.link), notice)

    def ask_again(self, turn: Turn) -> None:
        """It is time to tell: ask the queue where this leg stands."""
        state = self.state
        if state is not None and state.state is InteractionState.QUEUED:
            turn.send(address("queue", state.queue), AskPosition(state.interaction, state.leg, turn.address, timed=True))

    def stop_telling(self, state: SessionState, turn: Turn) -> None:
        """This leg waits no more."""
        if state.told is not None:
            turn.cancel_timer(ANNOUNCE)


def minutes(expected: Expected | None) -> tuple[int, int]:
    """The wait in whole minutes, rounded outwards to what is worth telling apart; (0, 0) if it is not known."""
    if expected is None:
        return 0, 0
    most_min = -(-expected.high_ms // MINUTE_MS)
    step = next((step for up_to_min, step in STEPS_MIN if most_min <= up_to_min), LARGEST_STEP_MIN)
    return expected.low_ms // (MINUTE_MS * step) * step, max(1, -(-most_min // step) * step)

"""Where a session's interaction stands: each move is declared, stored and journalled, and the customer hears of it.

Keeps: the interaction moves only as `INTERACTION` declares (I14).
"""

from __future__ import annotations

from actors.actor import Turn
from actors.events import InteractionMoved
from actors.messages.link import ShowNotice, link_address
from actors.session.records import STATE, Serving, SessionState
from actors.session.waiting import Awaiting
from actors.values import INTERACTION, InteractionState, NoticeKind


class Standing(Awaiting):
    """The steps that every part of a session takes when something moves."""

    def _move(
        self, before: InteractionState | None, state: SessionState, turn: Turn, served: Serving | None = None, by: str = ""
    ) -> None:
        """Record a declared move and journal it with who serves, or served until now, and the supervisor who wanted it."""
        INTERACTION.check(before, state.state)
        if before is InteractionState.QUEUED:
            self.stop_telling(state, turn)
        turn.put(STATE, state)
        serving = state.serving or served
        agent, reservation = (serving.agent, serving.reservation) if serving is not None else ("", "")
        moved = InteractionMoved(
            state.interaction, state.channel, state.queue, before, state.state, state.leg, agent, reservation, state.reason, by
        )
        turn.emit(moved)

    def _notice(self, state: SessionState, kind: NoticeKind, turn: Turn, about: Serving | None = None) -> None:
        """Tell the customer; `about` whom, if not about whoever serves."""
        agent = about or state.serving
        agent_name = agent.agent_name if agent is not None else ""
        turn.send(link_address(state.link), ShowNotice(state.conversation, kind, agent_name, state.queue))

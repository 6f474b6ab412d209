"""What the desk's server remembers of one agent, so that a reloaded page is shown everything at once.

Invariants: it holds what the cluster last said and nothing else; a conversation is remembered as long as the agent has
a reservation for it, which is longer than the cluster shows it (a wrap-up no longer serves the conversation).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from gateways.desk import frames
from gateways.web.framing import ServerFrame
from gateways.web.transcript import Entry

#: As many as the cluster gives a desk that begins a conversation.
MAX_ENTRIES = 200


class AgentMemory:
    """The picture of one agent."""

    def __init__(self) -> None:
        self._state: frames.State | None = None
        self._conversations: dict[str, frames.Conversation] = {}

    def learn(self, frame: ServerFrame) -> None:
        """Take what the cluster said into the picture."""
        match frame:
            case frames.State():
                self._state = frame
                held = {reservation.interaction for reservation in frame.reservations}
                self._conversations = {key: value for key, value in self._conversations.items() if key in held}
            case frames.Offer(reservation=reservation):
                self._hold(reservation)
            case frames.OfferEnded(reservation=reservation_id, outcome=outcome):
                self._moved(reservation_id, outcome)
            case frames.Conversation():
                self._conversations[frame.interaction] = frame
            case frames.Entries(interaction=interaction, entries=entries):
                self._add(interaction, entries)
            case frames.Asides(interaction=interaction, asides=asides):
                self._add_asides(interaction, asides)
            case frames.ConsultStands(interaction=interaction, consult=consult):
                self._consult(interaction, None if consult.stage == "ended" else consult)
            case frames.TheySaw():
                self._mark(frame)

    def tell(self) -> Iterator[ServerFrame]:
        """Everything, for a page that knows nothing."""
        yield from self._conversations.values()
        if self._state is not None:
            yield self._state

    def _hold(self, reservation: frames.Reservation) -> None:
        if self._state is not None:
            others = tuple(one for one in self._state.reservations if one.reservation != reservation.reservation)
            self._state = replace(self._state, reservations=(*others, reservation))

    def _moved(self, reservation_id: str, outcome: str) -> None:
        """An ended offer must not ring again in a reloaded page; what it became comes with the next state."""
        if self._state is not None and outcome not in ("accepted", "wrapping"):
            rest = tuple(one for one in self._state.reservations if one.reservation != reservation_id)
            self._state = replace(self._state, reservations=rest)

    def _add(self, interaction: str, entries: tuple[Entry, ...]) -> None:
        known = self._conversations.get(interaction)
        if known is not None:
            last = known.entries[-1].number if known.entries else 0
            fresh = tuple(entry for entry in entries if entry.number > last)
            self._conversations[interaction] = replace(known, entries=(*known.entries, *fresh)[-MAX_ENTRIES:])

    def _add_asides(self, interaction: str, asides: tuple[frames.Aside, ...]) -> None:
        known = self._conversations.get(interaction)
        if known is not None:
            last = known.asides[-1].number if known.asides else 0
            fresh = tuple(aside for aside in asides if aside.number > last)
            self._conversations[interaction] = replace(known, asides=(*known.asides, *fresh)[-MAX_ENTRIES:])

    def _consult(self, interaction: str, consult: frames.Consult | None) -> None:
        known = self._conversations.get(interaction)
        if known is not None:
            self._conversations[interaction] = replace(known, consult=consult)

    def _mark(self, saw: frames.TheySaw) -> None:
        known = self._conversations.get(saw.interaction)
        if known is not None:
            delivered, read = max(known.customer_delivered, saw.delivered), max(known.customer_read, saw.read)
            self._conversations[saw.interaction] = replace(known, customer_delivered=delivered, customer_read=read)

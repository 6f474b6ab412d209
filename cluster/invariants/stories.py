"""What the journals have told so far about each interaction, its legs in queues and its reservations.

A story is forgotten once its session's actor ended and every part of it is closed, so memory follows live traffic.
"""

from __future__ import annotations

from typing import Final

from actors.transitions import Transitions
from actors.values import (
    INTERACTION,
    PRESENCE,
    RESERVATION,
    WAITING,
    EndReason,
    InteractionState,
    ReservationState,
    WaitingState,
    interaction_of,
)


def declared(table: Transitions) -> frozenset[tuple[object, object]]:  # type: ignore[type-arg]  # any state enum
    """Every move of a table as (before, after), for one cheap look-up per event."""
    pairs: set[tuple[object, object]] = {(None, state) for state in table.start}
    pairs.update((before, after) for before, targets in table.moves.items() for after in targets)
    return frozenset(pairs)


INTERACTION_MOVES: Final = declared(INTERACTION)
WAITING_MOVES: Final = declared(WAITING)
RESERVATION_MOVES: Final = declared(RESERVATION)
PRESENCE_MOVES: Final = declared(PRESENCE)

ENDED_HOLDS: Final = frozenset(state for state, targets in RESERVATION.moves.items() if not targets)
ENDED_LEGS: Final = frozenset(state for state, targets in WAITING.moves.items() if not targets)


class Leg:
    """One stay of an interaction in a queue, as the queue tells it."""

    __slots__ = ("channel", "granted", "held", "queue", "shard", "state")

    def __init__(self, queue: str, channel: str, shard: str) -> None:
        self.queue = queue
        self.channel = channel
        self.shard = shard
        self.state: WaitingState | None = None
        #: The reservations under which agents are being asked.
        self.held: frozenset[str] = frozenset()
        self.granted = ""


class Hold:
    """One reservation, as the agent tells it."""

    __slots__ = ("agent", "leg", "shard", "state")

    def __init__(self, agent: str, leg: int, shard: str) -> None:
        self.agent = agent
        self.leg = leg
        self.shard = shard
        self.state: ReservationState | None = None


class Story:
    """One interaction; `state` is None while its session has not spoken."""

    __slots__ = (
        "accepted",
        "agent",
        "channel",
        "consult",
        "consults",
        "forgotten",
        "holds",
        "interaction",
        "leg",
        "legs",
        "moved_from",
        "origin",
        "queue",
        "reason",
        "redirected",
        "reservation",
        "shard",
        "state",
        "taken",
    )  # fmt: skip

    def __init__(self, interaction: str) -> None:
        self.interaction = interaction
        self.state: InteractionState | None = None
        self.leg = 0
        self.queue = ""
        self.channel = ""
        self.agent = ""
        self.reservation = ""
        #: (queue, channel) of its creation, under which it is counted (I13).
        self.origin = ("", "")
        self.shard = ""
        self.legs: dict[int, Leg] = {}
        self.holds: dict[str, Hold] = {}
        #: Leg -> the reservation that was accepted for it.
        self.accepted: dict[int, str] = {}
        #: Leg -> (the queue that moved it on or refused it by a rule, where to; "" for refused).
        self.moved_from: dict[int, tuple[str, str]] = {}
        #: Legs that a supervisor began.
        self.redirected: set[int] = set()
        self.reason: EndReason | None = None
        #: An agent's consult: which interaction it is about, and whether that went over to the colleague.
        self.consults = ""
        self.taken = False
        #: The consult about it that goes on.
        self.consult = ""
        self.forgotten = False

    def closed(self) -> bool:
        """Whether nothing of it is open anywhere."""
        return (
            (self.state is InteractionState.ENDED or self.state is None)
            and all(leg.state in ENDED_LEGS for leg in self.legs.values())
            and all(hold.state in ENDED_HOLDS for hold in self.holds.values())
        )


class Conversation:
    """What a session's transcript has shown: the last number, and the ids that were accepted."""

    __slots__ = ("asides", "ended", "ids", "interactions", "number", "reborn")

    def __init__(self) -> None:
        self.number = 0
        #: What agents said to each other is numbered by itself.
        self.asides = 0
        #: (who wrote, their message's id): each side numbers its own.
        self.ids: set[tuple[str, str]] = set()
        self.interactions: list[str] = []
        self.ended = False
        #: The session was deleted and came again: what it had before is no longer known.
        self.reborn = False


class Stories:
    """All of them, by interaction and by session."""

    def __init__(self, keep: bool) -> None:
        #: Outside evidence will be held against ids and conversations at the end, so these must not be forgotten.
        self.keep = keep
        self.by_interaction: dict[str, Story] = {}
        self.conversations: dict[str, Conversation] = {}

    def story(self, interaction: str) -> Story:
        """The story of an interaction, begun if it is new."""
        story = self.by_interaction.get(interaction)
        if story is None:
            story = self.by_interaction[interaction] = Story(interaction)
        return story

    def holds_of(self, story: Story) -> Story:
        """Where the reservation stands under which it is served: with the consult by which a colleague took it over."""
        return self.by_interaction.get(interaction_of(story.reservation), story) if story.reservation else story

    def serves(self, story: Story, reservation: str) -> bool:
        """Whether somebody is served under this reservation: whom it is for, or whom a consult was about."""
        served = (story, self.by_interaction.get(story.consults)) if story.consults else (story,)
        return any(
            one is not None and one.state is InteractionState.CONNECTED and one.reservation == reservation for one in served
        )

    def conversation(self, session: str) -> Conversation:
        """The transcript of a session, by its actor's address."""
        conversation = self.conversations.get(session)
        if conversation is None:
            conversation = self.conversations[session] = Conversation()
        return conversation

    def forget(self, story: Story) -> None:
        """Drop a story whose session is gone, as soon as all of it is closed."""
        if story.forgotten and story.closed():
            self.by_interaction.pop(story.interaction, None)

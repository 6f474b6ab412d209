"""The story of one interaction, told from its events in the journals.

Invariants kept: every line comes from a committed event; what people wrote appears only when its text was handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from actors.actor import Event
from actors.address import Address, name_of
from actors.events import (
    DeadLettered,
    InteractionMoved,
    MessageAdded,
    Overflowed,
    Preferred,
    Proposed,
    ReservationMoved,
    WaitingMoved,
)
from actors.routing import wording
from actors.values import Author, EndReason, InteractionState, Preference, Requirement, ReservationState, WaitingState


@dataclass(frozen=True, slots=True)
class Told:
    """One committed event: when (ms since the epoch), where, and who said it."""

    at: int
    shard: str
    number: int
    index: int
    by: Address
    event: Event
    #: The epoch under which the shard committed it.
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    at: int
    by: str
    what: str
    shard: str
    commit: int

    def as_json(self, start: int) -> dict[str, object]:
        """The line for `--json`."""
        return {
            "at": self.at,
            "after_ms": self.at - start,
            "by": self.by,
            "what": self.what,
            "shard": self.shard,
            "commit": self.commit,
        }


@dataclass(slots=True)
class Story:
    """One interaction from arrival to end. `ended_at` is 0 while it lives."""

    interaction: str
    channel: str = ""
    state: str = ""
    reason: str = ""
    started_at: int = 0
    ended_at: int = 0
    connected_at: int = 0
    lines: list[Line] = field(default_factory=list)


#: Which comes first among events of one millisecond in different shards: causes before effects.
_ORDER: tuple[Callable[[Event], bool], ...] = (
    lambda event: isinstance(event, InteractionMoved) and event.before is None,
    lambda event: isinstance(event, Preferred),
    lambda event: isinstance(event, WaitingMoved) and event.after is WaitingState.WAITING,
    lambda event: isinstance(event, Overflowed),
    lambda event: isinstance(event, Proposed),
    lambda event: isinstance(event, WaitingMoved) and event.after is WaitingState.RESERVED,
    lambda event: isinstance(event, ReservationMoved) and event.after is ReservationState.PENDING,
    lambda event: isinstance(event, ReservationMoved) and event.before is ReservationState.PENDING,
    lambda event: isinstance(event, WaitingMoved),
    lambda event: isinstance(event, InteractionMoved),
    lambda event: isinstance(event, MessageAdded),
)


def concerns(event: Event, interaction: str) -> bool:
    """Whether an event belongs to the interaction's story."""
    if isinstance(event, DeadLettered):
        return event.address == session_of(interaction)
    return getattr(event, "interaction", None) == interaction or getattr(event, "consults", None) == interaction


def session_of(interaction: str) -> Address:
    """The session that an interaction is part of."""
    return Address(f"session/{interaction.rpartition('/')[0]}")


def tell(interaction: str, events: Iterable[Told], texts: Mapping[int, str] | None = None) -> Story:
    """Tell the story.

    Args:
        interaction: Its id.
        events: The events that concern it, from all shards, in any order.
        texts: What messages say, by their number; without it only that they were sent is told.
    """
    story = Story(interaction)
    for told in merged(events):
        _note(story, told)
        story.lines.append(Line(told.at, told.by, _words(told, texts or {}), told.shard, told.number))
    return story


def merged(events: Iterable[Told]) -> Iterator[Told]:
    """All events in one order: within a shard as they were committed, between shards by time and then by cause."""
    shards: dict[str, list[Told]] = {}
    for told in sorted(events, key=lambda told: (told.number, told.index), reverse=True):
        shards.setdefault(told.shard, []).append(told)
    while shards:
        shard = min(shards, key=lambda name: (shards[name][-1].at, _rank(shards[name][-1].event), name))
        yield shards[shard].pop()
        if not shards[shard]:
            del shards[shard]


def _rank(event: Event) -> int:
    return next((at for at, test in enumerate(_ORDER) if test(event)), len(_ORDER))


def _note(story: Story, told: Told) -> None:
    event = told.event
    if not isinstance(event, InteractionMoved) or event.interaction != story.interaction:
        return
    story.channel = event.channel
    story.state = event.after.value
    story.started_at = story.started_at or told.at
    if event.after is InteractionState.CONNECTED:
        story.connected_at = story.connected_at or told.at
    if event.after is InteractionState.ENDED:
        story.ended_at = told.at
        story.reason = event.reason.value if event.reason is not None else ""


def _words(told: Told, texts: Mapping[int, str]) -> str:
    match told.event:
        case InteractionMoved() as event:
            return _interaction(event)
        case MessageAdded(author=Author.COLLEAGUE) as event:
            return f"line {event.number} from agent to agent"
        case MessageAdded() as event:
            text = f": {texts[event.number]}" if event.number in texts else ""
            return f"message {event.number} from the {event.author}{text}"
        case WaitingMoved() as event:
            return _waiting(event)
        case ReservationMoved() as event:
            return _reservation(event, told.at)
        case Proposed() as event:
            return _proposed(event, told.at)
        case Overflowed() as event:
            return _overflowed(event)
        case Preferred() as event:
            return _preferred(event, told.at)
        case DeadLettered() as event:
            return f"set aside a {event.message_type} that failed three times ({event.error})"
        case event:
            return type(event).__name__


def _proposed(event: Proposed, at: int) -> str:
    proposes = f"proposes {name_of(event.agent)}, out of {event.waiting} waiting"
    if event.together:
        return f"{proposes}: {wording.TOGETHER}"
    runner_up = name_of(event.runner_up) if event.runner_up else ""
    reason = wording.why(
        event.choice, event.rings, event.candidates, event.ring, event.score, runner_up,
        event.runner_up_ring, event.runner_up_score, at, event.head_start_ms >= 0,
    )  # fmt: skip
    return f"{proposes}: {reason}" if reason else proposes


def _preferred(event: Preferred, at: int) -> str:
    whose = "the customer's own agent" if event.because is Preference.DEDICATED else "who served the customer last"
    if not event.agent:
        return f"does not know {whose}: no answer in time"
    named = f"{name_of(event.agent)}, {whose}"
    if event.until:
        return f"goes to {named}, before anybody else for {(event.until - at) / 1000:g} s"
    return f"passes over {named}: " + ("cannot serve it" if event.missing is None else "is not signed in")


_ENDS = {
    EndReason.AGENT: "ended by the agent",
    EndReason.CUSTOMER: "ended by the customer",
    EndReason.ABANDONED: "abandoned by the customer before an agent came",
    EndReason.CLOSED: "ended: outside opening hours",
    EndReason.NO_SUCH_QUEUE: "ended: the queue does not exist or takes nobody",
    EndReason.REFUSED: "ended: refused by a rule of the queue",
}
_CONSULTS_END = {
    EndReason.AGENT: "is over: whoever asked, or served, is done",
    EndReason.CUSTOMER: "is over: the customer left",
    EndReason.COLLEAGUE: "is over: the colleague left",
    EndReason.UNANSWERED: "is over: nobody took it in time",
    EndReason.TAKEN_OVER: "is over: the colleague takes the customer over",
    EndReason.NO_SUCH_QUEUE: "is over: the queue does not exist or takes nobody",
    EndReason.REFUSED: "is over: refused by a rule of the queue",
}


def _consult(event: InteractionMoved) -> str:
    name = f"consult {event.interaction}"
    match event.after:
        case InteractionState.QUEUED:
            return f"{name} asks queue {event.queue} about {event.consults}"
        case InteractionState.CONNECTED:
            return f"{name} has found {event.agent}"
        case InteractionState.ENDED:
            return f"{name} {_CONSULTS_END.get(event.reason, 'is over') if event.reason is not None else 'is over'}"


def _interaction(event: InteractionMoved) -> str:
    if event.consults:
        return _consult(event)
    match event.after:
        case InteractionState.CONNECTED if event.before is InteractionState.CONNECTED:
            return f"is taken over by {event.agent} (leg {event.leg})"
        case InteractionState.QUEUED if event.before is None:
            return f"arrived on {event.channel}, wants queue {event.queue}"
        case InteractionState.QUEUED if event.before is InteractionState.CONNECTED:
            return f"is passed on to queue {event.queue} (leg {event.leg})"
        case InteractionState.QUEUED:
            return f"wants queue {event.queue} (leg {event.leg})"
        case InteractionState.CONNECTED:
            return f"connected to {event.agent}"
        case InteractionState.ENDED:
            return _ENDS.get(event.reason, f"ended: {event.reason.value}") if event.reason is not None else "ended"


def _waiting(event: WaitingMoved) -> str:
    match event.after:
        case WaitingState.WAITING if event.before is None:
            return f"waits with priority {event.priority}{_needs(event.requirement)}"
        case WaitingState.WAITING if event.before is WaitingState.WAITING and not event.outer:
            return f"asks as at first again, for {wording.asked(event.requirement)}"
        case WaitingState.WAITING if event.before is WaitingState.WAITING:
            return f"asks for less: ring {len(event.outer) + 1} asks for {wording.asked((event.requirement, *event.outer)[-1])}"
        case WaitingState.WAITING:
            refused = ", ".join(name_of(agent) for agent in event.not_agents)
            return "waits again" + (f", for the moment not for {refused}" if refused else "")
        case WaitingState.RESERVED if event.agent:
            beside = f", as one of {len(event.offered)} who are asked at once" if len(event.offered) > 1 else ""
            return f"is held for {name_of(event.agent)}{beside}"
        case WaitingState.RESERVED:
            further = f", and {event.wants} more may be asked" if event.wants else ""
            return f"is still held for {len(event.offered)}{further}"
        case WaitingState.GRANTED:
            return f"granted to {name_of(event.agent)}"
        case WaitingState.WITHDRAWN:
            return "left the queue"


def _overflowed(event: Overflowed) -> str:
    what = f"moves on to queue {name_of(event.to)}" if event.to else "is refused"
    went_by = [f"waited {event.waited_ms / 1000:g} s", f"{event.others} others"]
    if event.nobody is not None:
        went_by.append(f"nobody {event.nobody.value.replace('_', ' ')}")
    return f"{what} by overflow rule {event.rule} ({', '.join(went_by)})"


def _needs(requirement: Requirement) -> str:
    needs = wording.asked(requirement)
    labels = f", labelled {', '.join(requirement.labels)}" if requirement.labels else ""
    return labels + (f", needs {needs}" if needs != "nothing" else "")


def _reservation(event: ReservationMoved, at: int) -> str:
    match event.after:
        case ReservationState.PENDING:
            ringing = f" for {(event.deadline_at - at) / 1000:g} s" if event.deadline_at else ""
            return f"offer rings{ringing}"
        case ReservationState.ACCEPTED:
            return "took the offer"
        case ReservationState.REJECTED:
            return "rejected the offer, being busy" if event.busy else "rejected the offer"
        case ReservationState.TIMED_OUT:
            return "did not respond"
        case ReservationState.CANCELLED:
            return "offer stopped: the customer left"
        case ReservationState.RESCINDED:
            return "offer withdrawn"
        case ReservationState.WRAPPING:
            return "wraps up"
        case ReservationState.COMPLETED:
            return "done" + (f" ({event.disposition})" if event.disposition else "")

"""Judges what sessions and queues say: one terminal event (I1), one grant a leg (I2), books that add up (I13), moves (I14).

A leg is held for one agent, or for as many at once as its queue declares (I2). Only a colleague who accepted a consult
takes a customer over without a queue (I2), and nobody is consulted about a customer whom nobody serves (I1).

When nothing is in flight between actors, it also holds session, queue and agent against each other: an interaction that
one of them still has and another has let go of is lost, and that is I1.
"""

from __future__ import annotations

from collections import Counter

from actors.events import InteractionMoved, Lent, MessageAdded, Overflowed, Preferred, QueueConfigured, WaitingMoved
from actors.values import Author, EndReason, InteractionState, ReservationState, WaitingState, interaction_of
from cluster.invariants.commits import ShardState
from cluster.invariants.report import Findings
from cluster.invariants.stories import ENDED_LEGS, INTERACTION_MOVES, WAITING_MOVES, Leg, Stories, Story

QUEUED, CONNECTED, ENDED = InteractionState.QUEUED, InteractionState.CONNECTED, InteractionState.ENDED

#: (queue, channel) -> how many.
Book = Counter[tuple[str, str]]


class Interactions:
    """The handlers of session and queue events."""

    def __init__(self, findings: Findings, stories: Stories) -> None:
        self.findings = findings
        self.stories = stories
        #: (queue, channel) -> interactions created and ended, as the sessions announced them.
        self.created: Book = Counter()
        self.ended: Book = Counter()
        #: (queue, channel) -> legs that entered and left, as the queues announced them.
        self.entered: Book = Counter()
        self.left: Book = Counter()
        #: Queue -> how many agents it ever let be asked at once; what rings when that changes rings on.
        self.at_once: dict[str, int] = {}
        self.messages = 0
        self.overflows = 0
        #: Judged at the end: (story, queue, its earlier legs there, shard, commit of a later one).
        self.moved_again: list[tuple[Story, str, tuple[int, ...], str, int]] = []
        self.loans = 0
        self.preferences = 0
        self.consults = 0
        self.taken_over = 0

    def _violated(self, invariant: str, state: ShardState, subject: str, detail: str) -> None:
        self.findings.violated(invariant, state.shard, state.number, subject, detail)

    def interaction_moved(self, state: ShardState, who: str, event: InteractionMoved) -> None:
        """Session: an interaction exists or moved."""
        interaction, before, after = event.interaction, event.before, event.after
        story = self.stories.story(interaction)
        if before is None:
            story = self._created(state, who, event, story)
        elif story.state is None:
            if not state.trimmed:
                self._violated("I14", state, interaction, f"moved from {before}, and the journal never put it there")
            self._adopted(state, who, event, story)
        elif before is not story.state:
            broken = "I1" if story.state is ENDED else "I14"
            self._violated(broken, state, interaction, f"moved from {before} to {after}, and was {story.state}")
        if (before, after) not in INTERACTION_MOVES:
            self._violated("I14", state, interaction, f"{before} -> {after} is not a declared move")
        if (event.reason is None) is (after is ENDED):
            self._violated("I1", state, interaction, f"moved to {after} with the end reason {event.reason}")
        if event.by:
            story.redirected.add(event.leg)
        self._judge_consult(state, event, story)
        if after is ENDED:
            self.ended[story.origin] += 1
        else:
            self._judge_leg(state, event, story)
        story.state, story.leg, story.queue = after, event.leg, event.queue
        story.agent, story.reservation, story.reason = event.agent, event.reservation, event.reason
        if story.forgotten:
            self.stories.forget(story)

    def _created(self, state: ShardState, who: str, event: InteractionMoved, story: Story) -> Story:
        if story.state is not None:
            if not story.forgotten:
                self._violated("I1", state, event.interaction, f"was created again while it was {story.state}")
            else:
                # The session's retention is over, so the same conversation id may live once more.
                story = self.stories.by_interaction[event.interaction] = Story(event.interaction)
        self._adopted(state, who, event, story)
        return story

    def _adopted(self, state: ShardState, who: str, event: InteractionMoved, story: Story) -> None:
        story.shard, story.channel = state.shard, event.channel
        story.origin = (event.queue, event.channel)
        if event.before is not None:
            story.leg = event.leg - 1 if begins_leg(event) else event.leg
        self.created[story.origin] += 1
        conversation = self.stories.conversation(who)
        if conversation.ended:
            conversation.ended, conversation.reborn, conversation.number, conversation.asides = False, True, 0, 0
            conversation.ids.clear()
        conversation.interactions.append(event.interaction)

    def _judge_leg(self, state: ShardState, event: InteractionMoved, story: Story) -> None:
        expected = story.leg + 1 if begins_leg(event) else story.leg
        if event.leg != expected:
            self._violated("I14", state, event.interaction, f"moved to {event.after} on leg {event.leg}, not {expected}")
        if is_taken_over(event):
            self._judge_taking_over(state, event)
        elif event.after is CONNECTED and not event.reservation.startswith(f"{event.interaction}#{event.leg}."):
            detail = f"was connected on leg {event.leg} by the reservation {event.reservation!r}, which is of another leg"
            self._violated("I2", state, event.interaction, detail)

    def _judge_consult(self, state: ShardState, event: InteractionMoved, story: Story) -> None:
        """A consult lives only while somebody serves whom it is about, one at a time."""
        interaction = event.interaction
        if story.consult and event.after is not CONNECTED:
            detail = f"moved to {event.after} while {story.consult} still asks a colleague about it"
            self._violated("I1", state, interaction, detail)
        if not event.consults:
            return
        story.consults = event.consults
        self.consults += event.before is None
        self.taken_over += event.reason is EndReason.TAKEN_OVER
        if event.reason is EndReason.TAKEN_OVER and event.before is not CONNECTED:
            self._violated("I2", state, interaction, f"was taken over while it was {event.before}: nobody had accepted it")
        about = self.stories.by_interaction.get(event.consults)
        if about is None or about.state is None:
            if not state.trimmed:
                self._violated("I1", state, interaction, f"consults about {event.consults}, which does not exist")
            return
        if event.after is not ENDED:
            if about.state is not CONNECTED:
                self._violated("I1", state, interaction, f"consults about {event.consults}, which is {about.state}")
            if about.consult not in ("", interaction):
                self._violated("I2", state, interaction, f"consults about {event.consults}, as {about.consult} does")
            about.consult = interaction
        elif about.consult == interaction:
            about.consult = ""

    def _judge_taking_over(self, state: ShardState, event: InteractionMoved) -> None:
        """Only the colleague of a consult about it that has just ended so takes an interaction over, and only once."""
        consult = self.stories.by_interaction.get(interaction_of(event.reservation))
        if consult is None or consult.state is None:
            if not state.trimmed:
                detail = f"was taken over under {event.reservation!r}, which is of no consult"
                self._violated("I2", state, event.interaction, detail)
            return
        is_over = consult.state is ENDED and consult.reason is EndReason.TAKEN_OVER and not consult.taken
        if not is_over or consult.consults != event.interaction or consult.reservation != event.reservation:
            detail = (
                f"was taken over under {event.reservation!r}, and {consult.interaction} is {consult.reason or consult.state}"
            )
            self._violated("I2", state, event.interaction, detail)
        consult.taken = True

    def message_added(self, state: ShardState, who: str, event: MessageAdded) -> None:
        """Session: one transcript entry was accepted."""
        conversation = self.stories.conversation(who)
        is_aside = event.author == Author.COLLEAGUE
        last = conversation.asides if is_aside else conversation.number
        if event.number != last + 1 and (last or not state.trimmed):
            what = "aside" if is_aside else "transcript entry"
            self._violated("I11", state, who, f"{what} {event.number} follows entry {last}")
        if is_aside:
            conversation.asides = event.number
        else:
            conversation.number = event.number
        key = (event.author, event.id)
        if key in conversation.ids:
            detail = f"message {event.id!r} of the {event.author} was accepted a second time, as entry {event.number}"
            self._violated("I11", state, who, detail)
        conversation.ids.add(key)
        self.messages += 1

    def session_ended(self, state: ShardState, session: str) -> None:
        """Runtime: the session's actor was deleted, so its interactions must all have ended."""
        conversation = self.stories.conversations.get(session)
        if conversation is None:
            return
        for interaction in conversation.interactions:
            story = self.stories.by_interaction.get(interaction)
            if story is None:
                continue
            if story.state is not ENDED:
                self._violated("I1", state, interaction, f"its session was deleted while it was {story.state}")
            story.forgotten = True
            self.stories.forget(story)
        conversation.interactions.clear()
        conversation.ended = True
        if not self.stories.keep:
            del self.stories.conversations[session]

    def waiting_moved(self, state: ShardState, who: str, event: WaitingMoved) -> None:
        """Queue: one leg entered, is held for an agent, was granted or left."""
        story = self.stories.story(event.interaction)
        leg = story.legs.get(event.leg)
        before, after = event.before, event.after
        subject = event.interaction
        if leg is None or before is None:
            if before is None:
                if leg is not None:
                    self._violated("I2", state, subject, f"leg {event.leg} entered {event.queue}, and had entered {leg.queue}")
            elif not state.trimmed:
                self._violated("I14", state, subject, f"left {before} in {event.queue}, and the journal never put it there")
            leg = story.legs[event.leg] = Leg(event.queue, event.channel, state.shard)
            self.entered[event.queue, event.channel] += 1
        elif before is not leg.state:
            self._violated("I14", state, subject, f"leg {event.leg} moved from {before} to {after}, and was {leg.state}")
        if (before, after) not in WAITING_MOVES:
            self._violated("I14", state, subject, f"{before} -> {after} is not a declared move in a queue")
        if after is WaitingState.RESERVED:
            self._held(state, event, leg)
        elif after is WaitingState.GRANTED:
            self._granted(state, event, leg)
            self.left[leg.queue, leg.channel] += 1
        elif after is WaitingState.WITHDRAWN:
            self.left[leg.queue, leg.channel] += 1
        leg.state = after
        if story.forgotten:
            self.stories.forget(story)

    def overflowed(self, state: ShardState, who: str, event: Overflowed) -> None:
        """Queue: a rule moves one leg on, or refuses it. It leaves the queue there and then, if it was in it."""
        story = self.stories.story(event.interaction)
        leg = story.legs.get(event.leg)
        if leg is not None and leg.state is not WaitingState.WITHDRAWN:
            detail = f"leg {event.leg} was moved on by {event.queue}, which has it as {leg.state}"
            self._violated("I14", state, event.interaction, detail)
        if event.leg in story.moved_from:
            self._violated("I2", state, event.interaction, f"leg {event.leg} was moved on twice by rules of overflow")
        earlier = tuple(leg for leg, (queue, to) in story.moved_from.items() if queue == event.queue and to)
        if event.to and earlier:
            self.moved_again.append((story, event.queue, earlier, state.shard, state.number))
        story.moved_from[event.leg] = (event.queue, event.to)
        self.overflows += 1

    def preferred(self, state: ShardState, who: str, event: Preferred) -> None:
        """Queue: a newcomer is to go to one agent first, or is not. It is decided at the door, before they enter."""
        leg = self.stories.story(event.interaction).legs.get(event.leg)
        if leg is not None:
            detail = f"leg {event.leg} stood at the door of {event.queue}, while {leg.queue} has it as {leg.state}"
            self._violated("I14", state, event.interaction, detail)
        self.preferences += bool(event.until)

    def lent(self, state: ShardState, who: str, event: Lent) -> None:
        """Queue: it began to lend its agents, or ended."""
        self.loans += event.lends

    def queue_configured(self, state: ShardState, who: str, event: QueueConfigured) -> None:
        """Queue: how many agents may be asked at once from here on."""
        self.at_once[event.queue] = max(event.at_once, self.at_once.get(event.queue, 1))

    def _held(self, state: ShardState, event: WaitingMoved, leg: Leg) -> None:
        """Whether who is being asked now follows from who was, and is no more than declared."""
        held = frozenset(event.offered or (event.reservation,))
        appeared = held - leg.held - {event.reservation}
        if appeared and not state.trimmed:
            detail = f"leg {event.leg} is held by {', '.join(sorted(appeared))}, which it never was before"
            self._violated("I2", state, event.interaction, detail)
        most = self.at_once.get(event.queue, 1)
        if len(held) > most and not state.trimmed:
            detail = f"leg {event.leg} is held by {len(held)} at once, and {event.queue} declares {most}"
            self._violated("I2", state, event.interaction, detail)
        leg.held = held

    def _granted(self, state: ShardState, event: WaitingMoved, leg: Leg) -> None:
        if leg.granted:
            detail = f"leg {event.leg} was granted to {event.reservation}, after {leg.granted}"
            self._violated("I2", state, event.interaction, detail)
        if leg.held and event.reservation not in leg.held:
            detail = f"leg {event.leg} was granted to {event.reservation}, and was held by {', '.join(sorted(leg.held))}"
            self._violated("I2", state, event.interaction, detail)
        leg.granted = event.reservation

    def finish(self, quiet: bool, trimmed: bool) -> None:
        """Close the books (I13), and hold the owners against each other if nothing is in flight (I1)."""
        for story, queue, earlier, shard, number in self.moved_again:
            # A supervisor who moves the customer meanwhile is first: the session passes over what the queue says of that leg.
            if any(leg + 1 not in story.redirected for leg in earlier):
                detail = f"was moved on from {queue} a second time"
                self.findings.violated("I14", shard, number, story.interaction, detail)
        live: Book = Counter()
        inside: Book = Counter()
        for story in self.stories.by_interaction.values():
            if story.state is not None and story.state is not ENDED:
                live[story.origin] += 1
            for leg in story.legs.values():
                if leg.state is WaitingState.WAITING or leg.state is WaitingState.RESERVED:
                    inside[leg.queue, leg.channel] += 1
        self._balance("created", self.created, "ended", self.ended, live)
        self._balance("entered", self.entered, "left", self.left, inside)
        counts = self.findings.counts
        counts["interactions_created"] += self.created.total()
        counts["interactions_ended"] += self.ended.total()
        counts["interactions_live"] += live.total()
        counts["messages"] += self.messages
        counts["overflows"] += self.overflows
        counts["loans"] += self.loans
        counts["preferences"] += self.preferences
        counts["consults"] += self.consults
        counts["taken_over"] += self.taken_over
        if not quiet:
            self.findings.judged_in_part("I1", "messages may be in flight, so session, queue and agent were not compared")
            return
        for story in self.stories.by_interaction.values():
            self._agree(story, trimmed)

    def _balance(self, gain: str, gains: Book, loss: str, losses: Book, rest: Book) -> None:
        for key in gains.keys() | losses.keys() | rest.keys():
            if gains[key] != losses[key] + rest[key]:
                queue, channel = key
                detail = f"{gains[key]} {gain} is not {losses[key]} {loss} and {rest[key]} live"
                self.findings.violated("I13", "", 0, f"{queue or 'no queue'} on {channel}", detail)

    def _agree(self, story: Story, trimmed: bool) -> None:
        """Hold the three owners' accounts of one interaction against each other."""
        if story.state is None:
            return
        detail = (
            _missing(story, self.stories.holds_of(story), trimmed)
            or _still_queued(story)
            or _still_offered(story, self.stories)
            or _not_moved(story)
            or _not_taken(story, trimmed)
        )
        if detail:
            self.findings.violated("I1", story.shard, 0, story.interaction, f"its session is {story.state}: {detail}")


def is_taken_over(event: InteractionMoved) -> bool:
    """Whether it goes from one agent to another without a queue."""
    return event.before is CONNECTED and event.after is CONNECTED


def begins_leg(event: InteractionMoved) -> bool:
    """Whether the interaction is on its next leg from here on."""
    return event.after is QUEUED or is_taken_over(event)


def _missing(story: Story, served: Story, trimmed: bool) -> str:
    """What the session counts on and its queue or agent does not have; `served` has the reservation of who serves it."""
    if story.state is CONNECTED:
        return _lacks(served, story.reservation, ReservationState.ACCEPTED, "served by", trimmed)
    if story.state is not QUEUED:
        return ""
    leg = story.legs.get(story.leg)
    if leg is None:
        return "" if trimmed else f"no queue has leg {story.leg}"
    if leg.state is WaitingState.RESERVED:
        how = f"held by {leg.queue} for"
        return next(filter(None, (_lacks(story, one, ReservationState.PENDING, how, trimmed) for one in sorted(leg.held))), "")
    return "" if leg.state is WaitingState.WAITING else f"{leg.queue} has leg {story.leg} as {leg.state}"


def _not_moved(story: Story) -> str:
    """A leg that its queue moved on or refused, and the session did not."""
    queue, to = story.moved_from.get(story.leg, ("", ""))
    if not queue or story.state is ENDED:
        return ""
    return f"{queue} moved leg {story.leg} on to {to}" if to else f"{queue} refused leg {story.leg}"


def _lacks(story: Story, reservation: str, expected: ReservationState, how: str, trimmed: bool) -> str:
    hold = story.holds.get(reservation)
    if hold is None:
        return "" if trimmed else f"{how} {reservation}, which no agent has"
    return "" if hold.state is expected else f"{how} {reservation}, which {hold.agent} has as {hold.state}"


def _still_queued(story: Story) -> str:
    """A leg that the session has left and a queue still serves."""
    for number, leg in story.legs.items():
        if leg.state not in ENDED_LEGS and (story.state is not QUEUED or number != story.leg):
            return f"{leg.queue} still has leg {number} as {leg.state}"
    return ""


def _not_taken(story: Story, trimmed: bool) -> str:
    """A consult whose colleague was to have the customer, and does not."""
    if story.reason is EndReason.TAKEN_OVER and not story.taken and not trimmed:
        return f"{story.agent} was to take {story.consults} over, and never did"
    return ""


def _still_offered(story: Story, stories: Stories) -> str:
    """An agent's reservation that session and queue know nothing of."""
    for name, hold in story.holds.items():
        if hold.state is ReservationState.ACCEPTED and not stories.serves(story, name):
            return f"{hold.agent} still serves {name}"
        leg = story.legs.get(hold.leg)
        if hold.state is not ReservationState.PENDING or leg is None:
            continue
        if leg.state is not WaitingState.RESERVED or name not in leg.held:
            return f"{hold.agent} is still offered {name}, and {leg.queue} has leg {hold.leg} as {leg.state}"
    return ""

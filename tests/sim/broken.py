"""Rules of the product, each broken in one place, so that a test can see whether the simulator notices.

Keeps: what is broken is named; everything else runs as it is. Each function takes pytest's `MonkeyPatch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from actors.actor import Message, Turn
from actors.address import Address
from actors.agent.records import Presence
from actors.agent.reserving import Reserving
from actors.messages.agent import Granted, Rescinded, ServiceEnded
from actors.messages.link import ShowEntries, link_address
from actors.messages.queue import Accept
from actors.messages.router import AgentStatus
from actors.messages.session import AgentAside, AgentGone, CompleteConsult, Overflow
from actors.queue.queue import Queue
from actors.queue.records import Place
from actors.router.matching import Matching
from actors.router.pools import Candidate, Pool
from actors.routing import overflow
from actors.routing.capacity import Capacity, CapacityRules
from actors.session.consulting import Consulting
from actors.session.conversation import Conversation
from actors.session.records import CONSULTATION, Serving
from actors.session.session import Session
from actors.values import WaitingState
from cluster.edge.dispatch import Dispatch
from cluster.host.host import Host
from cluster.host.outlets import Outlets
from cluster.shard.inbox import InputGroup, Marks
from cluster.shard.outbox import Outbox
from cluster.shard.shard import Shard
from cluster.shard.timers import Timers
from cluster.store.base import ActorWrite, Commit, CommitOutcome
from cluster.store.memory import MemoryStore
from cluster.supervisor.board import Board
from cluster.supervisor.supervisor import Supervisor
from cluster.wire import ShardReceipt, ShardStatus, ShardTable

Patch = pytest.MonkeyPatch

# -- the actors -------------------------------------------------------------------------------------------------------


def capacity_unchecked(patch: Patch) -> None:
    """The agent says that there is room, whatever they have already."""

    def status(agent: Reserving) -> AgentStatus:
        setting, presence = agent.setting, agent.presence
        if setting is None or setting.retired or not presence.is_routable:
            return AgentStatus(agent.address, {}, 0, presence.idle_since)
        return AgentStatus(agent.address, dict(setting.config.capacity), 0, presence.idle_since, 9)

    patch.setattr(Reserving, "status", property(status))


def costs_ignored(patch: Patch) -> None:
    """Every interaction takes one unit, whatever its channel costs."""
    patch.setattr(Capacity, "cost", lambda capacity, channel: 1)


def interrupted_work_offered(patch: Patch) -> None:
    """What was interrupted is offered although what interrupts it lasts, as if either could go over the other."""
    patch.setattr(
        CapacityRules,
        "may_interrupt",
        lambda rules, channel, other: (
            other != channel and (other in rules.interrupts.get(channel, ()) or channel in rules.interrupts.get(other, ()))
        ),
    )


def interruptions_uncounted(patch: Patch) -> None:
    """The agent does not count how often an interaction was interrupted."""
    patch.setattr(Reserving, "_interrupt", lambda agent, newcomer, setting, turn: None)


def labels_uncounted(patch: Patch) -> None:
    """Router and agent do not see labels."""
    has_room = Candidate.has_room
    patch.setattr(Candidate, "has_room", lambda agent, channel, labels=(): has_room(agent, channel))
    patch.setattr(Reserving, "_has_room", lambda agent, setting, wanted: agent.status.room.get(wanted.channel, 0) > 0)


def presence_unchecked(patch: Patch) -> None:
    """An agent who is away is offered work."""
    patch.setattr(Presence, "is_routable", property(lambda presence: bool(presence.desk)))


def skills_unchecked(patch: Patch) -> None:
    """The router does not look at skills."""
    patch.setattr(Pool, "ring", lambda pool, agent: 0 if pool.key[0] in agent.memberships else None)


def priority_ignored(patch: Patch) -> None:
    """The router serves whoever came last first."""
    wait = Matching.wait
    patch.setattr(
        Matching, "wait", lambda matching, waiting: wait(matching, replace(waiting, enqueued_at=-waiting.enqueued_at))
    )


def granted_twice(patch: Patch) -> None:
    """The queue grants to whoever accepts, and still has the interaction."""
    accept = Queue.handlers[Accept]

    def grants(queue: Queue, message: Accept, turn: Turn) -> None:
        place = queue.place(message.interaction)
        accept(queue, message, turn)
        if place is not None and place.attempt == 1:
            turn.put(f"w/{place.interaction}", replace(place, state=WaitingState.WAITING))
            queue.rebuild()
            queue._announce(replace(place, state=WaitingState.WAITING), turn)

    handlers: dict[type[Message], Any] = {**Queue.handlers, Accept: grants}
    patch.setattr(Queue, "handlers", handlers)


def granted_to_two(patch: Patch) -> None:
    """The queue grants one interaction to everybody who accepts while it rings at several."""
    accept = Queue.handlers[Accept]

    def grants(queue: Queue, message: Accept, turn: Turn) -> None:
        if queue.place(message.interaction) is None:
            turn.send(message.agent, Granted(message.reservation))
        else:
            accept(queue, message, turn)
            turn.sent[:] = [one for one in turn.sent if not isinstance(one.message, Rescinded)]

    handlers: dict[type[Message], Any] = {**Queue.handlers, Accept: grants}
    patch.setattr(Queue, "handlers", handlers)


def asked_without_end(patch: Patch) -> None:
    """The queue asks more agents at once than it says."""
    patch.setattr(Place, "wants", property(lambda place: place.state in (WaitingState.WAITING, WaitingState.RESERVED)))


def message_ids_forgotten(patch: Patch) -> None:
    """The session does not remember the ids of messages."""
    rebuild, add = Conversation.rebuild, Conversation._add

    def rebuilt(session: Conversation) -> None:
        rebuild(session)
        session._ids.clear()

    def added(session: Conversation, *arguments: Any) -> None:
        add(session, *arguments)
        session._ids.clear()

    patch.setattr(Conversation, "rebuild", rebuilt)
    patch.setattr(Conversation, "_add", added)


def moves_unheard(patch: Patch) -> None:
    """The session does not hear that its queue moved the customer on."""
    handlers: dict[type[Message], Any] = {**Session.handlers, Overflow: lambda session, message, turn: None}
    patch.setattr(Session, "handlers", handlers)


def moved_in_circles(patch: Patch) -> None:
    """A queue moves customers on whom it moved on before."""
    patch.setattr(overflow, "may_act", lambda rule, now: True)


def moved_from_under_an_offer(patch: Patch) -> None:
    """A customer whose offer rings is moved on like any other, and the agent goes on ringing."""
    look = Queue._look

    def looked(queue: Queue, place: Place, turn: Turn) -> None:
        setting, ringing = queue.setting, queue.place(place.interaction)
        if setting is None or ringing is None or ringing.state is WaitingState.WAITING:
            return look(queue, place, turn)
        rules = setting.config.overflow
        situation = queue._situation(setting.config, turn, ringing, ringing.is_newcomer, ringing.moved_from)
        number = overflow.decision(rules, situation)
        if number is not None:
            moved = replace(ringing, state=WaitingState.WAITING)
            queue._leave(moved, turn)
            queue._send_on(number, rules[number], situation, moved, moved.customer.language, turn)

    patch.setattr(Queue, "_look", looked)


def handed_to_who_has_not_accepted(patch: Patch) -> None:
    """A customer whose agent is gone goes to the colleague who was asked, whether they have accepted or not."""
    gone = Session.handlers[AgentGone]

    def handed(session: Session, message: AgentGone, turn: Turn) -> None:
        state, consultation = session.state, session.consultation
        is_served = state is not None and state.serving is not None and state.serving.reservation == message.reservation
        if is_served and state is not None and consultation is not None and consultation.serving is None:
            asked = Serving(f"{consultation.interaction}#{consultation.leg}.1", "a1", "A1", Address("agent/a1"), "desk-1")
            turn.put(CONSULTATION, replace(consultation, serving=asked))
            return session.take_over(state, turn)
        gone(session, message, turn)

    handlers: dict[type[Message], Any] = {**Session.handlers, AgentGone: handed}
    patch.setattr(Session, "handlers", handlers)


def handed_over_and_kept(patch: Patch) -> None:
    """Whoever leaves a customer to a colleague is not told that they are done."""
    complete = Session.handlers[CompleteConsult]

    def completed(session: Session, message: CompleteConsult, turn: Turn) -> None:
        complete(session, message, turn)
        turn.sent[:] = [one for one in turn.sent if not isinstance(one.message, ServiceEnded)]

    handlers: dict[type[Message], Any] = {**Session.handlers, CompleteConsult: completed}
    patch.setattr(Session, "handlers", handlers)


def released_on_taking_over(patch: Patch) -> None:
    """The colleague who takes a customer over is released, as if the consult had only ended."""
    take_over = Consulting.take_over

    def taken(session: Consulting, state: Any, turn: Turn) -> None:
        colleague = session.colleague
        take_over(session, state, turn)
        if colleague is not None:
            turn.send(colleague.address, ServiceEnded(colleague.reservation, wraps_up=False))

    patch.setattr(Consulting, "take_over", taken)


def consults_outlive_customers(patch: Patch) -> None:
    """The customer goes, and colleagues are asked about them all the same."""
    patch.setattr(Consulting, "end_consult_of", lambda session, state, reason, turn: None)


def asides_shown_to_customers(patch: Patch) -> None:
    """What agents say to each other goes to the customer's link as well."""
    aside = Session.handlers[AgentAside]

    def shown(session: Session, message: AgentAside, turn: Turn) -> None:
        aside(session, message, turn)
        state = session.state
        if state is not None and turn.written:
            entry = session.asides[-1].entry
            turn.send(link_address(state.link), ShowEntries(state.conversation, (entry,)))

    handlers: dict[type[Message], Any] = {**Session.handlers, AgentAside: shown}
    patch.setattr(Session, "handlers", handlers)


# -- the shard --------------------------------------------------------------------------------------------------------


def repeats_taken(patch: Patch) -> None:
    """A shard takes a number that it took before."""
    patch.setattr(Marks, "repeated", lambda marks, stream, seq: False)


def refusals_forgotten(patch: Patch) -> None:
    """A repeated frame that was refused is called accepted."""
    patch.setattr(Marks, "answer", lambda marks, stream, seq: None)


def marks_not_stored(patch: Patch) -> None:
    """High-water marks live in memory only."""
    patch.setattr(Marks, "take_touched", lambda marks: {})


def acknowledged_before_commit(patch: Patch) -> None:
    """A shard settles what it took before it is on disk."""
    accept = Shard.accept

    def accepted(shard: Shard, group: InputGroup) -> None:
        accept(shard, group)
        group.settle(ShardReceipt(ShardStatus.SETTLED))
        group.settle = lambda receipt: None

    patch.setattr(Shard, "accept", accepted)


def released_before_commit(patch: Patch) -> None:
    """Messages leave while the commit is still on its way."""
    patiently = Host._patiently

    async def hastily(host: Host, call: Callable[[], Any]) -> Any:
        if isinstance(call, partial) and getattr(call.func, "__name__", "") == "commit":
            asyncio.get_running_loop().create_task(patiently(host, call))
            return [CommitOutcome.APPLIED] * len(call.args[0])
        return await patiently(host, call)

    patch.setattr(Host, "_patiently", hastily)


def timers_lost_on_takeover(patch: Patch) -> None:
    """A host that takes a shard over does not know of its timers."""
    begin = Timers.__init__
    patch.setattr(Timers, "__init__", lambda timers, stored: begin(timers, {}))


def timers_lost_now_and_then(patch: Patch) -> None:
    """Every third timer that comes due is dropped."""
    pop_due = Timers.pop_due
    count = iter(range(1 << 30))
    patch.setattr(Timers, "pop_due", lambda timers, now, limit: [due for due in pop_due(timers, now, limit) if next(count) % 3])


def timers_kept_after_firing(patch: Patch) -> None:
    """A timer that fired stays in the store, so the next host fires it again."""
    finish = Shard.finish

    def finished(shard: Shard) -> Commit | None:
        commit = finish(shard)
        if commit is not None:
            commit.timers = {key: due_at for key, due_at in commit.timers.items() if due_at is not None}
        return commit

    patch.setattr(Shard, "finish", finished)


def versions_skipped(patch: Patch) -> None:
    """An actor's version sometimes goes up by two."""
    write_of = Shard._write_of

    def written(shard: Shard, address: Any, records: Any, commit: Commit) -> Any:
        if commit.number % 10 == 0:
            shard._versions[address] = shard._versions.get(address, 0) + 1
        return write_of(shard, address, records, commit)

    patch.setattr(Shard, "_write_of", written)


def record_not_journalled(patch: Patch) -> None:
    """The store is told more than the journal."""
    write_of = Shard._write_of

    def written(shard: Shard, address: Any, records: Any, commit: Commit) -> Any:
        change = write_of(shard, address, records, commit)
        if commit.number % 10 == 0:
            for key in list(change.puts):
                if key.startswith("m/"):
                    del change.puts[key]
        return change

    patch.setattr(Shard, "_write_of", written)


def numbers_used_again(patch: Patch) -> None:
    """A shard numbers its messages from the start again after each takeover."""
    begin = Outbox.__init__

    def begun(outbox: Outbox, epoch: int, stored: dict[int, bytes]) -> None:
        begin(outbox, 0, stored)

    patch.setattr(Outbox, "__init__", begun)


# -- the host and what is between ---------------------------------------------------------------------------------------


def outbox_not_resent_on_takeover(patch: Patch) -> None:
    """A host that takes a shard over does not send what the last one left."""
    patch.setattr(Outlets, "resend_all", lambda outlets, shard: None)


def outbox_not_resent_on_failure(patch: Patch) -> None:
    """A call that failed is taken for delivered."""
    patch.setattr(Outlets, "_send_again", lambda outlets, taken: None)


def frames_not_resent(patch: Patch) -> None:
    """An edge forgets frames whose call failed."""
    patch.setattr(Dispatch, "_again", lambda dispatch, shard, host: None)


def failed_frames_called_settled(patch: Patch) -> None:
    """An edge tells the adapter that frames are settled although the call failed."""
    again = Dispatch._again

    def settled(dispatch: Dispatch, shard: Any, host: str) -> None:
        lane = dispatch._lanes.get(shard)
        if lane is not None and lane.host == host and lane.parcels:
            sent = list(lane.parcels)[: lane.sent]
            dispatch._settle(shard, host, sent, ShardReceipt(ShardStatus.SETTLED))
        else:
            again(dispatch, shard, host)

    patch.setattr(Dispatch, "_again", settled)


def superseded_shards_kept(patch: Patch) -> None:
    """A host goes on with shards that others were given."""
    patch.setattr(Host, "_let_go_of_superseded", lambda host: None)


# -- the store and the supervisor ---------------------------------------------------------------------------------------


def fence_removed(patch: Patch) -> None:
    """The store takes commits of any epoch, in any order."""

    def commit(store: MemoryStore, change: Commit) -> CommitOutcome:
        state = store._shards[change.shard]
        store._begin()
        store._apply(state, change)
        return CommitOutcome.APPLIED

    patch.setattr(MemoryStore, "_commit", commit)


def half_a_commit(patch: Patch) -> None:
    """The store sometimes applies a commit without its messages."""
    apply = MemoryStore._apply

    def applied(store: MemoryStore, state: Any, commit: Commit) -> None:
        if commit.number % 20 == 0:
            commit.outbox = None
        apply(store, state, commit)

    patch.setattr(MemoryStore, "_apply", applied)


def ended_actors_kept(patch: Patch) -> None:
    """The store does not delete an actor that ended."""
    apply = MemoryStore._apply

    def applied(store: MemoryStore, state: Any, commit: Commit) -> None:
        commit.actors = {
            address: ActorWrite(write.puts, write.drops) if write.ended else write for address, write in commit.actors.items()
        }
        apply(store, state, commit)

    patch.setattr(MemoryStore, "_apply", applied)


def epochs_used_again(patch: Patch) -> None:
    """The supervisor gives a shard away under the epoch that it had."""
    last = Supervisor._last_epoch
    patch.setattr(Supervisor, "_last_epoch", lambda supervisor, shard: max(0, last(supervisor, shard) - 1))


def replaced_supervisor_decides(patch: Patch) -> None:
    """A supervisor that was replaced goes on deciding, from what it knew."""

    async def never(board: Board, stored: ShardTable) -> None:
        return None

    patch.setattr(Board, "_resign", never)


def room_unclaimed(patch: Patch) -> None:
    """The router does not count what it has already proposed to an agent."""
    patch.setattr(Candidate, "has_room", lambda agent, channel, labels=(): agent.room.get(channel, 0) > 0)


Rule = Callable[[Patch], None]

#: What only a rare course of events shows; it takes many seeds.
RARE: tuple[Rule, ...] = (
    marks_not_stored,
    half_a_commit,
    ended_actors_kept,
    room_unclaimed,
    capacity_unchecked,
    moved_in_circles,
)

BROKEN: tuple[Rule, ...] = tuple(
    value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == __name__
)

"""The whole protocol: from arrival to completion, over reject, no answer, abandon, transfer and sign-out."""

from __future__ import annotations

from itertools import pairwise

import pytest

from actors.address import address
from actors.events import InteractionMoved, PresenceMoved, Proposed, ReservationMoved, WaitingMoved
from actors.messages.agent import AcceptOffer, DeskLost, SignIn
from actors.messages.link import DeskEntries, DeskOffer, DeskOfferEnded, DeskSignedOut, ShowEntries, ShowNotice
from actors.messages.queue import Accept
from actors.messages.router import ROUTER, ReadRouter, RouterView
from actors.values import EndReason, InteractionState, NoticeKind, PresenceState, ReservationState
from tests.unit.actors.scene import (
    BACK_OFF_MS,
    GRACE_MS,
    OFFER_MS,
    WEB,
    WRAP_UP_MS,
    Scene,
    agent,
    agent_at,
    interaction,
    needs,
    queue,
    session,
)

S = ReservationState


def outcomes(scene: Scene, name: str) -> list[ReservationState]:
    """How the agent's reservations went, in order."""
    return [moved.after for moved in scene.journal(ReservationMoved) if moved.agent == agent_at(name)]


def ends(scene: Scene, name: str) -> list[EndReason | None]:
    """The terminal facts of a conversation."""
    moves = [moved for moved in scene.journal(InteractionMoved) if moved.interaction == interaction(name)]
    for before, after in pairwise(moves):
        assert before.after is after.before, "each move starts where the one before ended"
    return [moved.reason for moved in moves if moved.after is InteractionState.ENDED]


def serving(*agents: str, chats: int = 1) -> Scene:
    """A scene in which the first agent serves the customer `cy`."""
    scene = Scene({name: agent(name, "sales", "support", chats=chats) for name in agents})
    scene.available(agents[0])
    scene.arrive("cy")
    scene.accept(agents[0], "cy")
    return scene


def test_happy_path() -> None:
    """A customer is offered, accepted, talked with, ended and wrapped up, and every side is told."""
    scene = Scene()
    scene.available("ann")
    assert scene.arrive("cy", subject="a lamp") is None, "an arrival is taken"
    assert scene.states("ann") == {"cy": S.PENDING}, "the offer rings at the available agent"
    offer = scene.seen("desk-ann", DeskOffer)[0]
    assert (offer.reservation.subject, offer.reservation.ends_at) == ("a lamp", scene.now + OFFER_MS), "with its deadline"
    assert scene.accept("ann", "cy") is None, "the agent may accept"
    assert scene.states("ann") == {"cy": S.ACCEPTED}, "and has it"
    assert scene.conversations("ann") == ["cy"], "and is shown the conversation"
    assert scene.says("cy", "hello") is None and scene.replies("ann", "cy", "hi") is None, "both may write"
    shown = [entry.content.text for command in scene.seen(WEB, ShowEntries) for entry in command.entries]
    desk = [entry.content.text for command in scene.seen("desk-ann", DeskEntries) for entry in command.entries]
    assert shown == desk == ["hello", "hi"], "both sides see every line once, their own too"
    assert scene.ends("ann", "cy") is None, "the agent may end it"
    assert scene.states("ann") == {"cy": S.WRAPPING}, "and wraps up"
    assert scene.completes("ann", "cy") is None and scene.states("ann") == {}, "and completes"
    assert scene.notices("cy") == [NoticeKind.QUEUED, NoticeKind.CONNECTED, NoticeKind.ENDED], "the customer knew it all"
    assert outcomes(scene, "ann") == [S.PENDING, S.ACCEPTED, S.WRAPPING, S.COMPLETED], "in the journal too"
    assert ends(scene, "cy") == [EndReason.AGENT], "with one end"
    counters = scene.counters()
    assert (counters.entered, counters.granted, counters.granted_in_target, counters.waiting) == (1, 1, 1, 0), "counted"


def test_waiting_customer_is_offered_when_an_agent_comes() -> None:
    """Whoever came first and waits is offered to the next agent who is free."""
    scene = Scene()
    scene.arrive("cy")
    scene.advance(5)
    scene.arrive("dee")
    assert [notice.ahead for notice in scene.seen(WEB, ShowNotice)] == [0, 1], "customers know how many are in front"
    scene.available("ann")
    assert scene.states("ann") == {"cy": S.PENDING}, "first come, first served"
    assert (scene.counters().waiting, scene.counters().offered) == (1, 1), "the other one waits"


def test_priority_goes_first() -> None:
    """A higher priority is served before an earlier arrival."""
    scene = Scene()
    scene.arrive("cy")
    scene.arrive("vip", priority=5)
    scene.available("ann")
    assert scene.states("ann") == {"vip": S.PENDING}, "priority goes before time"


def test_longest_idle_is_asked() -> None:
    """Of two free agents, the one who has been idle longer is asked."""
    scene = Scene()
    scene.available("bob")
    scene.advance(10)
    scene.available("ann")
    scene.arrive("cy")
    assert scene.states("bob") == {"cy": S.PENDING}, "bob has waited longer"


def test_skills_are_needed_at_their_level() -> None:
    """Only an agent with every skill at its level is asked (I6)."""
    scene = Scene({"ann": agent("ann", skills={"french": 3}), "bob": agent("bob", skills={"french": 7})})
    scene.available("ann", "bob")
    scene.arrive("cy", requirement=needs(french=5))
    assert (scene.states("ann"), scene.states("bob")) == ({}, {"cy": S.PENDING}), "3 is not enough for 5"
    scene.arrive("dee", requirement=needs(french=1, wine=1))
    assert scene.counters().waiting == 1, "nobody knows wine, so it waits"


def test_rejected_offer_goes_to_another_agent() -> None:
    """A reject gives the customer to somebody else, and back to the same agent only after the back-off."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    assert scene.reject("ann", "cy") is None, "an agent may reject"
    assert outcomes(scene, "ann") == [S.PENDING, S.REJECTED], "and is not asked again at once"
    assert scene.desk("ann").presence is PresenceState.AVAILABLE, "rejecting is no absence"
    scene.advance(BACK_OFF_MS - 1)
    assert scene.states("ann") == {}, "not before the back-off is over"
    scene.advance(1)
    assert scene.states("ann") == {"cy": S.PENDING}, "but then"
    scene.available("bob")
    scene.reject("ann", "cy")
    assert scene.states("bob") == {"cy": S.PENDING}, "another agent is asked at once"


def test_unanswered_offer_marks_the_agent() -> None:
    """An offer that rings out makes the agent not responding, and the customer goes to somebody else (RONA)."""
    scene = Scene()
    scene.available("ann")
    scene.advance(1)
    scene.available("bob")
    scene.arrive("cy")
    held = scene.has("ann", "cy").reservation
    scene.advance(OFFER_MS)
    assert outcomes(scene, "ann") == [S.PENDING, S.TIMED_OUT], "the offer ended by its deadline"
    assert scene.desk("ann").presence is PresenceState.NOT_RESPONDING, "ann does not respond"
    assert scene.states("bob") == {"cy": S.PENDING}, "bob is asked"
    refusal = scene.tell(agent_at("ann"), AcceptOffer(held))
    assert refusal is not None and refusal.code == "FAILED_PRECONDITION", "too late is refused"
    assert [one.outcome for one in scene.seen("desk-ann", DeskOfferEnded)] == [S.TIMED_OUT], "and ann's desk stopped ringing"


def test_accepting_in_time_stops_the_deadline() -> None:
    """An accepted offer never times out."""
    scene = serving("ann")
    scene.advance(OFFER_MS * 3)
    assert scene.states("ann") == {"cy": S.ACCEPTED}, "the deadline is gone"
    assert scene.desk("ann").presence is PresenceState.AVAILABLE, "and so is its threat"


def test_repeated_answers_have_no_second_effect() -> None:
    """Accepting, ending, leaving and arriving twice is acknowledged and changes nothing (I11)."""
    scene = Scene()
    scene.available("ann")
    assert scene.arrive("cy") is None and scene.arrive("cy") is None, "the same arrival twice"
    assert scene.accept("ann", "cy") is None and scene.accept("ann", "cy") is None, "the same accept twice"
    assert scene.ends("ann", "cy") is None
    before = len(scene.events)
    assert scene.ends("ann", "cy") is None and scene.leaves("cy") is None, "ended again, by either side"
    assert len(scene.events) == before, "nothing more happened"
    assert outcomes(scene, "ann") == [S.PENDING, S.ACCEPTED, S.WRAPPING], "once"
    assert ends(scene, "cy") == [EndReason.AGENT], "once"


def test_abandoned_while_waiting() -> None:
    """A customer who leaves the queue is abandoned and offered to nobody."""
    scene = Scene()
    scene.arrive("cy")
    assert scene.leaves("cy") is None
    scene.available("ann")
    assert (ends(scene, "cy"), scene.offers("ann")) == ([EndReason.ABANDONED], []), "gone is gone"
    assert scene.counters().withdrawn == 1, "and counted"


def test_abandoned_while_ringing() -> None:
    """A customer who leaves while it rings stops the ringing and frees the agent."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    scene.arrive("dee")
    scene.leaves("cy")
    assert outcomes(scene, "ann") == [S.PENDING, S.CANCELLED, S.PENDING], "the next customer rings"
    assert ends(scene, "cy") == [EndReason.ABANDONED]


def test_customer_ends_a_served_conversation() -> None:
    """A customer who leaves while being served ends it as customer, and the agent wraps up."""
    scene = serving("ann")
    scene.leaves("cy")
    assert (ends(scene, "cy"), scene.states("ann")) == ([EndReason.CUSTOMER], {"cy": S.WRAPPING}), "ended by the customer"


def test_wrap_up_ends_by_itself() -> None:
    """Wrap-up ends at its time with no disposition, and the agent is free again."""
    scene = serving("ann")
    scene.arrive("dee")
    scene.ends("ann", "cy")
    scene.advance(WRAP_UP_MS - 1)
    assert scene.offers("ann") == ["cy"], "who wraps up is not free"
    scene.advance(1)
    assert scene.states("ann") == {"dee": S.PENDING}, "the next one rings"
    completed = [moved for moved in scene.journal(ReservationMoved) if moved.after is S.COMPLETED]
    assert [moved.disposition for moved in completed] == [""], "nobody chose a disposition"


def test_no_wrap_up_completes_at_once() -> None:
    """A queue without wrap-up time frees the agent with the conversation's end."""
    scene = Scene(queues=(queue("sales", wrap_up_ms=0),))
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.leaves("cy")
    assert outcomes(scene, "ann") == [S.PENDING, S.ACCEPTED, S.COMPLETED], "no wrapping"


def test_wrap_up_needs_a_disposition() -> None:
    """Completing needs an ended conversation and a disposition."""
    scene = serving("ann")
    early = scene.completes("ann", "cy")
    assert early is not None and early.code == "FAILED_PRECONDITION", "not while the conversation runs"
    scene.ends("ann", "cy")
    empty = scene.completes("ann", "cy", disposition="")
    assert empty is not None and empty.code == "INVALID_ARGUMENT", "not without a disposition"


def test_capacity_by_channel_and_in_all() -> None:
    """No agent gets more than their capacity on a channel, nor in all (I3)."""
    many = agent("ann", capacity={"chat": 2, "mail": 2}, capacity_total=3)
    scene = Scene({"ann": many})
    scene.available("ann")
    for name in ("c1", "c2", "c3"):
        scene.arrive(name)
    for name in ("m1", "m2"):
        scene.arrive(name, channel="mail")
    assert sorted(scene.states("ann")) == ["c1", "c2", "m1"], "two chats, three in all"
    view = scene.ask(ROUTER, ReadRouter(), RouterView)
    assert (view.waiting, view.routable) == (2, 0), "the router knows it"


def test_transfer_to_a_queue() -> None:
    """A blind transfer frees the agent, keeps transcript and place in time, and rings in the other queue."""
    scene = serving("ann", "bob")
    scene.says("cy", "hello")
    scene.available("bob")
    assert scene.transfer("ann", "cy", "support") is None, "the serving agent may transfer"
    assert scene.transfer("ann", "cy", "support") is None, "the same transfer again changes nothing"
    assert (scene.states("ann"), scene.states("bob")) == ({"cy": S.WRAPPING}, {"cy": S.PENDING}), "one wraps up, one rings"
    scene.accept("bob", "cy")
    assert scene.conversations("bob") == ["cy"], "bob sees what was said before"
    legs = [moved.leg for moved in scene.journal(WaitingMoved) if moved.before is None]
    times = {moved.enqueued_at for moved in scene.journal(WaitingMoved)}
    assert (legs, len(times)) == ([1, 2], 1), "a second leg, and the time of the first"
    refusal = scene.replies("ann", "cy", "one more thing")
    assert refusal is not None and refusal.code == "PERMISSION_DENIED", "ann is out of it"
    assert NoticeKind.TRANSFERRED in scene.notices("cy"), "the customer was told"


def test_transfer_to_an_agent_with_fallback() -> None:
    """A transfer to an agent waits for them alone, until the fallback time lets anybody serve."""
    scene = serving("ann", "bob", "cat")
    scene.available("cat")
    assert scene.transfer("ann", "cy", "support", to_agent="bob") is None
    assert scene.states("cat") == {}, "cat is free but not meant"
    scene.advance(60_000)
    assert scene.states("cat") == {"cy": S.PENDING}, "after the fallback time cat may"


def test_transfer_to_a_present_agent() -> None:
    """A transfer to an agent who is free rings there, though another has been idle longer."""
    scene = serving("ann", "bob", "cat")
    scene.available("cat")
    scene.advance(10)
    scene.available("bob")
    scene.transfer("ann", "cy", "", to_agent="bob")
    assert (scene.states("bob"), scene.states("cat")) == ({"cy": S.PENDING}, {}), "through the present queue, to bob"


def test_transfer_to_no_queue_comes_back() -> None:
    """A transfer to a queue that does not exist returns to the queue it came from."""
    scene = serving("ann", "bob")
    scene.available("bob")
    assert scene.transfer("ann", "cy", "nowhere") is None
    assert scene.states("bob") == {"cy": S.PENDING}, "another agent of the old queue is asked"


def test_arrival_for_no_queue_ends() -> None:
    """An arrival for a queue that does not exist ends, and says why."""
    scene = Scene()
    scene.arrive("cy", to="nowhere")
    assert ends(scene, "cy") == [EndReason.NO_SUCH_QUEUE]


def test_closed_arrival_ends_at_once() -> None:
    """Outside opening hours a conversation begins and ends with a notice."""
    scene = Scene()
    scene.arrive("cy", open=False)
    assert (ends(scene, "cy"), scene.notices("cy")) == ([EndReason.CLOSED], [NoticeKind.CLOSED])


def test_sign_out_hands_everything_on() -> None:
    """Signing out gives back what rings and re-queues who is served, before newcomers."""
    scene = Scene({name: agent(name, chats=2) for name in ("ann", "bob")})
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.arrive("dee")
    scene.advance(10)
    assert scene.sign_out("ann") is None
    assert scene.desk("ann").presence is PresenceState.OFFLINE, "offline"
    assert outcomes(scene, "ann") == [S.PENDING, S.ACCEPTED, S.PENDING, S.COMPLETED, S.RESCINDED], "nothing is left open"
    scene.arrive("eve")
    scene.available("bob")
    assert scene.offers("bob") == ["cy", "dee"], "the served customer first, the newcomer last"
    assert scene.sign_out("ann") is None, "signing out twice is no error"


def test_lost_desk_has_a_grace_time() -> None:
    """A desk that comes back in time keeps everything; meanwhile nothing new rings there."""
    scene = serving("ann", chats=2)
    scene.tell(agent_at("ann"), DeskLost("desk-ann"))
    scene.arrive("dee")
    scene.advance(GRACE_MS - 1)
    assert scene.offers("ann") == ["cy"], "nothing rings at a lost desk"
    scene.tell(agent_at("ann"), SignIn("desk-ann"))
    assert scene.states("ann") == {"cy": S.ACCEPTED, "dee": S.PENDING}, "back in time: all there, and ready for more"
    assert scene.conversations("ann") == ["cy", "cy"], "the conversation is shown again"
    scene.advance(GRACE_MS)
    assert scene.desk("ann").presence is PresenceState.AVAILABLE, "the grace time is forgotten"


def test_desk_that_stays_lost() -> None:
    """After the grace time a lost desk's agent is offline, and the customer waits for another."""
    scene = serving("ann", "bob")
    scene.available("bob")
    scene.tell(agent_at("ann"), DeskLost("desk-other"))
    assert not [name for _, name in scene.timers if name == "desk"], "another desk's loss is not ours"
    scene.tell(agent_at("ann"), DeskLost("desk-ann"))
    scene.advance(GRACE_MS)
    assert scene.states("bob") == {"cy": S.PENDING}, "bob is asked"
    assert [moved.after for moved in scene.journal(PresenceMoved) if moved.agent == agent_at("ann")][-1] == "offline"


def test_newest_desk_wins() -> None:
    """Signing in elsewhere moves conversations there and signs the old desk out."""
    scene = serving("ann")
    scene.tell(agent_at("ann"), SignIn("desk-new"))
    assert [one.reason for one in scene.seen("desk-ann", DeskSignedOut)] == ["signed in at another desk"]
    scene.says("cy", "still there?")
    assert len(scene.seen("desk-new", DeskEntries)) == 1, "the customer is heard at the new desk"


def test_auto_accept() -> None:
    """An agent who accepts automatically is connected without ringing."""
    scene = Scene({"ann": agent("ann", auto_accept=True)})
    scene.available("ann")
    scene.arrive("cy")
    assert (scene.states("ann"), scene.offers("ann")) == ({"cy": S.ACCEPTED}, []), "no ringing"


def test_queue_takes_the_first_accept_only() -> None:
    """An accept under a reservation that the queue gave up is rescinded."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    held = scene.has("ann", "cy").reservation
    scene.tell(address("queue", "sales"), Accept(held + "9", interaction("cy"), agent_at("bob"), "Bob", "desk-bob"))
    assert scene.states("ann") == {"cy": S.PENDING}, "it still rings where it is held"
    granted = [moved for moved in scene.journal(WaitingMoved) if moved.after == "granted"]
    assert granted == [], "and nobody was granted"


@pytest.mark.parametrize("kind", ["queue/sales", "agent/ann", "router/main", "session/cy", "centre/main"])
@pytest.mark.parametrize("moment", ["waiting", "ringing", "talking", "wrapping"])
def test_any_actor_may_be_reloaded_at_any_moment(kind: str, moment: str) -> None:
    """Whatever actor is loaded again from its records, the story goes on."""
    scene = Scene()

    def reload_at(now: str) -> None:
        if now == moment:
            scene.reload(address(*kind.split("/")))

    scene.arrive("cy")
    reload_at("waiting")
    scene.available("ann")
    reload_at("ringing")
    scene.accept("ann", "cy")
    scene.says("cy", "hello")
    reload_at("talking")
    scene.says("cy", "hello")
    scene.replies("ann", "cy", "hi")
    scene.ends("ann", "cy")
    reload_at("wrapping")
    scene.completes("ann", "cy")
    scene.arrive("dee")
    assert outcomes(scene, "ann") == [S.PENDING, S.ACCEPTED, S.WRAPPING, S.COMPLETED, S.PENDING], "the same story"
    assert len(scene.seen(WEB, ShowEntries)) == 2, "and each line once"
    assert len(scene.journal(Proposed)) == 2, "and no needless proposal"


def test_retention_ends_the_session() -> None:
    """An ended conversation is forgotten after its retention time, and unknown afterwards."""
    scene = Scene()
    scene.arrive("cy", retention_ms=1000)
    scene.leaves("cy")
    scene.advance(999)
    assert scene.leaves("cy") is None, "still known"
    scene.advance(1)
    refusal = scene.says("cy", "hello?")
    assert refusal is not None and refusal.code == "NOT_FOUND", "forgotten"
    assert scene.actor(session("cy")).records == {}, "with all its records"

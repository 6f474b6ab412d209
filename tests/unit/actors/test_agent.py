"""What an agent does with presence, desks, configuration, and with messages in the unexpected order."""

from __future__ import annotations

import pytest

from actors.actor import Message, Refusal, Turn
from actors.address import Address, address
from actors.agent import Agent
from actors.events import AgentConfigured, PresenceMoved, ReservationMoved
from actors.messages.agent import (
    AcceptOffer,
    Cancelled,
    ConfigureAgent,
    Granted,
    RejectOffer,
    Rescinded,
    Reserve,
    ServiceEnded,
    SetPresence,
    SignIn,
    SignOut,
)
from actors.messages.link import DeskSignedOut
from actors.messages.queue import Accept, Released
from actors.messages.router import ROUTER, AgentStatus
from actors.messages.session import AgentGone, DeskMoved
from actors.values import Attendance, Customer, Form, PresenceState, ReservationState
from tests.unit.actors.scene import GRACE_MS, WRAP_UP_MS, Scene, agent, agent_at, queue, session

ANN = agent_at("ann")
SALES = address("queue", "sales")
S = ReservationState
P = PresenceState


def code(refusal: Refusal | None) -> str:
    return refusal.code if refusal is not None else ""


class Solo:
    """One agent alone: what it says, and to whom, is read and answered by hand."""

    def __init__(self, chats: int = 1, signs_in: bool = True) -> None:
        self.actor = Agent(ANN)
        self.events: list[ReservationMoved] = []
        self.hear(ConfigureAgent(1, agent("ann", chats=chats)))
        if signs_in:
            self.hear(SignIn("desk"), SetPresence(P.AVAILABLE))

    def hear(self, *said: Message) -> list[tuple[Address, Message]]:
        """What it sends after hearing these, apart from what its desk is shown."""
        sent: list[tuple[Address, Message]] = []
        for message in said:
            turn = Turn(1000, ANN, self.actor.records)
            self.actor.receive(message, turn)
            self.events += [event for event in turn.events if isinstance(event, ReservationMoved)]
            sent += [(one.to, one.message) for one in turn.sent if not one.to.startswith("gateway/")]
        return sent

    @property
    def moves(self) -> list[ReservationState]:
        """Every move of every reservation."""
        return [moved.after for moved in self.events]


def reserve(name: str, channel: str = "chat", wrap_up_ms: int = WRAP_UP_MS) -> Reserve:
    return Reserve(name, f"{name}/1", SALES, session(name), channel, Customer(name), "", 5, 20_000, wrap_up_ms)


def test_what_an_agent_leaves_ends_in_one_order() -> None:
    """Two reservations of the same instant end in the same order, whether the agent was loaded anew in between or not."""
    orders = []
    for reloads in (False, True):
        solo = Solo(chats=2)
        solo.hear(reserve("b"), reserve("a"))
        if reloads:
            solo.actor.rebuild()
        solo.hear(SignOut())
        orders.append([moved.reservation for moved in solo.events if moved.after is S.RESCINDED])
    assert orders == [["a", "b"], ["a", "b"]]


def decline(name: str) -> tuple[Address, Message]:
    return SALES, Released(name, f"{name}/1", ANN, S.RESCINDED)


def test_signing_in_is_away_first() -> None:
    """Signing in says that somebody is there, not that they want work."""
    scene = Scene()
    assert scene.tell(ANN, SignIn("desk-ann")) is None
    assert (scene.desk("ann").presence, scene.desk("ann").reason) == (P.AWAY, "signed in")
    scene.tell(ANN, SetPresence(P.AVAILABLE))
    scene.tell(ANN, SignIn("desk-ann"))
    assert scene.desk("ann").presence is P.AVAILABLE, "signing in again leaves presence alone"


def test_presence_moves_only_as_declared() -> None:
    """Undeclared moves are refused, the same again is acknowledged, a new reason to be away is a move."""
    scene = Scene()
    assert code(scene.tell(ANN, SetPresence(P.AVAILABLE))) == "FAILED_PRECONDITION", "sign in first"
    scene.available("ann")
    assert code(scene.tell(ANN, SetPresence(P.OFFLINE))) == "FAILED_PRECONDITION", "sign out for that"
    assert code(scene.tell(ANN, SetPresence(P.NOT_RESPONDING))) == "FAILED_PRECONDITION", "nobody chooses that"
    for reason in ("lunch", "lunch", "meeting"):
        assert scene.tell(ANN, SetPresence(P.AWAY, reason)) is None
    scene.tell(ANN, SetPresence(P.AVAILABLE))
    scene.tell(ANN, SetPresence(P.AVAILABLE, "again"))
    moves = [(moved.after, moved.reason) for moved in scene.journal(PresenceMoved)]
    assert moves == [
        (P.AWAY, "signed in"), (P.AVAILABLE, ""), (P.AWAY, "lunch"), (P.AWAY, "meeting"), (P.AVAILABLE, ""),
    ]  # fmt: skip


def test_going_away_keeps_what_rings() -> None:
    """An agent who goes away is asked nothing new, and may still take what rings."""
    scene = Scene({"ann": agent("ann", chats=2)})
    scene.available("ann")
    scene.arrive("cy")
    scene.tell(ANN, SetPresence(P.AWAY, "lunch"))
    scene.arrive("dee")
    assert scene.states("ann") == {"cy": S.PENDING}, "nothing new"
    assert scene.accept("ann", "cy") is None, "but what rang"


def test_an_unknown_agent_cannot_sign_in() -> None:
    """Only agents of the configuration sign in."""
    assert code(Scene().tell(agent_at("zoe"), SignIn("desk-zoe"))) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("solo", "wanted"),
    [
        (Solo(signs_in=False), reserve("r1")),
        (Solo(), reserve("r1", channel="voice")),
        (Solo(chats=0), reserve("r1")),
    ],
    ids=["offline", "no such channel", "no capacity"],
)
def test_declines_what_it_cannot_take(solo: Solo, wanted: Reserve) -> None:
    """Without presence, channel or room the reservation is given back, and the router is told in any case."""
    sent = solo.hear(wanted)
    assert sent[0] == decline("r1"), "given back"
    assert [to for to, _ in sent[1:]] == [ROUTER], "the router waits for word of each proposal"
    assert solo.moves == [], "a reservation that never was is no fact"


def test_two_reservations_race_for_one_place() -> None:
    """The second reservation for the last room is given back (I3)."""
    solo = Solo()
    told = AgentStatus(ANN, {}, 1, 1000, 0, 1000, Form(offers=1, offered_at=1000), attendance=Attendance.AVAILABLE)
    assert solo.hear(reserve("r1")) == [(ROUTER, told)]
    assert solo.hear(reserve("r2"))[0] == decline("r2")
    assert solo.hear(reserve("r1")) == [], "the first one again is no second one"


def test_session_heard_before_the_queue() -> None:
    """A service that ended before the grant was heard went through accepted, and the late grant changes nothing."""
    solo = Solo()
    solo.hear(reserve("r1"), AcceptOffer("r1"), ServiceEnded("r1"))
    assert solo.moves == [S.PENDING, S.ACCEPTED, S.WRAPPING], "every declared step"
    assert solo.hear(Granted("r1", "r1/1", session("r1"))) == [], "known already"


def test_grant_for_an_agent_who_left() -> None:
    """A grant that finds its agent gone hands the customer back to the session."""
    solo = Solo()
    accept = Accept("r1", "r1/1", ANN, "Ann", "desk")
    assert (SALES, accept) in solo.hear(reserve("r1"), AcceptOffer("r1"))
    assert (SALES, Released("r1", "r1/1", ANN, S.RESCINDED)) in solo.hear(SignOut())
    assert solo.hear(Granted("r1", "r1/1", session("r1"))) == [(session("r1"), AgentGone("r1/1", "ann", "r1"))]


@pytest.mark.parametrize(("lost", "outcome"), [(Rescinded("r1"), S.RESCINDED), (Cancelled("r1"), S.CANCELLED)])
def test_an_accept_that_came_too_late(lost: Message, outcome: ReservationState) -> None:
    """Whoever accepted and did not get it is free again, and word that comes after is no matter."""
    solo = Solo()
    solo.hear(reserve("r1"), AcceptOffer("r1"), lost)
    assert solo.moves == [S.PENDING, outcome]
    assert solo.hear(Rescinded("r1"), Cancelled("r1"), ServiceEnded("r1")) == [], "over is over"


def test_rejecting() -> None:
    """An accepted offer cannot be rejected, and a rejected one is rejected already."""
    solo = Solo(chats=2)
    solo.hear(reserve("r1"), reserve("r2"), AcceptOffer("r1"))
    turn = Turn(1000, ANN, solo.actor.records)
    solo.actor.receive(RejectOffer("r1"), turn)
    assert code(turn.refusal) == "FAILED_PRECONDITION"
    assert (SALES, Released("r2", "r2/1", ANN, S.REJECTED)) in solo.hear(RejectOffer("r2"))
    assert solo.hear(RejectOffer("r2")) == [], "gone already"


def test_a_new_desk_is_told_to_sessions() -> None:
    """Sessions that are served follow the agent to the new desk; offers are shown in its state."""
    solo = Solo(chats=2)
    solo.hear(reserve("r1"), AcceptOffer("r1"), Granted("r1"), reserve("r2"))
    assert solo.hear(SignIn("desk-2")) == [(session("r1"), DeskMoved("r1/1", "ann", "desk-2", "r1"))]


def test_not_responding_agent_comes_back_by_choice() -> None:
    """After an offer rang out, only the agent's own word brings more work."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    scene.advance(60_000)
    assert scene.desk("ann").presence is P.NOT_RESPONDING and scene.states("ann") == {}, "left alone"
    scene.available("ann")
    assert scene.states("ann") == {"cy": S.PENDING}, "asked again"


def test_less_capacity_leaves_what_there_is() -> None:
    """A smaller capacity counts for what comes next."""
    scene = Scene({"ann": agent("ann", chats=2)})
    scene.available("ann")
    scene.arrive("cy")
    scene.arrive("dee")
    scene.configure({"ann": agent("ann", chats=1)}, (queue("sales", wrap_up_ms=0),))
    assert scene.accept("ann", "cy") is None and scene.accept("ann", "dee") is None, "what rang may be taken"
    scene.arrive("eve")
    scene.advance(60_000)
    scene.leaves("cy")
    scene.advance(WRAP_UP_MS)
    assert scene.states("ann") == {"dee": S.ACCEPTED}, "and nothing new until there is room"


def test_retired_agent_finishes_and_leaves() -> None:
    """An agent taken out of the configuration finishes what is served, gives back what rings, and is signed out."""
    scene = Scene({"ann": agent("ann", chats=2), "bob": agent("bob")})
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.arrive("dee")
    scene.configure({"bob": agent("bob")}, (queue("sales"),))
    assert scene.states("ann") == {"cy": S.ACCEPTED}, "what rang was given back"
    assert scene.tell(ANN, SignIn("desk-ann")) is None, "the page may still be reloaded"
    scene.ends("ann", "cy")
    scene.completes("ann", "cy")
    assert scene.desk("ann").presence is P.OFFLINE, "done, so gone"
    assert len(scene.seen("desk-ann", DeskSignedOut)) == 1, "and told why"
    assert code(scene.tell(ANN, SignIn("desk-ann"))) == "NOT_FOUND", "for good"
    assert [one.capacity_total for one in scene.journal(AgentConfigured) if one.agent == ANN] == [2, 0]
    scene.configure({"ann": agent("ann"), "bob": agent("bob")}, (queue("sales"),))
    scene.available("ann")
    assert scene.states("ann") == {"dee": S.PENDING}, "unless put back"


def test_old_configuration_is_ignored() -> None:
    """Versions that are not newer change nothing."""
    solo = Solo()
    assert solo.hear(ConfigureAgent(1, agent("ann", chats=9)), ConfigureAgent(0, agent("ann", chats=9))) == []


def test_lost_desk_while_wrapping() -> None:
    """A desk lost for good completes what was being wrapped up."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    scene.leaves("cy")
    scene.sign_out("ann")
    scene.advance(GRACE_MS + WRAP_UP_MS)
    moves = [moved.after for moved in scene.journal(ReservationMoved)]
    assert moves == [S.PENDING, S.ACCEPTED, S.WRAPPING, S.COMPLETED], "once"
